//! TICKscript's tokens.
//!
//! What a character means depends on the token before it, as in the daemon's lexer
//! (`tick/ast/lex.go`): after an operand `*` multiplies and `/` divides, elsewhere `*` is the
//! wildcard and `/` opens a regular expression.

use crate::tick::error::{Result, TickText};

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TokenKind {
    Eof,
    Var,
    Dbrp,
    Assign,
    Dot,
    Pipe,
    At,
    Ident,
    Reference,
    Lambda,
    Number,
    String,
    Duration,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    Comma,
    True,
    False,
    Regex,
    Star,
    Not,
    Operator(Operator),
}

/// An operator of two operands; `Minus` is also that of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Matches,
    MatchesNot,
}

impl Operator {
    /// Returns how tightly it binds, from 0 (`OR`) to 5 (`*`).
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Equal | Self::NotEqual | Self::Matches | Self::MatchesNot => 2,
            Self::Less | Self::Greater | Self::LessEqual | Self::GreaterEqual => 3,
            Self::Plus | Self::Minus => 4,
            Self::Multiply | Self::Divide | Self::Modulo => 5,
        }
    }

    /// Tells whether the result is a number or a string, not a truth value.
    pub fn is_math(self) -> bool {
        self.precedence() >= 4
    }

    /// Tells whether it compares which of two is larger.
    pub fn is_order(self) -> bool {
        self.precedence() == 3
    }

    /// Returns how a script writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessEqual => "<=",
            Self::GreaterEqual => ">=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

impl TokenKind {
    /// Returns what an error calls it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Eof => "the end of the script",
            Self::Var => "'var'",
            Self::Dbrp => "'dbrp'",
            Self::Assign => "'='",
            Self::Dot => "'.'",
            Self::Pipe => "'|'",
            Self::At => "'@'",
            Self::Ident => "an identifier",
            Self::Reference => "a \"reference\"",
            Self::Lambda => "'lambda:'",
            Self::Number => "a number",
            Self::String => "a 'string'",
            Self::Duration => "a duration",
            Self::LeftParen => "'('",
            Self::RightParen => "')'",
            Self::LeftBracket => "'['",
            Self::RightBracket => "']'",
            Self::Comma => "','",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Regex => "a /regex/",
            Self::Star => "'*'",
            Self::Not => "'!'",
            Self::Operator(operator) => operator.text(),
        }
    }
}

/// A token: its kind, its text and the text's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// The kind.
    pub kind: TokenKind,
    /// The text as written, quotes included.
    pub text: &'a str,
    /// The offset in bytes.
    pub at: usize,
}

/// Splits a script into tokens; the last one is [`TokenKind::Eof`].
pub fn lex<'a>(source: &TickText<'a>) -> Result<Vec<Token<'a>>> {
    let mut lexer = Lexer { source, text: source.text, at: 0, tokens: Vec::new(), operand: false };
    while lexer.step()? {}
    Ok(lexer.tokens)
}

struct Lexer<'a, 's> {
    source: &'s TickText<'a>,
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    /// Whether an operator of two operands may follow.
    operand: bool,
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn emit(&mut self, kind: TokenKind, length: usize, operand: bool) {
        let text = &self.text[self.at..self.at + length];
        self.tokens.push(Token { kind, text, at: self.at });
        self.at += length;
        self.operand = operand;
    }

