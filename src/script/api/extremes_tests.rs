//! Detectors at sizes from 2^-1000 to 2^1000, constant series and single values: the same answers as at
//! ordinary sizes, or an error; never a silent zero, NaN or infinity.

use super::super::{NativeTypes, register};
use crate::agent::Pulse;
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::host::Host;
use rhai::{Dynamic, Engine, Scope};
use std::rc::Rc;

/// How to make a detector, with `k` as the size of the values, and what to do with it at each step.
const DETECTORS: &[(&str, &str)] = &[
    ("anomaly_score()", "[s.push(t, x), s.pvalue]"),
    ("conformal_rank(5)", "s.push(x)"),
    ("alarm_budget(3)", "s.push(t, x)"),
    ("cusum(#{ warmup: 5 })", "s.push(x)"),
    ("cusum(5 * k, 2.5 * k)", "s.push(x)"),
    ("page_hinkley(0.25 * k, 8 * k)", "s.push(x)"),
    ("page_hinkley(0.125 * k, 8 * k, #{ warmup: 5 })", "s.push(x)"),
    ("adwin()", "s.push(x)"),
    ("kswin(20, 6, #{ alpha: 0.2, seed: 4 })", "[s.push(x), s.pvalue]"),
    ("bayesian_change(20, 5 * k, 3 * k, #{ max_run: 12 })", "s.push(x)"),
    ("level_change(#{ warmup: 4 })", "s.push(x)"),
    ("discord(4, 16)", "s.push(x)"),
    ("subspace(2, 9)", "s.push([x, 0.5 * x + (t % 7) * k])"),
    ("knn_conformal(8, 4, #{ dimension: 3, k: 2 })", "s.push(x)"),
    ("moving_forest(2, 12, #{ refit: 5, trees: 3 })", "s.push([x, (t % 7) * k])"),
    (
        "half_space_trees([[0, 8 * k], [0, 8 * k]], #{ trees: 2, depth: 3, window: 6 })",
        "s.push([x, (t % 7) * k])",
    ),
    ("spot(0.01, #{ warmup: 20, level: 0.8 })", "s.push(x)"),
    ("dspot(0.01, 5, #{ warmup: 20, level: 0.8 })", "s.push(x)"),
    ("anomaly_likelihood(20, 3)", "s.push(x)"),
    ("hysteresis(7 * k, 3 * k)", "s.push(x)"),
    ("moving_stats(7)", "s.push(x); s.z(x)"),
    ("moving_stats(7)", "s.push(x); [s.mean, s.min, s.max]"),
    ("moving_order(6)", "[s.push(x).median, s.mad]"),
    ("p2_quantile(0.75)", "s.push(x).value"),
    ("ddsketch(0.01)", "s.push(x).count"),
    ("histogram(0, 10 * k, 5)", "s.push(x).bins"),
    ("histogram(0, 10 * k, 5)", "s.push(x).quantile(0.5)"),
    ("seasonal_slots(\"10s\", 5, #{ memory: 4 })", "s.push(t * 1000000000, x)"),
    ("holt_winters(4)", "s.push(x)"),
    ("ew_stats_span(9)", "s.push(x)"),
    ("timed_ew_stats(\"3s\")", "s.push(t * 1000000000, x)"),
    ("moving_trend(6)", "s.push(t * 1000000000, x); if s.count > 1 { s.linear.slope } else { 0 }"),
    ("moving_correlation(6)", "s.push(x, x * 0.5 + (t % 7) * k).value"),
    ("rate()", "s.push(t * 1000000000, x)"),
    ("0", "pelt([x, x, x, 9 * k, 9 * k, 9 * k, 9 * k], #{ penalty: 5 })"),
    ("0", "seasonal_hybrid_esd([x, k, 2*k, k, x, 3*k, k, 2*k, 90*k, k, x, k], 3)"),
    ("0", "stl([x, k, 2*k, k, x, 3*k, k, 2*k, 9*k, k], 3).trend.to_array()"),
    ("0", "period([x, k, 2*k, x, k, 2*k, x, k, 2*k, x, k, 2*k])"),
    ("0", "generalized_esd([x, k, 2*k, k, x, 3*k, k, 2*k, 90*k, k], 2)"),
    ("0", "mann_whitney([x, k, 2*k], [3*k, 4*k, 2*k]).pvalue"),
    ("0", "ks_2samp([x, k, 2*k], [3*k, 4*k, 2*k]).pvalue"),
    ("0", "spearman([x, k, 2*k, 9*k], [3*k, 4*k, 2*k, k])"),
    (
        "0",
        "isolation_forest([[x, k, 2*k, 3*k, 9*k], [k, k, 2*k, k, -9*k]], #{ trees: 9, seed: 1 }).score([9*k, 9*k])",
    ),
];

fn new_engine() -> Engine {
    let host = Rc::new(Host::new("extremes.rhai".into()));
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    register(&mut engine, &host, &mut NativeTypes::default());
    engine
}

