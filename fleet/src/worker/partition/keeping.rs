//! Checkpoints of a partition, and the removal of what they make superfluous.

use super::Owner;
use crate::error::Result;
use crate::journal::Checkpoint;
use crate::worker::status::now;
use std::sync::PoisonError;
use std::time::Instant;

impl Owner<'_> {
    pub(super) fn keep_if_due(&mut self) -> Result<()> {
        let due =
            self.kept.elapsed() >= self.ground.every || self.bytes_since >= self.ground.every_bytes;
        if due && self.position > self.kept_position && self.caught_up() {
            self.keep()?;
        }
        Ok(())
    }

    pub(super) fn keep_now(&mut self) -> Result<()> {
        if self.position > self.kept_position && self.caught_up() {
            self.write()?;
            self.keep()?;
        }
        Ok(())
    }

    /// Stores a checkpoint; the input before it is then no longer needed.
    pub(super) fn keep(&mut self) -> Result<()> {
        self.journal.settle()?;
        let checkpoint = Checkpoint {
            position: self.position,
            version: self.session.version.hash.clone(),
            points: self.points,
            alerts: self.alerts,
            state: Some(self.session.state()?),
        };
        let size = self.journal.checkpoint(&checkpoint)?;
        self.kept = Instant::now();
        self.kept_position = self.position;
        self.bytes_since = 0;
        {
            let mut status = self.shared.status();
            status.checkpoint_at = now();
            status.checkpoint_bytes = size;
            status.checkpoint_position = self.position;
        }
        // Streams that stay longer than needed do no harm.
        let input = self.ground.names.input(self.of);
        let copied = {
            let all = self.ground.copied.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&self.of).copied().unwrap_or_default()
        };
        let mut forgotten = vec![self.journal.forget(copied)];
        if !self.ground.keep_input {
            // The last message stays, so that the stream knows how far it was.
            forgotten.push(self.ground.transport.forget(&input, self.position));
        }
        for error in forgotten.into_iter().filter_map(Result::err) {
            log::debug!("{}: {error}", self.of.label());
        }
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        self.write()?;
        self.journal.settle()?;
        self.keep_now()?;
        log::info!("{}: handed over at message {}", self.of.label(), self.position);
        Ok(())
    }
}
