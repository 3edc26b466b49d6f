//! The time of a task, which is the data's: nodes that act by themselves (`stats`, `barrier`) do so
//! once the data has reached the time that they asked for.
//!
//! The daemon has them act by the clock of the machine, while the data of a replay passes as fast as
//! it is read. Time never goes back, and stands still after the last item.

use super::Graph;
use crate::tick::definition::{Definition, NodeKind};
use crate::tick::error::{Result, TickError};
use crate::tick::flow::Outside;
use crate::tick::text::rfc3339;

/// How often nodes may act between two items of the data.
const MOST_ACTS: u32 = if cfg!(test) { 10_000 } else { 10_000_000 };

/// The time that the data has reached, and which nodes act by themselves.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The time in nanoseconds since the epoch; `None` before the first item, and where no node asks for it.
    now: Option<i64>,
    /// The nodes that act by themselves.
    timers: Vec<usize>,
    /// Whether functions must not collect points, because the result of a node depends on when their answers arrive.
    eager: bool,
}

impl Clock {
    pub(super) fn new(definitions: &[Definition]) -> Self {
        let is_barrier = |definition: &Definition| definition.is_node("barrier");
        let acts = |definition: &Definition| definition.is_node("stats") || is_barrier(definition);
        let is_udf = |definition: &Definition| matches!(definition.kind, NodeKind::Udf(_));
        Self {
            now: None,
            timers: (0..definitions.len()).filter(|id| acts(&definitions[*id])).collect(),
            eager: definitions.iter().any(is_barrier) && definitions.iter().any(is_udf),
        }
    }
}

impl Graph {
    /// Lets nodes act whose time has come, now that the data has reached `time`.
    pub(super) fn reach(&mut self, time: i64, outside: &mut dyn Outside) -> Result<()> {
        if self.clock.timers.is_empty() {
            return Ok(());
        }
        let mut acts = 0;
        while let Some((due, id)) = self.next_act().filter(|(due, _)| *due <= time) {
            if acts == 0 {
                self.settle(outside)?;
            }
            self.tell(due);
            self.visit(id, outside, |node, out| node.act(due, out))?;
            acts += 1;
            if acts == MOST_ACTS {
                let message = format!(
                    "the data jumps to {}, over more than {MOST_ACTS} intervals of this node",
                    rfc3339(time)
                );
                let node = self.slots[id].identity.name.clone();
                return Err(TickError::Node { node, message });
            }
        }
        self.clock.now = self.clock.now.max(Some(time));
        self.tell(self.clock.now.unwrap_or(time));
        Ok(())
    }

    /// Tells the nodes that act by themselves which time has been reached.
    fn tell(&mut self, time: i64) {
        let Self { clock, slots, .. } = self;
        clock.timers.iter().for_each(|id| slots[*id].node.reached(time));
    }

    /// Returns the node that wants to act first, with the time.
    fn next_act(&self) -> Option<(i64, usize)> {
        let due = |id: &usize| self.slots[*id].node.due().map(|due| (due, *id));
        self.clock.timers.iter().filter_map(due).min()
    }

    /// Lets functions handle the points that they have collected, if a later time would change the results.
    pub(super) fn settle_eagerly(&mut self, outside: &mut dyn Outside) -> Result<()> {
        if self.clock.eager { self.settle(outside) } else { Ok(()) }
    }
}
