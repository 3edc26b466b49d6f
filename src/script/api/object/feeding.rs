//! Gives values to an object: it takes all of them, or none.

use crate::script::api::answer::Answer;
use crate::script::api::arguments::{Numbers, number, numbers, times};
use crate::script::api::{Fallible, Native, fail_in};
use crate::script::host::Host;
use crate::stats::Progress;
use crate::stats::error::Result as Stats;
use rhai::Dynamic;
use std::rc::Rc;

/// A value to push; `None` for a gap that is left out.
#[inline]
pub(super) fn one(
    host: &Host,
    function: &str,
    value: &Dynamic,
    skip: bool,
) -> Fallible<Option<f64>> {
    if skip && value.is_unit() {
        return Ok(None);
    }
    let x = number(host, function, "the value", value)?;
    Ok((!skip || x.is_finite()).then_some(x))
}

/// The values without gaps.
pub(super) fn present(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|x| x.is_finite()).collect()
}

/// Values with their times.
pub(super) fn timed(
    host: &Host,
    function: &str,
    time: &Dynamic,
    values: &Dynamic,
    skip: bool,
) -> Fallible<(Vec<i64>, Numbers)> {
    let times = times(host, function, "the times", time)?;
    let values = numbers(host, function, "the values", values, skip)?;
    equally_long(
        function,
        ("the column of times", times.len()),
        ("the column of values", values.len()),
    )?;
    Ok((times, values))
}

/// Refuses columns of different lengths.
pub(in crate::script::api) fn equally_long(
    function: &str,
    (left, n): (&str, usize),
    (right, m): (&str, usize),
) -> Fallible<()> {
    if n == m {
        return Ok(());
    }
    Err(fail_in(
        function,
        format_args!("{left} has {n} values and {right} has {m}; they must be equally long"),
    ))
}

/// The number of values that an object takes between two checks of the time.
const PORTION: usize = 64;

/// Adds all values, or none if one is refused or the call is out of time.
pub(super) fn take_all<T: Clone>(
    s: &mut Native<T>,
    values: &[f64],
    extend: fn(&mut T, &[f64]) -> Stats<()>,
    progress: &Progress<'_>,
) -> Stats<()> {
    // `extend` itself takes all or none.
    if values.len() <= PORTION {
        return extend(s.change(), values);
    }
    let mut changed = (*s.0).clone();
    for portion in values.chunks(PORTION) {
        progress.check()?;
        extend(&mut changed, portion)?;
    }
    s.0 = Rc::new(changed);
    Ok(())
}

/// Pushes all values, or none if one is refused or the call is out of time.
pub(super) fn each<T: Clone, R: Answer>(
    s: &mut Native<T>,
    values: &[f64],
    push: impl Fn(&mut T, f64) -> Stats<R>,
    progress: &Progress<'_>,
) -> Stats<Vec<R>> {
    let skip = s.1;
    let step = |changed: &mut T, x: f64| match skip && !x.is_finite() {
        true => Ok(R::absent()),
        false => push(changed, x),
    };
    // A single value is either refused or added, so no copy is needed to undo anything.
    if let [x] = values {
        return Ok(vec![step(s.change(), *x)?]);
    }
    progress.room("the results", values.len().saturating_mul(size_of::<R>()))?;
    let mut changed = (*s.0).clone();
    let mut answers = Vec::with_capacity(values.len());
    for &x in values {
        progress.check()?;
        answers.push(step(&mut changed, x)?);
    }
    s.0 = Rc::new(changed);
    Ok(answers)
}

/// As [`each`], with times.
pub(super) fn each_at<T: Clone, R: Answer>(
    s: &mut Native<T>,
    times: &[i64],
    values: &[f64],
    push: impl Fn(&mut T, i64, f64) -> Stats<R>,
    progress: &Progress<'_>,
) -> Stats<Vec<R>> {
    let skip = s.1;
    let step = |changed: &mut T, time: i64, x: f64| match skip && !x.is_finite() {
        true => Ok(R::absent()),
        false => push(changed, time, x),
    };
    if let ([time], [x]) = (times, values) {
        return Ok(vec![step(s.change(), *time, *x)?]);
    }
    progress.room("the results", values.len().saturating_mul(size_of::<R>()))?;
    let mut changed = (*s.0).clone();
    let mut answers = Vec::with_capacity(values.len());
    for (&time, &x) in times.iter().zip(values) {
        progress.check()?;
        answers.push(step(&mut changed, time, x)?);
    }
    s.0 = Rc::new(changed);
    Ok(answers)
}
