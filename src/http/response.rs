//! Answers.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use std::fmt::Write;

/// An answer, whole in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers besides those that the server writes itself: `Content-Length`, `Date`, `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer in plain text.
    pub fn text(status: u16, text: &str) -> Self {
        let response = Self { body: format!("{text}\n").into_bytes(), ..Self::new(status) };
        response.with_header("Content-Type", "text/plain; charset=utf-8")
    }

    /// Adds a header. Its value must be one line.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes on the wire; the answer to a `HEAD` has no body, but its length.
    pub(super) fn encode(&self, head_only: bool, closes: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()) {
            let _ = write!(text, "Date: {date}\r\n");
        }
        for (name, value) in &self.headers {
            // A value must not begin a line of its own.
            let value = value.replace(|c: char| c.is_control(), " ");
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let bodiless = self.status < 200 || matches!(self.status, 204 | 304);
        if !bodiless {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        if closes {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        if !head_only && !bodiless {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The words behind a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_what_its_status_allows() {
        let text = |response: Response, head_only| {
            String::from_utf8(response.encode(head_only, false)).unwrap()
        };
        let ok = text(Response::text(200, "hello"), false);
        assert!(ok.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{ok}");
        assert!(ok.contains(" GMT\r\n") && ok.contains("Content-Length: 6\r\n"), "{ok}");
        assert!(ok.ends_with("\r\n\r\nhello\n"), "{ok}");
        let head = text(Response::text(200, "hello"), true);
        assert!(head.contains("Content-Length: 6\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(!text(Response::new(204), false).contains("Content-Length"));
        let odd = text(Response::new(200).with_header("X", "a\r\nSet-Cookie: b"), false);
        assert!(odd.contains("X: a  Set-Cookie: b\r\n"), "{odd}");
    }
}
