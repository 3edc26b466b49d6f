//! Files of text, cut into numbered lines.

use crate::protocol::line::{Cut, cut};
use crate::replay::ReplayError;
use memchr::memchr;
use std::io::BufRead;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines that a text in quotes may span.
const SPAN: u64 = 100;

/// Where a line is in a text, without its end, and its number in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberedLine {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) number: u64,
}

/// A text in lines, with their numbers.
pub(super) struct NumberedLines<'r> {
    reader: Box<dyn BufRead + 'r>,
    path: PathBuf,
    /// The number of the latest line; of its first one where it spans several.
    pub(super) number: u64,
    /// The number of the line that is next.
    next: u64,
    buffer: Vec<u8>,
    /// What has been read and not been cut into lines.
    unread: Range<usize>,
    line: Range<usize>,
    ended: bool,
    /// Why nothing more can be read, once what was read has been taken.
    failed: Option<ReplayError>,
}

impl<'r> NumberedLines<'r> {
    pub(super) fn new(reader: Box<dyn BufRead + 'r>, path: &Path) -> Self {
        Self {
            reader,
            path: path.into(),
            number: 0,
            next: 1,
            buffer: Vec::new(),
            unread: 0..0,
            line: 0..0,
            ended: false,
            failed: None,
        }
    }

