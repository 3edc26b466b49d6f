//! A TICKscript evaluated: its nodes with their arguments and properties, not yet running.
//!
//! The rules are the daemon's (`tick/eval.go`): variables are set once, a node is made by `|`, its
//! properties are set by `.`, user defined functions are called by `@`.

use std::collections::BTreeMap;
use std::rc::Rc;

pub use super::definition::{Definition, Kind, Property};

use super::ast::{Call, Expr, ExprKind, Link, Statement, Unary};
use super::error::{Result, Source, TickError};
use super::flow::Edge;
use super::functions::State;
use super::lambda::{Lambda, NoScope, Value};
use super::object::{Object, mismatch};
use super::parser;
use super::spec::{self, Provides, Wants, same_name};
use super::udf::{NoUdfs, Udfs};

/// A script's nodes, in the order in which they were made: parents before children.
#[derive(Debug)]
pub struct Program {
    /// The nodes; the first is `stream` or `batch`.
    pub definitions: Vec<Definition>,
    /// The databases and retention policies that the script names by `dbrp`.
    pub dbrps: Vec<(String, String)>,
}

impl Program {
    /// Parses and evaluates a script; `variables` are predefined ones, which replace the script's.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn compile(
        source: &Source<'_>,
        variables: &BTreeMap<String, Object>,
        udfs: &mut dyn Udfs,
    ) -> Result<Self> {
        let statements = parser::parse(source)?;
        let mut evaluator = Evaluator {
            source,
            predefined: variables,
            variables: BTreeMap::new(),
            definitions: Vec::new(),
            dbrps: Vec::new(),
            udfs,
        };
        for statement in &statements {
            evaluator.statement(statement)?;
        }
        let Evaluator { definitions, dbrps, .. } = evaluator;
        if definitions.len() < 2 {
            let message =
                "the script makes no node; it begins with stream|from() or batch|query('…')";
            return Err(source.error(0, message));
        }
        Ok(Self { definitions, dbrps })
    }
}

/// Parses the value of a variable given from outside, written as a script would: `5m`, `'text'`.
///
/// # Errors
/// Text that is no value.
pub fn parse_value(name: &str, text: &str) -> Result<Object> {
    let declaration = format!("var {name} = {text}");
    let source = Source { name: "--var", text: &declaration };
    let statements = parser::parse(&source)?;
    let [Statement::Declaration { value, .. }] = statements.as_slice() else {
        return Err(
            source.error(0, "expected NAME=VALUE with one value, such as 5m, 1.0 or 'text'")
        );
    };
    let mut evaluator = Evaluator {
        source: &source,
        predefined: &BTreeMap::new(),
        variables: BTreeMap::new(),
        definitions: Vec::new(),
        dbrps: Vec::new(),
        udfs: &mut NoUdfs,
    };
    match evaluator.eval(value)? {
        Object::Node(_) | Object::Time(..) => Err(source.error(value.at, "this is no value")),
        value => Ok(value),
    }
}

struct Evaluator<'e> {
    source: &'e Source<'e>,
    predefined: &'e BTreeMap<String, Object>,
    variables: BTreeMap<Rc<str>, Object>,
    definitions: Vec<Definition>,
    dbrps: Vec<(String, String)>,
    udfs: &'e mut dyn Udfs,
}

