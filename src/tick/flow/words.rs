//! Values in words, for people who look at a state: without braces and internal names, and with only the beginning
//! and the length of long lists.

use crate::protocol::time::rfc3339;
use serde::ser::{self, Serialize};
use std::fmt::{self, Display, Write};

/// Elements of a list that are shown.
const FEW: usize = 4;

/// How many levels of nested values are shown.
const DEPTH: usize = 4;

/// Letters of a text that are shown.
const LONG: usize = 200;

/// Ints that are times: from 1980 to 2200, in nanoseconds.
const TIMES: std::ops::Range<i64> = 315_532_800_000_000_000..7_258_118_400_000_000_000;

/// Values that only the code needs: positions in rings, counters, sums of squares, states of random generators.
const INTERNALS: [&str; 10] =
    ["front_len", "at", "looks", "metadata", "m2", "random", "form", "mantissa", "exponent", "mix"];

/// Fields whose value is shown without their name.
const PLAIN: [&str; 2] = ["names", "ring"];

/// Returns a value in words.
pub fn words<T: Serialize + ?Sized>(value: &T) -> String {
    let mut words = Words { text: String::new(), depth: 0 };
    // Only a value that refuses to be serialized fails, and none of ours does.
    match value.serialize(&mut words) {
        Ok(()) => words.text,
        Err(error) => error.0,
    }
}

/// A value that cannot be put into words.
#[derive(Debug)]
struct WordsError(String);

impl Display for WordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WordsError {}

impl ser::Error for WordsError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Words {
    text: String,
    depth: usize,
}

type Written = Result<(), WordsError>;

impl Words {
    fn put(&mut self, text: impl Display) -> Written {
        // A String takes everything.
        let _ = write!(self.text, "{text}");
        Ok(())
    }

    fn number(&mut self, number: f64) -> Written {
        let rounded = format!("{number:.5}");
        let short = rounded.trim_end_matches('0').trim_end_matches('.');
        match number.abs() {
            size if size != 0.0 && !(1e-3..1e9).contains(&size) => {
                self.put(format!("{number:.4e}"))
            }
            _ => self.put(if short.is_empty() || short == "-0" { "0" } else { short }),
        }
    }

    /// Begins a value that has parts.
    fn open(&mut self, list: bool) -> Parts<'_> {
        self.depth += 1;
        let start = self.text.len();
        Parts { words: self, start, count: 0, key: String::new(), list }
    }
}

/// A list, a map or a struct that is being written.
struct Parts<'w> {
    words: &'w mut Words,
    start: usize,
    count: usize,
    key: String,
    list: bool,
}

impl Parts<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.count += 1;
        if self.count > FEW || self.words.depth > DEPTH {
            return Ok(());
        }
        if self.count > 1 {
            self.words.put(", ")?;
        }
        value.serialize(&mut *self.words)
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Written {
        if INTERNALS.contains(&key) || self.words.depth > DEPTH {
            return Ok(());
        }
        if self.count > 0 {
            self.words.put("; ")?;
        }
        self.count += 1;
        if !PLAIN.contains(&key) {
            self.words.put(format_args!("{}: ", key))?;
        }
        value.serialize(&mut *self.words)
    }

    fn close(self) -> Written {
        let Self { words, start, count, list, .. } = self;
        words.depth -= 1;
        if words.depth >= DEPTH {
            return words.put("…");
        }
        if count == 0 {
            return words.put("none");
        }
        if list && count > FEW {
            return words.put(format_args!(", … ({count} in all)"));
        }
        // A nested value is put in brackets.
        if !list && count > 1 && words.depth > 0 {
            words.text.insert(start, '(');
            return words.put(")");
        }
        Ok(())
    }
}

