//! Points that arrive over HTTP.

use crate::util::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A listener, ended with the test.
struct Listening {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Listening {
    fn start(arguments: &[&str]) -> Self {
        let mut child = binary()
            .arg("listen")
            .args(arguments)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, stderr, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Ends it as a service manager does; its output, its errors and its exit code.
    fn stop(mut self) -> (String, String, Option<i32>) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (out, err, self.child.wait().unwrap().code())
    }
}

/// Sends a request on a connection that stays open; status line, headers, body.
fn send(stream: &mut TcpStream, request: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let head =
        format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut answer, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        answer += &line;
    }
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    if status != 204 {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        answer += &String::from_utf8(body).unwrap();
    }
    (status, answer)
}

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
        (write, "", &b"m x=4 13\nnonsense\n"[..], 400, "{\"error\":\"not line protocol"),
        (write, "", b"\xff\xfe", 400, "not UTF-8"),
        (write, gzip, b"not gzip", 400, "cannot be read"),
        ("POST /write?precision=s", "", b"m x=1 1", 400, "{\"error\":\"database is required\"}"),
        ("POST /write?db=d&precision=x", "", b"m x=1 1", 400, "invalid precision"),
        ("GET /write?db=d", "", b"", 405, "method not allowed"),
        ("POST /query", "", b"", 404, "only /write and /ping"),
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

#[test]
fn what_listens_cannot_take_batches() {
    let folder = Folder::new("listen-batch");
    let script = folder.write("b.tick", "batch|query('SELECT x FROM m').period(1m).every(1m)");
    let run = feed(binary().arg("listen").arg(script), &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("replay it with --influxdb"), "{}", run.stderr);
}
