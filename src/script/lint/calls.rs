//! Calls of functions that do not exist, or with a wrong number of arguments.

use super::walk::{Script, Warn};
use crate::nearest::did_you_mean;
use rhai::{ASTNode, Expr, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// The functions that the interpreter itself has.
pub(in crate::script) const KEYWORDS: &[&str] =
    &["print", "debug", "type_of", "Fn", "call", "curry", "is_def_var", "is_def_fn", "is_shared"];

pub(super) fn check(script: &Script<'_>, functions: &[(String, usize)], warn: &mut Warn<'_>) {
    let mut known: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (name, params) in functions {
        known.entry(name).or_default().insert(*params);
    }
    let mut own: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for function in &script.functions {
        own.entry(&function.name).or_default().insert(function.params.len());
    }
    let stored = stored_names(script);
    let names: Vec<&str> = known
        .keys()
        .copied()
        .chain(script.functions.iter().map(|function| function.name.as_str()))
        .filter(|name| rhai::is_valid_identifier(name))
        .collect();
    script.visit(&mut |_, node| {
        let (call, position, receiver) = match (node.call(), node.node) {
            (Some((call, position)), _) => (call, position, 0),
            (None, ASTNode::Expr(Expr::MethodCall(call, position))) => (&**call, *position, 1),
            _ => return,
        };
        let name = call.name.as_str();
        let operator = call.op_token.is_some() || !call.namespace.is_empty();
        if operator || KEYWORDS.contains(&name) || stored.contains(name) {
            return;
        }
        let given = call.args.len();
        let natives = known.get(name);
        if natives.is_some_and(|params| params.contains(&(given + receiver)))
            || own.get(name).is_some_and(|params| params.contains(&given))
        {
            return;
        }
        let mut takes: BTreeSet<usize> = own.get(name).cloned().unwrap_or_default();
        takes.extend(
            natives.into_iter().flatten().filter_map(|params| params.checked_sub(receiver)),
        );
        let what = if receiver == 1 { "method" } else { "function" };
        warn(
            position,
            match takes.is_empty() {
                true => format!(
                    "there is no {what} {name}({}){}",
                    vec!["_"; given].join(", "),
                    did_you_mean(name, names.iter().copied().filter(|other| *other != name))
                ),
                false => format!("{name} takes {}, not {given}", arguments(&takes)),
            },
        );
    });
}

/// Names that the script gives to values: one of them may be a function pointer.
fn stored_names(script: &Script<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    script.visit(&mut |_, node| match node.node {
        ASTNode::Expr(Expr::Map(entries, _)) => {
            names.extend(entries.0.iter().map(|(name, _)| name.name.to_string()));
        }
        ASTNode::Stmt(Stmt::Var(parts, ..)) => {
            names.insert(parts.0.name.to_string());
        }
        _ => {}
    });
    names
}

fn arguments(counts: &BTreeSet<usize>) -> String {
    let texts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let plural = if counts.iter().eq([&1]) { "" } else { "s" };
    format!("{} argument{plural}", texts.join(" or "))
}
