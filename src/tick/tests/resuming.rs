//! Runs that are interrupted and resumed: every node of the language continues as if nothing had happened. (The
//! other tests of this folder are run in pieces too, by `collect`.)

use super::*;
use crate::tick::definition::spec::NODES;

/// Points of two hosts at uneven times, two of one time and one that is late among them.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for i in 0..24 {
        let time = i * 3 + i % 4 - 7 * i64::from(i == 12);
        let (x, n) = ((i * 37 % 11) as f64 * 1.5, i * 53 % 17);
        for host in ["a", "b"] {
            let shifted = if host == "a" { time } else { time / 2 * 2 };
            lines.push(format!("m,host={host},rack=r{} x={x:?},n={n}i {shifted}", i % 2));
        }
    }
    lines
}

/// A script in which a node of each kind does what it can, on a stream and on batches.
fn scripts(name: &str) -> Vec<String> {
    let stream = |middle: &str| {
        format!(
            "stream|from().measurement('m').groupBy('host'){middle}|influxDBOut().database('o')"
        )
    };
    let windows = |middle: &str| stream(&format!("|window().period(10s).every(5s){middle}"));
    let both = |middle: &str| vec![stream(middle), windows(middle)];
    match name {
        // Stateless nodes, and those that every script has.
        "query" => Vec::new(),
        "from" => vec![
            "stream|from().measurement('m').where(lambda: sigma(\"x\") > 0.5).groupBy(*)\
             |influxDBOut().database('o')"
                .into(),
        ],
        "where" => both("|where(lambda: spread(\"x\") > 3.0 AND count() > 4)"),
        "groupBy" => both("|groupBy('rack')"),
        "window" => vec![
            stream("|window().period(10s).every(5s)"),
            stream("|window().period(9s).every(4s).align()"),
            stream("|window().period(9s).every(4s).fillPeriod()"),
            stream("|window().period(9s).every(0s)"),
            stream("|window().periodCount(7).everyCount(3)"),
        ],
        "eval" => {
            let held = "var s = lambda: sigma(\"x\")\n";
            vec![
                stream("|eval(lambda: sigma(\"x\"), lambda: rand(9)).as('s', 'r').keep('x', 's', 'r')"),
                windows("|eval(lambda: count()).as('c')"),
                format!("{held}{}", stream("|eval(lambda: s + 1.0).as('s1')")),
            ]
        }
        "default" => both("|default().field('y', 1.0).tag('t', 'v')"),
        "delete" => both("|delete().field('n').tag('rack')"),
        "shift" => both("|shift(5s)"),
        "sample" => [both("|sample(3)"), both("|sample(4s)")].concat(),
        "stateCount" | "stateDuration" => both(&format!("|{name}(lambda: \"x\" > 5.0)")),
        "changeDetect" => both("|changeDetect('x')"),
        "derivative" => both("|derivative('x').unit(2s)"),
        "union" => vec![
            "var a = stream|from().measurement('m').groupBy('host')\n\
             var b = a|sample(3)|shift(7s)\n\
             a|union(b)|influxDBOut().database('o')"
                .into(),
        ],
        "join" => vec![
            "var a = stream|from().measurement('m').groupBy('host')\n\
             var b = a|eval(lambda: \"x\" * 2.0).as('y')|sample(2)\n\
             a|join(b).as('a', 'b').tolerance(4s).fill('null')|influxDBOut().database('o')"
                .into(),
            "var a = stream|from().measurement('m').groupBy('host', 'rack')\n\
             var b = stream|from().measurement('m').groupBy('host')|eval(lambda: \"x\").as('y')\n\
             a|join(b).as('a', 'b').on('host')|influxDBOut().database('o')"
                .into(),
        ],
        "stats" => vec![
            stream("|stats(4s)"),
            stream("|stats(4s).align()"),
            stream("|where(lambda: \"x\" > 3.0)|stats(5s)|barrier().idle(3s)|window().period(9s).every(9s)"),
        ],
        "deadman" => vec![format!(
            "{}|influxDBOut().database('o')",
            "stream|from().groupBy('host', 'rack')|deadman(3.0, 6s).levelField('l')"
        )],
        "barrier" => vec![
            stream("|barrier().idle(2s)|window().period(9s).every(9s)|count('x')"),
            stream("|barrier().period(5s)|window().period(9s).every(9s)|count('x')"),
            stream("|barrier().idle(1s).delete(TRUE)|stateCount(lambda: TRUE)"),
            windows("|barrier().idle(9s)|groupBy('rack')"),
            "var a = stream|from().measurement('m').groupBy('host')\n\
             var b = a|sample(5)|barrier().idle(2s)\n\
             a|union(b)|influxDBOut().database('o')"
                .into(),
        ],
        "combine" => both("|combine(lambda: count() > 3, lambda: TRUE).as('a', 'b').tolerance(5s)"),
        "flatten" => both("|flatten().on('rack').tolerance(5s)"),
        // A folder without any values: each point gets those of the script.
        "sideload" => both(&format!(
            "|sideload().source('file://{}/src/tick/tests').field('y', 1.0)",
            env!("CARGO_MANIFEST_DIR")
        )),
        "trickle" => vec![windows("|trickle()")],
        "kapacitorLoopback" => vec![
            "var d = stream|from()\nd|kapacitorLoopback().database('d').retentionPolicy('r')\nd|influxDBOut().database('o')".into(),
        ],
        "httpPost" => both("|httpPost('http://x/')"),
        "noOp" => both("|noOp()"),
        "k8sAutoscale" => both(
            "|k8sAutoscale().resourceNameTag('host').currentField('now').increaseCooldown(9s)\
             .replicas(lambda: if(\"x\" > 5.0, \"now\" + 1, \"now\" - 1))",
        ),
        "swarmAutoscale" => both("|swarmAutoscale().serviceName('s').replicas(lambda: int(count()))"),
        "ec2Autoscale" => both("|ec2Autoscale().groupName('s').replicas(lambda: \"n\").decreaseCooldown(5s)"),
        "holtWinters" | "holtWintersWithFit" => {
            vec![stream(&format!("|window().periodCount(20).everyCount(20)|{name}('x', 2, 2, 3s)"))]
        }
        "log" => both("|log().prefix('p')"),
        "httpOut" => both("|httpOut('last')"),
        "influxDBOut" => both(""),
        "alert" => [
            both("|alert().crit(lambda: \"x\" > 9.0).stateChangesOnly().levelField('l').durationField('d')"),
            both("|alert().crit(lambda: sigma(\"x\") > 1.0).critReset(lambda: \"x\" < 2.0).warn(lambda: \"x\" > 7.0)"),
            both("|alert().id('one').crit(lambda: \"n\" > 9).flapping(0.5, 0.8).history(5).log('/tmp/l')"),
            both("|alert().all().info(lambda: \"x\" > 1.0).stateChangesOnly(9s).noRecoveries()"),
        ]
        .concat(),
        "percentile" => both("|percentile('x', 75.0)"),
        "top" | "bottom" => both(&format!("|{name}(2, 'x')")),
        "elapsed" => both("|elapsed('x', 1s)"),
        "movingAverage" => both("|movingAverage('x', 2)"),
        "difference" | "cumulativeSum" => [both(&format!("|{name}('x')")), both(&format!("|{name}('n')"))].concat(),
        "count" | "sum" | "mean" | "median" | "mode" | "min" | "max" | "first" | "last" | "spread"
        | "stddev" | "distinct" => both(&format!("|{name}('x')")),
        other => panic!("write a script here in which |{other}() remembers all that it can"),
    }
}

