//! The worker that copies the output of all partitions.

use super::partition::{Command, Ground, Shared};
use super::status::Stage;
use crate::error::Result;
use crate::names::Partition;
use crate::outlet::Outlet;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

/// Copies the output of all partitions into the stream of all output, until it is asked to end or is fenced off.
///
/// # Errors
/// The reason why it ended without being asked to.
pub(super) fn copy(
    ground: &Ground,
    partitions: u32,
    of: Partition,
    shared: &Shared,
    commands: &Receiver<Command>,
) -> Result<()> {
    let began = Instant::now();
    let all = (0..partitions).map(|number| Partition { number, ..of });
    let mut outlet = Outlet::take_over(ground.transport.clone(), &ground.names, all)?;
    log::info!("the output is copied by this worker");
    shared.counters().takeovers += 1;
    {
        let mut status = shared.status();
        status.stage = Stage::Running;
        status.why = None;
        status.takeover_seconds = began.elapsed().as_secs_f64();
    }
    loop {
        match commands.try_recv() {
            Ok(Command::Prove(_, answer)) => {
                let _ = answer.send(Ok(()));
            }
            Ok(Command::Keep) | Err(TryRecvError::Empty) => {}
            Ok(Command::End) | Err(TryRecvError::Disconnected) => return Ok(()),
        }
        outlet.copy()?;
        let copied = outlet.copied.iter().filter(|(copied, _)| copied.generation == of.generation);
        let mut status = shared.status();
        status.lag_seconds = outlet.lag_seconds;
        status.copied.clear();
        status.copied.extend(copied.map(|(copied, own)| (copied.number, *own)));
    }
}
