//! Mean, variance and the rest: of a window by count or by time, of all, exponentially weighted.

use super::arguments::function;
use super::object::{Binder, Measures, Scores};
use super::{Fallible, Native, NativeTypes};
use crate::script::host::Host;
use crate::stats::moments::{
    EwStats, MovingStats, RunningStats, TimedStats, UnevenEwStats, Window,
};
use rhai::{Array, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    moving(engine, host, registry);
    running(engine, host, registry);
    timed(engine, host, registry);
    weighted(engine, host, registry);
    uneven(engine, host, registry);
    summaries(engine, host);
}

/// The statistics that all except the weighted ones have.
macro_rules! moments {
    ($type:ty) => {
        &[
            ("mean", |s| Ok(s.mean())),
            ("variance", <$type>::variance),
            ("stddev", |s| Ok(s.stddev())),
            ("sum", |s| s.sum().map(Some)),
            ("min", |s| Ok(s.min())),
            ("max", |s| Ok(s.max())),
            ("skewness", |s| Ok(s.skewness())),
            ("kurtosis", |s| Ok(s.kurtosis())),
        ]
    };
}

fn moving(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ANSWERS: Measures<MovingStats> = moments!(MovingStats);
    const SCORES: Scores<MovingStats> = &[("z", |s, x| s.z(x))];
    Binder::new(engine, host, registry, "moving_stats", MovingStats::reset)
        .made_by("moving_stats", &["size"], |a| Ok(MovingStats::new(a.count()?)?))
        .takes(MovingStats::push, MovingStats::extend)
        .each(MovingStats::push, ANSWERS, SCORES)
        .answers(ANSWERS)
        .asked("z", |s, x| Ok(s.z(x)))
        .count("count", |s| s.count() as u64)
        .count("size", |s| s.size() as u64)
        .ready(MovingStats::ready)
        .flag("is_full", MovingStats::is_full);
    engine.register_get("values", |s: &mut Native<MovingStats>| -> Array {
        s.0.values().iter().map(Into::into).collect()
    });
}

fn running(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ANSWERS: Measures<RunningStats> = moments!(RunningStats);
    const SCORES: Scores<RunningStats> = &[("z", RunningStats::z)];
    Binder::new(engine, host, registry, "running_stats", RunningStats::reset)
        .made_by("running_stats", &[], |_| Ok(RunningStats::new()))
        .takes(RunningStats::push, RunningStats::extend)
        .each(RunningStats::push, ANSWERS, SCORES)
        .answers(ANSWERS)
        .asked("z", |s, x| Ok(s.z(x)))
        .count("count", RunningStats::count)
        .ready(RunningStats::ready);
    type Running = Native<RunningStats>;
    engine.register_fn("merge", |s: &mut Running, other: Running| -> Running {
        s.change().merge(&other.0);
        s.clone()
    });
}

fn timed(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const TIMED: Measures<TimedStats> = moments!(TimedStats);
    Binder::new(engine, host, registry, "timed_stats", TimedStats::reset)
        .made_by("timed_stats", &["duration"], |a| Ok(TimedStats::new(a.nanoseconds()?)?))
        .takes_at(TimedStats::push)
        .answers(TIMED)
        .asked("z", |s, x| Ok(s.z(x)))
        .count("count", |s| s.count() as u64)
        .ready(TimedStats::ready);
    engine.register_fn("move_to", |s: &mut Native<TimedStats>, time: i64| -> Fallible<()> {
        s.change().move_to(time).map_err(|e| super::fail_in("timed_stats.move_to", e))
    });
    engine.register_get("values", |s: &mut Native<TimedStats>| -> Array {
        s.0.values().map(Into::into).collect()
    });
}

fn weighted(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ANSWERS: Measures<EwStats> = &[
        ("mean", |s| Ok(s.mean())),
        ("variance", EwStats::variance),
        ("stddev", |s| Ok(s.stddev())),
    ];
    const SCORES: Scores<EwStats> = &[("z", EwStats::z)];
    Binder::new(engine, host, registry, "ew_stats", EwStats::reset)
        .made_by("ew_stats", &["alpha"], |a| Ok(EwStats::new(a.number()?)?))
        .made_by("ew_stats_span", &["span"], |a| Ok(EwStats::with_span(a.number()?)?))
        .made_by("ew_stats_half_life", &["half_life"], |a| {
            Ok(EwStats::with_half_life(a.number()?)?)
        })
        .judges(EwStats::push)
        .each(|s, x| s.push(x).map(drop), ANSWERS, SCORES)
        .answers(ANSWERS)
        .asked("z", |s, x| Ok(s.z(x)))
        .count("count", EwStats::count)
        .ready(EwStats::ready);
}

fn uneven(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ANSWERS: Measures<UnevenEwStats> = &[
        ("mean", |s| Ok(s.stats().mean())),
        ("variance", |s| s.stats().variance()),
        ("stddev", |s| Ok(s.stats().stddev())),
    ];
    Binder::new(engine, host, registry, "timed_ew_stats", UnevenEwStats::reset)
        .made_by("timed_ew_stats", &["time_constant"], |a| {
            Ok(UnevenEwStats::new(a.nanoseconds()?)?)
        })
        .judges_at(UnevenEwStats::push)
        .answers(ANSWERS)
        .asked("z", |s, x| Ok(s.stats().z(x)))
        .count("count", |s| s.stats().count())
        .ready(|s| s.stats().count() > 1);
}

/// `skewness(values)` and `kurtosis(values)`; the others are properties of a series.
fn summaries(engine: &mut Engine, host: &Rc<Host>) {
    use crate::stats::{StatsError, moments};
    let shapes: [(&'static str, fn(&[f64]) -> Option<f64>); 2] =
        [("skewness", moments::skewness), ("kurtosis", moments::kurtosis)];
    for (name, shape) in shapes {
        function(engine, host, name, &["values"], move |a| {
            let values = a.numbers()?;
            crate::stats::error::all_finite("values", &values)?;
            let reason = "there is no value, or all are equal";
            Ok(shape(&values).ok_or(StatsError::Undefined { name, reason })?)
        });
    }
}
