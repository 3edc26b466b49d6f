//! The functions of lambda expressions that have signatures of their own: conversions, and those that
//! remember what they were given.

use super::{Scope, Type, Value};
use crate::protocol::duration;
use crate::stats::Rng;
use crate::stats::moments::MeanVar;
use crate::tick::error::{Result, TickError};
use crate::tick::text;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    sigma: MeanVar,
    count: i64,
    spread: Option<(f64, f64)>,
    random: Rng,
}

impl Default for State {
    /// Random numbers are the same ones in each replay.
    fn default() -> Self {
        Self { sigma: MeanVar::default(), count: 0, spread: None, random: Rng::new(1) }
    }
}

impl State {
    /// Takes a value; returns its distance from the mean in standard deviations, 0 for the first value
    /// and at no variance.
    fn sigma(&mut self, x: f64) -> f64 {
        self.sigma.push(x);
        match self.sigma.stddev() {
            None => 0.0,
            Some(0.0) => 0.0,
            Some(_) => self.sigma.z(x).map_or(0.0, f64::abs),
        }
    }
}

impl Special {
    /// Tells whether it remembers what it was given.
    pub(super) fn remembers(self) -> bool {
        matches!(self, Self::Sigma | Self::Count | Self::Spread | Self::Rand)
    }

    pub(super) fn result_kind(self, kinds: &[Type]) -> Option<Type> {
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

    pub(super) fn takes(self) -> &'static str {
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

    pub(super) fn call<'a>(
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
            (Self::Sigma, [Float(x)]) => Float(state.sigma(*x)),
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
            (Self::Rand, []) => Int((state.random.bits() >> 1) as i64),
            (Self::Rand, [Int(n)]) if *n > 0 => Int((state.random.bits() % *n as u64) as i64),
            _ => return Err(error(format!("it takes {}", self.takes()))),
        })
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

/// Makes the error of a call.
pub(super) fn error(message: impl Into<String>) -> TickError {
    TickError::Evaluate(message.into())
}
