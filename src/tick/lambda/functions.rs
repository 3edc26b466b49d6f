//! The functions of lambda expressions.
//!
//! What they take and return follows the daemon's table (`tick/stateful/functions.go`): strings
//! are counted in bytes, maths is on floats only, times are UTC.

use std::borrow::Cow;

use crate::protocol::duration;
use crate::tick::error::Result;
use crate::tick::lambda::special::{Special, State, error};
use crate::tick::lambda::{Scope, Type, Value};
use crate::tick::text;

/// The most arguments a function takes.
pub const MAX_ARGUMENTS: usize = 4;

/// A function.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// A float to a float.
    Math(fn(f64) -> f64),
    /// Two floats to a float.
    Math2(fn(f64, f64) -> f64),
    /// An int to a float.
    MathInt(fn(i64) -> f64),
    /// An int and a float to a float.
    MathIntFloat(fn(i32, f64) -> f64),
    /// Two strings to a bool.
    TextBool(fn(&str, &str) -> bool),
    /// Two strings to an int.
    TextInt(fn(&str, &str) -> i64),
    /// Two strings to a part of the first.
    TextPart(for<'t> fn(&'t str, &str) -> &'t str),
    /// A string to a string.
    Text(fn(&str) -> String),
    /// A time to an int.
    Time(fn(i64) -> i64),
    /// Any other function.
    Special(Special),
}

const FUNCTIONS: &[(&str, Function)] = {
    use super::special::Special as Own;
    use Function::*;
    &[
        ("bool", Special(Own::Bool)),
        ("int", Special(Own::Int)),
        ("float", Special(Own::Float)),
        ("string", Special(Own::String)),
        ("duration", Special(Own::Duration)),
        ("abs", Math(f64::abs)),
        ("acos", Math(f64::acos)),
        ("acosh", Math(f64::acosh)),
        ("asin", Math(f64::asin)),
        ("asinh", Math(f64::asinh)),
        ("atan", Math(f64::atan)),
        ("atan2", Math2(f64::atan2)),
        ("atanh", Math(f64::atanh)),
        ("cbrt", Math(f64::cbrt)),
        ("ceil", Math(f64::ceil)),
        ("cos", Math(f64::cos)),
        ("cosh", Math(f64::cosh)),
        ("erf", Math(libm::erf)),
        ("erfc", Math(libm::erfc)),
        ("exp", Math(f64::exp)),
        ("exp2", Math(f64::exp2)),
        ("expm1", Math(f64::exp_m1)),
        ("floor", Math(f64::floor)),
        ("gamma", Math(libm::tgamma)),
        ("hypot", Math2(f64::hypot)),
        ("j0", Math(libm::j0)),
        ("j1", Math(libm::j1)),
        ("jn", MathIntFloat(libm::jn)),
        ("log", Math(f64::ln)),
        ("log10", Math(f64::log10)),
        ("log1p", Math(f64::ln_1p)),
        ("log2", Math(f64::log2)),
        ("logb", Math(logb)),
        ("max", Math2(max)),
        ("min", Math2(min)),
        ("mod", Math2(|x, y| x % y)),
        ("pow", Math2(f64::powf)),
        ("pow10", MathInt(|n| 10f64.powi(n.clamp(-400, 400) as i32))),
        ("sin", Math(f64::sin)),
        ("sinh", Math(f64::sinh)),
        ("sqrt", Math(f64::sqrt)),
        ("tan", Math(f64::tan)),
        ("tanh", Math(f64::tanh)),
        ("trunc", Math(f64::trunc)),
        ("y0", Math(libm::y0)),
        ("y1", Math(libm::y1)),
        ("yn", MathIntFloat(libm::yn)),
        ("strContains", TextBool(|s, part| s.contains(part))),
        ("strContainsAny", TextBool(|s, set| s.contains(|c| set.contains(c)))),
        ("strCount", TextInt(text::count)),
        ("strHasPrefix", TextBool(|s, prefix| s.starts_with(prefix))),
        ("strHasSuffix", TextBool(|s, suffix| s.ends_with(suffix))),
        ("strIndex", TextInt(|s, part| text::index(s.find(part)))),
        ("strIndexAny", TextInt(|s, set| text::index(s.find(|c| set.contains(c))))),
        ("strLastIndex", TextInt(|s, part| text::index(s.rfind(part)))),
        ("strLastIndexAny", TextInt(|s, set| text::index(s.rfind(|c| set.contains(c))))),
        ("strLength", Special(Own::Length)),
        ("strReplace", Special(Own::Replace)),
        ("strSubstring", Special(Own::Substring)),
        ("strToLower", Text(|s| s.to_lowercase())),
        ("strToUpper", Text(|s| s.to_uppercase())),
        ("strTrim", TextPart(|s, set| s.trim_matches(|c| set.contains(c)))),
        ("strTrimLeft", TextPart(|s, set| s.trim_start_matches(|c| set.contains(c)))),
        ("strTrimPrefix", TextPart(|s, prefix| s.strip_prefix(prefix).unwrap_or(s))),
        ("strTrimRight", TextPart(|s, set| s.trim_end_matches(|c| set.contains(c)))),
        ("strTrimSpace", Text(|s| s.trim().to_owned())),
        ("strTrimSuffix", TextPart(|s, suffix| s.strip_suffix(suffix).unwrap_or(s))),
        ("regexReplace", Special(Own::RegexReplace)),
        ("isPresent", Special(Own::IsPresent)),
        ("unixNano", Time(|time| time)),
        ("minute", Time(|time| time.div_euclid(60 * duration::SECOND).rem_euclid(60))),
        ("hour", Time(|time| time.div_euclid(3600 * duration::SECOND).rem_euclid(24))),
        ("weekday", Time(|time| (time.div_euclid(86_400 * duration::SECOND) + 4).rem_euclid(7))),
        ("day", Time(|time| i64::from(text::date(time).day()))),
        ("month", Time(|time| i64::from(text::date(time).month()))),
        ("year", Time(|time| i64::from(text::date(time).year()))),
        ("now", Special(Own::Now)),
        ("humanBytes", Special(Own::HumanBytes)),
        ("if", Special(Own::If)),
        ("sigma", Special(Own::Sigma)),
        ("count", Special(Own::Count)),
        ("spread", Special(Own::Spread)),
        ("rand", Special(Own::Rand)),
    ]
};

