//! A partition's session: the engine of a replay that is given messages of lines, and returns the lines that
//! come out of each. It is of one thread.

use crate::error::{FleetError, Result};
use crate::message::Batch;
use crate::task::Version;
use rhai_udf::protocol::Point;
use rhai_udf::protocol::line::{Cut, Reader, cut};
use rhai_udf::replay::engine::Engine;
use rhai_udf::replay::lines::write_all;
use rhai_udf::replay::state::RunState;
use std::sync::Arc;

/// Points that are handed over before functions that take chunks must handle them, as in a replay.
const CHUNK: usize = 1024;

/// A running engine.
pub(crate) struct Session {
    /// The version that runs.
    pub(crate) version: Arc<Version>,
    engine: Engine,
    point: Point,
    item: u64,
    /// Lines that were not valid points.
    pub(crate) bad_lines: u64,
}

/// The output of messages.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Points in line protocol.
    pub(crate) points: Vec<u8>,
    /// Alerts, an object in JSON each line.
    pub(crate) alerts: Vec<u8>,
}

impl Session {
    /// Starts a version, from a state if there is one.
    ///
    /// # Errors
    /// A script that cannot be used, or a state that it refuses.
    pub(crate) fn start(version: Arc<Version>, state: Option<&[RunState]>) -> Result<Self> {
        let mut engine = version.task.engine(0..1)?;
        if let Some(state) = state {
            let resumed = engine.resume(state)?;
            if resumed.nodes == 0 && !resumed.fresh.is_empty() && !state.is_empty() {
                return Err(FleetError::Stop {
                    what: format!(
                        "version {} cannot use the state: {}",
                        version.hash,
                        resumed.fresh.join("; ")
                    ),
                    choice: "Deploy a version that has migrate(old, opt), or the previous version"
                        .into(),
                });
            }
            for why in resumed.fresh {
                log::warn!("state: {why}; it starts fresh");
            }
        }
        Ok(Self { version, engine, point: Point::default(), item: 0, bad_lines: 0 })
    }

    /// Plays a message to its end; returns the number of its points.
    ///
    /// # Errors
    /// A script that fails.
    pub(crate) fn play(&mut self, batch: &Batch<'_>, out: &mut Output) -> Result<u64> {
        let mut reader = Reader::with_now(batch.precision, batch.now);
        let (mut rest, mut points, mut waiting) = (batch.lines, 0, 0);
        while !rest.is_empty() {
            let (line, end) = match cut(rest, u64::MAX) {
                Cut::Line { len, end, .. } => (&rest[..len], end),
                Cut::Partial { .. } => (rest, rest.len()),
            };
            rest = &rest[end..];
            match reader.read(line, &mut self.point) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => {
                    self.bad_lines += 1;
                    continue;
                }
            }
            self.point.set_database(batch.database);
            self.point.set_retention_policy(batch.policy);
            self.item += 1;
            points += 1;
            self.engine.point(self.item, &mut self.point)?;
            waiting += 1;
            if waiting == CHUNK {
                self.settle(out)?;
                waiting = 0;
            }
        }
        // Every message ends a chunk, so that a replay from any message cuts the same chunks.
        self.settle(out)?;
        Ok(points)
    }

    /// Plays a point of recorded data, of which only the state is wanted.
    ///
    /// # Errors
    /// A script that fails.
    pub(crate) fn learn(&mut self, point: &mut Point) -> Result<()> {
        self.item += 1;
        self.engine.point(self.item, point)?;
        if self.item.is_multiple_of(CHUNK as u64) {
            self.settle(&mut Output::default())?;
        }
        Ok(())
    }

    /// Lets functions handle the last points of recorded data.
    ///
    /// # Errors
    /// A script that fails.
    pub(crate) fn end_learning(&mut self) -> Result<()> {
        self.settle(&mut Output::default())
    }

    fn settle(&mut self, out: &mut Output) -> Result<()> {
        self.engine.settle()?;
        for run in &mut self.engine.runs {
            let effects = &mut run.effects;
            write_all(&mut [&mut effects.points], &mut out.points)?;
            write_all(&mut [&mut effects.shown], &mut out.alerts)?;
        }
        Ok(())
    }

    /// What the engine remembers between two messages.
    ///
    /// # Errors
    /// A script that cannot give its state.
    pub(crate) fn state(&mut self) -> Result<Vec<RunState>> {
        Ok(self.engine.states()?)
    }
}
