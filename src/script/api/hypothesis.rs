//! Tests of a hypothesis: a sample is a series, an array, or moving or running statistics.

use super::arguments::{numbers, refuse};
use super::{Fallible, Native};
use crate::script::host::Host;
use crate::stats::hypothesis::{Sample, TTest, welch_ttest};
use crate::stats::moments::{MovingStats, RunningStats};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_fn("welch_ttest", move |a: Dynamic, b: Dynamic| -> Fallible<Map> {
        let a = sample(&h, "welch_ttest", "first sample", &a)?;
        let b = sample(&h, "welch_ttest", "second sample", &b)?;
        Ok(ttest_map(&welch_ttest(&a, &b)))
    });
}

fn sample(host: &Host, function: &str, name: &'static str, value: &Dynamic) -> Fallible<Sample> {
    let sample = if let Some(stats) = value.read_lock::<Native<MovingStats>>() {
        Sample::from_moments(name, &stats.0.moments())
    } else if let Some(stats) = value.read_lock::<Native<RunningStats>>() {
        Sample::from_moments(name, &stats.0.moments())
    } else {
        Sample::of(name, &numbers(host, function, name, value, false)?)
    };
    sample.map_err(|e| refuse(function, &e))
}

fn ttest_map(test: &TTest) -> Map {
    [("t", test.t), ("df", test.df), ("pvalue", test.pvalue)]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
