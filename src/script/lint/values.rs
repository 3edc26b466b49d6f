//! Arithmetic with ints that gives other results than in Python.

use super::kinds::{Kind, Options, kind_of};
use super::walk::{Function, Script, Warn, variable};
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::BTreeMap;

/// The ints that constants of the top level stand for.
type Constants = BTreeMap<String, i64>;

pub(super) fn check(script: &Script<'_>, options: Options<'_>, warn: &mut Warn<'_>) {
    let constants = constants(script);
    script.visit(&mut |function, node| match node.node {
        ASTNode::Expr(Expr::FnCall(call, position)) if call.op_token.is_some() => {
            look(call, *position, function, options, &constants, warn);
        }
        _ => {}
    });
}

fn constants(script: &Script<'_>) -> Constants {
    let names = script.constants();
    let mut constants = Constants::new();
    script.visit(&mut |function, node| {
        if let ASTNode::Stmt(Stmt::Var(parts, flags, _)) = node.node
            && function.is_none()
            && flags.intersects(ASTFlags::CONSTANT)
            && names.contains(parts.0.name.as_str())
            && let Some(int) = int(&parts.1, &Constants::new())
        {
            constants.insert(parts.0.name.to_string(), int);
        }
    });
    constants
}

/// The int that an expression is.
fn int(expression: &Expr, constants: &Constants) -> Option<i64> {
    match expression {
        Expr::IntegerConstant(int, _) => Some(*int),
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name.as_str() == "-" => {
            let [operand] = &*call.args else { return None };
            int(operand, constants)?.checked_neg()
        }
        other => constants.get(variable(other)?).copied(),
    }
}

fn look(
    call: &FnCallExpr,
    position: Position,
    function: Option<&Function>,
    options: Options<'_>,
    constants: &Constants,
    warn: &mut Warn<'_>,
) {
    let [left, right] = &*call.args else { return };
    let Some(a) = int(left, constants) else { return };
    let name = call.name.as_str();
    let Some(b) = int(right, constants) else {
        let kind = kind_of(right, function, options);
        if let ("/", 1, Some((what, Kind::Int))) = (name, a, kind) {
            warn(
                position,
                format!(
                    "1 / {what} is 0 for every {what} above 1: both are ints; write 1.0 / {what}"
                ),
            );
        }
        return;
    };
    // The smallest int divided by -1 does not fit into an int, and a division by 0 fails.
    let (Some(quotient), Some(rest)) = (a.checked_div(b), a.checked_rem(b)) else { return };
    match name {
        "/" if rest != 0 => {
            warn(position, format!("{a} / {b} is {quotient}: both are ints; write {a}.0 / {b}"))
        }
        "%" if rest != 0 && (a < 0) != (b < 0) => {
            let python = rest + b;
            warn(
                position,
                format!(
                    "{a} % {b} is {rest}: a remainder has the sign of its left side; for {python} write \
                     (({a} % {b}) + {b}) % {b}"
                ),
            );
        }
        _ => {}
    }
}
