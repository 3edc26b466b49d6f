//! Properties of `this` that nothing ever sets.

use super::walk::{Function, Node, Script, Warn, member};
use crate::nearest::did_you_mean;
use crate::script::host::callback::Callback;
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::BTreeSet;

/// What a script does with the properties of `this`.
#[derive(Default)]
struct Properties {
    set: BTreeSet<String>,
    read: Vec<(String, Position)>,
    /// Uses of `this` where there is none.
    outside: Vec<(Position, String)>,
    /// Whether `this` may have properties that the text does not show.
    unknown: bool,
    /// The maps that `state()` may return.
    literals: usize,
}

pub(super) fn check(script: &Script<'_>, warn: &mut Warn<'_>) {
    let mut found = Properties { unknown: script.has(Callback::Migrate), ..Properties::default() };
    script.visit(&mut |function, node| {
        if let Some(function) = function {
            found.visit(function, node);
        }
    });
    let Properties { set, read, outside, unknown, literals } = found;
    outside.into_iter().for_each(|(position, text)| warn(position, text));
    let has_state = script.has(Callback::State);
    if unknown || has_state && literals != 1 {
        return;
    }
    for (name, position) in read {
        if !set.contains(&name) {
            let near = did_you_mean(&name, set.iter().map(String::as_str));
            let where_ =
                if has_state { "state() does not return it" } else { "there is no state()" };
            warn(position, format!("this.{name} is read, but nothing sets it: {where_}{near}"));
        }
    }
}

impl Properties {
    fn visit(&mut self, function: &Function, node: &Node<'_, '_>) {
        if function.name == "state" {
            if let Some(Expr::Map(entries, _)) = node.expr()
                && node.above.len() <= 2
            {
                self.literals += 1;
                self.set.extend(entries.0.iter().map(|(name, _)| name.name.to_string()));
            }
            return;
        }
        let Some(callback) = function.callback() else {
            // In a method `this` is what it was called on.
            self.unknown |= matches!(node.expr(), Some(Expr::ThisPtr(_))) && !node.is_owner();
            if let Some((name, _)) = assigned(node.node) {
                self.set.insert(name);
            }
            return;
        };
        if let Some((name, op)) = assigned(node.node) {
            if !op {
                self.set.insert(name);
            }
            return;
        }
        let Some(expression) = node.expr() else { return };
        match expression {
            Expr::ThisPtr(position) if matches!(callback, Callback::Info | Callback::Init) => {
                let text =
                    format!("{} has no `this`: the state begins with state()", function.name);
                self.outside.push((*position, text));
            }
            // `this` as a whole: kept, passed on, or set.
            Expr::ThisPtr(_) if !node.is_owner() => self.unknown = true,
            Expr::Dot(parts, ..) | Expr::Index(parts, ..)
                if matches!(parts.lhs, Expr::ThisPtr(_)) =>
            {
                match member(expression) {
                    Some((name, position)) if !is_target(node.parent(), expression) => {
                        self.read.push((name.to_string(), position));
                    }
                    Some(_) => {}
                    // A method of `this`, or an index that is computed.
                    None => self.unknown = true,
                }
            }
            _ => {}
        }
    }
}

/// The property of `this` that a statement sets, and whether it needs to be there before.
fn assigned(node: &ASTNode<'_>) -> Option<(String, bool)> {
    let ASTNode::Stmt(Stmt::Assignment(parts)) = node else { return None };
    let (Expr::Dot(target, ..) | Expr::Index(target, ..)) = &parts.1.lhs else { return None };
    if !matches!(target.lhs, Expr::ThisPtr(_)) {
        return None;
    }
    // `this.a.b = x` sets nothing but a part of what must be there.
    let whole = matches!(target.rhs, Expr::Property(..) | Expr::StringConstant(..));
    let (name, _) = member(&parts.1.lhs)?;
    Some((name.to_string(), parts.0.is_op_assignment() || !whole))
}

/// Whether the expression is set, and not read, by the statement that it stands in.
fn is_target(parent: Option<&ASTNode<'_>>, expression: &Expr) -> bool {
    let Some(ASTNode::Stmt(Stmt::Assignment(parts))) = parent else { return false };
    let plain = match expression {
        Expr::Dot(target, ..) | Expr::Index(target, ..) => {
            matches!(target.rhs, Expr::Property(..) | Expr::StringConstant(..))
        }
        _ => false,
    };
    plain && !parts.0.is_op_assignment() && std::ptr::eq(&raw const parts.1.lhs, expression)
}
