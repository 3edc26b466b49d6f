//! The parts of an expression: their types and values on a point.

use super::functions::{Function, MAX_ARGUMENTS};
use super::operators::{apply, mismatch, result_kind};
use super::{Scope, State, Type, Value};
use crate::tick::error::{Result, TickError};
use crate::tick::syntax::ast::Unary;
use crate::tick::syntax::lexer::Operator;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Value<'static>),
    Reference(Rc<str>),
    Unary(Unary, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Rc<str>, Vec<Node>),
    /// A lambda held by a variable: its functions have a state of their own.
    Nested(Box<Node>, RefCell<State>),
}

impl Node {
    /// Returns the type if it is known without a point.
    pub(super) fn constant_kind(&self) -> Option<Type> {
        match self {
            Self::Constant(value) => Some(value.kind()),
            Self::Reference(_) | Self::Call(..) => None,
            Self::Unary(Unary::Not, _) => Some(Type::Bool),
            Self::Unary(Unary::Minus, node) | Self::Nested(node, _) => node.constant_kind(),
            Self::Binary(operator, ..) if !operator.is_math() => Some(Type::Bool),
            Self::Binary(operator, left, right) => {
                result_kind(*operator, left.constant_kind()?, right.constant_kind()?)
            }
        }
    }

    /// Tells whether a value may only be known with a point.
    pub(super) fn dynamic(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Reference(_) | Self::Call(..) => true,
            Self::Unary(_, node) | Self::Nested(node, _) => node.dynamic(),
            Self::Binary(_, left, right) => left.dynamic() || right.dynamic(),
        }
    }

    /// Tells whether a function of it remembers what it was given.
    pub(super) fn remembers(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Reference(_) | Self::Nested(..) => false,
            Self::Unary(_, node) => node.remembers(),
            Self::Binary(_, left, right) => left.remembers() || right.remembers(),
            Self::Call(function, _, arguments) => {
                function.remembers() || arguments.iter().any(Self::remembers)
            }
        }
    }

    /// Collects the states of the lambdas that variables hold.
    pub(super) fn own_states<'n>(&'n self, states: &mut Vec<&'n RefCell<State>>) {
        match self {
            Self::Constant(_) | Self::Reference(_) => {}
            Self::Unary(_, node) => node.own_states(states),
            Self::Binary(_, left, right) => {
                left.own_states(states);
                right.own_states(states);
            }
            Self::Call(_, _, arguments) => arguments.iter().for_each(|a| a.own_states(states)),
            Self::Nested(node, own) => {
                states.push(own);
                node.own_states(states);
            }
        }
    }

    /// Returns the type on a point, checking all that is needed for it and no more.
    pub(super) fn kind(&self, scope: &dyn Scope) -> Result<Type> {
        Ok(match self {
            Self::Constant(value) => value.kind(),
            Self::Reference(name) if &**name == "time" => Type::Time,
            Self::Reference(name) => scope.get(name)?.kind(),
            Self::Unary(Unary::Not, _) => Type::Bool,
            Self::Unary(Unary::Minus, node) | Self::Nested(node, _) => node.kind(scope)?,
            Self::Binary(operator, ..) if !operator.is_math() => Type::Bool,
            Self::Binary(operator, left, right) => operand_kinds(*operator, left, right, scope)?,
            Self::Call(function, name, arguments) => {
                let mut kinds = [Type::Missing; MAX_ARGUMENTS];
                for (kind, argument) in kinds.iter_mut().zip(arguments) {
                    *kind = argument.kind(scope)?;
                }
                let kinds = &kinds[..arguments.len()];
                function
                    .result_kind(kinds)
                    .ok_or_else(|| wrong_call(*function, name, arguments, kinds))?
            }
        })
    }

    /// Evaluates it on a point.
    pub(super) fn eval<'a>(&'a self, scope: &'a dyn Scope, state: &mut State) -> Result<Value<'a>> {
        match self {
            Self::Constant(value) => Ok(match value {
                Value::String(text) => Value::String(Cow::Borrowed(text)),
                value => value.clone(),
            }),
            Self::Reference(name) if &**name == "time" => Ok(Value::Time(scope.time())),
            Self::Reference(name) => scope.get(name),
            Self::Unary(unary, node) => match (unary, node.eval(scope, state)?) {
                (Unary::Not, Value::Bool(v)) => Ok(Value::Bool(!v)),
                (Unary::Minus, Value::Int(v)) => Ok(Value::Int(v.wrapping_neg())),
                (Unary::Minus, Value::Float(v)) => Ok(Value::Float(-v)),
                (Unary::Minus, Value::Duration(v)) => Ok(Value::Duration(v.wrapping_neg())),
                (_, Value::Missing) => Err(missing(node)),
                (_, value) => {
                    let sign = unary_text(*unary);
                    Err(TickError::Evaluate(format!(
                        "{sign} cannot be applied to a {}",
                        value.kind()
                    )))
                }
            },
            Self::Binary(operator, left, right) => {
                if !operator.is_math() {
                    operand_kinds(*operator, left, right, scope)?;
                }
                let left = left.eval(scope, state)?;
                match (operator, &left) {
                    (Operator::And, Value::Bool(false)) | (Operator::Or, Value::Bool(true)) => {
                        Ok(left)
                    }
                    _ => apply(*operator, left, right.eval(scope, state)?),
                }
            }
            Self::Call(function, name, arguments) => {
                let mut values = [const { Value::Missing }; MAX_ARGUMENTS];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.eval(scope, state)?;
                }
                function
                    .call(&values[..arguments.len()], scope, state)
                    .map_err(|error| TickError::Evaluate(format!("{name}(): {error}")))
            }
            Self::Nested(node, own) => {
                let mut own = own.try_borrow_mut().map_err(|_| missing(node))?;
                node.eval(scope, &mut own)
            }
        }
    }
}

