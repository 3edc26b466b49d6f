//! The shape of a tensor: at most eight dimensions, kept without an allocation.

use crate::model::error::{ModelError, Result};
use std::fmt;
use std::ops::Deref;

/// The most dimensions that a tensor can have.
pub const MAX_RANK: usize = 8;

/// The most elements that a shape can stand for, whatever the limits of memory say.
const MAX_ELEMENTS: usize = 1 << 36;

/// The sizes of a tensor's dimensions; a scalar has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Self = Self { sizes: [0; MAX_RANK], rank: 0 };

    /// Checks the number of dimensions, and that products of sizes cannot overflow.
    ///
    /// # Errors
    /// Too many dimensions, or more elements than any machine has.
    pub fn new(sizes: &[usize]) -> Result<Self> {
        if sizes.len() > MAX_RANK {
            let text = format!("a tensor of {} dimensions; {MAX_RANK} are supported", sizes.len());
            return Err(ModelError::Data(text));
        }
        let product = sizes.iter().try_fold(1usize, |product, &size| {
            product.checked_mul(size.max(1)).filter(|&product| product <= MAX_ELEMENTS)
        });
        if product.is_none() {
            return Err(ModelError::Data(format!("a tensor of shape {sizes:?} is too large")));
        }
        let mut shape = Self { sizes: [0; MAX_RANK], rank: sizes.len() };
        shape.sizes[..sizes.len()].copy_from_slice(sizes);
        Ok(shape)
    }

    /// The shape of a list.
    pub fn list(length: usize) -> Self {
        let mut shape = Self { sizes: [0; MAX_RANK], rank: 1 };
        shape.sizes[0] = length;
        shape
    }

    /// The shape of a table.
    pub fn table(rows: usize, columns: usize) -> Self {
        let mut shape = Self { sizes: [0; MAX_RANK], rank: 2 };
        shape.sizes[0] = rows;
        shape.sizes[1] = columns;
        shape
    }

    /// A shape from signed sizes, as models write them.
    pub(crate) fn signed(sizes: &[i64]) -> Result<Self> {
        let sizes = sizes
            .iter()
            .map(|&size| usize::try_from(size))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| ModelError::Data(format!("the shape {sizes:?} has a negative size")))?;
        Self::new(&sizes)
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// The distance between neighbours in each dimension, in elements.
    pub(crate) fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [1; MAX_RANK];
        for at in (0..self.rank.saturating_sub(1)).rev() {
            strides[at] = strides[at + 1] * self.sizes[at + 1];
        }
        strides
    }

    /// The dimension that a possibly negative axis means.
    pub(crate) fn axis(&self, axis: i64) -> Result<usize> {
        within(axis, self.rank)
            .ok_or_else(|| ModelError::Data(format!("axis {axis} of a tensor of shape {self}")))
    }

    /// The products of the sizes before an axis, at it, and after it.
    pub(crate) fn around(&self, axis: usize) -> (usize, usize, usize) {
        (self[..axis].iter().product(), self[axis], self[axis + 1..].iter().product())
    }

    /// The same shape with another size in one dimension.
    pub(crate) fn with(&self, axis: usize, size: usize) -> Result<Self> {
        let mut sizes = self.to_vec();
        sizes[axis] = size;
        Self::new(&sizes)
    }

    /// The shape that two operands have together when the smaller one is repeated.
    pub(crate) fn broadcast(&self, other: &Self) -> Result<Self> {
        if self == other {
            return Ok(*self);
        }
        let rank = self.rank.max(other.rank);
        let at = |shape: &Self, axis: usize| match (axis + shape.rank).checked_sub(rank) {
            Some(axis) => shape[axis],
            None => 1,
        };
        let mut sizes = [0; MAX_RANK];
        for (axis, size) in sizes.iter_mut().enumerate().take(rank) {
            *size = match (at(self, axis), at(other, axis)) {
                (a, b) if a == b => a,
                (a, 1) => a,
                (1, b) => b,
                _ => {
                    let text = format!("shapes {self} and {other} do not fit together");
                    return Err(ModelError::Data(text));
                }
            };
        }
        Self::new(&sizes[..rank])
    }

    /// The strides with which this shape is walked as if it had the larger shape `to`.
    pub(crate) fn strides_as(&self, to: &Self) -> [usize; MAX_RANK] {
        let own = self.strides();
        let mut strides = [0; MAX_RANK];
        for axis in 0..self.rank {
            if self[axis] != 1 {
                strides[axis + to.rank - self.rank] = own[axis];
            }
        }
        strides
    }
}

/// An index that counts from the end when it is negative; none when it is outside.
pub(crate) fn within(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    (0..length).contains(&index).then_some(index as usize)
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
