//! Durations as the daemon's users write them: `10s`, `1h30m`, `500ms`, `5u`.

use std::fmt;

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
}
