//! The operators of two operands: on which types they are defined, and what they give.
//!
//! Ints and floats compare with each other but do not mix in sums; integers wrap around, as Go's do.

use crate::tick::error::{Result, TickError};
use crate::tick::lambda::{Type, Value};
use crate::tick::syntax::lexer::Operator;

/// Returns the type of an operator's result, `None` where it is not defined.
pub(crate) fn result_kind(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Operator::*;
    use Type::{Bool, Duration, Float, Int, Regex, String};
    Some(match (operator, left, right) {
        (And | Or | Equal | NotEqual, Bool, Bool) => Bool,
        (Matches | MatchesNot, String, Regex) => Bool,
        (
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual,
            Int | Float,
            Int | Float,
        )
        | (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, String, String)
        | (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, Duration, Duration) => {
            Bool
        }
        (Plus | Minus | Multiply | Divide, Float, Float) => Float,
        (Plus | Minus | Multiply | Divide | Modulo, Int, Int) => Int,
        (Plus | Minus, Duration, Duration) => Duration,
        (Multiply, Duration, Int | Float) | (Multiply, Int | Float, Duration) => Duration,
        (Divide, Duration, Int | Float) => Duration,
        (Divide, Duration, Duration) => Int,
        (Plus, String, String) => String,
        _ => return None,
    })
}

/// Applies an operator to two values.
pub(crate) fn apply<'a>(
    operator: Operator,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>> {
    use Operator::*;
    use Value::{Bool, Duration, Float, Int, Regex, String};
    let by_zero = || TickError::Evaluate("division by zero".to_owned());
    Ok(match (operator, left, right) {
        (And, Bool(l), Bool(r)) => Bool(l && r),
        (Or, Bool(l), Bool(r)) => Bool(l || r),
        (Equal, Bool(l), Bool(r)) => Bool(l == r),
        (NotEqual, Bool(l), Bool(r)) => Bool(l != r),
        (Matches, String(l), Regex(r)) => Bool(r.is_match(&l)),
        (MatchesNot, String(l), Regex(r)) => Bool(!r.is_match(&l)),
        (Plus, String(l), String(r)) => String(l + r),
        (Plus, Float(l), Float(r)) => Float(l + r),
        (Minus, Float(l), Float(r)) => Float(l - r),
        (Multiply, Float(l), Float(r)) => Float(l * r),
        (Divide, Float(l), Float(r)) => Float(l / r),
        (Plus, Int(l), Int(r)) => Int(l.wrapping_add(r)),
        (Minus, Int(l), Int(r)) => Int(l.wrapping_sub(r)),
        (Multiply, Int(l), Int(r)) => Int(l.wrapping_mul(r)),
        (Divide, Int(_), Int(0)) | (Modulo, Int(_), Int(0)) => return Err(by_zero()),
        (Divide, Int(l), Int(r)) => Int(l.wrapping_div(r)),
        (Modulo, Int(l), Int(r)) => Int(l.wrapping_rem(r)),
        (Plus, Duration(l), Duration(r)) => Duration(l.wrapping_add(r)),
        (Minus, Duration(l), Duration(r)) => Duration(l.wrapping_sub(r)),
        (Multiply, Duration(l), Int(r)) | (Multiply, Int(l), Duration(r)) => {
            Duration(l.wrapping_mul(r))
        }
        (Multiply, Duration(l), Float(r)) | (Multiply, Float(r), Duration(l)) => {
            Duration((l as f64 * r) as i64)
        }
        (Divide, Duration(_), Int(0) | Duration(0)) => return Err(by_zero()),
        (Divide, Duration(l), Int(r)) => Duration(l.wrapping_div(r)),
        (Divide, Duration(l), Float(r)) => Duration((l as f64 / r) as i64),
        (Divide, Duration(l), Duration(r)) => Int(l.wrapping_div(r)),
        (operator, left, right) => Bool(compare(operator, &left, &right)?),
    })
}

/// Compares two values of kinds that have an order between them.
fn compare(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Result<bool> {
    use Operator::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    use Value::{Duration, Float, Int, Missing, String};
    let order = match (left, right) {
        (Int(l), Int(r)) | (Duration(l), Duration(r)) => l.partial_cmp(r),
        (Float(l), Float(r)) => l.partial_cmp(r),
        (Int(l), Float(r)) => (*l as f64).partial_cmp(r),
        (Float(l), Int(r)) => l.partial_cmp(&(*r as f64)),
        (String(l), String(r)) => l.partial_cmp(r),
        (Missing, _) | (_, Missing) => {
            return Err(TickError::Evaluate("a value is missing".to_owned()));
        }
        _ => return Err(mismatch(operator, left.kind(), right.kind())),
    };
    Ok(match operator {
        Equal => order.is_some_and(|o| o.is_eq()),
        NotEqual => !order.is_some_and(|o| o.is_eq()),
        Less => order.is_some_and(|o| o.is_lt()),
        LessEqual => order.is_some_and(|o| o.is_le()),
        Greater => order.is_some_and(|o| o.is_gt()),
        GreaterEqual => order.is_some_and(|o| o.is_ge()),
        _ => return Err(mismatch(operator, left.kind(), right.kind())),
    })
}

/// Makes the error of an operator that does not take two types.
pub(crate) fn mismatch(operator: Operator, left: Type, right: Type) -> TickError {
    let text = operator.text();
    TickError::Evaluate(format!(
        "a {left} {text} a {right} is not defined; convert one with bool(), int(), float(), string() or duration()"
    ))
}
