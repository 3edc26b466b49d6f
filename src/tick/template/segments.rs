//! A template cut into its texts and the tokens of its actions.

use super::value::Data;
use super::{Templated, refuse};

/// A part of a template.
pub(super) enum Segment {
    Text(String),
    Action(Vec<TemplateToken>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TemplateToken {
    Literal(Data),
    Word(String),
    Field(Vec<String>),
    Dot,
    Variable(String, Vec<String>),
    Open,
    Close(Vec<String>),
    Pipe,
    Comma,
    Declare,
    Assign,
}

/// Splits a template into its texts and the tokens of its actions.
pub(super) fn split(text: &str) -> Templated<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    while let Some(open) = rest.find("{{") {
        let mut before = &rest[..open];
        let inside = &rest[open + 2..];
        if std::mem::take(&mut trim_next) {
            before = before.trim_start();
        }
        let trims = inside.starts_with('-') && inside[1..].starts_with(char::is_whitespace);
        let inside = if trims { &inside[1..] } else { inside };
        segments.push(Segment::Text(if trims { before.trim_end() } else { before }.to_owned()));
        let body = inside.trim_start();
        if body.starts_with("/*") {
            let close = body.find("*/").ok_or("a comment is never closed")?;
            let after = body[close + 2..].trim_start();
            let (after, trim) = match after.strip_prefix('-') {
                Some(after) => (after, true),
                None => (after, false),
            };
            trim_next = trim;
            rest = after.strip_prefix("}}").ok_or("a comment does not end at }}")?;
            continue;
        }
        let (tokens, after, trim) = tokens(inside)?;
        segments.push(Segment::Action(tokens));
        trim_next = trim;
        rest = after;
    }
    segments.push(Segment::Text(if trim_next { rest.trim_start() } else { rest }.to_owned()));
    Ok(segments)
}

/// Splits one action into tokens, up to and with its `}}`.
fn tokens(text: &str) -> Templated<(Vec<TemplateToken>, &str, bool)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let spaced = trimmed.len() < rest.len();
        rest = trimmed;
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((tokens, after, false));
        }
        if spaced && let Some(after) = rest.strip_prefix("-}}") {
            return Ok((tokens, after, true));
        }
        let Some(c) = rest.chars().next() else {
            return refuse("an action is never closed by }}".to_owned());
        };
        let simple = |token: TemplateToken, length: usize| (token, &rest[length..]);
        let (token, after) = match c {
            '(' => simple(TemplateToken::Open, 1),
            ')' => {
                let (names, after) = fields(&rest[1..])?;
                (TemplateToken::Close(names), after)
            }
            '|' => simple(TemplateToken::Pipe, 1),
            ',' => simple(TemplateToken::Comma, 1),
            '=' => simple(TemplateToken::Assign, 1),
            ':' if rest.starts_with(":=") => simple(TemplateToken::Declare, 2),
            '"' => quoted(rest)?,
            '`' => {
                let close = rest[1..].find('`').ok_or("a `string` is never closed")?;
                (TemplateToken::Literal(Data::String(rest[1..=close].into())), &rest[close + 2..])
            }
            '\'' => character(rest)?,
            '.' => match fields(rest)? {
                (names, after) if names.is_empty() => (TemplateToken::Dot, &after[1..]),
                (names, after) => (TemplateToken::Field(names), after),
            },
            '$' => {
                let (name, after) = word(&rest[1..]);
                let (names, after) = fields(after)?;
                (TemplateToken::Variable(name.to_owned(), names), after)
            }
            '0'..='9' | '+' | '-' => number(rest)?,
            _ if c.is_alphabetic() || c == '_' => {
                let (name, after) = word(rest);
                (TemplateToken::Word(name.to_owned()), after)
            }
            _ => return refuse(format!("{c:?} has no meaning in an action")),
        };
        tokens.push(token);
        rest = after;
    }
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len()))
}

/// Reads `.A.B` as far as it goes.
fn fields(mut text: &str) -> Templated<(Vec<String>, &str)> {
    let mut names = Vec::new();
    while let Some(after) = text.strip_prefix('.') {
        let (name, after) = word(after);
        if name.is_empty() {
            break;
        }
        names.push(name.to_owned());
        text = after;
    }
    Ok((names, text))
}

fn quoted(text: &str) -> Templated<(TemplateToken, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((TemplateToken::Literal(Data::String(value.into())), &text[i + 1..])),
            '\n' => break,
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => value.push(c),
                _ => {
                    return refuse(
                        "only \\n, \\t, \\r, \\\" and \\\\ are known in a \"string\"".to_owned(),
                    );
                }
            },
            c => value.push(c),
        }
    }
    refuse("a \"string\" is never closed".to_owned())
}

fn character(text: &str) -> Templated<(TemplateToken, &str)> {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some(c), Some('\'')) => {
            Ok((TemplateToken::Literal(Data::Int(i64::from(c as u32))), &text[c.len_utf8() + 2..]))
        }
        _ => refuse("a string stands in double quotes, not in single ones".to_owned()),
    }
}

fn number(text: &str) -> Templated<(TemplateToken, &str)> {
    let sign = usize::from(text.starts_with(['+', '-']));
    let length = text[sign..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .map_or(text.len(), |i| i + sign);
    let (digits, after) = text.split_at(length);
    let value = match digits.trim_start_matches('+').parse() {
        Ok(int) => Data::Int(int),
        Err(_) => Data::Float(digits.parse().map_err(|_| format!("{digits} is not a number"))?),
    };
    Ok((TemplateToken::Literal(value), after))
}
