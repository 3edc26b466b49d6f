//! `|combine()`, `|flatten()` and `|trickle()`.

use super::*;

const SERVICES: [&str; 4] = [
    "m,dc=A,s=login v=6.0 0",
    "m,dc=A,s=cart v=3.0 0",
    "m,dc=A,s=front v=2.0 0",
    "m,dc=A,s=login v=8.0 1",
];

fn grouped(middle: &str, lines: &[&str], expected: &[&str]) {
    check(&format!("|groupBy('dc'){middle}"), lines, expected);
}

#[test]
fn points_of_one_time_are_combined() {
    grouped(
        "|combine(lambda: \"s\" == 'login', lambda: TRUE).as('l', 'o')",
        &SERVICES,
        &["m,dc=A,l.s=login,o.s=cart l.v=6,o.v=3 0", "m,dc=A,l.s=login,o.s=front l.v=6,o.v=2 0"],
    );
    grouped(
        "|combine(lambda: TRUE, lambda: TRUE, lambda: \"v\" < 3.0).as('a', 'b', 'c').delimiter('_')",
        &SERVICES,
        &["m,a_s=login,b_s=cart,c_s=front,dc=A a_v=6,b_v=3,c_v=2 0"],
    );
    // The first point of a stream needs no rounding to be of the rounded time.
    grouped(
        "|combine(lambda: TRUE, lambda: TRUE).as('a', 'b').tolerance(10s)",
        &["m,dc=A v=1.0 1", "m,dc=A v=2.0 3", "m,dc=A v=3.0 6"],
        &["m,dc=A a.v=1,b.v=2 0"],
    );
}

#[test]
fn batches_are_combined_to_their_last_point() {
    check_batch(
        "|combine(lambda: \"v\" > 1.0, lambda: TRUE).as('a', 'b')",
        &["m v=1.0 1", "m v=2.0 1", "m v=3.0 2", "m v=4.0 2"],
        &["m a.v=2,b.v=1 1", "m a.v=3,b.v=4 2"],
    );
}

#[test]
fn too_many_combinations_end_the_task() {
    let script = "stream|from()|combine(lambda: TRUE, lambda: TRUE).as('a', 'b').max(2)";
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    let mut give = |line: &str| graph.point(&mut point(line), &mut collected);
    for line in &SERVICES[..3] {
        give(line).unwrap_or_else(|e| panic!("{e}"));
    }
    let error = give(SERVICES[3]).expect_err("three combinations").to_string();
    assert_eq!(error, "combine2: the 3 points of one time have 3 combinations, more than .max(2)");
}

#[test]
fn points_of_one_time_become_one() {
    let lines = [
        "m,dc=A,s=login,p=80 v=6.0,w=1.0 0",
        "m,dc=A,s=cart,p=80 v=3.0 0",
        "m,dc=A,s=login,p=443 v=2.0 1",
        "m,dc=A,s=login,p=443 v=2.0 5",
    ];
    grouped(
        "|flatten().on('s', 'p')",
        &lines,
        &["m,dc=A cart.80.v=3,login.80.v=6,login.80.w=1 0", "m,dc=A login.443.v=2 1"],
    );
    grouped(
        "|flatten().on('s', 'p').delimiter('_').tolerance(3s)",
        &lines,
        &["m,dc=A cart_80_v=3,login_443_v=2,login_80_v=6,login_80_w=1 0"],
    );
    grouped("|flatten().on('s').dropOriginalFieldName()", &lines[1..3], &["m,dc=A cart=3 0"]);
    grouped(
        "|flatten().on('s').dropOriginalFieldName(FALSE)",
        &lines[1..3],
        &["m,dc=A cart.v=3 0"],
    );
    check_batch(
        "|flatten().on('s')",
        &["m,s=a v=1.0 1", "m,s=b v=2.0 1", "m,s=a v=3.0 2"],
        &["m a.v=1,b.v=2 1", "m a.v=3 2"],
    );
}

#[test]
fn a_point_without_a_tag_is_told_and_left_out() {
    let script = "stream|from()|flatten().on('s', 'p')|influxDBOut().database('out')";
    let lines = ["m,s=a v=1.0 0", "m,s=b,p=1 v=2.0 0", "m,s=b,p=1 v=2.0 1"];
    let collected = collect(script, &mut NoUdfs, &lines);
    // The part of the prefix that the first point had is used for the second, as in the daemon.
    assert_eq!(shown(&collected), ["m ab.1.v=2 0"]);
    let told = ("flatten2".to_owned(), "tag \"p\" is missing; the point is left out".to_owned());
    assert_eq!(collected.diagnosed, [told]);
    let quiet = collect(&script.replace("'p')", "'p').quiet()"), &mut NoUdfs, &lines);
    assert!(quiet.diagnosed.is_empty());
}

#[test]
fn a_batch_trickles() {
    check_batch(
        "|trickle()|stateCount(lambda: \"v\" > 1.0)",
        &["m v=1.0 1", "m v=2.0 2"],
        &["m state_count=-1i,v=1 1", "m state_count=1i,v=2 2"],
    );
}

#[test]
fn top_and_bottom_come_by_time_and_by_combination() {
    let lines = ["m,h=a v=1.0 1", "m,h=b v=5.0 2", "m,h=a v=4.0 3", "m,h=b v=3.0 4"];
    check_batch("|top(2, 'v').usePointTimes()", &lines, &["m,h=b top=5 2", "m,h=a top=4 3"]);
    check_batch(
        "|bottom(2, 'v').usePointTimes()",
        &lines,
        &["m,h=a bottom=1 1", "m,h=b bottom=3 4"],
    );
    check_batch(
        "|bottom(3, 'v', 'h').usePointTimes()",
        &lines,
        &["m,h=a bottom=1 1", "m,h=b bottom=3 4"],
    );
}
