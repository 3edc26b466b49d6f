//! Nodes that act by themselves when the data has reached their time: `|stats()`, `|deadman()`,
//! `|barrier()`; and what barriers do to other nodes.

use super::*;

const ATTIC_AND_CELLAR: [&str; 5] = [
    "m,r=attic v=1.0 3",
    "m,r=cellar v=1.0 4",
    "m,r=attic v=1.0 7",
    "m,r=attic v=1.0 14",
    "m,r=attic v=1.0 24",
];

#[test]
fn stats_count_the_points_of_each_group() {
    let script = |stats: &str| {
        format!("var d = stream|from().groupBy('r')\nd|stats({stats}|influxDBOut().database('out')")
    };
    for (stats, expected) in [
        (
            "10s)",
            &[
                "stats,r=attic emitted=2i 13",
                "stats,r=cellar emitted=1i 13",
                "stats,r=attic emitted=3i 23",
                "stats,r=cellar emitted=1i 23",
            ][..],
        ),
        // The daemon tells the first aligned count with the time of its beginning, rounded.
        (
            "10s).align()",
            &[
                "stats,r=attic emitted=2i 0",
                "stats,r=cellar emitted=1i 0",
                "stats,r=attic emitted=3i 20",
                "stats,r=cellar emitted=1i 20",
            ],
        ),
    ] {
        let collected = collect(&script(stats), &mut NoUdfs, &ATTIC_AND_CELLAR);
        assert_eq!(shown(&collected), expected, "{stats}");
    }
}

#[test]
fn stats_of_a_node_without_points_are_zero() {
    let script = "stream|from().measurement('none')|stats(10s)|influxDBOut().database('out')";
    let collected = collect(script, &mut NoUdfs, &ATTIC_AND_CELLAR);
    assert_eq!(shown(&collected), ["stats emitted=0i 13", "stats emitted=0i 23"]);
}

#[test]
fn stats_may_be_grouped_by_other_tags() {
    let script = "stream|from().groupBy('r')|stats(10s)|groupBy()|sum('emitted')|influxDBOut().database('out')";
    let collected = collect(script, &mut NoUdfs, &ATTIC_AND_CELLAR);
    assert_eq!(shown(&collected), ["stats sum=3i 13"]);
}

#[test]
fn a_deadman_tells_of_a_group_that_falls_silent() {
    let script = "stream|from().groupBy('r')|deadman(0.0, 10s).stateChangesOnly()";
    let lines: Vec<String> = (0..8)
        .map(|i| format!("m,r=attic v=1.0 {}", i * 5))
        .chain(["m,r=cellar v=1.0 1".into(), "m,r=cellar v=1.0 11".into()])
        .collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.sort_by_key(|line| line.rsplit(' ').next().map(|t| t.parse::<u32>().unwrap_or(0)));
    let collected = collect(script, &mut NoUdfs, &lines);
    let events: Vec<_> =
        collected.alerts.iter().map(|e| (e.message.as_str(), e.time / SECOND)).collect();
    assert_eq!(events, [("r=cellar:from1 for task 'test' is dead: 0.000 points/10s.", 30)]);
    let more = "stream|from()|deadman(9.0, 10s, lambda: hour(\"time\") > 12)";
    assert!(collect(more, &mut NoUdfs, &lines).alerts.is_empty(), "it is 0 o'clock");
    let more =
        "stream|deadman(9.0, 10s, lambda: hour(\"time\") < 12).message('{{ .ID }}')\nstream|from()";
    let collected = collect(more, &mut NoUdfs, &lines);
    assert_eq!(collected.alerts[0].message, "nil:stream0 for task 'test'");
}

#[test]
fn a_barrier_ends_windows_of_idle_groups() {
    let script = |barrier: &str| {
        format!(
            "stream|from().groupBy('r')|barrier(){barrier}|window().period(5s).every(5s)|count('v')\
             |influxDBOut().database('out')"
        )
    };
    let check = |barrier: &str, expected: &[&str]| {
        let collected = collect(&script(barrier), &mut NoUdfs, &ATTIC_AND_CELLAR);
        assert_eq!(shown(&collected), expected, "{barrier}");
    };
    check(
        ".idle(5s)",
        &[
            "m,r=cellar count=1i 9",
            "m,r=attic count=2i 8",
            "m,r=cellar count=0i 14",
            "m,r=attic count=1i 17",
            "m,r=cellar count=0i 19",
            "m,r=attic count=0i 24",
            "m,r=cellar count=0i 24",
        ],
    );
    // A deleted group starts again with its next point.
    check(
        ".idle(5s).delete(TRUE)",
        &["m,r=cellar count=1i 9", "m,r=attic count=2i 8", "m,r=attic count=1i 19"],
    );
}

#[test]
fn points_older_than_a_barrier_are_dropped() {
    let lines = ["m v=1.0 0", "m v=2.0 12", "m v=3.0 9", "m v=4.0 10", "m v=5.0 13"];
    let expected = ["m v=1 0", "m v=2 12", "m v=4 10", "m v=5 13"];
    check("|barrier().period(10s)", &lines, &expected);
    check("|barrier().idle(10s)", &lines, &expected);
}

#[test]
fn a_barrier_completes_joins_and_unions() {
    let lines = ["a,h=x v=1.0 1", "b,h=x v=2.0 1", "a,h=x v=3.0 2", "a,h=x v=4.0 20"];
    let script = |node: &str| {
        format!(
            "var a = stream|from().measurement('a').groupBy('h')|barrier().idle(3s)
             var b = stream|from().measurement('b').groupBy('h')|barrier().idle(3s)
             {node}|influxDBOut().database('out')"
        )
    };
    // The clock reaches 20 before the last point does, so the barriers are not yet beyond it.
    let joined = collect(&script("a|join(b).as('a', 'b').fill(0.0)"), &mut NoUdfs, &lines);
    let expected = ["a,h=x a.v=1,b.v=2 1", "a,h=x a.v=3,b.v=0 2", "a,h=x a.v=4,b.v=0 20"];
    assert_eq!(shown(&joined), expected);
    let mut graph = start(&script("a|union(b)"), &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for line in lines {
        graph.point(&mut point(line), &mut collected).unwrap_or_else(|e| panic!("{e}"));
    }
    // Without barriers, the point of 2 would be held until the other flow has reached it.
    assert_eq!(shown(&collected), ["b,h=x v=2 1", "a,h=x v=1 1", "a,h=x v=3 2"]);
}

#[test]
fn a_barrier_lets_batches_of_a_group_by_go_on() {
    let script = "stream|from().groupBy('r')|window().period(5s).every(5s)|barrier().idle(3s)|groupBy('r')\
                  |count('v')|influxDBOut().database('out')";
    let collected = collect(script, &mut NoUdfs, &ATTIC_AND_CELLAR);
    assert_eq!(shown(&collected), ["m,r=attic count=2i 8"]);
}

#[test]
fn a_leap_of_the_data_does_not_take_forever() {
    let mut graph = start("stream|from()|stats(1u)", &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    graph.point(&mut point("m v=1.0 0"), &mut collected).unwrap_or_else(|e| panic!("{e}"));
    let error =
        graph.point(&mut point("m v=1.0 3600"), &mut collected).expect_err("too many intervals");
    let wanted = "the data jumps to 1970-01-01T01:00:00Z, over more than 10000 ";
    assert!(error.to_string().contains(wanted), "{error}");
}
