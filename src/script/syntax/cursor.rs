//! A place in a text that moves forward.

/// Symbols of several characters, the longest first.
const SYMBOLS: &[&str] = &[
    "**=", "<<=", ">>=", "..=", "...", "===", "!==", "==", "!=", "<=", ">=", "=>", "->", "<-",
    "<|", "|>", "&&", "||", "??", "?.", "?[", "::", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "**", "<<", ">>", "..", ":=", "++", "--", "#{",
];

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_while(&mut self, is_wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_wanted) {
            self.next();
        }
    }

    pub(super) fn skip_space(&mut self) {
        // Some editors begin a file with a byte order mark.
        self.skip_while(|c| c.is_whitespace() || c == '\u{feff}');
    }

    pub(super) fn skip_line(&mut self) {
        self.skip_while(|c| c != '\n');
        while self.since(0).ends_with(['\r']) {
            self.at -= 1;
        }
    }

    pub(super) fn word(&mut self) {
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
    }

    /// Reads a string or a character in quotes; true if its end is missing on its line.
    pub(super) fn quoted(&mut self, quote: char) -> bool {
        self.next();
        loop {
            match self.peek() {
                None | Some('\n') => return true,
                Some('\\') => {
                    self.next();
                    // A backslash at the end of a line goes on in the next.
                    if self.starts_with("\r\n") {
                        self.next();
                    }
                    self.next();
                }
                Some(c) => {
                    self.next();
                    if c == quote {
                        // Two of them stand for one.
                        if quote == '"' && self.peek() == Some('"') {
                            self.next();
                            continue;
                        }
                        return false;
                    }
                }
            }
        }
    }

    /// Whether `#"` or `##"` and so on stands here.
    pub(super) fn is_raw_string(&self) -> bool {
        self.rest().trim_start_matches('#').starts_with('"')
    }

    pub(super) fn raw_string(&mut self) -> bool {
        let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
        self.at += hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        match self.rest().find(&end) {
            Some(found) => {
                self.at += found + end.len();
                false
            }
            None => {
                self.at = self.text.len();
                true
            }
        }
    }

    /// Reads a comment between `/*` and `*/`, which may hold others.
    pub(super) fn block_comment(&mut self) -> bool {
        let mut depth = 0_usize;
        loop {
            if self.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return false;
                }
            } else if self.next().is_none() {
                return true;
            }
        }
    }

    pub(super) fn number(&mut self) {
        let rest = self.rest().as_bytes();
        let based = matches!(rest, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
        if based {
            self.at += 2;
            return self.skip_while(|c| c.is_ascii_hexdigit() || c == '_');
        }
        self.skip_while(|c| c.is_ascii_digit() || c == '_');
        let mut after = self.rest().chars();
        if after.next() == Some('.') {
            let next = after.next();
            // `0..n` is a range and `1.max(x)` a call.
            if !next.is_some_and(|c| c == '.' || c == '_' || c.is_alphabetic()) {
                self.next();
                self.skip_while(|c| c.is_ascii_digit() || c == '_');
            }
        }
        let mut after = self.rest().chars();
        if matches!(after.next(), Some('e' | 'E')) {
            let next = after.next();
            let digit = match next {
                Some('+' | '-') => after.next(),
                other => other,
            };
            if digit.is_some_and(|c| c.is_ascii_digit()) {
                self.at += if matches!(next, Some('+' | '-')) { 2 } else { 1 };
                self.skip_while(|c| c.is_ascii_digit() || c == '_');
            }
        }
    }

    pub(super) fn symbol(&mut self) {
        // An operator that ends like a word.
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if self.rest().strip_prefix("!in").is_some_and(|rest| !rest.starts_with(word)) {
            self.at += "!in".len();
            return;
        }
        match SYMBOLS.iter().find(|symbol| self.starts_with(symbol)) {
            Some(symbol) => self.at += symbol.len(),
            None => drop(self.next()),
        }
    }
}
