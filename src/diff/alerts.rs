//! Differences of alerts. Changes of level that are the same in both versions divide the time. Between two of them,
//! the first remaining change of the old version and the first of the new one are treated as one alert that has
//! moved.

use crate::replay::outcome::Step;
use crate::tick::alert::Level;
use std::collections::BTreeMap;

/// An alert that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertChange {
    /// The use of the function; may be empty.
    pub udf: String,
    /// The group.
    pub group: String,
    /// What happened.
    pub change: Change,
}

/// What happened to an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was added.
    Added(i64, Level),
    /// It was removed.
    Gone(i64, Level),
    /// It has another time: the old and the new one.
    Moved(i64, i64, Level),
    /// It has another level at the same time: the old and the new one.
    Level(i64, Level, Level),
}

impl Change {
    /// The time, in the new version if it is there.
    pub fn time(&self) -> i64 {
        match self {
            Self::Added(time, _) | Self::Gone(time, _) | Self::Level(time, ..) => *time,
            Self::Moved(_, time, _) => *time,
        }
    }
}

type Key<'s> = (usize, &'s str, &'s str);
type Steps = Vec<(i64, Level)>;

/// Compares the changes of levels of two versions.
pub(super) fn compare(old: &[Step], new: &[Step]) -> Vec<AlertChange> {
    let mut keys: BTreeMap<Key<'_>, (Steps, Steps)> = BTreeMap::new();
    for (steps, is_new) in [(old, false), (new, true)] {
        for step in steps {
            let both = keys.entry((step.alert, &step.udf, &step.group)).or_default();
            let side = if is_new { &mut both.1 } else { &mut both.0 };
            side.push((step.time, step.level));
        }
    }
    let mut found = Vec::new();
    for ((_, udf, group), (mut old, mut new)) in keys {
        old.sort_by_key(|(time, _)| *time);
        new.sort_by_key(|(time, _)| *time);
        let changes = changes(&old, &new).into_iter();
        found.extend(changes.map(|change| AlertChange {
            udf: udf.to_owned(),
            group: group.to_owned(),
            change,
        }));
    }
    found.sort_by_key(|change| change.change.time());
    found
}

/// Compares the changes of one alert of one group.
fn changes(old: &[(i64, Level)], new: &[(i64, Level)]) -> Vec<Change> {
    let (mut i, mut j) = (0, 0);
    let (mut before, mut after) = (Steps::new(), Steps::new());
    let mut found = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => {
                settle(&mut before, &mut after, &mut found);
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), Some(b)) if a.0 == b.0 => {
                settle(&mut before, &mut after, &mut found);
                found.push(Change::Level(a.0, a.1, b.1));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => {
                before.push(*a);
                i += 1;
            }
            (_, Some(b)) => {
                after.push(*b);
                j += 1;
            }
            (Some(_), None) => break,
        }
    }
    settle(&mut before, &mut after, &mut found);
    found
}

/// Pairs the changes between two that are the same. A return to OK that is added or removed with its alert is not
/// reported by itself.
fn settle(before: &mut Steps, after: &mut Steps, found: &mut Vec<Change>) {
    let mut after = std::mem::take(after).into_iter().peekable();
    for (time, level) in std::mem::take(before) {
        match after.next_if(|(_, other)| *other == level) {
            Some((now, _)) => found.push(Change::Moved(time, now, level)),
            None if level == Level::Ok => {}
            None => found.push(Change::Gone(time, level)),
        }
    }
    let rest = after.filter(|(_, level)| *level != Level::Ok);
    found.extend(rest.map(|(time, level)| Change::Added(time, level)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Ok, Warning};

    #[test]
    fn alerts_come_go_move_and_change_their_level() {
        let same = [(10, Critical), (20, Ok)];
        for (old, new, expected) in [
            (&same[..], &same[..], vec![]),
            (&[], &same, vec![Change::Added(10, Critical)]),
            (&same, &[], vec![Change::Gone(10, Critical)]),
            (&same, &[(12, Critical), (20, Ok)], vec![Change::Moved(10, 12, Critical)]),
            (&same, &[(10, Critical), (25, Ok)], vec![Change::Moved(20, 25, Ok)]),
            (&same, &[(10, Warning), (20, Ok)], vec![Change::Level(10, Critical, Warning)]),
            (
                &same,
                &[(10, Critical), (20, Ok), (30, Critical), (31, Ok)],
                vec![Change::Added(30, Critical)],
            ),
            (
                &same,
                &[(5, Warning), (6, Ok)],
                vec![Change::Gone(10, Critical), Change::Added(5, Warning)],
            ),
        ] {
            assert_eq!(changes(old, new), expected, "{old:?} {new:?}");
        }
    }
}
