//! Where a line ends: at a newline that is neither inside of text in quotes nor escaped.
//!
//! The rules are those of InfluxDB's `scanLine`: a quote counts after the first space that is not
//! escaped, where more `=` than commas were seen, so quotes in names and tags are plain characters.

use memchr::{memchr, memchr2};

/// The first line of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A whole line: `len` bytes without its end, `end` bytes with it.
    Line {
        /// The bytes of the line.
        len: usize,
        /// The bytes up to the next line.
        end: usize,
        /// The newlines up to the next line.
        newlines: u64,
    },
    /// The bytes end before the line does; `open` where inside of text in quotes.
    Partial {
        /// Whether a quote is open.
        open: bool,
        /// The newlines so far.
        newlines: u64,
    },
}

/// Finds the end of the first line, which may hold at most `newlines` newlines: with more of them, a
/// quote was probably forgotten, and the rest is an open text.
#[inline]
pub fn cut(bytes: &[u8], newlines: u64) -> Cut {
    let Some(newline) = memchr(b'\n', bytes) else {
        return match memchr2(b'"', b'\\', bytes) {
            None => Cut::Partial { open: false, newlines: 0 },
            Some(_) => scan(bytes, newlines),
        };
    };
    if memchr2(b'"', b'\\', &bytes[..newline]).is_none() || is_comment(bytes) {
        return line(bytes, newline, 1);
    }
    scan(bytes, newlines)
}

fn line(bytes: &[u8], newline: usize, newlines: u64) -> Cut {
    let carriage = bytes[..newline].last() == Some(&b'\r');
    Cut::Line { len: newline - usize::from(carriage), end: newline + 1, newlines }
}

/// Whether the first character that is no blank begins a comment.
fn is_comment(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t')) == Some(&b'#')
}

/// Goes through the bytes of a line that holds a quote or a backslash.
fn scan(bytes: &[u8], limit: u64) -> Cut {
    let (mut quoted, mut escaped, mut fields) = (false, false, false);
    let (mut equals, mut commas, mut newlines) = (0u32, 0u32, 0);
    for (at, byte) in bytes.iter().enumerate() {
        newlines += u64::from(*byte == b'\n');
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b' ' => fields = true,
            b'=' if fields && !quoted => equals += 1,
            b',' if fields && !quoted => commas += 1,
            b'"' if fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => return line(bytes, at, newlines),
            b'\n' if newlines >= limit => return Cut::Partial { open: true, newlines },
            _ => {}
        }
    }
    Cut::Partial { open: quoted, newlines }
}
