//! How novel a value is, how rare a number is among those before it, and alarms by a budget.

use super::NativeTypes;
use super::arguments::Arguments;
use super::object::Binder;
use crate::script::host::Host;
use crate::stats::anomaly::{AnomalyScore, ConformalRank};
use crate::stats::tail::{AlarmBudget, ScoreScale};
use rhai::Engine;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "anomaly_score", AnomalyScore::reset)
        .made_by("anomaly_score", &[], |_| Ok(AnomalyScore::new()))
        .judges(|s, x| s.push(None, x).map(Some))
        .judges_at(|s, time, x| s.push(Some(time), x).map(Some))
        .answers(&[("pvalue", |s| Some(s.pvalue())), ("expected", AnomalyScore::expected)])
        .count("count", AnomalyScore::count)
        .ready(AnomalyScore::ready);
    Binder::new(engine, host, registry, "conformal_rank", ConformalRank::clear)
        .made_by("conformal_rank", &["n"], |a| Ok(ConformalRank::new(a.count()?)?))
        .judges(|s, x| s.push(x).map(Some))
        .count("count", |s| s.len() as u64)
        .count("size", |s| s.size() as u64);
    Binder::new(engine, host, registry, "alarm_budget", AlarmBudget::reset)
        .made_by("alarm_budget", &["per_week"], |a| {
            let per_week = a.number()?;
            let scale = scale(a)?;
            Ok(AlarmBudget::new(per_week, scale, a.optional_number("cluster")?)?)
        })
        .judges_at(AlarmBudget::push)
        .answers(&[("pvalue", |s| Some(s.pvalue())), ("threshold", AlarmBudget::threshold)])
        .count("alarms", AlarmBudget::alarms)
        .count("count", AlarmBudget::count)
        .ready(AlarmBudget::ready);
}

fn scale(a: &mut Arguments<'_>) -> super::Fallible<ScoreScale> {
    match a.text_or("scale", "any")?.as_str() {
        "any" => Ok(ScoreScale::Any),
        "deviations" => Ok(ScoreScale::Deviations),
        "probability" => Ok(ScoreScale::Probability),
        got => Err(
            a.fail(format_args!("scale '{got}' is not known; use any, deviations or probability"))
        ),
    }
}
