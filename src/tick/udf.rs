//! The boundary to user defined functions.

use crate::protocol::message::{
    InfoResponse, InitOption, InitRequest, OptionValue, ValueType, option_value,
};
use crate::protocol::{Batch, Point};
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::Message;

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

/// A running function. What it has answered so far is put into `out`, now or later, in order.
pub trait Udf {
    /// Hands a point to a function that wants a stream.
    ///
    /// # Errors
    /// What the function reports, or that it is gone.
    fn point(&mut self, point: &Point, out: &mut Vec<Message>) -> Result<()>;

    /// Hands a batch to a function that wants batches.
    ///
    /// # Errors
    /// What the function reports, or that it is gone.
    fn batch(&mut self, batch: &Batch, out: &mut Vec<Message>) -> Result<()>;

    /// Closes the input and waits for the last answers.
    ///
    /// # Errors
    /// What the function reports, or that it is gone.
    fn finish(&mut self, out: &mut Vec<Message>) -> Result<()>;
}

/// No functions at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoUdfs;

impl Udfs for NoUdfs {
    fn info(&mut self, _name: &str) -> Result<Option<InfoResponse>> {
        Ok(None)
    }

    fn start(&mut self, name: &str, _init: InitRequest) -> Result<Box<dyn Udf>> {
        Err(crate::tick::TickError::Udf {
            name: name.to_owned(),
            message: "it is not given".to_owned(),
        })
    }
}

/// Checks an option's arguments against a declaration, as the daemon does; returns what is wrong.
pub(crate) fn check_option(
    udf: &str,
    info: &InfoResponse,
    name: &str,
    arguments: &[Object],
) -> Result<(), String> {
    let Some(option) = info.options.get(name) else {
        let mut known: Vec<_> = info.options.keys().map(String::as_str).collect();
        known.sort_unstable();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("@{udf} has no option {name}; it has {known}"));
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
    Err(format!("@{udf}.{name}() takes ({wanted}), got ({given}){hint}"))
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

/// Makes the option that a property stands for.
pub(crate) fn option(name: &str, arguments: &[Object]) -> InitOption {
    let values = arguments
        .iter()
        .filter_map(value)
        .map(|(kind, value)| OptionValue { r#type: kind.into(), value: Some(value) })
        .collect();
    InitOption { name: name.to_owned(), values }
}
