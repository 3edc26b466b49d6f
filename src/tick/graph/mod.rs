//! The nodes of a task, running.

mod clock;
mod collected;
mod delivery;
mod parts;
mod state;

pub use collected::{Collected, CollectedEvent};
pub use state::{NodeIdentity, NodeState, Resumed};

use std::collections::BTreeMap;
use std::rc::Rc;

use super::definition::{Definition, Definitions, NodeKind};
use super::error::{Result, TickError, TickText};
use super::flow::{Edge, Flowing, NameKind, Node, Outside, Pool, Sent, Tally, Unseen};
use super::nodes;
use super::settings::TaskSettings;
use super::udf::Udfs;
use crate::protocol::group::Shard;
use crate::protocol::{Batch, Point, Request};
use clock::Clock;

/// A task ready to take data.
pub struct Graph {
    slots: Vec<Slot>,
    edge: Edge,
    dbrps: Vec<(String, String)>,
    queries: Vec<usize>,
    /// The part of the groups whose batches are taken; points are chosen by `|from()`.
    shard: Option<Shard>,
    /// The database and retention policy of data that has none.
    home: Option<(String, String)>,
    /// The node whose input [`Outside::row`] is told of.
    watched: usize,
    /// Batches that it was given.
    batches: u64,
    /// The item of the data at hand.
    item: u64,
    pool: Pool,
    tally: Tally,
    clock: Clock,
    /// How many nodes change numbers of replicas.
    scalers: usize,
    /// Messages that wait to be delivered; empty between two calls, and kept to reuse its memory.
    waiting: Vec<Waiting>,
    /// The messages of the current node; empty between two calls, and kept to reuse its memory.
    sent: Vec<Sent>,
}

/// A message that waits to be delivered to a port of a node, with the item that it belongs to.
struct Waiting {
    node: usize,
    port: usize,
    item: u64,
    message: Flowing,
}

struct Slot {
    identity: NodeIdentity,
    node: Box<dyn Node>,
    children: Rc<[(usize, usize)]>,
    received: u64,
    quiet: bool,
}

impl Graph {
    /// Compiles a script and starts its functions.
    ///
    /// # Errors
    /// The first thing that is wrong with the script, or a function that does not start.
    pub fn new(source: &TickText<'_>, task: &TaskSettings, udfs: &mut dyn Udfs) -> Result<Self> {
        let definitions = Definitions::compile(source, &task.variables, udfs)?;
        Self::start(definitions, source, task, udfs)
    }

    /// Starts the nodes and functions that a script defines, or that were defined without one.
    ///
    /// # Errors
    /// A node that cannot do what its definition says, or a function that does not start.
    pub fn start(
        definitions: Definitions,
        source: &TickText<'_>,
        task: &TaskSettings,
        udfs: &mut dyn Udfs,
    ) -> Result<Self> {
        let Definitions { definitions, dbrps } = definitions;
        let mut slots = Vec::with_capacity(definitions.len());
        let mut queries = Vec::new();
        let identities = NodeIdentity::all(&definitions);
        for (i, (definition, identity)) in definitions.iter().zip(identities).enumerate() {
            let node = nodes::build(&definitions, i, &identity.name, source, task, udfs)?;
            if definition.is_query() {
                queries.push(i);
            }
            slots.push(Slot {
                quiet: !identity.is_function && definition.flag("quiet"),
                identity,
                node,
                children: children(&definitions, i),
                received: 0,
            });
        }
        let home = task.dbrp.clone().or_else(|| dbrps.first().cloned());
        let own: Vec<_> = dbrps.iter().chain(&home).cloned().collect();
        for definition in definitions.iter().filter(|d| d.is_node("kapacitorLoopback")) {
            nodes::kapacitor_loopback::check(definition, source, &own)?;
        }
        Ok(Self {
            watched: watched(&definitions),
            batches: 0,
            clock: Clock::new(&definitions),
            scalers: definitions.iter().filter(|definition| definition.scales()).count(),
            slots,
            edge: definitions[0].provides,
            dbrps,
            queries,
            shard: task.shard,
            home,
            item: 0,
            pool: Pool::default(),
            tally: Tally::default(),
            waiting: Vec::new(),
            sent: Vec::new(),
        })
    }

    /// Returns what the task takes: a stream or batches.
    pub fn edge(&self) -> Edge {
        self.edge
    }

    /// Returns the databases and retention policies named by `dbrp`; empty means any.
    pub fn dbrps(&self) -> &[(String, String)] {
        &self.dbrps
    }

