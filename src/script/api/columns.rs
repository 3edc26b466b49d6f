//! Whole columns at once: arithmetic, order, rolling windows, spectra, gaps and joins.

use super::answer::map;
use super::arguments::{Numbers, function, refuse};
use super::series::{Mask, Series};
use super::{Fallible, fail_in};
use crate::script::host::Host;
use crate::stats::Progress;
use crate::stats::error::Result as Stats;
use crate::stats::moments;
use crate::stats::order::QuantileMethod;
use crate::stats::series::{
    self, Comparison, Operation, combine, compare, compare_scalar, map_scalar, scalar_map,
};
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    arithmetic(engine, host);
    comparisons(engine);
    elements(engine, host);
    summaries(engine, host);
    transforms(engine, host);
    rolling(engine, host);
    gaps_and_joins(engine, host);
}

fn arithmetic(engine: &mut Engine, host: &Rc<Host>) {
    for name in ["+", "-", "*", "/", "%", "**", "min", "max"] {
        let operation: Operation = name.parse().expect("the name of an operation");
        let series = |h: &Rc<Host>, result: Stats<Vec<f64>>| {
            result.map(Series::new).map_err(|e| refuse(h, name, &e))
        };
        let h = host.clone();
        engine.register_fn(name, move |a: Series, b: Series| {
            series(&h, combine(operation, &a.0, &b.0, &h.budget.progress()))
        });
        let h = host.clone();
        engine.register_fn(name, move |a: Series, b: f64| {
            series(&h, map_scalar(operation, &a.0, b, &h.budget.progress()))
        });
        let h = host.clone();
        engine.register_fn(name, move |a: Series, b: i64| {
            series(&h, map_scalar(operation, &a.0, b as f64, &h.budget.progress()))
        });
        let h = host.clone();
        engine.register_fn(name, move |a: f64, b: Series| {
            series(&h, scalar_map(operation, a, &b.0, &h.budget.progress()))
        });
        let h = host.clone();
        engine.register_fn(name, move |a: i64, b: Series| {
            series(&h, scalar_map(operation, a as f64, &b.0, &h.budget.progress()))
        });
    }
    let each: [(&str, fn(f64) -> f64); 6] = [
        ("-", |x| -x),
        ("abs", f64::abs),
        ("sqrt", f64::sqrt),
        ("exp", f64::exp),
        ("ln", f64::ln),
        ("round", f64::round),
    ];
    for (name, apply) in each {
        let h = host.clone();
        engine.register_fn(name, move |s: Series| -> Fallible<Series> {
            let mapped = series::map(&s.0, apply, &h.budget.progress());
            mapped.map(Series::new).map_err(|e| refuse(&h, name, &e))
        });
    }
}

fn comparisons(engine: &mut Engine) {
    for (name, swapped) in [("<", ">"), ("<=", ">="), (">", "<"), (">=", "<=")] {
        let comparison: Comparison = name.parse().expect("the name of a comparison");
        let swapped: Comparison = swapped.parse().expect("the name of a comparison");
        engine.register_fn(name, move |a: Series, b: Series| -> Fallible<Mask> {
            mask(compare(comparison, &a.0, &b.0)).map_err(|e| fail_in(name, e))
        });
        engine.register_fn(name, move |a: f64, b: Series| {
            Mask(Rc::new(compare_scalar(swapped, &b.0, a)))
        });
        engine.register_fn(name, move |a: i64, b: Series| {
            Mask(Rc::new(compare_scalar(swapped, &b.0, a as f64)))
        });
    }
    engine.register_fn("compare", |a: Series, how: &str, b: Series| -> Fallible<Mask> {
        let how = how.parse().map_err(|e| fail_in("compare", e))?;
        mask(compare(how, &a.0, &b.0)).map_err(|e| fail_in("compare", e))
    });
}

fn mask(values: Stats<Vec<bool>>) -> Stats<Mask> {
    values.map(|values| Mask(Rc::new(values)))
}

