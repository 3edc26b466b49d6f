//! The TICKscript of `conf`: a whole task that uses the script.

use super::TaskArgs;
use super::comment::Shown;
use crate::cli::check::option_text;
use crate::cli::usage;
use regex::Regex;
use rhai_udf::protocol::duration;
use rhai_udf::protocol::message::{EdgeType, OptionValue, ValueType, option_value};
use rhai_udf::script::{Declaration, OptionSpec, Program};
use std::fmt::Write as _;

/// Writes a task that can be defined as it is.
pub(super) fn write(args: &TaskArgs, program: &Program, name: &str) -> anyhow::Result<String> {
    let declaration = program.declaration();
    let measurement = args.measurement.as_deref().unwrap_or("my_measurement");
    let (database, policy) =
        args.dbrp.as_ref().map_or(("telegraf", "autogen"), |(db, rp)| (&**db, &**rp));
    let mut text = format!(
        "dbrp {}.{}\n\nstream\n    |from()\n        .measurement({})\n",
        identifier(database),
        identifier(policy),
        literal(measurement)
    );
    let _ = writeln!(text, "        .groupBy({})", groups(&args.group_by));
    if declaration.wants == EdgeType::Batch {
        text.push_str("    |window()\n        .period(5m)\n        .every(5m)\n");
    }
    let _ = writeln!(text, "    @{name}()");
    // Errors in the user's options are reported without the options of the comment.
    written_options(declaration, &args.options)?;
    let shown = Shown::of(program).with(&args.options);
    let given = written_options(declaration, &shown.options)?;
    for (option, spec) in &declaration.options {
        properties(option, spec, &given, &mut text);
    }
    let crit = args.crit.as_ref().or(shown.crit.as_ref());
    let batches = declaration.provides == EdgeType::Batch;
    let field = shown_field(program, &shown.options);
    alert(&mut text, name, crit.map(String::as_str), &field, batches);
    Ok(text)
}

/// An option as properties: as it is given, or with an example of what it takes.
pub(super) fn properties(
    option: &str,
    spec: &OptionSpec,
    given: &[(String, String)],
    text: &mut String,
) {
    let mut set = given.iter().filter(|(name, _)| name == option).peekable();
    if set.peek().is_none() {
        property(option, spec, text);
    }
    for (_, values) in set {
        let _ = writeln!(text, "        .{option}({values})  // {}", about(spec));
    }
}

