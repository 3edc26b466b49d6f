//! A snapshot taken anywhere continues as if nothing had happened.

use crate::util::*;
use rhai_udf::protocol::message::{RestoreRequest, SnapshotRequest};

/// Runs `input` in one piece, and cut before each of `cuts`: the second process gets the snapshot of
/// the first. The data that comes out must be the same.
fn check(script: &str, input: Vec<Request>, cuts: impl Fn(usize) -> Vec<usize>) {
    let script = repo(&format!("scripts/{script}.rhai"));
    let is_data =
        |r: &Request| matches!(r, Request::Begin(_) | Request::Point(_) | Request::End(_));
    let init = input.iter().find(|r| matches!(r, Request::Init(_))).unwrap().clone();
    let data: Vec<Request> = input.into_iter().filter(is_data).collect();
    let whole = run_udf(&script, &stream(with(&init, None, &data, false)));
    let expected = data_of(&whole);
    for cut in cuts(data.len()) {
        let cut = between_batches(&data, cut);
        let first = run_udf(&script, &stream(with(&init, None, &data[..cut], true)));
        let snapshot = first
            .answers()
            .into_iter()
            .find_map(|a| if let Answer::Snapshot(s) = a { Some(s.snapshot) } else { None })
            .unwrap();
        let second = run_udf(&script, &stream(with(&init, Some(snapshot), &data[cut..], false)));
        let mut pieces = data_of(&first);
        pieces.extend(data_of(&second));
        assert!(pieces == expected, "cut before {cut} of {}: {}", data.len(), second.stderr);
    }
}

/// The next place where no batch is open.
fn between_batches(data: &[Request], cut: usize) -> usize {
    let open = |i: &usize| {
        data[..*i].iter().rev().find_map(|r| match r {
            Request::Begin(_) => Some(true),
            Request::End(_) => Some(false),
            _ => None,
        }) == Some(true)
    };
    (cut..=data.len()).find(|i| !open(i)).unwrap()
}

fn with(
    init: &Request,
    restore: Option<Vec<u8>>,
    data: &[Request],
    snapshot: bool,
) -> Vec<Request> {
    let mut all = vec![init.clone()];
    all.extend(restore.map(|snapshot| Request::Restore(RestoreRequest { snapshot })));
    all.extend(data.iter().cloned());
    if snapshot {
        all.push(Request::Snapshot(SnapshotRequest {}));
    }
    all
}

fn data_of(run: &Run) -> Vec<Answer> {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let is_data = |a: &Answer| matches!(a, Answer::Begin(_) | Answer::Point(_) | Answer::End(_));
    run.answers().into_iter().filter(is_data).collect()
}

fn thirds(len: usize) -> Vec<usize> {
    vec![1, len / 3, len / 2, len - 1]
}

#[test]
fn moving_avg_continues_from_a_snapshot() {
    check("moving_avg", requests(&capture("moving_avg.requests")), thirds);
}

#[test]
fn outliers_continues_from_a_snapshot() {
    check("outliers", requests(&capture("outliers.requests")), thirds);
}

#[test]
fn ttest_continues_from_a_snapshot() {
    check("ttest", requests(&capture("ttest_hotend_30.requests")), |len| vec![len / 4, len / 2]);
}
