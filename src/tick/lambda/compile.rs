//! Expressions of a script compiled into nodes.

use super::functions::{Function, MAX_ARGUMENTS};
use super::node::Node;
use super::operators::{mismatch, result_kind};
use super::{Value, Variables};
use crate::tick::error::{Result, TickText};
use crate::tick::syntax::ast::{Call, Expr, ExprKind};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// The most parts of an expression, its variables included.
const MAX_PARTS: usize = 10_000;

/// How deep an expression may be nested, its variables included.
const MAX_DEPTH: usize = 250;

/// Compiles one expression.
pub(super) struct Compiler<'c> {
    source: &'c TickText<'c>,
    variables: Variables<'c>,
    references: Vec<Rc<str>>,
    nodes: usize,
    depth: usize,
}

impl<'c> Compiler<'c> {
    /// Begins with nothing compiled.
    pub(super) fn of(source: &'c TickText<'c>, variables: Variables<'c>) -> Self {
        Self { source, variables, references: Vec::new(), nodes: 0, depth: 0 }
    }

    /// Compiles a whole expression; returns it with the fields and tags that it reads.
    pub(super) fn whole(mut self, expr: &Expr) -> Result<(Node, Vec<Rc<str>>)> {
        let root = self.compile(expr)?;
        Ok((root, self.references))
    }

    fn compile(&mut self, expr: &Expr) -> Result<Node> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_PARTS || self.depth > MAX_DEPTH {
            return Err(self
                .source
                .error(expr.at, "the expression is too large, with its variables"));
        }
        let node = self.node(expr)?;
        self.depth -= 1;
        Ok(node)
    }

    fn node(&mut self, expr: &Expr) -> Result<Node> {
        Ok(match &expr.kind {
            ExprKind::Bool(v) => Node::Constant(Value::Bool(*v)),
            ExprKind::Int(v) => Node::Constant(Value::Int(*v)),
            ExprKind::Float(v) => Node::Constant(Value::Float(*v)),
            ExprKind::Duration(v) => Node::Constant(Value::Duration(*v)),
            ExprKind::String(v) => Node::Constant(Value::String(Cow::Owned(v.to_string()))),
            ExprKind::Regex(v) => Node::Constant(Value::Regex(Rc::clone(v))),
            ExprKind::Reference(name) => {
                if !self.references.contains(name) {
                    self.references.push(Rc::clone(name));
                }
                Node::Reference(Rc::clone(name))
            }
            ExprKind::Ident(name) => self.variable(name, expr.at)?,
            ExprKind::Lambda(body) => {
                Node::Nested(Box::new(self.compile(body)?), RefCell::default())
            }
            ExprKind::Unary(unary, operand) => {
                Node::Unary(*unary, Box::new(self.compile(operand)?))
            }
            ExprKind::Binary(operator, left, right) => {
                let node = Node::Binary(
                    *operator,
                    Box::new(self.compile(left)?),
                    Box::new(self.compile(right)?),
                );
                check_constants(&node)
                    .map_err(|error| self.source.error(expr.at, error.to_string()))?;
                node
            }
            ExprKind::Call(call) => self.call(call)?,
            ExprKind::Star | ExprKind::List(_) | ExprKind::Chain(..) | ExprKind::Property(..) => {
                return Err(self.source.error(expr.at, "this cannot stand in an expression"));
            }
        })
    }

    /// Compiles the expression that a variable holds.
    fn variable(&mut self, name: &str, at: usize) -> Result<Node> {
        let Some(kind) = (self.variables)(name) else {
            let hint = format!("a field is written \"{name}\", a string '{name}'");
            return Err(self.source.error(at, format!("there is no variable {name}; {hint}")));
        };
        if matches!(kind, ExprKind::Ident(_)) {
            return Err(self.source.error(at, format!("{name} is not a value")));
        }
        self.compile(&Expr::leaf(kind, at))
    }

    fn call(&mut self, call: &Call) -> Result<Node> {
        let Some(function) = Function::named(&call.name) else {
            let message =
                format!("there is no function {}(); there are {}", call.name, Function::names());
            return Err(self.source.error(call.at, message));
        };
        if call.arguments.len() > MAX_ARGUMENTS {
            let message = format!("{}() has too many arguments", call.name);
            return Err(self.source.error(call.at, message));
        }
        let arguments = call.arguments.iter().map(|a| self.compile(a)).collect::<Result<_>>()?;
        Ok(Node::Call(function, Rc::clone(&call.name), arguments))
    }
}

/// Refuses an operator whose operands are of constant types that it does not take.
fn check_constants(node: &Node) -> Result<()> {
    let Node::Binary(operator, left, right) = node else { return Ok(()) };
    match (left.constant_kind(), right.constant_kind()) {
        (Some(l), Some(r)) if !left.dynamic() && !right.dynamic() => {
            result_kind(*operator, l, r).map(|_| ()).ok_or_else(|| mismatch(*operator, l, r))
        }
        _ => Ok(()),
    }
}
