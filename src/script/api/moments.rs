//! `moving_stats(size)` and `running_stats()`: mean, variance and the rest, of a window and of all.

use super::arguments::{count, number, numbers};
use super::{Fallible, Native, Registry, fail_in};
use crate::script::host::Host;
use crate::stats::moments::{MovingStats, RunningStats};
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    registry.native::<MovingStats>("moving_stats");
    registry.native::<RunningStats>("running_stats");
    engine.register_type_with_name::<Native<MovingStats>>("MovingStats");
    engine.register_type_with_name::<Native<RunningStats>>("RunningStats");

    let h = host.clone();
    engine.register_fn("moving_stats", move |size: Dynamic| -> Fallible<Native<MovingStats>> {
        let size = count(&h, "moving_stats", "size", &size)?;
        MovingStats::new(size).map(Native::new).map_err(|e| fail_in("moving_stats", e))
    });
    engine.register_fn("running_stats", || Native::new(RunningStats::new()));
    engine.register_get("size", |s: &mut Native<MovingStats>| s.0.size() as i64);
    engine.register_get("is_full", |s: &mut Native<MovingStats>| s.0.is_full());
    engine.register_get("values", |s: &mut Native<MovingStats>| -> Array {
        s.0.values().iter().map(Into::into).collect()
    });
    engine.register_fn(
        "merge",
        |s: &mut Native<RunningStats>, other: Native<RunningStats>| -> Native<RunningStats> {
            s.change().merge(&other.0);
            s.clone()
        },
    );
    shared(engine, host, MovingStats::push, MovingStats::extend);
    shared(engine, host, RunningStats::push, RunningStats::extend);
}

/// What both can tell.
trait Moments: Clone + PartialEq + 'static {
    fn count(&self) -> i64;
    fn reset(&mut self);
    fn answers() -> [(&'static str, fn(&Self) -> Option<f64>); 8];
    fn z(&self, x: f64) -> Option<f64>;
}

macro_rules! moments {
    ($type:ty) => {
        impl Moments for $type {
            fn count(&self) -> i64 {
                <$type>::count(self) as i64
            }

            fn reset(&mut self) {
                <$type>::reset(self);
            }

            fn answers() -> [(&'static str, fn(&Self) -> Option<f64>); 8] {
                [
                    ("mean", Self::mean),
                    ("variance", Self::variance),
                    ("stddev", Self::stddev),
                    ("sum", |s| Some(s.sum())),
                    ("min", Self::min),
                    ("max", Self::max),
                    ("skewness", Self::skewness),
                    ("kurtosis", Self::kurtosis),
                ]
            }

            fn z(&self, x: f64) -> Option<f64> {
                <$type>::z(self, x)
            }
        }
    };
}

moments!(MovingStats);
moments!(RunningStats);

type Stats<T> = crate::stats::error::Result<T>;

fn shared<M: Moments>(
    engine: &mut Engine,
    host: &Rc<Host>,
    push: fn(&mut M, f64) -> Stats<()>,
    extend: fn(&mut M, &[f64]) -> Stats<()>,
) {
    let h = host.clone();
    engine.register_fn("push", move |s: &mut Native<M>, x: Dynamic| -> Fallible<Native<M>> {
        let x = number(&h, "push", "the value", &x)?;
        push(s.change(), x).map_err(|e| fail_in("push", e))?;
        Ok(s.clone())
    });
    let h = host.clone();
    engine.register_fn(
        "extend",
        move |s: &mut Native<M>, values: Dynamic| -> Fallible<Native<M>> {
            numbers(&h, "extend", "values", &values, |v| extend(s.change(), &v))?
                .map_err(|e| fail_in("extend", e))?;
            Ok(s.clone())
        },
    );
    for (name, answer) in M::answers() {
        let h = host.clone();
        engine.register_get(name, move |s: &mut Native<M>| -> Dynamic {
            known(&h, name, answer(&s.0), s.0.count())
        });
    }
    let h = host.clone();
    engine.register_fn("z", move |s: &mut Native<M>, x: Dynamic| -> Fallible<Dynamic> {
        let x = number(&h, "z", "the value", &x)?;
        Ok(known(&h, "z", s.0.z(x), s.0.count()))
    });
    engine.register_get("count", |s: &mut Native<M>| s.0.count());
    engine.register_fn("reset", |s: &mut Native<M>| s.change().reset());
    engine.register_fn("==", |a: Native<M>, b: Native<M>| a.0 == b.0);
    engine.register_fn("!=", |a: Native<M>, b: Native<M>| a.0 != b.0);
}

/// A statistic that may not exist yet: `()` then, and a note that says why.
fn known(host: &Host, name: &str, value: Option<f64>, count: i64) -> Dynamic {
    match value {
        Some(value) => value.into(),
        None => {
            host.note(&format!("{name} of {count} values does not exist; look at .count first"));
            Dynamic::UNIT
        }
    }
}