fn operand_kinds(operator: Operator, left: &Node, right: &Node, scope: &dyn Scope) -> Result<Type> {
    let (l, r) = (left.kind(scope)?, right.kind(scope)?);
    match (l, r) {
        (Type::Missing, _) => Err(missing(left)),
        (_, Type::Missing) => Err(missing(right)),
        _ => result_kind(operator, l, r).ok_or_else(|| mismatch(operator, l, r)),
    }
}

/// Makes the error of a value that the point does not have.
pub(super) fn missing(node: &Node) -> TickError {
    TickError::Evaluate(format!("{node} is missing: the point has no such field or tag"))
}

fn wrong_call(function: Function, name: &str, arguments: &[Node], kinds: &[Type]) -> TickError {
    let absent: Vec<_> = arguments
        .iter()
        .zip(kinds)
        .filter(|(_, kind)| **kind == Type::Missing)
        .map(|(argument, _)| argument.to_string())
        .collect();
    if !absent.is_empty() {
        return TickError::Evaluate(format!("{name}(): {} is missing", absent.join(", ")));
    }
    let given: Vec<_> =
        arguments.iter().zip(kinds).map(|(argument, kind)| format!("{argument}: {kind}")).collect();
    TickError::Evaluate(format!(
        "{name}({}) is not defined; it takes {}",
        given.join(", "),
        function.takes()
    ))
}

fn unary_text(unary: Unary) -> &'static str {
    match unary {
        Unary::Minus => "-",
        Unary::Not => "!",
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(Value::Bool(v)) => write!(f, "{}", if *v { "TRUE" } else { "FALSE" }),
            Self::Constant(Value::Int(v)) => write!(f, "{v}"),
            Self::Constant(Value::Float(v)) => write!(f, "{v:?}"),
            Self::Constant(Value::String(v)) => write!(f, "'{v}'"),
            Self::Constant(Value::Duration(v)) => {
                write!(f, "{}", crate::protocol::duration::influxql(*v))
            }
            Self::Constant(Value::Regex(v)) => write!(f, "/{v}/"),
            Self::Constant(Value::Time(v)) => write!(f, "{v}"),
            Self::Constant(Value::Missing) => write!(f, "missing"),
            Self::Reference(name) => write!(f, "\"{name}\""),
            Self::Unary(unary, node) => write!(f, "{}{node}", unary_text(*unary)),
            Self::Binary(operator, left, right) => write!(f, "{left} {} {right}", operator.text()),
            Self::Nested(node, _) => node.fmt(f),
            Self::Call(_, name, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
                write!(f, "{name}({})", arguments.join(", "))
            }
        }
    }
}
