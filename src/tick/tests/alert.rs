//! `|alert()`: levels, events, logs and handlers.

use super::*;

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
    let mut graph = Graph::new(&TickText { name, text }, &TaskSettings::default(), &mut NoUdfs)
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
fn an_alert_on_nan_has_no_json() {
    let script = "stream|from()|eval(lambda: sqrt(\"v\")).as('x').keep('v', 'x')\
                  |alert().crit(lambda: \"v\" < 9.0).details('[{{ json .Fields }}]').log('/tmp/a.log')";
    let collected = collect(script, &mut NoUdfs, &["m v=-1.0 1", "m v=4.0 2"]);
    let details: Vec<_> = collected.alerts.iter().map(|event| event.details.trim()).collect();
    assert_eq!(details[0], "[]");
    assert!(details[1].contains("{"), "{details:?}");
    assert_eq!(collected.alert_logs["/tmp/a.log"].lines().count(), 1);
    assert!(collected.diagnosed[0].1.starts_with("the daemon cannot log an alert on NaN"));
}
