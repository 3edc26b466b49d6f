//! Script values as bytes: what a snapshot is made of.
//!
//! One byte says the type; numbers are varints or eight bytes; text that occurs again (the keys of
//! every group's map) is written once and referred to. Native objects are written under their registered
//! name: by their own serde form, or as the values of which they are made.

use crate::protocol::wire::{MAX_VARINT, put_varint, read_varint};
use crate::script::api::{Form, NativeError, NativeTypes};
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};
use std::collections::HashMap;

/// How deep values may be nested.
const DEPTH: usize = 100;

/// Strings longer than this are not looked for again.
const SHARED: usize = 64;

const UNIT: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const CHAR: u8 = 5;
const TEXT: u8 = 6;
const ARRAY: u8 = 7;
const MAP: u8 = 8;
const BLOB: u8 = 9;
const NATIVE: u8 = 10;
const HOLDER: u8 = 11;

/// A value that cannot be stored, or bytes that are no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a {0} cannot be stored; keep numbers, text, arrays, maps and the host's objects")]
    Unstorable(String),
    #[error("values are nested more than {DEPTH} deep")]
    TooDeep,
    #[error("the bytes end too early")]
    Short,
    #[error("unknown type {0}")]
    UnknownType(u8),
    #[error("unknown native object '{0}'; another version of rhai-udf wrote it")]
    UnknownNative(String),
    #[error("native object '{name}': {source}")]
    Native { name: String, source: NativeError },
    #[error("a text is not UTF-8, or refers to a text that does not exist")]
    Text,
}

/// Writes values one after the other.
pub(crate) struct Writer<'r> {
    pub(crate) bytes: Vec<u8>,
    types: &'r NativeTypes,
    texts: HashMap<ImmutableString, u64, ahash::RandomState>,
}

impl<'r> Writer<'r> {
    pub(crate) fn new(types: &'r NativeTypes) -> Self {
        Self { bytes: Vec::new(), types, texts: HashMap::default() }
    }

    pub(crate) fn number(&mut self, value: u64) {
        put_varint(&mut self.bytes, value);
    }

