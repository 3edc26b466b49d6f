//! What the tests of this module share.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Progress;

/// The tests' computations are never interrupted.
pub(crate) fn free() -> Progress<'static> {
    Progress::free()
}

/// Fails unless `actual` is within `tolerance` of `expected`, relatively.
#[track_caller]
pub(crate) fn assert_close(actual: f64, expected: f64, tolerance: f64) {
    let same = actual == expected || actual.is_nan() && expected.is_nan();
    let close = (actual - expected).abs() <= tolerance * expected.abs();
    assert!(same || close, "{actual:e} is not within {tolerance:e} of {expected:e}");
}

/// Fails unless each of `actual` is close to its fellow, relative to the largest of `expected`.
#[track_caller]
pub(crate) fn assert_all_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(b.abs()));
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let same = a == e || a.is_nan() && e.is_nan();
        assert!(same || (a - e).abs() <= tolerance * scale, "at {i}: {a:e} instead of {e:e}");
    }
}

/// Fails unless an object read back from its snapshot is equal, and stays equal in `use_it`.
#[track_caller]
pub(crate) fn continues_the_same<T, R>(object: &T, use_it: impl Fn(&mut T) -> R)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned,
    R: Debug + PartialEq,
{
    let bytes = postcard::to_stdvec(object).unwrap();
    let (mut kept, mut restored) = (object.clone(), postcard::from_bytes::<T>(&bytes).unwrap());
    assert_eq!(kept, restored);
    assert_eq!(use_it(&mut kept), use_it(&mut restored));
    assert_eq!(kept, restored);
}

/// Reads back damaged snapshots of `object`; what is accepted must not panic in `use_it`.
pub(crate) fn survives_damage<T>(object: &T, use_it: impl Fn(&mut T))
where
    T: Serialize + DeserializeOwned,
{
    let bytes = postcard::to_stdvec(object).unwrap();
    for i in 0..bytes.len() {
        for damage in [0, 1, 2, 0x3f, 0x7f, 0x80, 0xff, bytes[i].wrapping_add(1), bytes[i] ^ 0x40] {
            let mut damaged = bytes.clone();
            damaged[i] = damage;
            if let Ok(mut object) = postcard::from_bytes::<T>(&damaged) {
                use_it(&mut object);
            }
        }
        assert!(postcard::from_bytes::<T>(&bytes[..i]).is_err());
    }
}

/// A reference file made by `tests/reference/stats.py`.
pub(crate) fn reference(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// A number of a reference file, where NaN and infinities are strings.
#[track_caller]
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

/// An array of numbers of a reference file.
#[track_caller]
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}
