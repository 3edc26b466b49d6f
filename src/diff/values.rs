//! Differences of the output's values, matched by time, group and field.

use crate::replay::outcome::{Cell, Outcome, Series};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Differences that are kept, the largest.
const KEPT: usize = 1000;

/// How the values of two outputs differ.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Each field that differs, the largest difference first.
    pub fields: Vec<FieldDifference>,
    /// The largest differences, as a share of the range of their field.
    pub largest: Vec<ValueDifference>,
    /// Values that both have.
    pub compared: u64,
    /// Values of either that there was no room for.
    pub left_out: u64,
}

/// How a field differs.
#[derive(Clone, Debug)]
pub struct FieldDifference {
    /// The field.
    pub series: Series,
    /// Values that both have.
    pub compared: u64,
    /// Values that differ.
    pub differ: u64,
    /// Values that only the old output has.
    pub only_old: u64,
    /// Values that only the new output has.
    pub only_new: u64,
    /// The largest difference of two numbers; infinite where one of them is none.
    pub largest: f64,
}

/// A value that differs.
#[derive(Clone, Debug)]
pub struct ValueDifference {
    /// The number of its field in [`Values::fields`].
    pub field: usize,
    /// The time in nanoseconds.
    pub time: i64,
    /// The old value; `None` if only the new output has one.
    pub old: Option<Cell>,
    /// The new value; `None` if only the old output has one.
    pub new: Option<Cell>,
    /// How large the difference is, as a share of the field's range; 0 where one is missing.
    pub share: f64,
}