    pub(crate) fn slice(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Text: 0 and the text itself, or 1 + its number among the texts before it.
    fn text(&mut self, text: &str) {
        if let Some(number) = self.texts.get(text) {
            self.number(number + 1);
            return;
        }
        if text.len() <= SHARED {
            let number = self.texts.len() as u64;
            self.texts.insert(text.into(), number);
        }
        self.bytes.push(0);
        self.slice(text.as_bytes());
    }

    pub(crate) fn value(&mut self, value: &Dynamic) -> Result<(), CodecError> {
        self.nested(value, 0)
    }

    fn nested(&mut self, value: &Dynamic, depth: usize) -> Result<(), CodecError> {
        if depth > DEPTH {
            return Err(CodecError::TooDeep);
        }
        if value.is_shared() {
            return self.nested(&value.flatten_clone(), depth);
        }
        if value.is_unit() {
            self.bytes.push(UNIT);
        } else if let Ok(flag) = value.as_bool() {
            self.bytes.push(if flag { TRUE } else { FALSE });
        } else if let Ok(int) = value.as_int() {
            self.bytes.push(INT);
            self.number(zigzag(int));
        } else if let Ok(float) = value.as_float() {
            self.bytes.push(FLOAT);
            self.bytes.extend_from_slice(&float.to_le_bytes());
        } else if let Ok(char) = value.as_char() {
            self.bytes.push(CHAR);
            self.number(u64::from(u32::from(char)));
        } else if let Some(text) = value.read_lock::<ImmutableString>() {
            self.bytes.push(TEXT);
            self.text(&text);
        } else if let Some(array) = value.read_lock::<Array>() {
            self.bytes.push(ARRAY);
            self.number(array.len() as u64);
            for value in &*array {
                self.nested(value, depth + 1)?;
            }
        } else if let Some(map) = value.read_lock::<Map>() {
            self.bytes.push(MAP);
            self.number(map.len() as u64);
            for (key, value) in &*map {
                self.text(key);
                self.nested(value, depth + 1)?;
            }
        } else if let Some(blob) = value.read_lock::<Blob>() {
            self.bytes.push(BLOB);
            self.slice(&blob);
        } else {
            self.native(value, depth)?;
        }
        Ok(())
    }

    fn native(&mut self, value: &Dynamic, depth: usize) -> Result<(), CodecError> {
        let Some(native) = self.types.of_value(value) else {
            return Err(CodecError::Unstorable(value.type_name().into()));
        };
        let failed = |source| CodecError::Native { name: native.name.into(), source };
        let write = match native.form {
            Form::Bytes { write, .. } => write,
            Form::Values { parts, .. } => {
                self.bytes.push(HOLDER);
                self.text(native.name);
                return self.nested(&parts(value).map_err(failed)?.into(), depth + 1);
            }
        };
        self.bytes.push(NATIVE);
        self.text(native.name);
        let start = self.bytes.len();
        write(value, &mut self.bytes).map_err(failed)?;
        // The length goes before what was just written; most objects are short.
        let body = self.bytes.split_off(start);
        self.slice(&body);
        Ok(())
    }
}

/// Reads what a [`Writer`] wrote, whatever else the bytes may hold.
pub(crate) struct Reader<'b, 'r> {
    bytes: &'b [u8],
    types: &'r NativeTypes,
    texts: Vec<ImmutableString>,
}

impl<'b, 'r> Reader<'b, 'r> {
    pub(crate) fn new(bytes: &'b [u8], types: &'r NativeTypes) -> Self {
        Self { bytes, types, texts: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        let (first, rest) = self.bytes.split_first().ok_or(CodecError::Short)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, CodecError> {
        let (value, len) = read_varint(self.bytes, MAX_VARINT).map_err(|_| CodecError::Short)?;
        self.bytes = &self.bytes[len..];
        Ok(value)
    }

    pub(crate) fn slice(&mut self) -> Result<&'b [u8], CodecError> {
        let len = self.number()?;
        if len > self.bytes.len() as u64 {
            return Err(CodecError::Short);
        }
        let (slice, rest) = self.bytes.split_at(len as usize);
        self.bytes = rest;
        Ok(slice)
    }

    /// A count of things that take at least a byte each.
    fn count(&mut self) -> Result<usize, CodecError> {
        let count = self.number()?;
        if count > self.bytes.len() as u64 { Err(CodecError::Short) } else { Ok(count as usize) }
    }

    fn text(&mut self) -> Result<ImmutableString, CodecError> {
        match self.number()? {
            0 => {
                let text = std::str::from_utf8(self.slice()?).map_err(|_| CodecError::Text)?;
                let text = ImmutableString::from(text);
                if text.len() <= SHARED {
                    self.texts.push(text.clone());
                }
                Ok(text)
            }
            number => {
                let known = usize::try_from(number - 1).ok().and_then(|i| self.texts.get(i));
                known.cloned().ok_or(CodecError::Text)
            }
        }
    }

    pub(crate) fn value(&mut self) -> Result<Dynamic, CodecError> {
        self.nested(0)
    }

    fn form(&self, name: &str) -> Result<Form, CodecError> {
        let native = self.types.of_name(name);
        native.map(|native| native.form).ok_or_else(|| CodecError::UnknownNative(name.to_owned()))
    }

    fn nested(&mut self, depth: usize) -> Result<Dynamic, CodecError> {
        if depth > DEPTH {
            return Err(CodecError::TooDeep);
        }
        Ok(match self.byte()? {
            UNIT => Dynamic::UNIT,
            FALSE => false.into(),
            TRUE => true.into(),
            INT => unzigzag(self.number()?).into(),
            FLOAT => {
                let (bytes, rest) = self.bytes.split_first_chunk().ok_or(CodecError::Short)?;
                self.bytes = rest;
                f64::from_le_bytes(*bytes).into()
            }
            CHAR => {
                let code = u32::try_from(self.number()?).ok().and_then(char::from_u32);
                code.ok_or(CodecError::Text)?.into()
            }
            TEXT => self.text()?.into(),
            ARRAY => {
                let count = self.count()?;
                let mut array = Array::with_capacity(count.min(1024));
                for _ in 0..count {
                    array.push(self.nested(depth + 1)?);
                }
                array.into()
            }
            MAP => {
                let count = self.count()?;
                let mut map = Map::new();
                for _ in 0..count {
                    let key = self.text()?;
                    map.insert(key.as_str().into(), self.nested(depth + 1)?);
                }
                map.into()
            }
            BLOB => Dynamic::from_blob(self.slice()?.to_vec()),
            NATIVE => {
                let name = self.text()?;
                let body = self.slice()?;
                let Form::Bytes { read, .. } = self.form(&name)? else {
                    return Err(CodecError::UnknownNative(name.to_string()));
                };
                read(body)
                    .map_err(|source| CodecError::Native { name: name.to_string(), source })?
            }
            HOLDER => {
                let name = self.text()?;
                let Form::Values { join, .. } = self.form(&name)? else {
                    return Err(CodecError::UnknownNative(name.to_string()));
                };
                let parts = self.nested(depth + 1)?.try_cast::<Array>();
                let joined = parts.ok_or(NativeError::Type).and_then(join);
                joined.map_err(|source| CodecError::Native { name: name.to_string(), source })?
            }
            other => return Err(CodecError::UnknownType(other)),
        })
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(value: &Dynamic) -> Dynamic {
        let types = NativeTypes::default();
        let mut writer = Writer::new(&types);
        writer.value(value).unwrap();
        let mut reader = Reader::new(&writer.bytes, &types);
        let back = reader.value().unwrap();
        assert!(reader.is_empty());
        back
    }

    fn value() -> impl Strategy<Value = Dynamic> {
        let leaf = prop_oneof![
            Just(Dynamic::UNIT),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<char>().prop_map(Into::into),
            "\\PC{0,80}".prop_map(Into::into),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Dynamic::from_blob),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map("[a-c]{0,3}", inner, 0..6).prop_map(|map| {
                    let map: Map = map.into_iter().map(|(k, v)| (k.into(), v)).collect();
                    map.into()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back(value in value()) {
            prop_assert_eq!(format!("{value:?}"), format!("{:?}", round_trip(&value)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let types = NativeTypes::default();
            let _ = Reader::new(&bytes, &types).value();
        }
    }

    #[test]
    fn the_keys_of_many_groups_are_written_once() {
        let types = NativeTypes::default();
        let mut writer = Writer::new(&types);
        let map: Map = [("a_rather_long_key".into(), 1i64.into())].into();
        for _ in 0..100 {
            writer.value(&map.clone().into()).unwrap();
        }
        assert!(writer.bytes.len() < 600, "{}", writer.bytes.len());
    }

    #[test]
    fn a_function_cannot_be_stored() {
        let types = NativeTypes::default();
        let pointer = Dynamic::from(rhai::FnPtr::new("f").unwrap());
        let error = Writer::new(&types).value(&pointer).unwrap_err();
        assert!(error.to_string().starts_with("a Fn cannot be stored"), "{error}");
    }
}
