//! The results of `push`: a number, a bool or a map; one for each value when a series is pushed.

use super::series::{Mask, Series};
use rhai::{Dynamic, ImmutableString, Map};
use std::rc::Rc;

/// An answer to a value.
pub(super) trait Answer: Sized {
    /// The answer to a value that is left out.
    fn absent() -> Self;
    /// `()` when there is none.
    fn value(self) -> Dynamic;
    /// The answers to a series: a series (NaN where there is none), a mask, or an array.
    fn column(answers: Vec<Self>) -> Dynamic;
}

impl Answer for Option<f64> {
    fn absent() -> Self {
        None
    }

    fn value(self) -> Dynamic {
        self.map_or(Dynamic::UNIT, Into::into)
    }

    fn column(answers: Vec<Self>) -> Dynamic {
        let values = answers.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect();
        Dynamic::from(Series::new(values))
    }
}

impl Answer for bool {
    fn absent() -> Self {
        false
    }

    fn value(self) -> Dynamic {
        self.into()
    }

    fn column(answers: Vec<Self>) -> Dynamic {
        Dynamic::from(Mask(Rc::new(answers)))
    }
}

/// An answer of several values.
pub(super) trait Step {
    fn map(&self) -> Map;
}

impl<S: Step> Answer for Option<S> {
    fn absent() -> Self {
        None
    }

    fn value(self) -> Dynamic {
        self.map_or(Dynamic::UNIT, |step| step.map().into())
    }

    fn column(answers: Vec<Self>) -> Dynamic {
        answers.into_iter().map(Answer::value).collect::<rhai::Array>().into()
    }
}

/// A map from names and values.
pub(super) fn map<const N: usize>(entries: [(&str, Dynamic); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// A map of numbers.
pub(super) fn number_map<const N: usize>(entries: [(&str, f64); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A number, or `()`.
pub(super) fn optional(value: Option<f64>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

/// Text, or `()`.
pub(super) fn optional_text(value: Option<&str>) -> Dynamic {
    value.map_or(Dynamic::UNIT, |text| ImmutableString::from(text).into())
}
