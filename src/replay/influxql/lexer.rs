//! The words and signs of InfluxQL.

use super::NotUnderstood;
use crate::protocol::duration;

/// A word or sign, with where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name without quotes, or a keyword.
    Word(String),
    /// A name in double quotes.
    Name(String),
    /// A text in single quotes.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Number(f64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A regular expression.
    Regex(String),
    /// `(`, `=~`, `<=` …
    Sign(&'static str),
}

/// The signs, longest first.
const SIGNS: [&str; 21] = [
    "=~", "!~", "!=", "<>", "<=", ">=", "::", "(", ")", ",", ".", "=", "<", ">", "+", "-", "*",
    "/", "%", "&", "|",
];

/// Cuts a query into tokens.
///
/// # Errors
/// What cannot be a token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, NotUnderstood> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, length) = match first {
            '"' => quoted(rest, '"').map(|(text, n)| (Token::Name(text), n)),
            '\'' => quoted(rest, '\'').map(|(text, n)| (Token::Text(text), n)),
            '/' if after_match(&tokens) => {
                quoted(rest, '/').map(|(text, n)| (Token::Regex(text), n))
            }
            '0'..='9' => number(rest),
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                let word = &rest[..end.unwrap_or(rest.len())];
                Some((Token::Word(word.into()), word.len()))
            }
            _ => SIGNS
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .map(|sign| (Token::Sign(sign), sign.len())),
        }
        .ok_or_else(|| {
            format!("{:?} is not understood", rest.chars().take(20).collect::<String>())
        })?;
        tokens.push(token);
        rest = &rest[length..];
    }
}

/// Whether a slash begins a regular expression here.
fn after_match(tokens: &[Token]) -> bool {
    match tokens.last() {
        Some(Token::Sign(sign)) => matches!(*sign, "=~" | "!~" | "."),
        Some(Token::Word(word)) => word.eq_ignore_ascii_case("from"),
        _ => false,
    }
}

/// The text in quotes, and its length with them.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, escaped) = chars.next()?;
                match escaped {
                    'n' if quote != '/' => content.push('\n'),
                    c if c == quote || (c == '\\' && quote != '/') => content.push(c),
                    c => content.extend(['\\', c]),
                }
            }
            c if c == quote => return Some((content, at + c.len_utf8())),
            c => content.push(c),
        }
    }
    None
}

/// A number, or a duration.
fn number(text: &str) -> Option<(Token, usize)> {
    let end = |pattern: fn(char) -> bool| text.find(|c| !pattern(c)).unwrap_or(text.len());
    let word = &text[..end(|c| c.is_alphanumeric() || c == 'µ')];
    if word.chars().any(char::is_alphabetic) && !word.contains(['e', 'E']) {
        return Some((Token::Duration(duration::parse_influxql(word)?), word.len()));
    }
    let digits = &text[..end(|c| c.is_ascii_digit() || c == '.')];
    let token = match digits.parse::<i64>() {
        Ok(whole) => Token::Int(whole),
        Err(_) => Token::Number(digits.parse().ok()?),
    };
    Some((token, digits.len()))
}
