//! Universal Binary JSON (draft 12), as a source of serde values.

use crate::model::error::{ModelError, Result};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};

/// How deep values may lie in each other.
const DEPTH: usize = 64;

/// Reads a document.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader { rest: bytes, depth: DEPTH };
    T::deserialize(Next { reader: &mut reader, kind: None }).map_err(|e| ModelError::Damaged(e.0))
}

/// What serde finds wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Problem(String);

impl de::Error for Problem {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Parsed<T> = std::result::Result<T, Problem>;

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Parsed<u8> {
        loop {
            let byte = self.array::<1>()?[0];
            // `N` is a filler without a meaning.
            if byte != b'N' {
                return Ok(byte);
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn int(&mut self, kind: u8) -> Parsed<i64> {
        Ok(match kind {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return Err(Problem(format!("the type {:?} for a number", char::from(other)))),
        })
    }

    fn length(&mut self) -> Parsed<usize> {
        let kind = self.byte()?;
        let length = self.int(kind)?;
        usize::try_from(length).map_err(|_| Problem("a negative length".into()))
    }

    fn text(&mut self) -> Parsed<String> {
        let length = self.length()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// The header of a container: the kind of all its elements and their number, if it says so.
    fn header(&mut self) -> Parsed<(Option<u8>, Option<usize>)> {
        let mut kind = None;
        if self.rest.first() == Some(&b'$') {
            self.rest = &self.rest[1..];
            kind = Some(self.array::<1>()?[0]);
            if self.rest.first() != Some(&b'#') {
                return Err(Problem("a typed container without a count".into()));
            }
        }
        if self.rest.first() == Some(&b'#') {
            self.rest = &self.rest[1..];
            let count = self.length()?;
            // Elements without bytes would take no space in the file, but time and memory.
            if matches!(kind, Some(b'T' | b'F' | b'Z' | b'N')) && count > self.rest.len() {
                return Err(truncated());
            }
            return Ok((kind, Some(count)));
        }
        Ok((kind, None))
    }
}

fn truncated() -> Problem {
    Problem("it ends in the middle of a value".into())
}

/// The next value; its kind may have been given by the container.
struct Next<'r, 'a> {
    reader: &'r mut Reader<'a>,
    kind: Option<u8>,
}

impl<'de> Deserializer<'de> for Next<'_, '_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        let reader = self.reader;
        let kind = match self.kind {
            Some(kind) => kind,
            None => reader.byte()?,
        };
        match kind {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(reader.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(reader.array()?)),
            b'S' | b'H' => visitor.visit_string(reader.text()?),
            b'C' => visitor.visit_char(char::from(reader.array::<1>()?[0])),
            b'[' | b'{' => {
                reader.depth = reader
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| Problem(format!("values lie more than {DEPTH} deep")))?;
                let (kind_of, left) = reader.header()?;
                let container = Container { reader: &mut *reader, kind: kind_of, left };
                let value = if kind == b'[' {
                    visitor.visit_seq(container)
                } else {
                    visitor.visit_map(container)
                }?;
                reader.depth += 1;
                Ok(value)
            }
            kind => visitor.visit_i64(reader.int(kind)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a list or a map.
struct Container<'r, 'a> {
    reader: &'r mut Reader<'a>,
    kind: Option<u8>,
    /// How many are left; none where an end mark follows the last.
    left: Option<usize>,
}

impl Container<'_, '_> {
    /// Whether another element follows.
    fn more(&mut self, end: u8) -> Parsed<bool> {
        match &mut self.left {
            Some(left) => {
                let more = *left > 0;
                *left = left.saturating_sub(1);
                Ok(more)
            }
            None => {
                while self.reader.rest.first() == Some(&b'N') {
                    self.reader.rest = &self.reader.rest[1..];
                }
                match self.reader.rest.split_first() {
                    Some((&byte, rest)) if byte == end => {
                        self.reader.rest = rest;
                        Ok(false)
                    }
                    Some(_) => Ok(true),
                    None => Err(truncated()),
                }
            }
        }
    }
}

impl<'de> SeqAccess<'de> for Container<'_, '_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Parsed<Option<T::Value>> {
        if !self.more(b']')? {
            return Ok(None);
        }
        seed.deserialize(Next { reader: self.reader, kind: self.kind }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Container<'_, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Parsed<Option<K::Value>> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        let key = self.reader.text()?;
        seed.deserialize(de::value::StringDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Parsed<T::Value> {
        seed.deserialize(Next { reader: self.reader, kind: self.kind })
    }
}
