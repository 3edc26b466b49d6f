//! Real sessions of the daemon give the answers that the official UDFs gave.

use crate::util::*;
use rhai_udf::protocol::message::PointMessage;

/// Equal to a relative tolerance.
fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

/// Equal to a relative tolerance, or to that tolerance in units of the quantity: near zero, the
/// official agents' windows carry the rounding errors of what they subtracted (up to 1.2e-10 in t,
/// where exact rational arithmetic on the same data agrees with ours to 1e-14).
fn close_to_unit(a: f64, b: f64, tolerance: f64) -> bool {
    close(a, b, tolerance) || (a - b).abs() <= tolerance
}

/// Kinds of the answers that are not data, in order.
fn control(answers: &[Answer]) -> Vec<String> {
    answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Info(_) => Some("info".to_owned()),
            Answer::Init(init) => Some(format!("init {} {}", init.success, init.error)),
            Answer::Keepalive(keepalive) => Some(format!("keepalive {}", keepalive.time)),
            Answer::Snapshot(_) => Some("snapshot".into()),
            Answer::Restore(restore) => Some(format!("restore {}", restore.success)),
            Answer::Error(error) => Some(format!("error {}", error.error)),
            _ => None,
        })
        .collect()
}

/// Metadata that the daemon uses must be the same.
fn same_place(ours: &PointMessage, theirs: &PointMessage) {
    assert_eq!(ours.time, theirs.time);
    assert_eq!(ours.name, theirs.name);
    assert_eq!(ours.tags, theirs.tags);
}

#[test]
fn info_declares_the_same_edges_and_options_as_the_official_example() {
    let run = run_udf(&repo("scripts/moving_avg.rhai"), &capture("info.requests"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut ours = run.answers();
    // Ours has one option more, which may be left out: `keep`.
    if let Some(Answer::Info(info)) = ours.first_mut() {
        assert!(info.options.remove("keep").is_some());
    }
    assert_eq!(ours, answers(&capture("info.responses")));
}

#[test]
fn moving_avg_gives_the_official_averages_and_keeps_the_other_fields() {
    let input = capture("moving_avg.requests");
    let run = run_udf(&repo("scripts/moving_avg.rhai"), &input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let theirs = answers(&capture("moving_avg.responses"));
    assert_eq!(control(&run.answers()), control(&theirs));
    let (ours, theirs) = (run.points(), points(&theirs));
    assert_eq!(ours.len(), 633);
    assert_eq!(theirs.len(), 633);
    let sent: Vec<PointMessage> = requests(&input)
        .into_iter()
        .filter_map(|r| if let Request::Point(point) = r { Some(point) } else { None })
        .collect();
    for ((ours, theirs), sent) in ours.iter().zip(&theirs).zip(&sent) {
        same_place(ours, theirs);
        let (a, b) = (ours.fields_double["cpu_avg"], theirs.fields_double["cpu_avg"]);
        assert!(close_to_unit(a, b, 1e-9), "{a} {b}");
        let mut rest = ours.clone();
        rest.fields_double.remove("cpu_avg");
        assert_eq!(rest, *sent);
    }
}

/// The official agent was restored from its own snapshot, which is foreign to us: we start fresh, so
/// a group's averages agree as soon as ten values of it have been seen.
#[test]
fn a_foreign_snapshot_starts_fresh_with_a_warning() {
    let run = run_udf(&repo("scripts/moving_avg.rhai"), &capture("moving_avg_restored.requests"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("it is not a snapshot of rhai-udf (176 bytes); the task starts fresh"),
        "{}",
        run.stderr
    );
    let theirs = answers(&capture("moving_avg_restored.responses"));
    assert_eq!(control(&run.answers()), control(&theirs));
    let mut seen = std::collections::HashMap::new();
    let mut compared = 0;
    for (ours, theirs) in run.points().iter().zip(points(&theirs)) {
        same_place(ours, &theirs);
        let count = seen.entry(theirs.group.clone()).or_insert(0);
        *count += 1;
        if *count >= 10 {
            compared += 1;
            let (a, b) = (ours.fields_double["cpu_avg"], theirs.fields_double["cpu_avg"]);
            assert!(close_to_unit(a, b, 1e-9), "{a} {b}");
        }
    }
    assert!(compared > 900, "{compared}");
}

#[test]
fn outliers_finds_the_official_points() {
    let run = run_udf(&repo("scripts/outliers.rhai"), &capture("outliers.requests"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let theirs = answers(&capture("outliers.responses"));
    assert_eq!(control(&run.answers()), control(&theirs));
    let (ours, theirs) = (batches(run.answers()), batches(theirs));
    assert_eq!(ours.len(), 309);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!((&ours.name, &ours.tags, ours.tmax), (&theirs.name, &theirs.tags, theirs.tmax));
        assert_eq!(ours.points, theirs.points);
    }
}

struct Batch {
    name: String,
    tags: std::collections::BTreeMap<String, String>,
    tmax: i64,
    /// By time: the official example sorts them by value, ours keeps them as they came.
    points: Vec<PointMessage>,
}

fn batches(answers: Vec<Answer>) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut points = Vec::new();
    for answer in answers {
        match answer {
            Answer::Begin(_) => points.clear(),
            Answer::Point(point) => points.push(point),
            Answer::End(end) => {
                points.sort_by_key(|p| p.time);
                let points = std::mem::take(&mut points);
                batches.push(Batch { name: end.name, tags: end.tags, tmax: end.tmax, points });
            }
            _ => {}
        }
    }
    batches
}

/// The guide's handler used SciPy. The whole session is CI's; the repository has its first windows.
#[test]
fn ttest_gives_the_guides_t_and_p() {
    let whole = std::env::var_os("RHAI_UDF_CAPTURES").map(std::path::PathBuf::from);
    let (input, windows) = match whole {
        Some(folder) => (gunzip(&folder.join("ttest_hotend.requests.bin.gz")), 288),
        None => (capture("ttest_hotend_30.requests"), 30),
    };
    let run = run_udf(&repo("scripts/ttest.rhai"), &input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let theirs = points(&answers(&capture("ttest_hotend.responses")));
    assert_eq!(theirs.len(), 287);
    let ours = run.points();
    assert_eq!(ours.len(), windows - 1);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        same_place(ours, theirs);
        let (t, their_t) = (ours.fields_double["t"], theirs.fields_double["t"]);
        assert!(close_to_unit(t, their_t, 1e-9), "t {t} {their_t}");
        let (p, their_p) = (ours.fields_double["pvalue"], theirs.fields_double["pvalue"]);
        let tolerance = if their_p < 1e-15 { 1e-6 } else { 1e-9 };
        assert!(close(p, their_p, tolerance), "p {p} {their_p}");
    }
}
