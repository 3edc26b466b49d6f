//! Whole scripts on small data, against what the daemon makes of it.
//!
//! Times are in seconds. What comes out is shown as the line protocol of an `influxDBOut`.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::protocol::message::{
    BeginBatch, EdgeType, InfoResponse, InitRequest, OptionInfo, ValueType, option_value,
};
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::definition::Definitions;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::graph::{Collected, Graph, Task};
use crate::tick::udf::{Answers, NoUdfs, Udf, Udfs};

const SECOND: i64 = 1_000_000_000;

/// Parses `name,tag=v field=1.0,other=2i 5`; the time is in seconds.
fn point(line: &str) -> Point {
    let mut parts = line.split(' ');
    let (head, fields, time) = (parts.next(), parts.next(), parts.next());
    let time: f64 = time.expect("a time").parse().expect("a time in seconds");
    let mut point = Point::new((time * SECOND as f64) as i64);
    let mut head = head.expect("a measurement").split(',');
    point.set_name(head.next().expect("a measurement"));
    for tag in head {
        let (name, value) = tag.split_once('=').expect("a tag");
        point.set_tag(name, value);
    }
    for field in fields.expect("fields").split(',') {
        let (name, value) = field.split_once('=').expect("a field");
        let value = match value {
            "true" => FieldValue::Bool(true),
            "false" => FieldValue::Bool(false),
            text if text.starts_with('"') => FieldValue::String(text.trim_matches('"').into()),
            int if int.ends_with('i') => {
                FieldValue::Int(int.trim_end_matches('i').parse().expect("an int"))
            }
            float => FieldValue::Double(float.parse().expect("a float")),
        };
        point.set_field(name, value);
    }
    point
}

fn start(script: &str, udfs: &mut dyn Udfs) -> Result<Graph> {
    let task = Task { id: "test".to_owned(), ..Task::default() };
    Graph::new(&TickText { name: "test.tick", text: script }, &task, udfs)
}

