//! Times as people and programs write them: RFC 3339 and its relatives, dates, numbers since the
//! epoch. Without a time zone, it is UTC.

use crate::protocol::line::Precision;
use crate::protocol::time::read_utc;
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};

/// The unit of times that are numbers.
pub type Unit = Precision;

/// Reads a time into nanoseconds since the epoch; a number is in `unit`, which the first number sets
/// by its size if it is not given.
pub fn read(text: &str, unit: &mut Option<Unit>) -> Option<i64> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) => epoch(text, number, *unit.get_or_insert_with(|| by_size(number))),
        Err(_) => calendar(text),
    }
}

/// Reads a date, or a date and a time of day.
pub fn calendar(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(time) = read_utc(text) {
        return Some(time);
    }
    // 2014/04/01 is as clear as 2014-04-01; 01/04/2014 is not, and is refused.
    let slashed;
    let text = match text.as_bytes() {
        [_, _, _, _, b'/', _, _, b'/', ..] => {
            slashed = text.replacen('/', "-", 2);
            &slashed
        }
        _ => text,
    };
    // Go prints "2014-04-01 00:00:00 +0000 UTC".
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let unzoned = text.replacen(" +", "+", 1);
    let time = unzoned
        .parse::<Timestamp>()
        .ok()
        .or_else(|| in_utc(unzoned.parse::<DateTime>().ok()?))
        .or_else(|| in_utc(unzoned.parse::<Date>().ok()?.into()))
        .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn in_utc(time: DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Digits exactly, other notations as exactly as a double can.
fn epoch(text: &str, number: f64, unit: Unit) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if let (Ok(whole), Ok(_)) = (whole.parse::<i64>(), fraction.parse::<u64>()) {
        let fraction: f64 = format!("0.{fraction}").parse().ok()?;
        let part = (fraction * unit.nanoseconds() as f64).round() as i64;
        let part = if text.starts_with('-') { -part } else { part };
        return whole.checked_mul(unit.nanoseconds())?.checked_add(part);
    }
    let ns = number * unit.nanoseconds() as f64;
    (ns.abs() < i64::MAX as f64).then_some(ns.round() as i64)
}

/// Returns the unit that a number is a likely time in: seconds until the year 5138, then milliseconds, microseconds,
/// nanoseconds.
pub fn by_size(number: f64) -> Unit {
    match number.abs() {
        n if n < 1e11 => Unit::Seconds,
        n if n < 1e14 => Unit::Milliseconds,
        n if n < 1e17 => Unit::Microseconds,
        _ => Unit::Nanoseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_formats_are_read() {
        const SECOND: i64 = 1_000_000_000;
        const NOON: i64 = 1_396_353_600 * SECOND;
        for (text, expected) in [
            ("2014-04-01T12:00:00Z", NOON),
            ("2014-04-01T14:00:00+02:00", NOON),
            ("2014-04-01 14:00:00+02:00", NOON),
            ("2014-04-01 12:00:00", NOON),
            ("2014-04-01T12:00", NOON),
            ("2014/04/01 12:00:00", NOON),
            ("2014-04-01 12:00:00.25", NOON + SECOND / 4),
            ("2014-04-01 12:00:00 +0000 UTC", NOON),
            ("2014-04-01 12:00:00 UTC", NOON),
            ("Tue, 01 Apr 2014 12:00:00 +0000", NOON),
            ("2014-04-01", NOON - 12 * 3600 * SECOND),
            ("1396353600", NOON),
            ("1396353600.25", NOON + SECOND / 4),
            ("1396353600000", NOON),
            ("1396353600000000", NOON),
            ("1396353600000000001", NOON + 1),
        ] {
            assert_eq!(read(text, &mut None), Some(expected), "{text}");
        }
        assert_eq!(read("60", &mut Some(Unit::Minutes)), Some(3600 * SECOND));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "soon", "01/04/2014", "12:00", "nan", "1e300", "2014-13-01", "99999-01-01"]
        {
            assert_eq!(read(text, &mut None), None, "{text}");
        }
        assert_eq!(read("9223372036854775807", &mut Some(Unit::Hours)), None);
    }
}
