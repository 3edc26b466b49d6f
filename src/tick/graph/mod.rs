//! A script's nodes, running.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::alert_event::AlertEvent;
use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, Definitions, Kind};
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{Edge, Message, Node, Outbox, Outside, Write};
use crate::tick::nodes;
use crate::tick::udf::Udfs;

/// A script ready to take data.
pub struct Graph {
    slots: Vec<Slot>,
    edge: Edge,
    dbrps: Vec<(String, String)>,
    queries: Vec<(usize, Query)>,
    /// Where data comes from that does not say.
    home: Option<(String, String)>,
    /// Messages on their way; empty between two calls, kept for its memory.
    waiting: Waiting,
}

/// Messages on their way to a node and its port, the next one last.
type Waiting = Vec<(usize, usize, Message)>;

struct Slot {
    name: String,
    node: Box<dyn Node>,
    children: Rc<[(usize, usize)]>,
    received: u64,
}

/// What a `query` node asks a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The InfluxQL, without times and groups.
    pub text: String,
    /// How long a time each query covers, in nanoseconds.
    pub period: i64,
    /// How often it is asked, in nanoseconds; 0 with `cron`.
    pub every: i64,
    /// How far back the covered time ends, in nanoseconds.
    pub offset: i64,
    /// Whether the times asked at are multiples of `every`.
    pub align: bool,
    /// Whether the groups by time begin with the covered time.
    pub align_group: bool,
    /// When it is asked, in cron's notation.
    pub cron: Option<String>,
    /// The tags it groups by; `*` for all.
    pub tags: Vec<String>,
    /// Whether it groups by measurement.
    pub by_measurement: bool,
    /// The interval and offset it groups by, in nanoseconds.
    pub time: Option<(i64, i64)>,
    /// What fills empty intervals: `null`, `none`, a number …
    pub fill: Option<String>,
    /// The name of the InfluxDB cluster in the daemon's configuration.
    pub cluster: Option<String>,
}

/// What a task is called, and what it is given.
#[derive(Debug, Clone, Default)]
pub struct Task {
    /// The task's id, which alerts and UDFs see.
    pub id: String,
    /// Variables given from outside, which replace the script's.
    pub variables: BTreeMap<String, Object>,
    /// The database and retention policy of data that does not say; else the script's first `dbrp`.
    pub dbrp: Option<(String, String)>,
}

impl Graph {
    /// Compiles a script and starts its functions.
    ///
    /// # Errors
    /// The first thing that is wrong with the script, or a function that does not start.
    pub fn new(source: &TickText<'_>, task: &Task, udfs: &mut dyn Udfs) -> Result<Self> {
        let program = Definitions::compile(source, &task.variables, udfs)?;
        let definitions = &program.definitions;
        let mut slots = Vec::with_capacity(definitions.len());
        let mut queries = Vec::new();
        for (i, definition) in definitions.iter().enumerate() {
            let name = format!("{}{i}", definition.name);
            let node = nodes::build(definitions, i, &name, source, task, udfs)?;
            if definition.name == "query" && matches!(definition.kind, Kind::Node(_)) {
                queries.push((i, nodes::query::query(definition)));
            }
            slots.push(Slot { name, node, children: children(definitions, i), received: 0 });
        }
        let home = task.dbrp.clone().or_else(|| program.dbrps.first().cloned());
        Ok(Self {
            slots,
            edge: definitions[0].provides,
            dbrps: program.dbrps,
            queries,
            home,
            waiting: Vec::new(),
        })
    }

    /// Returns what the script takes: a stream or batches.
    pub fn edge(&self) -> Edge {
        self.edge
    }

    /// Returns the databases and retention policies named by `dbrp`; empty means any.
    pub fn dbrps(&self) -> &[(String, String)] {
        &self.dbrps
    }

