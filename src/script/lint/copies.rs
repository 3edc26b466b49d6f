//! Changes of arguments and of constants that are lost: functions get copies.

use super::walk::{Function, Node, Script, Warn, variable};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Methods that change what they belong to, and whose results are seldom used.
pub(super) const CHANGING: &[&str] = &[
    "push",
    "append",
    "insert",
    "remove",
    "keep",
    "clear",
    "pop",
    "shift",
    "truncate",
    "drain",
    "retain",
    "sort",
    "reverse",
    "extend",
    "reset",
    "mixin",
    "fill_with",
    "set",
];

/// What a function does with one of its parameters.
#[derive(Debug, Default)]
struct Uses {
    changed: Option<Position>,
    /// Read, passed on or kept, other than as what the function returns.
    read: bool,
    returned: bool,
}

/// By function, its number of parameters, and the parameter.
type AllUses = BTreeMap<(String, usize, usize), Uses>;

pub(super) fn check(script: &Script<'_>, warn: &mut Warn<'_>) {
    let mut uses = AllUses::new();
    let mut calls: Vec<(String, usize, Vec<Option<String>>, Position)> = Vec::new();
    let constants = script.constants();
    let mut lost: Vec<(Position, String)> = Vec::new();
    script.visit(&mut |function, node| {
        if let Some((call, position)) = dropped_call(node.node) {
            let arguments = call.args.iter().map(|a| variable(a).map(str::to_owned)).collect();
            calls.push((call.name.to_string(), call.args.len(), arguments, position));
        }
        if let Some(name) = node.expr().and_then(|expression| constant(expression, &constants))
            && function.is_none_or(|function| parameter(function, name).is_none())
            && let Some(position) = change(node)
        {
            let text =
                format!("{name} is a constant: only a copy of it is changed, and the copy is lost");
            lost.push((position, text));
        }
        let (Some(function), Some(expression)) = (function, node.expr()) else { return };
        let Some(at) = variable(expression).and_then(|name| parameter(function, name)) else {
            return;
        };
        let key = (function.name.clone(), function.params.len(), at);
        let uses = uses.entry(key).or_default();
        match change(node) {
            Some(position) => drop(uses.changed.get_or_insert(position)),
            None if is_returned(node) => uses.returned = true,
            None => uses.read = true,
        }
    });
    lost.into_iter().for_each(|(position, text)| warn(position, text));
    warn_of_functions(script, &uses, warn);
    for (name, count, arguments, position) in calls {
        for (at, argument) in arguments.iter().enumerate() {
            let found = uses.get(&(name.clone(), count, at));
            let lost =
                found.is_some_and(|uses| uses.changed.is_some() && uses.returned && !uses.read);
            if let (true, Some(argument)) = (lost, argument) {
                warn(
                    position,
                    format!(
                        "{name} changes a copy of '{argument}', and its result is not used: write {argument} = {name}({argument}…)"
                    ),
                );
            }
        }
    }
}

/// Warns of parameters that a function changes without passing them on.
fn warn_of_functions(script: &Script<'_>, uses: &AllUses, warn: &mut Warn<'_>) {
    for ((name, params, at), found) in uses {
        let Some(function) = script.function(name, *params) else { continue };
        if let (Some(position), false, false) = (found.changed, found.read, found.returned) {
            let param = &function.params[*at];
            warn(
                position,
                format!(
                    "{name} changes '{param}', which is a copy, and does not use it: emit it, return it, or keep it in this"
                ),
            );
        }
    }
}

/// A call whose result is dropped, where it stands.
fn dropped_call<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position)> {
    match node {
        ASTNode::Stmt(Stmt::FnCall(call, position)) => Some((call, *position)),
        ASTNode::Stmt(Stmt::Expr(whole)) => match &**whole {
            Expr::FnCall(call, position) => Some((call, *position)),
            _ => None,
        },
        _ => None,
    }
}

/// The constant that an expression is, by its plain name or as `global::NAME`.
fn constant<'e>(expression: &'e Expr, constants: &BTreeSet<String>) -> Option<&'e str> {
    let Expr::Variable(parts, ..) = expression else { return None };
    let global = parts.2.path.len() == 1 && parts.2.root() == "global";
    let name = parts.1.as_str();
    ((parts.2.is_empty() || global) && constants.contains(name)).then_some(name)
}

fn parameter(function: &Function, name: &str) -> Option<usize> {
    function.params.iter().position(|param| param == name)
}

/// Where a variable is changed by a statement that does nothing else.
pub(super) fn change(node: &Node<'_, '_>) -> Option<Position> {
    if !node.is_owner() {
        return None;
    }
    let [.., statement, ASTNode::Expr(chain)] = node.above else { return None };
    match statement {
        ASTNode::Stmt(Stmt::Assignment(parts)) if std::ptr::eq(&raw const parts.1.lhs, *chain) => {
            Some(chain.start_position())
        }
        ASTNode::Stmt(Stmt::Expr(whole)) if std::ptr::eq(&raw const **whole, *chain) => match chain
        {
            Expr::Dot(parts, ..) => match &parts.rhs {
                Expr::MethodCall(call, position) if CHANGING.contains(&call.name.as_str()) => {
                    Some(*position)
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether the node is a statement of its own, or the value that is returned.
fn is_returned(node: &Node<'_, '_>) -> bool {
    matches!(node.parent(), Some(ASTNode::Stmt(Stmt::Return(..) | Stmt::Expr(_))))
}
