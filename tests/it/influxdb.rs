//! InfluxDB read and written: against a server that says what a test wants.

use crate::util::*;
use rhai_udf::http::{Limits, Request, Response, Server, Service, Stopper};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A server in this process, and the requests it saw: path and body.
pub(crate) struct Fake {
    pub(crate) url: String,
    requests: Arc<Requests>,
    stopper: Stopper,
}

struct Requests {
    answer: Mutex<Answer>,
    seen: Mutex<Vec<(String, String)>>,
}

type Answer = Box<dyn FnMut(&str, &str) -> (u16, String) + Send>;

impl Service for Requests {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        if request.head.path == "/ping" {
            return Response::new(204).with_header("X-Influxdb-Version", "1.8.10");
        }
        let mut body = String::new();
        std::io::Read::read_to_string(&mut request.body, &mut body).unwrap();
        let body = percent_encoding::percent_decode_str(&body.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned();
        let url = match (&*request.head.path, &*request.head.query) {
            (path, "") => path.to_owned(),
            (path, query) => format!("{path}?{query}"),
        };
        let (status, text) = (self.answer.lock().unwrap())(&url, &body);
        self.seen.lock().unwrap().push((url, body));
        Response { body: text.into_bytes(), ..Response::new(status) }
    }
}

impl Fake {
    pub(crate) fn new(answer: impl FnMut(&str, &str) -> (u16, String) + Send + 'static) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let (url, stopper) = (format!("http://{}", server.address()), server.stopper());
        let requests =
            Arc::new(Requests { answer: Mutex::new(Box::new(answer)), seen: Mutex::default() });
        server.start(requests.clone(), Limits::default()).unwrap();
        Self { url, requests, stopper }
    }

    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.requests.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

fn replay(script: &Path, arguments: &[&str]) -> Run {
    feed(binary().arg("replay").arg(script).args(arguments), &[])
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

const OUT: &str =
    "stream|from()|influxDBOut().database('d b').retentionPolicy('r').precision('s').create()";

#[test]
fn points_are_written_again_while_the_database_is_away() {
    let folder = Folder::new("influx-retry");
    let script = folder.write("out.tick", OUT);
    let data = text(folder.write("data.lp", "m,h=a x=1i,y=2 1500000000\n"));
    let mut calls = 0;
    let fake = Fake::new(move |path, _| match path {
        "/query" => (200, "{\"results\":[{}]}".into()),
        _ if calls < 2 => {
            calls += 1;
            (503, "{\"error\":\"timeout\"}".into())
        }
        _ => (204, String::new()),
    });
    let run = replay(&script, &["--data", &data, "--influxdb", &fake.url, "--write"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("1 points written to InfluxDB, 0 failed"), "{}", run.stderr);
    let seen = fake.seen();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen[0].1.contains("CREATE DATABASE \"d b\" WITH NAME \"r\""), "{seen:?}");
    assert_eq!(seen[3].0, "/write?db=d%20b&precision=ns&rp=r");
    // The precision cuts the time.
    assert_eq!(seen[3].1, "m,h=a x=1i,y=2 1000000000\n");
}

#[test]
fn points_that_are_refused_are_counted_and_the_reason_is_shown() {
    let folder = Folder::new("influx-refused");
    let script = folder.write("out.tick", OUT);
    let data = text(folder.write("data.lp", "m x=1 1500000000\nm x=2 2500000000\n"));
    let fake = Fake::new(|path, _| match path {
        "/query" => (200, "{\"results\":[{}]}".into()),
        _ => (400, "{\"error\":\"partial write: field type conflict\"}".into()),
    });
    let run = replay(&script, &["--data", &data, "--influxdb", &fake.url, "--write"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("0 points written to InfluxDB, 2 failed"), "{}", run.stderr);
    assert!(run.stderr.contains("answers 400: partial write: field type"), "{}", run.stderr);
}

#[test]
fn queries_are_asked_at_each_tick_of_the_daemon() {
    let folder = Folder::new("influx-batch");
    let script = folder.write(
        "batch.tick",
        "batch|query('SELECT mean(x) FROM d.r.m WHERE y = 1 GROUP BY z')
            .period(2m).every(1m).offset(30s).align().groupBy('host', time(10s)).fill(0)
         |alert().crit(lambda: \"mean\" > 1.5).message('{{ index .Tags \"host\" }} {{ .Time }}')",
    );
    let fake = Fake::new(|_, _| {
        let series = "{\"name\":\"m\",\"tags\":{\"host\":\"a\"},\"columns\":[\"time\",\"mean\"],\
                      \"values\":[[1000000000,1],[2000000000,2],[3000000000,null]]}";
        (200, format!("{{\"results\":[{{\"series\":[{series}]}}]}}"))
    });
    let saved = text(folder.path("saved.brpl"));
    let span = ["--start", "2020-01-01T00:00:10Z", "--stop", "2020-01-01T00:03:00Z"];
    let run = replay(&script, &[&["--influxdb", &fake.url, "--save", &saved], &span[..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let first = "q=SELECT mean(x) FROM d.r.m WHERE (y = 1) AND time >= '2019-12-31T23:58:30Z' AND \
                 time < '2020-01-01T00:00:30Z' GROUP BY \"host\", time(10s, 0s) fill(0)&epoch=ns";
    let seen = fake.seen();
    assert_eq!(seen[0].1, first);
    assert_eq!(seen.len(), 3, "{seen:?}");
    // The time of a batch grouped by time is that of its last point with a value.
    assert!(run.text().contains("a 1970-01-01 00:00:02 +0000 UTC"), "{}", run.text());
    let again = replay(&script, &["--data", &saved]);
    assert_eq!(again.text(), run.text(), "{}", again.stderr);
}

#[test]
fn what_is_missing_is_said() {
    let folder = Folder::new("influx-usage");
    let script = folder.write("s.tick", "stream|from()");
    let timeless = folder.write("c.tick", "batch|query('SELECT x FROM m').cron('0 * * * *')");
    for (script, arguments, code, message) in [
        (
            &script,
            &["--influxdb", "ftp://db:8086", "--past", "1m"][..],
            2,
            "write http://HOST:PORT",
        ),
        (&script, &["--influxdb", "http://127.0.0.1:1"], 2, "give --past 20m or --start"),
        (&script, &["--influxdb", "http://127.0.0.1:1", "--past", "1m"], 2, "give --db NAME"),
        (
            &script,
            &["--influxdb", "http://127.0.0.1:1", "--past", "1m", "--db", "d"],
            1,
            "is it running",
        ),
        (&timeless, &["--influxdb", "http://127.0.0.1:1", "--past", "1m"], 1, "give it .period("),
        (&script, &[], 2, "--data"),
    ] {
        let run = replay(script, arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
}
