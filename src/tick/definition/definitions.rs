//! A TICKscript evaluated: its nodes with their arguments and properties, not yet running.
//!
//! The rules are the daemon's (`tick/eval.go`): variables are set once, a node is made by `|`, its
//! properties are set by `.`, user defined functions are called by `@`.

use std::collections::BTreeMap;

use crate::tick::definition::evaluator::Evaluator;
use crate::tick::definition::object::Object;
use crate::tick::definition::query::Query;
use crate::tick::definition::{Definition, NodeKind, Property};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::Edge;
use crate::tick::syntax::ast::Statement;
use crate::tick::syntax::parser;
use crate::tick::udf::{self, NoUdfs, OptionError, Udfs};

/// A script's nodes, in the order in which they were made: parents before children.
#[derive(Debug)]
pub struct Definitions {
    /// The nodes; the first is `stream` or `batch`.
    pub definitions: Vec<Definition>,
    /// The databases and retention policies that the script names by `dbrp`.
    pub dbrps: Vec<(String, String)>,
}

impl Definitions {
    /// Names what looks at several groups at once, so that the groups cannot be spread over processes; `None` if
    /// nothing does.
    pub fn looks_at_several_groups(&self) -> Option<String> {
        super::sharding::looks_at_several_groups(&self.definitions)
    }

    /// Parses and evaluates a script; `variables` are predefined ones, which replace the script's.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn compile(
        source: &TickText<'_>,
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
        evaluator.check_predefined()?;
        let Evaluator { definitions, dbrps, .. } = evaluator;
        if definitions.len() < 2 {
            let message =
                "the script makes no node; it begins with stream|from() or batch|query('…')";
            return Err(source.error(0, message));
        }
        Ok(Self { definitions, dbrps })
    }
}

impl Definitions {
    /// Returns what the task takes: a stream or batches.
    pub fn edge(&self) -> Edge {
        self.definitions.first().map_or(Edge::Stream, |first| first.provides)
    }

    /// Adds an output, which hands what a node sends to the outside; returns its number.
    pub fn add_output(&mut self, parent: usize) -> usize {
        let edge = self.definitions[parent].provides;
        self.definitions.push(Definition {
            name: "output".to_owned(),
            kind: NodeKind::Output,
            arguments: Vec::new(),
            properties: Vec::new(),
            parents: vec![parent],
            wants: edge,
            provides: edge,
            at: 0,
        });
        self.definitions.len() - 1
    }

    /// Returns the queries of a batch task, in the order of the script.
    pub fn queries(&self) -> Vec<Query> {
        self.definitions.iter().filter(|d| d.is_query()).map(Query::of).collect()
    }

    /// Lets every alert be an event, as if no `|alert()` had `.stateChangesOnly()`; false if none has it.
    pub fn make_every_alert_an_event(&mut self) -> bool {
        let mut found = false;
        for definition in self.definitions.iter_mut().filter(|d| d.is_node("alert")) {
            let before = definition.properties.len();
            let is_one = |p: &Property| p.handler.is_none() && p.name == "stateChangesOnly";
            definition.properties.retain(|property| !is_one(property));
            found |= definition.properties.len() < before;
        }
        found
    }

    /// Tells whether a node writes points into a database.
    pub fn writes_points(&self) -> bool {
        self.definitions.iter().any(|definition| definition.is_node("influxDBOut"))
    }

    /// Tells whether a node changes numbers of replicas.
    pub fn scales(&self) -> bool {
        self.definitions.iter().any(Definition::scales)
    }

    /// Tells whether a node writes an endpoint, an alert's log or what would be sent elsewhere.
    pub fn writes_files(&self) -> bool {
        let logs = |definition: &Definition| {
            definition.properties.iter().any(|property| property.handler == Some("log"))
        };
        const WRITE: [&str; 3] = ["httpOut", "httpPost", "kapacitorLoopback"];
        let writes = |d: &Definition| WRITE.iter().any(|name| d.is_node(name));
        self.scales() || self.definitions.iter().any(|d| writes(d) || d.is_node("alert") && logs(d))
    }

    /// Sets an option of all uses of a function, in place of what the script says.
    ///
    /// # Errors
    /// A function or an option that is not there, or a value of another type.
    pub fn set_option(&mut self, udf: &str, option: &str, text: &str) -> Result<(), OptionError> {
        let mut found = false;
        for definition in &mut self.definitions {
            let NodeKind::Udf(info) = &definition.kind else { continue };
            if definition.name != udf {
                continue;
            }
            found = true;
            let arguments = udf::parse_option(udf, info, option, text)?;
            definition.properties.retain(|property| property.name != option);
            let (name, at) = (option.to_owned(), definition.at);
            definition.properties.push(Property { name, handler: None, arguments, at });
        }
        if found {
            return Ok(());
        }
        let is_udf = |definition: &&Definition| matches!(definition.kind, NodeKind::Udf(_));
        let known = self.definitions.iter().filter(is_udf).map(|d| d.name.as_str());
        Err(OptionError(format!("the script has no @{udf}(){}", udf::there_are(known))))
    }
}

/// Parses the value of a variable given from outside, written as a script would: `5m`, `'text'`.
///
/// # Errors
/// Text that is no value.
pub fn parse_value(name: &str, text: &str) -> Result<Object> {
    let declaration = format!("var {name} = {text}");
    let source = TickText { name: "--var", text: &declaration };
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
