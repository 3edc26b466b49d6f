//! How good alerts are, compared with known anomalies.
//!
//! An alert begins when the level of a group leaves OK and lasts until it is OK again. An anomaly is
//! hit when an alert lasts or begins in it, after a delay from its begin to the first such row; an
//! alert that begins outside of every anomaly is false. A row is what is given to the UDF: a point,
//! or a batch with the time that it spans.

mod benchmark;
mod labels;

pub use labels::{Interval, Labels};

use benchmark::{Points, RowRange};
use std::collections::BTreeMap;

/// Nanoseconds of a day.
const DAY: f64 = 86_400e9;

/// The record of a series: its rows, and where each variant raised alerts.
#[derive(Clone, Debug, Default)]
pub struct Record {
    rows: Vec<Interval>,
    /// The item of the data that each row belongs to, in order.
    items: Vec<u64>,
    seen: Vec<Seen>,
}

/// The alerts of one variant.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Rows on which a level was not OK.
    rows: Vec<usize>,
    /// Rows on which an alert began.
    begun: Vec<usize>,
}

impl Record {
    /// Makes an empty one for so many variants.
    pub fn new(variants: usize) -> Self {
        Self { rows: Vec::new(), items: Vec::new(), seen: vec![Seen::default(); variants] }
    }

    /// Adds a row, from its first time to its last, which belongs to an item of the data.
    pub fn row(&mut self, item: u64, from: i64, to: i64) {
        self.rows.push(Interval { from: from.min(to), to });
        self.items.push(item);
    }

    /// Notes that a variant's level is not OK on the row of an item, or on the last one before it.
    pub fn saw(&mut self, variant: usize, item: u64, begins: bool) {
        let row = self.items.partition_point(|known| *known <= item).checked_sub(1);
        let (Some(row), Some(seen)) = (row, self.seen.get_mut(variant)) else { return };
        if seen.rows.last() != Some(&row) {
            seen.rows.push(row);
        }
        if begins {
            seen.begun.push(row);
        }
    }

    /// Adds what another record of the same data saw. Its rows may be others, where a variant has other
    /// windows: each counts as the last row of this record that is not later.
    fn merge(&mut self, other: &Self, variant: usize) {
        let Self { rows, items, seen } = self;
        let (Some(seen), Some(more)) = (seen.first_mut(), other.seen.get(variant)) else { return };
        if rows.is_empty() {
            rows.clone_from(&other.rows);
            items.clone_from(&other.items);
        }
        let same = *items == other.items;
        let here = |row: &usize| match same {
            true => *row,
            false => items.partition_point(|known| *known <= other.items[*row]).max(1) - 1,
        };
        seen.rows.extend(more.rows.iter().map(here));
        seen.begun.extend(more.begun.iter().map(here));
    }

    /// Judges each variant by the true anomalies.
    pub fn judge(&self, anomalies: &[Interval]) -> Vec<Quality> {
        self.seen.iter().map(|seen| self.judge_one(seen, anomalies)).collect()
    }

    fn judge_one(&self, seen: &Seen, anomalies: &[Interval]) -> Quality {
        let mut seen = seen.clone();
        seen.rows.sort_unstable();
        seen.rows.dedup();
        seen.begun.sort_unstable();
        let windows: Vec<Option<RowRange>> = anomalies.iter().map(|a| self.window(*a)).collect();
        let known: Vec<RowRange> = windows.iter().copied().flatten().collect();
        let inside = |row: &usize| known.iter().any(|w| (w.0..=w.1).contains(row));
        let delay = |(anomaly, window): (&Interval, &Option<RowRange>)| {
            let (first, last) = (*window)?;
            let row = seen.rows[seen.rows.partition_point(|row| *row < first)..].first()?;
            (*row <= last).then(|| self.rows[*row].to.saturating_sub(anomaly.from).max(0))
        };
        let mut points = benchmark::points(self.rows.len(), &known, &seen.rows);
        points.perfect = anomalies.len() as f64;
        Quality {
            alerts: seen.begun.len(),
            anomalies: anomalies.len(),
            false_alarms: seen.begun.iter().filter(|row| !inside(row)).count(),
            delays: anomalies.iter().zip(&windows).filter_map(delay).collect(),
            days: match (self.rows.first(), self.rows.last()) {
                (Some(first), Some(last)) => last.to.saturating_sub(first.from) as f64 / DAY,
                _ => 0.0,
            },
            points,
        }
    }

    /// The rows that touch an anomaly. A row at its very begin or end is preferred, since times may
    /// go back once a year.
    fn window(&self, anomaly: Interval) -> Option<RowRange> {
        let at = |time: i64| self.rows.iter().position(|row| row.to == time);
        let first =
            at(anomaly.from).or_else(|| self.rows.iter().position(|row| row.to >= anomaly.from))?;
        let exact = at(anomaly.to).filter(|_| self.rows[first].from == self.rows[first].to);
        let last = exact.or_else(|| self.rows.iter().rposition(|row| row.from <= anomaly.to))?;
        (first <= last).then_some((first, last))
    }
}

