//! Medians, quantiles and statistics built on them: of a window, of all values of a stream, of a given array.

use super::answer::{Step, number_map};
use super::arguments::{Refusal, function, number};
use super::object::{Binder, Measures, Scores, known};
use super::series::Series;
use super::{Fallible, Native, NativeTypes, fail_in};
use crate::script::host::Host;
use crate::stats::Progress;
use crate::stats::order::{
    DdSketch, Fences, Hampel, Histogram, MovingOrder, P2Quantile, QuantileMethod, iqr, mad,
    quantile, tukey_fences,
};
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    moving(engine, host, registry);
    sketches(engine, host, registry);
    histogram(engine, host, registry);
    functions(engine, host);
}

impl Step for Hampel {
    fn map(&self) -> Map {
        number_map([("median", self.median), ("sigma", self.sigma), ("score", self.score)])
    }
}

fn moving(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    const ANSWERS: Measures<MovingOrder> = &[
        ("median", |s| Ok(s.median())),
        ("mad", MovingOrder::mad),
        ("iqr", MovingOrder::iqr),
        ("min", |s| Ok(s.min())),
        ("max", |s| Ok(s.max())),
    ];
    const SCORES: Scores<MovingOrder> = &[
        ("hampel", |s, x| s.hampel(x).ok().flatten().map(|hampel| hampel.score)),
        ("rank", MovingOrder::rank),
    ];
    Binder::new(engine, host, registry, "moving_order", MovingOrder::reset)
        .made_by("moving_order", &["size"], |a| Ok(MovingOrder::new(a.count()?)?))
        .takes(MovingOrder::push, MovingOrder::extend)
        .each(MovingOrder::push, ANSWERS, SCORES)
        .answers(ANSWERS)
        .asked("quantile", |s, q| s.quantile(q, QuantileMethod::Linear))
        .asked("rank", |s, x| Ok(s.rank(x)))
        .asked("trimmed_mean", MovingOrder::trimmed_mean)
        .count("count", |s| s.count() as u64)
        .count("size", |s| s.size() as u64)
        .ready(MovingOrder::ready)
        .flag("is_full", MovingOrder::ready);
    type Order = Native<MovingOrder>;
    let h = host.clone();
    engine.register_fn("hampel", move |s: &mut Order, x: Dynamic| -> Fallible<Dynamic> {
        let x = number(&h, "moving_order.hampel", "the value", &x)?;
        let function = "moving_order.hampel";
        let verdict = s.0.hampel(x).map_err(|e| fail_in(function, e))?;
        Ok(super::object::verdict(&h, function, verdict))
    });
    let h = host.clone();
    let by_method = move |s: &mut Order, q: Dynamic, method: &str| -> Fallible<Dynamic> {
        let function = "moving_order.quantile";
        let method: QuantileMethod = method.parse().map_err(|e| fail_in(function, e))?;
        let q = number(&h, function, "q", &q)?;
        let answer = s.0.quantile(q, method).map_err(|e| fail_in(function, e))?;
        Ok(known(&h, function, answer))
    };
    engine.register_fn("quantile", by_method);
    engine.register_get("values", |s: &mut Order| -> Array {
        s.0.values().iter().map(Into::into).collect()
    });
    engine.register_get("sorted", |s: &mut Order| Series::new(s.0.sorted().to_vec()));
}

fn sketches(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "p2_quantile", P2Quantile::reset)
        .made_by("p2_quantile", &["q"], |a| Ok(P2Quantile::new(a.number()?)?))
        .takes(P2Quantile::push, P2Quantile::extend)
        .each(P2Quantile::push, &[("value", P2Quantile::value)], &[])
        .answers(&[("value", P2Quantile::value)])
        .count("count", P2Quantile::count)
        .ready(P2Quantile::ready);
    Binder::new(engine, host, registry, "ddsketch", DdSketch::reset)
        .made_by("ddsketch", &["accuracy"], |a| Ok(DdSketch::new(a.number()?)?))
        .takes(DdSketch::push, DdSketch::extend)
        .answers(&[("min", DdSketch::min), ("max", DdSketch::max)])
        .asked("quantile", DdSketch::quantile)
        .count("count", DdSketch::count)
        .ready(DdSketch::ready);
    type Sketch = Native<DdSketch>;
    engine.register_fn("merge", |s: &mut Sketch, other: Sketch| -> Fallible<Sketch> {
        s.change().merge(&other.0).map_err(|e| fail_in("ddsketch.merge", e))?;
        Ok(s.clone())
    });
}

fn histogram(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "histogram", Histogram::reset)
        .made_by("histogram", &["lower", "upper", "bins"], |a| {
            Ok(Histogram::new(a.number()?, a.number()?, a.count()?)?)
        })
        .takes(Histogram::push, Histogram::extend)
        .asked("quantile", Histogram::quantile)
        .asked("cdf", |s, x| Ok(s.cdf(x)))
        .count("count", Histogram::count)
        .count("below", Histogram::below)
        .count("above", Histogram::above)
        .ready(Histogram::ready);
    type Bins = Native<Histogram>;
    engine.register_get("bins", |s: &mut Bins| -> Array {
        s.0.bins().iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX).into()).collect()
    });
    engine.register_get("edges", |s: &mut Bins| {
        Series::new((0..=s.0.bins().len()).map(|i| s.0.edge(i)).collect())
    });
}

fn functions(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "quantile", &["values", "q"], |a| {
        let (values, q) = (a.numbers()?, a.number()?);
        Ok(quantile(&values, q, a.text_or("method", "linear")?.parse()?, &a.progress())?)
    });
    function(engine, host, "quantile", &["values", "q", "method"], |a| {
        let (values, q) = (a.numbers()?, a.number()?);
        Ok(quantile(&values, q, a.text()?.parse()?, &a.progress())?)
    });
    function(engine, host, "median", &["values"], |a| {
        Ok(quantile(&a.numbers()?, 0.5, QuantileMethod::Linear, &a.progress())?)
    });
    function(engine, host, "mad", &["values"], |a| Ok(mad(&a.numbers()?, &a.progress())?));
    function(engine, host, "iqr", &["values"], |a| Ok(iqr(&a.numbers()?, &a.progress())?));
    fn fences(
        values: &[f64],
        scale: f64,
        method: &str,
        progress: &Progress<'_>,
    ) -> Result<Map, Refusal> {
        let fences = tukey_fences(values, scale, method.parse()?, progress)?;
        let Fences { lower, upper, q1, q3 } = fences;
        Ok(number_map([("lower", lower), ("upper", upper), ("q1", q1), ("q3", q3)]))
    }
    function(engine, host, "tukey_fences", &["values", "scale"], |a| {
        fences(&a.numbers()?, a.number()?, &a.text_or("method", "linear")?, &a.progress())
    });
    function(engine, host, "tukey_fences", &["values", "scale", "method"], |a| {
        fences(&a.numbers()?, a.number()?, &a.text()?, &a.progress())
    });
}
