//! The functions and types of scripts: one file for each type, and the registry of the objects that a
//! snapshot can hold.

mod anomaly;
mod answer;
mod arguments;
mod batch;
mod change;
mod collection;
mod columns;
mod decision;
mod distance;
mod distributions;
mod emit;
mod hypothesis;
#[cfg(test)]
mod limits_tests;
mod log;
mod model;
mod moments;
mod numbers;
mod object;
mod options;
mod order;
mod point;
mod random;
mod rounding;
mod rows;
mod season;
mod series;
mod series_functions;
mod tail;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod time;
mod trend;

pub(crate) use batch::SharedBatch;
pub use log::TARGET as LOG_TARGET;
pub(crate) use options::{Options, register_names};
pub(crate) use point::{LentPoint, SharedPoint, to_dynamic};

use super::collection::{Held, Holder};
use super::host::Host;
use rhai::{Array, Dynamic, Engine, EvalAltResult, Position};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::TypeId;
use std::collections::HashMap;
use std::fmt::Display;
use std::rc::Rc;

/// Makes everything known to an engine.
pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    options::register(engine);
    numbers::register(engine);
    point::register(engine, host, registry);
    series_functions::register(engine, host, registry);
    batch::register(engine, host, registry);
    emit::register(engine, host);
    log::register(engine, host);
    time::register(engine, host);
    moments::register(engine, host, registry);
    hypothesis::register(engine, host);
    anomaly::register(engine, host, registry);
    distributions::register(engine, host);
    order::register(engine, host, registry);
    distance::register(engine, host, registry);
    columns::register(engine, host);
    change::register(engine, host, registry);
    season::register(engine, host, registry);
    tail::register(engine, host, registry);
    decision::register(engine, host, registry);
    trend::register(engine, host, registry);
    random::register(engine, host, registry);
    model::register(engine, host, registry);
    collection::register(engine, host, registry);
    rounding::register(engine, host);
    text::register(engine, host);
}

/// Makes a point readable in a condition.
pub(crate) fn register_for_expressions(engine: &mut Engine) {
    let host = Rc::new(Host::new(Default::default()));
    point::register(engine, &host, &mut NativeTypes::default());
    numbers::register(engine);
    time::register(engine, &host);
}

/// A native object in a script: shared, and copied when one of its owners changes it.
///
/// The flag says whether it leaves out gaps (`#{ nan: "skip" }`).
#[derive(Debug, PartialEq)]
pub(crate) struct Native<T>(pub(crate) Rc<T>, pub(crate) bool);

impl<T> Native<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::with_policy(value, false)
    }

    pub(crate) fn with_policy(value: T, skip: bool) -> Self {
        Self(Rc::new(value), skip)
    }
}

impl<T: Clone> Native<T> {
    /// The object, for a change.
    pub(crate) fn change(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

impl<T> Clone for Native<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1)
    }
}

/// What follows a stored object that leaves out gaps.
const SKIPS: u8 = 1;

/// Why a native object cannot be stored, or read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NativeError {
    #[error("it is of another type")]
    Type,
    #[error(transparent)]
    Serde(#[from] postcard::Error),
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    #[error(transparent)]
    Point(#[from] crate::protocol::ProtocolError),
    #[error("bytes are left over")]
    LeftOver,
    #[error("it ends inside a point")]
    InsidePoint,
    #[error("its length is no multiple of 8")]
    Length,
    #[error(transparent)]
    Damaged(#[from] crate::stats::StatsError),
}

/// How a native object is stored.
pub(crate) struct NativeType {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

/// What is stored of a native object.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Bytes of its own.
    Bytes {
        write: fn(&Dynamic, &mut Vec<u8>) -> Result<(), NativeError>,
        read: fn(&[u8]) -> Result<Dynamic, NativeError>,
    },
    /// Values of the script, which may hold any native object again.
    Values {
        parts: fn(&Dynamic) -> Result<Array, NativeError>,
        join: fn(Array) -> Result<Dynamic, NativeError>,
    },
}

/// The native objects that a snapshot can hold.
#[derive(Default)]
pub(crate) struct NativeTypes {
    kinds: Vec<NativeType>,
    by_type: HashMap<TypeId, usize>,
    /// How statistics are shown to people, by their type.
    shows: HashMap<TypeId, Show>,
}

type Show = fn(&Dynamic) -> Option<serde_json::Value>;

impl NativeTypes {
    pub(crate) fn add<V: 'static>(&mut self, kind: NativeType) {
        self.by_type.insert(TypeId::of::<V>(), self.kinds.len());
        self.kinds.push(kind);
    }

    /// Adds a statistic by its serde form.
    pub(crate) fn native<T>(&mut self, name: &'static str)
    where
        T: Clone + Serialize + DeserializeOwned + 'static,
    {
        self.shows.insert(TypeId::of::<Native<T>>(), |value| {
            serde_json::to_value(&*value.read_lock::<Native<T>>()?.0).ok()
        });
        let form = Form::Bytes {
            write: |value, out| {
                let native = value.read_lock::<Native<T>>().ok_or(NativeError::Type)?;
                let taken = std::mem::take(out);
                *out = postcard::to_extend(&*native.0, taken)?;
                if native.1 {
                    out.push(SKIPS);
                }
                Ok(())
            },
            read: |bytes| match postcard::take_from_bytes::<T>(bytes) {
                Ok((value, [])) => Ok(Dynamic::from(Native::new(value))),
                Ok((value, [SKIPS])) => Ok(Dynamic::from(Native::with_policy(value, true))),
                Ok(_) => Err(NativeError::LeftOver),
                Err(error) => Err(error.into()),
            },
        };
        self.add::<Native<T>>(NativeType { name, form });
    }

    /// Adds an object that holds values of scripts.
    pub(crate) fn holder<T: Holder>(&mut self) {
        let form = Form::Values {
            parts: |value| {
                let holder = value.read_lock::<Held<T>>().ok_or(NativeError::Type)?;
                Ok(holder.0.parts())
            },
            join: |parts| Ok(Dynamic::from(Held::new(T::join(parts)?))),
        };
        self.add::<Held<T>>(NativeType { name: T::NAME, form });
    }

    /// The name of the objects of a type.
    #[cfg(test)]
    pub(crate) fn name_of_type(&self, kind: TypeId) -> Option<&'static str> {
        self.by_type.get(&kind).map(|i| self.kinds[*i].name)
    }

    /// A native object as JSON, if its fields are known.
    pub(crate) fn show(&self, value: &Dynamic) -> Option<serde_json::Value> {
        self.shows.get(&value.type_id()).and_then(|show| show(value))
    }

    pub(crate) fn of_value(&self, value: &Dynamic) -> Option<&NativeType> {
        self.by_type.get(&value.type_id()).map(|i| &self.kinds[*i])
    }

    pub(crate) fn of_name(&self, name: &str) -> Option<&NativeType> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}

/// The result of a native function.
pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// An error that takes the place of the call.
pub(crate) fn fail(message: impl Display) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.to_string().into(), Position::NONE))
}

/// An error that names the function.
pub(crate) fn fail_in(function: &str, message: impl Display) -> Box<EvalAltResult> {
    fail(format!("{function}: {message}"))
}
