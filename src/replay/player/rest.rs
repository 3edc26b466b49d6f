//! What an engine leaves.

use super::added;
use crate::replay::engine::Engine;
use crate::replay::quality::Record;
use crate::replay::summary::Summary;
use crate::replay::trace::Trace;
use crate::tick::flow::Unseen;
use std::collections::BTreeMap;

/// What an engine leaves when its data ends.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) summary: Summary,
    /// What nodes could not do.
    pub(super) diagnosed: BTreeMap<(String, String), u64>,
    /// What a database refused, with how many points that cost.
    pub(super) refused: BTreeMap<String, u64>,
    /// The record of each graph, with the numbers of its variants.
    pub(super) records: Vec<(Record, Vec<usize>)>,
    /// Names that were given and that nothing in the data had.
    pub(super) unseen: Vec<Unseen>,
    pub(super) trace: Option<Trace>,
}

impl Rest {
    pub(super) fn of(engine: &mut Engine) -> Self {
        let mut rest = Self { summary: engine.summary(), ..Self::default() };
        for run in &mut engine.runs {
            for (key, times) in std::mem::take(&mut run.effects.diagnosed) {
                *rest.diagnosed.entry(key).or_default() += times;
            }
            if let Some(database) = &run.effects.database {
                rest.refused.extend(database.errors.clone());
            }
            rest.records.extend(run.effects.record.take());
            rest.unseen.extend(run.graph.unseen());
            rest.trace = added(rest.trace.take(), run.effects.take_trace());
        }
        rest
    }
}
