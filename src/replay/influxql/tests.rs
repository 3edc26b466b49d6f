use super::*;
use crate::protocol::line::{Precision, read_all};

const DATA: &str = "\
cpu,host=a,dc=x idle=10,n=1i,up=true 0
cpu,host=b,dc=x idle=20,n=2i,up=false 0
cpu,host=a,dc=x idle=30,n=3i 10
cpu,host=b,dc=y idle=60,s=\"warm\" 20
cpu,host=a,dc=x idle=50,n=5i 40
mem free=1 5
";

fn table() -> Table {
    let mut table = Table::default();
    for point in read_all(DATA.as_bytes(), Precision::Seconds, 0).unwrap() {
        table.push(&point);
    }
    table
}

/// Each series as `tags: time value value, …`, times in seconds.
fn ask(query: &str) -> String {
    let series = match table().series(query) {
        Ok(series) => series,
        Err(error) => return error.to_string().split_once(": ").unwrap().1.to_owned(),
    };
    let shown = series.iter().map(|series| {
        let tags = series.tags.iter().flatten().map(|(k, v)| format!("{k}={v}"));
        let rows = series.values.iter().map(|row| {
            let time = row[0].as_i64().unwrap() as f64 / 1e9;
            let values: Vec<_> = row[1..].iter().map(ToString::to_string).collect();
            format!("{time} {}", values.join(" "))
        });
        let tags: Vec<_> = tags.collect();
        let columns = series.columns[1..].join(",");
        format!("{}[{columns}] {}", tags.join(","), rows.collect::<Vec<_>>().join(", "))
    });
    shown.collect::<Vec<_>>().join(" | ")
}

#[test]
fn queries_are_answered_as_influxdb_does() {
    for (query, expected) in [
        ("SELECT idle FROM cpu", "[idle] 0 10.0, 0 20.0, 10 30.0, 20 60.0, 40 50.0"),
        (
            "select \"idle\" as x from \"db\".\"rp\".\"cpu\" where host = 'a'",
            "[x] 0 10.0, 10 30.0, 40 50.0",
        ),
        ("SELECT n FROM cpu WHERE host =~ /^b$/", "[n] 0 2.0"),
        (
            "SELECT idle FROM db..cpu WHERE (host != 'a' OR idle >= 50) AND dc = 'x'",
            "[idle] 0 20.0, 40 50.0",
        ),
        ("SELECT mean(idle) FROM cpu", "[mean] 0 34.0"),
        (
            "SELECT mean(idle), count(n) FROM cpu WHERE time >= 10s",
            "[mean,count] 10 46.666666666666664 2.0",
        ),
        ("SELECT mean(idle) FROM cpu GROUP BY host", "host=a[mean] 0 30.0 | host=b[mean] 0 40.0"),
        ("SELECT max(idle) FROM cpu", "[max] 20 60.0"),
        ("SELECT max(idle), host FROM cpu", "[max,host] 20 60.0 \"b\""),
        ("SELECT last(s) FROM cpu", "[last] 20 \"warm\""),
        (
            "SELECT sum(idle) FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(20s)",
            "[sum] 0 60.0, 20 60.0, 40 50.0",
        ),
        (
            "SELECT mean(idle) FROM cpu WHERE host = 'a' AND time >= 0 AND time < 60s GROUP BY time(10s) fill(none)",
            "[mean] 0 10.0, 10 30.0, 40 50.0",
        ),
        (
            "SELECT mean(idle) FROM cpu WHERE host = 'a' AND time < 60s AND time >= 0 GROUP BY time(10s) fill(linear)",
            "[mean] 0 10.0, 10 30.0, 20 36.666666666666664, 30 43.33333333333333, 40 50.0, 50 null",
        ),
        (
            "SELECT mean(idle) FROM cpu WHERE host = 'a' AND time >= 0 AND time < 60s GROUP BY time(20s, 10s) fill(0)",
            "[mean] -10 10.0, 10 30.0, 30 50.0, 50 0.0",
        ),
        (
            "SELECT count(n), mean(n) FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(10s)",
            "[count,mean] 0 2.0 1.5, 10 1.0 3.0, 20 0 null, 30 0 null, 40 1.0 5.0",
        ),
        (
            "SELECT count(n) FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(10s) fill(none)",
            "[count] 0 2.0, 10 1.0, 40 1.0",
        ),
        ("SELECT 100 - idle AS used FROM cpu WHERE host = 'b'", "[used] 0 80.0, 20 40.0"),
        ("SELECT max(idle) - min(idle) FROM cpu", "[max_min] 0 50.0"),
        ("SELECT mean(*) FROM cpu WHERE host='a'", "[mean_idle,mean_n] 0 30.0 3.0"),
        ("SELECT * FROM mem", "[free] 5 1.0"),
        ("SELECT idle FROM cpu ORDER BY time DESC LIMIT 2 OFFSET 1", "[idle] 20 60.0, 10 30.0"),
        ("SELECT percentile(idle, 50) FROM cpu", "[percentile] 10 30.0"),
        ("SELECT stddev(free) FROM mem", ""),
        ("SELECT x FROM nothing", ""),
        ("SELECT nothing FROM cpu", ""),
        (
            "SELECT mean(idle) FROM cpu GROUP BY *",
            "dc=x,host=a[mean] 0 30.0 | dc=x,host=b[mean] 0 20.0 | dc=y,host=b[mean] 0 60.0",
        ),
    ] {
        assert_eq!(ask(query), expected, "{query}");
    }
}

#[test]
fn what_needs_a_database_is_refused_by_name() {
    for (query, why) in [
        ("SELECT derivative(idle) FROM cpu", "derivative() needs a database"),
        ("SELECT x FROM (SELECT y FROM z)", "a query of a query needs a database"),
        ("SELECT x FROM /c.*/", "a pattern for measurements"),
        ("SELECT x FROM a, b", "several measurements"),
        ("SELECT idle, mean(idle) FROM cpu", "fields or for functions"),
        ("SELECT x FROM cpu tz('x')", "tz can be used with a database only"),
        ("SELECT FROM cpu", "FROM is expected"),
        ("SELECT x FROM cpu WHERE time > 'soon'", "'soon' is not a time"),
    ] {
        let answer = ask(query);
        assert!(answer.contains(why), "{query}: {answer}");
    }
}