#[test]
fn every_node_goes_on_where_it_was_left() {
    let lines = lines();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut silent = Vec::new();
    for script in NODES.iter().flat_map(|spec| scripts(spec.name)) {
        let collected = collect(&script, &mut NoUdfs, &lines);
        if collected.written.is_empty() {
            silent.push(script);
        }
    }
    assert_eq!(silent, [""; 0], "these scripts write nothing, so they show nothing");
}

fn states_of(script: &str) -> Vec<crate::tick::NodeState> {
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    for line in lines() {
        graph.point(&mut point(&line), &mut Collected::default()).unwrap_or_else(|e| panic!("{e}"));
    }
    graph.states(&mut Collected::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// What starts fresh when a script goes on from the state of another.
fn fresh(script: &str, states: &[crate::tick::NodeState]) -> Vec<String> {
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    graph.resume(states).unwrap_or_else(|e| panic!("{e}")).fresh
}

#[test]
fn what_has_changed_starts_fresh_and_is_named() {
    let script = |before: &str, crit: &str| {
        format!(
            "stream|from(){before}|window().period(10s).every(5s)|mean('x').as('x')|alert().crit(lambda: \"x\" > {crit}).log('/tmp/a')"
        )
    };
    let states = states_of(&script("", "9.0"));
    assert_eq!(fresh(&script("", "9.0"), &states), [""; 0]);
    assert_eq!(fresh(&script("", "9.0").replace("/tmp/a", "/tmp/b"), &states), [""; 0]);
    assert_eq!(
        fresh(&script("|log()", "9.0"), &states),
        ["window3: what is before it has changed", "alert5: what is before it has changed",]
    );
    assert_eq!(
        fresh(&script("", "8.0"), &states),
        [
            "alert4: the state is that of |alert().crit(lambda: \"x\" > 9.0), and this is |alert().crit(lambda: \"x\" > 8.0)"
        ]
    );
    let more = format!("{}|stateCount(lambda: TRUE)", script("", "9.0"));
    assert_eq!(fresh(&more, &states), ["stateCount5: the state does not have this node"]);
}

#[test]
fn a_damaged_state_is_refused_by_name() {
    let script = "stream|from().groupBy('host')|alert().crit(lambda: \"x\" > 9.0).history(5)";
    let mut states = states_of(script);
    let alert = states.last_mut().unwrap_or_else(|| panic!("an alert remembers"));
    let levels = alert.remembered.iter_mut().find(|one| one.name == "levels");
    // A history of 200 levels, which is not there.
    levels.unwrap_or_else(|| panic!("of each group")).value.0[0] = 200;
    let mut graph = start(script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let error = graph.resume(&states).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("alert2: what it remembered as 'levels' cannot be used"), "{error}");
}
