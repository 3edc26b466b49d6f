//! Whether the inputs have room for a request, asked before any of it is sent: a request that is refused is then not
//! stored in part. Streams that the servers find full are not only refused: servers of the 2.9 series that are killed
//! after they have refused messages of a replicated stream may number the later ones otherwise than the others.

use crate::error::{FleetError, Result};
use crate::meta::Layout;
use crate::names::{Names, Partition};
use crate::transport::Transport;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bytes of a message in addition to its lines.
const MESSAGE: u64 = 256;
/// How long an input that was full is not checked again.
const FULL: Duration = Duration::from_millis(50);

/// How full the inputs are, as far as this feed knows.
pub(super) struct Room {
    held: Vec<Mutex<Held>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    /// Bytes at the last look, and those that were sent since.
    bytes: u64,
    looked: Option<Instant>,
}

impl Room {
    pub(super) fn new(partitions: u32) -> Self {
        Self { held: (0..partitions).map(|_| Mutex::default()).collect() }
    }

    /// Reserves the space for all messages of a request, or none. The last eighth of each input is left free for
    /// messages that other feeds send at the same time.
    ///
    /// # Errors
    /// An input without room, servers that do not answer.
    pub(super) fn admit(
        &self,
        transport: &dyn Transport,
        names: &Names,
        layout: &Layout,
        messages: &[(u32, Vec<u8>)],
    ) -> Result<()> {
        let mut needed = vec![0; self.held.len()];
        for (number, lines) in messages {
            needed[*number as usize] += lines.len() as u64 + MESSAGE;
        }
        let limit = match layout.input_bytes {
            0 => u64::MAX,
            bytes => bytes - bytes / 8,
        };
        for (number, needed) in (0u32..).zip(&needed).filter(|(_, needed)| **needed > 0) {
            if *needed > limit {
                return Err(FleetError::Usage(format!(
                    "the request has {needed} bytes for one partition, whose input holds at most {limit}: send smaller requests, or create the fleet with more input_bytes"
                )));
            }
            let mut held = self.lock(number);
            if held.bytes + needed > limit && held.looked.is_none_or(|at| at.elapsed() > FULL) {
                *held = look(transport, names, layout, number)?;
            }
            if held.bytes + needed > limit {
                let of = Partition { generation: layout.generation, number };
                return Err(FleetError::Full { stream: names.input(of) });
            }
        }
        for (number, needed) in (0u32..).zip(needed) {
            self.lock(number).bytes += needed;
        }
        Ok(())
    }

    /// Checks how full the inputs are.
    pub(super) fn look(&self, transport: &dyn Transport, names: &Names, layout: &Layout) {
        for number in 0..layout.partitions {
            match look(transport, names, layout, number) {
                Ok(held) => *self.lock(number) = held,
                Err(error) => log::debug!("{error}"),
            }
        }
    }

    fn lock(&self, number: u32) -> std::sync::MutexGuard<'_, Held> {
        self.held[number as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(transport: &dyn Transport, names: &Names, layout: &Layout, number: u32) -> Result<Held> {
    let of = Partition { generation: layout.generation, number };
    let ends = transport.ends(&names.input(of))?.unwrap_or_default();
    Ok(Held { bytes: ends.bytes, looked: Some(Instant::now()) })
}
