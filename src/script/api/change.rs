//! Change and drift: CUSUM, Page-Hinkley, ADWIN, KSWIN, Bayesian change points, PELT.

use super::answer::{Step, map, optional_text};
use super::arguments::function;
use super::object::{Binder, Measures};
use super::{Fallible, Native, NativeTypes};
use crate::script::host::Host;
use crate::stats::change::{
    Adwin, BayesStep, BayesianChange, Cusum, CusumStep, Direction, Kswin, LevelChange, LevelStep,
    PageHinkley, PageHinkleyStep, pelt,
};
use crate::stats::moments::{MovingStats, RunningStats};
use rhai::{Array, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    cusum(engine, host, registry);
    page_hinkley(engine, host, registry);
    windows(engine, host, registry);
    bayesian(engine, host, registry);
    level_change(engine, host, registry);
    function(engine, host, "pelt", &["values"], |a| {
        let values = a.numbers()?;
        let cost = a.text_or("cost", "mean")?.parse()?;
        let penalty = a.number_or("penalty", 3.0 * (values.len().max(2) as f64).ln())?;
        let least = a.count_or("min_size", 2)?;
        let changes = pelt(&values, cost, penalty, least, &a.progress())?;
        Ok(changes.into_iter().map(|at| (at as i64).into()).collect::<Array>())
    });
}

fn name(direction: Option<Direction>) -> rhai::Dynamic {
    optional_text(direction.map(|direction| match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }))
}

impl Step for CusumStep {
    fn map(&self) -> Map {
        map([
            ("upper", self.upper.into()),
            ("lower", self.lower.into()),
            ("alarm", name(self.alarm)),
        ])
    }
}

impl Step for PageHinkleyStep {
    fn map(&self) -> Map {
        map([("up", self.up.into()), ("down", self.down.into()), ("alarm", name(self.alarm))])
    }
}

impl Step for BayesStep {
    fn map(&self) -> Map {
        map([("surprise", self.surprise.into()), ("run_length", (self.run_length as i64).into())])
    }
}

impl Step for LevelStep {
    fn map(&self) -> Map {
        map([
            ("score", self.score.into()),
            ("size", self.size.into()),
            ("length", (self.length as i64).into()),
        ])
    }
}

fn level_change(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "level_change", LevelChange::reset)
        .made_by("level_change", &[], |a| Ok(LevelChange::new(a.count_or("warmup", 10)?)?))
        .judges(LevelChange::push)
        .answers(&[("baseline", LevelChange::baseline)])
        .count("count", LevelChange::count)
        .ready(LevelChange::ready);
    engine.register_fn("accept", |s: &mut Native<LevelChange>, length: i64| {
        s.change().accept(usize::try_from(length).unwrap_or(0));
    });
}

fn cusum(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "cusum", Cusum::reset)
        .made_by("cusum", &[], |a| {
            let (drift, threshold) = (a.number_or("drift", 0.5)?, a.number_or("threshold", 5.0)?);
            Ok(Cusum::learning(a.count_or("warmup", 50)?, drift, threshold)?)
        })
        .made_by("cusum", &["mean", "stddev"], |a| {
            let (mean, stddev) = (a.number()?, a.number()?);
            let (drift, threshold) = (a.number_or("drift", 0.5)?, a.number_or("threshold", 5.0)?);
            Ok(Cusum::new(mean, stddev, drift, threshold)?)
        })
        .judges(Cusum::push)
        .answers(&[("mean", Cusum::mean)])
        .count("count", Cusum::count)
        .ready(Cusum::ready);
    type Chart = Native<Cusum>;
    engine.register_fn("rebase", |s: &mut Chart| s.change().rebase());
    let set = |s: &mut Chart, stats: Native<RunningStats>| -> Fallible<()> {
        let set = s.change().set_baseline(&stats.0);
        set.map_err(|e| super::fail_in("cusum.set_baseline", e))
    };
    engine.register_fn("set_baseline", set);
    engine.register_fn(
        "set_baseline",
        move |s: &mut Chart, window: Native<MovingStats>| -> Fallible<()> {
            let mut stats = RunningStats::new();
            let values: Vec<f64> = window.0.values().iter().collect();
            stats.extend(&values).map_err(|e| super::fail_in("cusum.set_baseline", e))?;
            set(s, Native::new(stats))
        },
    );
}

fn page_hinkley(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "page_hinkley", PageHinkley::reset)
        .made_by("page_hinkley", &["delta", "threshold"], |a| {
            let (delta, threshold) = (a.number()?, a.number()?);
            Ok(PageHinkley::new(delta, threshold, a.count_or("warmup", 30)? as u64)?)
        })
        .judges(|s, x| s.push(x).map(Some))
        .answers(&[("mean", PageHinkley::mean)])
        .count("count", PageHinkley::count)
        .ready(PageHinkley::ready);
}

fn windows(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ADWIN: Measures<Adwin> = &[
        ("mean", |s| Ok(s.mean())),
        ("variance", Adwin::variance),
        ("stddev", |s| Ok(s.moments().stddev())),
    ];
    Binder::new(engine, host, registry, "adwin", Adwin::reset)
        .made_by("adwin", &[], |a| Ok(Adwin::new(a.number_or("delta", 0.002)?)?))
        .judges(Adwin::push)
        .answers(ADWIN)
        .count("count", Adwin::count)
        .ready(Adwin::ready);
    Binder::new(engine, host, registry, "kswin", Kswin::reset)
        .made_by("kswin", &["size", "recent"], |a| {
            let (size, recent) = (a.count()?, a.count()?);
            let alpha = a.number_or("alpha", 0.005)?;
            Ok(Kswin::new(alpha, size, recent, a.int_or("seed", 0)? as u64)?)
        })
        .judges(Kswin::push)
        .answers(&[("pvalue", |s| Some(s.pvalue()))])
        .count("count", |s| s.count() as u64)
        .ready(Kswin::ready);
}

fn bayesian(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "bayesian_change", BayesianChange::reset)
        .made_by("bayesian_change", &["run", "mean", "stddev"], |a| {
            let (run, mean, stddev) = (a.number()?, a.number()?, a.number()?);
            Ok(BayesianChange::new(run, mean, stddev, a.count_or("max_run", 500)?)?)
        })
        .judges(|s, x| s.push(x).map(Some))
        .count("run_length", |s| s.run_length() as u64)
        .count("count", BayesianChange::count)
        .ready(BayesianChange::ready);
    engine.register_fn("changed_within", |s: &mut Native<BayesianChange>, values: i64| {
        s.0.changed_within(usize::try_from(values).unwrap_or(0))
    });
}
