//! The functions of templates.

use std::fmt::Write;

use crate::tick::error::TemplateProblem;
use crate::tick::template::printf::printf;
use crate::tick::template::value::Data;
use crate::tick::template::{Templated, refuse};

/// Tells whether a function of that name exists.
pub(crate) fn exists(name: &str) -> bool {
    const NAMES: [&str; 19] = [
        "and",
        "or",
        "not",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "index",
        "len",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "json",
        "jsonCompact",
    ];
    NAMES.contains(&name)
}

/// Calls a function.
pub(crate) fn call(name: &str, arguments: &[Data]) -> Templated<Data> {
    let string = |text: String| Ok(Data::String(text.into()));
    match (name, arguments) {
        ("not", [x]) => Ok(Data::Bool(!x.truth())),
        ("eq", [x, rest @ ..]) if !rest.is_empty() => {
            let mut equal = false;
            for y in rest {
                equal |= equals(x, y)?;
            }
            Ok(Data::Bool(equal))
        }
        ("ne", [x, y]) => Ok(Data::Bool(!equals(x, y)?)),
        ("lt" | "le" | "gt" | "ge", [x, y]) => {
            let order = x.compare(y).ok_or_else(|| incompatible(x, y))?;
            Ok(Data::Bool(match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        ("index", [map, keys @ ..]) => {
            let mut value = map.clone();
            for key in keys {
                let Data::String(key) = key else {
                    return refuse(format!("cannot index a map with a {}", key.kind()));
                };
                value = value
                    .index(key)
                    .ok_or_else(|| format!("can't index item of type {}", value.kind()))?;
            }
            Ok(value)
        }
        ("len", [Data::String(text)]) => Ok(Data::Int(text.len() as i64)),
        ("len", [Data::Map(entries, _)]) => Ok(Data::Int(entries.len() as i64)),
        ("len", [other]) => refuse(format!("len of type {}", other.kind())),
        ("print", arguments) => string(print(arguments)),
        ("println", arguments) => {
            let words: Vec<_> = arguments.iter().map(Data::print).collect();
            string(words.join(" ") + "\n")
        }
        ("printf", [Data::String(format), rest @ ..]) => string(printf(format, rest)),
        ("html", arguments) => string(escape_html(&print(arguments))),
        ("js", arguments) => string(escape_js(&print(arguments))),
        ("urlquery", arguments) => string(escape_url(&print(arguments))),
        // What JSON cannot hold becomes nothing at all, as in the daemon.
        ("json" | "jsonCompact", [value]) if !value.is_json() => Ok(Data::Json("".into())),
        ("json", [value]) => Ok(Data::Json((value.json() + "\n").into())),
        ("jsonCompact", [value]) => Ok(Data::Json(value.json().into())),
        (name, arguments) => {
            refuse(format!("wrong number or type of args for {name}: got {}", arguments.len()))
        }
    }
}

fn incompatible(x: &Data, y: &Data) -> TemplateProblem {
    format!("incompatible types for comparison: {} and {}", x.kind(), y.kind()).into()
}

fn equals(x: &Data, y: &Data) -> Templated<bool> {
    match (x, y) {
        (Data::Nil, y) => Ok(*y == Data::Nil),
        (x, Data::Nil) => Ok(*x == Data::Nil),
        (Data::Bool(x), Data::Bool(y)) => Ok(x == y),
        (Data::Float(x), Data::Float(y)) => Ok(x == y),
        (Data::Time(x), Data::Time(y)) => Ok(x == y),
        _ => x.compare(y).map(|order| order.is_eq()).ok_or_else(|| incompatible(x, y)),
    }
}

/// Joins values; a space stands between two that are both no strings.
fn print(arguments: &[Data]) -> String {
    let mut out = String::new();
    let mut after_string = true;
    for argument in arguments {
        let is_string = matches!(argument, Data::String(_) | Data::Json(_));
        if !after_string && !is_string {
            out.push(' ');
        }
        out.push_str(&argument.print());
        after_string = is_string;
    }
    out
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
        .replace('\0', "\u{fffd}")
}

fn escape_js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

fn escape_url(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => out.push(b.into()),
            b => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}
