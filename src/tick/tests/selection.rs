//! Which points a task takes, and how they are grouped: `from`, `groupBy`, `dbrp`.

use super::*;

#[test]
fn from_selects_and_groups() {
    let lines = ["m,host=a v=1.0 1", "other v=2.0 2", "m,host=b v=3.0 3", "m,host=a s=\"x\" 4"];
    check("", &lines, &["m,host=a v=1 1", "m,host=b v=3 3", "m,host=a s=\"x\" 4"]);
    check(".where(lambda: \"host\" == 'a')", &lines, &["m,host=a v=1 1", "m,host=a s=\"x\" 4"]);
    check(
        ".where(lambda: \"host\" == 'a').where(lambda: \"v\" > 0.0)",
        &lines,
        &["m,host=a v=1 1"],
    );
    check(".truncate(10s)", &["m v=1.0 19"], &["m v=1 10"]);
    check(".round(10s)", &["m v=1.0 15"], &["m v=1 20"]);
}

#[test]
fn groups_are_kept_apart() {
    let lines =
        ["m,h=a v=1.0 0", "m,h=b v=10.0 1", "m,h=a v=2.0 2", "m,h=a v=3.0 4", "m,h=b v=20.0 5"];
    check(
        "|groupBy('h')|window().period(4s).every(4s)|sum('v')",
        &lines,
        &["m,h=a sum=3 4", "m,h=b sum=10 5"],
    );
    check(
        "|groupBy(*).exclude('h')|window().period(4s).every(4s)|sum('v')",
        &lines,
        &["m sum=13 4"],
    );
}

#[test]
fn batches_are_regrouped_when_the_next_time_comes() {
    let script = "batch|query('SELECT x FROM y').period(5m).every(5m)|groupBy('h')|count('v')\
                  |influxDBOut().database('out')";
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    let first = batch(&["m,h=a v=1.0 10", "m,h=b v=1.0 20", "m,h=a v=1.0 30"]);
    let mut next = batch(&["m,h=a v=1.0 310"]);
    next.tmax = 600 * SECOND;
    for batch in [first, next] {
        graph.batch(0, batch, &mut collected).unwrap_or_else(|e| panic!("{e}"));
    }
    assert_eq!(shown(&collected), ["m,h=a count=2i 300", "m,h=b count=1i 300"]);
}

#[test]
fn data_without_a_database_is_the_scripts() {
    let script = "dbrp \"d\".\"r\"
        stream|from().database('d')|influxDBOut()";
    let mut lines = vec![point("m v=1.0 1"), point("m v=2.0 2")];
    lines[1].set_database("other");
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for mut line in lines {
        graph.point(&mut line, &mut collected).expect("a point");
    }
    assert_eq!(shown(&collected), ["m v=1 1"]);
    assert!(collected.written.contains_key(&("d".to_owned(), "r".to_owned())));
}
