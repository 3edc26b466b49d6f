//! A place in a line, and the names and values of tags that are read there with their escapes.

use super::{LineError, Problem};

/// Where a character ends a name, or must be escaped by a backslash to be part of it.
pub(super) const ENDS_MEASUREMENT: u8 = 1;
pub(super) const ENDS_NAME: u8 = 1 << 1;
pub(super) const ENDS_VALUE: u8 = 1 << 2;
/// What a backslash before it is left out for, in measurements and in the rest.
pub(super) const ESCAPED_IN_MEASUREMENT: u8 = 1 << 3;
pub(super) const ESCAPED: u8 = 1 << 4;

/// What each byte is in names and in the values of tags.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let all = ENDS_MEASUREMENT | ENDS_NAME | ENDS_VALUE;
    classes[b' ' as usize] = all | ESCAPED_IN_MEASUREMENT | ESCAPED;
    classes[b'\\' as usize] = all | ESCAPED_IN_MEASUREMENT | ESCAPED;
    classes[b'\t' as usize] = all;
    classes[b'\n' as usize] = all;
    classes[0] = ENDS_MEASUREMENT;
    classes[b',' as usize] = ENDS_MEASUREMENT | ENDS_VALUE | ESCAPED_IN_MEASUREMENT | ESCAPED;
    classes[b'=' as usize] = ENDS_NAME | ESCAPED;
    classes
};

/// A place in a line.
pub(super) struct Cursor<'l> {
    pub(super) line: &'l [u8],
    pub(super) at: usize,
}

impl<'l> Cursor<'l> {
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    pub(super) fn rest(&self) -> &'l [u8] {
        &self.line[self.at..]
    }

    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn spaces(&mut self) -> usize {
        let start = self.at;
        while self.take(b' ') {}
        self.at - start
    }

    #[cold]
    pub(super) fn error(&self, problem: Problem) -> LineError {
        LineError::at(self.line, self.at, problem)
    }

    /// Reads a name or a tag's value up to a byte of the class `ends`; empty where there is none.
    #[inline]
    pub(super) fn text<'t>(
        &mut self,
        ends: u8,
        escaped: u8,
        buffer: &'t mut Vec<u8>,
    ) -> Result<&'t [u8], LineError>
    where
        'l: 't,
    {
        let start = self.at;
        let rest = self.rest();
        let len = rest.iter().position(|b| CLASSES[usize::from(*b)] & ends != 0);
        self.at += len.unwrap_or(rest.len());
        if self.peek() != Some(b'\\') {
            return Ok(&self.line[start..self.at]);
        }
        buffer.clear();
        buffer.extend_from_slice(&self.line[start..self.at]);
        self.unescape(ends, escaped, buffer)?;
        Ok(buffer)
    }

    /// Reads on from a backslash. Before a character that needs no escape, it is a plain backslash.
    #[cold]
    fn unescape(&mut self, ends: u8, escaped: u8, buffer: &mut Vec<u8>) -> Result<(), LineError> {
        while let Some(byte) = self.peek() {
            if byte != b'\\' {
                if CLASSES[usize::from(byte)] & ends != 0 {
                    break;
                }
                buffer.push(byte);
                self.at += 1;
                continue;
            }
            self.at += 1;
            let Some(next) = self.peek() else {
                buffer.push(b'\\');
                break;
            };
            if CLASSES[usize::from(next)] & escaped == 0 {
                buffer.push(b'\\');
            }
            buffer.push(next);
            self.at += 1;
        }
        match buffer.last() {
            Some(b'\\') => Err(self.error(Problem::Backslash)),
            _ => Ok(()),
        }
    }
}
