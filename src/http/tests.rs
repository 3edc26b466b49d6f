//! Connections in memory, with senders of every kind.

use super::*;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A sender whose bytes are all there, in reads of some size; then it closes or falls silent.
struct Sender<'b> {
    bytes: &'b [u8],
    part: usize,
    silent: bool,
    received: Vec<u8>,
}

impl Read for Sender<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.silent {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.part.min(self.bytes.len()).min(out.len());
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link for Sender<'_> {
    fn wait_at_most(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn close_writing(&mut self) {}
}

/// Answers with the method, the path and the body.
struct Echo;

impl Service for Echo {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        match &*request.head.path {
            "/refuse" => return Response::text(401, "no"),
            "/panic" => panic!("on purpose"),
            _ => {}
        }
        let mut body = String::new();
        let Head { method, path, .. } = request.head;
        match request.body.read_to_string(&mut body) {
            Ok(_) => Response::text(200, &format!("{method} {path} [{body}]")),
            Err(error) => Response::text(400, &format!("body: {:?}", error.kind())),
        }
    }
}

/// The statuses and bodies of all answers, and whether the last one closes.
fn answers(input: &[u8], part: usize, silent: bool) -> (Vec<String>, bool) {
    let mut sender = Sender { bytes: input, part, silent, received: Vec::new() };
    serve_link(&mut sender, &Echo, Limits::default());
    let text = String::from_utf8(sender.received).unwrap();
    let all: Vec<&str> = text.split("HTTP/1.1 ").skip(1).collect();
    let closes = all.last().is_some_and(|last| last.contains("Connection: close"));
    let short = all.iter().map(|answer| {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {}", &head[..3], body.trim_end())
    });
    (short.collect(), closes)
}

#[track_caller]
fn check(input: &str, expected: &[&str], closes: bool) {
    for part in [1, 3, 7, usize::MAX] {
        let (got, closed) = answers(input.as_bytes(), part, false);
        assert_eq!(got, expected, "in parts of {part}");
        assert_eq!(closed, closes, "in parts of {part}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    check(
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyzPOST /c \
         HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: \
         x\r\n\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n",
        &["200 GET /a []", "200 POST /b [xyz]", "200 POST /c [hello]", "200 GET /d []"],
        true,
    );
}

#[test]
fn http_1_0_closes_unless_it_is_asked_not_to() {
    check("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n", &["200 GET /a []"], true);
    check(
        "GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
        &["200 GET /a []", "200 GET /b []"],
        true,
    );
}

#[test]
fn the_answer_to_head_has_no_body() {
    check("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", &["200 "], false);
}

#[test]
fn a_sender_that_waits_for_100_continue_is_told_to_go_on() {
    let post = "HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    check(&format!("POST /a {post}xyz"), &["100 ", "200 POST /a [xyz]"], false);
    check(&format!("POST /refuse {post}"), &["401 no"], true);
    let odd = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nxyz";
    check(odd, &["417 Expect can only be '100-continue'"], true);
}

#[test]
fn a_body_that_is_not_read_is_skipped_if_it_is_small() {
    let post = |length: usize| {
        let body = "x".repeat(length);
        format!(
            "POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}GET /next \
             HTTP/1.1\r\nHost: h\r\n\r\n"
        )
    };
    let (got, _) = answers(post(1000).as_bytes(), usize::MAX, false);
    assert_eq!(got, ["401 no", "200 GET /next []"]);
    let (got, closes) = answers(post(10_000_000).as_bytes(), usize::MAX, false);
    assert_eq!((got.len(), closes), (1, true));
}

#[test]
fn broken_chunks_and_early_ends_close_the_connection() {
    let head = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for bad in [
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "+1\r\nx\r\n",
        "ffffffffffffffffff\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n",
        " 1\r\nx\r\n",
    ] {
        check(&format!("{head}{bad}GET /no HTTP/1.1\r\n\r\n"), &["400 body: InvalidData"], true);
    }
    let long = format!("{head}1;{}\r\n", "x".repeat(10_000));
    check(&long, &["400 body: InvalidData"], true);
    check(&format!("{head}5\r\nab"), &["400 body: UnexpectedEof"], true);
    check(
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
        &["400 body: UnexpectedEof"],
        true,
    );
}

#[test]
fn a_silent_sender_is_told_or_left() {
    assert_eq!(answers(b"", 1, true), (vec![], false));
    let head = b"GET /a HTTP/1.1\r\nHo";
    assert_eq!(answers(head, 9, true).0, ["408 the request did not come in time"]);
    let body = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
    assert_eq!(answers(body, 9, true), (vec!["400 body: TimedOut".into()], true));
    let idle = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(answers(idle, 9, true), (vec!["200 GET /a []".into()], false));
}

#[test]
fn what_is_not_http_is_refused() {
    check("\x16\x03\x01\x02\x00\x01\x00", &["400 the request is not HTTP: invalid token"], true);
    check("GET / HTTP/3.0\r\n\r\n", &["505 only HTTP 1.0 and 1.1 are supported"], true);
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "y".repeat(20_000));
    check(&long, &["431 the head is longer than 16384 bytes"], true);
}

#[test]
fn a_service_that_panics_fails_one_request() {
    check("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n", &["500 the server has failed"], true);
}
