//! InfluxQL's functions on the values of one field.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

use super::heap::Heap;
use super::holt_winters::Forecast;
use crate::protocol::FieldValue;
use crate::protocol::point::FieldType;

/// The values of a field, all of one type, and their times.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) values: Values,
    pub(crate) times: Vec<i64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum Values {
    #[default]
    None,
    Float(Vec<f64>),
    Int(Vec<i64>),
    String(Vec<String>),
    Bool(Vec<bool>),
}

/// The result of a function over a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reduced {
    /// A value, and the time of a point if it is one's.
    Value(FieldValue<'static>, Option<i64>),
    /// The value of one point, by its index: the whole point goes on.
    Selected(usize),
    /// Values of points, by their index.
    Many(Vec<usize>),
    /// Values with times of their own.
    Made(Vec<(i64, f64)>),
}

/// A function and its arguments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    Count,
    Sum,
    Mean,
    Median,
    Mode,
    Min,
    Max,
    First,
    Last,
    Spread,
    Stddev,
    Percentile(f64),
    Distinct,
    Top(usize),
    Bottom(usize),
    HoltWinters(Forecast),
}

impl Series {
    /// Whether the values are doubles.
    pub(crate) fn is_double(&self) -> bool {
        matches!(self.values, Values::Float(_))
    }

    /// Whether each value has a time.
    pub(crate) fn is_whole(&self) -> bool {
        let values = match &self.values {
            Values::None => 0,
            Values::Float(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::String(values) => values.len(),
            Values::Bool(values) => values.len(),
        };
        values == self.times.len()
    }

    /// Appends a value; `Err` names the type that the series has, if it is another.
    pub(crate) fn push(&mut self, time: i64, value: FieldValue<'_>) -> Result<(), FieldType> {
        match (&mut self.values, value) {
            (Values::None, FieldValue::Double(v)) => self.values = Values::Float(vec![v]),
            (Values::None, FieldValue::Int(v)) => self.values = Values::Int(vec![v]),
            (Values::None, FieldValue::String(v)) => {
                self.values = Values::String(vec![v.into_owned()])
            }
            (Values::None, FieldValue::Bool(v)) => self.values = Values::Bool(vec![v]),
            (Values::Float(values), FieldValue::Double(v)) => values.push(v),
            (Values::Int(values), FieldValue::Int(v)) => values.push(v),
            (Values::String(values), FieldValue::String(v)) => values.push(v.into_owned()),
            (Values::Bool(values), FieldValue::Bool(v)) => values.push(v),
            (Values::Float(_), _) => return Err(FieldType::Double),
            (Values::Int(_), _) => return Err(FieldType::Int),
            (Values::String(_), _) => return Err(FieldType::String),
            (Values::Bool(_), _) => return Err(FieldType::Bool),
        }
        self.times.push(time);
        Ok(())
    }

    /// Returns a value by its index.
    pub(crate) fn value(&self, i: usize) -> Option<FieldValue<'_>> {
        Some(match &self.values {
            Values::None => return None,
            Values::Float(values) => FieldValue::Double(*values.get(i)?),
            Values::Int(values) => FieldValue::Int(*values.get(i)?),
            Values::String(values) => FieldValue::String(values.get(i)?.as_str().into()),
            Values::Bool(values) => FieldValue::Bool(*values.get(i)?),
        })
    }
}

impl Function {
    /// Tells whether it takes values of a type.
    pub(crate) fn takes(self, kind: FieldType) -> bool {
        let numeric = matches!(kind, FieldType::Double | FieldType::Int);
        numeric || matches!(self, Self::Count | Self::First | Self::Last | Self::Distinct)
    }

    /// Tells whether it has a result for an empty series: a count or a sum of 0.
    pub(crate) fn takes_empty(self) -> bool {
        matches!(self, Self::Count | Self::Sum)
    }

    /// Applies the function; `None` where it has no result.
    pub(crate) fn reduce(self, series: &Series) -> Option<Reduced> {
        let times = &series.times;
        match &series.values {
            Values::Float(values) => self.numbers(values, times),
            Values::Int(values) => self.numbers(values, times),
            Values::String(values) => self.any(values, times, |a, b| a.cmp(b), Ordering::is_gt),
            // At one time, false comes first.
            Values::Bool(values) => self.any(values, times, |a, b| a.cmp(b), Ordering::is_lt),
            Values::None if self == Self::Sum => Some(Reduced::Value(0.0.into(), None)),
            Values::None if self == Self::Count => Some(Reduced::Value(0i64.into(), None)),
            Values::None => None,
        }
    }

