//! The settings as a TICKscript: for a plain script a whole task, for a TICKscript its text with the changed values.

use super::knobs::{Knob, Settings, conditions, given_options};
use crate::protocol::{arguments, duration};
use crate::replay::task::{ScriptTask, Task, TickTask};
use crate::tick::TickText;
use crate::tick::definition::NodeKind;
use crate::tick::syntax::ast::Statement;
use crate::tick::syntax::parser;
use std::fmt::Write as _;

/// Writes a TICKscript that does the same as the page shows.
pub(super) fn write(base: &Task, settings: &Settings, knobs: &[Knob]) -> String {
    match base {
        Task::Script(task) => plain(task, settings, knobs),
        Task::Tick(task) => turned(task, settings, knobs),
    }
}

fn plain(task: &ScriptTask, settings: &Settings, knobs: &[Knob]) -> String {
    let mut text = String::from("stream\n    |from()\n");
    if let Some(measurement) = &task.measurement {
        let _ = writeln!(text, "        .measurement({})", quoted(measurement));
    }
    if !task.group_by.is_empty() {
        let tags = task.group_by.iter().map(|tag| match tag.as_str() {
            "*" => "*".to_owned(),
            tag => quoted(tag),
        });
        let _ = writeln!(text, "        .groupBy({})", tags.collect::<Vec<_>>().join(", "));
    }
    if let Some(window) = task.window {
        let length = duration::influxql;
        let _ = writeln!(text, "    |window()\n        .period({})", length(window.period));
        let _ = writeln!(text, "        .every({})", length(window.every));
        if window.align {
            text.push_str("        .align()\n");
        }
    }
    let stem = task.script.file_stem().unwrap_or_default().to_string_lossy();
    let _ = writeln!(text, "    @{}()", identifier(&stem));
    for (name, value) in given_options(task, settings) {
        let types =
            knobs.iter().find(|knob| knob.name == name).map_or("string", |knob| &knob.types);
        let _ = writeln!(text, "        .{name}({})", arguments(&value, types));
    }
    let conditions = conditions(task, settings);
    if conditions.is_empty() {
        return text;
    }
    text.push_str("    |alert()\n");
    for (level, condition) in &conditions {
        let _ = writeln!(text, "        .{level}(lambda: {})", lambda(condition));
    }
    if !task.every_alert {
        text.push_str("        .stateChangesOnly()\n");
    }
    text
}