/// The values of a field by time, in the order in which they came.
#[derive(Default)]
struct Both<'o> {
    old: Vec<(i64, &'o Cell)>,
    new: Vec<(i64, &'o Cell)>,
}

impl Values {
    /// Compares two outputs; `tolerance` as in [`super::Difference::of`].
    pub(super) fn compare(old: &Outcome, new: &Outcome, tolerance: f64) -> Self {
        let mut numbers: HashMap<&Series, usize> = HashMap::new();
        let mut all: Vec<(&Series, Both<'_>)> = Vec::new();
        for (outcome, is_new) in [(old, false), (new, true)] {
            let of_series: Vec<usize> = outcome
                .series
                .iter()
                .map(|series| {
                    *numbers.entry(series).or_insert_with(|| {
                        all.push((series, Both::default()));
                        all.len() - 1
                    })
                })
                .collect();
            for value in &outcome.values {
                let both = &mut all[of_series[value.series as usize]].1;
                let side = if is_new { &mut both.new } else { &mut both.old };
                side.push((value.time, &value.cell));
            }
        }
        let mut values = Self { left_out: old.left_out + new.left_out, ..Self::default() };
        for (series, both) in all {
            values.add(series, both, tolerance);
        }
        values.order();
        values
    }

    /// Tells whether there is no difference.
    pub fn is_equal(&self) -> bool {
        self.fields.is_empty()
    }

    /// Values that differ, that only the old output has, and that only the new one has.
    pub fn counts(&self) -> (u64, u64, u64) {
        let sum = |of: fn(&FieldDifference) -> u64| self.fields.iter().map(of).sum();
        (sum(|f| f.differ), sum(|f| f.only_old), sum(|f| f.only_new))
    }

    fn add(&mut self, series: &Series, mut both: Both<'_>, tolerance: f64) {
        both.old.sort_by_key(|(time, _)| *time);
        both.new.sort_by_key(|(time, _)| *time);
        let range = range(both.old.iter().chain(&both.new).filter_map(|(_, cell)| cell.number()));
        let mut field = FieldDifference::new(series);
        let number = self.fields.len();
        let mut found = Vec::new();
        let mut keep = |time, old: Option<&Cell>, new: Option<&Cell>, share| {
            found.push(ValueDifference {
                field: number,
                time,
                old: old.cloned(),
                new: new.cloned(),
                share,
            });
            if found.len() > 2 * KEPT {
                largest(&mut found);
            }
        };
        let (mut i, mut j) = (0, 0);
        loop {
            let (old, new) = (both.old.get(i), both.new.get(j));
            let order = match (old, new) {
                (None, None) => break,
                (Some(old), Some(new)) => old.0.cmp(&new.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            match (order, old, new) {
                (Ordering::Equal, Some((time, old)), Some((_, new))) => {
                    field.compared += 1;
                    let size = distance(old, new, tolerance);
                    if size > 0.0 {
                        field.differ += 1;
                        field.largest = field.largest.max(size);
                        keep(*time, Some(old), Some(new), size / range);
                    }
                    (i, j) = (i + 1, j + 1);
                }
                (Ordering::Less, Some((time, old)), _) => {
                    field.only_old += 1;
                    keep(*time, Some(old), None, 0.0);
                    i += 1;
                }
                (_, _, Some((time, new))) => {
                    field.only_new += 1;
                    keep(*time, None, Some(new), 0.0);
                    j += 1;
                }
                _ => break,
            }
        }
        self.compared += field.compared;
        if field.differ + field.only_old + field.only_new > 0 {
            self.fields.push(field);
            self.largest.append(&mut found);
            if self.largest.len() > 2 * KEPT {
                largest(&mut self.largest);
            }
        }
    }

    /// Puts the largest differences first.
    fn order(&mut self) {
        largest(&mut self.largest);
        let mut worst = vec![0.0f64; self.fields.len()];
        for one in &self.largest {
            worst[one.field] = worst[one.field].max(one.share);
        }
        let mut order: Vec<usize> = (0..self.fields.len()).collect();
        order.sort_by(|a, b| worst[*b].total_cmp(&worst[*a]));
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
        self.fields = order.iter().map(|old| self.fields[*old].clone()).collect();
        self.largest.iter_mut().for_each(|one| one.field = place[one.field]);
    }
}

impl FieldDifference {
    fn new(series: &Series) -> Self {
        let series = series.clone();
        Self { series, compared: 0, differ: 0, only_old: 0, only_new: 0, largest: 0.0 }
    }
}

/// Keeps the largest, in order.
fn largest(found: &mut Vec<ValueDifference>) {
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.time.cmp(&b.time)));
    found.truncate(KEPT);
}

/// How far two values are apart; 0 if they are equal, infinite if they cannot be compared.
fn distance(old: &Cell, new: &Cell, tolerance: f64) -> f64 {
    match (old, new) {
        (Cell::Int(a), Cell::Int(b)) if a == b => 0.0,
        (Cell::Bool(a), Cell::Bool(b)) => f64::from(u8::from(a != b)),
        (Cell::Text(a), Cell::Text(b)) => f64::from(u8::from(a != b)),
        _ => match (old.number(), new.number()) {
            (Some(a), Some(b)) if a == b || a.is_nan() && b.is_nan() => 0.0,
            (Some(a), Some(b)) => {
                let size = (a / 2.0 - b / 2.0).abs() * 2.0;
                match size {
                    size if size.is_nan() => f64::INFINITY,
                    size if size <= tolerance * a.abs().max(b.abs()) => 0.0,
                    size => size,
                }
            }
            _ => f64::INFINITY,
        },
    }
}

fn range(numbers: impl Iterator<Item = f64>) -> f64 {
    let finite = numbers.filter(|number| number.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    if high > low { high - low } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::outcome::Value;

    fn outcome(field: &str, values: &[(i64, f64)]) -> Outcome {
        let (udf, group) = (String::new(), "m".to_owned());
        let cell = |(time, value): &(i64, f64)| Value {
            series: 0,
            time: *time,
            cell: Cell::Double(*value),
        };
        Outcome {
            series: vec![Series { udf, group, field: field.into() }],
            values: values.iter().map(cell).collect(),
            ..Outcome::default()
        }
    }

    #[test]
    fn values_are_matched_by_time() {
        let old = outcome("x", &[(1, 1.0), (2, 2.0), (2, 7.0), (3, f64::NAN), (5, 5.0)]);
        let new = outcome("x", &[(1, 1.0), (2, 2.5), (2, 7.0), (3, f64::NAN), (4, 4.0)]);
        let values = Values::compare(&old, &new, 0.0);
        assert_eq!((values.compared, values.counts()), (4, (1, 1, 1)));
        assert_eq!(values.fields[0].largest, 0.5);
        let times: Vec<_> = values.largest.iter().map(|one| one.time).collect();
        assert_eq!(times, [2, 4, 5]);
        assert!(Values::compare(&old, &old, 0.0).is_equal());
    }

    #[test]
    fn a_tolerance_is_a_share() {
        let (old, new) = (outcome("x", &[(1, 100.0)]), outcome("x", &[(1, 100.5)]));
        assert!(Values::compare(&old, &new, 0.01).is_equal());
        assert!(!Values::compare(&old, &new, 0.001).is_equal());
        let other = outcome("y", &[(1, 100.0)]);
        assert_eq!(Values::compare(&old, &other, 0.01).counts(), (0, 1, 1));
        assert_eq!(distance(&Cell::Int(i64::MAX), &Cell::Int(i64::MAX - 1), 0.0), 0.0);
    }
}
