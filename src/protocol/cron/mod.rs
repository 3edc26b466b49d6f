//! Times in cron's notation, as `.cron()` of a `|query()` takes them.
//!
//! Five fields are minute, hour, day of the month, month and day of the week; a sixth is the year; of
//! seven, the first is the second. A field is `*`, `?`, a value, a range `a-b`, each with a step `/n`, or
//! several of them with commas between. Months and days of the week have names. Among the days of a month,
//! `L` is the last one, `LW` the last workday, `15W` the workday nearest to the 15th; among days of the
//! week, `5L` is the last Friday of a month and `5#3` the third. If both kinds of days are restricted,
//! either is enough. Times are in UTC.

#[cfg(test)]
mod tests;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// The years that there are.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2099;
const NANOSECONDS: i64 = 1_000_000_000;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTHS_IN_FULL: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WEEKDAYS_IN_FULL: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// Times that return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: Vec<i16>,
    minutes: Vec<i16>,
    hours: Vec<i16>,
    months: Vec<i16>,
    years: Vec<i16>,
    /// Days of the month; `None` for all.
    days: Option<Vec<Day>>,
    /// Days of the week; `None` for all.
    weekdays: Option<Vec<DayOfWeek>>,
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    At(i16),
    Last,
    LastWorkday,
    WorkdayNear(i16),
}

/// A day of the week, from 0 for Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayOfWeek {
    Each(i16),
    Last(i16),
    /// The n-th of a month.
    Nth(i16, i16),
}

/// Why a text is not in cron's notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Too few fields, or too many.
    #[error(
        "'{0}' has {1} fields, not 5 (minute hour day month weekday) to 7 (with second and year)"
    )]
    Fields(String, usize),
    /// A field that cannot be read.
    #[error("'{text}' is not a valid {field}")]
    Field {
        /// What is wrong.
        text: String,
        /// The field.
        field: &'static str,
    },
}

/// What the values of a field are.
struct Field {
    name: &'static str,
    least: i16,
    most: i16,
    names: &'static [&'static [&'static str]],
}

const SECOND: Field = Field { name: "second", least: 0, most: 59, names: &[] };
const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[] };
const DAY: Field = Field { name: "day of a month", least: 1, most: 31, names: &[] };
const MONTH: Field =
    Field { name: "month", least: 1, most: 12, names: &[&MONTHS, &MONTHS_IN_FULL] };
const WEEKDAY: Field =
    Field { name: "day of the week", least: 0, most: 6, names: &[&WEEKDAYS, &WEEKDAYS_IN_FULL] };
const YEAR: Field = Field { name: "year", least: *YEARS.start(), most: *YEARS.end(), names: &[] };

impl Cron {
    /// Reads the notation.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let usual = match text.trim() {
            "@yearly" | "@annually" => "0 0 0 1 1 * *",
            "@monthly" => "0 0 0 1 * * *",
            "@weekly" => "0 0 0 * * 0 *",
            "@daily" => "0 0 0 * * * *",
            "@hourly" => "0 0 * * * * *",
            other => other,
        };
        let fields: Vec<&str> = usual.split_whitespace().collect();
        let (second, rest) = match fields.len() {
            7 => (fields[0], &fields[1..]),
            5 | 6 => ("0", &fields[..]),
            count => return Err(CronError::Fields(text.into(), count)),
        };
        Ok(Self {
            seconds: SECOND.values(second)?,
            minutes: MINUTE.values(rest[0])?,
            hours: HOUR.values(rest[1])?,
            days: DAY.special(rest[2], day)?,
            months: MONTH.values(rest[3])?,
            weekdays: WEEKDAY.special(rest[4], day_of_week)?,
            years: YEAR.values(rest.get(5).unwrap_or(&"*"))?,
        })
    }

    /// Returns the first time after another, both in nanoseconds since the epoch; `None` if there is none.
    pub fn after(&self, time: i64) -> Option<i64> {
        let start = time.div_euclid(NANOSECONDS) + 1;
        let from = jiff::Timestamp::from_second(start).ok()?.to_zoned(TimeZone::UTC).datetime();
        let (first_year, first_month) = (from.year(), i16::from(from.month()));
        for year in self.years.iter().copied().filter(|year| *year >= first_year) {
            for month in self.months.iter().copied() {
                if (year, month) < (first_year, first_month) {
                    continue;
                }
                for date in self.dates(year, month).into_iter().filter(|date| *date >= from.date())
                {
                    let earliest = if date == from.date() {
                        let time = from.time();
                        (time.hour().into(), time.minute().into(), time.second().into())
                    } else {
                        (0, 0, 0)
                    };
                    if let Some((hour, minute, second)) = self.time_of_day(earliest) {
                        let at = date.at(hour as i8, minute as i8, second as i8, 0);
                        let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
                        return at.checked_mul(NANOSECONDS);
                    }
                }
            }
        }
        None
    }

    /// The first time of a day that is not before another.
    fn time_of_day(&self, earliest: (i16, i16, i16)) -> Option<(i16, i16, i16)> {
        let hours = self.hours.iter().filter(|hour| **hour >= earliest.0);
        for hour in hours {
            let minute_from = if *hour == earliest.0 { earliest.1 } else { 0 };
            for minute in self.minutes.iter().filter(|minute| **minute >= minute_from) {
                let same = (*hour, *minute) == (earliest.0, earliest.1);
                let second_from = if same { earliest.2 } else { 0 };
                if let Some(second) = self.seconds.iter().find(|second| **second >= second_from) {
                    return Some((*hour, *minute, *second));
                }
            }
        }
        None
    }

    /// The days of a month, in order.
    fn dates(&self, year: i16, month: i16) -> Vec<Date> {
        let Ok(first) = Date::new(year, month as i8, 1) else { return Vec::new() };
        let last = first.last_of_month();
        let all = (1..=last.day()).filter_map(|day| Date::new(year, month as i8, day).ok());
        let wanted = |date: &Date| {
            let by_month = |days: &Vec<Day>| days.iter().any(|day| day.is(*date, last));
            let by_week = |days: &Vec<DayOfWeek>| days.iter().any(|day| day.is(*date, last));
            match (&self.days, &self.weekdays) {
                (None, None) => true,
                (days, weekdays) => {
                    days.as_ref().is_some_and(by_month) || weekdays.as_ref().is_some_and(by_week)
                }
            }
        };
        all.filter(wanted).collect()
    }
}

