//! Which points count: the condition of `WHERE`, and the values of expressions.

use super::query::Expression;
use super::{NotUnderstood, Row};
use crate::protocol::FieldValue;
use serde_json::Value as Json;
use std::cmp::Ordering;

/// A value while an expression is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// There is none.
    Missing,
    Number(f64),
    Text(String),
    Bool(bool),
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Missing => Self::Null,
            Value::Number(x) => x.into(),
            Value::Text(text) => text.into(),
            Value::Bool(flag) => flag.into(),
        }
    }
}

impl From<&FieldValue<'_>> for Value {
    fn from(value: &FieldValue<'_>) -> Self {
        match value {
            FieldValue::Double(x) => Self::Number(*x),
            FieldValue::Int(n) => Self::Number(*n as f64),
            FieldValue::Bool(flag) => Self::Bool(*flag),
            FieldValue::String(text) => Self::Text(text.to_string()),
        }
    }
}

/// Whether a condition holds for a point.
pub(super) fn holds(condition: &Expression, row: &Row) -> Result<bool, NotUnderstood> {
    match condition {
        Expression::Binary("AND", left, right) => Ok(holds(left, row)? && holds(right, row)?),
        Expression::Binary("OR", left, right) => Ok(holds(left, row)? || holds(right, row)?),
        Expression::Binary(sign @ ("=" | "!=" | "<" | "<=" | ">" | ">="), left, right) => {
            compare(sign, left, right, row)
        }
        Expression::Binary(sign @ ("=~" | "!~"), left, right) => {
            let Expression::Regex(regex) = &**right else {
                return Err(format!("{sign} takes a regular expression, as /^a/").into());
            };
            Ok(match operand(left, row) {
                Value::Text(text) => regex.is_match(&text) == (*sign == "=~"),
                _ => false,
            })
        }
        Expression::Bool(flag) => Ok(*flag),
        Expression::Name(_) => Ok(operand(condition, row) == Value::Bool(true)),
        _ => Err("WHERE takes comparisons, as host = 'a' AND x > 5".into()),
    }
}

fn compare(
    sign: &str,
    left: &Expression,
    right: &Expression,
    row: &Row,
) -> Result<bool, NotUnderstood> {
    if let (Expression::Time, time) | (time, Expression::Time) = (left, right) {
        let flipped = matches!(right, Expression::Time);
        let order = row.time.cmp(&literal_time(time)?);
        return Ok(fits(sign, if flipped { order.reverse() } else { order }));
    }
    let order = match (operand(left, row), operand(right, row)) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(&b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(&b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(&b)),
        _ => None,
    };
    Ok(order.is_some_and(|order| fits(sign, order)))
}

fn fits(sign: &str, order: Ordering) -> bool {
    match sign {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// The value of a name, a literal or arithmetic for a point. A tag that the point lacks is empty.
pub(super) fn operand(expression: &Expression, row: &Row) -> Value {
    match expression {
        Expression::Name(name) => match (row.fields.get(name), row.tags.get(name)) {
            (Some(value), _) => value.into(),
            (None, Some(tag)) => Value::Text(tag.clone()),
            (None, None) => Value::Missing,
        },
        Expression::Number(x) => Value::Number(*x),
        Expression::Text(text) => Value::Text(text.clone()),
        Expression::Bool(flag) => Value::Bool(*flag),
        Expression::Binary(sign, left, right) => {
            arithmetic(sign, &operand(left, row), &operand(right, row))
        }
        Expression::All | Expression::Time | Expression::Regex(_) | Expression::Call(..) => {
            Value::Missing
        }
    }
}

/// Two numbers with a sign between them; a division by 0 is 0, as InfluxDB has it.
pub(super) fn arithmetic(sign: &str, left: &Value, right: &Value) -> Value {
    let (Value::Number(a), Value::Number(b)) = (left, right) else { return Value::Missing };
    Value::Number(match sign {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if *b == 0.0 => 0.0,
        "/" => a / b,
        "%" if *b == 0.0 => 0.0,
        "%" => a % b,
        _ => return Value::Missing,
    })
}

/// A time as queries write it: a date in quotes, or nanoseconds.
pub(super) fn literal_time(expression: &Expression) -> Result<i64, NotUnderstood> {
    match expression {
        Expression::Text(text) => crate::protocol::time::read_utc(text)
            .or_else(|| crate::protocol::time::read_utc(&format!("{text} 00:00:00")))
            .ok_or_else(|| format!("'{text}' is not a time").into()),
        Expression::Number(ns) => Ok(*ns as i64),
        Expression::Binary(sign @ ("+" | "-"), left, right) => {
            let (left, right) = (literal_time(left)?, literal_time(right)?);
            Ok(if *sign == "+" { left.saturating_add(right) } else { left.saturating_sub(right) })
        }
        _ => {
            Err("time is compared with a date or with nanoseconds; leave the condition out, because the task adds the times of each query"
                .into())
        }
    }
}
