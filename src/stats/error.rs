//! Errors of statistics, in words that tell the author of a script what to change.

use thiserror::Error;

/// The largest number of values that a window, history or buffer can hold.
pub const MAX_WINDOW: usize = 10_000_000;

/// An argument or input that a statistic refuses; the object is left unchanged.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum StatsError {
    /// A value that must be finite is NaN or infinite.
    #[error("{name} is {value}")]
    NotFinite {
        /// The argument.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// A count outside its limits.
    #[error("{name} must be from {min} to {max}, got {got}")]
    Size {
        /// The argument.
        name: &'static str,
        /// The smallest value allowed.
        min: usize,
        /// The largest value allowed.
        max: usize,
        /// What was given.
        got: usize,
    },
    /// A number outside its limits, which `wanted` states in words.
    #[error("{name} must be {wanted}, got {}", short(*.got))]
    Range {
        /// The argument.
        name: &'static str,
        /// The limits, in words.
        wanted: &'static str,
        /// What was given.
        got: f64,
    },
    /// A sample too small for the statistic.
    #[error("{name} needs at least {needed} values, got {got}")]
    TooFew {
        /// The argument.
        name: &'static str,
        /// The smallest size that has a defined result.
        needed: usize,
        /// What was given.
        got: usize,
    },
    /// Two columns whose lengths must be equal and are not.
    #[error("{left} has {left_len} values and {right} has {right_len}; they must be equally long")]
    Lengths {
        /// The first argument.
        left: &'static str,
        /// Its length.
        left_len: usize,
        /// The second argument.
        right: &'static str,
        /// Its length.
        right_len: usize,
    },
    /// A name that is not one of those known.
    #[error("{name} '{got}' is not known; use one of {known}")]
    Unknown {
        /// The argument.
        name: &'static str,
        /// What was given.
        got: String,
        /// The names that are known.
        known: &'static str,
    },
    /// A time before the newest one, in an object whose times must not go back.
    #[error("time {time} lies before {last}, the last one; times must not go back")]
    Backwards {
        /// What was given, in nanoseconds.
        time: i64,
        /// The newest before it.
        last: i64,
    },
    /// A result that does not exist for this input, with the reason.
    #[error("{name} does not exist: {reason}")]
    Undefined {
        /// The statistic.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A result beyond the largest double.
    #[error(
        "{name} is about 1e{power}, which is more than a double can hold (1.8e308); divide the values \
         by a power of ten first"
    )]
    TooLarge {
        /// The statistic.
        name: &'static str,
        /// The power of ten.
        power: i32,
    },
    /// A result that is not 0, but smaller than the smallest double.
    #[error(
        "{name} is about 1e{power}, which is less than a double can hold (4.9e-324) and not 0; \
         multiply the values by a power of ten first"
    )]
    TooSmall {
        /// The statistic.
        name: &'static str,
        /// The power of ten.
        power: i32,
    },
    /// The caller has stopped the computation: see [`Progress`](super::Progress).
    #[error("interrupted")]
    Interrupted,
    /// A computation that needs more memory than it is allowed to use.
    #[error("{name} needs about {} of memory, and the limit is {}", bytes(*.needed), bytes(*.limit))]
    Memory {
        /// What needs it.
        name: &'static str,
        /// Bytes.
        needed: usize,
        /// Bytes.
        limit: usize,
    },
    /// A stored state that is impossible for an object of its kind.
    #[error("stored {name} is damaged: {reason}")]
    Damaged {
        /// The kind of object.
        name: &'static str,
        /// What does not fit.
        reason: &'static str,
    },
}

/// A number for people, without hundreds of digits.
fn short(x: f64) -> String {
    let plain = x == 0.0 || !x.is_finite() || (1e-6..1e15).contains(&x.abs());
    if plain { x.to_string() } else { format!("{x:e}") }
}

/// A number of bytes for people.
fn bytes(n: usize) -> String {
    match n {
        0..1_000_000 => format!("{n} bytes"),
        1_000_000..1_000_000_000 => format!("{} MB", n / 1_000_000),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// What the fallible functions of this module return.
pub type Result<T, E = StatsError> = std::result::Result<T, E>;

pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(StatsError::NotFinite { name, value }) }
}

pub(crate) fn all_finite(name: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().find(|x| !x.is_finite()) {
        None => Ok(()),
        Some(&value) => Err(StatsError::NotFinite { name, value }),
    }
}

/// Checks that `values` are finite and at least `needed`.
pub(crate) fn sample(name: &'static str, values: &[f64], needed: usize) -> Result<()> {
    let got = values.len();
    if got < needed {
        return Err(StatsError::TooFew { name, needed, got });
    }
    all_finite(name, values)
}

pub(crate) fn size(name: &'static str, got: usize, min: usize, max: usize) -> Result<usize> {
    if (min..=max).contains(&got) { Ok(got) } else { Err(StatsError::Size { name, min, max, got }) }
}

pub(crate) fn range(name: &'static str, got: f64, ok: bool, wanted: &'static str) -> Result<f64> {
    if ok { Ok(got) } else { Err(StatsError::Range { name, wanted, got }) }
}

/// The largest value of statistics that add squares up as plain doubles.
pub(crate) const MODERATE: f64 = 1e150;

/// Checks that `x` is finite and within ±1e150.
pub(crate) fn moderate(name: &'static str, x: f64) -> Result<f64> {
    finite(name, x)?;
    range(name, x, x.abs() <= MODERATE, "within ±1e150, so that its square is a double")
}

/// Checks `0 < p < 1`.
pub(crate) fn fraction(name: &'static str, p: f64) -> Result<f64> {
    range(name, p, p > 0.0 && p < 1.0, "between 0 and 1, both excluded")
}

/// Checks `0 <= p <= 1`.
pub(crate) fn probability(name: &'static str, p: f64) -> Result<f64> {
    range(name, p, (0.0..=1.0).contains(&p), "from 0 to 1")
}

/// Checks that `x` is positive and finite.
pub(crate) fn positive(name: &'static str, x: f64) -> Result<f64> {
    range(name, x, x > 0.0 && x.is_finite(), "positive and finite")
}

/// Checks that `x` is at least 0 and finite.
pub(crate) fn not_negative(name: &'static str, x: f64) -> Result<f64> {
    range(name, x, x >= 0.0 && x.is_finite(), "at least 0 and finite")
}

pub(crate) fn same_length(
    (left, left_len): (&'static str, usize),
    (right, right_len): (&'static str, usize),
) -> Result<()> {
    if left_len == right_len {
        return Ok(());
    }
    Err(StatsError::Lengths { left, left_len, right, right_len })
}

/// Checks that `time` is not before `last` and gives the nanoseconds between them.
pub(crate) fn elapsed(last: i64, time: i64) -> Result<u64> {
    if time < last {
        return Err(StatsError::Backwards { time, last });
    }
    Ok(time.abs_diff(last))
}

/// Checks what was read back from a snapshot.
pub(crate) fn intact(name: &'static str, ok: bool, reason: &'static str) -> Result<()> {
    if ok { Ok(()) } else { Err(StatsError::Damaged { name, reason }) }
}
