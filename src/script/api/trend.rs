//! Trends of a series, and the correlation of two.

use super::answer::{map, optional};
use super::arguments::{function, number, refuse};
use super::object::{Binder, known};
use super::series::Series;
use super::{Fallible, Native, NativeTypes};
use crate::script::host::Host;
use crate::stats::Progress;
use crate::stats::error::Result as Stats;
use crate::stats::trend::{
    Line, MovingCorrelation, MovingTrend, cross_correlation, linear_fit, pearson, spearman,
    theil_sen,
};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    trend(engine, host, registry);
    Binder::new(engine, host, registry, "moving_correlation", MovingCorrelation::reset)
        .made_by("moving_correlation", &["size"], |a| Ok(MovingCorrelation::new(a.count()?)?))
        .takes_pairs(MovingCorrelation::push)
        .answers(&[("value", MovingCorrelation::value)])
        .count("count", |s| s.count() as u64)
        .ready(MovingCorrelation::ready);
    functions(engine, host);
}

fn line_map(line: &Line) -> Map {
    map([
        ("slope", line.slope.into()),
        ("intercept", line.intercept.into()),
        ("r", optional(line.r)),
    ])
}

fn trend(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "moving_trend", MovingTrend::reset)
        .made_by("moving_trend", &["size"], |a| Ok(MovingTrend::new(a.count()?)?))
        .takes_at(MovingTrend::push)
        .count("count", |s| s.count() as u64)
        .ready(MovingTrend::ready);
    type Trend = Native<MovingTrend>;
    type Fit = fn(&MovingTrend, &Progress<'_>) -> Stats<Line>;
    let fits: [(&'static str, &'static str, Fit); 2] = [
        ("linear", "time_to", |s, _| s.linear()),
        ("robust", "robust_time_to", MovingTrend::robust),
    ];
    for (name, time_to, fit) in fits {
        let h = host.clone();
        let fitted = move |s: &mut Trend| -> Fallible<Map> {
            let line = fit(&s.0, &h.budget.progress());
            let line = line.map_err(|e| refuse(&h, &format!("moving_trend.{name}"), &e))?;
            Ok(line_map(&line))
        };
        engine.register_get(name, fitted);
        let h = host.clone();
        engine.register_fn(time_to, move |s: &mut Trend, limit: Dynamic| -> Fallible<Dynamic> {
            let function = format!("moving_trend.{time_to}");
            let limit = number(&h, &function, "limit", &limit)?;
            let line = fit(&s.0, &h.budget.progress());
            let line = line.map_err(|e| refuse(&h, &function, &e))?;
            let seconds = line.distance_to(limit, 0.0);
            if seconds.is_none() {
                h.note(&format!("{function}: the line is level or moves away from {limit}"));
            }
            Ok(optional(seconds))
        });
    }
}

fn functions(engine: &mut Engine, host: &Rc<Host>) {
    type Fit = fn(&[f64], &[f64], &Progress<'_>) -> Stats<Line>;
    let fits: [(&'static str, Fit); 2] =
        [("linear_fit", |x, y, _| linear_fit(x, y)), ("theil_sen", theil_sen)];
    for (name, fit) in fits {
        function(engine, host, name, &["x", "y"], move |a| {
            Ok(line_map(&fit(&a.numbers()?, &a.numbers()?, &a.progress())?))
        });
    }
    function(engine, host, "cross_correlation", &["a", "b", "max_lag"], |a| {
        let (left, right, max_lag) = (a.numbers()?, a.numbers()?, a.count()?);
        let found = cross_correlation(&left, &right, max_lag, &a.progress())?;
        if found.lag.is_none() {
            a.host().note("cross_correlation: the values of one side do not vary");
        }
        Ok(map([
            ("lag", found.lag.map_or(Dynamic::UNIT, Into::into)),
            ("value", optional(found.value)),
            ("values", Dynamic::from(Series::new(found.values))),
        ]))
    });
    type Correlation = fn(&[f64], &[f64], &Progress<'_>) -> Stats<Option<f64>>;
    let correlations: [(&'static str, Correlation); 2] =
        [("pearson", |a, b, _| pearson(a, b)), ("spearman", spearman)];
    for (name, correlation) in correlations {
        function(engine, host, name, &["a", "b"], move |a| {
            let value = correlation(&a.numbers()?, &a.numbers()?, &a.progress())?;
            Ok(known(a.host(), name, value))
        });
    }
}
