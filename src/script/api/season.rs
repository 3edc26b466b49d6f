//! Seasons: values that repeat every day, week or period.

use super::answer::map;
use super::arguments::{Arguments, function, int, number};
use super::object::{Binder, known};
use super::series::Series;
use super::{Fallible, Native, NativeTypes};
use crate::script::host::Host;
use crate::stats::season::{
    EsdOutlier, HoltWinters, Rhythm, SeasonalSlots, Tails, period, seasonal_hybrid_esd, stl,
};
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

/// The number of values that a slot remembers by default.
const MEMORY: usize = 30;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    slots(engine, host, registry);
    rhythm(engine, host, registry);
    holt_winters(engine, host, registry);
    functions(engine, host);
}

fn memory(a: &mut Arguments<'_>) -> Fallible<u32> {
    Ok(u32::try_from(a.count_or("memory", MEMORY)?).unwrap_or(u32::MAX))
}

fn slots(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "seasonal_slots", SeasonalSlots::reset)
        .made_by("seasonal_slots", &["period", "slots"], |a| {
            let (period, slots) = (a.nanoseconds()?, a.count()?);
            Ok(SeasonalSlots::new(period, a.int_or("origin", 0)?, slots, memory(a)?)?)
        })
        .made_by("hour_of_day", &[], |a| Ok(SeasonalSlots::hour_of_day(memory(a)?)?))
        .made_by("hour_of_week", &[], |a| Ok(SeasonalSlots::hour_of_week(memory(a)?)?))
        .judges_at(SeasonalSlots::push)
        .count("count", SeasonalSlots::count)
        .ready(SeasonalSlots::ready);
    type Slots = Native<SeasonalSlots>;
    let answers: [(&'static str, &'static str, fn(&SeasonalSlots, i64) -> Option<f64>); 2] = [
        ("mean", "seasonal_slots.mean", SeasonalSlots::mean),
        ("stddev", "seasonal_slots.stddev", SeasonalSlots::stddev),
    ];
    for (name, function, answer) in answers {
        let h = host.clone();
        engine.register_fn(name, move |s: &mut Slots, time: Dynamic| -> Fallible<Dynamic> {
            let time = int(&h, function, "the time", &time)?;
            Ok(known(&h, function, answer(&s.0, time)))
        });
    }
    let h = host.clone();
    engine.register_fn("z", move |s: &mut Slots, time: Dynamic, x: Dynamic| -> Fallible<Dynamic> {
        let time = int(&h, "seasonal_slots.z", "the time", &time)?;
        let x = number(&h, "seasonal_slots.z", "the value", &x)?;
        Ok(known(&h, "seasonal_slots.z", s.0.z(time, x)))
    });
    engine.register_fn("slot", |s: &mut Slots, time: i64| s.0.slot(time) as i64);
    engine.register_fn("slot_count", |s: &mut Slots, time: i64| i64::from(s.0.slot_count(time)));
}

fn rhythm(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "rhythm", Rhythm::reset)
        .made_by("rhythm", &["period"], |a| {
            let period = a.nanoseconds()?;
            let periods = a.count_or("periods", 7)?;
            Ok(Rhythm::new(period, periods, a.count_or("cells", 288)?)?)
        })
        .judges_at(Rhythm::push)
        .answers(&[("expected", Rhythm::expected)]);
}

fn holt_winters(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "holt_winters", HoltWinters::reset)
        .made_by("holt_winters", &["period"], |a| {
            let period = a.count()?;
            let (alpha, beta) = (a.number_or("alpha", 0.2)?, a.number_or("beta", 0.01)?);
            Ok(HoltWinters::new(period, alpha, beta, a.number_or("gamma", 0.1)?)?)
        })
        .judges(HoltWinters::push)
        .answers(&[("stddev", HoltWinters::stddev)])
        .count("count", HoltWinters::count)
        .ready(HoltWinters::ready);
    let h = host.clone();
    let forecast = move |s: &mut Native<HoltWinters>, ahead: Dynamic| -> Fallible<Dynamic> {
        let function = "holt_winters.forecast";
        let ahead = super::arguments::count(&h, function, "ahead", &ahead)?;
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        Ok(known(&h, function, s.0.forecast(ahead)))
    };
    engine.register_fn("forecast", forecast);
}

/// Which side an outlier may lie on.
pub(super) fn tails(a: &mut Arguments<'_>) -> Fallible<Tails> {
    match a.text_or("tails", "both")?.as_str() {
        "both" => Ok(Tails::Both),
        "upper" => Ok(Tails::Upper),
        "lower" => Ok(Tails::Lower),
        got => {
            Err(a.fail(format_args!("tails '{got}' is not known; use one of both, upper, lower")))
        }
    }
}

/// Outliers as maps, the strongest first.
pub(super) fn outliers(found: Vec<EsdOutlier>) -> Array {
    let outlier = |o: EsdOutlier| -> Dynamic {
        map([("index", (o.index as i64).into()), ("score", o.score.into())]).into()
    };
    found.into_iter().map(outlier).collect()
}

fn functions(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "stl", &["values", "period"], |a| {
        let (values, period) = (a.numbers()?, a.count()?);
        let window = a.optional_count("seasonal_window")?;
        let robust = a.flag_or("robust", false)?;
        let parts = stl(&values, period, window, robust, &a.progress())?;
        let series = |values| Dynamic::from(Series::new(values));
        Ok(map([
            ("seasonal", series(parts.seasonal)),
            ("trend", series(parts.trend)),
            ("remainder", series(parts.remainder)),
        ]))
    });
    function(engine, host, "period", &["values"], |a| {
        let found = period(&a.numbers()?, &a.progress())?;
        Ok(found.map_or_else(
            || {
                a.host().note("period: the values have no clear period");
                Dynamic::UNIT
            },
            |period| (period as i64).into(),
        ))
    });
    function(engine, host, "seasonal_hybrid_esd", &["values", "period"], |a| {
        let (values, period) = (a.numbers()?, a.count()?);
        let (share, alpha) = (a.number_or("max_share", 0.02)?, a.number_or("alpha", 0.05)?);
        let (tails, progress) = (tails(a)?, a.progress());
        Ok(outliers(seasonal_hybrid_esd(&values, period, share, alpha, tails, &progress)?))
    });
}
