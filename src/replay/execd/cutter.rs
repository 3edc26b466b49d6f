//! Cuts the input into lines. A text in quotes may hold newlines; a bad line that opens a quote must
//! not swallow the good ones after it.

use crate::protocol::Point;
use crate::protocol::line::{Cut, LineError, Reader, cut};
use memchr::memchr;

/// A line with texts in quotes is at most this long.
const LONG: usize = 1 << 20;

/// The next result.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// A point was read.
    Point,
    /// A line is not a point: the reason, and its beginning.
    Bad(LineError, String),
    /// More has to be read.
    More,
}

/// Bytes that were read and not handled yet.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    bytes: Vec<u8>,
    start: usize,
    reader: Reader,
    /// Whether the rest of a line that is too long is being skipped.
    skipping: bool,
}

impl Cutter {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, ..Self::default() }
    }

    /// Appends the bytes that were read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The time of points that have none.
    pub(super) fn set_now(&mut self, now: i64) {
        self.reader.set_now(now);
    }

    /// Reads the next point; `ended`: nothing more will come.
    pub(super) fn next(&mut self, point: &mut Point, ended: bool) -> Next {
        loop {
            let rest = &self.bytes[self.start..];
            if rest.is_empty() {
                return Next::More;
            }
            if self.skipping {
                let Some(newline) = memchr(b'\n', rest) else {
                    self.start = self.bytes.len();
                    return Next::More;
                };
                self.start += newline + 1;
                self.skipping = false;
                continue;
            }
            let length = rest.len();
            let (len, end) = match cut(rest, u64::MAX) {
                Cut::Line { len, end, .. } => (len, end),
                Cut::Partial { .. } if ended => (length, length),
                Cut::Partial { .. } if self.is_a_quote_forgotten(point) => {
                    return self.first_line(point);
                }
                Cut::Partial { newlines: 0, .. } if length > LONG => {
                    let shown = beginning(&self.bytes[self.start..]);
                    self.skipping = true;
                    return Next::Bad(too_long(), shown);
                }
                Cut::Partial { .. } => return Next::More,
            };
            let line = &self.bytes[self.start..self.start + len];
            match self.reader.read(line, point) {
                Ok(is_point) => {
                    self.start += end;
                    if is_point {
                        return Next::Point;
                    }
                }
                // The text after an open quote may have valid lines.
                Err(_) if memchr(b'\n', line).is_some() => return self.first_line(point),
                Err(error) => {
                    let shown = beginning(line);
                    self.start += end;
                    return Next::Bad(error, shown);
                }
            }
        }
    }

    /// True if a quote is open over a newline, and the line after it would be a point by itself, or too much
    /// has come without a quote that closes it.
    fn is_a_quote_forgotten(&mut self, point: &mut Point) -> bool {
        let rest = &self.bytes[self.start..];
        let Some(newline) = memchr(b'\n', rest) else { return false };
        let after = &rest[newline + 1..];
        let Some(second) = memchr(b'\n', after) else { return false };
        rest.len() > LONG || self.reader.read(&after[..second], point).unwrap_or(false)
    }

    /// Skips the first of several lines that are not a point together.
    fn first_line(&mut self, point: &mut Point) -> Next {
        let rest = &self.bytes[self.start..];
        let end = memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        let line = &rest[..end];
        let error = self.reader.read(line.trim_ascii_end(), point).err();
        let shown = beginning(line);
        self.start += end;
        Next::Bad(error.unwrap_or(LineError::NotUtf8), shown)
    }
}

fn too_long() -> LineError {
    LineError::TooLong { limit: LONG }
}

/// The beginning of a line, for the log.
fn beginning(line: &[u8]) -> String {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN * 4)]);
    let mut shown: String = text.trim_end().chars().take(SHOWN).collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::line::Precision;

    /// The times of the points, and the beginnings of bad lines, of a text that comes in parts.
    fn cut_up(text: &[u8], part: usize) -> Vec<String> {
        let mut cutter = Cutter::new(Reader::with_now(Precision::Nanoseconds, 0));
        let mut point = Point::default();
        let mut all = Vec::new();
        let parts = text.chunks(part).map(Some).chain([None]);
        for part in parts {
            part.into_iter().for_each(|part| cutter.push(part));
            loop {
                match cutter.next(&mut point, part.is_none()) {
                    Next::Point => all.push(point.time().to_string()),
                    Next::Bad(_, line) => all.push(line),
                    Next::More => break,
                }
            }
        }
        all
    }

    #[test]
    fn bad_lines_are_passed_by_however_the_input_is_cut() {
        let text = "m x=1 1\nnonsense\nm x= 2\n\n# note\nm x=1 3\r\nm s=\"a\nb\" 4\nm s=\"open 5\nm x=1 6\nm \
                    x=18446744073709551615u 7\nm x=1 8\nm x=1 9";
        let expected = [
            "1",
            "nonsense",
            "m x= 2",
            "3",
            "4",
            "m s=\"open 5",
            "6",
            "m x=18446744073709551615u 7",
            "8",
            "9",
        ];
        for part in [1, 2, 3, 7, 50, 1000] {
            assert_eq!(cut_up(text.as_bytes(), part), expected, "parts of {part} bytes");
        }
        assert_eq!(cut_up(b"m x=1 1\n\xff\xfe\nm x=1 2\n", 4).len(), 3);
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_than_it_may() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend(b"\nm x=1 2\nm s=\"");
        text.extend(vec![b'\n'; 2 << 20]);
        text.extend(b"m x=1 3\n");
        let all = cut_up(&text, 1 << 16);
        assert_eq!(all.first().map(|line| line.starts_with("xxx")), Some(true));
        assert_eq!(all[1..], ["2", "m s=\"", "3"]);
    }
}
