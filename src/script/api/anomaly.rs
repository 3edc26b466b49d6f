//! `anomaly_score()`: how novel a value is, from 0 to 1, on one scale for every series.

use super::arguments::number;
use super::{Fallible, Native, Registry, fail_in};
use crate::script::host::Host;
use crate::stats::anomaly::AnomalyScore;
use rhai::{Dynamic, Engine};
use std::rc::Rc;

type Score = Native<AnomalyScore>;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    registry.native::<AnomalyScore>("anomaly_score");
    engine.register_type_with_name::<Score>("AnomalyScore");
    engine.register_fn("anomaly_score", || Native::new(AnomalyScore::new()));
    let h = host.clone();
    engine.register_fn("push", move |s: &mut Score, x: Dynamic| -> Fallible<f64> {
        let x = number(&h, "push", "the value", &x)?;
        s.change().push(x).map_err(|e| fail_in("push", e))
    });
    engine.register_get("pvalue", |s: &mut Score| s.0.pvalue());
    engine.register_get("count", |s: &mut Score| s.0.count() as i64);
    engine.register_get("ready", |s: &mut Score| s.0.ready());
    engine.register_fn("reset", |s: &mut Score| s.change().reset());
    engine.register_fn("==", |a: Score, b: Score| a.0 == b.0);
    engine.register_fn("!=", |a: Score, b: Score| a.0 != b.0);
}
