//! Values that can be counted and compared: texts, numbers, bools, chars, and arrays of them.

use rhai::{Array, Dynamic, ImmutableString};

/// How deep arrays may be nested in a key.
const DEPTH: usize = 8;

/// The largest whole number up to which every double is one int.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value as a key. Two values are one key exactly if `==` says so in a script: 1 and 1.0
/// are one, as 0.0 and -0.0 are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bool(bool),
    Int(i64),
    /// A double that is no int, by bits that are in the order of the numbers.
    Double(u64),
    Char(char),
    Text(ImmutableString),
    List(Vec<Key>),
}

impl Key {
    /// The key that a value is; `None` for NaN, `()`, maps and objects.
    pub(crate) fn of(value: &Dynamic) -> Option<Self> {
        Self::nested(value, DEPTH)
    }

    fn nested(value: &Dynamic, depth: usize) -> Option<Self> {
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return Some(Self::Text(text.clone()));
        }
        if let Ok(int) = value.as_int() {
            return Some(Self::Int(int));
        }
        if let Ok(x) = value.as_float() {
            return Self::double(x);
        }
        if let Ok(flag) = value.as_bool() {
            return Some(Self::Bool(flag));
        }
        if let Ok(char) = value.as_char() {
            return Some(Self::Char(char));
        }
        let array = value.read_lock::<Array>()?;
        let depth = depth.checked_sub(1)?;
        array.iter().map(|value| Self::nested(value, depth)).collect::<Option<_>>().map(Self::List)
    }

    fn double(x: f64) -> Option<Self> {
        match x {
            x if x.is_nan() => None,
            x if x.trunc() == x && x.abs() <= EXACT => Some(Self::Int(x as i64)),
            x => {
                let bits = x.to_bits();
                let ordered = if x < 0.0 { !bits } else { bits | 1 << 63 };
                Some(Self::Double(ordered))
            }
        }
    }

    /// The value again; a whole double comes back as an int.
    pub(crate) fn value(&self) -> Dynamic {
        match self {
            Self::Bool(flag) => (*flag).into(),
            Self::Int(int) => (*int).into(),
            Self::Double(ordered) => {
                let bits = if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered };
                f64::from_bits(bits).into()
            }
            Self::Char(char) => (*char).into(),
            Self::Text(text) => text.clone().into(),
            Self::List(keys) => keys.iter().map(Self::value).collect::<Array>().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(x: f64) -> Option<Key> {
        Key::of(&x.into())
    }

    #[test]
    fn equal_values_are_one_key() {
        assert_eq!(key(1.0), Key::of(&1i64.into()));
        assert_eq!(key(-0.0), key(0.0));
        assert_ne!(key(1.5), Key::of(&1i64.into()));
        assert_eq!(key(f64::NAN), None);
        assert_ne!(Key::of(&"1".into()), Key::of(&1i64.into()));
        assert_eq!(Key::of(&Dynamic::UNIT), None);
        let nested = |n: usize| (0..n).fold(Dynamic::ONE, |inner, _| vec![inner].into());
        assert!(Key::of(&nested(8)).is_some() && Key::of(&nested(9)).is_none());
    }

    #[test]
    fn doubles_come_back_and_are_in_order() {
        let values =
            [f64::NEG_INFINITY, -1e300, -2.5, -5e-324, 5e-324, 0.5, 2.5, 1e300, f64::INFINITY];
        let keys: Vec<Key> = values.iter().map(|x| key(*x).unwrap()).collect();
        assert!(keys.is_sorted());
        for (key, x) in keys.iter().zip(values) {
            assert_eq!(key.value().as_float().unwrap(), x);
        }
    }
}
