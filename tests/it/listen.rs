//! Points that arrive over HTTP.

use crate::listener::{Listening, exchange, send};
use crate::util::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;

#[test]
fn a_script_is_fed_over_http_and_ends_cleanly() {
    let folder = Folder::new("listen");
    let saved = folder.path("saved.srpl");
    let saved = saved.to_str().unwrap();
    let script = repo("scripts/mirror.rhai");
    let listening =
        Listening::start(&[script.to_str().unwrap(), "--format", "lp", "--save", saved]);
    let mut stream = listening.connect();
    let (status, answer) = send(&mut stream, "GET /ping", "", b"");
    assert_eq!(status, 204);
    assert!(answer.to_lowercase().contains("x-influxdb-version:"), "{answer}");
    let write = "POST /write?db=d+b&rp=%72p&precision=s";
    assert_eq!(send(&mut stream, write, "", b"m,h=a x=1i 10\nm x=2 11\n").0, 204);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"m x=3 12").unwrap();
    let packed = packed.finish().unwrap();
    let gzip = "Content-Encoding: gzip\r\n";
    assert_eq!(send(&mut listening.connect(), write, gzip, &packed).0, 204);
    for (request, headers, body, status, why) in [
        (
            write,
            "",
            &b"m x=4 13\nnonsense\n"[..],
            400,
            "{\"error\":\"unable to parse 'nonsense': not line protocol",
        ),
        (write, "", b"\xff\xfe", 400, "not UTF-8"),
        (write, gzip, b"not gzip", 400, "cannot be read"),
        ("POST /write?precision=s", "", b"m x=1 1", 400, "{\"error\":\"database is required\"}"),
        ("POST /write?db=d&precision=x", "", b"m x=1 1", 400, "invalid precision"),
        ("GET /write?db=d", "", b"", 405, "method not allowed"),
        ("POST /queries", "", b"", 404, "only /write, /api/v2/write"),
    ] {
        let (got, answer) = send(&mut stream, request, headers, body);
        assert_eq!(got, status, "{answer}");
        assert!(answer.contains(why), "{answer}");
    }
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["m x=2 11000000000", "m x=3 12000000000", "m,h=a x=1i 10000000000"]);
    assert!(err.contains("7 requests refused") && err.contains("3 points in"), "{err}");
    let text = String::from_utf8(gunzip(saved.as_ref())).unwrap();
    assert!(text.starts_with("d b\nrp\nm,h=a x=1i 10000000000\n"), "{text}");
}

/// The lines that a listener has printed, as a set.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn mirror(arguments: &[&str]) -> Listening {
    let script = repo("scripts/mirror.rhai");
    Listening::start(&[&[script.to_str().unwrap(), "--format", "lp"], arguments].concat())
}

const WRITE: &str = "POST /write?db=d&precision=s";

