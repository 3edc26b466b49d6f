//! Which operand was `()` when an operator failed.

use super::walk::{member, variable};
use rhai::{AST, ASTNode, Expr, Position, Stmt};

/// The text of the operand that was `()`: `signature` is that of the operator that was not found, such as
/// `+ ((), i64)`, and `place` its line and column.
pub(in crate::script) fn operand(
    ast: &AST,
    place: (usize, usize),
    signature: &str,
) -> Option<String> {
    let (_, types) = signature.split_once(" (")?;
    let at =
        types.trim_end_matches(')').split(", ").position(|kind| kind == "()" || kind == "(")?;
    let at_place =
        |here: Position| here.line() == Some(place.0) && here.position() == Some(place.1);
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let operands: Option<&Expr> = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, here))) if at_place(*here) => call.args.get(at),
            Some(ASTNode::Stmt(Stmt::FnCall(call, here))) if at_place(*here) => call.args.get(at),
            Some(ASTNode::Stmt(Stmt::Assignment(parts))) if at_place(parts.0.position()) => {
                Some(if at == 0 { &parts.1.lhs } else { &parts.1.rhs })
            }
            _ => None,
        };
        found = operands.and_then(text);
        found.is_none()
    });
    found
}

/// An operand as the script writes it, if that is short.
fn text(expression: &Expr) -> Option<String> {
    if let Some(name) = variable(expression) {
        return Some(name.to_owned());
    }
    let (Expr::Dot(parts, ..) | Expr::Index(parts, ..)) = expression else { return None };
    let owner = match &parts.lhs {
        Expr::ThisPtr(_) => "this",
        other => variable(other)?,
    };
    let (name, _) = member(expression)?;
    Some(match expression {
        Expr::Index(..) => format!("{owner}[\"{name}\"]"),
        _ => format!("{owner}.{name}"),
    })
}
