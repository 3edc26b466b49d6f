//! Reading arguments, with messages that name the function, the argument and the given value.

mod values;

pub(super) use values::{count, describe, int, nanoseconds, not_a, number};

use super::series::Series;
use super::{Fallible, fail_in};
use crate::script::host::Host;
use crate::stats::{Progress, StatsError};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};
use std::any::TypeId;
use std::ops::Deref;
use std::rc::Rc;

/// The numbers of a series, shared, or of an array.
pub(super) enum Numbers {
    Shared(Rc<Vec<f64>>),
    Own(Vec<f64>),
}

impl Deref for Numbers {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match self {
            Self::Shared(values) => values,
            Self::Own(values) => values,
        }
    }
}

/// The numbers of a series or an array; with `gaps`, `()` in an array is NaN.
pub(super) fn numbers(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
    gaps: bool,
) -> Fallible<Numbers> {
    if let Some(series) = value.read_lock::<Series>() {
        return Ok(Numbers::Shared(series.0.clone()));
    }
    let Some(array) = value.read_lock::<Array>() else {
        return Err(not_a(host, function, name, "a series or an array of numbers", value));
    };
    let numbers = array.iter().enumerate().map(|(i, v)| {
        if gaps && v.is_unit() {
            return Ok(f64::NAN);
        }
        match v.as_float() {
            Ok(float) => Ok(float),
            Err(_) => number(host, function, &format!("{name}[{i}]"), v),
        }
    });
    Ok(Numbers::Own(numbers.collect::<Fallible<_>>()?))
}

/// True for what [`numbers`] reads.
pub(super) fn is_column(value: &Dynamic) -> bool {
    !value.is_float() && (value.is::<Series>() || value.is_array())
}

/// Why a native function refuses: an error of the statistic, to which the function's name is added,
/// or one that is complete.
pub(super) enum Refusal {
    Statistic(StatsError),
    Complete(Box<EvalAltResult>),
}

impl From<StatsError> for Refusal {
    fn from(error: StatsError) -> Self {
        Self::Statistic(error)
    }
}

impl From<Box<EvalAltResult>> for Refusal {
    fn from(error: Box<EvalAltResult>) -> Self {
        Self::Complete(error)
    }
}

impl Refusal {
    pub(super) fn named(self, host: &Host, function: &str) -> Box<EvalAltResult> {
        match self {
            Self::Complete(error) => error,
            Self::Statistic(error) => refuse(host, function, &error),
        }
    }
}

/// The error of a statistic, with the function's name and what can be done about a gap. A call that is
/// out of time ends as it does inside the interpreter.
pub(super) fn refuse(host: &Host, function: &str, error: &StatsError) -> Box<EvalAltResult> {
    match error {
        StatsError::Interrupted => {
            let reason = host.budget.spent().unwrap_or_else(|| "interrupted".into());
            Box::new(EvalAltResult::ErrorTerminated(reason.into(), Position::NONE))
        }
        StatsError::Memory { .. } => {
            fail_in(function, format_args!("{error} in one call ([limits] memory)"))
        }
        StatsError::NotFinite { .. } => fail_in(
            function,
            format_args!(
                "{error}; leave such values out with present() on a series, or with the setting #{{ nan: \"skip\" }} of the object"
            ),
        ),
        error => fail_in(function, error),
    }
}

/// The arguments of one call, read in their order, and the settings map that may follow them.
pub(super) struct Arguments<'a> {
    host: &'a Host,
    function: &'static str,
    names: &'static [&'static str],
    values: &'a [&'a mut Dynamic],
    settings: Option<Map>,
    known: Vec<&'static str>,
    next: usize,
}

impl<'a> Arguments<'a> {
    /// The next argument as it is, and its name.
    pub(super) fn any(&mut self) -> (&'static str, &'a Dynamic) {
        let at = self.next;
        self.next += 1;
        (self.names[at], &*self.values[at])
    }

