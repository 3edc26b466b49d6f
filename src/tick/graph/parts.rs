//! The state of a graph taken apart by groups, for graphs that take the data of other groups each, and put together
//! again.

use super::{Graph, NodeState};
use crate::protocol::Bytes;
use crate::tick::error::Result;
use crate::tick::flow::Memory;

impl Graph {
    /// Splits a state into several, as `owner` says for each group; what belongs to no group is in each of them.
    ///
    /// # Errors
    /// A function whose groups cannot be told apart.
    pub fn split(
        &mut self,
        states: &[NodeState],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Vec<Vec<NodeState>>> {
        let mut split: Vec<Vec<NodeState>> = vec![Vec::new(); parts];
        for state in states {
            let functions = match &state.function {
                Some(Bytes(snapshot)) => self.split_of(state, snapshot, parts, owner)?,
                None => None,
            };
            for (i, part) in split.iter_mut().enumerate() {
                let function = match &functions {
                    Some(functions) => functions.get(i).cloned().map(Bytes),
                    // Each graph reports what is wrong with it, or starts fresh.
                    None => state.function.clone(),
                };
                let identity = state.identity.clone();
                part.push(NodeState { identity, function, remembered: Vec::new() });
            }
            for one in &state.remembered {
                let owned = one.group.as_ref().map(|Bytes(group)| owner(group));
                for (_, part) in
                    split.iter_mut().enumerate().filter(|(i, _)| owned.is_none_or(|o| o == *i))
                {
                    if let Some(node) = part.last_mut() {
                        node.remembered.push(one.clone());
                    }
                }
            }
        }
        Ok(split)
    }

    /// Takes the snapshot of a function apart; `None` if the graph does not have the function, or it cannot be read.
    fn split_of(
        &mut self,
        state: &NodeState,
        snapshot: &[u8],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let slot = self.slots.iter_mut().find(|slot| slot.identity.is_place_of(&state.identity));
        slot.map_or(Ok(None), |slot| slot.node.split(snapshot, parts, owner))
    }

    /// Takes the snapshot of the only function apart; `None` if there is none or several, or it cannot be read.
    ///
    /// # Errors
    /// As [`Graph::split`].
    pub fn split_function(
        &mut self,
        snapshot: &[u8],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let mut functions = self.slots.iter_mut().filter(|slot| slot.identity.is_function);
        let (Some(slot), None) = (functions.next(), functions.next()) else { return Ok(None) };
        slot.node.split(snapshot, parts, owner)
    }

    /// Puts the states of several graphs of the same task together, which have all begun with the `base`.
    ///
    /// # Errors
    /// States that cannot be put together.
    pub fn join(&mut self, base: &[NodeState], parts: &[&[NodeState]]) -> Result<Vec<NodeState>> {
        let mut joined = Vec::new();
        let first = parts.first().copied().unwrap_or_default();
        for NodeState { identity, .. } in first {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.identity == *identity) else {
                continue;
            };
            let own = |states: &&[NodeState]| {
                states.iter().find(|state| state.identity == *identity).cloned()
            };
            let mut states: Vec<NodeState> = parts.iter().filter_map(own).collect();
            let functions: Vec<Vec<u8>> = states
                .iter_mut()
                .filter_map(|state| state.function.take())
                .map(|Bytes(b)| b)
                .collect();
            let function = match &functions[..] {
                [] => None,
                functions => Some(Bytes(slot.node.join(functions)?)),
            };
            let remembered: Vec<_> = states.iter().map(|state| &state.remembered[..]).collect();
            let base = base.iter().find(|state| slot.identity.is_place_of(&state.identity));
            let base = base.map_or(&[][..], |state| &state.remembered);
            let mut into = Vec::new();
            let mut memory = Memory::join(&identity.name, base, &remembered, &mut into);
            slot.node.remember(&mut memory)?;
            joined.push(NodeState { identity: identity.clone(), function, remembered: into });
        }
        Ok(joined)
    }
}
