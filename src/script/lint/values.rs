//! Expressions of constants that are not what they look like.

use super::walk::{Script, Warn};
use rhai::{ASTNode, Expr};

pub(super) fn check(script: &Script<'_>, warn: &mut Warn<'_>) {
    script.visit(&mut |_, node| match node.node {
        ASTNode::Expr(Expr::FnCall(call, position)) if call.op_token.is_some() => {
            let [Expr::IntegerConstant(a, _), Expr::IntegerConstant(b, _)] = &*call.args else {
                return;
            };
            match call.name.as_str() {
                "/" if *b != 0 && a % b != 0 => warn(
                    *position,
                    format!("{a} / {b} is {}: both are ints; write {a}.0 / {b}", a / b),
                ),
                "%" if *a < 0 && *b != 0 && a % b != 0 => warn(
                    *position,
                    format!(
                        "{a} % {b} is {}: a remainder has the sign of its left side",
                        a.wrapping_rem(*b)
                    ),
                ),
                _ => {}
            }
        }
        _ => {}
    });
}