fn elements(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_get("indices", |m: &mut Mask| ints(series::indices(&m.0)));
    engine.register_iterator::<Mask>();
    let h = host.clone();
    engine.register_fn("to_array", move |m: &mut Mask| -> Fallible<Array> {
        h.room_in_array("to_array", m.0.len())?;
        Ok(m.0.iter().map(|yes| (*yes).into()).collect())
    });
    engine.register_fn("==", |a: Mask, b: Mask| a == b);
    engine.register_fn("!=", |a: Mask, b: Mask| a != b);
    engine.register_fn("to_string", |m: &mut Mask| format!("{:?}", m.0));
    engine.register_fn("to_debug", |m: &mut Mask| format!("{:?}", m.0));
    // mask.where(a, b): a where it is true, else b; both may be a series or a number.
    function(engine, host, "where", &["mask", "a", "b"], |a| {
        let (name, mask) = a.any();
        let Some(mask) = mask.read_lock::<Mask>() else {
            return Err(super::arguments::not_a(a.host(), "where", name, "a mask", mask).into());
        };
        let mut side = || -> Fallible<Numbers> {
            let (name, value) = a.any();
            if value.is_float() || value.is_int() {
                let x = super::arguments::number(a.host(), "where", name, value)?;
                return Ok(Numbers::Own(vec![x; mask.0.len()]));
            }
            let values = super::arguments::numbers(a.host(), "where", name, value, true)?;
            let mask = ("the mask", mask.0.len());
            super::object::equally_long("where", mask, (name, values.len()))?;
            Ok(values)
        };
        let (yes, no) = (side()?, side()?);
        let chosen = mask.0.iter().zip(yes.iter().zip(&*no));
        let chosen = chosen.map(|(mask, (yes, no))| if *mask { *yes } else { *no });
        Ok(Dynamic::from(Series::new(chosen.collect())))
    });
    for (name, from_end) in [("head", false), ("tail", true)] {
        engine.register_fn(name, move |s: &mut Series, n: i64| -> Fallible<Series> {
            let n = usize::try_from(n).map_err(|_| fail_in(name, "n must be 0 or more"))?;
            let n = n.min(s.0.len());
            let start = if from_end { s.0.len() - n } else { 0 };
            Ok(Series::new(s.0[start..start + n].to_vec()))
        });
    }
    engine.register_fn("take", |s: &mut Series, indices: Array| -> Fallible<Series> {
        let place = |index: &Dynamic| {
            let index = index.as_int().map_err(|_| fail_in("take", "indices must be ints"))?;
            Ok(s.0[super::series::place("take", index, s.0.len())?])
        };
        indices.iter().map(place).collect::<Fallible<_>>().map(Series::new)
    });
    let h = host.clone();
    engine.register_fn("concat", move |a: &mut Series, b: Series| -> Fallible<Series> {
        let len = a.0.len() + b.0.len();
        h.room_in_array("concat", len)?;
        let room = h.budget.progress().room("the result", len.saturating_mul(size_of::<f64>()));
        room.map_err(|e| refuse(&h, "concat", &e))?;
        Ok(Series::new([&a.0[..], &b.0[..]].concat()))
    });
}

impl IntoIterator for Mask {
    type Item = bool;
    type IntoIter = std::vec::IntoIter<bool>;

    fn into_iter(self) -> Self::IntoIter {
        Rc::unwrap_or_clone(self.0).into_iter()
    }
}

/// A property of a series and a function of an array: its name, the values it needs, and itself.
pub(super) type Summary = (&'static str, usize, fn(&[f64]) -> Stats<Option<f64>>);

/// The summaries of values.
pub(super) const SUMMARIES: [Summary; 6] = [
    ("mean", 1, |v| Ok(moments::mean(v))),
    ("variance", 2, moments::variance),
    ("stddev", 2, |v| Ok(moments::stddev(v))),
    ("sum", 0, |v| moments::sum(v).map(Some)),
    ("min", 1, |v| Ok(v.iter().copied().reduce(f64::min))),
    ("max", 1, |v| Ok(v.iter().copied().reduce(f64::max))),
];

fn ints(positions: Vec<usize>) -> Array {
    positions.into_iter().map(|at| (at as i64).into()).collect()
}

/// `mean(values)` and the like, for arrays and series; and `series.median`.
fn summaries(engine: &mut Engine, host: &Rc<Host>) {
    for (name, needed, summary) in SUMMARIES {
        function(engine, host, name, &["values"], move |a| {
            let values = a.numbers()?;
            crate::stats::error::sample("values", &values, needed)?;
            Ok(super::object::known(a.host(), name, summary(&values)?))
        });
    }
    let orders: [(&'static str, fn(&[f64], &Progress<'_>) -> Stats<f64>); 3] = [
        ("median", crate::stats::order::median),
        ("mad", crate::stats::order::mad),
        ("iqr", crate::stats::order::iqr),
    ];
    for (name, order) in orders {
        let h = host.clone();
        engine.register_get(name, move |s: &mut Series| -> Fallible<f64> {
            order(&s.0, &h.budget.progress()).map_err(|e| refuse(&h, name, &e))
        });
    }
}

