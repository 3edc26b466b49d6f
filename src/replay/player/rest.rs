//! The results of an engine.

use super::added;
use crate::replay::engine::Engine;
use crate::replay::outcome::Outcome;
use crate::replay::quality::Record;
use crate::replay::summary::Summary;
use crate::replay::trace::Trace;
use crate::tick::flow::Unseen;
use std::collections::BTreeMap;

/// The results of an engine at the end of its data.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) summary: Summary,
    /// Errors of nodes.
    pub(super) diagnosed: BTreeMap<(String, String), u64>,
    /// What a database refused, with how many points that cost.
    pub(super) refused: BTreeMap<String, u64>,
    /// The record of each graph, with the numbers of its variants.
    pub(super) records: Vec<(Record, Vec<usize>)>,
    /// Names that were given and that nothing in the data had.
    pub(super) unseen: Vec<Unseen>,
    pub(super) trace: Option<Trace>,
    pub(super) outcome: Option<Outcome>,
    /// Some data came to this engine.
    pub(super) took_any: bool,
}

/// Keeps the names that occurred in no engine, if each engine took other data: a name that is missing in one engine
/// may occur in another. An engine without data is ignored.
pub(super) fn keep_common_unseen(rests: &mut [Rest]) {
    let asked: Vec<usize> = (0..rests.len()).filter(|i| rests[*i].took_any).collect();
    let has = |rest: &Rest, one: &Unseen| {
        rest.unseen.iter().any(|other| other.kind == one.kind && other.name == one.name)
    };
    let Some((first, others)) = asked.split_first() else { return };
    let mut common = std::mem::take(&mut rests[*first].unseen);
    common.retain(|one| others.iter().all(|i| has(&rests[*i], one)));
    rests.iter_mut().for_each(|rest| rest.unseen.clear());
    rests[*first].unseen = common;
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
            rest.took_any |= run.graph.counts().any(|(_, count)| count > 0);
            if let Some(more) = run.effects.take_outcome() {
                rest.outcome.get_or_insert_default().add(more);
            }
            rest.trace = added(rest.trace.take(), run.effects.take_trace());
        }
        rest
    }
}
