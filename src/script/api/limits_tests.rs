//! Every native function under every limit: with large inputs and a small budget, each ends in time,
//! with its result or with the error that a script's own loop would get.

use super::{NativeTypes, register};
use crate::agent::Pulse;
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::host::Host;
use rhai::{Dynamic, Engine, EvalAltResult, Scope};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Expressions over `v`, a series of 300,000 random numbers, `w`, 2,000,000 of them, `short`, the first
/// 20,000, and `times`, a time for each of `short`, and `rows`, maps of them.
const CALLS: &[&str] = &[
    "moving_stats(1000000).push(w).variance",
    "moving_stats(1000000).push_each(w, \"stddev\")",
    "moving_stats(1000000).push_each(w, \"kurtosis\")",
    "running_stats().push(w).kurtosis",
    "timed_stats(\"1h\").push(times, short).stddev",
    "{ let s = ew_stats(0.1); s.push(w) }",
    "ew_stats_span(10).push(w)",
    "ew_stats_half_life(10).push(w)",
    "timed_ew_stats(\"1h\").push(times, short)",
    "skewness(w)",
    "kurtosis(w)",
    "moving_order(500000).push(w).median",
    "moving_order(500000).extend(w)",
    "moving_order(500000).push_each(w, \"mad\")",
    "p2_quantile(0.5).push(w).value",
    "ddsketch(0.01).push(w).quantile(0.5)",
    "histogram(-1, 1, 100000).push(w).quantile(0.5)",
    "quantile(w, 0.5)",
    "median(w)",
    "mad(w)",
    "iqr(w)",
    "tukey_fences(w, 1.5)",
    "normal_cdf(w, 0, 1)",
    "welch_ttest(w, w)",
    "pooled_ttest(w, w)",
    "one_sample_ttest(w, 1)",
    "paired_ttest(w, w)",
    "f_test(w, w)",
    "levene([w, v])",
    "mann_whitney(w, v)",
    "ks_2samp(w, v)",
    "ks_normal(w, 5, 1)",
    "chi_square_fit(abs(w) + 1)",
    "chi_square_table([abs(w) + 1, abs(w) + 2])",
    "grubbs(w)",
    "generalized_esd(w, 1000000)",
    "cusum().push(w)",
    "page_hinkley(0.1, 8).push(w)",
    "adwin().push(w)",
    "kswin(10000, 400).push(w)",
    "bayesian_change(100, 0, 1, #{ max_run: 10000 }).push(w)",
    "pelt(v.head(50000), #{ penalty: 1e9 })",
    "seasonal_slots(\"1h\", 100).push(times, short)",
    "hour_of_day().push(times, short)",
    "hour_of_week().push(times, short)",
    "holt_winters(100).push(w)",
    "stl(v.head(4000), 100, #{ robust: true })",
    "stl(v.head(30000), 1000)",
    "stl(w.concat(w), 1000)",
    "stl(w, 1000, #{ robust: true })",
    "period(w)",
    "seasonal_hybrid_esd(v.head(4000), 100, #{ max_share: 0.49 })",
    "knn_conformal(50000, 1000, #{ dimension: 100 }).push(w)",
    "isolation_forest([w, w], #{ trees: 1000, sample: 4096 })",
    "isolation_forest([v, v], #{ trees: 2 }).score([w, w])",
    "moving_forest(2, 100000, #{ trees: 1000, sample: 4096, refit: 5000 }).push([w, w])",
    "half_space_trees([[0, 1]], #{ trees: 200, depth: 12 }).push([w])",
    "spot(0.001).push(w)",
    "dspot(0.001, 1000).push(w)",
    "anomaly_likelihood(100000, 10).push(w)",
    "anomaly_score().push(w)",
    "anomaly_score().push(times, short)",
    "conformal_rank(10000).push(abs(w))",
    "alarm_budget(1).push(times, abs(short))",
    "rhythm(\"1d\", #{ periods: 300, cells: 3000 }).push(times, short)",
    "level_change().push(w)",
    "discord(256, 1000000).push(w)",
    "random_cut_forest(2, 2000, #{ trees: 1000 }).push([w, w])",
    "subspace(2, 100000).push([w, w])",
    "hysteresis(1, 0).push(w)",
    "refractory(1).push(times, short > 0)",
    "debounce(2, 2).push(w > 0)",
    "ring(1000000).extend(w).series().mean",
    "queue().extend(w).values",
    "timed_queue(\"1h\").extend(times, short).series().mean",
    "distinct(\"1h\").extend(times, short)",
    "tally().extend(short).most_common(3)",
    "top(1000, \"x\").extend(rows)",
    "bottom(rows, 10000, \"x\")",
    "timer(\"1s\").push(times)",
    "cross_correlation(w, w, 100000)",
    "rate().push(times, short)",
    "counter().push(times, abs(short))",
    "linear_fit(w, w)",
    "theil_sen(v.head(2000), v.tail(2000))",
    "moving_trend(20000).push(times, short).linear",
    "moving_correlation(1000000).push(w, w).value",
    "pearson(w, w)",
    "spearman(w, w)",
    "w * 2.0 + w ** 2.0",
    "max(w, 1)",
    "exp(w).sqrt()",
    "w.compare(\">\", w)",
    "where(w > 0.0, w, 0)",
    "w.select(w > 0.0).mean",
    "w.concat(w)",
    "sort(w)",
    "argsort(w)",
    "ranks(w)",
    "w.median",
    "w.stddev",
    "diff(w)",
    "cumsum(w)",
    "dot(w, w)",
    "rolling_mean(w, 64)",
    "rolling_sum(w, 100000)",
    "rolling_stddev(w, 64)",
    "rolling_median(w, 1000000)",
    "rolling_min(w, 1000)",
    "rolling_max(w, 1000)",
    "rolling_quantile(w, 1000000, 0.9)",
    "power_spectrum(w)",
    "autocorrelation(w, 10)",
    "w.present().fill(0).interpolate()",
    "inner_join(times, short, times, short)",
    "asof_join(times, times, short)",
    "random(1).series(2000000)",
];

