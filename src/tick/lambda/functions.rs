//! The functions of lambda expressions.
//!
//! What they take and return follows the daemon's table (`tick/stateful/functions.go`): strings
//! are counted in bytes, maths is on floats only, times are UTC.

use std::borrow::Cow;

use crate::protocol::duration;
use crate::tick::error::{Result, TickError};
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

/// The functions with signatures of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Special {
    Length,
    Replace,
    Substring,
    RegexReplace,
    Bool,
    Int,
    Float,
    String,
    Duration,
    IsPresent,
    Now,
    HumanBytes,
    If,
    Sigma,
    Count,
    Spread,
    Rand,
}

/// The state of the functions of one expression: one for each group.
#[derive(Debug, Clone)]
pub struct State {
    sigma: Sigma,
    count: i64,
    spread: Option<(f64, f64)>,
    random: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { sigma: Sigma::default(), count: 0, spread: None, random: 0x9e37_79b9_7f4a_7c15 }
    }
}

/// The distance from the running mean in standard deviations (Welford 1962).
#[derive(Debug, Clone, Default)]
struct Sigma {
    n: f64,
    mean: f64,
    m2: f64,
}

impl Sigma {
    /// Takes a value and returns its distance; 0 for the first value and at no variance.
    fn push(&mut self, x: f64) -> f64 {
        self.n += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.n;
        self.m2 += delta * (x - self.mean);
        let variance = self.m2 / (self.n - 1.0);
        if self.n < 2.0 || variance == 0.0 { 0.0 } else { (x - self.mean).abs() / variance.sqrt() }
    }
}

const FUNCTIONS: &[(&str, Function)] = {
    use Function::*;
    &[
        ("bool", Special(self::Special::Bool)),
        ("int", Special(self::Special::Int)),
        ("float", Special(self::Special::Float)),
        ("string", Special(self::Special::String)),
        ("duration", Special(self::Special::Duration)),
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
        ("strLength", Special(self::Special::Length)),
        ("strReplace", Special(self::Special::Replace)),
        ("strSubstring", Special(self::Special::Substring)),
        ("strToLower", Text(|s| s.to_lowercase())),
        ("strToUpper", Text(|s| s.to_uppercase())),
        ("strTrim", TextPart(|s, set| s.trim_matches(|c| set.contains(c)))),
        ("strTrimLeft", TextPart(|s, set| s.trim_start_matches(|c| set.contains(c)))),
        ("strTrimPrefix", TextPart(|s, prefix| s.strip_prefix(prefix).unwrap_or(s))),
        ("strTrimRight", TextPart(|s, set| s.trim_end_matches(|c| set.contains(c)))),
        ("strTrimSpace", Text(|s| s.trim().to_owned())),
        ("strTrimSuffix", TextPart(|s, suffix| s.strip_suffix(suffix).unwrap_or(s))),
        ("regexReplace", Special(self::Special::RegexReplace)),
        ("isPresent", Special(self::Special::IsPresent)),
        ("unixNano", Time(|time| time)),
        ("minute", Time(|time| time.div_euclid(60 * duration::SECOND).rem_euclid(60))),
        ("hour", Time(|time| time.div_euclid(3600 * duration::SECOND).rem_euclid(24))),
        ("weekday", Time(|time| (time.div_euclid(86_400 * duration::SECOND) + 4).rem_euclid(7))),
        ("day", Time(|time| i64::from(text::date(time).day()))),
        ("month", Time(|time| i64::from(text::date(time).month()))),
        ("year", Time(|time| i64::from(text::date(time).year()))),
        ("now", Special(self::Special::Now)),
        ("humanBytes", Special(self::Special::HumanBytes)),
        ("if", Special(self::Special::If)),
        ("sigma", Special(self::Special::Sigma)),
        ("count", Special(self::Special::Count)),
        ("spread", Special(self::Special::Spread)),
        ("rand", Special(self::Special::Rand)),
    ]
};

impl Function {
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

fn error(message: impl Into<String>) -> TickError {
    TickError::Evaluate(message.into())
}

impl Special {
    fn result_kind(self, kinds: &[Type]) -> Option<Type> {
        use Type::*;
        Some(match (self, kinds) {
            (Self::Length, [String]) => Int,
            (Self::Replace, [String, String, String, Int]) => String,
            (Self::Substring, [String, Int, Int]) => String,
            (Self::RegexReplace, [Regex, String, String]) => String,
            (Self::Bool, [Bool | String | Int | Float]) => Bool,
            (Self::Int, [Bool | String | Int | Float]) => Int,
            (Self::Float, [Bool | String | Int | Float]) => Float,
            (Self::String, [Bool | String | Int | Float | Duration]) => String,
            (Self::Duration, [Duration] | [Int | Float | String, Duration]) => Duration,
            (Self::IsPresent, [Missing | Bool | String | Int | Float]) => Bool,
            (Self::Now, []) => Time,
            (Self::HumanBytes, [Float | Int]) => String,
            (Self::If, [Bool, yes, no]) if yes == no && *yes != Missing => *yes,
            (Self::Sigma | Self::Spread, [Float]) => Float,
            (Self::Count, []) | (Self::Rand, [] | [Int]) => Int,
            _ => return None,
        })
    }

