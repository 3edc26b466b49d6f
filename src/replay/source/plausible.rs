//! Times that were probably written in another unit than they are read in, and files without a point.

use crate::protocol::time::rfc3339;
use crate::replay::timestamp::Unit;
use std::path::Path;

const YEAR: i64 = 31_556_952_000_000_000;

/// Times that are unlikely: before 1980 and from about 2200 on.
fn is_odd(time: i64) -> bool {
    !(10 * YEAR..230 * YEAR).contains(&time)
}

/// Times that a guess may lead to: from 1980 to about 2100.
fn is_likely(time: i64) -> bool {
    (10 * YEAR..130 * YEAR).contains(&time)
}

const UNITS: [(Unit, &str); 6] = [
    (Unit::Nanoseconds, "ns"),
    (Unit::Microseconds, "u"),
    (Unit::Milliseconds, "ms"),
    (Unit::Seconds, "s"),
    (Unit::Minutes, "m"),
    (Unit::Hours, "h"),
];

/// How times in a file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::replay) enum Times {
    /// As numbers in the unit that `--precision` names.
    Asked(Unit),
    /// As nanoseconds, as the format says.
    Fixed,
}

/// The unit in which a number would be a likely time, as `--precision` calls it, and that time.
pub(super) fn likely_unit(number: i64) -> Option<(&'static str, i64)> {
    UNITS.iter().find_map(|(unit, name)| {
        let time = number.checked_mul(unit.nanoseconds())?;
        is_likely(time).then_some((*name, time))
    })
}

/// The warning about an unlikely first time of a file, with a unit that would correct it; `None` if the time is likely.
pub(super) fn suspicion(time: i64, times: Times) -> Option<String> {
    if !is_odd(time) {
        return None;
    }
    let unit = match times {
        Times::Asked(unit) => unit,
        Times::Fixed => Unit::Nanoseconds,
    };
    let name = UNITS.iter().find(|(known, _)| *known == unit).map_or("ns", |(_, name)| name);
    let first = format!("the first time is {}, if it is in {name}", rfc3339(time));
    match (likely_unit(time / unit.nanoseconds()), times) {
        (Some((better, meant)), Times::Asked(_)) => {
            Some(format!("{first}; with --precision {better} it is {}", rfc3339(meant)))
        }
        (Some((better, meant)), Times::Fixed) => Some(format!(
            "{first}, as in recordings; in {better} it would be {}: was the data written with a wrong precision before it was recorded?",
            rfc3339(meant)
        )),
        // No unit helps: times that are counted from 0 are possible, but deserve a warning.
        (None, Times::Asked(_)) if (0..YEAR / 365).contains(&time) => {
            Some(format!("{first}; is --precision right?"))
        }
        (None, _) => None,
    }
}

/// Warns of the first time of a file if it is odd.
#[cold]
pub(in crate::replay) fn look_at(path: &Path, time: i64, times: Times) {
    if let Some(text) = suspicion(time, times) {
        log::warn!("{}: {text}", path.display());
    }
}

/// Warns of a file that holds no point; `what` it holds instead.
pub(in crate::replay) fn say_empty(path: &Path, what: &str) {
    log::warn!("{}: it has no points: {what}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_600_000_000;

    #[test]
    fn a_time_in_the_wrong_unit_is_told_with_the_right_one() {
        for (number, read, better) in [
            (NOW, Unit::Nanoseconds, "s"),
            (NOW, Unit::Microseconds, "s"),
            (NOW, Unit::Milliseconds, "s"),
            (NOW * 1000, Unit::Nanoseconds, "ms"),
            (NOW * 1000, Unit::Microseconds, "ms"),
            (NOW * 1_000_000, Unit::Nanoseconds, "u"),
            (NOW / 60, Unit::Nanoseconds, "m"),
            (NOW / 60, Unit::Seconds, "m"),
            (NOW / 3600, Unit::Nanoseconds, "h"),
            (NOW / 3600, Unit::Minutes, "h"),
        ] {
            let time = number * read.nanoseconds();
            let told = suspicion(time, Times::Asked(read)).unwrap_or_default();
            assert!(
                told.contains(&format!("with --precision {better} it is 2020-09-13T")),
                "{told}"
            );
        }
        // Too late: the largest number stands for a time in the year 2262.
        let late = suspicion(8_000_000_000 * 1_000_000_000, Times::Asked(Unit::Seconds));
        assert_eq!(late, None, "no unit helps");
        let months = suspicion(NOW * 1000, Times::Fixed).unwrap_or_default();
        assert!(months.contains("in ms it would be 2020-09-13T"), "{months}");
    }

    #[test]
    fn times_that_can_be_right_are_not_suspected() {
        for (number, unit) in [
            (NOW, Unit::Seconds),
            (NOW * 1_000_000_000, Unit::Nanoseconds),
            (-NOW, Unit::Seconds),
            (160_000_000, Unit::Seconds),
            (4_000_000_000, Unit::Seconds),
        ] {
            assert_eq!(
                suspicion(number * unit.nanoseconds(), Times::Asked(unit)),
                None,
                "{number}"
            );
        }
        assert!(suspicion(1, Times::Asked(Unit::Seconds)).is_some());
        assert_eq!(suspicion(1, Times::Fixed), None);
    }
}
