//! Times as RFC 3339, written and read. A time is nanoseconds since the epoch.

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Text that is no time.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// It is written in another way.
    #[error("'{0}' is not a time in RFC 3339: {1}")]
    Text(String, jiff::Error),
    /// It is before the year 1677 or after the year 2262.
    #[error("'{0}' is out of range")]
    Range(String),
}

/// Reads RFC 3339, with any offset.
///
/// # Errors
/// Text that is no time, or one that 64 bits of nanoseconds cannot hold.
pub fn read_rfc3339(text: &str) -> Result<i64, TimeError> {
    if text.ends_with('Z')
        && let Some(time) = read_utc(text)
    {
        return Ok(time);
    }
    let time: jiff::Timestamp =
        text.parse().map_err(|error| TimeError::Text(text.to_owned(), error))?;
    i64::try_from(time.as_nanosecond()).map_err(|_| TimeError::Range(text.to_owned()))
}

/// Returns a time as RFC 3339 in UTC, with as many digits as it needs: `2016-01-01T00:00:00.5Z`.
pub fn rfc3339(ns: i64) -> String {
    let mut text = String::with_capacity(30);
    put_rfc3339(&mut text, ns);
    text
}

/// Appends a time as [`rfc3339`] returns it.
#[inline]
pub fn put_rfc3339(out: &mut String, ns: i64) {
    let seconds = ns.div_euclid(SECOND);
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY) as u32;
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    put_digits(&mut text[..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second / 3600);
    put_digits(&mut text[14..16], second / 60 % 60);
    put_digits(&mut text[17..19], second % 60);
    let mut len = 19;
    let fraction = ns.rem_euclid(SECOND) as u32;
    if fraction > 0 {
        put_digits(&mut text[20..29], fraction);
        len = 29;
        while text[len - 1] == b'0' {
            len -= 1;
        }
    }
    text[len] = b'Z';
    out.push_str(std::str::from_utf8(&text[..=len]).expect("only ASCII was put"));
}

/// Fills a place with the last digits of a number.
#[inline]
fn put_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Returns the year, month and day of a day since the epoch, within the years that 64 bits of
/// nanoseconds can reach (Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn civil(day: i64) -> (u32, u32, u32) {
    // Days since 0000-03-01, where the leap day is the last of a year.
    let day = (day + 719_468) as u32;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Returns the day since the epoch of a date (Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Reads a time in the form that most programs write, `2016-01-01T00:00:00.5Z`, also with a space for
/// the `T`, and without the `Z`, which is UTC too; `None` for other forms, which are for `jiff`.
pub fn read_utc(text: &str) -> Option<i64> {
    let (head, tail) = text.as_bytes().split_at_checked(19)?;
    let &[_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', _, _, b':', _, _, b':', _, _] = head
    else {
        return None;
    };
    let part = |from: usize, to: usize| digits(&head[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let valid = (1678..=2261).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let fraction = match tail.strip_suffix(b"Z").unwrap_or(tail) {
        b"" => 0,
        [b'.', fraction @ ..] if (1..=9).contains(&fraction.len()) => {
            digits(fraction)? * 10i64.pow(9 - fraction.len() as u32)
        }
        _ => return None,
    };
    valid.then(|| {
        let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        seconds * SECOND + fraction
    })
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expected(ns: i64) -> String {
        jiff::Timestamp::from_nanosecond(ns.into()).unwrap().to_string()
    }

    #[test]
    fn times_are_written_with_the_digits_that_they_need() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_451_606_400_500_000_000, "2016-01-01T00:00:00.5Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(rfc3339(ns), text);
            assert_eq!(expected(ns), text);
            let within = ns.unsigned_abs() < 9_000_000_000_000_000_000;
            assert_eq!(read_utc(text), within.then_some(ns));
        }
    }

    #[test]
    fn what_is_read_is_what_jiff_reads() {
        let common = [
            "2016-01-01T00:00:00Z",
            "2016-01-01 00:00:00Z",
            "2016-01-01T00:00:00",
            "2016-01-01 00:00:00.25",
        ];
        for text in [
            "2016-01-01 00:00:00.25",
            "2016-01-01T00:00:00Z",
            "2016-01-01 00:00:00Z",
            "2016-01-01t00:00:00z",
            "2016-02-29T23:59:60Z",
            "2015-02-29T00:00:00Z",
            "2016-13-01T00:00:00Z",
            "2016-01-01T24:00:00Z",
            "2016-01-01T00:60:00Z",
            "2016-01-01T00:00:00.Z",
            "2016-01-01T00:00:00.1234567891Z",
            "2016-01-01T00:00:00,5Z",
            "2016-01-01T00:00Z",
            "2016-01-01T02:00:00+02:00",
            "2016-01-01T00:00:00",
            "2016-01-01",
            "",
            "x",
            "2016-01-01T00:00:00.5Z ",
            "1600-01-01T00:00:00Z",
            "9999-12-31T00:00:00Z",
            "2016-00-01T00:00:00Z",
            "2016-01-00T00:00:00Z",
            "2O16-01-01T00:00:00Z",
        ] {
            let zoned = text.parse::<jiff::Timestamp>().ok();
            let unzoned = text.parse::<jiff::civil::DateTime>().ok().filter(|_| zoned.is_none());
            let unzoned = unzoned.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).unwrap());
            let time = zoned.or_else(|| unzoned.map(|time| time.timestamp()));
            let theirs = time.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
            let ours = read_utc(text);
            assert!(ours.is_none() || ours == theirs, "{text}: {ours:?}, {theirs:?}");
            assert_eq!(ours.is_some(), common.contains(&text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn any_time_is_written_as_jiff_does_and_read_back(ns: i64, digits in 0u32..10) {
            let ns = ns / 10i64.pow(digits) * 10i64.pow(digits);
            prop_assert_eq!(rfc3339(ns), expected(ns));
            let read = read_utc(&rfc3339(ns));
            prop_assert!(read == Some(ns) || ns.unsigned_abs() > 9_000_000_000_000_000_000);
        }
    }
}