impl Evaluator<'_> {
    fn error(&self, at: usize, message: impl Into<String>) -> TickError {
        self.source.error(at, message)
    }

    fn statement(&mut self, statement: &Statement) -> Result<()> {
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

    fn eval(&mut self, expr: &Expr) -> Result<Object> {
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
            ExprKind::Chain(left, link, call) => self.chain(left, *link, call)?,
            ExprKind::Property(_, name) => {
                let message = format!(
                    "the value of .{name} cannot be read; put what it was set to into a variable"
                );
                return Err(self.error(expr.at, message));
            }
        })
    }

    fn lambda(&self, body: &Expr) -> Result<Lambda> {
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
                Object::Time(..) | Object::Node(_) => ExprKind::Ident(name.into()),
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
            kind: Kind::Source,
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
        // A list alone stands for what it holds.
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

    fn chain(&mut self, left: &Expr, link: Link, call: &Call) -> Result<Object> {
        let left = match self.eval(left)? {
            Object::Node(node) => node,
            other => {
                let message =
                    format!("{link}{}() is called on a {}, not on a node", call.name, other.kind());
                return Err(self.error(call.at, message));
            }
        };
        let arguments = self.arguments(call)?;
        match link {
            Link::Chain => self.node(left, call, arguments),
            Link::Dynamic => self.udf(left, call, arguments),
            Link::Property => self.property(left, call, arguments),
        }
    }

    /// Says what a name is under another link, if anything.
    fn elsewhere(&mut self, node: usize, name: &str, link: Link) -> Result<String> {
        let mut found = Vec::new();
        if link != Link::Property && self.property_signature(node, name).is_some() {
            found.push(format!("a property, written .{name}()"));
        }
        if link != Link::Chain && (spec::find(name).is_some() || not_replayed(name)) {
            found.push(format!("a node, written |{name}()"));
        }
        if link != Link::Dynamic && self.udfs.info(name)?.is_some() {
            found.push(format!("a user defined function, written @{name}()"));
        }
        Ok(if found.is_empty() {
            String::new()
        } else {
            format!("; it is {}", found.join(" and "))
        })
    }

    fn node(&mut self, parent: usize, call: &Call, mut arguments: Vec<Object>) -> Result<Object> {
        let name = &*call.name;
        let provided = self.definitions[parent].provides;
        let Some(spec) = spec::find(name) else {
            if not_replayed(name) {
                let message = format!("|{name}() is not replayed here; it runs under the daemon");
                return Err(self.error(call.at, message));
            }
            let elsewhere = self.elsewhere(parent, name, Link::Chain)?;
            let names: Vec<_> = spec::NODES.iter().map(|spec| spec.name).collect();
            let message = match elsewhere.as_str() {
                "" => format!("there is no node {name}; there are {}", names.join(", ")),
                elsewhere => format!("there is no node {name}{elsewhere}"),
            };
            return Err(self.error(call.at, message));
        };
        let source = matches!(self.definitions[parent].kind, Kind::Source);
        let from = matches!(self.definitions[parent].name.as_str(), "stream" | "from");
        match spec.name {
            "from" if !from => {
                return Err(self.error(call.at, "|from() stands after stream or another |from()"));
            }
            "query" if !source => return Err(self.error(call.at, "|query() stands after batch")),
            "from" | "query" => {}
            _ if source => {
                let first =
                    if provided == Edge::Stream { "stream|from()" } else { "batch|query('…')" };
                return Err(self
                    .error(call.at, format!("|{name}() cannot follow here; begin with {first}")));
            }
            _ => {}
        }
        if let Some(wrong) = mismatch(spec.arguments, &arguments) {
            return Err(self.error(call.at, format!("|{name}() {wrong}")));
        }
        let fits = match spec.wants {
            Wants::Any => true,
            Wants::Stream => provided == Edge::Stream,
            Wants::Batch => provided == Edge::Batch,
        };
        if !fits {
            return Err(self.error(call.at, format!("|{name}() does not take a {provided}")));
        }
        let mut parents = vec![parent];
        if spec.arguments == "node..." {
            for argument in arguments.drain(..) {
                if let Object::Node(other) = argument {
                    if self.definitions[other].provides != provided {
                        return Err(self
                            .error(call.at, format!("|{name}() cannot mix streams and batches")));
                    }
                    parents.push(other);
                }
            }
        }
        if spec.name == "union" {
            // The daemon links the arguments before the node itself; it decides the order at one time.
            parents.rotate_left(1);
        }
        let provides = match spec.provides {
            Provides::Stream => Edge::Stream,
            Provides::Batch => Edge::Batch,
            Provides::Same => provided,
        };
        self.push(spec.name, Kind::Node(spec), arguments, parents, provided, provides, call.at)
    }

    #[allow(clippy::too_many_arguments)]
    fn push(
        &mut self,
        name: &str,
        kind: Kind,
        arguments: Vec<Object>,
        parents: Vec<usize>,
        wants: Edge,
        provides: Edge,
        at: usize,
    ) -> Result<Object> {
        self.definitions.push(Definition {
            name: name.to_owned(),
            kind,
            arguments,
            properties: Vec::new(),
            parents,
            wants,
            provides,
            at,
        });
        Ok(Object::Node(self.definitions.len() - 1))
    }

    fn udf(&mut self, parent: usize, call: &Call, arguments: Vec<Object>) -> Result<Object> {
        let name = &*call.name;
        let info = self.udfs.info(name).map_err(|error| self.error(call.at, error.to_string()))?;
        let Some(info) = info else {
            let elsewhere = self.elsewhere(parent, name, Link::Dynamic)?;
            let message = format!(
                "@{name} is not given: --udf {name}=SCRIPT.rhai names its script{elsewhere}"
            );
            return Err(self.error(call.at, message));
        };
        if !arguments.is_empty() {
            let message =
                format!("@{name}() takes no arguments; options are set after it, .option(value)");
            return Err(self.error(call.at, message));
        }
        let (wants, provides) = (info.wants().into(), info.provides().into());
        let provided = self.definitions[parent].provides;
        if wants != provided {
            let message = format!("@{name} wants a {wants}, but a {provided} flows into it here");
            return Err(self.error(call.at, message));
        }
        self.push(
            name,
            Kind::Udf(Box::new(info)),
            Vec::new(),
            vec![parent],
            wants,
            provides,
            call.at,
        )
    }

    /// Returns a property's owner, its name and what it takes.
    fn property_signature(
        &self,
        node: usize,
        name: &str,
    ) -> Option<(Option<&'static str>, &'static str, &'static str)> {
        let definition = &self.definitions[node];
        let Kind::Node(spec) = &definition.kind else { return None };
        let named = |properties: &'static [(&'static str, &'static str)]| {
            properties.iter().find(|(known, _)| same_name(known, name))
        };
        if spec.name == "alert" {
            let handler = definition.properties.iter().rev().find_map(|property| property.handler);
            if let Some(handler) = handler.and_then(spec::find_handler)
                && let Some((name, takes)) = named(handler.properties)
            {
                return Some((Some(handler.name), name, takes));
            }
            if let Some(handler) = spec::find_handler(name) {
                return Some((Some(handler.name), handler.name, handler.arguments));
            }
        }
        named(spec.properties).map(|(name, takes)| (None, *name, *takes))
    }

    fn property(&mut self, node: usize, call: &Call, arguments: Vec<Object>) -> Result<Object> {
        let name = &*call.name;
        let definition = &self.definitions[node];
        let property = match &definition.kind {
            Kind::Udf(info) => {
                super::udf::check_option(&definition.name, info, name, &arguments)
                    .map_err(|message| self.error(call.at, message))?;
                Property { name: name.to_owned(), handler: None, arguments, at: call.at }
            }
            Kind::Source | Kind::Node(_) => match self.property_signature(node, name) {
                None => return Err(self.unknown_property(node, call)?),
                Some((handler, property, takes)) => {
                    if let Some(wrong) = mismatch(takes, &arguments) {
                        return Err(self.error(call.at, format!(".{name}() {wrong}")));
                    }
                    Property { name: property.to_owned(), handler, arguments, at: call.at }
                }
            },
        };
        self.definitions[node].properties.push(property);
        Ok(Object::Node(node))
    }

    fn unknown_property(&mut self, node: usize, call: &Call) -> Result<TickError> {
        let name = &*call.name;
        let elsewhere = self.elsewhere(node, name, Link::Property)?;
        let definition = &self.definitions[node];
        let mut known = Vec::new();
        if let Kind::Node(spec) = &definition.kind {
            known.extend(spec.properties.iter().map(|(name, _)| *name));
            if spec.name == "alert" {
                known.extend(spec::HANDLERS.iter().map(|handler| handler.name));
            }
        }
        let message = match (elsewhere.as_str(), known.is_empty()) {
            ("", true) => format!("{} has no property {name}; it has none", definition.name),
            ("", false) => {
                format!("{} has no property {name}; it has {}", definition.name, known.join(", "))
            }
            (elsewhere, _) => format!("{} has no property {name}{elsewhere}", definition.name),
        };
        Ok(self.error(call.at, message))
    }
}

fn not_replayed(name: &str) -> bool {
    spec::NOT_REPLAYED.iter().any(|known| same_name(known, name))
}
