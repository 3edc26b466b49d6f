//! The boundary to user defined functions.

use std::rc::Rc;

use super::definition::object::Object;
use super::error::Result;
use super::flow::{Flowing, Pool, Sent};
use crate::protocol::message::{
    InfoResponse, InitOption, InitRequest, OptionValue, ValueType, option_value,
};
use crate::protocol::{Batch, Point, arguments, duration};

/// The functions that a script may call by `@name`.
pub trait Udfs {
    /// Asks a function for its declaration; `None` if there is none of that name.
    ///
    /// # Errors
    /// A function that cannot be asked.
    fn info(&mut self, name: &str) -> Result<Option<InfoResponse>>;

    /// Starts a function for one place in a script.
    ///
    /// # Errors
    /// A function that does not start, or that refuses its options.
    fn start(&mut self, name: &str, init: InitRequest) -> Result<Box<dyn Udf>>;
}

/// The receiver of a function's answers.
pub struct Answers<'a> {
    /// The answers so far, each with the item of the data that it belongs to.
    pub messages: &'a mut Vec<Sent>,
    /// The item of the data that the function is given.
    pub item: u64,
    /// Points to be used again.
    pub pool: &'a mut Pool,
}

impl Answers<'_> {
    /// Takes an answer to the current item.
    pub fn push(&mut self, message: impl Into<Flowing>) {
        self.messages.push((self.item, message.into()));
    }
}

