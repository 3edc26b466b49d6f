//! The tails of a distribution, and how unlikely recent scores are.

use super::NativeTypes;
use super::answer::{Step, map, number_map};
use super::object::Binder;
use crate::script::host::Host;
use crate::stats::tail::{AnomalyLikelihood, Likelihood, Spot, SpotStep};
use rhai::{Engine, Map};
use std::rc::Rc;

impl Step for SpotStep {
    fn map(&self) -> Map {
        map([
            ("alarm", self.alarm.into()),
            ("threshold", self.threshold.into()),
            ("probability", self.probability.into()),
        ])
    }
}

impl Step for Likelihood {
    fn map(&self) -> Map {
        number_map([("likelihood", self.likelihood), ("tail", self.tail), ("score", self.score)])
    }
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "spot", Spot::reset)
        .made_by("spot", &["risk"], |a| {
            let (risk, level) = (a.number()?, a.number_or("level", 0.98)?);
            Ok(Spot::new(risk, level, a.count_or("warmup", 1_000)?, 0)?)
        })
        .made_by("dspot", &["risk", "depth"], |a| {
            let (risk, depth, level) = (a.number()?, a.count()?, a.number_or("level", 0.98)?);
            Ok(Spot::new(risk, level, a.count_or("warmup", 1_000)?, depth)?)
        })
        .judges(Spot::push)
        .answers(&[
            ("shape", |s| s.fit().map(|tail| tail.shape)),
            ("scale", |s| s.fit().map(|tail| tail.scale)),
        ])
        .count("count", Spot::count)
        .ready(Spot::ready);
    Binder::new(engine, host, registry, "anomaly_likelihood", AnomalyLikelihood::reset)
        .made_by("anomaly_likelihood", &["long", "short"], |a| {
            let (long, short) = (a.count()?, a.count()?);
            let warmup = a.count_or("warmup", long / 2)?;
            Ok(AnomalyLikelihood::new(long, short, warmup, a.number_or("floor", 0.0)?)?)
        })
        .judges(AnomalyLikelihood::push)
        .count("count", |s| s.count() as u64)
        .ready(AnomalyLikelihood::ready);
}
