//! `anomaly_score()`: how novel a value is, from 0 to 1, on one scale for every series.

use super::NativeTypes;
use super::object::Binder;
use crate::script::host::Host;
use crate::stats::anomaly::AnomalyScore;
use rhai::Engine;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "anomaly_score", AnomalyScore::reset)
        .made_by("anomaly_score", &[], |_| Ok(AnomalyScore::new()))
        .judges(|s, x| s.push(x).map(Some))
        .answers(&[("pvalue", |s| Some(s.pvalue()))])
        .count("count", AnomalyScore::count)
        .ready(AnomalyScore::ready);
}