    fn takes(self) -> &'static str {
        match self {
            Self::Length => "(string)",
            Self::Replace => "(string, string, string, int)",
            Self::Substring => "(string, int, int)",
            Self::RegexReplace => "(regex, string, string)",
            Self::Bool | Self::Int | Self::Float | Self::IsPresent => {
                "(bool), (string), (int) or (float)"
            }
            Self::String => "(bool), (string), (int), (float) or (duration)",
            Self::Duration => {
                "(duration), (int, duration), (float, duration) or (string, duration)"
            }
            Self::Now | Self::Count => "no argument",
            Self::HumanBytes => "(float) or (int)",
            Self::If => "(bool, x, y) with x and y of one type",
            Self::Sigma | Self::Spread => "(float)",
            Self::Rand => "no argument or (int)",
        }
    }

    fn call<'a>(
        self,
        arguments: &[Value<'a>],
        scope: &dyn Scope,
        state: &mut State,
    ) -> Result<Value<'a>> {
        use Value::{Bool, Duration, Float, Int, Missing, Regex, String, Time};
        let string = |text: std::string::String| String(Cow::Owned(text));
        Ok(match (self, arguments) {
            (Self::Length, [String(s)]) => Int(s.len() as i64),
            (Self::Replace, [String(s), String(old), String(new), Int(n)]) => {
                string(text::replace(s, old, new, *n))
            }
            (Self::Substring, [String(s), Int(start), Int(stop)]) => {
                string(text::substring(s, *start, *stop)?)
            }
            (Self::RegexReplace, [Regex(regex), String(s), String(with)]) => {
                string(regex.replace_all(s, &**with).into_owned())
            }
            (Self::Bool, [value]) => Bool(to_bool(value)?),
            (Self::Int, [value]) => Int(to_int(value)?),
            (Self::Float, [value]) => Float(to_float(value)?),
            (Self::String, [Duration(v)]) => string(duration::influxql(*v)),
            (Self::String, [Bool(v)]) => string(v.to_string()),
            (Self::String, [Int(v)]) => string(v.to_string()),
            (Self::String, [Float(v)]) => string(text::float_plain(*v)),
            (Self::String, [String(v)]) => String(v.clone()),
            (Self::Duration, [Duration(v)]) => Duration(*v),
            (Self::Duration, [Int(v), Duration(unit)]) => Duration(v.wrapping_mul(*unit)),
            (Self::Duration, [Float(v), Duration(unit)]) => Duration((v * *unit as f64) as i64),
            (Self::Duration, [String(v), Duration(_)]) => Duration(
                duration::parse_influxql(v)
                    .ok_or_else(|| error(format!("'{v}' is not a duration")))?,
            ),
            (Self::IsPresent, [value]) => Bool(!matches!(value, Missing)),
            (Self::Now, []) => Time(scope.time()),
            (Self::HumanBytes, [Float(v)]) => string(text::human_bytes(*v as u64)),
            (Self::HumanBytes, [Int(v)]) => string(text::human_bytes(*v as u64)),
            (Self::If, [Bool(condition), yes, no]) => if *condition { yes } else { no }.clone(),
            (Self::Sigma, [Float(x)]) => Float(state.sigma.push(*x)),
            (Self::Count, []) => {
                state.count += 1;
                Int(state.count)
            }
            (Self::Spread, [Float(x)]) => {
                let (low, high) = state.spread.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
                let low = if *x < low { *x } else { low };
                let high = if *x > high { *x } else { high };
                state.spread = Some((low, high));
                Float(high - low)
            }
            (Self::Rand, []) => Int((state.random() >> 1) as i64),
            (Self::Rand, [Int(n)]) if *n > 0 => Int((state.random() % *n as u64) as i64),
            _ => return Err(error(format!("it takes {}", self.takes()))),
        })
    }
}

impl State {
    /// Draws a number (xorshift64*), the same ones in each replay.
    fn random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn to_bool(value: &Value<'_>) -> Result<bool> {
    match value {
        Value::Bool(v) => Ok(*v),
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        Value::Float(v) if *v == 0.0 => Ok(false),
        Value::Float(v) if *v == 1.0 => Ok(true),
        Value::String(v) => match &**v {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            other => Err(error(format!("'{other}' is not a bool"))),
        },
        Value::Int(v) => Err(error(format!("{v} is not a bool, only 0 and 1 are"))),
        Value::Float(v) => Err(error(format!("{v} is not a bool, only 0 and 1 are"))),
        other => Err(error(format!("a {} is not a bool", other.kind()))),
    }
}

fn to_int(value: &Value<'_>) -> Result<i64> {
    match value {
        Value::Bool(v) => Ok(i64::from(*v)),
        Value::Int(v) => Ok(*v),
        Value::Float(v) => Ok(*v as i64),
        Value::String(v) => v.parse().map_err(|_| error(format!("'{v}' is not an int"))),
        other => Err(error(format!("a {} is not an int", other.kind()))),
    }
}

fn to_float(value: &Value<'_>) -> Result<f64> {
    match value {
        Value::Bool(v) => Ok(f64::from(u8::from(*v))),
        Value::Int(v) => Ok(*v as f64),
        Value::Float(v) => Ok(*v),
        Value::String(v) => v.parse().map_err(|_| error(format!("'{v}' is not a float"))),
        other => Err(error(format!("a {} is not a float", other.kind()))),
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
