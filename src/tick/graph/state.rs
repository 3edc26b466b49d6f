//! The state of a graph: what its nodes and functions remember between two messages, so that a run can continue where
//! another one ended.
//!
//! A node gets back what was remembered by the node of its kind and number (the second `|alert()`) if
//! both say the same, and if all that is before them says the same; a function gets back the state of
//! the function of its name and number, and says itself whether it can use it.

use super::{Graph, Slot};
use crate::protocol::Bytes;
use crate::tick::definition::object::Object;
use crate::tick::definition::{CLOSES, Definition, NodeKind, PLAIN_ID};
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Outside, Remembered};
use serde::{Deserialize, Serialize};

/// What a node of a graph remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// Which node it is.
    pub identity: NodeIdentity,
    /// The snapshot of a function.
    pub function: Option<Bytes>,
    /// Everything else.
    pub remembered: Vec<Remembered>,
}

/// Which node of a script a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// Its name, as the daemon has it (`alert4`).
    pub name: String,
    /// The name as the script writes it.
    pub kind: String,
    /// How many nodes of that kind are before it.
    pub number: usize,
    /// What the script says of it.
    pub definition: String,
    /// A checksum of what the script says of all nodes before it.
    pub before: u32,
    /// Whether it is a function.
    pub is_function: bool,
}

impl NodeIdentity {
    /// Returns the identities of the nodes of a script, in their order.
    pub(super) fn all(definitions: &[Definition]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::with_capacity(definitions.len());
        // What is said of each node and of all before it.
        let mut lineages: Vec<u32> = Vec::with_capacity(definitions.len());
        for (i, definition) in definitions.iter().enumerate() {
            let mut before = crc32fast::Hasher::new();
            for parent in &definition.parents {
                before.update(&lineages[*parent].to_le_bytes());
            }
            let before = before.finalize();
            let text = said(definition);
            let mut lineage = crc32fast::Hasher::new();
            lineage.update(&before.to_le_bytes());
            lineage.update(text.as_bytes());
            lineages.push(lineage.finalize());
            let is_function = matches!(definition.kind, NodeKind::Udf(_));
            all.push(Self {
                name: format!("{}{i}", definition.name),
                number: all.iter().filter(|other| other.kind == definition.name).count(),
                kind: definition.name.clone(),
                definition: text,
                before,
                is_function,
            });
        }
        all
    }

    /// Tells whether it is the node of the other's kind and number.
    pub(super) fn is_place_of(&self, other: &Self) -> bool {
        (&self.kind, self.number, self.is_function)
            == (&other.kind, other.number, other.is_function)
    }

    /// Says why a node cannot use the state of another; `None` if it can.
    fn misfit(&self, kept: &Self) -> Option<String> {
        if self.is_function {
            return None;
        }
        if self.definition != kept.definition {
            let (now, then) = (&self.definition, &kept.definition);
            return Some(format!("{}: the state is that of {then}, and this is {now}", self.name));
        }
        let same = self.before == kept.before;
        (!same).then(|| format!("{}: what is before it has changed", self.name))
    }
}

/// Returns the definition of a node, without the texts and handlers of alerts.
fn said(definition: &Definition) -> String {
    const TEXTS: [&str; 6] = ["message", "details", "category", "topic", PLAIN_ID, CLOSES];
    let sign = if matches!(definition.kind, NodeKind::Udf(_)) { '@' } else { '|' };
    let mut text = format!("{sign}{}({})", definition.name, list(&definition.arguments));
    for property in &definition.properties {
        if property.handler.is_none() && !TEXTS.contains(&&*property.name) {
            text.push_str(&format!(".{}({})", property.name, list(&property.arguments)));
        }
    }
    text
}

