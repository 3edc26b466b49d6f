//! `listen` with the writes of all versions, what senders ask first, metrics, and options that are refused.

use crate::listener::{Listening, send};
use crate::util::*;
use std::io::{Read, Write};
use std::time::Instant;

pub(crate) fn mirror(arguments: &[&str]) -> Listening {
    let script = repo("scripts/mirror.rhai");
    Listening::start(&[&[script.to_str().unwrap(), "--format", "lp"], arguments].concat())
}

pub(crate) fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

const V1: &str = "POST /write?db=d";
const V2: &str = "POST /api/v2/write?org=o&bucket=d%2Fr";
const V3: &str = "POST /api/v3/write_lp?db=d";

#[test]
fn the_writes_of_all_versions_are_taken_and_refused_as_their_clients_read_it() {
    let folder = Folder::new("listen-versions");
    let saved = folder.path("saved.srpl");
    let listening = mirror(&["--token", "t0ken", "--save", saved.to_str().unwrap()]);
    let mut stream = listening.connect();
    let auth = "Authorization: Token t0ken\r\n";
    for (request, body) in [
        (format!("{V1}&rp=one&precision=s"), "m x=1 1"),
        (format!("{V2}&precision=ms"), "m x=2 2000"),
        (format!("{V3}&precision=millisecond"), "m x=3 3000"),
        // The size of a time tells its unit.
        (V3.to_owned(), "m x=4 1700000000\nm x=5 1700000000001\nm x=6 1700000000000000002"),
    ] {
        let (status, answer) = send(&mut stream, &request, auth, body.as_bytes());
        assert_eq!(status, 204, "{answer}");
    }
    let bearer = "Authorization: Bearer t0ken\r\n";
    for (request, headers, body, status, why) in [
        (V1, auth, "m x=", 400, "{\"error\":\"unable to parse 'm x=': not line protocol"),
        (V2, auth, "m x=1 1\nm x=", 400, "{\"code\":\"invalid\",\"message\":\"not line protocol"),
        (V2, auth, "m x=1 1\nm x=", 400, "\"line\":2}"),
        (
            V3,
            bearer,
            "m x=1 1\nm x=",
            400,
            "{\"error\":\"parsing failed for write_lp endpoint\",\"data\":{\"original_line\":\"m x=\",\"line_number\":2,\"error_message\":\"not line",
        ),
        (V1, "", "m x=1", 401, "{\"error\":\"authorization failed\"}"),
        (V2, "", "m x=1", 401, "{\"code\":\"unauthorized\",\"message\":\"authorization failed\"}"),
        (
            V3,
            "Authorization: Bearer expired\r\n",
            "m x=1",
            401,
            "{\"error\":\"authorization failed\"}",
        ),
        ("POST /api/v2/write?org=o", auth, "m x=1", 400, "\"message\":\"bucket is required\""),
        ("POST /api/v3/write_lp", auth, "m x=1", 400, "\"error\":\"database is required\""),
        ("POST /api/v2/write?bucket=d&precision=h", auth, "m x=1", 400, "use ns, us, ms or s"),
        ("POST /api/v3/write_lp?db=d&precision=minute", auth, "m x=1", 400, "use auto, nanosecond"),
        ("GET /api/v2/write", auth, "", 405, "\"code\":\"method not allowed\""),
        ("POST /api/v2/query", auth, "", 404, "\"code\":\"not found\""),
        ("GET /query?q=SHOW+DATABASES", "", "", 401, "authorization failed"),
        (
            V2,
            "Authorization: Token t0ken\r\nContent-Encoding: zstd\r\n",
            "x",
            415,
            "compressed with gzip only",
        ),
        (
            V2,
            "Authorization: Token t0ken\r\nContent-Encoding: gzip\r\n",
            "x",
            400,
            "\"code\":\"invalid\"",
        ),
        ("GET /metrics", "", "", 401, "authorization failed"),
    ] {
        let (got, answer) = send(&mut stream, request, headers, body.as_bytes());
        assert!(got == status && answer.contains(why), "{request}: {answer}");
    }
    let (status, answer) = send(&mut stream, "GET /health", "", b"");
    assert!(status == 200 && answer.contains("\"status\":\"pass\""), "{answer}");
    let (status, answer) = send(&mut stream, "GET /ping?verbose=true", "", b"");
    assert!(status == 200 && answer.contains("\"version\":\"rhai-udf-"), "{answer}");
    let ends = Instant::now() + crate::daemon::NEVER;
    loop {
        let (status, answer) = send(&mut stream, "GET /metrics", auth, b"");
        assert_eq!(status, 200);
        if answer.contains("rhai_udf_task_points_total{task=\"mirror\"} 6\n") {
            for line in [
                "rhai_udf_requests_total{path=\"/api/v2/write\",status=\"204\"} 1\n",
                "rhai_udf_requests_total{path=\"/api/v3/write_lp\",status=\"400\"} 3\n",
                "rhai_udf_points_received_total 6\n",
                "rhai_udf_bytes_waiting ",
            ] {
                assert!(answer.contains(line), "{line} {answer}");
            }
            break;
        }
        assert!(Instant::now() < ends, "{answer}");
    }
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        sorted(&out),
        [
            "m x=1 1000000000",
            "m x=2 2000000000",
            "m x=3 3000000000",
            "m x=4 1700000000000000000",
            "m x=5 1700000000001000000",
            "m x=6 1700000000000000002"
        ]
    );
    assert!(!err.contains("t0ken"), "{err}");
    let text = String::from_utf8(gunzip(&saved)).unwrap();
    assert!(text.contains("d\none\nm x=1") && text.contains("d\nr\nm x=2"), "{text}");
    assert!(text.contains("d\nautogen\nm x=3"), "{text}");
}

