//! Times that return, and texts that are no cron.

use super::*;

/// The first times after 2013-08-29T09:28:00Z, a Thursday.
fn times(cron: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(cron).unwrap_or_else(|error| panic!("{cron}: {error}"));
    let mut time = 1_377_768_480 * NANOSECONDS;
    let mut times = Vec::new();
    while times.len() < count
        && let Some(next) = cron.after(time)
    {
        times.push(crate::protocol::time::rfc3339(next));
        time = next;
    }
    times
}

#[test]
fn times_return_as_the_notation_says() {
    for (cron, expected) in [
        ("* * * * *", &["2013-08-29T09:29:00Z", "2013-08-29T09:30:00Z"][..]),
        ("*/15 * * * *", &["2013-08-29T09:30:00Z", "2013-08-29T09:45:00Z", "2013-08-29T10:00:00Z"]),
        ("*/10 * * * * * *", &["2013-08-29T09:28:10Z", "2013-08-29T09:28:20Z"]),
        ("5/20 9 * * *", &["2013-08-29T09:45:00Z", "2013-08-30T09:05:00Z"]),
        ("0 0 29 2 *", &["2016-02-29T00:00:00Z", "2020-02-29T00:00:00Z"]),
        (
            "0 12 * * mon-fri",
            &["2013-08-29T12:00:00Z", "2013-08-30T12:00:00Z", "2013-09-02T12:00:00Z"],
        ),
        ("0 0 * * 7", &["2013-09-01T00:00:00Z", "2013-09-08T00:00:00Z"]),
        ("0 0 L * ?", &["2013-08-31T00:00:00Z", "2013-09-30T00:00:00Z"]),
        ("0 0 LW * *", &["2013-08-30T00:00:00Z", "2013-09-30T00:00:00Z"]),
        ("0 0 15W * *", &["2013-09-16T00:00:00Z", "2013-10-15T00:00:00Z"]),
        ("0 0 1W * *", &["2013-09-02T00:00:00Z", "2013-10-01T00:00:00Z"]),
        ("0 0 * * 5#3", &["2013-09-20T00:00:00Z", "2013-10-18T00:00:00Z"]),
        ("0 0 * * 4L", &["2013-09-26T00:00:00Z", "2013-10-31T00:00:00Z"]),
        // Either kind of day is enough.
        ("0 0 1 * sunday", &["2013-09-01T00:00:00Z", "2013-09-08T00:00:00Z"]),
        ("0 0 1 1,july * 2015", &["2015-01-01T00:00:00Z", "2015-07-01T00:00:00Z"]),
        ("@weekly", &["2013-09-01T00:00:00Z", "2013-09-08T00:00:00Z"]),
    ] {
        assert_eq!(times(cron, expected.len()), expected, "{cron}");
    }
    assert_eq!(times("0 0 1 1 * 2014", 5), ["2014-01-01T00:00:00Z"]);
    assert!(times("0 0 30 2 *", 1).is_empty(), "there is no such day");
}

#[test]
fn what_is_no_cron_is_named() {
    for (text, wrong) in [
        ("* * *", "'* * *' has 3 fields, not 5"),
        ("60 * * * *", "'60' is not a valid minute"),
        ("* * * foo *", "'foo' is not a valid month"),
        ("*/0 * * * *", "'*/0' is not a valid minute"),
        ("* * 32W * *", "'32w' is not a valid day of a month"),
        ("* * * * 5#6", "'5#6' is not a valid day of the week"),
        ("* * * * * 1969", "'1969' is not a valid year"),
        ("* * , * *", "',' is not a valid day of a month"),
    ] {
        let error = Cron::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(wrong), "{text}: {error}");
    }
}