/// Judges variants by the true anomalies. `records` are those of several graphs that took the same
/// data, with the number of each variant; what graphs saw of the same variant counts together.
pub fn judge(records: &[(Record, Vec<usize>)], anomalies: &[Interval]) -> Vec<(usize, Quality)> {
    let mut merged: BTreeMap<usize, Record> = BTreeMap::new();
    for (record, variants) in records {
        for (place, variant) in variants.iter().enumerate() {
            let all = merged.entry(*variant).or_insert_with(|| Record {
                rows: record.rows.clone(),
                items: record.items.clone(),
                seen: vec![Seen::default()],
            });
            all.merge(record, place);
        }
    }
    let judge = |(variant, record): (usize, Record)| (variant, record.judge(anomalies).remove(0));
    merged.into_iter().map(judge).collect()
}

/// How good a variant's alerts are on one series or on several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Alerts that began.
    pub alerts: usize,
    /// True anomalies.
    pub anomalies: usize,
    /// Alerts that began outside of every anomaly.
    pub false_alarms: usize,
    /// For each anomaly that was hit, how long after its begin, in nanoseconds.
    pub delays: Vec<i64>,
    /// The time that the data span, in days.
    pub days: f64,
    points: Points,
}

impl Quality {
    /// Adds what happened on another series.
    pub fn add(&mut self, other: &Self) {
        self.alerts += other.alerts;
        self.anomalies += other.anomalies;
        self.false_alarms += other.false_alarms;
        self.delays.extend(&other.delays);
        self.days += other.days;
        self.points.add(&other.points);
    }

    /// Anomalies that were hit.
    pub fn hits(&self) -> usize {
        self.delays.len()
    }

    /// Anomalies that were not.
    pub fn misses(&self) -> usize {
        self.anomalies - self.hits()
    }

    /// False alarms a day; `None` if the data span no time.
    pub fn false_alarms_a_day(&self) -> Option<f64> {
        (self.days > 0.0).then(|| self.false_alarms as f64 / self.days)
    }

    /// The median delay in nanoseconds; `None` without a hit.
    pub fn delay(&self) -> Option<i64> {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let upper = *delays.get(delays.len() / 2)?;
        let lower = delays[(delays.len() - 1) / 2];
        Some(lower + (upper - lower) / 2)
    }

    /// The share of the alerts that began in an anomaly; `None` without alerts.
    pub fn precision(&self) -> Option<f64> {
        let alerts = self.alerts as f64;
        (self.alerts > 0).then(|| (alerts - self.false_alarms as f64) / alerts)
    }

    /// The share of the anomalies that were hit; `None` without anomalies.
    pub fn recall(&self) -> Option<f64> {
        (self.anomalies > 0).then(|| self.hits() as f64 / self.anomalies as f64)
    }

    /// The harmonic mean of precision and recall; `None` where one of them is missing or both are 0.
    pub fn f1(&self) -> Option<f64> {
        let (precision, recall) = (self.precision()?, self.recall()?);
        (precision + recall > 0.0).then(|| 2.0 * precision * recall / (precision + recall))
    }

    /// The Numenta benchmark's score, standard profile: 100 is perfect, 0 as good as no alert at all;
    /// `None` without anomalies.
    pub fn score(&self) -> Option<f64> {
        self.points.score()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn span(from: i64, to: i64) -> Interval {
        Interval { from: from * SECOND, to: to * SECOND }
    }

    fn judged(anomalies: &[Interval], levels: &str) -> Quality {
        let mut record = Record::new(1);
        let mut before = '.';
        for (i, level) in levels.chars().enumerate() {
            record.row(i as u64, i as i64 * SECOND, i as i64 * SECOND);
            if level == '!' {
                record.saw(0, i as u64, before != '!');
            }
            before = level;
        }
        record.judge(anomalies).remove(0)
    }

    #[test]
    fn hits_misses_and_false_alarms_are_told_apart() {
        let anomalies = [span(4, 6), span(10, 11), span(16, 17)];
        let quality = judged(&anomalies, ".!...!!...........!.");
        assert_eq!((quality.alerts, quality.hits(), quality.misses()), (3, 1, 2));
        assert_eq!(quality.false_alarms, 2);
        assert_eq!(quality.delay(), Some(SECOND));
        assert_eq!(quality.precision(), Some(1.0 / 3.0));
        assert_eq!(quality.recall(), Some(1.0 / 3.0));
        let days = quality.false_alarms_a_day().unwrap();
        assert!((days - 2.0 * 86_400.0 / 19.0).abs() < 1e-6, "{days}");
    }

    #[test]
    fn an_alert_that_lasts_into_an_anomaly_hits_it() {
        let quality = judged(&[span(4, 6)], "..!!!!....");
        assert_eq!((quality.hits(), quality.false_alarms, quality.delay()), (1, 1, Some(0)));
    }

    #[test]
    fn nothing_is_known_without_alerts_or_anomalies() {
        let quality = judged(&[], "....");
        assert_eq!((quality.precision(), quality.recall(), quality.f1()), (None, None, None));
        assert_eq!((quality.score(), quality.delay()), (None, None));
        assert_eq!(judged(&[span(100, 200)], "....").misses(), 1);
        assert_eq!(Record::new(1).judge(&[span(1, 2)])[0].misses(), 1);
    }

    #[test]
    fn a_batch_hits_what_it_spans() {
        let mut record = Record::new(1);
        for i in 0..10 {
            record.row(i as u64, i * 300 * SECOND, (i + 1) * 300 * SECOND);
        }
        record.saw(0, 9, true);
        let quality = &record.judge(&[span(2750, 2800)])[0];
        assert_eq!((quality.hits(), quality.delay()), (1, Some(250 * SECOND)));
    }
}
