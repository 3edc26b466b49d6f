//! Rows of several numbers: `push([a, b])`, or columns of them in one call.

use super::answer::Answer;
use super::arguments::{Numbers, is_column, numbers, refuse};
use super::object::{Binder, equally_long, verdict};
use super::{Fallible, Native};
use crate::script::host::Host;
use crate::stats::Progress;
use crate::stats::error::Result as Stats;
use rhai::{Array, Dynamic};
use serde::{Serialize, de::DeserializeOwned};
use std::rc::Rc;

impl<T> Binder<'_, T>
where
    T: Clone + PartialEq + Serialize + DeserializeOwned + 'static,
{
    /// `push` of a row, or of a list of columns for a series of answers.
    pub(super) fn judges_rows<R>(
        &mut self,
        push: fn(&mut T, &[f64], &Progress<'_>) -> Stats<Option<R>>,
    ) -> &mut Self
    where
        R: 'static,
        Option<R>: Answer,
    {
        let (host, function) = self.function("push");
        let judge = move |s: &mut Native<T>, row: Dynamic| -> Fallible<Dynamic> {
            let rows = Rows::read(&host, &function, &row, s.1)?;
            let Rows::One(row) = &rows else {
                let mut changed = (*s.0).clone();
                let progress = host.budget.progress();
                let scores = rows.each(s.1, |row| push(&mut changed, row, &progress), &progress);
                let scores = scores.map_err(|e| refuse(&host, &function, &e))?;
                s.0 = Rc::new(changed);
                return Ok(Answer::column(scores));
            };
            let answer = match s.1 && row.iter().any(|x| !x.is_finite()) {
                true => None,
                false => push(s.change(), row, &host.budget.progress())
                    .map_err(|e| refuse(&host, &function, &e))?,
            };
            Ok(verdict(&host, &function, answer))
        };
        self.engine.register_fn("push", judge);
        self
    }

    /// A question about a row, or about each row of a list of columns.
    pub(super) fn asked_rows(
        &mut self,
        name: &str,
        ask: fn(&T, &[f64]) -> Stats<Option<f64>>,
    ) -> &mut Self {
        let (host, function) = self.function(name);
        let asked = move |s: &mut Native<T>, row: Dynamic| -> Fallible<Dynamic> {
            let rows = Rows::read(&host, &function, &row, s.1)?;
            let scores = rows.each(s.1, |row| ask(&s.0, row), &host.budget.progress());
            let scores = scores.map_err(|e| refuse(&host, &function, &e))?;
            Ok(match rows {
                Rows::One(_) => verdict(&host, &function, scores.first().copied().flatten()),
                Rows::Columns(_) => Answer::column(scores),
            })
        };
        self.engine.register_fn(name, asked);
        self
    }
}

/// One row, or columns of them.
enum Rows {
    One(Numbers),
    Columns(Vec<Numbers>),
}

impl Rows {
    fn read(host: &Host, function: &str, value: &Dynamic, skip: bool) -> Fallible<Self> {
        let columns = value.read_lock::<Array>();
        let Some(columns) = columns.filter(|a| a.first().is_some_and(is_column)) else {
            return numbers(host, function, "the row", value, skip).map(Self::One);
        };
        let column = |(i, column)| numbers(host, function, &format!("column {i}"), column, skip);
        let columns = columns.iter().enumerate().map(column).collect::<Fallible<Vec<_>>>()?;
        for column in &columns {
            let first = ("column 0", columns[0].len());
            equally_long(function, first, ("another", column.len()))?;
        }
        Ok(Self::Columns(columns))
    }

    fn each<R>(
        &self,
        skip: bool,
        mut judge: impl FnMut(&[f64]) -> Stats<Option<R>>,
        progress: &Progress<'_>,
    ) -> Stats<Vec<Option<R>>> {
        let mut judge = |row: &[f64]| {
            progress.check()?;
            match skip && row.iter().any(|x| !x.is_finite()) {
                true => Ok(None),
                false => judge(row),
            }
        };
        match self {
            Self::One(row) => Ok(vec![judge(row)?]),
            Self::Columns(columns) => (0..columns[0].len())
                .map(|i| judge(&columns.iter().map(|column| column[i]).collect::<Vec<_>>()))
                .collect(),
        }
    }
}
