//! A series has the numbers of a column; a mask selects some of them.

use super::{Fallible, fail, fail_in};
use std::rc::Rc;

/// Doubles, shared until one of their owners changes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series(pub(crate) Rc<Vec<f64>>);

/// A yes or no for each value of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mask(pub(crate) Rc<Vec<bool>>);

impl Series {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        Self(Rc::new(values))
    }

    /// The mask of the values that pass a test.
    pub(super) fn mask(&self, test: impl Fn(f64) -> bool) -> Mask {
        Mask(Rc::new(self.0.iter().map(|v| test(*v)).collect()))
    }
}

/// The place of an index that may count from the end.
pub(super) fn place(function: &str, index: i64, len: usize) -> Fallible<usize> {
    let from_start = if index < 0 { index + len as i64 } else { index };
    usize::try_from(from_start).ok().filter(|i| *i < len).ok_or_else(|| {
        fail_in(function, format_args!("index {index} is out of range; there are {len} values"))
    })
}

impl IntoIterator for Series {
    type Item = f64;
    type IntoIter = std::vec::IntoIter<f64>;

    fn into_iter(self) -> Self::IntoIter {
        Rc::unwrap_or_clone(self.0).into_iter()
    }
}

/// Refuses a mask of another length.
pub(super) fn same_length(function: &str, len: usize, mask: &Mask) -> Fallible<()> {
    if mask.0.len() == len {
        return Ok(());
    }
    Err(fail(format_args!("{function}: the mask has {} values, not {len}", mask.0.len())))
}
