//! The end of the data, and the results of the engines.

use super::crew::{Crew, show};
use super::rest::{Rest, keep_common_unseen};
use super::{Player, added};
use crate::replay::ReplayError;
use crate::replay::outcome::Outcome;
use crate::replay::quality::{Interval, Quality, Record, judge};
use crate::replay::summary::Summary;
use crate::replay::trace::Trace;
use crate::tick::flow::{NameKind, Unseen};
use std::collections::{BTreeMap, BTreeSet};

/// The results of engines that have ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) summary: Summary,
    pub(super) diagnosed: BTreeMap<(String, String), u64>,
    refused: BTreeMap<String, u64>,
    unseen: BTreeSet<Unseen>,
    trace: Option<Trace>,
    outcome: Option<Outcome>,
}

impl Ended {
    /// Adds what engines leave, whose records it returns. Where they are not `spread`, all have taken the same data
    /// and have counted the same.
    fn add(&mut self, mut rests: Vec<Rest>, spread: bool) -> Vec<(Record, Vec<usize>)> {
        for rest in rests.iter().take(if spread { rests.len() } else { 1 }) {
            self.summary.batches_in += rest.summary.batches_in;
            self.summary.passed_by += rest.summary.passed_by;
        }
        if spread {
            keep_common_unseen(&mut rests);
        }
        let mut records = Vec::new();
        for rest in rests {
            self.summary.add(&rest.summary);
            for (key, times) in rest.diagnosed {
                *self.diagnosed.entry(key).or_default() += times;
            }
            for (key, points) in rest.refused {
                *self.refused.entry(key).or_default() += points;
            }
            records.extend(rest.records);
            self.unseen.extend(rest.unseen);
            self.trace = added(self.trace.take(), rest.trace);
            if let Some(more) = rest.outcome {
                self.outcome.get_or_insert_default().add(more);
            }
        }
        records
    }
}

impl Player {
    /// Ends the data for all engines, or keeps their state if it goes on, and judges each variant by the true
    /// anomalies; empty if nothing was recorded.
    ///
    /// # Errors
    /// As [`Player::play`].
    pub fn finish(&mut self, anomalies: &[Interval]) -> Result<Vec<(usize, Quality)>, ReplayError> {
        self.settle()?;
        self.left = if self.goes_on { Some(self.state()?) } else { None };
        let rests = match &mut self.crew {
            Crew::Here(engine) if self.goes_on => {
                show(engine, &mut self.writers)?;
                engine.flush()?;
                vec![Rest::of(engine)]
            }
            Crew::Here(engine) => {
                let finished = engine.finish();
                show(engine, &mut self.writers)?;
                finished?;
                vec![Rest::of(engine)]
            }
            Crew::Threads(threads) => threads.finish(self.goes_on, &mut self.writers)?,
        };
        let spread = matches!(&self.crew, Crew::Threads(threads) if threads.is_spread());
        let records = self.ended.add(rests, spread);
        if let Some(trace) = &mut self.ended.trace {
            trace.add_labels(anomalies);
        }
        self.flush()?;
        Ok(judge(&records, anomalies))
    }

    /// Returns what came out of the engines that have ended, if their task keeps it.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.ended.outcome.take()
    }

    /// Returns what the engines traced that have ended, if their task is traced.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.ended.trace.take()
    }

    /// Returns the results of the engines that have ended, and the counts of the data that was read.
    pub fn summary(&self) -> Summary {
        Summary { points_in: self.points_in, ..self.ended.summary.clone() }
    }

    /// Returns what nodes could not do: the node and the error, with how often it occurred.
    pub fn diagnosed(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let entries = self.ended.diagnosed.iter();
        entries.map(|((node, error), times)| (node.as_str(), error.as_str(), *times))
    }

    /// Returns the names that were given and that nothing in the data had, each once.
    pub fn unseen(&self) -> impl Iterator<Item = Unseen> {
        self.ended.unseen.iter().cloned().chain(self.wanted.unseen(NameKind::Measurement))
    }

    /// Returns what a database refused, with how many points that cost.
    pub fn refused(&self) -> impl Iterator<Item = (&str, u64)> {
        self.ended.refused.iter().map(|(error, points)| (error.as_str(), *points))
    }
}