/// The comment behind the property of an option, on one line.
fn about(spec: &OptionSpec) -> String {
    option_text(spec).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An option as a property; one that has a default as a comment, since leaving it out means the same.
fn property(option: &str, spec: &OptionSpec, text: &mut String) {
    let comment = if spec.default.is_some() { "// " } else { "" };
    let (values, about) = (arguments(spec), about(spec));
    let _ = writeln!(text, "        {comment}.{option}({values})  // {about}");
}

/// The alert at the end.
fn alert(text: &mut String, name: &str, crit: Option<&str>, field: &Field, batches: bool) {
    let id = if batches { "{{ .Name }}" } else { "{{ .Name }}/{{ .Group }}" };
    let _ = writeln!(text, "    |alert()\n        .id('{name}/{id}')");
    let (condition, hint) = match (crit, field) {
        (Some(crit), _) => (crit.to_owned(), ""),
        (None, Field::Alert(field)) => (format!("\"{field}\""), ""),
        (None, Field::Value(field)) => {
            (format!("\"{field}\" > 0.0"), "  // write the condition of an alert here")
        }
    };
    let _ = writeln!(text, "        .crit(lambda: {condition}){hint}");
    let _ = writeln!(
        text,
        "        .message('{{{{ .ID }}}} is {{{{ .Level }}}}')\n        .stateChangesOnly()\n        \
         .log('/tmp/{name}.log')"
    );
}

/// The field that an alert can use.
enum Field {
    /// A field that is true when there is an alert.
    Alert(String),
    /// Any field.
    Value(String),
}

/// A field that the script sets, by its text and its options: those that are given, else their defaults.
fn shown_field(program: &Program, given: &[(String, String)]) -> Field {
    let text = &program.source().text;
    let default = |name: &str| {
        if let Some((_, value)) = given.iter().find(|(given, _)| given == name) {
            return Some(value.clone());
        }
        let spec = program.declaration().options.get(name)?;
        spec.default_text().map(|text| text.trim_matches('\'').to_owned())
    };
    let first = |pattern: &str| {
        let found = Regex::new(pattern).ok()?.captures(text)?.get(1)?;
        Some(found.as_str().to_owned())
    };
    if let Some(prefix) = default("prefix").filter(|_| text.contains("\"_alert\"")) {
        return Field::Alert(prefix + "_alert");
    }
    if let Some(alert) = first(r"\b\w+\.(\w+_alert)\s*=[^=]") {
        return Field::Alert(alert);
    }
    let suffix = first(r#"opt(?:\.prefix|\["(?:as|prefix)"\]) \+ "(_\w+)""#).unwrap_or_default();
    let named = default("as").or_else(|| default("prefix")).map(|name| name + suffix.as_str());
    let set = || first(r"\bp\.(\w+)\s*=[^=]");
    let made = || first(r"point\(#\{\s*(\w+):");
    Field::Value(named.or_else(set).or_else(made).unwrap_or_else(|| "value".into()))
}

/// The options that are given, as a TICKscript writes them.
pub(super) fn written_options(
    declaration: &Declaration,
    options: &[(String, String)],
) -> anyhow::Result<Vec<(String, String)>> {
    let request = match declaration.request(options) {
        Ok(request) => request,
        Err(problems) => return usage(&problems.join("; ")),
    };
    let options = request.options.into_iter().map(|option| {
        let values: Vec<_> = option.values.iter().map(written).collect();
        (option.name, values.join(", "))
    });
    Ok(options.collect())
}

/// A value as a TICKscript writes it.
fn written(value: &OptionValue) -> String {
    use option_value::Value;
    match &value.value {
        Some(Value::BoolValue(flag)) => flag.to_string().to_uppercase(),
        Some(Value::IntValue(int)) => int.to_string(),
        Some(Value::DoubleValue(double)) => {
            // A TICKscript has no exponents.
            let text = double.to_string();
            if text.contains('.') { text } else { text + ".0" }
        }
        Some(Value::StringValue(text)) => literal(text),
        Some(Value::DurationValue(ns)) => duration::influxql(*ns),
        None => String::new(),
    }
}

fn groups(tags: &[String]) -> String {
    match tags {
        [] => "*".into(),
        [all] if all == "*" => "*".into(),
        tags => tags.iter().map(|tag| literal(tag)).collect::<Vec<_>>().join(", "),
    }
}

/// A string in single quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A name in double quotes.
fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// Arguments that the option accepts: its default, or an example of its type.
pub(super) fn arguments(spec: &OptionSpec) -> String {
    if let (Some(default), [_], false) = (spec.default_text(), spec.types.as_slice(), spec.repeated)
    {
        return tick_literal(spec.types[0], &default);
    }
    let choice = spec.one_of_texts().into_iter().next();
    let examples: Vec<_> = spec
        .types
        .iter()
        .map(|kind| match (kind, &choice) {
            (kind, Some(choice)) => tick_literal(*kind, choice),
            (ValueType::Bool, _) => "TRUE".into(),
            (ValueType::Int, _) => format!("{}", spec.min.unwrap_or(10.0).max(1.0) as i64),
            (ValueType::Double, _) => format!("{:?}", spec.min.or(spec.max).unwrap_or(1.0)),
            (ValueType::String, _) => "'value'".into(),
            (ValueType::Duration, _) => match spec.min {
                Some(min) if min > 0.0 => duration::Display(min as i64).to_string(),
                _ => "1m".into(),
            },
        })
        .collect();
    examples.join(", ")
}

/// A value as TICKscript writes it.
fn tick_literal(kind: ValueType, text: &str) -> String {
    match kind {
        ValueType::Bool => text.to_uppercase(),
        _ => text.to_owned(),
    }
}
