//! The statistics as a script meets them: every object survives a snapshot, every mistake has a
//! message, every example of the book runs.

use super::{NativeTypes, register};
use crate::agent::Pulse;
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::host::Host;
use crate::script::state::codec::{Reader, Writer};
use rhai::{Dynamic, Engine, Map, Scope};
use std::cell::RefCell;
use std::rc::Rc;

/// A snapshot's name, how to make one, and what to do with it at each step.
const OBJECTS: &[(&str, &str, &str)] = &[
    ("anomaly_score", "anomaly_score()", "[s.push(t, x), s.pvalue]"),
    ("conformal_rank", "conformal_rank(5)", "s.push(x)"),
    ("alarm_budget", "alarm_budget(3)", "[s.push(t, x), s.pvalue, s.threshold]"),
    ("alarm_budget", "alarm_budget(9, #{ scale: \"deviations\" })", "[s.push(t, x), s.pvalue]"),
    ("rhythm", "rhythm(\"6s\", #{ cells: 3 })", "s.push(t, x)"),
    ("moving_stats", "moving_stats(7)", "s.push(x).variance"),
    ("moving_stats", "moving_stats(70, #{ nan: \"skip\" })", "s.push(()).push(x).kurtosis"),
    ("running_stats", "running_stats()", "s.push(x).skewness"),
    ("timed_stats", "timed_stats(\"5s\")", "s.push(t, x).mean"),
    ("ew_stats", "ew_stats_span(9)", "s.push(x)"),
    ("timed_ew_stats", "timed_ew_stats(\"3s\")", "s.push(t, x)"),
    ("moving_order", "moving_order(6)", "[s.hampel(x), s.push(x).mad]"),
    ("p2_quantile", "p2_quantile(0.9)", "s.push(x).value"),
    ("ddsketch", "ddsketch(0.01)", "s.push(x).quantile(0.5)"),
    ("histogram", "histogram(0, 10, 5)", "s.push(x).bins"),
    ("cusum", "cusum(#{ warmup: 5 })", "s.push(x)"),
    ("cusum", "cusum(5, 2.5)", "s.push(x)"),
    ("page_hinkley", "page_hinkley(0.1, 8, #{ warmup: 5 })", "s.push(x)"),
    ("adwin", "adwin()", "s.push(x)"),
    ("kswin", "kswin(20, 6, #{ alpha: 0.2, seed: 4 })", "[s.push(x), s.pvalue]"),
    ("bayesian_change", "bayesian_change(20, 5, 3, #{ max_run: 12 })", "s.push(x)"),
    ("seasonal_slots", "seasonal_slots(\"10s\", 5, #{ memory: 4 })", "s.push(t, x)"),
    ("seasonal_slots", "hour_of_week()", "s.push(t, x)"),
    ("holt_winters", "holt_winters(4)", "s.push(x)"),
    ("level_change", "level_change(#{ warmup: 4 })", "s.push(x)"),
    ("discord", "discord(4, 16)", "s.push(x)"),
    ("random_cut_forest", "random_cut_forest(2, 8, #{ trees: 3 })", "s.push([x, t % 7])"),
    ("subspace", "subspace(2, 9)", "s.push([x, t % 7])"),
    (
        "knn_conformal",
        "knn_conformal(8, 4, #{ dimension: 3, k: 2 })",
        "[s.push(x), s.distance ?? 0]",
    ),
    (
        "isolation_forest",
        "isolation_forest([[1, 2, 3, 4, 9], [1, 2, 3, 4, -9]], #{ trees: 3, seed: 1 })",
        "s.score([x, x])",
    ),
    ("moving_forest", "moving_forest(2, 12, #{ refit: 5, trees: 3 })", "s.push([x, t % 7])"),
    (
        "half_space_trees",
        "half_space_trees([[0, 10], [0, 7]], #{ trees: 2, depth: 3, window: 6 })",
        "s.push([x, t % 7])",
    ),
    ("spot", "spot(0.01, #{ warmup: 20, level: 0.8 })", "s.push(x)"),
    ("spot", "dspot(0.01, 5, #{ warmup: 20, level: 0.8 })", "s.push(x)"),
    ("anomaly_likelihood", "anomaly_likelihood(20, 3)", "s.push(x)"),
    ("anomaly_score", "anomaly_score()", "s.push(x)"),
    ("hysteresis", "hysteresis(7, 3)", "s.push(x)"),
    ("refractory", "refractory(\"4s\")", "s.push(t, x > 5)"),
    ("debounce", "debounce(2, 3)", "s.push(x > 5)"),
    ("rate", "rate()", "s.push(t, x)"),
    ("counter", "counter(#{ modulus: 16 })", "s.push(t, x)"),
    ("moving_trend", "moving_trend(6)", "if s.count > 1 { s.linear } else { s.push(t, x); 0 }"),
    ("moving_correlation", "moving_correlation(6)", "s.push(x, t % 7).value"),
    ("random", "random(3)", "[s.next(), s.normal(), s.int(1, 6)]"),
    ("series", "series([1, 2.5])", "s[0] = x; s.sum"),
    ("mask", "series([1, 2.5]) > 2", "s.any"),
    ("rows", "rows(3)", "s.push([x, 1.0]); s.values.sum"),
    ("queue", "queue()", "s.push(x); s.push_front(t); s.pop()"),
    ("queue", "ring(4)", "s.push([x, moving_stats(3).push(x), #{ t: t }]); s.len + s.first[0]"),
    ("timed_queue", "timed_queue(\"5s\")", "s.push(t, ring(2).push(x)); [s.count, s.oldest_time]"),
    ("distinct", "distinct(\"5s\")", "[s.push(t, x.to_int()), s.count]"),
    ("distinct", "distinct(\"5s\", #{ renew: false })", "[s.push(t, x.to_int() % 4), s.values]"),
    ("tally", "tally()", "s.push(x.to_int() % 5).push([\"a\", t]).most_common(3)"),
    ("top", "top(3, \"x\")", "s.push(#{ x: x, t: t }).rows"),
    ("top", "bottom(3, \"x\", #{ by: \"t\" })", "s.push(#{ x: x, t: t % 7 }).values"),
    ("timed_debounce", "debounce(\"3s\", #{ off_after: \"1s\" })", "s.push(t, x > 5)"),
    ("timer", "timer(\"3s\")", "[s.push(t), s.due, s.next, s.periods]"),
];

