//! The names after `|`, `@` and `.` in a script: which nodes, functions and properties exist.

use crate::nearest::did_you_mean;
use crate::tick::definition::evaluator::Evaluator;
use crate::tick::definition::handlers;
use crate::tick::definition::object::{Object, mismatch};
use crate::tick::definition::spec::{self, NodeSpec, Provides, Wants, same_name};
use crate::tick::definition::{Definition, NodeKind, Property};
use crate::tick::error::{Result, TickError};
use crate::tick::flow::Edge;
use crate::tick::syntax::ast::{Call, Link};

/// The most nodes of a script.
const MAX_NODES: usize = 1000;

impl Evaluator<'_> {
    /// Says what a name means after another of these signs, if it means anything.
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

    pub(crate) fn node(
        &mut self,
        parent: usize,
        call: &Call,
        mut arguments: Vec<Object>,
    ) -> Result<Object> {
        let name = &*call.name;
        let provided = self.definitions[parent].provides;
        let Some(spec) = spec::find(name) else { return Err(self.unknown_node(parent, call)?) };
        self.check_place(parent, spec.name, call)?;
        if let Some(wrong) = mismatch(spec.arguments, &arguments) {
            return Err(self.error(call.at, format!("|{name}() {wrong}")));
        }
        if spec.name == "deadman" {
            return self.deadman(parent, call.at, &arguments);
        }
        let fits = match spec.wants {
            Wants::Any => true,
            Wants::Stream => provided == Edge::Stream,
            Wants::Batch => provided == Edge::Batch,
        };
        if !fits {
            return Err(self.error(call.at, format!("|{name}() does not take a {provided}")));
        }
        let parents = self.parents(parent, spec, call, &mut arguments)?;
        let provides = match spec.provides {
            Provides::Stream => Edge::Stream,
            Provides::Batch => Edge::Batch,
            Provides::Same => provided,
        };
        let made = self.push(
            spec.name,
            NodeKind::Node(spec),
            arguments,
            parents,
            provided,
            provides,
            call.at,
        )?;
        if spec.name == "stats" {
            self.count_for(parent, call.at)?;
        }
        Ok(made)
    }

    /// Makes the error of a node that the language does not have, or that is not replayed.
    fn unknown_node(&mut self, parent: usize, call: &Call) -> Result<TickError> {
        let name = &*call.name;
        if not_replayed(name) {
            let message = format!(
                "|{name}() is not replayed here, since it asks a database in its own language; it runs under the daemon"
            );
            return Ok(self.error(call.at, message));
        }
        let elsewhere = self.elsewhere(parent, name, Link::Chain)?;
        let names: Vec<_> = spec::NODES.iter().map(|spec| spec.name).collect();
        let message = match elsewhere.as_str() {
            "" => format!(
                "there is no node {name}{}; there are {}",
                did_you_mean(name, names.iter().copied()),
                names.join(", ")
            ),
            elsewhere => format!("there is no node {name}{elsewhere}"),
        };
        Ok(self.error(call.at, message))
    }

    /// Refuses `|from()` and `|query()` that do not begin a script, and other nodes that do.
    fn check_place(&self, parent: usize, name: &str, call: &Call) -> Result<()> {
        let parent = &self.definitions[parent];
        let source = matches!(parent.kind, NodeKind::Source);
        let from = matches!(parent.name.as_str(), "stream" | "from");
        let message = match name {
            "from" if !from => "|from() stands after stream or another |from()".to_owned(),
            "query" if !source => "|query() stands after batch".to_owned(),
            "from" | "query" | "stats" | "deadman" => return Ok(()),
            _ if source => {
                let is_stream = parent.provides == Edge::Stream;
                let first = if is_stream { "stream|from()" } else { "batch|query('…')" };
                format!("|{}() cannot follow here; begin with {first}", call.name)
            }
            _ => return Ok(()),
        };
        Err(self.error(call.at, message))
    }

    /// Returns the parents of a node: the one before it, and those among its arguments.
    fn parents(
        &self,
        parent: usize,
        spec: &NodeSpec,
        call: &Call,
        arguments: &mut Vec<Object>,
    ) -> Result<Vec<usize>> {
        let provided = self.definitions[parent].provides;
        let mut parents = vec![parent];
        if spec.arguments == "node..." {
            for argument in arguments.drain(..) {
                if let Object::Node(other) = argument {
                    if self.definitions[other].provides != provided {
                        let message = format!("|{}() cannot mix streams and batches", call.name);
                        return Err(self.error(call.at, message));
                    }
                    parents.push(other);
                }
            }
        }
        if spec.name == "union" {
            // The daemon links the arguments before the node itself; this decides the order of messages of the same
            // time.
            parents.rotate_left(1);
        }
        Ok(parents)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn push(
        &mut self,
        name: &str,
        kind: NodeKind,
        arguments: Vec<Object>,
        parents: Vec<usize>,
        wants: Edge,
        provides: Edge,
        at: usize,
    ) -> Result<Object> {
        if self.definitions.len() >= MAX_NODES {
            return Err(self.error(at, format!("a script may have {MAX_NODES} nodes at most")));
        }
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

    pub(crate) fn udf(
        &mut self,
        parent: usize,
        call: &Call,
        arguments: Vec<Object>,
    ) -> Result<Object> {
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
            NodeKind::Udf(Box::new(info)),
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
        let NodeKind::Node(spec) = &definition.kind else { return None };
        let named = |properties: &'static [(&'static str, &'static str)]| {
            properties.iter().find(|(known, _)| same_name(known, name))
        };
        if spec.name == "alert" {
            let handler = definition.properties.iter().rev().find_map(|property| property.handler);
            if let Some(handler) = handler.and_then(handlers::find_handler)
                && let Some((name, takes)) = named(handler.properties)
            {
                return Some((Some(handler.name), name, takes));
            }
            if let Some(handler) = handlers::find_handler(name) {
                return Some((Some(handler.name), handler.name, handler.arguments));
            }
        }
        let property = named(spec.properties).or_else(|| named(spec::COMMON));
        property.map(|(name, takes)| (None, *name, *takes))
    }

    pub(crate) fn property(
        &mut self,
        node: usize,
        call: &Call,
        arguments: Vec<Object>,
    ) -> Result<Object> {
        let name = &*call.name;
        let definition = &self.definitions[node];
        let property = match &definition.kind {
            NodeKind::Udf(info) => {
                crate::tick::udf::check_option(&definition.name, info, name, &arguments)
                    .map_err(|error| self.error(call.at, error.to_string()))?;
                Property { name: name.to_owned(), handler: None, arguments, at: call.at }
            }
            NodeKind::Source | NodeKind::Output | NodeKind::Node(_) => {
                match self.property_signature(node, name) {
                    None => return Err(self.unknown_property(node, call)?),
                    Some((handler, property, takes)) => {
                        if let Some(wrong) = mismatch(takes, &arguments) {
                            return Err(self.error(call.at, format!(".{name}() {wrong}")));
                        }
                        Property { name: property.to_owned(), handler, arguments, at: call.at }
                    }
                }
            }
        };
        self.definitions[node].properties.push(property);
        Ok(Object::Node(node))
    }

    fn unknown_property(&mut self, node: usize, call: &Call) -> Result<TickError> {
        let name = &*call.name;
        let elsewhere = self.elsewhere(node, name, Link::Property)?;
        let definition = &self.definitions[node];
        let mut known = Vec::new();
        if let NodeKind::Node(spec) = &definition.kind {
            known.extend(spec.properties.iter().map(|(name, _)| *name));
            known.extend(spec::COMMON.iter().map(|(name, _)| *name));
            if spec.name == "alert" {
                known.extend(handlers::HANDLERS.iter().map(|handler| handler.name));
                let handler = definition.properties.iter().rev().find_map(|p| p.handler);
                let handler = handler.and_then(handlers::find_handler);
                let own = handler.map_or(&[][..], |handler| handler.properties);
                known.extend(own.iter().map(|(name, _)| *name));
            }
        }
        let message = match (elsewhere.as_str(), known.is_empty()) {
            ("", true) => format!("{} has no property {name}; it has none", definition.name),
            ("", false) => {
                let hint = did_you_mean(name, known.iter().copied());
                let known = known.join(", ");
                format!("{} has no property {name}{hint}; it has {known}", definition.name)
            }
            (elsewhere, _) => format!("{} has no property {name}{elsewhere}", definition.name),
        };
        Ok(self.error(call.at, message))
    }
}

fn not_replayed(name: &str) -> bool {
    spec::NOT_REPLAYED.iter().any(|known| same_name(known, name))
}
