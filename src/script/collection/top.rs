//! `top(k, column)` and `bottom(k, column)`: the rows with the largest or smallest values in a column.

use super::{Holder, Key, Parts, int, optional};
use crate::stats::error::{Result as Stats, size};
use rhai::{Array, Dynamic, ImmutableString};

/// The most rows that can be kept.
const MOST: usize = 10_000;

/// Which rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Largest,
    Smallest,
}

/// A row with the value by which it is judged.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) value: f64,
    /// Of rows with the same key only the best one is kept.
    pub(crate) key: Option<Key>,
    pub(crate) row: Dynamic,
}

/// The best `k` rows, the best first; of equal ones, what came first.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    k: usize,
    order: Order,
    pub(crate) column: ImmutableString,
    pub(crate) by: Option<ImmutableString>,
    rows: Vec<Row>,
}

impl Top {
    /// An empty one for `k` rows, from 1 to 10,000; with `by`, one row for each value of that column.
    pub(crate) fn new(
        k: usize,
        order: Order,
        column: ImmutableString,
        by: Option<ImmutableString>,
    ) -> Stats<Self> {
        Ok(Self { k: size("k", k, 1, MOST)?, order, column, by, rows: Vec::new() })
    }

    fn is_better(&self, a: f64, b: f64) -> bool {
        match self.order {
            Order::Largest => a > b,
            Order::Smallest => a < b,
        }
    }

    /// Adds a row if it is among the best.
    pub(crate) fn push(&mut self, row: Row) {
        if self.rows.len() == self.k && !self.is_better(row.value, self.rows[self.k - 1].value) {
            return;
        }
        if row.key.is_some()
            && let Some(same) = self.rows.iter().position(|other| other.key == row.key)
        {
            if !self.is_better(row.value, self.rows[same].value) {
                return;
            }
            self.rows.remove(same);
        }
        let at = self.rows.partition_point(|other| !self.is_better(row.value, other.value));
        self.rows.insert(at, row);
        self.rows.truncate(self.k);
    }

    pub(crate) fn k(&self) -> usize {
        self.k
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn reset(&mut self) {
        self.rows.clear();
    }
}

impl Holder for Top {
    const NAME: &'static str = "top";

    fn parts(&self) -> Array {
        let values: Array = self.rows.iter().map(|row| row.value.into()).collect();
        let keys: Array =
            self.rows.iter().map(|row| optional(row.key.as_ref().map(Key::value))).collect();
        let rows: Array = self.values().cloned().collect();
        vec![
            int(self.k as u64),
            (self.order == Order::Largest).into(),
            self.column.clone().into(),
            optional(self.by.clone()),
            values.into(),
            keys.into(),
            rows.into(),
        ]
    }

    fn join(parts: Array) -> Stats<Self> {
        let mut parts = Parts::new("top", parts);
        let k = usize::try_from(parts.count()?).unwrap_or(usize::MAX);
        let order = if parts.next()? { Order::Largest } else { Order::Smallest };
        let mut top = Self::new(k, order, parts.next()?, parts.optional()?)?;
        let (values, keys): (Array, Array) = (parts.next()?, parts.next()?);
        let rows: Array = parts.next()?;
        let n = rows.len();
        parts.check(n <= k && values.len() == n && keys.len() == n, "its rows do not fit")?;
        for ((value, key), row) in values.into_iter().zip(keys).zip(rows) {
            let value = value.as_float().ok().filter(|x| !x.is_nan());
            let value = value.ok_or_else(|| parts.damaged())?;
            parts.check(key.is_unit() == top.by.is_none(), "its keys do not fit")?;
            top.push(Row { value, key: Key::of(&key), row });
        }
        parts.check(top.rows.len() == n, "its rows do not fit")?;
        Ok(top)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_> {
        Box::new(self.rows.iter().map(|row| &row.row))
    }
}
