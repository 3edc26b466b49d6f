//! `random(seed)`: numbers that are the same in each run, and continue after a restore.

use super::arguments::{function, number, refuse};
use super::series::Series;
use super::{Fallible, Native, NativeTypes, fail_in};
use crate::script::host::Host;
use crate::stats::Rng;
use rhai::{Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    type Random = Native<Rng>;
    registry.native::<Rng>("random");
    engine.register_type_with_name::<Random>("random");
    function(engine, host, "random", &["seed"], |a| {
        let (name, seed) = a.any();
        let seed = super::arguments::int(a.host(), "random", name, seed)?;
        Ok(Dynamic::from(Native::new(Rng::new(seed as u64))))
    });
    engine.register_fn("next", |s: &mut Random| s.change().uniform());
    engine.register_fn("normal", |s: &mut Random| s.change().normal());
    let h = host.clone();
    engine.register_fn(
        "normal",
        move |s: &mut Random, mean: Dynamic, stddev: Dynamic| -> Fallible<f64> {
            let mean = number(&h, "random.normal", "mean", &mean)?;
            let stddev = number(&h, "random.normal", "stddev", &stddev)?;
            if !(mean.is_finite() && stddev.is_finite() && stddev >= 0.0) {
                let message =
                    format!("mean {mean} and stddev {stddev} must be finite, the latter 0 or more");
                return Err(fail_in("random.normal", message));
            }
            Ok(mean + stddev * s.change().normal())
        },
    );
    engine.register_fn("int", |s: &mut Random, low: i64, high: i64| -> Fallible<i64> {
        let span = (low <= high).then(|| high.abs_diff(low)).and_then(|span| span.checked_add(1));
        let span = span.and_then(|span| usize::try_from(span).ok()).ok_or_else(|| {
            fail_in("random.int", format_args!("there is no int from {low} to {high}"))
        })?;
        Ok(low.wrapping_add_unsigned(s.change().below(span) as u64))
    });
    let h = host.clone();
    engine.register_fn("series", move |s: &mut Random, len: i64| -> Fallible<Series> {
        let max = crate::stats::MAX_WINDOW;
        let len = usize::try_from(len).ok().filter(|len| *len <= max);
        let len = len.ok_or_else(|| {
            fail_in("random.series", format_args!("the length must be from 0 to {max}"))
        })?;
        h.room_in_array("random.series", len)?;
        let progress = h.budget.progress();
        let random = s.change();
        let next = |_| progress.steps(8).map(|()| random.normal());
        let numbers = (0..len).map(next).collect::<Result<_, _>>();
        numbers.map(Series::new).map_err(|e| refuse(&h, "random.series", &e))
    });
    engine.register_fn("==", |a: Random, b: Random| a == b);
    engine.register_fn("!=", |a: Random, b: Random| a != b);
}
