//! Durations as InfluxQL and as Go write them.

use std::fmt::Write;

/// A microsecond in nanoseconds.
const MICRO: i64 = 1_000;
/// A second in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;

const UNITS: [(&str, i64); 9] = [
    ("w", 7 * 24 * 3600 * SECOND),
    ("d", 24 * 3600 * SECOND),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1000 * MICRO),
    ("u", MICRO),
    ("µ", MICRO),
    ("ns", 1),
];

/// Parses an InfluxQL duration (`90m`, `1h30m`) into nanoseconds.
pub fn parse(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, size) = UNITS
            .iter()
            .filter(|(unit, _)| rest.starts_with(unit))
            .max_by_key(|(unit, _)| unit.len())?;
        total = total.checked_add(number.checked_mul(*size)?)?;
        rest = &rest[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

/// Writes a duration in the largest unit that divides it, as InfluxQL does.
pub fn influxql(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    UNITS
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
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
            assert_eq!(parse(text), Some(nanoseconds), "{text}");
            assert_eq!(go(nanoseconds), shown);
        }
        for text in ["", "5", "m", "5x", "99999999999w"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            (influxql(5400 * SECOND), influxql(0), influxql(3)),
            ("90m".into(), "0s".into(), "3ns".into())
        );
        assert_eq!((go(-SECOND), go(0)), ("-1s".into(), "0s".into()));
        assert_eq!(go(i64::MIN), "-2562047h47m16.854775808s");
    }
}
