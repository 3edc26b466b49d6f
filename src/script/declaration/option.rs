//! An option of a script: its types, its default, and the values that are allowed.

use super::values::{a_type, number, same, show, type_name};
use crate::protocol::arguments;
use crate::protocol::duration::{self, DurationError};
use crate::protocol::message::{OptionValue, ValueType, option_value};
use rhai::{Array, Dynamic};
use serde_json::Value;

/// An option as it is declared.
#[derive(Clone, Debug)]
pub struct OptionSpec {
    /// The types of its arguments.
    pub types: Vec<ValueType>,
    /// Its value where a TICKscript does not write it; without one, it is required.
    pub default: Option<Dynamic>,
    /// The smallest number allowed.
    pub min: Option<f64>,
    /// The largest number allowed.
    pub max: Option<f64>,
    /// The values allowed; empty: all.
    pub one_of: Vec<Dynamic>,
    /// True if it may be written several times; its value is an array then.
    pub repeated: bool,
    /// A sentence for the reader of `check`.
    pub about: String,
}

/// An error of an option, as the rest of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionProblem {
    #[error("takes {wanted} arguments, got {got}")]
    Count { wanted: usize, got: usize },
    #[error("takes {wanted} arguments ({types}), got {got}; a comma within a value is written \\,")]
    Texts { wanted: usize, types: String, got: usize },
    #[error("is missing; it takes {0}")]
    Missing(String),
    #[error("is written {0} times; it can be written once")]
    Repeated(usize),
    #[error("must be one of {allowed}, got {got}")]
    NotAllowed { allowed: String, got: String },
    #[error("must be a number, got NaN")]
    NaN,
    #[error("must be at least {min}, got {got}")]
    TooSmall { min: String, got: String },
    #[error("must be at most {max}, got {got}")]
    TooLarge { max: String, got: String },
    #[error("'{text}' is not {wanted}")]
    Text { text: String, wanted: String },
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error("wants {wanted}, got {got}")]
    Type { wanted: &'static str, got: &'static str },
    #[error("has the type {0}, but its value has another type")]
    Mixed(&'static str),
}

impl OptionSpec {
    /// The value of one writing of the option: a scalar, or an array for several arguments.
    pub(super) fn value(&self, values: &[OptionValue]) -> Result<Dynamic, OptionProblem> {
        if values.len() != self.types.len() {
            return Err(OptionProblem::Count { wanted: self.types.len(), got: values.len() });
        }
        let mut converted = Array::new();
        for (value, wanted) in values.iter().zip(&self.types) {
            let value = argument(value, *wanted)?;
            self.check(&value)?;
            converted.push(value);
        }
        Ok(match converted.len() {
            1 => converted.swap_remove(0),
            _ => converted.into(),
        })
    }

    /// The value from all writings of the option.
    pub(super) fn settle(&self, mut values: Vec<Dynamic>) -> Result<Dynamic, OptionProblem> {
        match (values.len(), &self.default) {
            (0, Some(default)) => Ok(default.clone()),
            (0, None) => Err(OptionProblem::Missing(self.signature())),
            (_, _) if self.repeated => Ok(values.into()),
            (1, _) => Ok(values.swap_remove(0)),
            (times, _) => Err(OptionProblem::Repeated(times)),
        }
    }

    /// Checks whether a value is allowed.
    pub(super) fn check(&self, value: &Dynamic) -> Result<(), OptionProblem> {
        if !self.one_of.is_empty() && !self.one_of.iter().any(|v| same(v, value)) {
            let allowed: Vec<_> = self.one_of.iter().map(show).collect();
            let (allowed, got) = (allowed.join(", "), show(value));
            return Err(OptionProblem::NotAllowed { allowed, got });
        }
        let Some(number) = number(value) else { return Ok(()) };
        if number.is_nan() && (self.min.is_some() || self.max.is_some()) {
            return Err(OptionProblem::NaN);
        }
        let show_limit = |limit: f64| match self.types.first() {
            Some(ValueType::Duration) => duration::Display(limit as i64).to_string(),
            _ => limit.to_string(),
        };
        let got = match self.types.first() {
            Some(ValueType::Duration) => duration::Display(number as i64).to_string(),
            _ => show(value),
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min => {
                Err(OptionProblem::TooSmall { min: show_limit(min), got })
            }
            (_, Some(max)) if number > max => {
                Err(OptionProblem::TooLarge { max: show_limit(max), got })
            }
            _ => Ok(()),
        }
    }

