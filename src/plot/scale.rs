//! Axes: where a value is, and which numbers and times stand beside it.

use crate::protocol::time::rfc3339;
use crate::replay::quality::Interval;

/// The axis of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    /// Whether equal distances are equal ratios.
    pub is_log: bool,
}

/// How many times the range of the values a threshold may be away, to be on the axis.
const REACH: f64 = 4.0;

/// How far below the largest value a threshold is where only ratios can show both.
const RATIO: f64 = 100.0;

impl Scale {
    /// Chooses an axis for values, those that are no numbers left out, and for thresholds as far as they
    /// are not far away.
    pub fn of(
        values: impl Iterator<Item = f64> + Clone,
        thresholds: impl Iterator<Item = f64>,
    ) -> Self {
        let numbers = values.filter(|value| value.is_finite());
        let (mut low, mut high) = bounds(numbers.clone());
        let thresholds: Vec<f64> = thresholds.collect();
        let least = thresholds.iter().copied().filter(|t| *t > 0.0).fold(f64::INFINITY, f64::min);
        if low >= 0.0 && least.is_finite() && high / RATIO > least {
            return Self::by_ratio(numbers, least, high);
        }
        if low > high {
            (low, high) = bounds(thresholds.iter().copied());
        }
        if low > high {
            return Self { low: 0.0, high: 1.0, is_log: false };
        }
        let reach = REACH * (high / 2.0 - low / 2.0).max(high.abs().max(low.abs()) * 0.05) * 2.0;
        for threshold in thresholds {
            if threshold >= low - reach && threshold <= high + reach {
                (low, high) = (low.min(threshold), high.max(threshold));
            }
        }
        if low == high {
            let around = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = ((low - around).max(f64::MIN), (high + around).min(f64::MAX));
        } else {
            let margin = (high / 2.0 - low / 2.0) * 0.1;
            (low, high) = ((low - margin).max(f64::MIN), (high + margin).min(f64::MAX));
        }
        Self { low, high, is_log: false }
    }

    /// An axis of ratios, down to a millionth of the threshold at most.
    fn by_ratio(numbers: impl Iterator<Item = f64>, threshold: f64, high: f64) -> Self {
        let least = numbers.filter(|value| *value > 0.0).fold(threshold, f64::min);
        Self { low: least.max(threshold * 1e-6) * 0.5, high: high * 2.0, is_log: true }
    }

    /// Where a value is, from 0 at the bottom to 1 at the top; what is beyond is at the end.
    pub fn place(&self, value: f64) -> f64 {
        let (low, high, value) = if self.is_log {
            (self.low.ln(), self.high.ln(), value.max(self.low).ln())
        } else {
            (self.low, self.high, value)
        };
        ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0)
    }

    /// Tells whether a value is on the axis.
    pub fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }

    /// Whether a value that is not on the axis is above it.
    pub fn is_below(&self, value: f64) -> bool {
        value > self.high
    }

    /// The lower and the upper end.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// At most so many numbers with their texts, from the bottom up; two at least.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        if self.is_log {
            return self.decades(most);
        }
        let span = self.high / 2.0 - self.low / 2.0;
        let mut step = nice(span / most.max(2) as f64 * 2.0);
        loop {
            let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
            if !(first.is_finite() && last.is_finite() && step.is_finite()) {
                return [self.low, self.high].map(|end| (end, number(end, end.abs()))).to_vec();
            }
            let count = last - first + 1.0;
            if count <= most.max(2) as f64 {
                let values = (0..count.max(0.0) as usize).map(|i| (first + i as f64) * step);
                return values.map(|value| (value, number(value, step))).collect();
            }
            step = nice(step * 1.5);
        }
    }

    fn decades(&self, most: usize) -> Vec<(f64, String)> {
        let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
        let by = ((last - first + 1).max(1) as usize).div_ceil(most.max(1));
        let decades = (first..=last).rev().step_by(by).map(|power| 10f64.powi(power));
        let mut ticks: Vec<_> = decades.map(|value| (value, number(value, value))).collect();
        ticks.reverse();
        ticks
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The next of 1, 2, 5, 10, … that is not less.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let found =
        [1.0, 2.0, 5.0, 10.0].iter().map(|n| n * power).find(|nice| *nice >= step * 0.999_999);
    found.unwrap_or(10.0 * power)
}

/// A number, as exact as steps of that size need it.
pub(super) fn number(value: f64, step: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    let size = value.abs().max(step.abs());
    if value == 0.0 {
        return "0".into();
    }
    let digit = |x: f64| x.abs().log10().floor() as i32;
    if (1e-4..1e6).contains(&size) || size < 1e9 && step >= 1.0 && step.fract() == 0.0 {
        let decimals = usize::try_from(-digit(step)).unwrap_or(0);
        return format!("{value:.decimals$}");
    }
    let digits = usize::try_from(digit(value) - digit(step)).unwrap_or(0).min(15);
    format!("{value:.digits$e}")
}

/// A value for people: at most six digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let digit = value.abs().log10().floor() as i32;
    if (-4..9).contains(&digit) {
        let text = format!("{value:.*}", usize::try_from(5 - digit).unwrap_or(0));
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    let text = format!("{value:.4e}");
    match text.split_once('e') {
        Some((digits, power)) if digits.contains('.') => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps of the time axis that are longer than a second.
const STEPS: [i64; 21] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];

/// A time with its text, and with its day where that is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeTick {
    pub(super) time: i64,
    pub(super) text: String,
    pub(super) day: Option<String>,
}

