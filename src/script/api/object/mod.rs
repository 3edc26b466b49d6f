//! The common functions of the statistics in a script: making, pushing, reading, resetting, comparing and storing them.
//!
//! `push` takes one value, a series or an array (all of it or nothing); an object made with
//! `#{ nan: "skip" }` leaves out NaN, infinities and `()`. A result that does not exist yet is `()`, with a
//! note, so that an error of a function that gets it can give the reason.

mod feeding;

pub(super) use feeding::equally_long;

use super::answer::Answer;
use super::arguments::{
    Arguments, Numbers, Refusal, function, int, is_column, number, numbers, refuse,
};
use super::series::Series;
use super::{Fallible, Native, NativeTypes, fail_in};
use crate::script::host::Host;
use crate::stats::error::Result as Stats;
use feeding::{each, each_at, one, present, take_all, timed};
use rhai::{Dynamic, Engine, ImmutableString};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;
use std::rc::Rc;

/// The numbers that a statistic has: they may not exist yet (`Option<f64>`), or that may not
/// fit into a double either (`Stats<Option<f64>>`).
pub(super) type Answers<T, R = Option<f64>> = &'static [(&'static str, fn(&T) -> R)];

/// [`Answers`] that may be errors.
pub(super) type Measures<T> = Answers<T, Stats<Option<f64>>>;

/// A number that a statistic has.
pub(super) trait Told: 'static {
    fn told(self) -> Stats<Option<f64>>;
}

impl Told for Option<f64> {
    fn told(self) -> Stats<Option<f64>> {
        Ok(self)
    }
}

impl Told for Stats<Option<f64>> {
    fn told(self) -> Stats<Option<f64>> {
        self
    }
}

/// A statistic of a value, computed before the value is added.
pub(super) type Scores<T> = &'static [(&'static str, fn(&T, f64) -> Option<f64>)];

/// Registers the functions of one kind of object.
pub(super) struct Binder<'a, T> {
    pub(super) engine: &'a mut Engine,
    host: &'a Rc<Host>,
    name: &'static str,
    kind: PhantomData<T>,
}