struct Trial {
    engine: Engine,
    pulse: Pulse,
    scope: Scope<'static>,
}

impl Trial {
    fn new(limits: &Limits) -> Self {
        let pulse = Pulse::default();
        let budget = engine::Budget::new(limits, &pulse);
        let host = Rc::new(Host::with_budget("limits.rhai".into(), budget));
        let mut engine = engine::engine(limits, &pulse);
        engine.set_strict_variables(false);
        register(&mut engine, &host, &mut NativeTypes::default());
        let mut scope = Scope::new();
        let data = "let v = random(1).series(300000); let w = v; \
                    for i in 0..6 { w = w.concat(v); } w = w.head(2000000); \
                    let short = v.head(20000); let times = []; \
                    for i in 0..20000 { times.push(i * 1000000000); } \
                    let rows = []; for x in short { rows.push(#{ x: x }); }";
        let roomy = Limits { array: 0, operations: 0, ..Limits::default() };
        let mut maker = engine::engine(&roomy, &Pulse::default());
        maker.set_strict_variables(false);
        let free = Rc::new(Host::new("data.rhai".into()));
        register(&mut maker, &free, &mut NativeTypes::default());
        maker.run_with_scope(&mut scope, data).unwrap();
        Self { engine, pulse, scope }
    }

    /// The outcome of a call whose time is up after `time`, and how long it took.
    fn run(&mut self, call: &str, time: Duration) -> (Result<(), Box<EvalAltResult>>, Duration) {
        let pulse = self.pulse.clone();
        pulse.reset();
        let (done, waits) = std::sync::mpsc::channel::<()>();
        let timer = std::thread::spawn(move || {
            if waits.recv_timeout(time).is_err() {
                pulse.expire();
            }
        });
        let began = Instant::now();
        let mut scope = self.scope.clone();
        let outcome = self.engine.eval_with_scope::<Dynamic>(&mut scope, call).map(drop);
        let took = began.elapsed();
        let _ = done.send(());
        timer.join().unwrap();
        (outcome, took)
    }
}