/// At most so many times, in UTC.
pub(super) fn times(span: Interval, most: usize) -> Vec<TimeTick> {
    let most = most.max(2) as i128;
    let (from, to) = (i128::from(span.from), i128::from(span.to));
    let fits = |step: &i128| to.div_euclid(*step) - (from - 1).div_euclid(*step) <= most;
    let short = (0..9).flat_map(|power| [1, 2, 5].map(|n| n * 10i128.pow(power)));
    let long = (0..40).map(|power| i128::from(28 * DAY) << power);
    let mut steps = short.chain(STEPS.iter().map(|step| i128::from(*step))).chain(long);
    let step = steps.find(fits).unwrap_or(i128::MAX);
    let first = (from - 1).div_euclid(step) + 1;
    let mut before = String::new();
    let ticks = (0..most).map(|i| (first + i) * step).take_while(|time| *time <= to);
    ticks
        .map(|time| {
            let time = time as i64;
            let text = rfc3339(time);
            let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
            let clock = clock.trim_end_matches('Z');
            let clock =
                if step >= i128::from(MINUTE) { clock.get(..5).unwrap_or(clock) } else { clock };
            let is_new = before != day;
            before = day.to_owned();
            if step >= i128::from(DAY) {
                return TimeTick { time, text: day.to_owned(), day: None };
            }
            TimeTick { time, text: clock.to_owned(), day: is_new.then(|| day.to_owned()) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[f64], thresholds: &[f64], most: usize) -> Vec<String> {
        let scale = Scale::of(values.iter().copied(), thresholds.iter().copied());
        scale.ticks(most).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn numbers_are_round_and_differ() {
        for (values, expected) in [
            (&[0.0, 10.0][..], &["0", "5", "10"][..]),
            (&[-3.5, 220.25], &["0", "100", "200"]),
            (&[1e12, 3e12], &["1e12", "2e12", "3e12"]),
            (&[5.0], &["4.5", "5.0", "5.5"]),
            (&[0.0], &["-1", "0", "1"]),
            (&[], &["0.0", "0.5", "1.0"]),
            (&[1e-9, 2e-9], &["1.0e-9", "1.5e-9", "2.0e-9"]),
            (
                &[1_000_000_000.0, 1_000_000_000.5],
                &["1000000000.0", "1000000000.2", "1000000000.4"],
            ),
        ] {
            let got = texts(values, &[], 4);
            assert!(got.len() >= 2, "{values:?}: {got:?}");
            let mut unique = got.clone();
            unique.dedup();
            assert_eq!(got, unique, "{values:?}");
            if values.len() != 2 || values[0].abs() < 1e6 {
                let zero = |text: &&str| {
                    if text.trim_matches(['0', '.']).is_empty() {
                        "0".to_owned()
                    } else {
                        (*text).to_owned()
                    }
                };
                let expected: Vec<String> = expected.iter().map(zero).collect();
                assert_eq!(got, expected, "{values:?}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_have_an_axis() {
        let scale = Scale::of([f64::MIN, f64::MAX, f64::NAN].into_iter(), [1.0].into_iter());
        assert_eq!((scale.place(f64::MIN), scale.place(f64::MAX)), (0.0, 1.0));
        assert!((scale.place(0.0) - 0.5).abs() < 1e-9);
        assert!(scale.ticks(4).len() >= 2);
    }

    #[test]
    fn small_thresholds_make_an_axis_of_ratios() {
        let scale = Scale::of([0.0, 1e-19, 0.9].into_iter(), [0.001].into_iter());
        assert!(scale.is_log && scale.holds(0.001) && scale.place(0.0) == 0.0);
        let ticks: Vec<_> = scale.ticks(3).into_iter().map(|(_, text)| text).collect();
        assert!(ticks.len() <= 3 && ticks.contains(&"1".to_owned()), "{ticks:?}");
        assert!(!Scale::of([0.0, 6.0].into_iter(), [4.5].into_iter()).is_log);
    }

    #[test]
    fn thresholds_far_away_do_not_flatten_the_values() {
        let scale = Scale::of([0.0, 1.0].into_iter(), [5.0, 1e6].into_iter());
        assert!(scale.holds(5.0) && !scale.holds(1e6) && scale.is_below(1e6));
    }

    #[test]
    fn times_are_round() {
        let span = |from, to| Interval { from: from * SECOND, to: to * SECOND };
        let ticks = times(span(1_451_606_400, 1_451_606_400 + 86_400), 10);
        assert_eq!(ticks.len(), 9);
        assert_eq!((ticks[1].text.as_str(), &ticks[1].day), ("03:00", &None));
        assert_eq!(ticks[8].day.as_deref(), Some("2016-01-02"));
        let ticks = times(Interval { from: 1, to: 1_000_000 }, 5);
        assert_eq!(ticks[0].text, "00:00:00.0002");
        assert!(times(Interval { from: i64::MIN, to: i64::MAX }, 8).len() <= 8);
        assert_eq!(times(span(0, 86_400 * 365), 10)[1].day, None);
    }
}