impl<'a, T> Binder<'a, T>
where
    T: Clone + PartialEq + Serialize + DeserializeOwned + 'static,
{
    /// Begins with the common functions: storage under `name`, equality, `reset`.
    pub(super) fn new(
        engine: &'a mut Engine,
        host: &'a Rc<Host>,
        registry: &mut NativeTypes,
        name: &'static str,
        reset: fn(&mut T),
    ) -> Self {
        engine.register_fn("reset", move |s: &mut Native<T>| reset(s.change()));
        Self::fixed(engine, host, registry, name)
    }

    /// As [`Binder::new`] for an object without `push`.
    pub(super) fn fixed(
        engine: &'a mut Engine,
        host: &'a Rc<Host>,
        registry: &mut NativeTypes,
        name: &'static str,
    ) -> Self {
        registry.native::<T>(name);
        engine.register_type_with_name::<Native<T>>(name);
        engine.register_fn("==", |a: Native<T>, b: Native<T>| a == b);
        engine.register_fn("!=", |a: Native<T>, b: Native<T>| a != b);
        let show = move |_: &mut Native<T>| ImmutableString::from(name);
        engine.register_fn("to_string", show);
        engine.register_fn("to_debug", show);
        Self { engine, host, name, kind: PhantomData }
    }

    /// A function that makes one.
    pub(super) fn made_by(
        &mut self,
        name: &'static str,
        names: &'static [&'static str],
        make: impl Fn(&mut Arguments<'_>) -> Result<T, Refusal> + 'static,
    ) -> &mut Self {
        function(self.engine, self.host, name, names, move |arguments| {
            let skip = arguments.skips_gaps()?;
            Ok(Dynamic::from(Native::with_policy(make(arguments)?, skip)))
        });
        self
    }

    /// The host, and the name of a function as messages give it.
    pub(super) fn function(&self, name: &str) -> (Rc<Host>, String) {
        (self.host.clone(), format!("{}.{name}", self.name))
    }

    /// A whole number that always exists.
    pub(super) fn count(&mut self, name: &str, count: fn(&T) -> u64) -> &mut Self {
        self.engine.register_get(name, move |s: &mut Native<T>| {
            i64::try_from(count(&s.0)).unwrap_or(i64::MAX)
        });
        self
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str, flag: fn(&T) -> bool) -> &mut Self {
        self.engine.register_get(name, move |s: &mut Native<T>| flag(&s.0));
        self
    }

    /// `ready`: whether it has warmed up.
    pub(super) fn ready(&mut self, ready: fn(&T) -> bool) -> &mut Self {
        self.flag("ready", ready)
    }

    /// Numbers that may not exist yet.
    pub(super) fn answers<R: Told>(&mut self, answers: Answers<T, R>) -> &mut Self {
        for &(name, answer) in answers {
            let (host, function) = self.function(name);
            self.engine.register_get(name, move |s: &mut Native<T>| -> Fallible<Dynamic> {
                let answer = answer(&s.0).told().map_err(|e| refuse(&host, &function, &e))?;
                Ok(known(&host, &function, answer))
            });
        }
        self
    }

    /// A function of a value or of each value of a series, such as `z(x)`, which adds nothing.
    pub(super) fn asked(
        &mut self,
        name: &str,
        ask: fn(&T, f64) -> Stats<Option<f64>>,
    ) -> &mut Self {
        let (host, function) = self.function(name);
        let asked = move |s: &mut Native<T>, x: Dynamic| -> Fallible<Dynamic> {
            if is_column(&x) {
                let values = numbers(&host, &function, "the value", &x, false)?;
                let progress = host.budget.progress();
                let ask = |&x: &f64| progress.check().and_then(|()| ask(&s.0, x));
                let answers = values.iter().map(ask).collect::<Stats<_>>();
                return Ok(Answer::column(answers.map_err(|e| refuse(&host, &function, &e))?));
            }
            let x = number(&host, &function, "the value", &x)?;
            let answer = ask(&s.0, x).map_err(|e| refuse(&host, &function, &e))?;
            Ok(known(&host, &function, answer))
        };
        self.engine.register_fn(name, asked);
        self
    }

    /// `push` that returns the object itself, so that further calls can follow.
    pub(super) fn takes(
        &mut self,
        push: fn(&mut T, f64) -> Stats<()>,
        extend: fn(&mut T, &[f64]) -> Stats<()>,
    ) -> &mut Self {
        for name in ["push", "extend"] {
            let (host, function) = self.function(name);
            let take = move |s: &mut Native<T>, x: Dynamic| -> Fallible<Native<T>> {
                if is_column(&x) {
                    let values = numbers(&host, &function, "the value", &x, s.1)?;
                    let values = if s.1 { Numbers::Own(present(&values)) } else { values };
                    let progress = host.budget.progress();
                    take_all(s, &values, extend, &progress)
                        .map_err(|e| refuse(&host, &function, &e))?;
                } else if let Some(x) = one(&host, &function, &x, s.1)? {
                    push(s.change(), x).map_err(|e| refuse(&host, &function, &e))?;
                }
                Ok(s.clone())
            };
            self.engine.register_fn(name, take);
        }
        self
    }

    /// `push` that returns a verdict on the value, or a column of verdicts on a series.
    pub(super) fn judges<R: Answer + 'static>(
        &mut self,
        push: fn(&mut T, f64) -> Stats<R>,
    ) -> &mut Self {
        let (host, function) = self.function("push");
        let judge = move |s: &mut Native<T>, x: Dynamic| -> Fallible<Dynamic> {
            if is_column(&x) {
                let values = numbers(&host, &function, "the value", &x, s.1)?;
                let answers = each(s, &values, push, &host.budget.progress())
                    .map_err(|e| refuse(&host, &function, &e))?;
                return Ok(R::column(answers));
            }
            let answer = match one(&host, &function, &x, s.1)? {
                Some(x) => push(s.change(), x).map_err(|e| refuse(&host, &function, &e))?,
                None => R::absent(),
            };
            Ok(verdict(&host, &function, answer))
        };
        self.engine.register_fn("push", judge);
        self
    }

    /// `push_each(values, name)`: a series of one statistic, after each value, or of a score,
    /// before it.
    pub(super) fn each<R: Told>(
        &mut self,
        push: fn(&mut T, f64) -> Stats<()>,
        answers: Answers<T, R>,
        scores: Scores<T>,
    ) -> &mut Self {
        let (host, function) = self.function("push_each");
        let each_of = move |s: &mut Native<T>, x: Dynamic, name: &str| -> Fallible<Series> {
            let values = numbers(&host, &function, "values", &x, s.1)?;
            let after = answers.iter().find(|(known, _)| *known == name);
            let before = scores.iter().find(|(known, _)| *known == name);
            let progress = host.budget.progress();
            let result = match (after, before) {
                (Some((_, answer)), _) => {
                    let step = |s: &mut T, x| push(s, x).and_then(|()| answer(s).told());
                    each(s, &values, step, &progress)
                }
                (None, Some((_, score))) => {
                    let step = |s: &mut T, x| {
                        let score = score(s, x);
                        push(s, x).map(|()| score)
                    };
                    each(s, &values, step, &progress)
                }
                (None, None) => {
                    let names = answers.iter().map(|a| a.0).chain(scores.iter().map(|s| s.0));
                    return Err(fail_in(
                        &function,
                        format_args!(
                            "statistic '{name}' is not known; use one of {}",
                            names.collect::<Vec<_>>().join(", ")
                        ),
                    ));
                }
            };
            let answers = result.map_err(|e| refuse(&host, &function, &e))?;
            Ok(Series::new(answers.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect()))
        };
        self.engine.register_fn("push_each", each_of);
        self
    }

    /// `push(time, value)` that returns the object itself.
    pub(super) fn takes_at(&mut self, push: fn(&mut T, i64, f64) -> Stats<()>) -> &mut Self {
        let (host, function) = self.function("push");
        let take = move |s: &mut Native<T>, time: Dynamic, x: Dynamic| -> Fallible<Native<T>> {
            if is_column(&x) {
                let (times, values) = timed(&host, &function, &time, &x, s.1)?;
                let step = |s: &mut T, t, x| push(s, t, x).map(|()| false);
                each_at(s, &times, &values, step, &host.budget.progress())
                    .map_err(|e| refuse(&host, &function, &e))?;
                return Ok(s.clone());
            }
            let time = int(&host, &function, "the time", &time)?;
            if let Some(x) = one(&host, &function, &x, s.1)? {
                push(s.change(), time, x).map_err(|e| refuse(&host, &function, &e))?;
            }
            Ok(s.clone())
        };
        self.engine.register_fn("push", take);
        self
    }

    /// `push(time, value)` that returns a verdict, or with times and a series a column of verdicts.
    pub(super) fn judges_at<R: Answer + 'static>(
        &mut self,
        push: fn(&mut T, i64, f64) -> Stats<R>,
    ) -> &mut Self {
        let (host, function) = self.function("push");
        let judge = move |s: &mut Native<T>, time: Dynamic, x: Dynamic| -> Fallible<Dynamic> {
            if is_column(&x) {
                let (times, values) = timed(&host, &function, &time, &x, s.1)?;
                let answers = each_at(s, &times, &values, push, &host.budget.progress())
                    .map_err(|e| refuse(&host, &function, &e))?;
                return Ok(R::column(answers));
            }
            let time = int(&host, &function, "the time", &time)?;
            let answer = match one(&host, &function, &x, s.1)? {
                Some(x) => push(s.change(), time, x).map_err(|e| refuse(&host, &function, &e))?,
                None => R::absent(),
            };
            Ok(verdict(&host, &function, answer))
        };
        self.engine.register_fn("push", judge);
        self
    }

    /// `push(a, b)` of a pair, which returns the object itself.
    pub(super) fn takes_pairs(&mut self, push: fn(&mut T, f64, f64) -> Stats<()>) -> &mut Self {
        let (host, function) = self.function("push");
        let take = move |s: &mut Native<T>, a: Dynamic, b: Dynamic| -> Fallible<Native<T>> {
            if is_column(&a) {
                let a = numbers(&host, &function, "a", &a, s.1)?;
                let b = numbers(&host, &function, "b", &b, s.1)?;
                equally_long(&function, ("a", a.len()), ("b", b.len()))?;
                let progress = host.budget.progress();
                let mut changed = (*s.0).clone();
                for (&a, &b) in a.iter().zip(&*b).filter(|(a, b)| !s.1 || (*a + *b).is_finite()) {
                    progress.steps(4).map_err(|e| refuse(&host, &function, &e))?;
                    push(&mut changed, a, b).map_err(|e| refuse(&host, &function, &e))?;
                }
                s.0 = Rc::new(changed);
                return Ok(s.clone());
            }
            let pair = one(&host, &function, &a, s.1)?.zip(one(&host, &function, &b, s.1)?);
            if let Some((a, b)) = pair {
                push(s.change(), a, b).map_err(|e| refuse(&host, &function, &e))?;
            }
            Ok(s.clone())
        };
        self.engine.register_fn("push", take);
        self
    }
}

/// A number that may not exist: `()` then, and a note that says why.
pub(super) fn known(host: &Host, function: &str, value: Option<f64>) -> Dynamic {
    verdict(host, function, value)
}

pub(super) fn verdict<R: Answer>(host: &Host, function: &str, answer: R) -> Dynamic {
    let value = answer.value();
    if value.is_unit() {
        host.note(&format!(
            "{function} does not exist yet (there are too few values, or all are equal); test .ready or .count first"
        ));
    }
    value
}