#[test]
fn every_native_call_ends_within_its_time() {
    let mut trial = Trial::new(&Limits { operations: 0, memory: 0, ..Limits::default() });
    let mut ended = 0;
    for call in CALLS {
        let (outcome, took) = trial.run(call, Duration::from_millis(60));
        // Generous: the machine may be busy, and the build may not be optimised. Most of these calls would
        // take minutes.
        assert!(took < Duration::from_secs(20), "{call} went on for {took:?}");
        match outcome {
            Ok(()) => {}
            Err(error) if matches!(*error, EvalAltResult::ErrorTerminated(..)) => {
                assert!(error.to_string().contains("terminated"), "{call}: {error}");
                ended += 1;
            }
            // A size that could not be ended in time is refused.
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("must be from"), "{call}: {text}");
            }
        }
    }
    assert!(ended > 20, "{ended} calls were ended");
}

/// A time limit of nothing: whatever takes long says so, and says it as a loop would.
#[test]
fn an_interrupted_native_gives_the_error_of_a_loop() {
    let limits =
        Limits { operations: 0, call_timeout: Duration::from_secs(2), ..Limits::default() };
    let mut trial = Trial::new(&limits);
    for call in ["rolling_median(w, 1000000)", "moving_order(500000).push(w)", "loop {}"] {
        let (outcome, _) = trial.run(call, Duration::ZERO);
        let EvalAltResult::ErrorTerminated(reason, _) = *outcome.unwrap_err() else { panic!() };
        let expected = "the call takes longer than 2s; is there an endless loop? ([limits] \
                        call_timeout)";
        assert_eq!(reason.to_string(), expected, "{call}");
    }
}

#[test]
fn memory_is_checked_before_it_is_taken() {
    let mut trial = Trial::new(&Limits { memory: 1_000_000, ..Limits::default() });
    for call in [
        "rolling_median(w, 1000000)",
        "rolling_mean(w, 64)",
        "moving_stats(10).push_each(w, \"mean\")",
        "quantile(w, 0.5)",
        "mad(w)",
        "mann_whitney(w, v)",
        "ks_2samp(w, v)",
        "levene([w, v])",
        "generalized_esd(w, 100)",
        "stl(w, 1000)",
        "autocorrelation(w, 10)",
        "power_spectrum(w)",
        "isolation_forest([w, w])",
        "theil_sen(v.head(2000), v.tail(2000))",
        "spearman(w, w)",
        "sort(w)",
        "argsort(w)",
        "ranks(w)",
        "w * 2.0",
        "w.concat(w)",
    ] {
        let (outcome, _) = trial.run(call, Duration::from_secs(60));
        let text = outcome.map_or_else(|error| error.to_string(), |()| "no error".into());
        assert!(text.contains("[limits] memory"), "{call}: {text}");
    }
}

#[test]
fn a_series_has_no_more_elements_than_an_array() {
    let mut trial = Trial::new(&Limits { array: 100_000, ..Limits::default() });
    for call in [
        "w.concat(w)",
        "w.to_array()",
        "(w > 0.0).to_array()",
        "argsort(w)",
        "random(1).series(200000)",
    ] {
        let (outcome, _) = trial.run(call, Duration::from_secs(60));
        let text = outcome.map_or_else(|error| error.to_string(), |()| "no error".into());
        assert!(text.contains("[limits] array"), "{call}: {text}");
    }
}

/// Every function that has a heading in the book is called above.
#[test]
fn every_function_of_the_book_is_in_the_list() {
    let book = include_str!("../../../docs/statistics.md");
    let mut names = 0;
    for heading in book.lines().filter(|line| line.starts_with("### ")) {
        for part in heading.split('`').skip(1).step_by(2) {
            let name = part.split('(').next().unwrap_or_default();
            // Functions of a number or two take no time.
            if name.is_empty()
                || ["_pdf", "_cdf", "_sf", "_ppf", "_isf"].iter().any(|end| name.ends_with(end))
            {
                continue;
            }
            assert!(CALLS.iter().any(|call| call.contains(name)), "{name}");
            names += 1;
        }
    }
    assert!(names > 40, "{names}");
}
