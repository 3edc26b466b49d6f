//! The body of a request, read from the connection as it is wanted.

use super::head::Framing;
use super::places::State;
use super::wire::Wire;
use std::io::{self, ErrorKind, Read};

/// Bytes of the line before a chunk, and of the lines after the last one.
const LINE: usize = 4 << 10;

/// The body of a request. Reading fails with [`ErrorKind::TimedOut`] if it comes too slowly, with
/// [`ErrorKind::UnexpectedEof`] if it ends early, and with [`ErrorKind::InvalidData`] if its chunks are
/// broken.
#[derive(Debug)]
pub struct Body<'a> {
    wire: &'a mut dyn Source,
    left: Left,
    /// The sender waits for a `100 Continue`.
    asked: bool,
    failed: bool,
}

/// What a body is read from. It hides the lifetimes of a [`Wire`].
trait Source: std::fmt::Debug {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize>;
    /// Returns a line without its end.
    fn line(&mut self) -> io::Result<Vec<u8>>;
    fn go_on(&mut self) -> io::Result<()>;
    fn received(&mut self);
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Bytes(u64),
    /// Bytes of the chunk that is being read, and then more chunks.
    Chunk(u64),
    /// The size of a chunk; `first` has no line end before it.
    Size {
        first: bool,
    },
}

impl<'a> Body<'a> {
    pub(super) fn new(wire: &'a mut Wire<'_>, framing: Framing, asked: bool) -> Self {
        let left = match framing {
            Framing::Empty => Left::Nothing,
            Framing::Length(length) => Left::Bytes(length),
            Framing::Chunked => Left::Size { first: true },
        };
        wire.allow_transfer();
        if left == Left::Nothing {
            wire.is_now(State::Answering);
        }
        Self { wire, left, asked, failed: false }
    }

    /// Returns the length that the sender has said, of what was not read yet.
    pub fn length(&self) -> Option<u64> {
        match self.left {
            Left::Nothing => Some(0),
            Left::Bytes(bytes) => Some(bytes),
            Left::Chunk(_) | Left::Size { .. } => None,
        }
    }

    /// Reads the rest of the body and drops it; false if the rest is too long for that, or if reading fails.
    pub(super) fn finish(&mut self) -> bool {
        const WORTH_IT: usize = 64 << 10;
        // A sender that waits for permission to send the body will perhaps never send it.
        if self.failed || self.asked && self.left != Left::Nothing {
            return false;
        }
        let (mut scratch, mut read) = ([0; 4096], 0);
        while read <= WORTH_IT {
            match self.read(&mut scratch) {
                Ok(0) => return true,
                Ok(count) => read += count,
                Err(_) => return false,
            }
        }
        false
    }

    fn step(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.left {
                Left::Nothing => return Ok(0),
                Left::Bytes(left) | Left::Chunk(left) if left > 0 => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
                    let count = self.wire.read(&mut out[..most])?;
                    if count == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    let left = left - count as u64;
                    self.left = match self.left {
                        Left::Bytes(_) if left == 0 => Left::Nothing,
                        Left::Bytes(_) => Left::Bytes(left),
                        _ => Left::Chunk(left),
                    };
                    if self.left == Left::Nothing {
                        self.wire.received();
                    }
                    return Ok(count);
                }
                Left::Bytes(_) => self.left = Left::Nothing,
                Left::Chunk(_) => self.left = Left::Size { first: false },
                Left::Size { first } => self.left = self.size(first)?,
            }
        }
    }

    /// Reads the line with the size of the next chunk, and after the last chunk the trailers.
    fn size(&mut self, first: bool) -> io::Result<Left> {
        if !first && !self.wire.line()?.is_empty() {
            return Err(broken("a chunk is longer than its size"));
        }
        let line = self.wire.line()?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        let valid = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| valid);
        let size = text.and_then(|text| u64::from_str_radix(text, 16).ok());
        match size.ok_or_else(|| broken("a chunk has no size"))? {
            0 => {
                let mut trailers = 0;
                loop {
                    let line = self.wire.line()?;
                    trailers += line.len();
                    match line.len() {
                        0 => break,
                        _ if trailers > LINE => return Err(broken("the trailers are too long")),
                        _ => {}
                    }
                }
                self.wire.received();
                Ok(Left::Nothing)
            }
            size => Ok(Left::Chunk(size)),
        }
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if out.is_empty() || self.left == Left::Nothing {
            return Ok(0);
        }
        if std::mem::take(&mut self.asked) {
            self.wire.go_on()?;
        }
        let read = self.step(out);
        self.failed = read.is_err();
        read
    }
}

impl Source for Wire<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Wire::read(self, out)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let bytes = self.peek();
            if let Some(end) = bytes[looked..].iter().position(|byte| *byte == b'\n') {
                let line = &bytes[..looked + end];
                // A bare newline ends a line for some readers and not for others.
                let line = line
                    .strip_suffix(b"\r")
                    .ok_or_else(|| broken("a line does not end with CR LF"))?;
                let line = line.to_vec();
                self.consume(line.len() + 2);
                return Ok(line);
            }
            looked = bytes.len();
            if looked > LINE {
                return Err(broken("a line between chunks is too long"));
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn go_on(&mut self) -> io::Result<()> {
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    }

    fn received(&mut self) {
        self.is_now(State::Answering);
    }
}
