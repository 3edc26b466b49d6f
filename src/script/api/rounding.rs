//! `round(x, digits)`, `clamp`, `lerp` and `sign`.

use super::arguments::{function, int, number};
use super::series::Series;
use super::{Fallible, fail_in};
use crate::script::host::Host;
use rhai::{Dynamic, Engine};
use std::rc::Rc;

/// More digits than any double has behind its point.
const DIGITS: i64 = 1_100;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    function(engine, host, "round", &["x", "digits"], |a| {
        let ((name, x), (_, digits)) = (a.any(), a.any());
        let digits = int(a.host(), "round", "digits", digits)?.clamp(-DIGITS, DIGITS);
        if let Ok(whole) = x.as_int() {
            let rounded = rounded_int(whole, digits);
            return Ok(rounded
                .ok_or_else(|| a.fail("the result does not fit into an int"))?
                .into());
        }
        if let Some(series) = x.read_lock::<Series>() {
            return Ok(Dynamic::from(each(a.host(), "round", &series, |x| rounded(x, digits))?));
        }
        Ok(Dynamic::from(rounded(number(a.host(), "round", name, x)?, digits)))
    });
    function(engine, host, "clamp", &["x", "low", "high"], |a| {
        let ((name, x), (_, low), (_, high)) = (a.any(), a.any(), a.any());
        if let (Ok(x), Ok(low), Ok(high)) = (x.as_int(), low.as_int(), high.as_int())
            && low <= high
        {
            return Ok(x.clamp(low, high).into());
        }
        let low = number(a.host(), "clamp", "low", low)?;
        let high = number(a.host(), "clamp", "high", high)?;
        // NaN is not below any number.
        if low.is_nan() || high.is_nan() || low > high {
            return Err(a.fail(format_args!("low ({low}) must not be above high ({high})")).into());
        }
        if let Some(series) = x.read_lock::<Series>() {
            return Ok(Dynamic::from(each(a.host(), "clamp", &series, |x| x.clamp(low, high))?));
        }
        Ok(Dynamic::from(number(a.host(), "clamp", name, x)?.clamp(low, high)))
    });
    function(engine, host, "lerp", &["a", "b", "t"], |a| {
        let (from, to, t) = (a.number()?, a.number()?, a.number()?);
        // Exact at both ends, and no overflow between numbers of opposite signs.
        Ok(Dynamic::from(from * (1.0 - t) + to * t))
    });
    let h = host.clone();
    engine.register_fn("sign", move |series: Series| -> Fallible<Series> {
        let sign = |x: f64| if x.is_nan() || x == 0.0 { x } else { x.signum() };
        each(&h, "sign", &series, sign)
    });
    engine.register_fn("sign", |x: f64| -> Fallible<i64> {
        match x {
            x if x.is_nan() => Err(fail_in("sign", "NaN has no sign; test with is_nan() first")),
            x => Ok(i64::from(x > 0.0) - i64::from(x < 0.0)),
        }
    });
}

fn each(host: &Host, name: &str, series: &Series, apply: impl Fn(f64) -> f64) -> Fallible<Series> {
    let progress = host.budget.progress();
    let room = progress.room("the result", series.0.len().saturating_mul(size_of::<f64>()));
    room.and_then(|()| progress.check())
        .map_err(|error| super::arguments::refuse(host, name, &error))?;
    Ok(Series::new(series.0.iter().map(|x| apply(*x)).collect()))
}

/// A double rounded to `digits` behind the point (before it, if negative), halves away from zero, as
/// `round(x)` does. It is exact: 2.675 is stored as slightly less, and gives 2.67.
fn rounded(x: f64, digits: i64) -> f64 {
    if !x.is_finite() || x == 0.0 {
        return x;
    }
    let Ok(digits) = usize::try_from(digits) else {
        return rounded_before_the_point(x, digits.unsigned_abs());
    };
    // A half at this digit is an odd multiple of 2^-(digits + 1); only then does the text below round to even.
    let size = x.abs();
    let halves = i32::try_from(digits + 1).ok().map(|power| size * 2f64.powi(power));
    let is_half = halves.is_some_and(|n| n < 9e15 && n.trunc() == n && n % 2.0 == 1.0);
    let size = if is_half { size.next_up() } else { size };
    let text = format!("{size:.digits$}");
    text.parse::<f64>().map_or(x, |rounded| rounded.copysign(x))
}

fn rounded_before_the_point(x: f64, digits: u64) -> f64 {
    let Some(unit) = i32::try_from(digits).ok().filter(|d| *d <= 308).map(|d| 10f64.powi(d)) else {
        return 0f64.copysign(x);
    };
    let size = x.abs();
    let rest = size % unit;
    let below = size - rest;
    // Not `2 * rest`, which may be more than a double can hold.
    (if rest >= unit - rest { below + unit } else { below }).copysign(x)
}

/// An int rounded to 10^-digits; `None` if that is no int any more.
fn rounded_int(x: i64, digits: i64) -> Option<i64> {
    let Some(power) = digits.checked_neg().filter(|n| *n > 0) else { return Some(x) };
    let Some(unit) = u32::try_from(power).ok().and_then(|power| 10i128.checked_pow(power)) else {
        return Some(0);
    };
    let size = i128::from(x).abs();
    let rest = size % unit;
    let size = if rest * 2 >= unit { size - rest + unit } else { size - rest };
    i64::try_from(if x < 0 { -size } else { size }).ok()
}
