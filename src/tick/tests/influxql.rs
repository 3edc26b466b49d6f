//! Aggregates and transformations.

use super::*;

#[test]
fn influxql_functions_follow_influxql() {
    let lines = ["m,h=a v=3.0,w=1.0 10", "m,h=b v=1.0,w=2.0 20", "m,h=a v=2.0,w=3.0 30"];
    for (function, expected) in [
        ("mean('v')", "m mean=2 300"),
        ("sum('v').as('total')", "m total=6 300"),
        // A selector hands on the point it selects.
        ("max('v')", "m,h=a max=3,w=1 300"),
        ("min('v').usePointTimes()", "m,h=b min=1,w=2 20"),
        ("last('v').as('v')", "m,h=a v=2,w=3 300"),
        ("percentile('v', 50.0)", "m,h=a percentile=2,w=3 300"),
        ("spread('v')", "m spread=2 300"),
        ("median('v')", "m median=2 300"),
        ("stddev('v')", "m stddev=1 300"),
        ("count('v')", "m count=3i 300"),
    ] {
        check_batch(&format!("|{function}"), &lines, &[expected]);
    }
    check_batch("|top(2, 'v')", &lines, &["m,h=a top=3 300", "m,h=a top=2 300"]);
    check_batch(
        "|distinct('w')",
        &lines,
        &["m distinct=1 300", "m distinct=2 300", "m distinct=3 300"],
    );
    check_batch("|difference('v')", &lines, &["m difference=-2 20", "m difference=1 30"]);
    check_batch(
        "|cumulativeSum('v')",
        &lines,
        &["m cumulativeSum=3 10", "m cumulativeSum=4 20", "m cumulativeSum=6 30"],
    );
    check_batch("|elapsed('v', 1s)", &lines, &["m elapsed=10i 20", "m elapsed=10i 30"]);
    check_batch(
        "|movingAverage('v', 2)",
        &lines,
        &["m movingAverage=2 20", "m movingAverage=1.5 30"],
    );
    check_batch("|count('v')", &[], &["m count=0i 300"]);
    check_batch("|mean('v')", &[], &[]);
    // On a stream, the points of one time are reduced once time goes on.
    check(
        "|sum('v')",
        &["m v=1.0 1", "m v=2.0 1", "m v=4.0 2", "m v=5.0 3"],
        &["m sum=3 1", "m sum=4 2"],
    );
}
