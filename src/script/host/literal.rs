//! Reads the map that `fn info()` shows in a script's text, without running or even compiling it: the declaration for
//! the daemon of a script that is broken in that very function.
//!
//! Only literals are understood; other expressions are skipped.

use crate::agent::Info;
use crate::protocol::message::{EdgeType, ValueType};
use crate::script::declaration::type_of_name;

/// A value that is written out.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    List(Vec<Literal>),
    Map(Vec<(String, Literal)>),
    /// Anything else.
    Other,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// The declaration in the text of `fn info()`, as far as it can be read: both edges must be there.
pub(super) fn info(function: &str) -> Option<Info> {
    let tokens = tokens(function);
    let start = tokens.windows(2).position(|pair| pair == [Token::Sign('#'), Token::Sign('{')])?;
    let mut at = start;
    let Literal::Map(map) = value(&tokens, &mut at) else { return None };
    let edge = |key| match find(&map, key)? {
        Literal::Text(name) if name == "batch" => Some(EdgeType::Batch),
        Literal::Text(name) if name == "stream" => Some(EdgeType::Stream),
        _ => None,
    };
    let mut info = Info::new(edge("wants")?, edge("provides")?);
    if let Some(Literal::Map(options)) = find(&map, "options") {
        let typed = |(name, spec): &(String, Literal)| Some((name.clone(), types(spec)?));
        info.options = options.iter().filter_map(typed).collect();
    }
    Some(info)
}

fn find<'m>(map: &'m [(String, Literal)], key: &str) -> Option<&'m Literal> {
    map.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The types of an option's arguments.
fn types(spec: &Literal) -> Option<Vec<ValueType>> {
    match spec {
        Literal::Text(name) => Some(vec![type_of_name(name)?]),
        Literal::List(names) => names.iter().map(|name| types(name)?.first().copied()).collect(),
        Literal::Map(spec) => types(find(spec, "type")?),
        Literal::Other => None,
    }
}

/// Reads a value, and what follows it up to the next comma or the end of what it is in.
fn value(tokens: &[Token], at: &mut usize) -> Literal {
    let literal = match tokens.get(*at..).unwrap_or_default() {
        [Token::Text(text), ..] => {
            *at += 1;
            Literal::Text(text.clone())
        }
        [Token::Sign('['), ..] => {
            *at += 1;
            list(tokens, at)
        }
        [Token::Sign('#'), Token::Sign('{'), ..] => {
            *at += 2;
            map(tokens, at)
        }
        _ => Literal::Other,
    };
    // A literal that is a part of an expression is not the value.
    if pass_over(tokens, at) { Literal::Other } else { literal }
}

/// Skips the rest of an expression; true if there was any.
fn pass_over(tokens: &[Token], at: &mut usize) -> bool {
    let start = *at;
    let mut depth = 0usize;
    while let Some(token) = tokens.get(*at) {
        match token {
            Token::Sign(',' | '}' | ']' | ')') if depth == 0 => break,
            Token::Sign('{' | '[' | '(') => depth += 1,
            Token::Sign('}' | ']' | ')') => depth -= 1,
            _ => {}
        }
        *at += 1;
    }
    *at > start
}

fn list(tokens: &[Token], at: &mut usize) -> Literal {
    let mut items = Vec::new();
    while let Some(token) = tokens.get(*at) {
        match token {
            Token::Sign(']' | '}' | ')') => {
                *at += 1;
                break;
            }
            Token::Sign(',') => *at += 1,
            _ => items.push(value(tokens, at)),
        }
    }
    Literal::List(items)
}

fn map(tokens: &[Token], at: &mut usize) -> Literal {
    let mut entries = Vec::new();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token {
            Token::Sign('}' | ']' | ')') => break,
            Token::Word(name) | Token::Text(name) if tokens.get(*at) == Some(&Token::Sign(':')) => {
                *at += 1;
                entries.push((name.clone(), value(tokens, at)));
            }
            _ => {}
        }
    }
    Literal::Map(entries)
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            while chars.next_if(|(_, c)| *c != '\n').is_some() {}
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(text.len(), |end| at + end + 2);
            while chars.next_if(|(at, _)| *at < end).is_some() {}
        } else if matches!(c, '"' | '`') {
            tokens.push(Token::Text(quoted(c, &mut chars)));
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some((_, c)) = chars.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                word.push(c);
            }
            tokens.push(Token::Word(word));
        } else if !c.is_whitespace() {
            tokens.push(Token::Sign(c));
        }
    }
    tokens
}

/// A text up to its closing quote; one that is not closed ends with its line.
fn quoted(quote: char, chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> String {
    let mut text = String::new();
    while let Some((_, c)) = chars.next() {
        match c {
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            '\n' if quote == '"' => break,
            c if c == quote => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_are_read_from_a_function_that_cannot_run() {
        for text in [
            // A constant and a function that are not there, a missing comma, a closing brace too few.
            "fn info() { let n = helper(); #{ wants: \"stream\", provides: \"batch\", about: TEXT + \"x\", \
             options: #{ field: \"string\", size: #{ type: \"int\", min: MIN, default: f(1, 2) }, \
             pair: [\"string\", \"duration\"], \"as\": #{ type: [\"bool\"], default: \"x\" }, odd: KIND } } }",
            "fn info() { #{ // \"wants\": \"batch\"\n wants: \"stream\" /* } */, provides: \"batch\" , options: \
             #{ field: \"string\", size: #{ type: \"int\", about: \"a } b\" }, pair: [\"string\", \"duration\"], \
             as: #{ type: \"bool\", }, odd: \"nothing\"",
        ] {
            let info = info(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((info.wants, info.provides), (EdgeType::Stream, EdgeType::Batch));
            let names: Vec<_> = info.options.keys().map(String::as_str).collect();
            assert_eq!(names, ["as", "field", "pair", "size"], "{text}");
            assert_eq!(info.options["pair"], [ValueType::String, ValueType::Duration]);
            assert_eq!(
                (&info.options["size"][..], &info.options["as"][..]),
                (&[ValueType::Int][..], &[ValueType::Bool][..])
            );
        }
        assert_eq!(info("fn info() { #{ wants: edge(), provides: \"stream\" } }"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[#{}\\[\\]():,\"`\\\\/*a-c \\né]{0,60}") {
            let _ = info(&text);
        }
    }
}