impl<'w> ser::Serializer for &'w mut Words {
    type Ok = ();
    type Error = WordsError;
    type SerializeSeq = Parts<'w>;
    type SerializeTuple = Parts<'w>;
    type SerializeTupleStruct = Parts<'w>;
    type SerializeTupleVariant = Parts<'w>;
    type SerializeMap = Parts<'w>;
    type SerializeStruct = Parts<'w>;
    type SerializeStructVariant = Parts<'w>;

    fn serialize_bool(self, v: bool) -> Written {
        self.put(if v { "yes" } else { "no" })
    }
    fn serialize_i8(self, v: i8) -> Written {
        self.put(v)
    }
    fn serialize_i16(self, v: i16) -> Written {
        self.put(v)
    }
    fn serialize_i32(self, v: i32) -> Written {
        self.put(v)
    }
    fn serialize_i64(self, v: i64) -> Written {
        match v {
            i64::MIN | i64::MAX => self.put("never"),
            v if TIMES.contains(&v) => self.put(rfc3339(v)),
            v => self.put(v),
        }
    }
    fn serialize_u8(self, v: u8) -> Written {
        self.put(v)
    }
    fn serialize_u16(self, v: u16) -> Written {
        self.put(v)
    }
    fn serialize_u32(self, v: u32) -> Written {
        self.put(v)
    }
    fn serialize_u64(self, v: u64) -> Written {
        match i64::try_from(v) {
            Ok(v) => self.serialize_i64(v),
            Err(_) => self.put("never"),
        }
    }
    fn serialize_f32(self, v: f32) -> Written {
        self.number(v.into())
    }
    fn serialize_f64(self, v: f64) -> Written {
        self.number(v)
    }
    fn serialize_char(self, v: char) -> Written {
        self.put(v)
    }
    fn serialize_str(self, v: &str) -> Written {
        match v.char_indices().nth(LONG) {
            Some((end, _)) => self.put(format_args!("{}…", &v[..end])),
            None => self.put(v),
        }
    }
    fn serialize_bytes(self, v: &[u8]) -> Written {
        self.put(format_args!("{} bytes", v.len()))
    }
    fn serialize_none(self) -> Written {
        self.put("none")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        self.put("none")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.put("none")
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.put(variant.to_uppercase())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Written {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(true))
    }
    fn serialize_tuple(self, _: usize) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(true))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(true))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(true))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(false))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(false))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'w>, WordsError> {
        Ok(self.open(false))
    }
}

/// Each kind of list adds its elements in the same way.
macro_rules! lists {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Parts<'_> {
            type Ok = ();
            type Error = WordsError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }
            fn end(self) -> Written {
                self.close()
            }
        }
    )*};
}

lists!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = WordsError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.key = words(key);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let key = std::mem::take(&mut self.key);
        self.entry(&key, value)
    }
    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = WordsError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.entry(&key.replace('_', " "), value)
    }
    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeStructVariant for Parts<'_> {
    type Ok = ();
    type Error = WordsError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.entry(&key.replace('_', " "), value)
    }
    fn end(self) -> Written {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_told_in_words() {
        let check = |value: serde_json::Value, expected: &str| assert_eq!(words(&value), expected);
        check(json!(true), "yes");
        check(json!(null), "none");
        check(json!([]), "none");
        check(json!(1_451_610_300_000_000_000i64), "2016-01-01T01:05:00Z");
        check(json!(u64::MAX), "never");
        check(json!(0.1 + 0.2), "0.3");
        check(json!(0.0), "0");
        check(json!(1e-12), "1.0000e-12");
        check(json!([1, 2, 3]), "1, 2, 3");
        check(json!([1.5, 2, 3, 4, 5, 6]), "1.5, 2, 3, 4, … (6 in all)");
        check(json!({ "size": 3, "at": 2 }), "size: 3");
        check(
            json!({ "history": { "moving_stats": { "size": 3, "last_time": null } }, "n": 1 }),
            "history: moving_stats: (size: 3; last_time: none); n: 1",
        );
        check(json!([[[[[1]]]]]), "…");
    }
}