impl Function {
    /// Tells whether it remembers what it was given.
    pub(super) fn remembers(self) -> bool {
        matches!(self, Self::Special(special) if special.remembers())
    }

    /// Returns the function of that name.
    pub fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Returns the names of all functions, for an error.
    pub fn names() -> String {
        FUNCTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Returns the type of the result, `None` where the arguments are not taken.
    pub fn result_kind(self, kinds: &[Type]) -> Option<Type> {
        use Type::*;
        Some(match (self, kinds) {
            (Self::Math(_), [Float]) | (Self::Math2(_), [Float, Float]) => Float,
            (Self::MathInt(_), [Int]) | (Self::MathIntFloat(_), [Int, Float]) => Float,
            (Self::TextBool(_), [String, String]) => Bool,
            (Self::TextInt(_), [String, String]) | (Self::Time(_), [Time]) => Int,
            (Self::TextPart(_), [String, String]) | (Self::Text(_), [String]) => String,
            (Self::Special(special), kinds) => special.result_kind(kinds)?,
            _ => return None,
        })
    }

    /// Returns what the function takes, for an error.
    pub fn takes(self) -> &'static str {
        match self {
            Self::Math(_) => "(float)",
            Self::Math2(_) => "(float, float)",
            Self::MathInt(_) => "(int)",
            Self::MathIntFloat(_) => "(int, float)",
            Self::TextBool(_) | Self::TextInt(_) | Self::TextPart(_) => "(string, string)",
            Self::Text(_) => "(string)",
            Self::Time(_) => "(time)",
            Self::Special(special) => special.takes(),
        }
    }

    /// Calls the function.
    ///
    /// # Errors
    /// Values that cannot be converted; arguments that [`Function::result_kind`] refuses.
    pub fn call<'a>(
        self,
        arguments: &[Value<'a>],
        scope: &dyn Scope,
        state: &mut State,
    ) -> Result<Value<'a>> {
        use Value::{Bool, Float, Int, String, Time};
        Ok(match (self, arguments) {
            (Self::Math(f), [Float(x)]) => Float(f(*x)),
            (Self::Math2(f), [Float(x), Float(y)]) => Float(f(*x, *y)),
            (Self::MathInt(f), [Int(n)]) => Float(f(*n)),
            (Self::MathIntFloat(f), [Int(n), Float(x)]) => {
                Float(f((*n).clamp(i32::MIN.into(), i32::MAX.into()) as i32, *x))
            }
            (Self::TextBool(f), [String(s), String(t)]) => Bool(f(s, t)),
            (Self::TextInt(f), [String(s), String(t)]) => Int(f(s, t)),
            (Self::TextPart(f), [String(s), String(t)]) => String(Cow::Owned(f(s, t).to_owned())),
            (Self::Text(f), [String(s)]) => String(Cow::Owned(f(s))),
            (Self::Time(f), [Time(time)]) => Int(f(*time)),
            (Self::Special(special), arguments) => special.call(arguments, scope, state)?,
            _ => return Err(error(format!("it takes {}", self.takes()))),
        })
    }
}

fn logb(x: f64) -> f64 {
    match x {
        _ if x == 0.0 => f64::NEG_INFINITY,
        _ if x.is_infinite() => f64::INFINITY,
        _ if x.is_nan() => x,
        _ => f64::from(libm::frexp(x).1 - 1),
    }
}

fn max(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) }
}

fn min(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) }
}