    /// Returns the queries of a batch script, in the order of the script.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        self.queries.iter().map(|(_, query)| query)
    }

    /// Returns each node's name and how many messages it took.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.slots.iter().map(|slot| (slot.name.as_str(), slot.received))
    }

    /// Hands a point to a stream script.
    ///
    /// # Errors
    /// What ends the replay; also a point for a batch script.
    pub fn point(&mut self, mut point: Point, outside: &mut dyn Outside) -> Result<()> {
        if self.edge != Edge::Stream {
            return Err(self.wrong_source("a stream of points"));
        }
        if let Some((database, retention_policy)) = &self.home
            && point.database().is_empty()
            && point.retention_policy().is_empty()
        {
            point.set_database(database);
            point.set_retention_policy(retention_policy);
        }
        if !self.dbrps.is_empty() && !self.wanted(&point) {
            return Ok(());
        }
        self.send(0, vec![point.into()], outside)
    }

    /// Hands a batch to the query of that number, from 0.
    ///
    /// # Errors
    /// What ends the replay; also a batch for a stream script, or for a query that is not there.
    pub fn batch(&mut self, query: usize, batch: Batch, outside: &mut dyn Outside) -> Result<()> {
        if self.edge != Edge::Batch {
            return Err(self.wrong_source("batches"));
        }
        let Some((id, _)) = self.queries.get(query) else {
            let message = format!(
                "the data is for query {query}, the script has {} (from 0)",
                self.queries.len()
            );
            return Err(TickError::Node { node: "batch0".to_owned(), message });
        };
        let id = *id;
        self.slots[id].received += 1;
        self.send(id, vec![batch.into()], outside)
    }

    /// Tells all nodes that nothing more comes.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn finish(&mut self, outside: &mut dyn Outside) -> Result<()> {
        for id in 0..self.slots.len() {
            let slot = &mut self.slots[id];
            let mut out = Outbox { messages: Vec::new(), outside: &mut *outside, node: &slot.name };
            slot.node.finish(&mut out)?;
            let messages = out.messages;
            self.send(id, messages, outside)?;
        }
        Ok(())
    }

    fn wanted(&self, point: &Point) -> bool {
        let (database, retention_policy) = (point.database(), point.retention_policy());
        self.dbrps.iter().any(|(db, rp)| *db == database && *rp == retention_policy)
    }

    /// Says that a script cannot take what it is given.
    pub fn wrong_source(&self, given: &str) -> TickError {
        let wanted = match self.edge {
            Edge::Stream => "line protocol or a .srpl recording",
            Edge::Batch => "a .brpl recording",
        };
        let message = format!("a {} script cannot take {given}; give it {wanted}", self.edge);
        TickError::Node { node: self.slots[0].name.clone(), message }
    }

    /// Hands messages to the children of a node, and what they make of them to theirs.
    fn send(
        &mut self,
        from: usize,
        messages: Vec<Message>,
        outside: &mut dyn Outside,
    ) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.enqueue(from, messages, &mut waiting);
        while let Some((id, port, message)) = waiting.pop() {
            let slot = &mut self.slots[id];
            slot.received += 1;
            let mut out = Outbox { messages: Vec::new(), outside: &mut *outside, node: &slot.name };
            match message {
                Message::Point(point) => slot.node.point(port, point, &mut out)?,
                Message::Batch(batch) => slot.node.batch(port, batch, &mut out)?,
            }
            let messages = out.messages;
            self.enqueue(id, messages, &mut waiting);
        }
        self.waiting = waiting;
        Ok(())
    }

    /// Puts messages onto the stack of what waits, so that the first is taken first.
    fn enqueue(&self, from: usize, messages: Vec<Message>, waiting: &mut Waiting) {
        let Some(((first, first_port), others)) = self.slots[from].children.split_first() else {
            return;
        };
        for message in messages.into_iter().rev() {
            for (child, port) in others.iter().rev() {
                waiting.push((*child, *port, message.clone()));
            }
            waiting.push((*first, *first_port, message));
        }
    }
}

/// Returns the children of a node, each with the port that the node is for it.
fn children(definitions: &[Definition], parent: usize) -> Rc<[(usize, usize)]> {
    let of = |(child, definition): (usize, &Definition)| {
        let ports = definition.parents.iter().enumerate();
        ports.filter(|(_, p)| **p == parent).map(|(port, _)| (child, port)).collect::<Vec<_>>()
    };
    definitions.iter().enumerate().flat_map(of).collect()
}

/// Effects kept in memory, for tests and for whoever shows them.
#[derive(Debug, Default)]
pub struct Collected {
    /// The events of alerts.
    pub alerts: Vec<AlertEvent>,
    /// The text of each alert log file.
    pub alert_logs: BTreeMap<String, String>,
    /// The line protocol for each database and retention policy.
    pub written: BTreeMap<(String, String), String>,
    /// The JSON of each endpoint.
    pub endpoints: BTreeMap<String, String>,
    /// The lines of `log` nodes: level, prefix, text.
    pub logged: Vec<(String, String, String)>,
    /// What nodes could not do: node and error.
    pub diagnosed: Vec<(String, String)>,
}

impl Outside for Collected {
    fn alert(&mut self, event: &AlertEvent) -> Result<()> {
        self.alerts.push(event.clone());
        Ok(())
    }

    fn alert_log(&mut self, path: &Path, line: &str) -> Result<()> {
        self.alert_logs.entry(path.display().to_string()).or_default().push_str(line);
        Ok(())
    }

    fn write(&mut self, write: &Write<'_>) -> Result<()> {
        let key = (write.database.to_owned(), write.retention_policy.to_owned());
        self.written.entry(key).or_default().push_str(write.lines);
        Ok(())
    }

    fn http_out(&mut self, endpoint: &str, json: &str) -> Result<()> {
        self.endpoints.insert(endpoint.to_owned(), json.to_owned());
        Ok(())
    }

    fn log(&mut self, level: &str, prefix: &str, text: &str) -> Result<()> {
        self.logged.push((level.to_owned(), prefix.to_owned(), text.to_owned()));
        Ok(())
    }

    fn diagnose(&mut self, node: &str, error: &TickError) {
        self.diagnosed.push((node.to_owned(), error.to_string()));
    }
}