    /// The functions of any type; `ties` tells which value is the first of two at one time.
    fn any<T: PartialEq>(
        self,
        values: &[T],
        times: &[i64],
        order: impl Fn(&T, &T) -> Ordering,
        ties: fn(Ordering) -> bool,
    ) -> Option<Reduced> {
        let indices = 0..values.len();
        Some(match self {
            Self::Count => Reduced::Value((values.len() as i64).into(), None),
            Self::First => Reduced::Selected(indices.reduce(|best, i| {
                let earlier = times[i] < times[best];
                let tie = times[i] == times[best] && ties(order(&values[i], &values[best]));
                if earlier || tie { i } else { best }
            })?),
            Self::Last => Reduced::Selected(indices.reduce(|best, i| {
                let later = times[i] > times[best];
                let tie = times[i] == times[best] && order(&values[i], &values[best]).is_gt();
                if later || tie { i } else { best }
            })?),
            Self::Distinct => {
                let mut sorted: Vec<usize> = indices.collect();
                sorted.sort_by(|a, b| order(&values[*a], &values[*b]).then(a.cmp(b)));
                sorted.dedup_by(|b, a| values[*a] == values[*b]);
                sorted.sort_by(|a, b| {
                    times[*a].cmp(&times[*b]).then(order(&values[*a], &values[*b]))
                });
                Reduced::Many(sorted)
            }
            _ => return None,
        })
    }

    fn numbers<T: Number>(self, values: &[T], times: &[i64]) -> Option<Reduced> {
        let count = values.len();
        let sorted = || {
            let mut sorted: Vec<usize> = (0..count).collect();
            sorted.sort_by(|a, b| values[*a].order(&values[*b]));
            sorted
        };
        let extreme = |better: fn(&T, &T) -> bool| {
            (0..count).reduce(|best, i| {
                let tie = values[i] == values[best] && times[i] < times[best];
                if better(&values[i], &values[best]) || tie { i } else { best }
            })
        };
        let ranked = |n: usize, ascending: bool| {
            let before = |a: usize, b: usize| match values[a] == values[b] {
                true => times[a] < times[b],
                false if ascending => values[a] < values[b],
                false => values[a] > values[b],
            };
            let mut ranked = Heap::new((0..count).collect(), before).first(n);
            ranked.sort_by_key(|i| times[*i]);
            Reduced::Many(ranked)
        };
        let single =
            |value: FieldValue<'static>| Reduced::Value(value, (count == 1).then(|| times[0]));
        Some(match self {
            Self::Sum => {
                Reduced::Value(values.iter().fold(T::ZERO, |sum, v| sum.plus(*v)).field(), None)
            }
            Self::Mean => {
                let sum = values.iter().fold(T::ZERO, |sum, v| sum.plus(*v));
                Reduced::Value((sum.float() / count as f64).into(), None)
            }
            Self::Median => {
                let sorted = sorted();
                let high = values[*sorted.get(count / 2)?];
                if count % 2 == 1 {
                    single(high.float().into())
                } else {
                    let low = values[sorted[count / 2 - 1]];
                    Reduced::Value((low.float() + high.minus(low).float() / 2.0).into(), None)
                }
            }
            Self::Mode => single(mode(values, times, &sorted())?.field()),
            Self::Min => Reduced::Selected(extreme(|a, b| a < b)?),
            Self::Max => Reduced::Selected(extreme(|a, b| a > b)?),
            Self::Spread => {
                let low = values.iter().copied().reduce(|a, b| if b < a { b } else { a })?;
                let high = values.iter().copied().reduce(|a, b| if b > a { b } else { a })?;
                Reduced::Value(high.minus(low).field(), None)
            }
            Self::Stddev => Reduced::Value(stddev(values).into(), None),
            Self::Percentile(percentile) => {
                let rank = (count as f64 * percentile / 100.0 + 0.5).floor() - 1.0;
                if !(0.0..count as f64).contains(&rank) {
                    return None;
                }
                Reduced::Selected(*sorted().get(rank as usize)?)
            }
            Self::Top(n) => ranked(n, false),
            Self::Bottom(n) => ranked(n, true),
            Self::HoltWinters(forecast) => {
                let values: Vec<f64> = values.iter().map(|value| value.float()).collect();
                Reduced::Made(forecast.of(times, &values))
            }
            Self::Count | Self::First | Self::Last | Self::Distinct => {
                return self.any(values, times, Number::order, Ordering::is_gt);
            }
        })
    }
}