    /// Goes on to the next line; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, ReplayError> {
        loop {
            let newline = memchr(b'\n', &self.buffer[self.unread.clone()]);
            if let Some(newline) = newline {
                self.take_line(newline);
                return Ok(true);
            }
            if self.ended {
                return Ok(self.take_rest());
            }
            self.fill()?;
        }
    }

    /// Goes on to the next line of line protocol, which may span lines where text in quotes does.
    pub(super) fn advance_point(&mut self) -> Result<bool, ReplayError> {
        loop {
            match cut(&self.buffer[self.unread.clone()], SPAN) {
                Cut::Line { len, end, newlines } => {
                    self.take(len, end, newlines);
                    return Ok(true);
                }
                // A quote that is never closed spoils the line that it is in and no other.
                Cut::Partial { open: true, newlines } if newlines >= SPAN || self.ended => {
                    return self.advance();
                }
                Cut::Partial { .. } if self.ended => return Ok(self.take_rest()),
                Cut::Partial { .. } => self.fill()?,
            }
        }
    }

    /// Takes all whole lines that are there, at least one, with the text that they are in; `text` is memory for what is
    /// read next. False at the end of the file.
    pub(super) fn advance_block(
        &mut self,
        text: &mut Vec<u8>,
        lines: &mut Vec<NumberedLine>,
    ) -> Result<bool, ReplayError> {
        lines.clear();
        if !self.advance_point()? {
            return Ok(false);
        }
        loop {
            let Range { start, end } = self.line;
            lines.push(NumberedLine { start, end, number: self.number });
            while let Cut::Partial { .. } = cut(&self.buffer[self.unread.clone()], SPAN)
                && self.has_room()
            {
                // The text before an error is handled before the error.
                if let Err(error) = self.read_on() {
                    self.failed = Some(error);
                }
            }
            let Cut::Line { len, end, newlines } = cut(&self.buffer[self.unread.clone()], SPAN)
            else {
                break;
            };
            self.take(len, end, newlines);
        }
        let rest = &self.buffer[self.unread.clone()];
        if text.len() < rest.len() {
            text.resize(rest.len(), 0);
        }
        text[..rest.len()].copy_from_slice(rest);
        self.unread = 0..rest.len();
        self.line = 0..0;
        std::mem::swap(&mut self.buffer, text);
        Ok(true)
    }

    /// Returns the latest line without its end.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    pub(super) fn text(&self) -> Result<&str, ReplayError> {
        std::str::from_utf8(self.bytes()).map_err(|_| self.error("the line is not UTF-8".into()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn error(&self, message: String) -> ReplayError {
        ReplayError::Data { path: self.path.clone(), line: Some(self.number), message }
    }

    fn take_line(&mut self, newline: usize) {
        let start = self.unread.start;
        let carriage = self.buffer[start..start + newline].last() == Some(&b'\r');
        self.take(newline - usize::from(carriage), newline + 1, 1);
    }

    /// Takes the last line, which has no end; false if there is none.
    fn take_rest(&mut self) -> bool {
        let len = self.unread.len();
        if len > 0 {
            self.take(len, len, 1);
        }
        len > 0
    }

    fn take(&mut self, len: usize, end: usize, newlines: u64) {
        let start = self.unread.start;
        self.line = start..start + len;
        // Some programs begin a file with a byte order mark.
        if self.next == 1 && self.bytes().starts_with(MARK) {
            self.line.start += MARK.len();
        }
        self.unread.start += end;
        self.number = self.next;
        self.next += newlines;
    }

    /// Reads on, and makes room where there is none.
    fn fill(&mut self) -> Result<(), ReplayError> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        self.line = 0..0;
        if self.buffer.len() - self.unread.end < BLOCK / 2 {
            self.buffer.resize((self.buffer.len() * 2).max(BLOCK), 0);
        }
        self.read_on()
    }

    /// Tells whether more of the file can be read without moving what has been read.
    fn has_room(&self) -> bool {
        let wanted = self.unread.end < BLOCK / 2 && self.unread.end < self.buffer.len();
        wanted && !self.ended && self.failed.is_none()
    }

    /// Reads into the room behind what has been read.
    fn read_on(&mut self) -> Result<(), ReplayError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let read = loop {
            match self.reader.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|source| ReplayError::Read { path: self.path.clone(), source })?;
        self.unread.end += read;
        self.ended = read == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::super::packed::open;
    use super::*;
    use std::io::Write;

    fn numbered(text: &[u8], points: bool) -> Vec<(u64, String)> {
        let text: Box<dyn BufRead> = Box::new(std::io::Cursor::new(text.to_vec()));
        let mut lines = NumberedLines::new(text, Path::new("x"));
        let mut read = Vec::new();
        while if points { lines.advance_point() } else { lines.advance() }.unwrap() {
            read.push((lines.number, lines.text().unwrap().to_owned()));
        }
        read
    }

    #[test]
    fn lines_are_numbered_where_they_begin() {
        let text = b"a\r\n\nm x=\"1\n2\" 3\nlast";
        let expected = |lines: &[(u64, &str)]| -> Vec<(u64, String)> {
            lines.iter().map(|(number, line)| (*number, (*line).to_owned())).collect()
        };
        let plain = [(1, "a"), (2, ""), (3, "m x=\"1"), (4, "2\" 3"), (5, "last")];
        assert_eq!(numbered(text, false), expected(&plain));
        let points = [(1, "a"), (2, ""), (3, "m x=\"1\n2\" 3"), (5, "last")];
        assert_eq!(numbered(text, true), expected(&points));
        let open = [(1, "m x=\"open"), (2, "m x=1 2")];
        assert_eq!(numbered(b"m x=\"open\nm x=1 2\n", true), expected(&open));
        assert_eq!(numbered(b"", true), []);
    }

    #[test]
    fn a_line_may_be_longer_than_a_block_and_a_text_may_not_span_more_than_a_hundred_lines() {
        let long = format!("{}\nshort\n{}", "a".repeat(BLOCK * 3), "b".repeat(BLOCK));
        let lengths: Vec<usize> =
            numbered(long.as_bytes(), true).iter().map(|l| l.1.len()).collect();
        assert_eq!(lengths, [BLOCK * 3, 5, BLOCK]);
        let spanning = |lines: usize| format!("m x=\"{}\" 1\nm x=2 2\n", "line\n".repeat(lines));
        assert_eq!(numbered(spanning(99).as_bytes(), true).len(), 2);
        assert_eq!(numbered(spanning(100).as_bytes(), true).len(), 102);
    }

    #[test]
    fn packed_files_are_counted_and_read_to_their_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lp.gz");
        let text: String = (0..200_000u64).map(|i| format!("line {}\n", i * i)).collect();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        std::fs::write(&path, &packed).unwrap();
        let reading = Reading::default();
        let mut read = String::new();
        open(&path, &reading).unwrap().read_to_string(&mut read).unwrap();
        assert!(read == text);
        assert_eq!(reading.bytes.get(), packed.len() as u64);
        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let mut lines = NumberedLines::new(open(&path, &reading).unwrap(), &path);
        let mut count = 0;
        let error = loop {
            match lines.advance() {
                Ok(more) => assert!(more),
                Err(error) => break error.to_string(),
            }
            count += 1;
        };
        assert!(count > 50_000, "{count}");
        assert!(error.contains("x.lp.gz: cannot be read"), "{error}");
    }
}
