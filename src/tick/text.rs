//! Values as Go writes them, and string functions of Go that Rust does not have.

pub(crate) use crate::protocol::time::rfc3339;
use crate::tick::error::{Result, TickError};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Returns the date and time of a time in nanoseconds since the epoch, in UTC.
pub(crate) fn date(nanoseconds: i64) -> DateTime {
    let timestamp = Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default();
    TimeZone::UTC.to_datetime(timestamp)
}

/// Writes a time as Go's `time.Time` prints itself.
pub(crate) fn go_time(nanoseconds: i64) -> String {
    let written = rfc3339(nanoseconds);
    format!("{} +0000 UTC", written.trim_end_matches('Z').replace('T', " "))
}

/// Writes a float without an exponent (Go's `'f', -1`).
pub(crate) fn float_plain(x: f64) -> String {
    match x {
        _ if x == f64::INFINITY => "+Inf".to_owned(),
        _ if x == f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => x.to_string(),
    }
}

/// Writes a float as Go's `%v` does: with an exponent below 1e-4 and from 1e21 on.
pub(crate) fn float(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-4..1e21).contains(&x.abs()) {
        return float_plain(x);
    }
    exponent(&format!("{x:e}"))
}

/// Writes a float as Go's `encoding/json` does: with an exponent below 1e-6 and from 1e21 on.
pub(crate) fn float_json(x: f64) -> String {
    if x == 0.0 || (1e-6..1e21).contains(&x.abs()) {
        return float_plain(x);
    }
    let text = exponent(&format!("{x:e}"));
    // Go shortens e-09 to e-9 there.
    match text.split_once("e-0") {
        Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
        None => text,
    }
}

/// Gives an exponent its sign and two digits at least.
pub(crate) fn exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Writes a string as a Go literal in double quotes (`%q`).
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                quoted.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a string as Go's `encoding/json` does, with `<`, `>` and `&` escaped.
pub(crate) fn json_string(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                json.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// Writes a number of bytes in decimal units: `83 MB`, `1.5 kB`.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let power = ((bytes as f64).ln() / 1000f64.ln()).floor();
    let value = (bytes as f64 / 1000f64.powf(power) * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[(power as usize).min(UNITS.len() - 1)];
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Returns an offset, -1 for none.
pub(crate) fn index(found: Option<usize>) -> i64 {
    found.map_or(-1, |i| i as i64)
}

/// Counts how often a part occurs; the empty part, once more than there are characters.
pub(crate) fn count(text: &str, part: &str) -> i64 {
    if part.is_empty() {
        text.chars().count() as i64 + 1
    } else {
        text.matches(part).count() as i64
    }
}

/// Replaces the first `n` occurrences, all for a negative `n`.
pub(crate) fn replace(text: &str, old: &str, new: &str, n: i64) -> String {
    match usize::try_from(n) {
        Ok(n) => text.replacen(old, new, n),
        Err(_) => text.replace(old, new),
    }
}

/// Returns the bytes from `start` to before `stop`, which must lie inside of the text.
pub(crate) fn substring(text: &str, start: i64, stop: i64) -> Result<String> {
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(stop)) else {
        return Err(TickError::Evaluate(format!("the range {start}..{stop} is negative")));
    };
    if to >= text.len() || from > to {
        let inside = format!("the range {start}..{stop} is not inside of {} bytes", text.len());
        return Err(TickError::Evaluate(inside));
    }
    Ok(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (x, plain, go, json) in [
            (0.5, "0.5", "0.5", "0.5"),
            (10.0, "10", "10", "10"),
            (1e21, "1000000000000000000000", "1e+21", "1e+21"),
            (1e-5, "0.00001", "1e-05", "0.00001"),
            (2.5e-7, "0.00000025", "2.5e-07", "2.5e-7"),
            (-1e100, &format!("-1{}", "0".repeat(100)), "-1e+100", "-1e+100"),
            (f64::NAN, "NaN", "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf", "+Inf"),
        ] {
            assert_eq!(float_plain(x), plain);
            assert_eq!(float(x), go);
            if x.is_finite() {
                assert_eq!(float_json(x), json);
            }
        }
    }

    #[test]
    fn bytes_are_rounded_as_people_do() {
        for (bytes, expected) in [
            (9, "9 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (82_854_982, "83 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(human_bytes(bytes), expected);
        }
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        assert_eq!(go_time(1_451_606_400_000_000_000), "2016-01-01 00:00:00 +0000 UTC");
        assert_eq!(rfc3339(1_451_606_400_500_000_000), "2016-01-01T00:00:00.5Z");
    }
}