fn collect(script: &str, udfs: &mut dyn Udfs, lines: &[&str]) -> Collected {
    let mut graph = start(script, udfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for line in lines {
        graph.point(&mut point(line), &mut collected).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    collected
}

fn shown(collected: &Collected) -> Vec<String> {
    let lines = collected.written.values().flat_map(|text| text.lines());
    lines.map(|line| line.strip_suffix("000000000").unwrap_or(line).to_owned()).collect()
}

/// Runs the middle of a stream script and compares what comes out.
fn check(middle: &str, lines: &[&str], expected: &[&str]) {
    let script = format!("stream|from().measurement('m'){middle}|influxDBOut().database('out')");
    let collected = collect(&script, &mut NoUdfs, lines);
    assert_eq!(shown(&collected), expected, "{middle}\n{:?}", collected.diagnosed);
}

/// Runs the middle of a batch script on one batch of five minutes.
fn check_batch(middle: &str, lines: &[&str], expected: &[&str]) {
    let script = format!(
        "batch|query('SELECT x FROM y').period(5m).every(5m){middle}|influxDBOut().database('out')"
    );
    let mut graph = start(&script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    graph.batch(0, batch(lines), &mut collected).unwrap_or_else(|e| panic!("{e}"));
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shown(&collected), expected, "{middle}\n{:?}", collected.diagnosed);
}

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::default();
    batch.begin(BeginBatch { name: "m".to_owned(), ..BeginBatch::default() });
    batch.tmax = 300 * SECOND;
    lines.iter().for_each(|line| batch.push(&point(line)));
    batch
}

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
fn windows_by_time_are_driven_by_the_data() {
    let lines: Vec<String> = (0..12).map(|t| format!("m v=1.0 {t}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let counts =
        |window: &str, expected: &[&str]| check(&format!("{window}|count('v')"), &lines, expected);
    counts("|window().period(5s).every(5s)", &["m count=5i 5", "m count=5i 10"]);
    counts("|window().period(10s).every(5s)", &["m count=5i 5", "m count=10i 10"]);
    counts("|window().period(10s).every(5s).fillPeriod()", &["m count=10i 10"]);
    counts("|window().period(3s).every(5s)", &["m count=3i 5", "m count=3i 10"]);
    let late: Vec<&str> = lines[3..].to_vec();
    check(
        "|window().period(5s).every(5s).align()|count('v')",
        &late,
        &["m count=2i 5", "m count=5i 10"],
    );
    check("|window().period(5s).every(5s)|count('v')", &late, &["m count=5i 8"]);
    // Without .every() each point makes a window of all that are not older than the period.
    check(
        "|window().period(2s)|count('v')",
        &lines[..4],
        &["m count=1i 0", "m count=2i 1", "m count=2i 2", "m count=2i 3"],
    );
}

#[test]
fn windows_by_count_are_driven_by_points() {
    let lines: Vec<String> = (0..7).map(|t| format!("m v=1.0 {t}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(
        "|window().periodCount(4).everyCount(2)|count('v')",
        &lines,
        &["m count=2i 1", "m count=4i 3", "m count=4i 5"],
    );
    check(
        "|window().periodCount(4).everyCount(2).fillPeriod()|count('v')",
        &lines,
        &["m count=4i 3", "m count=4i 5"],
    );
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
fn eval_computes_fields_and_tags() {
    let lines = ["m,h=a x=2.0,y=3.0 1"];
    check("|eval(lambda: \"x\" * \"y\").as('p')", &lines, &["m,h=a p=6 1"]);
    check("|eval(lambda: \"x\" * \"y\").as('p').keep()", &lines, &["m,h=a p=6,x=2,y=3 1"]);
    check("|eval(lambda: \"x\" * \"y\").as('p').keep('y', 'p')", &lines, &["m,h=a p=6,y=3 1"]);
    check(
        "|eval(lambda: \"x\" + 1.0, lambda: \"p\" * 2.0).as('p', 'q')",
        &lines,
        &["m,h=a p=3,q=6 1"],
    );
    check(
        "|eval(lambda: string(\"x\")).as('t').tags('t').keep()",
        &lines,
        &["m,h=a,t=2 t=\"2\",x=2,y=3 1"],
    );
    check("|eval(lambda: \"nope\" + 1.0).as('p')", &lines, &[]);
    check("|eval(lambda: float(\"x\") > 1.0).as('b')", &lines, &["m,h=a b=true 1"]);
}

#[test]
fn small_nodes_change_points() {
    let lines = ["m,h=a x=1.0,s=\"u\" 1", "m,h=b x=3.0,s=\"u\" 3", "m,h=b x=2.0,s=\"d\" 5"];
    check(
        "|default().field('y', 7).tag('dc', 'eu')",
        &lines[..1],
        &["m,dc=eu,h=a s=\"u\",x=1,y=7i 1"],
    );
    check("|delete().field('s').tag('h')", &lines[..1], &["m x=1 1"]);
    check("|shift(-1s)|delete().field('s')", &lines[..1], &["m,h=a x=1 0"]);
    check("|sample(2)|delete().field('s')", &lines, &["m,h=a x=1 1", "m,h=b x=2 5"]);
    check("|sample(5s)|delete().field('s')", &lines, &["m,h=b x=2 5"]);
    check(
        "|where(lambda: \"x\" > 1.5)|delete().field('s')",
        &lines,
        &["m,h=b x=3 3", "m,h=b x=2 5"],
    );
    check(
        "|changeDetect('s')|delete().field('x')",
        &lines,
        &["m,h=a s=\"u\" 1", "m,h=b s=\"d\" 5"],
    );
    check(
        "|derivative('x').unit(2s)|delete().field('s')",
        &lines,
        &["m,h=b x=2 3", "m,h=b x=-1 5"],
    );
    check(
        "|derivative('x').nonNegative().as('r')|delete().field('s')",
        &lines,
        &["m,h=b r=1,x=3 3"],
    );
    check(
        "|stateCount(lambda: \"x\" > 1.5)|delete().field('s')",
        &lines,
        &[
            "m,h=a state_count=-1i,x=1 1",
            "m,h=b state_count=1i,x=3 3",
            "m,h=b state_count=2i,x=2 5",
        ],
    );
    check(
        "|stateDuration(lambda: \"x\" > 1.5).as('d')|delete().field('s')",
        &lines,
        &["m,h=a d=-1,x=1 1", "m,h=b d=0,x=3 3", "m,h=b d=2,x=2 5"],
    );
}

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
fn unions_are_ordered_by_time() {
    let script = "var a = stream|from().measurement('a')
        var b = stream|from().measurement('b')
        a|union(b).rename('u')|influxDBOut().database('out')";
    let lines = ["a v=1.0 1", "a v=2.0 4", "b v=3.0 2", "b v=4.0 5", "a v=5.0 5"];
    let collected = collect(script, &mut NoUdfs, &lines);
    assert_eq!(shown(&collected), ["u v=1 1", "u v=3 2", "u v=2 4", "u v=4 5", "u v=5 5"]);
}

#[test]
fn joins_are_on_time() {
    let script = |properties: &str| {
        format!(
            "var a = stream|from().measurement('a').groupBy('h')
             var b = stream|from().measurement('b').groupBy('h')
             a|join(b).as('a', 'b'){properties}|influxDBOut().database('out')"
        )
    };
    let lines = [
        "a,h=x v=1.0 1",
        "b,h=x v=2.0 1",
        "a,h=x v=3.0 2",
        "b,h=x v=4.0 3",
        "a,h=x v=5.0 4",
        "b,h=x v=6.0 4",
    ];
    for (properties, expected) in [
        ("", &["a,h=x a.v=1,b.v=2 1", "a,h=x a.v=5,b.v=6 4"][..]),
        (".streamName('j').delimiter('_')", &["j,h=x a_v=1,b_v=2 1", "j,h=x a_v=5,b_v=6 4"]),
        (
            ".fill(0.0)",
            &[
                "a,h=x a.v=1,b.v=2 1",
                "a,h=x a.v=3,b.v=0 2",
                "b,h=x a.v=0,b.v=4 3",
                "a,h=x a.v=5,b.v=6 4",
            ],
        ),
        (
            ".fill('null')",
            &["a,h=x a.v=1,b.v=2 1", "a,h=x a.v=3 2", "b,h=x b.v=4 3", "a,h=x a.v=5,b.v=6 4"],
        ),
        (".tolerance(4s)", &["a,h=x a.v=1,b.v=2 0", "a,h=x a.v=3,b.v=4 4", "a,h=x a.v=5,b.v=6 4"]),
    ] {
        assert_eq!(
            shown(&collect(&script(properties), &mut NoUdfs, &lines)),
            expected,
            "{properties}"
        );
    }
}

#[test]
fn joins_match_more_specific_groups() {
    let script = "var building = stream|from().measurement('building').groupBy('b')
        var floor = stream|from().measurement('floor').groupBy('b', 'f')
        building|join(floor).as('building', 'floor').on('b').streamName('j')|influxDBOut().database('out')";
    let lines = [
        "building,b=1 power=50.0 1",
        "floor,b=1,f=1 power=20.0 1",
        "floor,b=1,f=2 power=30.0 1",
        "floor,b=1,f=1 power=25.0 2",
        "floor,b=1,f=2 power=35.0 2",
        "building,b=1 power=60.0 2",
        "building,b=1 power=70.0 3",
    ];
    assert_eq!(
        shown(&collect(script, &mut NoUdfs, &lines)),
        [
            "j,b=1,f=1 building.power=50,floor.power=20 1",
            "j,b=1,f=2 building.power=50,floor.power=30 1",
            "j,b=1,f=1 building.power=60,floor.power=25 2",
            "j,b=1,f=2 building.power=60,floor.power=35 2",
        ]
    );
}

#[test]
fn alerts_raise_events() {
    let script = |properties: &str| {
        format!(
            "stream|from().measurement('m').groupBy('h')
             |alert().id('{{{{ .Name }}}}/{{{{ index .Tags \"h\" }}}}').message('{{{{ .ID }}}} is {{{{ .Level }}}}')
             .warn(lambda: \"v\" > 5.0).crit(lambda: \"v\" > 10.0).log('/tmp/a.log'){properties}"
        )
    };
    let lines = [
        "m,h=a v=1.0 1",
        "m,h=a v=6.0 2",
        "m,h=b v=11.0 3",
        "m,h=a v=11.0 4",
        "m,h=a v=12.0 5",
        "m,h=a v=1.0 6",
        "m,h=a v=1.0 7",
    ];
    let run = |properties: &str| -> Vec<String> {
        let collected = collect(&script(properties), &mut NoUdfs, &lines);
        let event = |e: &crate::tick::CollectedEvent| {
            format!(
                "{} {} {}<-{} {}",
                e.time / SECOND,
                e.message,
                e.level.name(),
                e.previous_level.name(),
                e.duration / SECOND
            )
        };
        collected.alerts.iter().map(event).collect()
    };
    assert_eq!(
        run(""),
        [
            "2 m/a is WARNING WARNING<-OK 0",
            "3 m/b is CRITICAL CRITICAL<-OK 0",
            "4 m/a is CRITICAL CRITICAL<-WARNING 2",
            "5 m/a is CRITICAL CRITICAL<-CRITICAL 3",
            "6 m/a is OK OK<-CRITICAL 4",
        ]
    );
    assert_eq!(
        run(".stateChangesOnly().noRecoveries()"),
        [
            "2 m/a is WARNING WARNING<-OK 0",
            "3 m/b is CRITICAL CRITICAL<-OK 0",
            "4 m/a is CRITICAL CRITICAL<-WARNING 2",
        ]
    );
    assert_eq!(
        run(".critReset(lambda: \"v\" < 0.5)").last().map(String::as_str),
        Some("7 m/a is CRITICAL CRITICAL<-CRITICAL 5")
    );
}

#[test]
fn alert_logs_are_the_daemons_lines() {
    let script = "stream|from().measurement('m').groupBy('h')|alert().crit(lambda: \"v\" > 10.0).log('/tmp/a.log')";
    let collected = collect(script, &mut NoUdfs, &["m,h=a v=11.5,w=2i 1.5"]);
    let details = "{\\u0026#34;Name\\u0026#34;:\\u0026#34;m\\u0026#34;,\\u0026#34;TaskName\\u0026#34;:\\u0026#34;test\\u0026#34;,\
        \\u0026#34;Group\\u0026#34;:\\u0026#34;h=a\\u0026#34;,\\u0026#34;Tags\\u0026#34;:{\\u0026#34;h\\u0026#34;:\\u0026#34;a\\u0026#34;}";
    let line = &collected.alert_logs["/tmp/a.log"];
    assert!(
        line.starts_with(&format!(
            "{{\"id\":\"m:h=a\",\"message\":\"m:h=a is CRITICAL\",\"details\":\"{details}"
        )),
        "{line}"
    );
    assert!(line.ends_with(
        "\"time\":\"1970-01-01T00:00:01.5Z\",\"duration\":0,\"level\":\"CRITICAL\",\"data\":{\"series\":[{\"name\":\"m\",\
         \"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"v\",\"w\"],\"values\":[[\"1970-01-01T00:00:01.5Z\",11.5,2]]}]},\
         \"previousLevel\":\"OK\",\"recoverable\":true}\n"
    ), "{line}");
}

#[test]
fn alerts_on_batches_take_the_highest_point_or_all() {
    let run = |properties: &str| {
        let script = format!("batch|query('SELECT x FROM y').period(5m).every(5m)
            |alert().crit(lambda: \"v\" > 2.0){properties}.levelTag('l').idField('id')|influxDBOut().database('out')");
        let mut graph = start(&script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
        let mut collected = Collected::default();
        graph
            .batch(0, batch(&["m v=1.0 10", "m v=3.0 20", "m v=4.0 30"]), &mut collected)
            .expect("a batch");
        let times: Vec<_> = collected.alerts.iter().map(|e| e.time / SECOND).collect();
        (times, shown(&collected))
    };
    let (times, written) = run("");
    assert_eq!(times, [20]);
    assert_eq!(written[0], "m,l=CRITICAL id=\"m:nil\",v=1 10");
    assert_eq!(run(".all()").0, [0i64; 0]);
}

#[test]
fn handlers_are_shown_not_called() {
    let (name, text) = crate::tick::language_tests::GUIDES[5];
    let mut graph = Graph::new(&TickText { name, text }, &Task::default(), &mut NoUdfs)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for t in 0..200 {
        let idle =
            if t / 60 == 2 { 0.0 } else { 90.0 + f64::from(t % 7) / 10.0 + f64::from(t / 60) };
        graph
            .point(
                &mut point(&format!("cpu,service=s,datacenter=d usage_idle={idle:?} {t}")),
                &mut collected,
            )
            .expect("a point");
    }
    graph.finish(&mut collected).expect("the end");
    assert_eq!(collected.diagnosed, []);
    // Three windows are too few for 2.5 standard deviations.
    assert_eq!(collected.alerts.len(), 0);
    let script = "stream|from()|alert().crit(lambda: TRUE).post('http://x').header('a', 'b').slack().channel('#c').log('/l')";
    let collected = collect(script, &mut NoUdfs, &["m v=1.0 1"]);
    assert_eq!(
        *collected.alerts[0].handlers,
        ["post('http://x').header('a', 'b')", "slack().channel('#c')", "log('/l')"]
    );
}

#[test]
fn outputs_are_handed_outside() {
    let script = "stream|from().groupBy('h')|httpOut('last')|log().prefix('p').level('debug')
        |influxDBOut().database('d').retentionPolicy('r').measurement('n').tag('k', 'v')";
    let collected =
        collect(script, &mut NoUdfs, &["m,h=a v=1.0 1", "m,h=b v=2.0 1", "m,h=a v=3.0 2"]);
    assert_eq!(
        collected.endpoints["last"],
        "{\"series\":[{\"name\":\"m\",\"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:02Z\",3]]},\
         {\"name\":\"m\",\"tags\":{\"h\":\"b\"},\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:01Z\",2]]}]}"
    );
    assert_eq!(
        collected.logged[0].2,
        "{\"name\":\"m\",\"group\":\"h=a\",\"fields\":{\"v\":1},\"tags\":{\"h\":\"a\"},\"time\":\"1970-01-01T00:00:01Z\"}"
    );
    let written = &collected.written[&("d".to_owned(), "r".to_owned())];
    assert_eq!(written.lines().next(), Some("n,h=a,k=v v=1 1000000000"));
}

/// `@scale().field('v').by(2.0)` on streams, `@size()` on batches.
struct Native;

enum Running {
    Scale(String, f64),
    Size,
}

impl Udfs for Native {
    fn info(&mut self, name: &str) -> Result<Option<InfoResponse>> {
        let option = |types: &[ValueType]| OptionInfo {
            value_types: types.iter().map(|t| i32::from(*t)).collect(),
        };
        Ok(match name {
            "scale" => Some(InfoResponse {
                wants: EdgeType::Stream.into(),
                provides: EdgeType::Stream.into(),
                options: [
                    ("field".to_owned(), option(&[ValueType::String])),
                    ("by".to_owned(), option(&[ValueType::Double])),
                ]
                .into(),
            }),
            "size" => Some(InfoResponse {
                wants: EdgeType::Batch.into(),
                provides: EdgeType::Stream.into(),
                options: BTreeMap::new().into_iter().collect(),
            }),
            _ => None,
        })
    }

    fn start(&mut self, name: &str, init: InitRequest) -> Result<Box<dyn Udf>> {
        if name == "size" {
            return Ok(Box::new(Running::Size));
        }
        let (mut field, mut by) = (String::new(), None);
        for option in init.options {
            match option.values.first().and_then(|v| v.value.clone()) {
                Some(option_value::Value::StringValue(v)) => field = v,
                Some(option_value::Value::DoubleValue(v)) => by = Some(v),
                _ => {}
            }
        }
        match by {
            Some(by) => Ok(Box::new(Running::Scale(field, by))),
            None => Err(TickError::Udf {
                name: name.to_owned(),
                message: "option by is missing".to_owned(),
            }),
        }
    }
}

impl Udf for Running {
    fn point(&mut self, point: &mut Rc<Point>, answers: &mut Answers<'_>) -> Result<()> {
        let mut point = (**point).clone();
        if let Self::Scale(field, by) = self
            && let Some(value) = point.field(field).and_then(|v| v.as_double())
        {
            point.set_field(field, value * *by);
        }
        answers.push(point);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch, answers: &mut Answers<'_>) -> Result<()> {
        let mut point = Point::new(batch.tmax);
        point.set_name(&batch.name);
        point.set_field("size", batch.len() as i64);
        answers.push(point);
        Ok(())
    }

    fn frame(&mut self, _frame: &[u8], _answers: &mut Answers<'_>) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _answers: &mut Answers<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn udfs_are_part_of_the_pipeline() {
    let script = "stream|from()@scale().field('v').by(2.0)|window().period(2s).every(2s)@size()|influxDBOut().database('out')";
    let lines = ["m v=1.0 0", "m v=1.0 1", "m v=1.0 2", "m v=1.0 3", "m v=1.0 4"];
    assert_eq!(shown(&collect(script, &mut Native, &lines)), ["m size=2i 2", "m size=2i 4"]);
    let script =
        "stream|from().groupBy('h')@scale().field('v').by(2.0)|influxDBOut().database('out')";
    assert_eq!(shown(&collect(script, &mut Native, &["m,h=a v=1.5 0"])), ["m,h=a v=3 0"]);
}

#[test]
fn scripts_are_refused_with_their_place() {
    for (script, expected) in [
        (
            "stream|from()@nope()",
            "test.tick:1:15: @nope is not given: --udf nope=SCRIPT.rhai names its script",
        ),
        ("stream|from()@scale().feld('v')", "1:23: @scale has no option feld; it has by, field"),
        ("stream|from()@scale().by(2)", "1:23: @scale.by() takes (double), got (int); write 2.0"),
        ("stream|from()@scale().field('v')", "1:15: @scale: option by is missing"),
        ("stream|from()@size()", "1:15: @size wants a batch, but a stream flows into it here"),
        (
            "stream|from()|scale()",
            "1:15: there is no node scale; it is a user defined function, written @scale()",
        ),
        (
            "stream|from().scale()",
            "from has no property scale; it is a user defined function, written @scale()",
        ),
        ("stream.from()", "1:8: stream has no property from; it is a node, written |from()"),
        (
            "stream|from()|measurement('m')",
            "there is no node measurement; it is a property, written .measurement()",
        ),
        (
            "stream|from().mesurement('m')",
            "from has no property mesurement; it has database, retentionPolicy, measurement",
        ),
        ("stream|from().measurement(5)", ".measurement() takes (string), got (int)"),
        ("stream|from().measurement(\"m\")", "1:27: a string stands in single quotes, 'm'"),
        (
            "stream|from()|combine(lambda: TRUE)",
            "|combine() is not replayed here; it runs under the daemon",
        ),
        ("stream|from()|query('x')", "|query() stands after batch"),
        ("stream|window()", "|window() cannot follow here; begin with stream|from()"),
        ("stream|from()|window()", "|window() needs .period(duration) or .periodCount(int)"),
        ("stream|from()|eval(lambda: 1)", "|eval() has 1 expressions and .as() has 0 names"),
        ("stream|from()|window().period(1s).every(1s)|window()", "|window() does not take a batch"),
        (
            "stream|from()|alert().message('{{ .Nope')",
            "1:23: template message: an action is never closed",
        ),
        ("stream|from()|alert().slak()", "alert has no property slak; it has id, message"),
        ("var x = 1\nvar x = 2", "2:5: x is already defined; variables are set once"),
        ("var x duration", "variable x has no value"),
        ("var d = strem|from()", "1:9: there is no variable strem"),
        ("var x = 1 + 1.0", "1:11: a int + a float is not defined"),
        ("batch|query('q').every(1m)", "|query() needs .period(duration)"),
        ("var x = 5", "the script makes no node"),
        ("stream|from()|where(lambda: \"v\" > limit)", "there is no variable limit"),
    ] {
        let error = match start(script, &mut Native) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{script} is accepted"),
        };
        assert!(error.contains(expected), "{script}: {error}");
    }
}

#[test]
fn the_dotted_guide_is_refused_as_the_daemon_refuses_it() {
    let (name, text) = crate::tick::language_tests::GUIDES[2];
    let error = Graph::new(&TickText { name, text }, &Task::default(), &mut NoUdfs)
        .err()
        .expect("dots do not chain");
    assert_eq!(
        error.to_string(),
        "cpu_avg_dots.tick:2:2: stream has no property from; it is a node, written |from()\n2 | .from().measurement('cpu')\n  |  ^"
    );
}

#[test]
fn variables_come_from_outside() {
    let script = "var limit = 5.0
        var name string
        stream|from().measurement(name)|where(lambda: \"v\" > limit)|influxDBOut().database('out')";
    let variables =
        [("limit".to_owned(), Object::Float(1.0)), ("name".to_owned(), Object::String("m".into()))];
    let task = Task { id: "t".to_owned(), variables: variables.into(), ..Task::default() };
    let mut graph = Graph::new(&TickText { name: "t", text: script }, &task, &mut NoUdfs)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for line in ["m v=0.5 1", "m v=2.0 2"] {
        graph.point(&mut point(line), &mut collected).expect("a point");
    }
    assert_eq!(shown(&collected), ["m v=2 2"]);
}

#[test]
fn long_scripts_run_and_endless_ones_are_refused() {
    let chain = |nodes: usize| "|shift(1s)".repeat(nodes);
    check(&chain(400), &["m v=1.0 1"], &["m v=1 401"]);
    let long = |parts: usize| {
        let part = |i: usize| format!("var p{} = p{i}{}\n", i + 1, chain(100));
        let parts: String = (0..parts).map(part).collect();
        format!("var p0 = stream|from()\n{parts}")
    };
    let collected = collect(
        &format!("{}p9|influxDBOut().database('out')", long(9)),
        &mut NoUdfs,
        &["m v=1.0 1"],
    );
    assert_eq!(shown(&collected), ["m v=1 901"]);
    let error = start(&long(10), &mut NoUdfs).err().expect("too many nodes").to_string();
    assert!(error.contains("a script may have 1000 nodes at most"), "{error}");
    let error = start(&format!("stream|from(){}", chain(1100)), &mut NoUdfs)
        .err()
        .expect("too long a chain");
    assert!(error.to_string().contains("goes on too long"), "{error}");
    let nested = format!("stream|from()|where(lambda: {}TRUE{})", "(".repeat(190), ")".repeat(190));
    assert!(start(&nested, &mut NoUdfs).is_ok());
    let sum = format!("stream|from()|where(lambda: 0{} > 3)", " + 1".repeat(230));
    assert!(start(&sum, &mut NoUdfs).is_ok());
    let tower =
        format!("var x = {}1{}", "(".repeat(150), format!("{})", " + 1".repeat(200)).repeat(150));
    assert!(start(&tower, &mut NoUdfs).is_err());
    let doubled: String =
        (0..40).map(|i| format!("var l{} = lambda: l{i} AND l{i}\n", i + 1)).collect();
    let error =
        start(&format!("var l0 = lambda: TRUE\n{doubled}"), &mut NoUdfs).err().expect("2^40 parts");
    assert!(error.to_string().contains("the expression is too large"), "{error}");
}

#[test]
fn values_from_outside_are_written_as_in_a_script() {
    for (text, expected) in [
        ("5m", "5m"),
        ("-1.5", "-1.5"),
        ("'it\\'s'", "'it's'"),
        ("['a', *]", "['a', *]"),
        ("1h / 2", "30m"),
        ("lambda: \"x\" > 1", "a lambda"),
        ("/a+/", "/a+/"),
    ] {
        let value = crate::tick::definition::definitions::parse_value("v", text)
            .unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(value.to_string(), expected);
    }
    for text in ["", "stream|from()", "5m\nvar y = 2", "host", "\"x\""] {
        assert!(crate::tick::definition::definitions::parse_value("v", text).is_err(), "{text}");
    }
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

#[test]
fn queries_tell_what_they_ask() {
    let (name, text) = crate::tick::language_tests::GUIDES[6];
    let definitions = Definitions::compile(&TickText { name, text }, &BTreeMap::new(), &mut NoUdfs)
        .unwrap_or_else(|e| panic!("{e}"));
    let queries = definitions.queries();
    let query = queries.first().expect("a query");
    assert!(query.text.contains("SELECT mean(usage_idle)"));
    assert_eq!(
        (query.period, query.every, query.time),
        (300 * SECOND, 300 * SECOND, Some((60 * SECOND, 0)))
    );
    assert_eq!(query.tags, ["cpu"]);
}

#[test]
fn state_of_lambdas_is_kept_for_each_group() {
    let lines = ["m,h=a v=1.0 1", "m,h=b v=1.0 2", "m,h=a v=1.0 3"];
    check(
        "|groupBy('h')|eval(lambda: count()).as('n')",
        &lines,
        &["m,h=a n=1i 1", "m,h=b n=1i 2", "m,h=a n=2i 3"],
    );
    // An alert shares one state among its groups, as the daemon does.
    let script = "stream|from().groupBy('h')|alert().crit(lambda: count() >= 3)";
    let collected = collect(script, &mut NoUdfs, &lines);
    assert_eq!(collected.alerts.iter().map(|e| e.time / SECOND).collect::<Vec<_>>(), [3]);
}

mod fuzz {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str) {
        let Ok(mut graph) = start(text, &mut Native) else { return };
        let mut collected = Collected::default();
        for t in 0..20i64 {
            let mut p =
                point(&format!("cpu,host=a,cpu=c{} usage_idle={:?},n={t}i {t}", t % 3, t as f64));
            if t == 13 {
                p = point("cpu s=\"x\" 7");
            }
            if graph.point(&mut p, &mut collected).is_err() {
                return;
            }
        }
        let _ = graph.finish(&mut collected);
    }

    proptest! {
        #[test]
        fn any_pipeline_runs_or_is_refused(parts in prop::collection::vec(prop::sample::select(vec![
            "|groupBy('host')", "|groupBy(*)", "|window().period(3s).every(2s)", "|window().periodCount(3).everyCount(2)",
            "|mean('usage_idle')", "|max('n')", "|count('s')", "|top(2, 'n')", "|difference('n')", "|elapsed('n', 1s)",
            "|movingAverage('usage_idle', 2)", "|eval(lambda: sigma(\"usage_idle\")).as('x').keep()", "|where(lambda: \"n\" > 3)",
            "|alert().crit(lambda: \"n\" > 5).all().flapping(0.1, 0.2)", "|derivative('n')", "|stateDuration(lambda: TRUE)",
            "|delete().tag('host')", "|default().tag('host', 'b')", "|sample(2)", "|shift(1h)", "@scale().field('n').by(2.0)",
            "@size()", "|httpOut('x')", "|log()", "|join(a).as('x', 'y').fill(0)", "|union(a)", "|distinct('n')",
            "|percentile('n', 50.0)", "|changeDetect('n')", "|influxDBOut()",
        ]), 0..6)) {
            run(&format!("var a = stream|from()\na{}", parts.concat()));
        }

        #[test]
        fn a_guide_with_any_damage_is_run_or_refused(which in 0usize..7, at in any::<prop::sample::Index>(), with in "[ .|@()'\"a-z0-9:-]{0,3}") {
            let (_, text) = crate::tick::language_tests::GUIDES[which];
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            let damaged: String = chars[..at].iter().chain(with.chars().collect::<Vec<_>>().iter()).chain(&chars[(at + 1).min(chars.len())..]).collect();
            run(&damaged);
        }
    }
}