#[test]
fn what_telegraf_and_other_clients_ask_before_they_write_is_answered() {
    let listening = mirror(&[]);
    let mut stream = listening.connect();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (request, headers, body, status, answer) in [
        (
            "POST /query",
            form,
            "q=CREATE+DATABASE+%22tele+graf%22",
            200,
            "{\"results\":[{\"statement_id\":0}]}\n",
        ),
        (
            "POST /query?q=CREATE%20DATABASE%20b",
            "",
            "",
            200,
            "{\"results\":[{\"statement_id\":0}]}\n",
        ),
        ("POST /write?db=w&rp=r", "", "m x=1 1", 204, ""),
        (
            "GET /query?q=SHOW+DATABASES&db=",
            "",
            "",
            200,
            "\"values\":[[\"b\"],[\"tele graf\"],[\"w\"]]",
        ),
        (
            "GET /query?q=SHOW+RETENTION+POLICIES&db=w",
            "",
            "",
            200,
            "[\"r\",\"0s\",\"168h0m0s\",1,false]",
        ),
        ("GET /kapacitor/v1/ping", "", "", 204, ""),
        ("HEAD /ping", "", "", 204, ""),
        ("GET /query?q=SELECT+1", "", "", 200, "stores nothing"),
        ("GET /query", "", "", 400, "missing required parameter"),
        ("PUT /query?q=SHOW+DATABASES", "", "", 405, "Allow: GET, POST"),
    ] {
        let (got, text) = send(&mut stream, request, headers, body.as_bytes());
        assert!(got == status && text.contains(answer), "{request}: {text}");
    }
    // A body without a length would not be read.
    let mut raw = listening.connect();
    raw.write_all(
        b"POST /write?db=d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nm x=1 1",
    )
    .unwrap();
    let mut text = String::new();
    let _ = raw.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 411 Length Required"), "{text}");
    let large = format!("q={}", "x".repeat(70_000));
    assert_eq!(send(&mut stream, "POST /query", form, large.as_bytes()).0, 413);
    assert_eq!(listening.stop().2, Some(0));
}

#[test]
fn what_is_wrong_before_it_listens_is_told_in_json_too() {
    for arguments in [
        &["--log-format", "json", "--port", "x"][..],
        &["--log-format=json"],
        &["--log-format=json", "no-such.tick"],
        &["--log-format", "json", "--influxdb", "http://ann:s3cret@h", "--nosuch"],
    ] {
        let run = feed(binary().arg("listen").args(arguments), &[]);
        assert!(matches!(run.code, Some(1 | 2)), "{}", run.stderr);
        for line in run.stderr.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["level"], "error", "{line}");
        }
        assert!(!run.stderr.is_empty() && !run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}