impl Day {
    fn is(self, date: Date, last: Date) -> bool {
        match self {
            Self::At(day) => i16::from(date.day()) == day,
            Self::Last => date == last,
            Self::LastWorkday => date == workday(last, last),
            Self::WorkdayNear(day) => {
                let near = Date::new(date.year(), date.month(), day as i8);
                near.is_ok_and(|near| date == workday(near, last))
            }
        }
    }
}

impl DayOfWeek {
    fn is(self, date: Date, last: Date) -> bool {
        let (Self::Each(day) | Self::Last(day) | Self::Nth(day, _)) = self;
        let is_day = i16::from(date.weekday().to_sunday_zero_offset()) == day;
        is_day
            && match self {
                Self::Each(_) => true,
                Self::Last(_) => last.day() - date.day() < 7,
                Self::Nth(_, n) => i16::from((date.day() - 1) / 7 + 1) == n,
            }
    }
}

/// The workday of the same month nearest to a day.
fn workday(date: Date, last: Date) -> Date {
    let moved = match (date.weekday(), date.day()) {
        (Weekday::Saturday, 1) => 2,
        (Weekday::Saturday, _) => -1,
        (Weekday::Sunday, _) if date == last => -2,
        (Weekday::Sunday, _) => 1,
        _ => 0,
    };
    Date::new(date.year(), date.month(), date.day() + moved).unwrap_or(date)
}

impl Field {
    fn error(&self, text: &str) -> CronError {
        CronError::Field { text: text.into(), field: self.name }
    }

    fn value(&self, text: &str) -> Option<i16> {
        let named = self.names.iter().find_map(|names| names.iter().position(|name| *name == text));
        let value = match named {
            Some(place) => place as i16 + self.least,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        // Sunday is 7 too.
        let value = if self.name == WEEKDAY.name && value == 7 { 0 } else { value };
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// Reads one entry that is not special: its values, and whether they are all.
    fn entry(&self, entry: &str) -> Option<(Vec<i16>, bool)> {
        if matches!(entry, "*" | "?") {
            return Some(((self.least..=self.most).collect(), true));
        }
        let (range, step) = match entry.split_once('/') {
            None => (entry, None),
            Some((range, step)) => {
                let step =
                    step.parse::<i16>().ok().filter(|step| (1..=self.most).contains(step))?;
                (range, Some(step))
            }
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (self.least, self.most),
            (_, Some((first, last))) => (self.value(first)?, self.value(last)?),
            (value, None) => {
                let first = self.value(value)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        Some(((first..=last).step_by(step.unwrap_or(1) as usize).collect(), false))
    }

    /// Reads a field without special entries; the values in order.
    fn values(&self, text: &str) -> Result<Vec<i16>, CronError> {
        let text = text.to_lowercase();
        let mut values = Vec::new();
        for entry in text.split(',').filter(|entry| !entry.is_empty()) {
            values.extend(self.entry(entry).ok_or_else(|| self.error(entry))?.0);
        }
        values.sort_unstable();
        values.dedup();
        if values.is_empty() { Err(self.error(&text)) } else { Ok(values) }
    }

    /// Reads a field with special entries; `None` if it restricts nothing.
    fn special<T>(
        &self,
        text: &str,
        read: impl Fn(&str, Option<i16>) -> Option<T>,
    ) -> Result<Option<Vec<T>>, CronError> {
        let text = text.to_lowercase();
        let mut values = Vec::new();
        let mut all = false;
        for entry in text.split(',').filter(|entry| !entry.is_empty()) {
            match self.entry(entry) {
                Some((_, true)) => all = true,
                Some((numbers, false)) => {
                    values.extend(numbers.into_iter().filter_map(|n| read("", Some(n))));
                }
                None => values.push(read(entry, None).ok_or_else(|| self.error(entry))?),
            }
        }
        match (all, values.is_empty()) {
            (true, _) => Ok(None),
            (false, true) => Err(self.error(&text)),
            (false, false) => Ok(Some(values)),
        }
    }
}

fn day(entry: &str, number: Option<i16>) -> Option<Day> {
    match (entry, number) {
        (_, Some(number)) => Some(Day::At(number)),
        ("l", _) => Some(Day::Last),
        ("lw", _) => Some(Day::LastWorkday),
        (entry, _) => DAY.value(entry.strip_suffix('w')?).map(Day::WorkdayNear),
    }
}

fn day_of_week(entry: &str, number: Option<i16>) -> Option<DayOfWeek> {
    if let Some(number) = number {
        return Some(DayOfWeek::Each(number));
    }
    if let Some((day, n)) = entry.split_once('#') {
        let n = n.parse().ok().filter(|n| (1..=5).contains(n))?;
        return Some(DayOfWeek::Nth(WEEKDAY.value(day)?, n));
    }
    WEEKDAY.value(entry.strip_suffix('l')?).map(DayOfWeek::Last)
}