fn list(arguments: &[Object]) -> String {
    let text = |argument: &Object| match argument {
        Object::Lambda(_, lambda) => format!("lambda: {}", lambda.text()),
        Object::Condition(condition) => condition.text().to_owned(),
        other => other.to_string(),
    };
    arguments.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What happened to a state that a graph was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resumed {
    /// How many nodes have got back what they remembered.
    pub nodes: usize,
    /// Why others start fresh.
    pub fresh: Vec<String>,
}

impl Slot {
    /// Tells whether the node is one that remembers anything, though it may have nothing to remember yet.
    fn remembers(&mut self) -> Result<bool> {
        let mut any = self.identity.is_function;
        self.node.remember(&mut Memory::ask(&self.identity.name, &mut any))?;
        Ok(any)
    }
}

impl Graph {
    /// Returns the state of all nodes that remember something. Functions first answer to all that they
    /// were given.
    ///
    /// # Errors
    /// A function that cannot give its state.
    pub fn states(&mut self, outside: &mut dyn Outside) -> Result<Vec<NodeState>> {
        self.catch_up(outside)?;
        let mut states = Vec::new();
        for slot in &mut self.slots {
            let mut remembered = Vec::new();
            slot.node.remember(&mut Memory::keep(&slot.identity.name, &mut remembered))?;
            let function = slot.node.snapshot()?.map(Bytes);
            if slot.remembers()? {
                states.push(NodeState { identity: slot.identity.clone(), function, remembered });
            }
        }
        Ok(states)
    }

    /// Returns a snapshot of each function, by the name of its node. Points that functions have collected must have
    /// been handled before.
    ///
    /// # Errors
    /// A function that cannot give its state.
    pub fn snapshots(&mut self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut snapshots = Vec::new();
        for slot in &mut self.slots {
            if let Some(snapshot) = slot.node.snapshot()? {
                snapshots.push((slot.identity.name.clone(), snapshot));
            }
        }
        Ok(snapshots)
    }

    /// Starts each function again from its own snapshot, as the daemon does after a restart.
    ///
    /// # Errors
    /// A function that does not start or refuses its snapshot.
    pub fn restart_functions(&mut self, outside: &mut dyn Outside) -> Result<()> {
        self.catch_up(outside)?;
        for slot in &mut self.slots {
            if let Some(snapshot) = slot.node.snapshot()? {
                slot.node.restart(&snapshot)?;
            }
        }
        Ok(())
    }

    /// Waits for the answers to all that functions were given.
    fn catch_up(&mut self, outside: &mut dyn Outside) -> Result<()> {
        for id in 0..self.slots.len() {
            if self.slots[id].identity.is_function {
                self.visit(id, outside, |node, out| node.catch_up(out))?;
            }
        }
        Ok(())
    }

    /// Restores what all nodes remembered; a graph that has been given no data yet then continues where the other one
    /// ended.
    ///
    /// # Errors
    /// A state that is damaged, or that a function refuses.
    pub fn resume(&mut self, states: &[NodeState]) -> Result<Resumed> {
        let mut resumed = Resumed::default();
        for slot in &mut self.slots {
            let own = &slot.identity;
            let Some(state) = states.iter().find(|state| own.is_place_of(&state.identity)) else {
                if slot.remembers()? {
                    let own = &slot.identity;
                    resumed.fresh.push(format!("{}: the state does not have this node", own.name));
                }
                continue;
            };
            if let Some(why) = own.misfit(&state.identity) {
                // A node that had nothing to remember loses nothing.
                if !state.remembered.is_empty() {
                    resumed.fresh.push(why);
                }
                continue;
            }
            slot.node.remember(&mut Memory::recall(&own.name, &state.remembered))?;
            if let Some(Bytes(snapshot)) = &state.function {
                slot.node.restart(snapshot)?;
            }
            resumed.nodes += 1;
        }
        Ok(resumed)
    }

    /// Starts the only function of the graph from a snapshot; false if it has none or several.
    ///
    /// # Errors
    /// A snapshot that the function refuses.
    pub fn resume_function(&mut self, snapshot: &[u8]) -> Result<bool> {
        let mut functions = self.slots.iter_mut().filter(|slot| slot.identity.is_function);
        let (Some(slot), None) = (functions.next(), functions.next()) else { return Ok(false) };
        slot.node.restart(snapshot)?;
        Ok(true)
    }
}