/// Kinds with tests of their own.
const ELSEWHERE: &[&str] = &["point", "batch", "model"];

fn engine() -> (Engine, NativeTypes, Rc<Host>) {
    let host = Rc::new(Host::new("example.rhai".into()));
    let mut registry = NativeTypes::default();
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    register(&mut engine, &host, &mut registry);
    (engine, registry, host)
}

struct Run<'e> {
    engine: &'e Engine,
    scope: Scope<'static>,
}

impl<'e> Run<'e> {
    fn new(engine: &'e Engine, object: Dynamic) -> Self {
        let mut scope = Scope::new();
        scope.push_dynamic("s", object).push("x", 0.0).push("t", 0i64);
        Self { engine, scope }
    }

    fn object(&self) -> Dynamic {
        self.scope.get_value("s").unwrap()
    }

    fn step(&mut self, i: i64, step: &str) -> String {
        self.scope.set_value("x", (i * 37 % 11) as f64 + i as f64 * 0.01);
        self.scope.set_value("t", i * 1_000_000_000);
        match self.engine.eval_with_scope::<Dynamic>(&mut self.scope, step) {
            Ok(value) => show(&value),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn every_object_is_in_the_list() {
    let (_, registry, _) = engine();
    for kind in &registry.kinds {
        let known = OBJECTS.iter().any(|object| object.0 == kind.name);
        assert!(known || ELSEWHERE.contains(&kind.name), "{}", kind.name);
    }
}

#[test]
fn every_object_goes_on_after_a_snapshot() {
    let (engine, registry, _) = engine();
    for (name, make, step) in OBJECTS {
        for filled in [0, 3, 33] {
            let mut run =
                Run::new(&engine, engine.eval(make).unwrap_or_else(|e| panic!("{make}: {e}")));
            (0..filled).for_each(|i| drop(run.step(i, step)));
            let mut writer = Writer::new(&registry);
            writer.value(&run.object()).unwrap();
            let back = Reader::new(&writer.bytes, &registry).value().unwrap();
            assert_eq!(registry.of_value(&back).unwrap().name, *name);
            let mut restored = Run::new(&engine, back);
            for i in filled..filled + 30 {
                let mut scope = Scope::new();
                scope.push_dynamic("a", run.object()).push_dynamic("b", restored.object());
                let equal = engine.eval_with_scope::<bool>(&mut scope, "a == b && !(a != b)");
                assert!(equal.unwrap(), "{make} after {i}");
                assert_eq!(run.step(i, step), restored.step(i, step), "{make} after {i}");
            }
        }
    }
}

/// Statistics of the same values at scales from 1e-308 to 1e308, with exact references.
#[test]
fn the_scale_of_the_values_does_not_matter() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/reference/extremes.json")).unwrap();
    let (engine, _, _) = engine();
    let number = |text: &serde_json::Value| text.as_str().unwrap().parse::<f64>().unwrap();
    let mut failures = Vec::new();
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let array = |name: &str| -> rhai::Array {
            case[name].as_array().unwrap().iter().map(|text| number(text).into()).collect()
        };
        let a = array("a");
        let counts: rhai::Array = a.iter().map(|x| x.as_float().unwrap().abs().into()).collect();
        let t: rhai::Array = (0..a.len()).map(|i| (i as f64).into()).collect();
        let times: rhai::Array = (0..a.len() as i64).map(|i| (i * 1_000_000_000).into()).collect();
        for (expression, exact) in case["exact"].as_object().unwrap() {
            let mut scope = Scope::new();
            scope.push("a", a.clone()).push("b", array("b")).push("x", number(&case["x"]));
            scope.push("counts", counts.clone()).push("t", t.clone()).push("times", times.clone());
            let found = engine.eval_with_scope::<Dynamic>(&mut scope, expression);
            let expected = number(exact);
            let zero = exact.as_str().unwrap().starts_with("0.0e") || exact == "0.0";
            let too_small = expected == 0.0 && !zero;
            let right = match &found {
                // Subnormal numbers have fewer digits.
                Ok(value) => value.as_float().is_ok_and(|x| {
                    let tolerance = 1e-9 * expected.abs() + 3e-323;
                    (x - expected).abs() <= tolerance && !too_small && x.is_finite()
                }),
                Err(error) if expected.is_infinite() => {
                    error.to_string().contains("more than a double can hold")
                }
                Err(error) if too_small => error.to_string().contains("less than a double can"),
                Err(_) => false,
            };
            compared += 1;
            if !right {
                let found = found.map_or_else(|e| e.to_string(), |v| v.to_string());
                let scale = &case["scale"];
                failures.push(format!("1e{scale}: {expression}: {found} instead of {exact}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared}:\n{}", failures.len(), failures.join("\n"));
}

/// What has no scale-free reference says nothing, a finite number, or an error.
#[test]
fn no_object_answers_nan_or_infinity_at_any_scale() {
    let (engine, _, _) = engine();
    for (_, make, step) in OBJECTS {
        // Infinite scores beside a window without spread are meant, at every scale.
        let ordinary = silent_answers(&engine, make, step, 1.0);
        for power in [-308, -200, -150, 150, 200, 300, 307] {
            let found = silent_answers(&engine, make, step, 10f64.powi(power));
            let more: Vec<_> = found.iter().filter(|at| !ordinary.contains(*at)).collect();
            assert!(more.is_empty(), "{make}: {step} at 1e{power}: {more:?}");
        }
    }
}

/// The steps that answered with NaN or infinity.
fn silent_answers(engine: &Engine, make: &str, step: &str, scale: f64) -> Vec<i64> {
    let mut scope = Scope::new();
    let object: Dynamic = engine.eval(make).unwrap();
    scope.push_dynamic("s", object).push("x", 0.0).push("t", 0i64);
    let mut silent = |i: &i64| {
        scope.set_value("x", ((i * 37 % 11) as f64 + *i as f64 * 0.01 - 4.0) * scale);
        scope.set_value("t", i * 1_000_000_000);
        let value = engine.eval_with_scope::<Dynamic>(&mut scope, step).map(|value| show(&value));
        value.is_ok_and(|shown| shown.contains("NaN") || shown.contains("inf"))
    };
    (0..120).filter(|i| silent(i)).collect()
}

#[test]
fn a_copy_does_not_change_with_the_original() {
    let (engine, _, _) = engine();
    let script = "let a = moving_stats(3); a.push(1); let b = a; b.push(2); [a.count, b.count]";
    assert_eq!(show(&engine.eval(script).unwrap()), "[1, 2]");
}

#[test]
fn a_refused_series_changes_nothing() {
    let (engine, _, _) = engine();
    for (object, push, count) in [
        ("moving_stats(3)", "s.push([1, 2, 0.0 / 0.0])", "s.count"),
        ("moving_order(3)", "s.push_each([1, 2, 0.0 / 0.0], \"median\")", "s.count"),
        ("ew_stats(0.1)", "s.push(series([1, 0.0 / 0.0]))", "s.count"),
        ("rate()", "s.push([1, 2, 0], [1, 2, 3])", "s.count"),
        ("moving_correlation(3)", "s.push([1, 2], [1, 0.0 / 0.0])", "s.count"),
        ("moving_forest(2, 9)", "s.push([[1, 2], [1, 0.0 / 0.0]])", "s.count"),
        ("hysteresis(2, 1)", "s.push([3, 0.0 / 0.0])", "s.count"),
    ] {
        let script = format!(
            "let s = {object}; let before = s; let refused = false; \
             try {{ {push}; }} catch {{ refused = true; }} [refused, s == before, {count}]"
        );
        assert_eq!(show(&engine.eval(&script).unwrap()), "[true, true, 0]", "{object}");
    }
}

#[test]
fn gaps_are_left_out_where_that_is_asked_for() {
    let (engine, _, _) = engine();
    let nan = "0.0 / 0.0";
    for (script, expected) in [
        ("moving_stats(3, S).push([1, NAN, 3]).push(()).push(NAN).mean", "2"),
        ("moving_stats(3, S).push_each([1, NAN, 3], \"mean\")", "[1, NaN, 2]"),
        ("ew_stats(0.5, S).push([1, NAN, 3, 10])", "[NaN, NaN, NaN, 8]"),
        ("ew_stats(0.5, S).push(NAN)", "()"),
        ("adwin(S).push(())", "false"),
        ("cusum(0, 1, S).push([NAN, 1])[0]", "()"),
        ("let r = rate(S); r.push(0, 1); r.push(1, ()); r.push(1000000000, 3)", "2"),
        ("moving_correlation(3, S).push(1, ()).push([1, 2], [3, NAN]).count", "1"),
        ("moving_forest(2, 9, S).push([1, NAN])", "()"),
        ("let h = hysteresis(2, 1, S); h.push(3); h.push(NAN)", "true"),
    ] {
        let script = script.replace("NAN", nan).replace('S', "#{ nan: \"skip\" }");
        assert_eq!(show(&engine.eval(&script).unwrap()), expected, "{script}");
    }
}

#[test]
fn damaged_bytes_do_not_panic() {
    let (engine, registry, _) = engine();
    for (_, make, step) in OBJECTS {
        let mut run = Run::new(&engine, engine.eval(make).unwrap());
        (0..12).for_each(|i| drop(run.step(i, step)));
        let mut writer = Writer::new(&registry);
        writer.value(&run.object()).unwrap();
        // The beginning is the name; the counts and the sizes of an object stand in front.
        for i in 0..writer.bytes.len().min(80) {
            assert!(Reader::new(&writer.bytes[..i], &registry).value().is_err(), "{make}");
            for damage in [0, 1, 0x7f, 0xff, writer.bytes[i].wrapping_add(1)] {
                let mut damaged = writer.bytes.clone();
                damaged[i] = damage;
                if let Ok(object) = Reader::new(&damaged, &registry).value() {
                    drop(Run::new(&engine, object).step(13, step));
                }
            }
        }
    }
}

#[test]
fn mistakes_name_the_function_and_the_argument() {
    let (engine, _, host) = engine();
    let check = |script: &str, expected: &str| {
        let error = engine.eval::<Dynamic>(script).unwrap_err().to_string();
        assert!(error.contains(expected), "{script}: {error}");
    };
    check("moving_stats(0)", "moving_stats: size must be from 1 to 10000000, got 0");
    check("moving_stats(-1)", "moving_stats: size must be 0 or more, got -1");
    check("moving_stats(99999999999)", "got 99999999999");
    check("moving_stats(2.5)", "moving_stats: size must be an int, not 2.5 (f64)");
    check("moving_stats(\"a\")", "size must be an int, not the string 'a'");
    check("moving_stats(3, #{ nam: 1 })", "moving_stats: setting 'nam' is not known; use nan");
    check("moving_stats(3, #{ nan: \"drop\" })", "nan 'drop' is not known; use one of error, skip");
    check("moving_stats(3).push(\"1\")", "moving_stats.push: the value must be a number, not the");
    check("moving_stats(3).push(0.0 / 0.0)", "moving_stats.push: value is NaN; leave such");
    check("moving_stats(3).push([1, true])", "the value[1] must be a number, not true (bool)");
    check(
        "moving_stats(3).push_each([1], \"men\")",
        "statistic 'men' is not known; use one of mean,",
    );
    check("timed_stats(\"5x\")", "timed_stats: '5x' is not a duration");
    check(
        "timed_stats(5).push([1], [1, 2])",
        "the column of times has 1 values and the column of values has 2",
    );
    check("let r = rate(); r.push(5, 1); r.push(4, 1)", "rate.push: time 4 lies before 5");
    check("median([])", "median: values needs at least 1 values, got 0");
    check("quantile([1], 2)", "quantile: q must be from 0 to 1, got 2");
    check("quantile([1], 0.5, \"mid\")", "quantile: method 'mid' is not known; use one of");
    check("welch_ttest([1, 2], [1])", "welch_ttest: second sample needs at least 2 values, got 1");
    check("welch_ttest(5, [1, 2])", "first sample must be a series or an array of numbers, not 5");
    check("normal_isf(1.5)", "normal_isf: a probability is from 0 to 1, got 1.5");
    check("half_space_trees([[0, 1, 2]])", "ranges must be an array of [low, high]");
    check("isolation_forest([[1, 2], [1]])", "the first column has 2 values and another has 1");
    check("seasonal_hybrid_esd([1, 2], 3)", "seasonal_hybrid_esd: values needs at least 6");
    check("series([1, 2]) + series([1])", "must be equally long");
    check("series([1, 2]).select(series([1]) > 0)", "select: the mask has 1 values, not 2");
    check("series([1])[3]", "index 3 is out of range; there are 1 values");
    check("inner_join([2, 1], [1, 2], [1], [1])", "inner_join: times_a must ascend");
    check("pelt(random(1).series(50001))", "number of values must be from 0 to 50000, got 50001");
    check("random(1).int(3, 2)", "random.int: there is no int from 3 to 2");
    host.note("field 'hotend' is missing; the point has bed (double)");
    check("moving_stats(3).push(())", "field 'hotend' is missing; the point has bed (double)");
    host.reset();
    check("moving_stats(3).push(())", "moving_stats.push: the value must be a number, not ()");
    check("ew_stats(0.1).push(moving_stats(3).mean)", "moving_stats.mean does not exist");
}

#[test]
fn the_examples_of_the_book_are_true() {
    let statistics = include_str!("../../../docs/statistics.md");
    assert!(run_examples(statistics) > 100);
    assert!(run_examples(include_str!("../../../docs/rhai-for-python-users.md")) > 20);
}

/// Runs the examples of a page and gives their number.
fn run_examples(book: &str) -> usize {
    let (mut engine, _, _) = engine();
    let failures = Rc::new(RefCell::new(Vec::<String>::new()));
    let seen = Rc::new(RefCell::new(0));
    let (f, n) = (failures.clone(), seen.clone());
    engine.register_fn("it_is", move |line: i64, value: Dynamic, expected: &str| {
        *n.borrow_mut() += 1;
        if show(&value) != expected {
            f.borrow_mut().push(format!("line {line}: {} instead of {expected}", show(&value)));
        }
    });
    let f = failures.clone();
    engine.register_fn("refused", move |line: i64, message: &str, expected: &str| {
        if message != expected {
            f.borrow_mut().push(format!("line {line}: error '{message}' instead of '{expected}'"));
        }
    });
    let mut block = None::<String>;
    for (number, line) in (1..).zip(book.lines()) {
        match (&mut block, line) {
            (None, "```rhai example") => block = Some("\n".repeat(number)),
            (None, _) => {}
            (Some(script), "```") => {
                if let Err(error) = engine.run(script) {
                    failures.borrow_mut().push(error.to_string());
                }
                block = None;
            }
            (Some(script), line) => *script += &asserted(number, line),
        }
    }
    assert!(failures.borrow().is_empty(), "{}", failures.borrow().join("\n"));
    *seen.borrow()
}

/// `expression // => value` as a call that compares; `// => error: message` as one that must fail.
pub(crate) fn asserted(number: usize, line: &str) -> String {
    let Some((expression, expected)) = line.split_once("// => ") else {
        return format!("{line}\n");
    };
    let expression = expression.trim().trim_end_matches(';');
    match expected.strip_prefix("error: ") {
        None => format!("it_is({number}, {expression}, `{expected}`);\n"),
        Some(message) => format!(
            "try {{ {expression}; refused({number}, ``, `{message}`); }} \
             catch (e) {{ refused({number}, `${{e}}`, `{message}`); }}\n"
        ),
    }
}

/// A value as the book shows it: numbers to six digits.
pub(crate) fn show(value: &Dynamic) -> String {
    if let Ok(x) = value.as_float() {
        return show_number(x);
    }
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return format!("\"{}\"", text.as_str());
    }
    if let Some(series) = value.read_lock::<super::series::Series>() {
        let shown: Vec<_> = series.0.iter().map(|x| show_number(*x)).collect();
        return format!("[{}]", shown.join(", "));
    }
    if let Some(mask) = value.read_lock::<super::series::Mask>() {
        return format!("{:?}", mask.0);
    }
    if let Some(array) = value.read_lock::<rhai::Array>() {
        return format!("[{}]", array.iter().map(show).collect::<Vec<_>>().join(", "));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let shown: Vec<_> = map.iter().map(|(k, v)| format!("{k}: {}", show(v))).collect();
        return format!("#{{{}}}", shown.join(", "));
    }
    if value.is_unit() { "()".into() } else { value.to_string() }
}

fn show_number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let rounded: f64 = format!("{x:.5e}").parse().unwrap();
    if (1e-4..1e9).contains(&x.abs()) { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[path = "extremes_tests.rs"]
mod extremes;

#[path = "collection_tests.rs"]
mod collections;
