//! Tests of a hypothesis: a sample is a series, an array, or an object that knows its moments.

use super::answer::number_map;
use super::arguments::{Arguments, Numbers, Refusal, function, number, numbers};
use super::season::{outliers, tails};
use super::{Fallible, Native};
use crate::script::host::Host;
use crate::stats::distribution::Normal;
use crate::stats::error::Result as Stats;
use crate::stats::hypothesis::{
    ChiSquareTest, FTest, KsTest, Sample, TTest, chi_square_fit, chi_square_table, f_test,
    generalized_esd, grubbs, ks_2samp, ks_normal, levene, mann_whitney, one_sample_ttest,
    paired_ttest, pooled_ttest, welch_ttest,
};
use crate::stats::moments::{MovingStats, RunningStats, TimedStats, Window};
use rhai::{Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    means(engine, host);
    variances(engine, host);
    distributions(engine, host);
    counts(engine, host);
    outlying(engine, host);
}

fn sample(a: &mut Arguments<'_>) -> Result<Sample, Refusal> {
    let (name, value) = a.any();
    Ok(if let Some(stats) = value.read_lock::<Native<MovingStats>>() {
        Sample::from_moments(name, &stats.0.moments())?
    } else if let Some(stats) = value.read_lock::<Native<RunningStats>>() {
        Sample::from_moments(name, &stats.0.moments())?
    } else if let Some(stats) = value.read_lock::<Native<TimedStats>>() {
        Sample::from_moments(name, &stats.0.moments())?
    } else if let Some(summary) = value.read_lock::<Map>() {
        summarised(a, name, &summary)?
    } else {
        Sample::of(name, &numbers(a.host(), a.function(), name, value, false)?)?
    })
}

/// `#{ mean, stddev, n }`.
fn summarised(a: &Arguments<'_>, name: &str, summary: &Map) -> Result<Sample, Refusal> {
    let part = |key: &str| {
        let missing =
            || a.fail(format_args!("{name} must have mean, stddev and n; {key} is missing"));
        let value = summary.get(key).ok_or_else(missing)?;
        number(a.host(), a.function(), &format!("{key} of {name}"), value)
    };
    let (mean, stddev, n) = (part("mean")?, part("stddev")?, part("n")?);
    crate::stats::error::finite("mean", mean)?;
    crate::stats::error::finite("stddev", stddev)?;
    if !(n >= 2.0 && n.fract() == 0.0 && n < 1e15) {
        return Err(a.fail(format_args!("n of {name} must be an int from 2, got {n}")).into());
    }
    Ok(Sample::from_stddev(mean, stddev, n as u64)?)
}

/// The values of a series, an array or a window.
fn values(a: &mut Arguments<'_>) -> Fallible<Numbers> {
    let (name, value) = a.any();
    if let Some(stats) = value.read_lock::<Native<MovingStats>>() {
        return Ok(Numbers::Own(stats.0.values().iter().collect()));
    }
    if let Some(stats) = value.read_lock::<Native<TimedStats>>() {
        return Ok(Numbers::Own(stats.0.values().collect()));
    }
    numbers(a.host(), a.function(), name, value, false)
}

fn ttest_map(test: &TTest) -> Map {
    number_map([("t", test.t), ("df", test.df), ("pvalue", test.pvalue)])
}

fn means(engine: &mut Engine, host: &Rc<Host>) {
    let tests: [(&'static str, fn(&Sample, &Sample) -> TTest); 2] =
        [("welch_ttest", welch_ttest), ("pooled_ttest", pooled_ttest)];
    for (name, test) in tests {
        function(engine, host, name, &["first sample", "second sample"], move |a| {
            Ok(ttest_map(&test(&sample(a)?, &sample(a)?)))
        });
    }
    function(engine, host, "one_sample_ttest", &["sample", "expected"], |a| {
        let (sample, expected) = (sample(a)?, a.number()?);
        crate::stats::error::finite("expected", expected)?;
        Ok(ttest_map(&one_sample_ttest(&sample, expected)))
    });
    function(engine, host, "paired_ttest", &["first sample", "second sample"], |a| {
        Ok(ttest_map(&paired_ttest(&values(a)?, &values(a)?)?))
    });
}

fn f_map(test: &FTest) -> Map {
    number_map([("f", test.f), ("df1", test.df1), ("df2", test.df2), ("pvalue", test.pvalue)])
}

fn variances(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "f_test", &["first sample", "second sample"], |a| {
        Ok(f_map(&f_test(&sample(a)?, &sample(a)?)?))
    });
    function(engine, host, "levene", &["samples"], |a| {
        let samples = a.columns()?;
        let samples: Vec<&[f64]> = samples.iter().map(|sample| &**sample).collect();
        Ok(f_map(&levene(&samples, a.text_or("centre", "median")?.parse()?, &a.progress())?))
    });
}

fn ks_map(test: &KsTest) -> Map {
    number_map([("statistic", test.statistic), ("pvalue", test.pvalue)])
}

fn distributions(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "mann_whitney", &["first sample", "second sample"], |a| {
        let test = mann_whitney(&values(a)?, &values(a)?, &a.progress())?;
        Ok(number_map([("u", test.u), ("pvalue", test.pvalue), ("effect", test.effect)]))
    });
    function(engine, host, "ks_2samp", &["first sample", "second sample"], |a| {
        Ok(ks_map(&ks_2samp(&values(a)?, &values(a)?, &a.progress())?))
    });
    function(engine, host, "ks_normal", &["sample", "mean", "stddev"], |a| {
        let values = values(a)?;
        let normal = Normal::new(a.number()?, a.number()?)?;
        Ok(ks_map(&ks_normal(&values, &normal, &a.progress())?))
    });
}

fn chi_map(test: Stats<ChiSquareTest>) -> Result<Map, Refusal> {
    let test = test?;
    Ok(number_map([("chi2", test.chi2), ("df", test.df), ("pvalue", test.pvalue)]))
}

fn counts(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "chi_square_fit", &["observed"], |a| {
        let (observed, expected) = (a.numbers()?, a.optional_numbers("expected")?);
        chi_map(chi_square_fit(&observed, expected.as_deref()))
    });
    function(engine, host, "chi_square_table", &["rows"], |a| {
        let rows = a.columns()?;
        let rows: Vec<&[f64]> = rows.iter().map(|row| &**row).collect();
        chi_map(chi_square_table(&rows, a.flag_or("correction", true)?))
    });
}

fn outlying(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "grubbs", &["values"], |a| {
        let test = grubbs(&values(a)?)?;
        Ok(super::answer::map([
            ("index", (test.index as i64).into()),
            ("statistic", test.statistic.into()),
            ("pvalue", test.pvalue.into()),
        ]))
    });
    function(engine, host, "generalized_esd", &["values", "most"], |a| {
        let (values, most) = (values(a)?, a.count()?);
        let (alpha, tails) = (a.number_or("alpha", 0.05)?, tails(a)?);
        Ok(outliers(generalized_esd(&values, most, alpha, tails, &a.progress())?))
    });
}
