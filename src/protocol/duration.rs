//! Durations as the daemon's users write them: `10s`, `1h30m`, `500ms`, `5u`.

use std::fmt::{self, Write};

/// A second in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;

/// Text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration; write a number and a unit: ns, u (or us, µs), ms, s, m, h, d, w")]
pub struct DurationError(String);

/// The units, longest names first, with their nanoseconds.
const UNITS: [(&str, i64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Parses a duration into nanoseconds. A plain `0` is allowed.
///
/// # Errors
/// Text that is no duration, or one beyond 292 years.
pub fn parse(text: &str) -> Result<i64, DurationError> {
    let error = || DurationError(text.to_owned());
    let (negative, mut rest) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: i64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let (unit, ns) = UNITS.iter().find(|(u, _)| rest.starts_with(u)).ok_or_else(error)?;
        rest = &rest[unit.len()..];
        let part = number.checked_mul(*ns).ok_or_else(error)?;
        total = total.checked_add(part).ok_or_else(error)?;
    }
    Ok(if negative { -total } else { total })
}

/// Parses a duration as InfluxQL and TICKscripts write it (`90m`, `1h30m`); they have neither `us`
/// nor a sign nor a plain `0`.
pub fn parse_influxql(text: &str) -> Option<i64> {
    if text.contains("us") || !text.starts_with(|c: char| c.is_ascii_digit()) || text == "0" {
        return None;
    }
    // A microsecond is `u` or `µ` there.
    parse(&text.replace("µs", "?").replace('µ', "u")).ok()
}

/// The units that InfluxQL writes, the longest first.
const INFLUXQL: [(&str, i64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("ns", 1),
];

/// Writes a duration in the largest unit that divides it, as InfluxQL does.
pub fn influxql(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    INFLUXQL
        .iter()
        .find(|(_, size)| nanoseconds % size == 0)
        .map_or_else(String::new, |(unit, size)| format!("{}{unit}", nanoseconds / size))
}

/// Writes a duration as Go's `time.Duration` prints itself: `1h0m5.5s`, `250ms`, `0s`.
pub fn go(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    let small = |unit: u64, name: &str| format!("{sign}{}{name}", decimal(total, unit));
    match total {
        0..1_000 => return small(1, "ns"),
        1_000..1_000_000 => return small(1_000, "µs"),
        1_000_000..1_000_000_000 => return small(1_000_000, "ms"),
        _ => {}
    }
    let minutes = total / 60_000_000_000;
    let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
    let mut text = sign.to_owned();
    if minutes >= 60 {
        let _ = write!(text, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(text, "{}m", minutes % 60);
    }
    format!("{text}{seconds}s")
}

fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", value % unit);
    match fraction.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        fraction => format!("{}.{fraction}", value / unit),
    }
}

/// Shows nanoseconds as a duration, in the largest units that keep it exact.
pub struct Display(pub i64);

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (unit, ns) in [("w", 9), ("d", 8), ("h", 7), ("m", 6), ("s", 5), ("ms", 3), ("us", 1)]
            .map(|(name, i)| (name, UNITS[i].1.unsigned_abs()))
        {
            if rest >= ns {
                write!(f, "{}{unit}", rest / ns)?;
                rest %= ns;
            }
        }
        if rest > 0 {
            write!(f, "{rest}ns")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, ns) in [
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1w2d", 777_600_000_000_000),
            ("500ms", 500_000_000),
            ("3us", 3_000),
            ("7ns", 7),
            ("-10s", -10_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(ns));
            assert_eq!(Display(ns).to_string(), text);
        }
        assert_eq!(parse("2u"), Ok(2_000));
        assert_eq!(parse("2µs"), Ok(2_000));
        assert_eq!(parse("0"), Ok(0));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "5", "m", "5x", "1.5s", "5 m", "300000w", "99999999999999999999s", "-"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_of_tickscripts_are_read_and_printed_as_go_does() {
        for (text, nanoseconds, shown) in [
            ("5m", 300 * SECOND, "5m0s"),
            ("1h30m", 5400 * SECOND, "1h30m0s"),
            ("1w", 604_800 * SECOND, "168h0m0s"),
            ("1500ms", 1_500_000_000, "1.5s"),
            ("250ms", 250_000_000, "250ms"),
            ("1500u", 1_500_000, "1.5ms"),
            ("7µ", 7_000, "7µs"),
            ("12ns", 12, "12ns"),
        ] {
            assert_eq!(parse_influxql(text), Some(nanoseconds), "{text}");
            assert_eq!(go(nanoseconds), shown);
        }
        for text in ["", "5", "m", "5x", "99999999999w", "0", "-5m", "5us", "5µs"] {
            assert_eq!(parse_influxql(text), None, "{text}");
        }
        assert_eq!(
            (influxql(5400 * SECOND), influxql(0), influxql(3)),
            ("90m".into(), "0s".into(), "3ns".into())
        );
        assert_eq!((go(-SECOND), go(0)), ("-1s".into(), "0s".into()));
        assert_eq!(go(i64::MIN), "-2562047h47m16.854775808s");
    }
}
