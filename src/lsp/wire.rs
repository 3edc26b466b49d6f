//! Messages on a stream: headers, an empty line, JSON.
//!
//! Bytes that are not a message are reported and skipped, up to the next valid header.

use lsp_server::Message;
use std::io::{self, BufRead, Read};

/// Bytes of a line of a header, and of a message.
const LONGEST_LINE: u64 = 8 << 10;
const LONGEST_MESSAGE: usize = 256 << 20;

/// What a client sent.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// Bytes that are none, and why.
    Broken(String),
}

/// Reads the next message; `None` at the end of the input.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if let Some(text) = header(line, "content-length") {
            match text.parse::<usize>() {
                Ok(n) if n <= LONGEST_MESSAGE => length = Some(n),
                _ => return Ok(Some(Incoming::Broken(format!("Content-Length is '{text}'")))),
            }
        }
        // Lines that are not a header are skipped.
        if line.is_empty() && length.is_some() {
            break;
        }
    }
    let mut body = Vec::new();
    let wanted = length.unwrap_or_default();
    if input.take(wanted as u64).read_to_end(&mut body)? < wanted {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice(&body) {
        Ok(message) => Incoming::Message(message),
        Err(error) => Incoming::Broken(format!("the message cannot be read: {error}")),
    }))
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_between_other_bytes() {
        let body = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let good = format!("Content-Type: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let text = format!(
            "\u{0}garbage\r\n\r\n{good}Content-Length: 3\r\n\r\n[}}x{good}Content-Length: -1\r\n{good}"
        );
        let mut input = text.as_bytes();
        let mut seen = Vec::new();
        while let Some(next) = read(&mut input).unwrap() {
            seen.push(matches!(next, Incoming::Message(_)));
        }
        assert_eq!(seen, [true, false, true, false, true]);
    }
}