/// A running function. It answers now or later, in order.
pub trait Udf {
    /// Hands a point to a function that wants a stream. The function may move the point out; what it leaves behind
    /// has no meaning.
    ///
    /// # Errors
    /// An error that the function reports, or that it has ended.
    fn point(&mut self, point: &mut Rc<Point>, answers: &mut Answers<'_>) -> Result<()>;

    /// Hands a batch to a function that wants batches.
    ///
    /// # Errors
    /// An error that the function reports, or that it has ended.
    fn batch(&mut self, batch: &Batch, answers: &mut Answers<'_>) -> Result<()>;

    /// Hands a captured request to a function.
    ///
    /// # Errors
    /// What the function reports, or that it takes no captured requests.
    fn frame(&mut self, frame: &[u8], answers: &mut Answers<'_>) -> Result<()>;

    /// Lets the function handle the points that it has collected to handle them together.
    ///
    /// # Errors
    /// An error that the function reports, or that it has ended.
    fn settle(&mut self, _answers: &mut Answers<'_>) -> Result<()> {
        Ok(())
    }

    /// Waits for the answers to all that the function was given.
    ///
    /// # Errors
    /// An error that the function reports, or that it has ended.
    fn catch_up(&mut self, answers: &mut Answers<'_>) -> Result<()> {
        self.settle(answers)
    }

    /// Closes the input and waits for the last answers.
    ///
    /// # Errors
    /// An error that the function reports, or that it has ended.
    fn finish(&mut self, answers: &mut Answers<'_>) -> Result<()>;

    /// Returns the states of all groups as a snapshot; `None` for a function that has none. Collected points must
    /// have been handled before.
    ///
    /// # Errors
    /// What the function reports.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Starts the function again, from a snapshot; `now` is the time of the data that it was given last.
    ///
    /// # Errors
    /// A function that does not start or refuses the snapshot.
    fn restart(&mut self, _snapshot: &[u8], _now: Option<i64>) -> Result<()> {
        Ok(())
    }

    /// Takes a snapshot apart into one for each of several functions, as `owner` says for a group; `None` if it
    /// cannot be read.
    ///
    /// # Errors
    /// A function whose groups cannot be told apart.
    fn split(
        &mut self,
        _snapshot: &[u8],
        _parts: usize,
        _owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        Ok(None)
    }

    /// Makes one snapshot of those of several functions, each of other groups.
    ///
    /// # Errors
    /// A state that is too large, or a function whose groups cannot be told apart.
    fn join(&mut self, _snapshots: &[Vec<u8>]) -> Result<Vec<u8>> {
        Err(apart())
    }

    /// Returns the fields that the function has looked for in points which lacked them.
    fn missed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The error of a function whose groups cannot be separated.
fn apart() -> super::TickError {
    let message = "only the states of scripts can be put together".to_owned();
    super::TickError::Udf { name: "udf".to_owned(), message }
}

/// No functions at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoUdfs;

impl Udfs for NoUdfs {
    fn info(&mut self, _name: &str) -> Result<Option<InfoResponse>> {
        Ok(None)
    }

    fn start(&mut self, name: &str, _init: InitRequest) -> Result<Box<dyn Udf>> {
        Err(super::TickError::Udf { name: name.to_owned(), message: "it is not given".to_owned() })
    }
}

/// An option that a function does not have or take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionError(pub(crate) String);

/// Lists names at the end of a message.
pub(crate) fn there_are<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        "; it has none".to_owned()
    } else {
        format!("; it has {}", names.join(", "))
    }
}

/// Reads the arguments of an option, several of them with commas between, as the function declares
/// them; a string may stand in single quotes.
///
/// # Errors
/// An option that the function does not have, or text of another type.
pub(crate) fn parse_option(
    udf: &str,
    info: &InfoResponse,
    name: &str,
    text: &str,
) -> Result<Vec<Object>, OptionError> {
    let Some(option) = info.options.get(name) else {
        let known = there_are(info.options.keys().map(String::as_str));
        return Err(OptionError(format!("@{udf} has no option {name}{known}")));
    };
    let kinds: Vec<_> = option.value_types().collect();
    let pieces = if kinds.len() > 1 { arguments::pieces(text) } else { vec![text] };
    let parts: Vec<String> = pieces.into_iter().map(arguments::plain).collect();
    let parse = |(kind, part): (&ValueType, &String)| {
        let part = part.trim();
        match kind {
            ValueType::Bool => part.to_lowercase().parse().ok().map(Object::Bool),
            ValueType::Int => part.parse().ok().map(Object::Int),
            ValueType::Double => part.parse().ok().map(Object::Float),
            ValueType::Duration => duration::parse(part).ok().map(Object::Duration),
            ValueType::String => {
                let quoted = part.strip_prefix('\'').and_then(|p| p.strip_suffix('\''));
                Some(Object::String(quoted.unwrap_or(part).into()))
            }
        }
    };
    let objects: Option<Vec<_>> = kinds.iter().zip(&parts).map(parse).collect();
    match objects {
        Some(objects) if parts.len() == kinds.len() => Ok(objects),
        _ => {
            let kinds: Vec<_> = kinds.iter().map(|kind| type_name(*kind)).collect();
            let kinds = kinds.join(", ");
            Err(OptionError(format!("@{udf}.{name}() takes ({kinds}), not '{text}'")))
        }
    }
}

/// Checks an option's arguments against a declaration, as the daemon does; returns what is wrong.
pub(crate) fn check_option(
    udf: &str,
    info: &InfoResponse,
    name: &str,
    arguments: &[Object],
) -> Result<(), OptionError> {
    let Some(option) = info.options.get(name) else {
        let mut known: Vec<_> = info.options.keys().map(String::as_str).collect();
        known.sort_unstable();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(OptionError(format!("@{udf} has no option {name}; it has {known}")));
    };
    let wanted: Vec<_> = option.value_types().map(type_name).collect();
    let given: Vec<_> =
        arguments.iter().map(|a| value(a).map_or(a.kind(), |(kind, _)| type_name(kind))).collect();
    if wanted == given {
        return Ok(());
    }
    let hint = match (wanted.as_slice(), given.as_slice()) {
        (["double"], ["int"]) => format!("; write {}.0", arguments[0]),
        (["int"], ["double"]) => "; write it without a decimal point".to_owned(),
        _ => String::new(),
    };
    let (wanted, given) = (wanted.join(", "), given.join(", "));
    Err(OptionError(format!("@{udf}.{name}() takes ({wanted}), got ({given}){hint}")))
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Bool => "bool",
        ValueType::Int => "int",
        ValueType::Double => "double",
        ValueType::String => "string",
        ValueType::Duration => "duration",
    }
}

fn value(object: &Object) -> Option<(ValueType, option_value::Value)> {
    use option_value::Value;
    Some(match object {
        Object::Bool(v) => (ValueType::Bool, Value::BoolValue(*v)),
        Object::Int(v) => (ValueType::Int, Value::IntValue(*v)),
        Object::Float(v) => (ValueType::Double, Value::DoubleValue(*v)),
        Object::String(v) => (ValueType::String, Value::StringValue(v.to_string())),
        Object::Duration(v) => (ValueType::Duration, Value::DurationValue(*v)),
        _ => return None,
    })
}

/// Returns what an option of a request holds, as the arguments of a property.
pub fn arguments(option: InitOption) -> Vec<Object> {
    use option_value::Value;
    let object = |value: OptionValue| {
        Some(match value.value? {
            Value::BoolValue(v) => Object::Bool(v),
            Value::IntValue(v) => Object::Int(v),
            Value::DoubleValue(v) => Object::Float(v),
            Value::StringValue(v) => Object::String(v.into()),
            Value::DurationValue(v) => Object::Duration(v),
        })
    };
    option.values.into_iter().filter_map(object).collect()
}

/// Makes the option that a property stands for.
pub(crate) fn option(name: &str, arguments: &[Object]) -> InitOption {
    let values = arguments
        .iter()
        .filter_map(value)
        .map(|(kind, value)| OptionValue { r#type: kind.into(), value: Some(value) })
        .collect();
    InitOption { name: name.to_owned(), values }
}
