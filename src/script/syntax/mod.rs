//! The tokens of a script, also of one that is broken or half typed: what the formatter and the language server work
//! on.
//!
//! It is not a parser: the parser of the interpreter decides whether a script is valid. Every byte of the text is in
//! a token or between two of them, and no text makes it fail.

mod cursor;
#[cfg(test)]
mod tests;

use cursor::Cursor;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A string, or a part of one that has expressions inside.
    Text,
    /// A character in quotes.
    Char,
    /// A comment.
    Comment,
    /// A bracket, an operator, a separator.
    Symbol,
}

/// A piece of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Whether the token before it belongs to an interpolated string, so that this token is inside of the string.
    pub glued: bool,
    /// Whether its end is missing.
    pub unfinished: bool,
}

impl Token<'_> {
    /// Where it ends, in bytes.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this symbol or word.
    pub fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Symbol | Kind::Word)
    }

    /// Whether it is a word of the language that is no value.
    pub fn is_keyword(&self) -> bool {
        self.kind == Kind::Word && KEYWORDS.contains(&self.text)
    }

    /// Whether it is a name.
    pub fn is_name(&self) -> bool {
        self.kind == Kind::Word && !self.is_keyword() && !VALUES.contains(&self.text)
    }

    /// Whether it opens a bracket.
    pub fn opens(&self) -> bool {
        self.kind == Kind::Symbol && matches!(self.text, "(" | "[" | "?[" | "{" | "#{")
    }

    /// Whether it closes a bracket.
    pub fn closes(&self) -> bool {
        self.kind == Kind::Symbol && matches!(self.text, ")" | "]" | "}")
    }
}

/// Words that stand for no value.
pub const KEYWORDS: &[&str] = &[
    "let", "const", "if", "else", "switch", "while", "loop", "do", "until", "for", "in", "fn",
    "private", "return", "throw", "try", "catch", "break", "continue", "import", "export", "as",
];

/// Words that stand for a value and are no names.
pub const VALUES: &[&str] = &["true", "false", "this", "global"];

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut cursor = Cursor::new(text);
    let mut tokens = Vec::new();
    // For each string that is open around here, the braces that are open in its expression.
    let mut strings: Vec<usize> = Vec::new();
    loop {
        let glued = !strings.is_empty();
        cursor.skip_space();
        let start = cursor.at();
        let Some(first) = cursor.peek() else { return tokens };
        let mut unfinished = false;
        let kind = match first {
            '`' => {
                cursor.next();
                unfinished = template(&mut cursor, &mut strings);
                Kind::Text
            }
            '}' if strings.last() == Some(&0) => {
                cursor.next();
                strings.pop();
                unfinished = template(&mut cursor, &mut strings);
                Kind::Text
            }
            '"' => {
                unfinished = cursor.quoted('"');
                Kind::Text
            }
            '\'' => {
                unfinished = cursor.quoted('\'');
                Kind::Char
            }
            '#' if cursor.is_raw_string() => {
                unfinished = cursor.raw_string();
                Kind::Text
            }
            '/' if cursor.starts_with("//") => {
                cursor.skip_line();
                Kind::Comment
            }
            '/' if cursor.starts_with("/*") => {
                unfinished = cursor.block_comment();
                Kind::Comment
            }
            c if c.is_ascii_digit() => {
                cursor.number();
                Kind::Number
            }
            c if c.is_alphanumeric() || c == '_' => {
                cursor.word();
                Kind::Word
            }
            _ => {
                cursor.symbol();
                Kind::Symbol
            }
        };
        let text = cursor.since(start);
        if let (Kind::Symbol, Some(braces)) = (kind, strings.last_mut()) {
            match text {
                "{" | "#{" => *braces += 1,
                "}" => *braces = braces.saturating_sub(1),
                _ => {}
            }
        }
        tokens.push(Token { kind, text, start, glued, unfinished });
    }
}

/// Reads a part of an interpolated string, up to its end or the next expression; true if the end is missing.
fn template(cursor: &mut Cursor<'_>, strings: &mut Vec<usize>) -> bool {
    loop {
        if cursor.starts_with("${") {
            cursor.next();
            cursor.next();
            strings.push(0);
            return false;
        }
        match cursor.next() {
            // Two of them stand for one.
            Some('`') if cursor.peek() == Some('`') => drop(cursor.next()),
            Some('`') => return false,
            Some(_) => {}
            None => return true,
        }
    }
}