/// The most frequent value; of two, the one that occurs first in time, then the greater one.
fn mode<T: Number>(values: &[T], times: &[i64], sorted: &[usize]) -> Option<T> {
    let first = *sorted.first()?;
    let (mut most, mut mode, mut mode_time) = (0, values[first], times[first]);
    let (mut current, mut frequency, mut time) = (values[first], 0, times[first]);
    for &i in sorted {
        if values[i] != current {
            (current, frequency, time) = (values[i], 1, times[i]);
            continue;
        }
        frequency += 1;
        if most > frequency || (most == frequency && time > mode_time) {
            continue;
        }
        (most, mode, mode_time) = (frequency, current, time);
    }
    Some(mode)
}

/// The standard deviation of a sample; 0 for one value, as Kapacitor has it; NaN is left out.
fn stddev<T: Number>(values: &[T]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let numbers = || values.iter().map(|v| v.float()).filter(|v| !v.is_nan());
    let mean = numbers().zip(1..).fold(0.0, |mean, (x, n)| mean + (x - mean) / f64::from(n));
    let squares: f64 = numbers().map(|x| (x - mean).powi(2)).sum();
    (squares / (numbers().count() as f64 - 1.0)).sqrt()
}

pub(crate) trait Number: Copy + PartialOrd {
    const ZERO: Self;
    fn order(&self, other: &Self) -> Ordering;
    fn float(self) -> f64;
    fn field(self) -> FieldValue<'static>;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
}

impl Number for f64 {
    const ZERO: Self = 0.0;

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }

    fn float(self) -> f64 {
        self
    }

    fn field(self) -> FieldValue<'static> {
        FieldValue::Double(self)
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }
}

impl Number for i64 {
    const ZERO: Self = 0;

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn float(self) -> f64 {
        self as f64
    }

    fn field(self) -> FieldValue<'static> {
        FieldValue::Int(self)
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(function: Function, values: &[f64]) -> Option<Reduced> {
        let mut series = Series::default();
        for (time, value) in values.iter().enumerate() {
            series.push(time as i64, (*value).into()).expect("floats only");
        }
        function.reduce(&series)
    }

    #[test]
    fn functions_reduce_as_influxql_does() {
        let values = [3.0, 1.0, 2.0, 3.0, 5.0];
        for (function, expected) in [
            (Function::Count, Reduced::Value(5i64.into(), None)),
            (Function::Sum, Reduced::Value(14.0.into(), None)),
            (Function::Mean, Reduced::Value(2.8.into(), None)),
            (Function::Median, Reduced::Value(3.0.into(), None)),
            (Function::Mode, Reduced::Value(3.0.into(), None)),
            (Function::Min, Reduced::Selected(1)),
            (Function::Max, Reduced::Selected(4)),
            (Function::First, Reduced::Selected(0)),
            (Function::Last, Reduced::Selected(4)),
            (Function::Spread, Reduced::Value(4.0.into(), None)),
            (Function::Stddev, Reduced::Value(2.2f64.sqrt().into(), None)),
            (Function::Percentile(50.0), Reduced::Selected(0)),
            (Function::Percentile(100.0), Reduced::Selected(4)),
            (Function::Distinct, Reduced::Many(vec![0, 1, 2, 4])),
            (Function::Top(2), Reduced::Many(vec![0, 4])),
            (Function::Bottom(2), Reduced::Many(vec![1, 2])),
        ] {
            let reduced = reduce(function, &values);
            match (&reduced, &expected) {
                (
                    Some(Reduced::Value(FieldValue::Double(a), None)),
                    Reduced::Value(FieldValue::Double(b), None),
                ) => {
                    assert!((a - b).abs() < 1e-12, "{function:?}: {a} is not {b}");
                }
                _ => assert_eq!(reduced.as_ref(), Some(&expected), "{function:?}"),
            }
        }
        assert_eq!(reduce(Function::Percentile(1.0), &values), None);
        assert_eq!(reduce(Function::Median, &[1.0, 2.0]), Some(Reduced::Value(1.5.into(), None)));
        assert_eq!(reduce(Function::Stddev, &[7.0]), Some(Reduced::Value(0.0.into(), None)));
        assert_eq!(reduce(Function::Sum, &[]), Some(Reduced::Value(0.0.into(), None)));
        assert_eq!(reduce(Function::Mean, &[]), None);
    }
}
