//! Times rounded as the daemon rounds them: to multiples of a duration since the year 1.

/// Nanoseconds from Go's zero time, the year 1, to 1970.
const ZERO_TIME: i128 = 62_135_596_800 * 1_000_000_000;

/// Rounds a time down to a multiple of a duration since the year 1.
pub fn truncate(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    let remainder = (i128::from(time) + ZERO_TIME).rem_euclid(unit.into());
    time.saturating_sub(i64::try_from(remainder).unwrap_or(0))
}

/// Rounds a time to the nearest multiple of a duration since the year 1, halves up.
pub fn round(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    let down = truncate(time, unit);
    let remainder = time - down;
    if remainder < unit - remainder { down } else { down.saturating_add(unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_align_to_the_year_one() {
        const WEEK: i64 = 7 * 86_400 * 1_000_000_000;
        assert_eq!(truncate(1_500, 1_000), 1_000);
        assert_eq!(truncate(-1, 1_000), -1_000);
        assert_eq!((round(1_499, 1_000), round(1_500, 1_000)), (1_000, 2_000));
        // Weeks begin on Mondays: 1970-01-05 was one.
        assert_eq!(truncate(WEEK, WEEK), 4 * 86_400 * 1_000_000_000);
        assert_eq!(truncate(i64::MIN, WEEK), i64::MIN);
    }
}