#[test]
fn lines_of_the_log_are_json_if_that_is_wanted() {
    let listening = mirror(&["--log-format", "json"]);
    let mut stream = listening.connect();
    assert_eq!(send(&mut stream, V1, "", b"m x=\"a\nb\"").0, 204);
    assert_eq!(send(&mut stream, V1, "", b"bad\n\"").0, 400);
    let (_, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<serde_json::Value> =
        err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        lines.iter().any(|line| line["level"] == "warn"
            && line["message"].as_str().unwrap().contains("refused with 400")),
        "{err}"
    );
    assert!(lines.iter().all(|line| line["time"].is_string()), "{err}");
}

#[test]
fn options_that_a_listener_would_ignore_are_refused() {
    let folder = Folder::new("listen-options");
    let tick = folder.write("t.tick", "stream|from()|log()");
    let batch =
        folder.write("b.tick", "batch|query('SELECT x FROM d.r.m').period(1m).every(1m)|log()");
    let script = repo("scripts/mirror.rhai");
    let (tick, batch, script) =
        (tick.to_str().unwrap(), batch.to_str().unwrap(), script.to_str().unwrap());
    let tasks = folder.path(".");
    let tasks = tasks.to_str().unwrap();
    let state = folder.path("state");
    let state = state.to_str().unwrap();
    let url = "http://127.0.0.1:1";
    for (arguments, why) in [
        (&[][..], "nothing to run"),
        (&[script, "--tasks", tasks], "leave out one of them"),
        (&[script, "--from", "2026-01-01"], "--from does not apply"),
        (&[script, "--precision", "s"], "--precision does not apply"),
        (&[script, "--plot", "x.svg"], "--plot does not apply"),
        (&[script, "--plot-theme", "dark"], "--plot"),
        (&[script, "--strict"], "--strict does not apply"),
        (&[script, "--watch"], "--watch does not apply"),
        (&[script, "--real-clock"], "--real-clock does not apply"),
        (&[script, "--shard", "0/2"], "--shard does not apply"),
        (&[script, "--save-state", "x"], "--save-state does not apply"),
        (&[script, "--from-state", "x"], "--from-state does not apply"),
        (&[script, "--sweep", "a=1,2"], "--sweep does not apply"),
        (&[script, "--labels", "x"], "--labels does not apply"),
        (&[script, "--past", "1h"], "--past does not apply"),
        (&[script, "--db", "d"], "--db does not apply"),
        (&[script, "--influxdb", url], "--influxdb does not apply"),
        (&[script, "--influxdb-api", "2"], "--influxdb"),
        (&[script, "--data", "x.lp"], "--data does not apply"),
        (&[script, "--out", "x"], "--out does not apply"),
        (&[tick, "--set", "a=1"], "--set does not apply"),
        (&[tick, "--write", "--influxdb", url], "--write does not apply"),
        (&[batch], "give --influxdb URL"),
        (&[batch, "--influxdb", url, "--save", "x.brpl"], "--save does not apply"),
        (&[script, "--bind", "0.0.0.0", "--allow-host", "x"], "--allow-host does not apply"),
        (&[script, "--state-dir", state, "-o", "x"], "-o does not apply"),
        (&[tick, "--state-dir", state, "--out", "x"], "--out does not apply"),
        (&[script, "--checkpoint", "0s", "--state-dir", state], "--checkpoint"),
        (&[script, "--checkpoint", "1s"], "--state-dir"),
        (&["--tasks", tasks, "--crit", "x > 1"], "--crit does not apply"),
        (&["--tasks", tasks, "--var", "x=1"], "--var does not apply"),
        (&["--tasks", tasks, "-o", "x"], "-o does not apply"),
        (&[script, "--user", "s3cret-without-a-name"], "--user: write NAME:PASSWORD"),
        (&[script, "--token", " "], "the token is empty"),
    ] {
        let run = feed(binary().arg("listen").args(arguments).args(["--port", "0"]), &[]);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(why) && !run.stderr.contains("s3cret"),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
