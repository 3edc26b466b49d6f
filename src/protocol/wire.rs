//! The parts of the protobuf encoding that points and batches need: varints, tags, skipping.

/// The error of a message, and the byte at which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) reason: &'static str,
    pub(crate) at: usize,
}

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// A piece of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, len: (end - start) as u32 }
    }

    pub(crate) fn end(self) -> usize {
        self.start as usize + self.len as usize
    }

    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end()).unwrap_or_default()
    }
}

/// Reads a message from its first byte to its last.
pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn error(&self, reason: &'static str) -> WireError {
        WireError { reason, at: self.at }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    /// A varint of more bytes than one. Lengths mostly have two, and times nine.
    fn long_varint(&mut self) -> Result<u64, WireError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let [low, high @ 0..0x80, ..] = rest {
            self.at += 2;
            return Ok(u64::from(low & 0x7f) | u64::from(*high) << 7);
        }
        if let Some((value, len)) = nine_bytes(rest) {
            self.at += len;
            return Ok(value);
        }
        match read_varint(&self.bytes[self.at.min(self.bytes.len())..], MAX_VARINT) {
            Ok((value, len)) => {
                self.at += len;
                Ok(value)
            }
            Err(VarintError::Short) => Err(self.error("the message ends inside a varint")),
            Err(VarintError::Long) => Err(self.error("a varint is longer than 64 bits")),
        }
    }

    /// The next tag: field number and wire type.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<(u32, u8), WireError> {
        if let Some(&byte) = self.bytes.get(self.at)
            && (8..0x80).contains(&byte)
        {
            self.at += 1;
            return Ok((u32::from(byte >> 3), byte & 7));
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|n| *n > 0 && *n < 1 << 29);
        match number {
            Some(number) => Ok((number, (tag & 7) as u8)),
            None => Err(self.error("a field number is out of range")),
        }
    }

    /// The span of a length-delimited value.
    #[inline]
    pub(crate) fn span(&mut self) -> Result<Span, WireError> {
        let len = self.varint()?;
        if len > (self.bytes.len() - self.at) as u64 {
            return Err(self.error("a length reaches beyond the end of the message"));
        }
        let span = Span { start: self.at as u32, len: len as u32 };
        self.at += len as usize;
        Ok(span)
    }

    pub(crate) fn skip(&mut self, wire_type: u8) -> Result<(), WireError> {
        let width = match wire_type {
            VARINT => return self.varint().map(drop),
            BYTES => return self.span().map(drop),
            FIXED64 => 8,
            FIXED32 => 4,
            _ => return Err(self.error("a wire type is unknown")),
        };
        if self.bytes.len() - self.at < width {
            return Err(self.error("the message ends inside a number"));
        }
        self.at += width;
        Ok(())
    }
}

/// The longest varint of 64 bits.
pub(crate) const MAX_VARINT: usize = 10;

/// Why no varint can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VarintError {
    /// The bytes end inside it.
    Short,
    /// It has more bytes than are allowed, or more than 64 bits.
    Long,
}

/// Reads the varint at the beginning of `bytes`, which may take up to `most` bytes: its value and
/// its length.
#[inline]
pub(crate) fn read_varint(bytes: &[u8], most: usize) -> Result<(u64, usize), VarintError> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(most).enumerate() {
        if i == MAX_VARINT - 1 && byte > 1 {
            return Err(VarintError::Long);
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(if bytes.len() < most { VarintError::Short } else { VarintError::Long })
}

/// Reads a varint of nine bytes, as a time of our days is; `None` for anything else.
#[inline]
fn nine_bytes(bytes: &[u8]) -> Option<(u64, usize)> {
    const MORE: u64 = 0x8080_8080_8080_8080;
    let (first, rest) = bytes.split_first_chunk()?;
    let last = *rest.first().filter(|last| **last < 0x80)?;
    let first = u64::from_le_bytes(*first);
    if first & MORE != MORE {
        return None;
    }
    // Brings seven bits of each byte together: of pairs, then of fours, then of eight.
    let bits = first & !MORE;
    let bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
    let bits = (bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4;
    Some((bits | u64::from(last) << 56, 9))
}

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a length-delimited field.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a varint field.
pub(crate) fn put_int(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | VARINT);
    put_varint(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        let powers = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let mixed = (1..64).map(|bit| 0x9e37_79b9_7f4a_7c15 >> bit);
        for value in powers.chain(mixed).chain([300, u64::MAX, 1_732_147_200_000_000_000]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value));
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.varint(), Ok(value));
            assert!(cursor.is_empty());
            for cut in 0..out.len() {
                assert!(Cursor::new(&out[..cut]).varint().is_err());
            }
            out.extend([0xff; 3]);
            assert_eq!(Cursor::new(&out).varint(), Ok(value));
        }
    }

    #[test]
    fn a_varint_of_eleven_bytes_is_refused() {
        let bytes = [0xff; 11];
        assert!(Cursor::new(&bytes).varint().is_err());
        assert_eq!(read_varint(&bytes, MAX_VARINT), Err(VarintError::Long));
        assert_eq!(read_varint(&bytes[..9], MAX_VARINT), Err(VarintError::Short));
        assert_eq!(read_varint(&bytes, 5), Err(VarintError::Long));
    }
}
