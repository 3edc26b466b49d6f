//! The evaluation of a TICKscript's statements, which makes its nodes.

use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, NodeKind};
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::Edge;
use crate::tick::lambda::{Lambda, NoScope, State, Value};
use crate::tick::syntax::ast::{Call, Expr, ExprKind, Link, Statement, Unary};
use crate::tick::udf::{Udfs, there_are};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What has been evaluated so far.
pub(crate) struct Evaluator<'e> {
    pub(crate) source: &'e TickText<'e>,
    pub(crate) predefined: &'e BTreeMap<String, Object>,
    pub(crate) variables: BTreeMap<Rc<str>, Object>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) dbrps: Vec<(String, String)>,
    pub(crate) udfs: &'e mut dyn Udfs,
}

impl Evaluator<'_> {
    pub(crate) fn error(&self, at: usize, message: impl Into<String>) -> TickError {
        self.source.error(at, message)
    }

    pub(super) fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Dbrp { database, retention_policy } => {
                self.dbrps.push((database.to_string(), retention_policy.to_string()));
            }
            Statement::Declaration { name, at, value } => {
                if self.variables.contains_key(name) || matches!(&**name, "stream" | "batch") {
                    return Err(self
                        .error(*at, format!("{name} is already defined; variables are set once")));
                }
                let mut value = self.eval(value)?;
                if let Some(given) = self.predefined.get(&**name) {
                    if given.kind() != value.kind() {
                        let kinds = (given.kind(), value.kind());
                        let message = format!(
                            "{name} is given as a {}, the script has a {}",
                            kinds.0, kinds.1
                        );
                        return Err(self.error(*at, message));
                    }
                    value = given.clone();
                }
                self.variables.insert(Rc::clone(name), value);
            }
            Statement::TypeDeclaration { name, kind, at } => self.declare(name, kind, *at)?,
            Statement::Expression(expr) => {
                self.eval(expr)?;
            }
        }
        Ok(())
    }

    /// Refuses variables given from outside that the script does not declare.
    pub(super) fn check_predefined(&self) -> Result<()> {
        let unknown =
            self.predefined.keys().find(|name| !self.variables.contains_key(name.as_str()));
        let Some(name) = unknown else { return Ok(()) };
        let known = there_are(self.variables.keys().map(|known| &**known));
        Err(self.error(0, format!("the script does not declare a variable {name}{known}")))
    }

    fn declare(&mut self, name: &Rc<str>, kind: &str, at: usize) -> Result<()> {
        const TYPES: [&str; 9] =
            ["int", "float", "bool", "string", "regex", "duration", "lambda", "list", "star"];
        if !TYPES.contains(&kind) {
            return Err(
                self.error(at, format!("{kind} is no type; there are {}", TYPES.join(", ")))
            );
        }
        let Some(given) = self.predefined.get(&**name) else {
            return Err(
                self.error(at, format!("variable {name} has no value; give it one from outside"))
            );
        };
        if given.kind() != kind {
            return Err(
                self.error(at, format!("{name} is given as a {}, not a {kind}", given.kind()))
            );
        }
        self.variables.insert(Rc::clone(name), given.clone());
        Ok(())
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Object> {
        Ok(match &expr.kind {
            ExprKind::Bool(v) => Object::Bool(*v),
            ExprKind::Int(v) => Object::Int(*v),
            ExprKind::Float(v) => Object::Float(*v),
            ExprKind::Duration(v) => Object::Duration(*v),
            ExprKind::String(v) => Object::String(Rc::clone(v)),
            ExprKind::Regex(v) => Object::Regex(Rc::clone(v)),
            ExprKind::Star => Object::Star,
            ExprKind::Reference(name) => {
                let message = format!(
                    "a string stands in single quotes, '{name}'; \"{name}\" is a field or tag"
                );
                return Err(self.error(expr.at, message));
            }
            ExprKind::Ident(name) => self.variable(name, expr.at)?,
            ExprKind::List(items) => {
                Object::List(items.iter().map(|item| self.eval(item)).collect::<Result<_>>()?)
            }
            ExprKind::Lambda(body) => Object::Lambda(Rc::clone(body), Rc::new(self.lambda(body)?)),
            ExprKind::Unary(unary, operand) => match (unary, self.eval(operand)?) {
                (Unary::Minus, Object::Int(v)) => Object::Int(v.wrapping_neg()),
                (Unary::Minus, Object::Float(v)) => Object::Float(-v),
                (Unary::Minus, Object::Duration(v)) => Object::Duration(v.wrapping_neg()),
                (Unary::Not, Object::Bool(v)) => Object::Bool(!v),
                (_, other) => {
                    return Err(self
                        .error(expr.at, format!("this cannot be applied to a {}", other.kind())));
                }
            },
            ExprKind::Binary(..) => self.constant(expr)?,
            ExprKind::Call(call) => self.global(call)?,
            ExprKind::Chain(..) => self.chain(expr)?,
            ExprKind::Property(_, name) => {
                let message = format!(
                    "the value of .{name} cannot be read; put what it was set to into a variable"
                );
                return Err(self.error(expr.at, message));
            }
        })
    }

    pub(super) fn lambda(&self, body: &Expr) -> Result<Lambda> {
        let resolve = |name: &str| {
            Some(match self.variables.get(name)? {
                Object::Bool(v) => ExprKind::Bool(*v),
                Object::Int(v) => ExprKind::Int(*v),
                Object::Float(v) => ExprKind::Float(*v),
                Object::String(v) => ExprKind::String(Rc::clone(v)),
                Object::Duration(v) => ExprKind::Duration(*v),
                Object::Regex(v) => ExprKind::Regex(Rc::clone(v)),
                Object::Lambda(body, _) => ExprKind::Lambda(Rc::clone(body)),
                Object::Star => ExprKind::Star,
                Object::List(_) => ExprKind::List(Vec::new()),
                Object::Time(..) | Object::Node(_) | Object::Condition(_) => {
                    ExprKind::Ident(name.into())
                }
            })
        };
        Lambda::compile(body, self.source, &resolve)
    }

    /// Evaluates an operation outside of a lambda.
    fn constant(&self, expr: &Expr) -> Result<Object> {
        let lambda = self.lambda(expr)?;
        let value = lambda.eval(&NoScope, &mut State::default());
        match value.map_err(|error| self.error(expr.at, error.to_string()))? {
            Value::Bool(v) => Ok(Object::Bool(v)),
            Value::Int(v) => Ok(Object::Int(v)),
            Value::Float(v) => Ok(Object::Float(v)),
            Value::String(v) => Ok(Object::String(v.as_ref().into())),
            Value::Duration(v) => Ok(Object::Duration(v)),
            other => Err(self.error(expr.at, format!("a {} is no value here", other.kind()))),
        }
    }

    fn variable(&mut self, name: &str, at: usize) -> Result<Object> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        if matches!(name, "stream" | "batch") {
            return self.source_node(name, at);
        }
        let known: Vec<_> = self.variables.keys().map(|known| &**known).collect();
        let known = if known.is_empty() {
            String::new()
        } else {
            format!("; there are {}", known.join(", "))
        };
        Err(self.error(at, format!("there is no variable {name}{known}")))
    }

    fn source_node(&mut self, name: &str, at: usize) -> Result<Object> {
        match self.definitions.first() {
            Some(first) if first.name == name => return Ok(Object::Node(0)),
            Some(first) => {
                let message = format!(
                    "a script is either stream or batch, and this one began with {}",
                    first.name
                );
                return Err(self.error(at, message));
            }
            None => {}
        }
        let edge = if name == "stream" { Edge::Stream } else { Edge::Batch };
        self.definitions.push(Definition {
            name: name.to_owned(),
            kind: NodeKind::Source,
            arguments: Vec::new(),
            properties: Vec::new(),
            parents: Vec::new(),
            wants: edge,
            provides: edge,
            at,
        });
        Ok(Object::Node(0))
    }

    fn arguments(&mut self, call: &Call) -> Result<Vec<Object>> {
        let arguments: Vec<_> =
            call.arguments.iter().map(|a| self.eval(a)).collect::<Result<_>>()?;
        // A single list stands for its elements.
        match arguments.as_slice() {
            [Object::List(items)] => Ok(items.to_vec()),
            _ => Ok(arguments),
        }
    }

    fn global(&mut self, call: &Call) -> Result<Object> {
        let arguments = self.arguments(call)?;
        match (&*call.name, arguments.as_slice()) {
            ("time", [Object::Duration(every)]) => Ok(Object::Time(*every, 0)),
            ("time", [Object::Duration(every), Object::Duration(offset)]) => {
                Ok(Object::Time(*every, *offset))
            }
            ("time", _) => {
                Err(self.error(call.at, "time() takes (duration) or (duration, duration)"))
            }
            (name, _) => {
                let message = format!(
                    "there is no function {name}() outside of lambdas; nodes are chained by |{name}()"
                );
                Err(self.error(call.at, message))
            }
        }
    }

    /// Evaluates a chain link by link; it may be long.
    fn chain(&mut self, expr: &Expr) -> Result<Object> {
        let mut links = Vec::new();
        let mut left = expr;
        while let ExprKind::Chain(before, link, call) = &left.kind {
            links.push((*link, call));
            left = before;
        }
        let mut value = self.eval(left)?;
        for (link, call) in links.into_iter().rev() {
            value = self.link(&value, link, call)?;
        }
        Ok(value)
    }

    fn link(&mut self, left: &Object, link: Link, call: &Call) -> Result<Object> {
        let &Object::Node(left) = left else {
            let kind = left.kind();
            let message = format!("{link}{}() is called on a {kind}, not on a node", call.name);
            return Err(self.error(call.at, message));
        };
        let arguments = self.arguments(call)?;
        match link {
            Link::Chain => self.node(left, call, arguments),
            Link::Dynamic => self.udf(left, call, arguments),
            Link::Property => self.property(left, call, arguments),
        }
    }
}