/// Each number of an answer, or why there is none.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Numbers(Vec<f64>),
    Text(String),
    Refused(String),
}

fn numbers(value: &Dynamic, all: &mut Vec<f64>, text: &mut String) {
    if let Ok(number) = value.as_float() {
        all.push(number);
    } else if let Some(items) = value.read_lock::<rhai::Array>() {
        items.iter().for_each(|item| numbers(item, all, text));
    } else if let Some(items) = value.read_lock::<rhai::Map>() {
        items.values().for_each(|item| numbers(item, all, text));
    } else {
        *text += &format!("{value:?} ");
    }
}

fn answers(engine: &Engine, make: &str, step: &str, power: i32) -> Vec<Answer> {
    let size = 2f64.powi(power);
    let mut scope = Scope::new();
    scope.push("k", size).push("x", 0.0).push("t", 0i64);
    let object = match engine.eval_with_scope::<Dynamic>(&mut scope, make) {
        Ok(object) => object,
        Err(error) => return vec![Answer::Refused(error.to_string())],
    };
    scope.push_dynamic("s", object);
    let mut answer = |i: i64| {
        let jump = if i > 45 { 40 } else { 0 };
        scope.set_value("x", (i * 37 % 17 - 8 + jump) as f64 * size);
        scope.set_value("t", i);
        match engine.eval_with_scope::<Dynamic>(&mut scope, step) {
            Ok(value) => {
                let (mut all, mut text) = (Vec::new(), String::new());
                numbers(&value, &mut all, &mut text);
                if all.is_empty() { Answer::Text(text) } else { Answer::Numbers(all) }
            }
            Err(error) => Answer::Refused(error.to_string()),
        }
    };
    (0..60).map(&mut answer).collect()
}

/// Whether a number of an answer does not depend on the size of the values (a score), grows with them (a
/// threshold), or with their logarithm (the logarithm of a density).
fn is_right(ordinary: f64, found: f64, power: i32) -> bool {
    let (half, rest) = (power / 2, power - power / 2);
    let along = found * 2f64.powi(-half) * 2f64.powi(-rest);
    let logarithm = found - f64::from(power) * std::f64::consts::LN_2;
    let close = |x: f64| x == ordinary || (x - ordinary).abs() <= 1e-9 * ordinary.abs().max(1e-3);
    ordinary.is_nan() && found.is_nan() || [found, along, logarithm].into_iter().any(close)
}

fn is_same(ordinary: &Answer, found: &Answer, power: i32) -> bool {
    match (ordinary, found) {
        (Answer::Numbers(a), Answer::Numbers(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_right(*a, *b, power))
        }
        (Answer::Refused(_), Answer::Refused(_)) => true,
        // The limits of a detector, or what it has to say about its values.
        (_, Answer::Refused(why)) => {
            ["must be", "more than a double can hold", "differ by less than", "can hold"]
                .iter()
                .any(|part| why.contains(part))
        }
        (a, b) => a == b,
    }
}

