//! Lambda expressions: compiled once, evaluated on each point.
//!
//! The types follow the daemon (`tick/stateful`): ints and floats may be compared but not added,
//! comparisons are truth values whatever they compare, so that `isPresent("x") AND "x" > 1.0`
//! never looks at a missing `x`, and all calls of `sigma` in one expression share one state.

pub mod functions;
mod operators;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use regex::Regex;

use crate::tick::error::{Result, TickError, TickText};
use crate::tick::lambda::functions::{Function, MAX_ARGUMENTS, State};
use crate::tick::lambda::operators::{apply, mismatch, result_kind};
use crate::tick::syntax::ast::{Expr, ExprKind, Unary};
use crate::tick::syntax::lexer::Operator;

/// A value of a lambda expression.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A field or tag that the point does not have.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A string.
    String(Cow<'a, str>),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A time in nanoseconds since the epoch.
    Time(i64),
    /// A regular expression.
    Regex(Rc<Regex>),
}

/// The type of a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Missing,
    Bool,
    Int,
    Float,
    String,
    Duration,
    Time,
    Regex,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Time => "time",
            Self::Regex => "regex",
        })
    }
}

impl Value<'_> {
    /// Returns the type.
    pub fn kind(&self) -> Type {
        match self {
            Self::Missing => Type::Missing,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::String(_) => Type::String,
            Self::Duration(_) => Type::Duration,
            Self::Time(_) => Type::Time,
            Self::Regex(_) => Type::Regex,
        }
    }

    /// Returns the value with its text copied.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Missing => Value::Missing,
            Self::Bool(v) => Value::Bool(v),
            Self::Int(v) => Value::Int(v),
            Self::Float(v) => Value::Float(v),
            Self::String(v) => Value::String(Cow::Owned(v.into_owned())),
            Self::Duration(v) => Value::Duration(v),
            Self::Time(v) => Value::Time(v),
            Self::Regex(v) => Value::Regex(v),
        }
    }
}

/// What an expression sees: a point's fields, tags and time.
pub trait Scope {
    /// Returns a field or tag, [`Value::Missing`] if there is neither.
    ///
    /// # Errors
    /// A name that is both a field and a tag.
    fn get(&self, name: &str) -> Result<Value<'_>>;

    /// Returns the time, in nanoseconds since the epoch.
    fn time(&self) -> i64;
}

/// A scope without fields and tags, for expressions outside of lambdas.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoScope;

impl Scope for NoScope {
    fn get(&self, name: &str) -> Result<Value<'_>> {
        Err(TickError::Evaluate(format!("\"{name}\" has no value outside of a lambda")))
    }

    fn time(&self) -> i64 {
        0
    }
}

/// A compiled lambda expression, without the state of its functions.
#[derive(Debug)]
pub struct Lambda {
    root: Node,
    references: Vec<Rc<str>>,
}

#[derive(Debug)]
enum Node {
    Constant(Value<'static>),
    Reference(Rc<str>),
    Unary(Unary, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Rc<str>, Vec<Node>),
    /// A lambda held by a variable: its functions have a state of their own.
    Nested(Box<Node>, RefCell<State>),
}

/// Resolves variables to the expressions that stand for them.
pub type Variables<'v> = &'v dyn Fn(&str) -> Option<ExprKind>;

impl Lambda {
    /// Compiles an expression.
    ///
    /// # Errors
    /// An unknown function or variable, and whatever cannot stand in an expression.
    pub fn compile(expr: &Expr, source: &TickText<'_>, variables: Variables<'_>) -> Result<Self> {
        let mut compiler =
            Compiler { source, variables, references: Vec::new(), nodes: 0, depth: 0 };
        let root = compiler.compile(expr)?;
        let references = compiler.references;
        Ok(Self { root, references })
    }

    /// Returns the fields and tags it reads.
    pub fn references(&self) -> &[Rc<str>] {
        &self.references
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// A missing value or types that do not fit.
    pub fn eval<'a>(&'a self, scope: &'a dyn Scope, state: &mut State) -> Result<Value<'a>> {
        self.root.kind(scope)?;
        match self.root.eval(scope, state)? {
            Value::Missing => Err(missing(&self.root)),
            value => Ok(value),
        }
    }

    /// Evaluates the expression as a condition.
    ///
    /// # Errors
    /// As [`Lambda::eval`], and a value that is not a bool.
    pub fn test(&self, scope: &dyn Scope, state: &mut State) -> Result<bool> {
        match self.eval(scope, state)? {
            Value::Bool(value) => Ok(value),
            value => Err(TickError::Evaluate(format!(
                "{} is a {}, expected a bool",
                self.root,
                value.kind()
            ))),
        }
    }
}

/// The most parts of an expression, variables in it included.
const MAX_PARTS: usize = 10_000;

/// How deep parts may lie in each other, variables in it included.
const MAX_DEPTH: usize = 250;

struct Compiler<'c> {
    source: &'c TickText<'c>,
    variables: Variables<'c>,
    references: Vec<Rc<str>>,
    nodes: usize,
    depth: usize,
}

impl Compiler<'_> {
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
            ExprKind::Ident(name) => {
                let Some(kind) = (self.variables)(name) else {
                    let hint = format!("a field is written \"{name}\", a string '{name}'");
                    return Err(self
                        .source
                        .error(expr.at, format!("there is no variable {name}; {hint}")));
                };
                if matches!(kind, ExprKind::Ident(_)) {
                    return Err(self.source.error(expr.at, format!("{name} is not a value")));
                }
                self.compile(&Expr::leaf(kind, expr.at))?
            }
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
            ExprKind::Call(call) => {
                let Some(function) = Function::named(&call.name) else {
                    let message = format!(
                        "there is no function {}(); there are {}",
                        call.name,
                        Function::names()
                    );
                    return Err(self.source.error(call.at, message));
                };
                if call.arguments.len() > MAX_ARGUMENTS {
                    let message = format!("{}() has too many arguments", call.name);
                    return Err(self.source.error(call.at, message));
                }
                let arguments =
                    call.arguments.iter().map(|a| self.compile(a)).collect::<Result<_>>()?;
                Node::Call(function, Rc::clone(&call.name), arguments)
            }
            ExprKind::Star | ExprKind::List(_) | ExprKind::Chain(..) | ExprKind::Property(..) => {
                return Err(self.source.error(expr.at, "this cannot stand in an expression"));
            }
        })
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

impl Node {
    /// Returns the type if it is known without a point.
    fn constant_kind(&self) -> Option<Type> {
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
    fn dynamic(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Reference(_) | Self::Call(..) => true,
            Self::Unary(_, node) | Self::Nested(node, _) => node.dynamic(),
            Self::Binary(_, left, right) => left.dynamic() || right.dynamic(),
        }
    }

    /// Returns the type on a point, checking all that is needed for it and no more.
    fn kind(&self, scope: &dyn Scope) -> Result<Type> {
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

    fn eval<'a>(&'a self, scope: &'a dyn Scope, state: &mut State) -> Result<Value<'a>> {
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

fn missing(node: &Node) -> TickError {
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