    fn step(&mut self) -> Result<bool> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let rest = self.rest();
        let Some(c) = self.peek() else {
            self.emit(TokenKind::Eof, 0, false);
            return Ok(false);
        };
        if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return Ok(true);
        }
        if std::mem::take(&mut self.operand) && self.operator(rest) {
            return Ok(true);
        }
        match c {
            '-' => self.emit(TokenKind::Operator(Operator::Minus), 1, false),
            '!' => self.emit(TokenKind::Not, 1, false),
            '(' => self.emit(TokenKind::LeftParen, 1, false),
            ')' => self.emit(TokenKind::RightParen, 1, true),
            '[' => self.emit(TokenKind::LeftBracket, 1, false),
            ']' => self.emit(TokenKind::RightBracket, 1, false),
            '|' => self.emit(TokenKind::Pipe, 1, false),
            '@' => self.emit(TokenKind::At, 1, false),
            ',' => self.emit(TokenKind::Comma, 1, false),
            '*' => self.emit(TokenKind::Star, 1, true),
            '=' => self.emit(TokenKind::Assign, 1, false),
            '"' => self.quoted('"', TokenKind::Reference, "\"reference\"")?,
            '/' => self.quoted('/', TokenKind::Regex, "/regex/")?,
            '\'' => self.string()?,
            '.' | '0'..='9' => self.number()?,
            _ if c.is_alphabetic() => self.word(),
            _ => return Err(self.source.error(self.at, format!("{c:?} has no meaning here"))),
        }
        Ok(true)
    }

    fn operator(&mut self, rest: &str) -> bool {
        use Operator::*;
        const OPERATORS: [(&str, Operator); 13] = [
            ("!=", NotEqual),
            ("!~", MatchesNot),
            ("==", Equal),
            ("=~", Matches),
            (">=", GreaterEqual),
            ("<=", LessEqual),
            (">", Greater),
            ("<", Less),
            ("+", Plus),
            ("-", Minus),
            ("*", Multiply),
            ("/", Divide),
            ("%", Modulo),
        ];
        if let Some((text, operator)) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text)) {
            self.emit(TokenKind::Operator(*operator), text.len(), false);
            return true;
        }
        if rest.starts_with('=') {
            self.emit(TokenKind::Assign, 1, false);
            return true;
        }
        false
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_alphabetic() || c.is_numeric() || c == '_'))
            .unwrap_or(rest.len());
        let kind = match &rest[..length] {
            "AND" => TokenKind::Operator(Operator::And),
            "OR" => TokenKind::Operator(Operator::Or),
            "TRUE" => TokenKind::True,
            "FALSE" => TokenKind::False,
            "var" => TokenKind::Var,
            "dbrp" => TokenKind::Dbrp,
            "lambda" if rest[length..].starts_with(':') => {
                self.emit(TokenKind::Lambda, length + 1, false);
                return;
            }
            _ => TokenKind::Ident,
        };
        let operand = matches!(kind, TokenKind::Ident | TokenKind::True | TokenKind::False);
        self.emit(kind, length, operand);
    }

    fn number(&mut self) -> Result<()> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if bytes[0] == b'.' && !bytes.get(1).is_some_and(u8::is_ascii_digit) {
            self.emit(TokenKind::Dot, 1, false);
            return Ok(());
        }
        let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let dots = rest[..length].matches('.').count();
        if dots > 1 {
            return Err(self.source.error(self.at, "a number has one decimal point at most"));
        }
        let unit = ["ms", "u", "µ", "s", "m", "h", "d", "w"]
            .into_iter()
            .find(|unit| dots == 0 && rest[length..].starts_with(unit));
        match unit {
            Some(unit) => self.emit(TokenKind::Duration, length + unit.len(), true),
            None => self.emit(TokenKind::Number, length, true),
        }
        if self.peek().is_some_and(|c| c.is_alphanumeric()) {
            let hint =
                "a duration is one number and one unit of u, ms, s, m, h, d, w (90m, not 1h30m)";
            return Err(self
                .source
                .error(self.at, format!("a number runs into what follows it; {hint}")));
        }
        Ok(())
    }

    /// Takes the text between two `quote`s; a backslash escapes a quote in it.
    fn quoted(&mut self, quote: char, kind: TokenKind, what: &str) -> Result<()> {
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            if c == '\\' {
                chars.next_if(|&(_, next)| next == quote);
            } else if c == quote {
                self.emit(kind, i + 1, true);
                return Ok(());
            }
        }
        Err(self.source.error(self.at, format!("this {what} is never closed; expected {quote}")))
    }

    fn string(&mut self) -> Result<()> {
        let rest = self.rest();
        if !rest.starts_with("'''") {
            return self.quoted('\'', TokenKind::String, "'string'");
        }
        // A quote that ends the text of a triple-quoted string belongs to the text's end marker.
        match rest[3..].find("'''") {
            Some(i) => self.emit(TokenKind::String, i + 6, true),
            None => {
                return Err(self
                    .source
                    .error(self.at, "this '''string''' is never closed; expected '''"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Operator as Op, TickText, TokenKind, TokenKind::*, lex};

    fn kinds(text: &str) -> Vec<TokenKind> {
        let mut tokens = lex(&TickText { name: "t", text }).expect(text);
        assert_eq!(tokens.pop().map(|t| t.kind), Some(Eof));
        tokens.into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn tokens_depend_on_what_stands_before_them() {
        let cases: &[(&str, &[TokenKind])] = &[
            ("var x = 5m", &[Var, Ident, Assign, Duration]),
            ("x.y|z(*)", &[Ident, Dot, Ident, Pipe, Ident, LeftParen, Star, RightParen]),
            ("a * b", &[Ident, Operator(Op::Multiply), Ident]),
            ("a =~ /x\\/y/", &[Ident, Operator(Op::Matches), Regex]),
            ("4 / 2 // half", &[Number, Operator(Op::Divide), Number]),
            ("lambda: !TRUE", &[Lambda, Not, True]),
            ("lambda == 1", &[Ident, Operator(Op::Equal), Number]),
            ("dbrp \"a\".\"b\"", &[Dbrp, Reference, Dot, Reference]),
            ("'it\\'s' '' '''don't'''", &[String, String, String]),
            ("10ms 10u 10µ 1w 1.5 .5", &[Duration, Duration, Duration, Duration, Number, Number]),
            ("['a', *]", &[LeftBracket, String, Comma, Star, RightBracket]),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), *expected, "{text}");
        }
    }

    #[test]
    fn errors_show_the_place() {
        for (text, expected) in [
            (
                "var a = 'x",
                "t:1:9: this 'string' is never closed; expected '\n1 | var a = 'x\n  |         ^",
            ),
            ("\n  #", "t:2:3: '#' has no meaning here\n2 |   #\n  |   ^"),
        ] {
            let error = lex(&TickText { name: "t", text }).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
        assert!(lex(&TickText { name: "t", text: "1h30m" }).is_err());
        assert!(lex(&TickText { name: "t", text: "1.2.3" }).is_err());
    }
}
