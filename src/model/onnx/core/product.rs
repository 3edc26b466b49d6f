//! Sums of products, rounded as onnxruntime rounds them where that shows.
//!
//! Its matrix products (MLAS) add the products in the order of the columns, with one rounding for
//! each of them (a fused multiply-add), and begin a new sum after a block of columns; the sums of
//! the blocks are added up at the end. Where large terms cancel each other out, as in support
//! vector machines and distances, only the same roundings give the same digits: [`Fused`]. The
//! layers of networks use [`Plain`], which rounds products too and is four times as fast.

use crate::model::error::Result;
use crate::model::run::Run;
use std::num::Wrapping;

/// Columns of a result that are summed up side by side.
const WIDE: usize = 32;

/// Rows that are summed up side by side where the result has one column.
const TALL: usize = 8;

/// How sums of products are rounded.
pub(crate) trait Rounding<T> {
    /// A sum that is not finished.
    type Sum: Copy + Default;

    /// Adds a product.
    fn fold(sum: Self::Sum, a: T, b: T) -> Self::Sum;

    /// Adds `scale` times the sum of a block.
    fn close(total: T, scale: f32, block: Self::Sum) -> T;
}

/// A sum and a product are rounded together: in 64 bits, the product of two floats is exact.
pub(crate) struct Fused;

/// Each operation is rounded by itself.
pub(crate) struct Plain;

impl Rounding<f32> for Fused {
    type Sum = f64;

    #[inline(always)]
    fn fold(sum: f64, a: f32, b: f32) -> f64 {
        f64::from((f64::from(a) * f64::from(b) + sum) as f32)
    }

    #[inline(always)]
    fn close(total: f32, scale: f32, block: f64) -> f32 {
        (f64::from(total) + f64::from(scale) * block) as f32
    }
}

impl Rounding<f32> for Plain {
    type Sum = f32;

    #[inline(always)]
    fn fold(sum: f32, a: f32, b: f32) -> f32 {
        sum + a * b
    }

    #[inline(always)]
    fn close(total: f32, scale: f32, block: f32) -> f32 {
        total + scale * block
    }
}

impl Rounding<f64> for Plain {
    type Sum = f64;

    #[inline(always)]
    fn fold(sum: f64, a: f64, b: f64) -> f64 {
        sum + a * b
    }

    #[inline(always)]
    fn close(total: f64, scale: f32, block: f64) -> f64 {
        total + f64::from(scale) * block
    }
}

impl Rounding<Wrapping<i64>> for Plain {
    type Sum = Wrapping<i64>;

    fn fold(sum: Self::Sum, a: Self::Sum, b: Self::Sum) -> Self::Sum {
        sum + a * b
    }

    fn close(total: Self::Sum, _: f32, block: Self::Sum) -> Self::Sum {
        total + block
    }
}

/// The columns of a block when the right matrix is a constant of the model.
pub(crate) const PACKED: usize = 256;

/// The columns of a block when the right matrix, of `k` rows and `n` columns, is computed.
pub(crate) fn unpacked(k: usize, n: usize) -> usize {
    let (mut wide, mut block) = (128, 128);
    if n >= k {
        return block;
    }
    while wide > 16 && wide / 2 >= n {
        wide /= 2;
        block *= 2;
    }
    block
}

/// Two matrices, row by row.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a, T> {
    /// Rows of `k` columns.
    pub(crate) a: &'a [T],
    /// `k` rows of `n` columns.
    pub(crate) b: &'a [T],
    pub(crate) k: usize,
    pub(crate) n: usize,
    /// The columns of `a` after which a new sum begins.
    pub(crate) block: usize,
    /// What the sums are multiplied by.
    pub(crate) scale: f32,
}

impl<'a, T: Copy> Factors<'a, T> {
    /// The factors of a plain product with a constant.
    pub(crate) fn new(a: &'a [T], b: &'a [T], (k, n): (usize, usize)) -> Self {
        Self { a, b, k, n, block: PACKED, scale: 1.0 }
    }

    /// Adds the product to `out`, which has `n` columns.
    ///
    /// # Errors
    /// The end of the run.
    pub(crate) fn add_to<R: Rounding<T>>(self, out: &mut [T], run: &Run<'_>) -> Result<()> {
        let (k, n) = (self.k, self.n);
        if k == 0 || n == 0 {
            return Ok(());
        }
        if n == 1 {
            for (rows, out) in self.a.chunks(k * TALL).zip(out.chunks_mut(TALL)) {
                run.spend(rows.len())?;
                match (rows.len() == k * TALL, out.as_chunks_mut::<TALL>().0) {
                    (true, [out]) => self.one_column::<R, _>(rows, out),
                    _ => {
                        let rows = rows.chunks_exact(k).zip(out.as_chunks_mut::<1>().0);
                        rows.for_each(|(row, out)| self.one_column::<R, _>(row, out));
                    }
                }
            }
            return Ok(());
        }
        for (row, out) in self.a.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
            run.spend(k.saturating_mul(n))?;
            let (parts, rest) = out.as_chunks_mut::<WIDE>();
            let first = parts.len() * WIDE;
            parts
                .iter_mut()
                .enumerate()
                .for_each(|(at, out)| self.columns::<R, _>(row, at * WIDE, out));
            let (parts, rest) = rest.as_chunks_mut::<4>();
            parts
                .iter_mut()
                .enumerate()
                .for_each(|(at, out)| self.columns::<R, _>(row, first + at * 4, out));
            let first = first + parts.len() * 4;
            let rest = rest.as_chunks_mut::<1>().0.iter_mut().enumerate();
            rest.for_each(|(at, out)| self.columns::<R, _>(row, first + at, out));
        }
        Ok(())
    }

    /// Some columns of the result for one row.
    #[inline(always)]
    fn columns<R: Rounding<T>, const W: usize>(&self, row: &[T], first: usize, out: &mut [T; W]) {
        for (row, b) in row.chunks(self.block).zip(self.b.chunks(self.block * self.n)) {
            let mut sums = [R::Sum::default(); W];
            for (&x, b) in row.iter().zip(b.chunks_exact(self.n)) {
                if let Some(b) = b[first..].first_chunk::<W>() {
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum = R::fold(*sum, x, b);
                    }
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = R::close(*out, self.scale, sum);
            }
        }
    }

    /// The only column of the result for some rows.
    #[inline(always)]
    fn one_column<R: Rounding<T>, const H: usize>(&self, rows: &[T], out: &mut [T; H]) {
        let mut start = 0;
        for b in self.b.chunks(self.block) {
            let mut sums = [R::Sum::default(); H];
            let rows: [&[T]; H] =
                std::array::from_fn(|at| &rows[at * self.k + start..at * self.k + start + b.len()]);
            for (at, &b) in b.iter().enumerate() {
                for (sum, row) in sums.iter_mut().zip(&rows) {
                    *sum = R::fold(*sum, row[at], b);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = R::close(*out, self.scale, sum);
            }
            start += b.len();
        }
    }
}