/// Sends bytes as they are and reads all that comes back until the other side closes.
fn raw(listening: &Listening, bytes: &[u8]) -> String {
    let mut stream = listening.connect();
    stream.set_read_timeout(Some(crate::daemon::NEVER)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Waits until the memory that a process has ever used is known, in KiB.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn senders_that_stop_in_the_middle_block_nobody_and_what_was_acknowledged_is_saved() {
    let folder = Folder::new("listen-stalled");
    let saved = folder.path("saved.srpl");
    let listening = mirror(&["--save", saved.to_str().unwrap(), "--read-timeout", "2s"]);
    let head = format!("{WRITE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nm x=1");
    let stalled: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = listening.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut stream = listening.connect();
    assert_eq!(send(&mut stream, "GET /ping", "", b"").0, 204);
    assert_eq!(send(&mut stream, WRITE, "", b"m x=1 10\nm x=2 11\n").0, 204);
    // They are told that they were too slow.
    let mut answer = String::new();
    let mut first = &stalled[0];
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("in time"), "{answer}");
    let _still_stalled = listening.connect().write_all(head.as_bytes());
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(sorted(&out), ["m x=1 10000000000", "m x=2 11000000000"]);
    let text = String::from_utf8(gunzip(&saved)).unwrap();
    assert_eq!(text.matches("\nm x=").count(), 2, "{text}");
}

#[test]
fn a_sender_in_the_middle_of_a_request_does_not_keep_the_listener_from_ending() {
    let listening = mirror(&["--read-timeout", "2s"]);
    let mut slow = listening.connect();
    let head = format!("{WRITE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nm x=1");
    slow.write_all(head.as_bytes()).unwrap();
    let mut idle = listening.connect();
    assert_eq!(send(&mut idle, WRITE, "", b"m x=1 1").0, 204);
    let (out, err, code) = listening.stop();
    assert_eq!((&*out, code), ("m x=1 1000000000\n", Some(0)), "{err}");
}

#[test]
fn hostile_bodies_take_no_more_memory_than_was_allowed() {
    // The script never comes to an end, so nothing is played and everything waits.
    let folder = Folder::new("listen-hostile");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '0'");
    let script = folder.write(
        "stuck.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { while true { } }",
    );
    let mut listening = Listening::start(&[script.to_str().unwrap(), "--max-inflight", "8MB"]);
    let body = b"m x=1 1\n".repeat(700_000);
    let bomb = packed(&body);
    let (mut taken, mut full) = (0, 0);
    for _ in 0..8 {
        let gzip = "Content-Encoding: gzip\r\n";
        match send(&mut listening.connect(), WRITE, gzip, &bomb) {
            (204, _) => taken += 1,
            (503, answer) => {
                full += 1;
                assert!(answer.to_lowercase().contains("retry-after: 1"), "{answer}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((taken, full), (1, 7));
    // Small requests are bounded, too.
    let mut stream = listening.connect();
    let refused = (0..20_000).find(|_| send(&mut stream, WRITE, "", b"m x=1 1").0 == 503);
    assert!(refused.is_some());
    assert_eq!(send(&mut listening.connect(), "GET /ping", "", b"").0, 204);
    let used = peak(&listening.child);
    assert!(used < 100 << 10, "{used} KiB");
    listening.child.kill().unwrap();
    listening.child.wait().unwrap();
}

#[test]
fn web_pages_cannot_write() {
    let listening = mirror(&[]);
    let mut stream = listening.connect();
    for (headers, why) in [
        ("Origin: https://evil.example\r\n", "requests from web pages are refused"),
        ("Origin: null\r\nContent-Type: text/plain\r\n", "requests from web pages are refused"),
    ] {
        let (status, answer) = send(&mut stream, WRITE, headers, b"m x=1 1");
        assert!(status == 403 && answer.contains(why), "{answer}");
    }
    // A name that was made to lead to the loopback address.
    let rebound = "POST /write?db=d HTTP/1.1\r\nHost: evil.example:9092\r\nContent-Length: 7\r\nConnection: \
                   close\r\n\r\nm x=1 1";
    let answer = raw(&listening, rebound.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("--allow-host"), "{answer}");
    assert_eq!(send(&mut stream, WRITE, "", b"m x=7 1").0, 204);
    let (out, err, _) = listening.stop();
    assert_eq!(out, "m x=7 1000000000\n", "{err}");
    let proxied = mirror(&["--allow-host", "evil.example"]);
    assert!(raw(&proxied, rebound.as_bytes()).starts_with("HTTP/1.1 204 "));
}

#[test]
fn only_those_who_know_the_password_or_the_token_write_and_neither_is_logged() {
    let folder = Folder::new("listen-tokens");
    let file = folder.write("tokens", "\nfrom-file\nanother\n");
    let listening = mirror(&[
        "--user",
        "ann:s3cret word",
        "--token",
        "t0ken",
        "--token-file",
        file.to_str().unwrap(),
        "--log-level",
        "trace",
    ]);
    let mut stream = listening.connect();
    assert_eq!(send(&mut stream, "GET /ping", "", b"").0, 204, "as InfluxDB has it");
    let mut expected = Vec::new();
    for (i, (query, header)) in [
        ("", "Authorization: Basic YW5uOnMzY3JldCB3b3Jk\r\n"),
        ("&u=ann&p=s3cret+word", ""),
        ("&p=s3cret%20word&u=ann", ""),
        ("", "Authorization: Token t0ken\r\n"),
        ("", "Authorization: Bearer from-file\r\n"),
        ("", "authorization: token another\r\n"),
        ("", "Authorization: Token ann:s3cret word\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!("m x={i} 1");
        let (status, answer) =
            send(&mut stream, &format!("{WRITE}{query}"), header, body.as_bytes());
        assert_eq!(status, 204, "{query} {header} {answer}");
        expected.push(format!("{body}000000000"));
    }
    for (query, header) in [
        ("", ""),
        ("&u=ann&p=s3cret", ""),
        ("&u=&p=", ""),
        ("", "Authorization: Basic YW5uOnMzY3JldA==\r\n"),
        ("", "Authorization: Token t0ke\r\n"),
        ("", "Authorization: Token \r\n"),
    ] {
        let (status, answer) = send(&mut stream, &format!("{WRITE}{query}"), header, b"m x=9 1");
        assert!(status == 401 && answer.contains("authorization failed"), "{answer}");
        assert!(answer.contains("WWW-Authenticate: Basic"), "{answer}");
    }
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0));
    assert_eq!(sorted(&out), expected);
    for secret in ["s3cret", "t0ken", "from-file", "YW5u"] {
        assert!(!err.contains(secret), "{err}");
    }
}

#[test]
fn lengths_that_are_wrong_or_conflict_are_refused() {
    let listening = mirror(&[]);
    for headers in [
        "Content-Length: -1",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 7\r\nContent-Length: 8",
        "Content-Length: 7\r\nTransfer-Encoding: chunked",
        "Content-Length: seven",
    ] {
        let request = format!("{WRITE} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\nm x=1 1");
        let answer = raw(&listening, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{headers}: {answer}");
    }
    let large = format!("{WRITE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 25000001\r\n\r\n");
    assert!(raw(&listening, large.as_bytes()).starts_with("HTTP/1.1 413 "));
    let (out, err, code) = listening.stop();
    assert_eq!((&*out, code), ("", Some(0)), "{err}");
}

#[test]
fn chunked_bodies_and_pipelined_requests_are_taken() {
    let listening = mirror(&[]);
    let head = format!("{WRITE} HTTP/1.1\r\nHost: localhost\r\n");
    let request = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n5\r\nm x=1\r\n4\r\n 1\nm\r\n7\r\n x=2 2\n\r\n0\r\n\r\n\
         {head}Expect: 100-continue\r\nContent-Length: 7\r\nConnection: close\r\n\r\nm x=3 3"
    );
    let answer = raw(&listening, request.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 204 ").count(), 2, "{answer}");
    assert!(answer.contains("HTTP/1.1 100 Continue\r\n\r\n"), "{answer}");
    let (out, err, _) = listening.stop();
    assert_eq!(sorted(&out), ["m x=1 1000000000", "m x=2 2000000000", "m x=3 3000000000"], "{err}");
}

#[test]
fn five_hundred_connections_and_garbage_leave_room_for_an_honest_sender() {
    let mut listening = mirror(&["--max-connections", "200"]);
    let kinds: [&[u8]; 7] = [
        b"",
        b"POST /wri",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /write?db=d HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"POST /write?db=d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nm x",
        b"POST /write?db=d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\nm x=",
        b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let mut all = Vec::new();
    let mut honest = 0;
    for i in 0..500 {
        let mut stream = listening.connect();
        let _ = stream.write_all(kinds[i % kinds.len()]);
        if i % 5 == 0 {
            // A half-closed socket.
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        all.push(stream);
        if i % 50 == 49 {
            // Those who are in the middle of a request keep their places for a second.
            let (status, answer) = send(&mut listening.connect(), WRITE, "", b"m x=1 1");
            assert!(status == 204 || status == 503, "{answer}");
            honest += usize::from(status == 204);
        }
    }
    assert!(honest >= 4, "{honest}");
    let end = std::time::Instant::now() + crate::daemon::NEVER;
    while send(&mut listening.connect(), WRITE, "", b"m x=2 2").0 != 204 {
        assert!(std::time::Instant::now() < end, "no place is ever free");
    }
    assert!(listening.child.try_wait().unwrap().is_none());
    drop(all);
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.lines().count(), honest + 1, "{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn a_disk_that_is_full_or_an_output_that_is_closed_still_saves_what_was_played() {
    let folder = Folder::new("listen-closed");
    let saved = folder.path("saved.srpl");
    let mut listening = mirror(&["--save", saved.to_str().unwrap()]);
    drop(listening.child.stdout.take());
    // A process that another test is starting holds our end of the pipe until it runs, so the listener
    // may notice only with a later point that nobody reads its output.
    let write = |time: u32| {
        let mut stream = TcpStream::connect(&listening.address).ok()?;
        exchange(&mut stream, WRITE, "", format!("m x=1 {time}").as_bytes()).ok()
    };
    let acknowledged = (1..).take_while(|time| matches!(write(*time), Some((204, _)))).count();
    assert!(acknowledged > 0);
    let mut err = String::new();
    listening.stderr.read_to_string(&mut err).unwrap();
    assert_eq!(listening.child.wait().unwrap().code(), Some(0), "{err}");
    let saved = String::from_utf8(gunzip(&saved)).unwrap();
    for time in 1..=acknowledged {
        assert!(saved.contains(&format!("m x=1 {time}000000000\n")), "{time}: {saved}");
    }
}

#[test]
fn points_of_foreign_measurements_do_not_end_the_listener() {
    let folder = Folder::new("listen-mixed");
    let script = folder.write(
        "double.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { p.x *= 2.0; emit(p); }",
    );
    let script = script.to_str().unwrap();
    let body = b"cpu x=1 1\nmem free=5i 2\ncpu x=2 3\ndisk used=1 4\ndisk used=2 5";
    let lines = ["cpu x=2 1000000000", "cpu x=4 3000000000"];
    // Telegraf mixes measurements.
    let listening = Listening::start(&[script, "--format", "lp"]);
    assert_eq!(send(&mut listening.connect(), WRITE, "", body).0, 204);
    let (out, err, code) = listening.stop();
    assert_eq!((sorted(&out), code), (lines.to_vec(), Some(0)), "{err}");
    assert!(err.contains("double.rhai:2:19:") && err.contains("the point is dropped"), "{err}");
    assert!(err.contains("3 errors in all"), "{err}");
    // Those that are not asked for are passed by, and nothing fails.
    let listening = Listening::start(&[script, "--format", "lp", "--measurement", "cpu"]);
    assert_eq!(send(&mut listening.connect(), WRITE, "", body).0, 204);
    let (out, err, code) = listening.stop();
    assert_eq!((sorted(&out), code), (lines.to_vec(), Some(0)), "{err}");
    assert!(!err.contains("dropped"), "{err}");
    assert!(err.contains("5 points in (3 passed by), "), "{err}");
    // Who wants to stop says so.
    folder.write("rhai-udf.toml", "on_error = 'stop'");
    let saved = folder.path("saved.srpl");
    let mut listening =
        Listening::start(&[script, "--format", "lp", "--save", saved.to_str().unwrap()]);
    assert_eq!(send(&mut listening.connect(), WRITE, "", body).0, 204);
    let mut err = String::new();
    listening.stderr.read_to_string(&mut err).unwrap();
    assert_eq!(listening.child.wait().unwrap().code(), Some(1), "{err}");
    let text = String::from_utf8(gunzip(&saved)).unwrap();
    assert!(text.contains("cpu x=1") && text.contains("mem free"), "{text}");
}