/// A name that a TICKscript can call.
fn identifier(stem: &str) -> String {
    let name = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    stem.chars().map(name).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The arguments of an option as a TICKscript writes them.
fn arguments(value: &str, types: &str) -> String {
    let kinds: Vec<&str> = types.split(", ").collect();
    let pieces = if kinds.len() > 1 { arguments::pieces(value) } else { vec![value] };
    let parts: Vec<String> = pieces.into_iter().map(arguments::plain).collect();
    let one = |(part, kind): (&String, &&str)| match *kind {
        "string" => quoted(part.trim_matches('\'')),
        "bool" => part.to_uppercase(),
        "double" => float(part),
        "duration" => match duration::parse(part) {
            Ok(ns) => duration::influxql(ns),
            Err(_) => part.clone(),
        },
        _ => part.clone(),
    };
    parts.iter().zip(&kinds).map(one).collect::<Vec<_>>().join(", ")
}

/// A float, which a TICKscript writes with a point and without an exponent.
fn float(text: &str) -> String {
    let plain = match text.parse::<f64>() {
        Ok(number) if text.contains(['e', 'E']) => number.to_string(),
        _ => text.to_owned(),
    };
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// A condition over fields as a lambda: names in double quotes, and the words of TICKscript for operators.
pub(super) fn lambda(condition: &str) -> String {
    let mut out = String::new();
    let mut rest = condition;
    while let Some(first) = rest.chars().next() {
        let taken = if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let word = &rest[..end.unwrap_or(rest.len())];
            let calls = rest[word.len()..].trim_start().starts_with('(');
            match word {
                "true" | "false" => out.push_str(&word.to_uppercase()),
                word if calls => out.push_str(word),
                word => {
                    let _ = write!(out, "\"{word}\"");
                }
            }
            word.len()
        } else if first == '"' || first == '\'' {
            let inner = &rest[1..];
            let end = inner.find(first).unwrap_or(inner.len());
            out.push_str(&quoted(&inner[..end]));
            (end + 2).min(rest.len())
        } else if first.is_ascii_digit() {
            let mut before = ' ';
            let end = rest.find(|c: char| {
                let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
                before = c;
                !sign && !c.is_ascii_alphanumeric() && c != '.' && c != '_'
            });
            let number = &rest[..end.unwrap_or(rest.len())];
            // A TICKscript has no exponents and no underscores.
            let plain = number.replace('_', "");
            match plain.parse::<f64>() {
                Ok(value) if plain.contains(['e', 'E']) => {
                    let _ = write!(out, "{value}");
                }
                _ => out.push_str(&plain),
            }
            number.len()
        } else if let Some((word, length)) = [("&&", "AND"), ("||", "OR")]
            .iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .map(|(sign, word)| (word, sign.len()))
        {
            out.push_str(word);
            length
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

/// A change of a text: from, to, and the new text.
type Edit = (usize, usize, String);

/// The TICKscript with the changed values.
fn turned(task: &TickTask, settings: &Settings, knobs: &[Knob]) -> String {
    let text = std::fs::read_to_string(&task.name).unwrap_or_else(|_| task.text.clone());
    let mut task = task.clone();
    task.text.clone_from(&text);
    let mut edits: Vec<Edit> = Vec::new();
    for (key, values) in &settings.options {
        let Some(value) = values.first() else { continue };
        if let Some(name) = key.strip_prefix("var:") {
            edits.extend(variable(&task, name, value));
        } else if let Some((udf, option)) =
            key.strip_prefix("udf:").and_then(|rest| rest.split_once('.'))
        {
            let types = knobs.iter().find(|knob| knob.key == *key).map_or("", |knob| &knob.types);
            edits.extend(options(&task, udf, option, &arguments(value, types)));
        }
    }
    edits.sort_by_key(|(from, ..)| std::cmp::Reverse(*from));
    let mut text = text;
    for (from, to, new) in edits {
        text.replace_range(from..to, &new);
    }
    text
}

fn variable(task: &TickTask, name: &str, value: &str) -> Option<Edit> {
    let source = TickText { name: &task.name, text: &task.text };
    let statements = parser::parse(&source).ok()?;
    let at = statements.iter().find_map(|statement| match statement {
        Statement::Declaration { name: known, value, .. } if **known == *name => Some(value.at),
        _ => None,
    })?;
    Some((at, at + literal(task.text.get(at..)?), value.to_owned()))
}

/// The bytes of the value that a text begins with.
fn literal(text: &str) -> usize {
    if let Some(inner) = text.strip_prefix('\'') {
        let mut escaped = false;
        let end = inner.find(|c| {
            let ends = c == '\'' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return end.map_or(text.len(), |end| end + 2);
    }
    let ends = |c: char| c.is_whitespace() || c == '/';
    text.find(ends).unwrap_or(text.len())
}

/// The option of each use of a function: in place of what is written, or behind the call.
fn options(task: &TickTask, udf: &str, option: &str, value: &str) -> Vec<Edit> {
    let Ok(definitions) = task.definitions() else { return Vec::new() };
    let mut edits = Vec::new();
    for definition in &definitions.definitions {
        if definition.name != udf || !matches!(definition.kind, NodeKind::Udf(_)) {
            continue;
        }
        let written = definition.properties.iter().rev().find(|p| p.name == option);
        let at = written.map_or(definition.at, |property| property.at);
        let Some(open) = task.text[at..].find('(').map(|open| at + open) else { continue };
        let Some(close) = task.text[open..].find(')').map(|close| open + close) else { continue };
        edits.push(match written {
            Some(_) => (open + 1, close, value.to_owned()),
            None => (close + 1, close + 1, format!("\n        .{option}({value})")),
        });
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::task::{Alerts, Use, Windows};

    #[test]
    fn conditions_become_lambdas() {
        for (condition, expected) in [
            ("pvalue < 0.001", "\"pvalue\" < 0.001"),
            ("a > 1e-3 && !b || c == \"x\"", "\"a\" > 0.001 AND !\"b\" OR \"c\" == 'x'"),
            ("abs(x) > 1_000", "abs(\"x\") > 1000"),
            ("ok == true", "\"ok\" == TRUE"),
        ] {
            assert_eq!(lambda(condition), expected);
        }
    }

    #[test]
    fn floats_have_a_point_and_no_exponent() {
        for (text, expected) in [("1", "1.0"), ("9.0", "9.0"), ("1e-3", "0.001"), ("2e3", "2000.0")]
        {
            assert_eq!(float(text), expected);
        }
    }

    #[test]
    fn a_plain_script_is_written_with_what_stands_around_it() {
        let task = ScriptTask {
            script: "/x/t-test.rhai".into(),
            measurement: Some("printer".into()),
            group_by: vec!["host".into()],
            window: Some(Windows { period: 300_000_000_000, every: 60_000_000_000, align: true }),
            uses: vec![Use {
                options: vec![("field".into(), "hotend".into()), ("alpha".into(), "1".into())],
                alerts: vec![Alerts {
                    variant: 0,
                    conditions: vec![("crit".into(), "pvalue < 0.001".into())],
                }],
                ..Use::default()
            }],
            ..ScriptTask::default()
        };
        let mut settings = Settings::default();
        settings.options.insert("size".into(), vec!["60".into()]);
        let knob = |name: &str, types: &str| Knob {
            name: name.into(),
            types: types.into(),
            ..Knob::default()
        };
        let knobs = [knob("field", "string"), knob("alpha", "double"), knob("size", "int")];
        let expected = "stream\n    |from()\n        .measurement('printer')\n        .groupBy('host')\n    \
            |window()\n        .period(5m)\n        .every(1m)\n        .align()\n    @t_test()\n        \
            .field('hotend')\n        .alpha(1.0)\n        .size(60)\n    |alert()\n        \
            .crit(lambda: \"pvalue\" < 0.001)\n        .stateChangesOnly()\n";
        assert_eq!(plain(&task, &settings, &knobs), expected);
    }

    #[test]
    fn values_are_replaced_where_they_stand() {
        let task = TickTask {
            name: "none.tick".into(),
            text: "var size = 60 // long\nvar text = 'it\\'s'\nstream|from()".into(),
            ..TickTask::default()
        };
        let settings = Settings {
            options: [("var:size", "90"), ("var:text", "'b'")]
                .map(|(key, value)| (key.to_owned(), vec![value.to_owned()]))
                .into(),
            ..Settings::default()
        };
        let text = turned(&task, &settings, &[]);
        assert_eq!(text, "var size = 90 // long\nvar text = 'b'\nstream|from()");
    }
}