#[test]
fn detectors_answer_the_same_at_every_size_or_say_why_not() {
    let engine = new_engine();
    let mut failures = Vec::new();
    let mut compared = 0;
    for (make, step) in DETECTORS {
        let ordinary = answers(&engine, make, step, 0);
        assert!(!matches!(ordinary[59], Answer::Refused(_)), "{make}: {step}: {:?}", ordinary[59]);
        for power in [-1000, -997, -700, -510, -300, 300, 510, 700, 1000, 1014] {
            let found = answers(&engine, make, step, power);
            // What was refused is missing from the history.
            let refused = |a: &Answer| matches!(a, Answer::Refused(_));
            let known = found.iter().position(refused).map_or(found.len(), |first| first + 1);
            let mut pairs = found[..known].iter().zip(&ordinary);
            let failed = pairs.position(|(f, o)| !is_same(o, f, power));
            if let Some(i) = failed {
                let (found, ordinary) = (&found[i], &ordinary[i]);
                failures.push(format!("2^{power}: {make}: {step}: {found:?}, not {ordinary:?}"));
            }
            compared += usize::from(!matches!(found[found.len() - 1], Answer::Refused(_)));
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
    assert!(compared > 7 * DETECTORS.len(), "{compared}");
}

/// What each statistic gives for ten equal values `c` in `a` and ten times half of it in `b`: `c`, a number, `()`,
/// or why there is nothing.
const CONSTANT: &[(&str, &str)] = &[
    ("mean(a)", "c"),
    ("median(a)", "c"),
    ("quantile(a, 0.3)", "c"),
    ("variance(a)", "0"),
    ("stddev(a)", "0"),
    ("mad(a)", "0"),
    ("iqr(a)", "0"),
    ("skewness(a)", "all are equal"),
    ("kurtosis(a)", "all are equal"),
    ("moving_stats(20).push(a).mean", "c"),
    ("moving_stats(3).push(a).max", "c"),
    ("moving_stats(20).push(a).variance", "0"),
    ("moving_stats(20).push(a).kurtosis", "()"),
    ("moving_stats(20).push(a).z(a[0])", "0"),
    ("moving_stats(3).push(a).z(b[0])", "-inf"),
    ("running_stats().push(a).mean", "c"),
    ("running_stats().push(a).variance", "0"),
    ("running_stats().push(a).skewness", "()"),
    ("{ let s = ew_stats(0.3); s.push(a); s.mean }", "c"),
    ("{ let s = ew_stats(0.3); s.push(a); s.variance }", "0"),
    ("timed_stats(\"1h\").push(times, a).stddev", "0"),
    ("moving_order(5).push(a).median", "c"),
    ("moving_order(5).push(a).mad", "0"),
    ("moving_order(5).push(a).hampel(a[0]).score", "0"),
    ("p2_quantile(0.5).push(a).value", "c"),
    ("ddsketch(0.01).push(a).quantile(0.5)", "c"),
    ("welch_ttest(a, a).pvalue", "1"),
    ("welch_ttest(a, b).pvalue", "0"),
    ("pooled_ttest(a, b).pvalue", "0"),
    ("one_sample_ttest(a, b[0]).pvalue", "0"),
    ("paired_ttest(a, b).pvalue", "0"),
    ("f_test(a, b).pvalue", "1"),
    ("levene([a, b]).pvalue", "1"),
    // SciPy's mannwhitneyu, asymptotic; 2 / (20 over 10).
    ("mann_whitney(a, b).pvalue", "0.000015937911688066268"),
    ("mann_whitney(a, a).pvalue", "1"),
    ("ks_2samp(a, b).pvalue", "0.000010825088224469028"),
    ("grubbs(a).statistic", "0"),
    ("generalized_esd(a, 1).len", "0"),
    ("pearson(a, b)", "()"),
    ("spearman(a, b)", "()"),
    ("moving_correlation(9).push(a, b).value", "()"),
    ("linear_fit(t, a).slope", "0"),
    ("linear_fit(a, t).slope", "all x are equal"),
    ("theil_sen(t, a).slope", "0"),
    ("rolling_stddev(a, 3)[-1]", "0"),
    ("rolling_mean(a, 3)[-1]", "c"),
    ("rolling_median(a, 3)[-1]", "c"),
    ("autocorrelation(a, 0)", "all values are equal"),
    ("power_spectrum(a).max", "0"),
    ("period(a)", "()"),
    ("seasonal_hybrid_esd(a, 2).len", "0"),
    ("pelt(a).len", "0"),
    ("tukey_fences(a, 1.5).lower", "c"),
    ("{ let s = cusum(#{ warmup: 3 }); s.push(a); s.push(a[0])?.upper }", "0"),
    ("{ let s = level_change(#{ warmup: 4 }); s.push(a); s.push(a[0])?.alarm }", "()"),
    ("{ let s = hour_of_day(); s.push(times, a); s.z(0, a[0]) }", "0"),
    ("{ let s = rate(); s.push(times[0], a[0]); s.push(times[times.len() - 1], a[0]) }", "0"),
];

#[test]
fn constant_series_and_single_values_are_right_or_refused() {
    let engine = new_engine();
    let mut failures = Vec::new();
    for c in [1e-300, 1e-150, 0.1, 3.0, 1e150, 1e300, 1e308] {
        for n in [10usize, 2, 1] {
            let array = |c: f64| -> rhai::Array { vec![c.into(); n] };
            let t: rhai::Array = (0..n).map(|i| (i as f64).into()).collect();
            let times: rhai::Array = (0..n as i64).map(|i| (i * 1_000_000_000).into()).collect();
            for (expression, expected) in CONSTANT {
                let mut scope = Scope::new();
                scope.push("a", array(c)).push("b", array(c / 2.0)).push("c", c);
                scope.push("t", t.clone()).push("times", times.clone());
                let found = engine.eval_with_scope::<Dynamic>(&mut scope, expression);
                let right = match &found {
                    Ok(value) if value.is_unit() => *expected == "()" || n < 10,
                    // A window that is not full.
                    Ok(value) if n < 3 && expression.starts_with("rolling") => {
                        value.as_float().is_ok_and(f64::is_nan)
                    }
                    Ok(value) => {
                        let number = value.as_float().or_else(|_| value.as_int().map(|i| i as f64));
                        let wanted = if *expected == "c" { Ok(c) } else { expected.parse::<f64>() };
                        number.is_ok_and(|number| {
                            let fewer = n < 10 && (0.0..=1.0).contains(&number);
                            wanted.is_ok_and(|wanted| wanted == number) || fewer && *expected != "c"
                        })
                    }
                    Err(error) => {
                        let text = error.to_string();
                        let few =
                            n < 10 && (text.contains("needs at least") || text.contains("must be"));
                        text.contains(expected) || few
                    }
                };
                if !right {
                    failures.push(format!("{c:e} x {n}: {expression}: {found:?}, not {expected}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}
