//! Gaps in the input of a partition.

use super::{Ground, Owner};
use crate::error::{FleetError, Result, believed};
use crate::message::Record;
use crate::names::Partition;

/// How often a gap is read again before it is considered real: servers that were killed may be behind.
const READ_AGAIN: u32 = 5;

/// Reports missing messages, if the input begins after the next message.
///
/// # Errors
/// A gap, or servers that do not answer.
pub(super) fn check_input(ground: &Ground, of: Partition, position: u64) -> Result<()> {
    believed(|| look_at_input(ground, of, position))
}

fn look_at_input(ground: &Ground, of: Partition, position: u64) -> Result<()> {
    let stream = ground.names.input(of);
    let ends = ground.transport.ends(&stream)?;
    match ends {
        Some(ends) if ends.first <= position + 1 && ends.last >= position => Ok(()),
        Some(ends) if ends.first > position + 1 => {
            Err(gap(&stream, of, position + 1, ends.first - 1))
        }
        Some(ends) => Err(FleetError::Stop {
            what: format!(
                "the input {stream} ends at message {}, but the state already includes message {position}: the stream was deleted and created again, or restored from an old backup",
                ends.last
            ),
            choice: choice(of),
        }),
        None => Err(FleetError::Stop {
            what: format!("the input {stream} does not exist"),
            choice: choice(of),
        }),
    }
}

fn gap(stream: &str, of: Partition, from: u64, to: u64) -> FleetError {
    FleetError::Stop {
        what: format!("messages {from} to {to} of the input {stream} are missing"),
        choice: choice(of),
    }
}

fn choice(of: Partition) -> String {
    format!(
        "Restore the stream from a backup; or continue without them: `resume --partition {} --accept-gap`",
        of.number
    )
}

impl Owner<'_> {
    /// Handles a message that is not the next one: if messages between are really missing, the partition stops.
    pub(super) fn misread(&self, record: &Record, times: u32) -> Result<()> {
        self.shared.counters().gaps += 1;
        log::warn!(
            "{}: message {} came after message {}; the input is read again from there",
            self.of.label(),
            record.sequence,
            self.position
        );
        check_input(self.ground, self.of, self.position)?;
        let stream = self.ground.names.input(self.of);
        let next = self.position + 1;
        if times < READ_AGAIN || self.ground.transport.get(&stream, next)?.is_some() {
            return Ok(());
        }
        Err(gap(&stream, self.of, next, next.max(record.sequence - 1)))
    }
}
