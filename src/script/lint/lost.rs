//! Changes of copies that are never read: of the value of a variable or a loop, and after a call in a chain.

use super::copies::change;
use super::walk::{Function, Script, Warn, variable};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::BTreeMap;

/// Methods of native objects that change them and return a copy.
const ANSWERING: &[&str] =
    &["push", "extend", "push_front", "merge", "subtract", "move_to", "resize"];

pub(super) fn check(script: &Script<'_>, warn: &mut Warn<'_>) {
    chains(script, warn);
    variables(script, warn);
}

/// `this.window.push(1).push(2)`: the second changes the copy that the first returns.
fn chains(script: &Script<'_>, warn: &mut Warn<'_>) {
    script.visit(&mut |_, node| {
        let Some(chain @ (Expr::Dot(..) | Expr::Index(..))) = node.expr() else { return };
        let inside = matches!(node.parent(), Some(ASTNode::Expr(Expr::Dot(parts, ..) | Expr::Index(parts, ..)))
            if std::ptr::eq(&raw const parts.rhs, chain));
        if inside {
            return;
        }
        let (mut links, mut rest) = (Vec::new(), chain);
        while let Expr::Dot(parts, ..) | Expr::Index(parts, ..) = rest {
            links.push(&parts.lhs);
            rest = &parts.rhs;
        }
        links.push(rest);
        let kept = matches!(links[0], Expr::ThisPtr(_)) || variable(links[0]).is_some();
        let mut changes = links.iter().filter_map(|link| match link {
            Expr::MethodCall(call, position) if ANSWERING.contains(&call.name.as_str()) => {
                Some((call.name.as_str(), *position))
            }
            _ => None,
        });
        if let (true, Some((first, _)), Some((second, position))) =
            (kept, changes.next(), changes.next())
        {
            warn(
                position,
                format!(
                    "{second} changes the copy that {first} returns, and the copy is lost: write two statements"
                ),
            );
        }
    });
}

/// The value of a variable, and its uses.
struct Copy {
    from: String,
    is_loop: bool,
    changed: Option<Position>,
    used: bool,
    /// Declared once: a second variable of that name would be another one.
    declared: usize,
}

/// `let w = this.window; w.push(x);` where nothing else is done with `w`.
fn variables(script: &Script<'_>, warn: &mut Warn<'_>) {
    let mut copies: BTreeMap<(String, String), Copy> = BTreeMap::new();
    let key = |function: &Function, name: &str| {
        (format!("{}/{}", function.name, function.params.len()), name.to_owned())
    };
    script.visit(&mut |function, node| {
        let Some(function) = function else { return };
        let (name, from, is_loop) = match node.node {
            ASTNode::Stmt(Stmt::Var(parts, ..)) => {
                (parts.0.name.to_string(), place(&parts.1), false)
            }
            ASTNode::Stmt(Stmt::For(parts, _)) => {
                (parts.0.name.to_string(), place(&parts.2.expr), true)
            }
            _ => return,
        };
        let known = copies.entry(key(function, &name));
        let copy = known.or_insert(Copy {
            from: String::new(),
            is_loop,
            changed: None,
            used: false,
            declared: 0,
        });
        copy.declared += 1;
        copy.from = from.unwrap_or_default();
    });
    script.visit(&mut |function, node| {
        let (Some(function), Some(expression)) = (function, node.expr()) else { return };
        let Some(name) = variable(expression) else { return };
        let Some(copy) = copies.get_mut(&key(function, name)) else { return };
        match change(node) {
            Some(position) => drop(copy.changed.get_or_insert(position)),
            None => copy.used = true,
        }
    });
    for ((_, name), copy) in &copies {
        let Copy { from, is_loop, changed: Some(position), used: false, declared: 1 } = copy else {
            continue;
        };
        if from.is_empty() {
            continue;
        }
        let text = match is_loop {
            true => format!(
                "'{name}' is a copy of an element of {from}, and the change is lost: loop over 0..{from}.len() and change {from}[i]"
            ),
            false => format!(
                "'{name}' is a copy of {from}, and the change is lost: change {from} itself, or set {from} = {name}"
            ),
        };
        warn(*position, text);
    }
}

/// A place that holds a value, as the script writes it: `this.a.b`, `this.a["b"]`.
fn place(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Dot(parts, ..) => Some(format!("{}.{}", root(&parts.lhs)?, links(&parts.rhs)?)),
        Expr::Index(parts, ..) => Some(format!("{}[{}", root(&parts.lhs)?, indexed(&parts.rhs)?)),
        _ => None,
    }
}

fn root(expression: &Expr) -> Option<String> {
    match expression {
        Expr::ThisPtr(_) => Some("this".into()),
        other => place(other),
    }
}

fn links(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Property(property, _) => Some(property.2.to_string()),
        Expr::Dot(parts, ..) => Some(format!("{}.{}", links(&parts.lhs)?, links(&parts.rhs)?)),
        Expr::Index(parts, ..) => Some(format!("{}[{}", links(&parts.lhs)?, indexed(&parts.rhs)?)),
        _ => None,
    }
}

fn indexed(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringConstant(text, _) => Some(format!("\"{text}\"]")),
        Expr::IntegerConstant(int, _) => Some(format!("{int}]")),
        other => Some(format!("{}]", variable(other)?)),
    }
}