    /// Returns each node's name and how many messages it took.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.slots.iter().map(|slot| (slot.identity.name.as_str(), slot.received))
    }

    /// Returns the number of messages that functions wrote so far, and of points that no `|from()` selected.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Tells which item of the data comes next; items are counted up.
    pub fn begin_item(&mut self, item: u64) {
        self.item = item;
    }

    /// Hands a point to a stream task. The point is moved out; the memory that is left can be used for the next point.
    ///
    /// # Errors
    /// What ends the replay; also a point for a batch task.
    pub fn point(&mut self, point: &mut Point, outside: &mut dyn Outside) -> Result<()> {
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
        self.reach(point.time(), outside)?;
        if !self.dbrps.is_empty() && !self.wanted(point) {
            self.tally.passed_by += 1;
            return Ok(());
        }
        let mut shared = self.pool.take();
        let taken = Rc::get_mut(&mut shared).expect("a point of the pool has one owner");
        std::mem::swap(taken, point);
        self.sent.push((self.item, Flowing::from(shared)));
        let taken = self.tally.taken;
        self.deliver(0, outside)?;
        // A stream has no other children than `|from()`.
        self.tally.passed_by += u64::from(self.tally.taken == taken);
        self.settle_eagerly(outside)
    }

    /// Hands a batch to the query of that number, from 0.
    ///
    /// # Errors
    /// What ends the replay; also a batch for a stream task, or for a query that is not there.
    pub fn batch(&mut self, query: usize, batch: Batch, outside: &mut dyn Outside) -> Result<()> {
        if self.edge != Edge::Batch {
            return Err(self.wrong_source("batches"));
        }
        let Some(id) = self.queries.get(query) else {
            let message = format!(
                "the data is for query {query}, the script has {} (from 0)",
                self.queries.len()
            );
            return Err(TickError::Node { node: "batch0".to_owned(), message });
        };
        let id = *id;
        if self.shard.is_some_and(|shard| !shard.has(batch.group.as_bytes())) {
            return Ok(());
        }
        self.reach(batch.tmax, outside)?;
        self.slots[id].received += 1;
        self.batches += u64::from(id == self.watched);
        self.sent.push((self.item, batch.into()));
        self.deliver(id, outside)?;
        self.settle_eagerly(outside)
    }

    /// Hands a captured request, as the daemon sent it, to all functions.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn frame(&mut self, frame: &[u8], outside: &mut dyn Outside) -> Result<()> {
        outside.item(self.item);
        match Request::decode(frame) {
            Ok(Request::Point(message)) => {
                if let Ok(point) = Point::from_message(message) {
                    outside.given(&point);
                    if self.edge == Edge::Stream {
                        outside.row(point.time(), point.time());
                    }
                }
            }
            Ok(Request::Begin(_)) => {
                self.slots[self.watched].received += 1;
                self.batches += 1;
            }
            Ok(Request::End(end)) => outside.row(end.tmax, end.tmax),
            _ => {}
        }
        for id in 0..self.slots.len() {
            if self.slots[id].identity.is_function {
                self.visit(id, outside, |node, out| node.frame(frame, out))?;
            }
        }
        Ok(())
    }

    /// Lets functions handle the points that they have collected. The caller does this after each chunk of the data,
    /// before the effects are shown.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn settle(&mut self, outside: &mut dyn Outside) -> Result<()> {
        for id in 0..self.slots.len() {
            if self.slots[id].identity.is_function {
                self.visit(id, outside, |node, out| node.settle(out))?;
            }
        }
        Ok(())
    }

    /// Tells all nodes that the data has ended.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn finish(&mut self, outside: &mut dyn Outside) -> Result<()> {
        self.settle(outside)?;
        for id in 0..self.slots.len() {
            self.visit(id, outside, |node, out| node.finish(out))?;
        }
        Ok(())
    }

    /// Returns the names that nodes were given and that the data does not have.
    pub fn unseen(&self) -> Vec<Unseen> {
        let mut unseen = Vec::new();
        let mut resources: BTreeMap<String, Vec<Unseen>> = BTreeMap::new();
        for one in self.slots.iter().flat_map(|slot| slot.node.unseen()) {
            match one.kind {
                NameKind::Resource => resources.entry(one.name.clone()).or_default().push(one),
                _ => unseen.push(one),
            }
        }
        // Every node that scales is given all resources: a resource is unseen if it occurred in no node.
        for (_, told) in resources.into_iter().filter(|(_, told)| told.len() == self.scalers) {
            unseen.extend(told.into_iter().reduce(|mut all, one| {
                all.present.extend(one.present);
                all
            }));
        }
        unseen
    }

    /// Returns how many batches the watched node took.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    fn wanted(&self, point: &Point) -> bool {
        let (database, retention_policy) = (point.database(), point.retention_policy());
        self.dbrps.iter().any(|(db, rp)| *db == database && *rp == retention_policy)
    }

    /// The error of a task that is given the wrong kind of data.
    pub fn wrong_source(&self, given: &str) -> TickError {
        let wanted = match self.edge {
            Edge::Stream => "line protocol or a .srpl recording",
            Edge::Batch => "a .brpl recording",
        };
        let message = format!("a {} script cannot take {given}; give it {wanted}", self.edge);
        TickError::Node { node: self.slots[0].identity.name.clone(), message }
    }
}

/// Returns the node whose input is judged: the first function, otherwise the first alert.
fn watched(definitions: &[Definition]) -> usize {
    let udf = |definition: &Definition| matches!(definition.kind, NodeKind::Udf(_));
    let alert = |definition: &Definition| definition.name == "alert";
    let place = definitions.iter().position(udf).or_else(|| definitions.iter().position(alert));
    place.unwrap_or(0)
}

/// Returns the children of a node, each with its port for that node; outputs come first, so that the input of a node
/// is known before its results.
fn children(definitions: &[Definition], parent: usize) -> Rc<[(usize, usize)]> {
    let of = |(child, definition): (usize, &Definition)| {
        let ports = definition.parents.iter().enumerate();
        ports.filter(|(_, p)| **p == parent).map(|(port, _)| (child, port)).collect::<Vec<_>>()
    };
    let mut children: Vec<_> = definitions.iter().enumerate().flat_map(of).collect();
    children.sort_by_key(|(child, _)| !matches!(definitions[*child].kind, NodeKind::Output));
    children.into()
}
