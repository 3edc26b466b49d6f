//! Options that are read and not declared, or declared and not read.

use super::walk::{Script, Warn, head, variable};
use crate::nearest::did_you_mean;
use crate::script::declaration::Declaration;
use rhai::{Expr, Position};
use std::collections::BTreeSet;

pub(super) fn check(script: &Script<'_>, declaration: &Declaration, warn: &mut Warn<'_>) {
    let names: BTreeSet<&str> =
        script.functions.iter().filter_map(|function| function.options()).collect();
    let mut read: Vec<(String, Position)> = Vec::new();
    // Whether some are read by a name that is only known when the script runs.
    let mut any = false;
    script.visit(&mut |function, node| {
        let Some(expression) = node.expr() else { return };
        let options = |owner: &Expr| {
            variable(owner).is_some_and(|name| {
                names.contains(name)
                    && function.is_some_and(|f| f.params.iter().any(|param| param == name))
            })
        };
        match expression {
            Expr::Dot(parts, ..) if options(&parts.lhs) => match head(&parts.rhs) {
                Expr::Property(property, position) => {
                    read.push((property.2.to_string(), *position))
                }
                _ => any = true,
            },
            Expr::Index(parts, ..) if options(&parts.lhs) => match head(&parts.rhs) {
                Expr::StringConstant(text, position) => read.push((text.to_string(), *position)),
                _ => any = true,
            },
            owner if options(owner) && !node.is_owner() => any = true,
            _ => {}
        }
    });
    for (name, position) in &read {
        if !declaration.options.contains_key(name) {
            let known = declaration.options.keys().map(String::as_str);
            let near = did_you_mean(name, known);
            warn(*position, format!("info() declares no option '{name}'{near}"));
        }
    }
    if any {
        return;
    }
    for name in declaration.options.keys() {
        if !read.iter().any(|(other, _)| other == name) {
            warn(Position::NONE, format!("option '{name}' is declared in info(), but never read"));
        }
    }
}
