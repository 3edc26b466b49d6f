//! The wire format of protocol buffers, as far as reading ONNX needs it.

use crate::model::error::{ModelError, Result};

/// The value of a field, by its wire type.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(ModelError::damaged("a number where a message or a string is wanted")),
        }
    }

    /// A string; bytes that are no UTF-8 are replaced.
    pub(super) fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    pub(super) fn int(self) -> Result<i64> {
        match self {
            Self::Varint(value) => Ok(value as i64),
            _ => Err(ModelError::damaged("no integer where one is wanted")),
        }
    }

    pub(super) fn float(self) -> Result<f32> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(ModelError::damaged("no float where one is wanted")),
        }
    }

    /// Appends integers, whether they are packed or not.
    pub(super) fn ints(self, to: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Varint(value) => to.push(value as i64),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    to.push(varint(&mut bytes)? as i64);
                }
            }
            _ => return Err(ModelError::damaged("floats where integers are wanted")),
        }
        Ok(())
    }

    /// Appends floats, whether they are packed or not.
    pub(super) fn floats(self, to: &mut Vec<f32>) -> Result<()> {
        match self {
            Self::Fixed32(bytes) => to.push(f32::from_le_bytes(bytes)),
            Self::Bytes(bytes) => to.extend(chunks(bytes)?.iter().map(|b| f32::from_le_bytes(*b))),
            _ => return Err(ModelError::damaged("integers where floats are wanted")),
        }
        Ok(())
    }

    /// Appends doubles, whether they are packed or not.
    pub(super) fn doubles(self, to: &mut Vec<f64>) -> Result<()> {
        match self {
            Self::Fixed64(bytes) => to.push(f64::from_le_bytes(bytes)),
            Self::Bytes(bytes) => to.extend(chunks(bytes)?.iter().map(|b| f64::from_le_bytes(*b))),
            _ => return Err(ModelError::damaged("integers where doubles are wanted")),
        }
        Ok(())
    }
}

/// Cuts bytes into pieces of `N`; a rest is an error.
pub(super) fn chunks<const N: usize>(bytes: &[u8]) -> Result<&[[u8; N]]> {
    match bytes.as_chunks() {
        (chunks, []) => Ok(chunks),
        _ => Err(ModelError::damaged(format!("{} bytes of values of {N} bytes", bytes.len()))),
    }
}

/// The fields of a message, in the order in which they were written.
pub(super) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// An iterator over the numbers and values of fields.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Field<'a>)> {
        let key = varint(&mut self.rest)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => Field::Fixed64(self.array()?),
            2 => {
                let length = varint(&mut self.rest)?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(self.array()?),
            other => return Err(ModelError::damaged(format!("the wire type {other} is unknown"))),
        };
        Ok((key >> 3, field))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

fn truncated() -> ModelError {
    ModelError::damaged("it ends in the middle of a value")
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(truncated)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ModelError::damaged("an integer of more than ten bytes"))
}
