//! The numbers that an expression compares fields with, for pictures.

use super::Value;
use super::node::Node;
use crate::tick::syntax::ast::Unary;

impl Node {
    /// Adds the fields that are compared with a number, or whose amount is, and the numbers.
    pub(super) fn thresholds(&self, found: &mut Vec<(String, f64)>) {
        match self {
            Self::Constant(_) | Self::Reference(_) => {}
            Self::Unary(_, node) | Self::Nested(node, _) => node.thresholds(found),
            Self::Call(_, _, arguments) => arguments.iter().for_each(|node| node.thresholds(found)),
            Self::Binary(operator, left, right) => {
                left.thresholds(found);
                right.thresholds(found);
                if operator.is_order() {
                    let pairs = [(left, right), (right, left)];
                    for (field, number) in pairs {
                        if let Some(number) = number.constant_number() {
                            field.compared_with(number, found);
                        }
                    }
                }
            }
        }
    }

    fn compared_with(&self, number: f64, found: &mut Vec<(String, f64)>) {
        match self {
            Self::Reference(name) => found.push((name.to_string(), number)),
            Self::Nested(node, _) => node.compared_with(number, found),
            Self::Call(_, name, arguments) => match (&**name, arguments.as_slice()) {
                ("abs", [Self::Reference(field)]) => {
                    found.push((field.to_string(), number));
                    found.push((field.to_string(), -number));
                }
                ("float" | "int", [argument]) => argument.compared_with(number, found),
                _ => {}
            },
            _ => {}
        }
    }

    fn constant_number(&self) -> Option<f64> {
        match self {
            Self::Constant(Value::Int(number)) => Some(*number as f64),
            Self::Constant(Value::Float(number)) => Some(*number),
            Self::Unary(Unary::Minus, node) => Some(-node.constant_number()?),
            Self::Nested(node, _) => node.constant_number(),
            _ => None,
        }
    }
}
