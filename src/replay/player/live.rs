//! Requests to a player of live data while it plays.

use super::crew::Crew;
use super::{Player, Writers};
use crate::replay::summary::Summary;
use std::io::Write;

impl Player {
    /// Redirects the lines; returns the previous writer.
    pub fn show_on(&mut self, shown: Box<dyn Write>) -> Box<dyn Write> {
        let Writers { shown: before, .. } = &mut self.writers;
        std::mem::replace(before, shown)
    }

    /// Returns what happened so far, and how often nodes could not do something.
    pub fn so_far(&self) -> (Summary, u64) {
        let mut summary = self.summary();
        let mut errors = self.ended.diagnosed.values().sum();
        if let Crew::Here(engine) = &self.crew {
            summary.add(&engine.summary());
            errors +=
                engine.runs.iter().flat_map(|run| run.effects.diagnosed.values()).sum::<u64>();
        }
        (summary, errors)
    }

    /// Returns the time of the latest data.
    pub fn time(&self) -> Option<i64> {
        self.time
    }
}
