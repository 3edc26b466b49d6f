//! The call that a script's first comment shows, as an example of how the script is used.

use rhai_udf::protocol::duration;
use rhai_udf::script::{Declaration, Program};
use rhai_udf::tick::TickText;
use rhai_udf::tick::syntax::ast::{Call, Expr, ExprKind, Link, Statement};
use rhai_udf::tick::syntax::parser::parse;

/// The content of the comment: the options of the script, and the condition of the alert after it. Both are empty
/// if the comment shows no call, or one that does not fit the script.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The options in order, with their values as `--set` takes them.
    pub options: Vec<(String, String)>,
    /// The condition of the alert, as a TICKscript writes it after `lambda:`.
    pub crit: Option<String>,
}

impl Shown {
    pub(super) fn of(program: &Program) -> Self {
        Self::read(&program.source().text, program.declaration()).unwrap_or_default()
    }

    fn read(script: &str, declaration: &Declaration) -> Option<Self> {
        let text = format!("stream\n{}", block(script)?);
        let statements = parse(&TickText { name: "comment", text: &text }).ok()?;
        let [Statement::Expression(expression)] = statements.as_slice() else { return None };
        let mut calls = Vec::new();
        collect(expression, &mut calls);
        let after = calls.split(|(link, _)| *link == Link::Dynamic).nth(1)?;
        let own = after.iter().take_while(|(link, _)| *link == Link::Property);
        let options: Option<Vec<_>> = own
            .map(|(_, call)| {
                let values: Option<Vec<_>> = call.arguments.iter().map(value).collect();
                Some((call.name.to_string(), values?.join(",")))
            })
            .collect();
        let options = options?;
        declaration.request(&options).ok()?;
        let crit = after.iter().find(|(_, call)| &*call.name == "crit");
        Some(Self { options, crit: crit.and_then(|(_, call)| lambda(&text[call.at..])) })
    }

    /// Puts the user's own options in place of those of the comment. A field of the condition that is named
    /// after an option's value is named after the user's.
    pub(super) fn with(mut self, own: &[(String, String)]) -> Self {
        let replaced = |name: &str| own.iter().find(|(own, _)| own == name);
        for (name, shown) in &self.options {
            let (Some((_, value)), Some(crit)) = (replaced(name), &mut self.crit) else { continue };
            for (old, new) in shown.split(',').zip(value.split(',')) {
                for end in ["\"", "_"] {
                    *crit = crit.replace(&format!("\"{old}{end}"), &format!("\"{new}{end}"));
                }
            }
        }
        self.options.retain(|(name, _)| replaced(name).is_none());
        self.options.extend_from_slice(own);
        self
    }
}

/// The lines of the first comment from the first that begins with `|` or `@`, up to an empty one.
fn block(script: &str) -> Option<String> {
    let lines = script.lines().map(str::trim_start).skip_while(|line| line.is_empty());
    let comment = lines.map_while(|line| line.strip_prefix("//")).map(str::trim);
    let lines: Vec<_> = comment
        .skip_while(|line| !line.starts_with(['|', '@']))
        .take_while(|line| !line.is_empty())
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The calls of a chain, in the order in which they are written.
fn collect<'a>(expression: &'a Expr, calls: &mut Vec<(Link, &'a Call)>) {
    if let ExprKind::Chain(before, link, call) = &expression.kind {
        collect(before, calls);
        calls.push((*link, call));
    }
}

/// A value that is written out, as `--set` takes it.
fn value(argument: &Expr) -> Option<String> {
    match &argument.kind {
        ExprKind::Bool(flag) => Some(flag.to_string()),
        ExprKind::Int(int) => Some(int.to_string()),
        ExprKind::Float(double) => Some(format!("{double:?}")),
        ExprKind::Duration(ns) => Some(duration::influxql(*ns)),
        ExprKind::String(text) => Some(text.replace(',', "\\,")),
        _ => None,
    }
}

/// What stands after `lambda:` up to the bracket that closes the call.
fn lambda(call: &str) -> Option<String> {
    let (_, condition) = call.split_once("lambda:")?;
    let (mut open, mut quote) = (0, None);
    for (at, c) in condition.char_indices() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => open += 1,
            (None, ')') if open == 0 => return Some(condition[..at].trim().to_owned()),
            (None, ')') => open -= 1,
            _ => {}
        }
    }
    None
}
