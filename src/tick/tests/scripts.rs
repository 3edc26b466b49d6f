//! Scripts that are refused, variables from outside, and queries.

use super::functions::Native;
use super::*;
use crate::tick::definition::Definitions;
use crate::tick::definition::object::Object;
use std::collections::BTreeMap;

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
            "from has no property mesurement; did you mean measurement?; it has database, retentionPolicy, measurement",
        ),
        ("stream|from().measurement(5)", ".measurement() takes (string), got (int)"),
        ("stream|from().measurement(\"m\")", "1:27: a string stands in single quotes, 'm'"),
        (
            "stream|from()|combine(lambda: TRUE)",
            "|combine() has 1 expressions and .as() has 0 names for them",
        ),
        (
            "stream|from()|combine(lambda: TRUE).as('a.b')",
            ".as('a.b') of |combine() contains the delimiter",
        ),
        (
            "stream|from()|queryFlux('q')",
            "|queryFlux() is not replayed here, since it asks a database",
        ),
        ("stream|from()|barier()", "there is no node barier; did you mean barrier?"),
        (
            "stream|from()|barrier().idel(5s)",
            "barrier has no property idel; did you mean idle?; it has idle",
        ),
        ("stream|from()|barrier()", "|barrier() needs .idle(duration) or .period(duration)"),
        (
            "stream|from()|barrier().idle(1s).period(1s)",
            "|barrier() takes .idle() or .period(), one of them",
        ),
        ("stream|from()|stats(0s)", "|stats() needs an interval above 0"),
        (
            "stream|from()|deadman(1, 10s)",
            "|deadman() takes (float, duration, lambda...), got (int, duration)",
        ),
        ("stream|from()|trickle()", "|trickle() does not take a stream"),
        ("stream|from()|httpPost()", "|httpPost() needs an address or .endpoint('…')"),
        (
            "stream|from()|httpPost('a').endpoint('b')",
            "|httpPost() takes one address or one .endpoint()",
        ),
        ("stream|from()|httpPost('a').haeder('b', 'c')", "did you mean header?"),
        (
            "stream|from()|httpPost('a').header('Authenticate', 'c')",
            "may not set the header 'authenticate'",
        ),
        (
            "stream|from()|kapacitorLoopback().database('d')",
            "|kapacitorLoopback() needs .database('…') and",
        ),
        ("stream|from()|sideload().source('/x')", "|sideload() needs .source('file:///FOLDER')"),
        ("stream|from()|sideload().source('file://x')", "must be absolute: file:///FOLDER"),
        (
            "stream|from()|sideload().source('file:///no/such/folder')",
            "/no/such/folder: cannot be read",
        ),
        ("stream|from()|flatten().on('')", ".on('') of |flatten() names no tag"),
        ("stream|from()|flatten().onn('a')", "flatten has no property onn"),
        (
            "stream|from()|k8sAutoscale().resourceName('a')",
            "|k8sAutoscale() needs .replicas(lambda: …)",
        ),
        (
            "stream|from()|k8sAutoscale().replicas(lambda: 1)",
            "needs .resourceName('…') or .resourceNameTag('…')",
        ),
        (
            "stream|from()|k8sAutoscale().resourceName('a').replicas(lambda: 1).kind('pods')",
            ".kind('pods') of |k8sAutoscale() is none of deployments",
        ),
        (
            "stream|from()|swarmAutoscale().min(0).replicas(lambda: 1)",
            ".min(0) of |swarmAutoscale() is below 1",
        ),
        (
            "stream|from()|holtWinters('v', 1, 4, 0s)",
            "takes h and m from 0 to 100000 and an interval above 0",
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
        (
            "stream|from()|alert().slak()",
            "alert has no property slak; did you mean slack?; it has id, message",
        ),
        ("var x = 1\nvar x = 2", "2:5: x is already defined; variables are set once"),
        ("var x duration", "variable x has no value"),
        ("var d = strem|from()", "1:9: there is no variable strem"),
        ("var x = 1 + 1.0", "1:11: a int + a float is not defined"),
        ("batch|query('q').every(1m).period(-1m)", ".period() of |query() is negative"),
        ("batch|query('q').period(1m).cron('61 * * * *')", ".cron(): '61' is not a valid minute"),
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
    let error = Graph::new(&TickText { name, text }, &TaskSettings::default(), &mut NoUdfs)
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
    let task =
        TaskSettings { id: "t".to_owned(), variables: variables.into(), ..TaskSettings::default() };
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