    /// Reads the arguments of each writing from text: values with commas between, where `\,` is a comma
    /// within a value, or JSON. An array is one writing with several arguments; for an option that may be
    /// repeated, an array with an element for each writing.
    pub(crate) fn parse(&self, text: &str) -> Result<Vec<Vec<OptionValue>>, OptionProblem> {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(writings)) if self.repeated => {
                let written = |writing: &Value| match writing {
                    Value::Array(values) if self.types.len() > 1 => self.read_all(&texts(values)),
                    value => self.read_all(&[json_text(value)]),
                };
                writings.iter().map(written).collect()
            }
            Ok(Value::Array(values)) if self.types.len() > 1 => {
                Ok(vec![self.read_all(&texts(&values))?])
            }
            Ok(Value::String(value)) => Ok(vec![self.read_all(&[value])?]),
            _ if self.types.len() == 1 => Ok(vec![self.read_all(&[arguments::plain(text)])?]),
            _ => {
                let pieces = arguments::pieces(text).into_iter().map(arguments::plain);
                Ok(vec![self.read_all(&pieces.collect::<Vec<_>>())?])
            }
        }
    }

    /// Reads one text for each argument.
    fn read_all(&self, texts: &[String]) -> Result<Vec<OptionValue>, OptionProblem> {
        if texts.len() != self.types.len() {
            let (wanted, got) = (self.types.len(), texts.len());
            return Err(OptionProblem::Texts { wanted, types: self.signature(), got });
        }
        texts.iter().zip(&self.types).map(|(text, kind)| parse_value(text, *kind)).collect()
    }

    /// The default as text: strings in single quotes, durations with their unit.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(|value| self.show(value))
    }

    /// The values allowed, as text.
    pub fn one_of_texts(&self) -> Vec<String> {
        self.one_of.iter().map(|value| self.show(value)).collect()
    }

    fn show(&self, value: &Dynamic) -> String {
        match (self.types.as_slice(), value.as_int()) {
            ([ValueType::Duration], Ok(ns)) => duration::Display(ns).to_string(),
            _ => show(value),
        }
    }

    /// The types of the arguments, as in `string, int`.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.types.iter().map(|t| type_name(*t)).collect();
        names.join(", ")
    }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(json_text).collect()
}

/// A value of JSON as a text that is written on a command line.
fn json_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parse_value(text: &str, kind: ValueType) -> Result<OptionValue, OptionProblem> {
    use option_value::Value as Kind;
    let wrong = || OptionProblem::Text { text: text.into(), wanted: a_type(kind) };
    let value = match kind {
        ValueType::Bool => Kind::BoolValue(match text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(wrong()),
        }),
        ValueType::Int => Kind::IntValue(text.parse().map_err(|_| wrong())?),
        ValueType::Double => Kind::DoubleValue(text.parse().map_err(|_| wrong())?),
        ValueType::String => Kind::StringValue(text.into()),
        ValueType::Duration => Kind::DurationValue(duration::parse(text)?),
    };
    Ok(OptionValue { r#type: kind.into(), value: Some(value) })
}

fn argument(value: &OptionValue, wanted: ValueType) -> Result<Dynamic, OptionProblem> {
    use option_value::Value as Kind;
    let got = value.r#type();
    if got != wanted {
        return Err(OptionProblem::Type { wanted: type_name(wanted), got: type_name(got) });
    }
    // A default (0, "", false) may be left out on the wire.
    Ok(match (wanted, &value.value) {
        (ValueType::Bool, Some(Kind::BoolValue(v))) => (*v).into(),
        (ValueType::Int, Some(Kind::IntValue(v)))
        | (ValueType::Duration, Some(Kind::DurationValue(v))) => (*v).into(),
        (ValueType::Double, Some(Kind::DoubleValue(v))) => (*v).into(),
        (ValueType::String, Some(Kind::StringValue(v))) => v.into(),
        (ValueType::Bool, None) => false.into(),
        (ValueType::Int | ValueType::Duration, None) => 0i64.into(),
        (ValueType::Double, None) => 0.0.into(),
        (ValueType::String, None) => "".into(),
        _ => return Err(OptionProblem::Mixed(type_name(got))),
    })
}
