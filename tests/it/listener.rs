//! `rhai-udf listen`, started for a test, and requests to it.

use crate::util::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A listener, ended with the test.
pub(crate) struct Listening {
    pub(crate) child: Child,
    pub(crate) stderr: BufReader<std::process::ChildStderr>,
    pub(crate) address: String,
    /// What it said before it listened.
    pub(crate) early: String,
}

impl Listening {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = binary()
            .arg("listen")
            .args(arguments)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "{text}");
            if let Some((_, address)) = line.split_once("listening on http") {
                let address = address.trim_start_matches('s').trim_start_matches("://");
                break address.trim().trim_end_matches("\"}").to_owned();
            }
            text += &line;
        };
        Self { child, stderr, address, early: text }
    }

    /// Ends it as a power cut does; its output.
    pub(crate) fn kill(self) -> String {
        self.kill_with_log().0
    }

    /// As [`Listening::kill`]; its output and its errors.
    pub(crate) fn kill_with_log(mut self) -> (String, String) {
        self.child.kill().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        self.child.wait().unwrap();
        (out, err)
    }

    /// Reads lines until one has this in it; all of them.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut all = std::mem::take(&mut self.early);
        if all.contains(text) {
            return all;
        }
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "no '{text}' in {all}");
            all += &line;
            if line.contains(text) {
                return all;
            }
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Ends it as a service manager does; its output, its errors and its exit code.
    pub(crate) fn stop(mut self) -> (String, String, Option<i32>) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (out, err, self.child.wait().unwrap().code())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request on a connection that stays open; status line, headers, body.
pub(crate) fn send(
    stream: &mut TcpStream,
    request: &str,
    headers: &str,
    body: &[u8],
) -> (u16, String) {
    exchange(stream, request, headers, body).unwrap()
}

/// As [`send`], to a listener that may be ending.
pub(crate) fn exchange(
    stream: &mut TcpStream,
    request: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<(u16, String)> {
    let head = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut answer, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        answer += &line;
    }
    let Some(status) = answer.split(' ').nth(1) else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let status = status.parse().unwrap();
    if status != 204 {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        answer += &String::from_utf8(body).unwrap();
    }
    Ok((status, answer))
}
