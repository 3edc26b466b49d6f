//! The declaration of a script that cannot be loaded: the daemon must get an answer, or it does not
//! start. Its `fn info()` alone may still compile; otherwise the last good declaration is used; otherwise what can be
//! read from the text.

use super::literal;
use crate::agent::{Info, Pulse};
use crate::script::config::Limits;
use crate::script::declaration::Declaration;
use crate::script::engine;
use rhai::Scope;

/// The known declaration of a script that cannot be loaded; `kept` gives the last good one.
pub(crate) fn info(
    text: &str,
    limits: &Limits,
    kept: impl FnOnce() -> Option<Info>,
) -> Option<Info> {
    let alone = || declaration(text, limits).map(|declaration| declaration.info());
    let written = || literal::info(info_text(text)?);
    alone().or_else(kept).or_else(written)
}

/// The text from `fn info` on, up to its end or, if it has none, to the next function.
fn info_text(text: &str) -> Option<&str> {
    if let Some(function) = info_function(text) {
        return Some(function);
    }
    let start = text.match_indices("fn").map(|(at, _)| at).find(|at| is_info(&text[*at..]))?;
    let rest = &text[start..];
    Some(&rest[..rest[2..].find("\nfn ").map_or(rest.len(), |end| end + 2)])
}

/// The declaration of a script's `info()`, compiled without the rest.
fn declaration(text: &str, limits: &Limits) -> Option<Declaration> {
    let function = info_function(text)?;
    let engine = engine::engine(limits, &Pulse::default());
    let ast = engine.compile(function).ok()?;
    let info = engine.call_fn(&mut Scope::new(), &ast, "info", ()).ok()?;
    Declaration::from_info(&info).ok()
}

/// The text of `fn info() { … }`.
fn info_function(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut start = None;
    let mut depth = 0usize;
    while at < bytes.len() {
        let next = skip(bytes, at);
        if next > at {
            at = next;
            continue;
        }
        match bytes[at] {
            b'f' if start.is_none() && is_info(&text[at..]) && !inside_word(bytes, at) => {
                start = Some(at);
                depth = 0;
            }
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some(start) = start
                {
                    return Some(&text[start..=at]);
                }
            }
            _ => {}
        }
        at += 1;
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    None
}

fn inside_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn is_info(text: &str) -> bool {
    let name = text.strip_prefix("fn").filter(|rest| rest.starts_with(char::is_whitespace));
    name.and_then(|rest| rest.trim_start().strip_prefix("info"))
        .is_some_and(|rest| rest.trim_start().starts_with('('))
}

/// The end of the comment or the string that begins here, or `at`.
fn skip(bytes: &[u8], at: usize) -> usize {
    let find = |from: usize, what: &[u8]| {
        let found = bytes[from..].windows(what.len()).position(|w| w == what);
        found.map_or(bytes.len(), |i| from + i + what.len())
    };
    match &bytes[at..] {
        [b'/', b'/', ..] => find(at, b"\n"),
        [b'/', b'*', ..] => find(at + 2, b"*/"),
        [quote @ (b'"' | b'`'), ..] => {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != *quote {
                // A string that is not closed ends with its line.
                if *quote == b'"' && bytes[end] == b'\n' {
                    return end;
                }
                end += 1 + usize::from(bytes[end] == b'\\');
            }
            (end + 1).min(bytes.len())
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::EdgeType;

    #[test]
    fn info_is_found_in_a_broken_script() {
        for text in [
            "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\nfn point(p { }",
            "// fn info() { }\nfn point(p) { let x = \"}\"; }}}\nfn  info () {\n  // }\n  #{ wants: \
             \"batch\", provides: \"stream\", about: \"a } and a { \\\" \" }\n}\n let = 5",
            "fn broken() { \"not closed\n } fn info() { #{ wants: \"batch\", provides: \"stream\" } } é",
        ] {
            let found = declaration(text, &Limits::default());
            let found = found.unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.wants, found.provides), (EdgeType::Batch, EdgeType::Stream));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for text in ["", "fn info(", "fn info() {", "fn information() { }", "é\"", "/*", "\"\\"] {
            assert!(declaration(text, &Limits::default()).is_none(), "{text}");
        }
    }
}