/// A function of a column that gives another.
fn transform(
    engine: &mut Engine,
    host: &Rc<Host>,
    name: &'static str,
    work: fn(&[f64], &Progress<'_>) -> Stats<Vec<f64>>,
) {
    function(engine, host, name, &["values"], move |a| {
        Ok(Dynamic::from(Series::new(work(&a.gappy()?, &a.progress())?)))
    });
}

fn transforms(engine: &mut Engine, host: &Rc<Host>) {
    transform(engine, host, "diff", |v, _| series::diff(v, 1));
    transform(engine, host, "cumsum", |v, _| series::cumsum(v));
    transform(engine, host, "ranks", series::ranks);
    transform(engine, host, "power_spectrum", series::power_spectrum);
    let h = host.clone();
    engine.register_fn("sort", move |s: Series| -> Fallible<Series> {
        let sorted = series::sort(&s.0, &h.budget.progress());
        sorted.map(Series::new).map_err(|e| refuse(&h, "sort", &e))
    });
    let h = host.clone();
    engine.register_fn("argsort", move |s: Series| -> Fallible<Array> {
        h.room_in_array("argsort", s.0.len())?;
        let positions = series::argsort(&s.0, &h.budget.progress());
        positions.map(ints).map_err(|e| refuse(&h, "argsort", &e))
    });
    function(engine, host, "diff", &["values", "lag"], |a| {
        Ok(Dynamic::from(Series::new(series::diff(&a.gappy()?, a.count()?)?)))
    });
    function(engine, host, "autocorrelation", &["values", "max_lag"], |a| {
        let lags = series::autocorrelation(&a.numbers()?, a.count()?, &a.progress())?;
        Ok(Dynamic::from(Series::new(lags)))
    });
    function(engine, host, "dot", &["a", "b"], |a| {
        let (left, right) = (a.numbers()?, a.numbers()?);
        crate::stats::error::all_finite("a", &left)?;
        crate::stats::error::all_finite("b", &right)?;
        Ok(series::dot(&left, &right)?)
    });
}

fn rolling(engine: &mut Engine, host: &Rc<Host>) {
    let windows: [(&'static str, fn(&[f64], usize, &Progress<'_>) -> Stats<Vec<f64>>); 6] = [
        ("rolling_mean", series::rolling_mean),
        ("rolling_sum", series::rolling_sum),
        ("rolling_stddev", series::rolling_stddev),
        ("rolling_median", series::rolling_median),
        ("rolling_min", series::rolling_min),
        ("rolling_max", series::rolling_max),
    ];
    for (name, window) in windows {
        function(engine, host, name, &["values", "size"], move |a| {
            Ok(Dynamic::from(Series::new(window(&a.numbers()?, a.count()?, &a.progress())?)))
        });
    }
    function(engine, host, "rolling_quantile", &["values", "size", "q"], |a| {
        let (values, size, q) = (a.numbers()?, a.count()?, a.number()?);
        let method: QuantileMethod = a.text_or("method", "linear")?.parse()?;
        let result = series::rolling_quantile(&values, size, q, method, &a.progress())?;
        Ok(Dynamic::from(Series::new(result)))
    });
}

fn gaps_and_joins(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "interpolate", &["values"], |a| {
        let (values, times) = (a.gappy()?, a.optional_times("times")?);
        if let Some(times) = &times {
            super::object::equally_long(
                "interpolate",
                ("values", values.len()),
                ("times", times.len()),
            )?;
        }
        Ok(Dynamic::from(Series::new(series::interpolate(&values, times.as_deref()))))
    });
    function(engine, host, "fill", &["values", "x"], |a| {
        Ok(Dynamic::from(Series::new(series::fill(&a.gappy()?, a.number()?))))
    });
    function(engine, host, "inner_join", &["times_a", "a", "times_b", "b"], |arguments| {
        let (times_a, a) = (arguments.times()?, arguments.gappy()?);
        let (times_b, b) = (arguments.times()?, arguments.gappy()?);
        ascending("inner_join", "times_a", &times_a, a.len())?;
        ascending("inner_join", "times_b", &times_b, b.len())?;
        let pairs = series::inner_join(&times_a, &times_b);
        let times: Array = pairs.iter().map(|&(i, _)| times_a[i].into()).collect();
        let left = pairs.iter().map(|&(i, _)| a[i]).collect();
        let right = pairs.iter().map(|&(_, j)| b[j]).collect();
        let joined: Map = map([
            ("times", times.into()),
            ("a", Dynamic::from(Series::new(left))),
            ("b", Dynamic::from(Series::new(right))),
        ]);
        Ok(joined)
    });
    function(engine, host, "asof_join", &["times", "times_b", "b"], |a| {
        let (times, times_b, b) = (a.times()?, a.times()?, a.gappy()?);
        ascending("asof_join", "times", &times, times.len())?;
        ascending("asof_join", "times_b", &times_b, b.len())?;
        let tolerance = a.optional_nanoseconds("tolerance")?.unwrap_or(u64::MAX);
        let found = series::asof_join(&times, &times_b, tolerance, a.flag_or("nearest", false)?);
        let values = found.into_iter().map(|at| at.map_or(f64::NAN, |at| b[at])).collect();
        Ok(Dynamic::from(Series::new(values)))
    });
}

fn ascending(function: &str, name: &str, times: &[i64], len: usize) -> Fallible<()> {
    super::object::equally_long(function, (name, times.len()), ("its column", len))?;
    match times.is_sorted() {
        true => Ok(()),
        false => Err(fail_in(function, format_args!("{name} must ascend"))),
    }
}