    pub(super) fn host(&self) -> &'a Host {
        self.host
    }

    pub(super) fn function(&self) -> &'static str {
        self.function
    }

    /// The progress that a long computation asks.
    pub(super) fn progress(&self) -> Progress<'a> {
        self.host.budget.progress()
    }

    /// An error that names the function.
    pub(super) fn fail(&self, message: impl std::fmt::Display) -> Box<EvalAltResult> {
        fail_in(self.function, message)
    }

    pub(super) fn number(&mut self) -> Fallible<f64> {
        let (name, value) = self.any();
        number(self.host, self.function, name, value)
    }

    pub(super) fn count(&mut self) -> Fallible<usize> {
        let (name, value) = self.any();
        count(self.host, self.function, name, value)
    }

    pub(super) fn nanoseconds(&mut self) -> Fallible<u64> {
        let (name, value) = self.any();
        nanoseconds(self.host, self.function, name, value)
    }

    pub(super) fn numbers(&mut self) -> Fallible<Numbers> {
        let (name, value) = self.any();
        numbers(self.host, self.function, name, value, false)
    }

    /// Numbers with gaps.
    pub(super) fn gappy(&mut self) -> Fallible<Numbers> {
        let (name, value) = self.any();
        numbers(self.host, self.function, name, value, true)
    }

    /// Times in nanoseconds: an array of ints.
    pub(super) fn times(&mut self) -> Fallible<Vec<i64>> {
        let (name, value) = self.any();
        times(self.host, self.function, name, value)
    }

    /// A list of columns.
    pub(super) fn columns(&mut self) -> Fallible<Vec<Numbers>> {
        let (name, value) = self.any();
        let Some(array) = value.read_lock::<Array>() else {
            return Err(not_a(self.host, self.function, name, "an array of series", value));
        };
        let column = |(i, v)| numbers(self.host, self.function, &format!("{name}[{i}]"), v, false);
        array.iter().enumerate().map(column).collect()
    }

    pub(super) fn text(&mut self) -> Fallible<ImmutableString> {
        let (name, value) = self.any();
        self.as_text(name, value)
    }

    fn as_text(&self, name: &str, value: &Dynamic) -> Fallible<ImmutableString> {
        match value.read_lock::<ImmutableString>() {
            Some(text) => Ok(text.clone()),
            None => Err(not_a(self.host, self.function, name, "a string", value)),
        }
    }

    /// A setting by its name; `None` when it is left out.
    fn setting(&mut self, name: &'static str) -> Option<Dynamic> {
        self.known.push(name);
        self.settings.as_ref()?.get(name).cloned()
    }

    pub(super) fn number_or(&mut self, name: &'static str, default: f64) -> Fallible<f64> {
        let value = self.setting(name);
        value.map_or(Ok(default), |v| number(self.host, self.function, name, &v))
    }

    pub(super) fn count_or(&mut self, name: &'static str, default: usize) -> Fallible<usize> {
        Ok(self.optional_count(name)?.unwrap_or(default))
    }

    pub(super) fn optional_count(&mut self, name: &'static str) -> Fallible<Option<usize>> {
        let value = self.setting(name);
        value.map(|v| count(self.host, self.function, name, &v)).transpose()
    }

    pub(super) fn optional_number(&mut self, name: &'static str) -> Fallible<Option<f64>> {
        let value = self.setting(name);
        value.map(|v| number(self.host, self.function, name, &v)).transpose()
    }

    pub(super) fn optional_nanoseconds(&mut self, name: &'static str) -> Fallible<Option<u64>> {
        let value = self.setting(name);
        value.map(|v| nanoseconds(self.host, self.function, name, &v)).transpose()
    }

    pub(super) fn optional_numbers(&mut self, name: &'static str) -> Fallible<Option<Numbers>> {
        let value = self.setting(name);
        value.map(|v| numbers(self.host, self.function, name, &v, false)).transpose()
    }

    pub(super) fn optional_times(&mut self, name: &'static str) -> Fallible<Option<Vec<i64>>> {
        let value = self.setting(name);
        value.map(|v| times(self.host, self.function, name, &v)).transpose()
    }

    pub(super) fn int_or(&mut self, name: &'static str, default: i64) -> Fallible<i64> {
        let value = self.setting(name);
        value.map_or(Ok(default), |v| int(self.host, self.function, name, &v))
    }

    pub(super) fn flag_or(&mut self, name: &'static str, default: bool) -> Fallible<bool> {
        let Some(value) = self.setting(name) else { return Ok(default) };
        let wanted = "true or false";
        value.as_bool().map_err(|_| not_a(self.host, self.function, name, wanted, &value))
    }

    pub(super) fn text_or(
        &mut self,
        name: &'static str,
        default: &str,
    ) -> Fallible<ImmutableString> {
        let value = self.setting(name);
        value.map_or(Ok(default.into()), |v| self.as_text(name, &v))
    }

    /// Whether gaps are left out: the setting `nan`, `"error"` (the default) or `"skip"`.
    pub(super) fn skips_gaps(&mut self) -> Fallible<bool> {
        match self.text_or("nan", "error")?.as_str() {
            "error" => Ok(false),
            "skip" => Ok(true),
            got => Err(fail_in(
                self.function,
                format_args!("nan '{got}' is not known; use one of error, skip"),
            )),
        }
    }

    /// Refuses settings that the function does not have.
    fn finish(&self) -> Fallible<()> {
        let Some(settings) = &self.settings else { return Ok(()) };
        match settings.keys().find(|key| !self.known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) if self.known.is_empty() => Err(fail_in(
                self.function,
                format_args!("setting '{key}' is not known; this function has no settings"),
            )),
            Some(key) => Err(fail_in(
                self.function,
                format_args!("setting '{key}' is not known; use {}", self.known.join(", ")),
            )),
        }
    }
}

/// Times in nanoseconds: an array of ints.
pub(super) fn times(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
) -> Fallible<Vec<i64>> {
    let Some(array) = value.read_lock::<Array>() else {
        return Err(not_a(host, function, name, "an array of times (batch.times)", value));
    };
    let time = |(i, v)| int(host, function, &format!("{name}[{i}]"), v);
    array.iter().enumerate().map(time).collect()
}

/// Registers a function of these arguments, and one with a map of settings behind them.
pub(super) fn function<R: Into<Dynamic>>(
    engine: &mut Engine,
    host: &Rc<Host>,
    name: &'static str,
    names: &'static [&'static str],
    work: impl Fn(&mut Arguments<'_>) -> Result<R, Refusal> + 'static,
) {
    let host = host.clone();
    let work = Rc::new(move |values: &[&mut Dynamic], settings: Option<Map>| {
        let known = Vec::new();
        let mut arguments =
            Arguments { host: &host, function: name, names, values, settings, known, next: 0 };
        let result = work(&mut arguments).map_err(|e| e.named(&host, name))?;
        arguments.finish()?;
        Ok(result.into())
    });
    let mut types = vec![TypeId::of::<Dynamic>(); names.len()];
    let plain = work.clone();
    engine.register_raw_fn(name, &types, move |_, values| -> Fallible<Dynamic> {
        plain(values, None)
    });
    types.push(TypeId::of::<Map>());
    engine.register_raw_fn(name, &types, move |_, values| -> Fallible<Dynamic> {
        let (settings, values) = values.split_last_mut().expect("settings must be a map");
        work(values, Some(settings.take().cast::<Map>()))
    });
}
