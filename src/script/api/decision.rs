//! From a score to an event, and rates of change.

use super::answer::{Answer, Step, map, optional};
use super::arguments::{int, is_column, not_a, number, numbers, times};
use super::object::{Binder, equally_long};
use super::series::Mask;
use super::{Fallible, Native, NativeTypes, fail_in};
use crate::script::host::Host;
use crate::stats::decision::{
    Counter, CounterStep, Debounce, Hold, Hysteresis, Rate, Refractory, Timer,
};
use crate::stats::error::Result as Stats;
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    hysteresis(engine, host, registry);
    refractory(engine, host, registry);
    debounce(engine, host, registry);
    hold(engine, host, registry);
    timer(engine, host, registry);
    rates(engine, host, registry);
}

fn hysteresis(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "hysteresis", Hysteresis::reset)
        .made_by("hysteresis", &["on_at", "off_at"], |a| {
            Ok(Hysteresis::new(a.number()?, a.number()?)?)
        })
        .flag("on", Hysteresis::is_on)
        .count("count", Hysteresis::count);
    let h = host.clone();
    // Infinite scores count here, and a gap leaves the switch as it is.
    let push = move |s: &mut Native<Hysteresis>, x: Dynamic| -> Fallible<Dynamic> {
        let (function, skip) = ("hysteresis.push", s.1);
        let step = |switch: &mut Hysteresis, x: f64| {
            if skip && x.is_nan() { Ok(switch.is_on()) } else { switch.push(x) }
        };
        if is_column(&x) {
            let values = numbers(&h, function, "the values", &x, skip)?;
            let mut changed = (*s.0).clone();
            let answers = values.iter().map(|&x| step(&mut changed, x)).collect::<Stats<_>>();
            let answers = answers.map_err(|e| fail_in(function, e))?;
            s.0 = Rc::new(changed);
            return Ok(Answer::column(answers));
        }
        let gap = skip && x.is_unit();
        let x = if gap { f64::NAN } else { number(&h, function, "the value", &x)? };
        Ok(step(s.change(), x).map_err(|e| fail_in(function, e))?.into())
    };
    engine.register_fn("push", push);
}

fn refractory(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "refractory", Refractory::reset)
        .made_by("refractory", &["period"], |a| Ok(Refractory::new(a.nanoseconds()?)))
        .count("count", Refractory::count);
    let h = host.clone();
    let push = move |s: &mut Native<Refractory>, time: Dynamic, event: Dynamic| {
        let function = "refractory.push";
        if let Some(events) = event.read_lock::<Mask>() {
            let times = times(&h, function, "the times", &time)?;
            let lengths =
                (("the column of times", times.len()), ("the column of events", events.0.len()));
            equally_long(function, lengths.0, lengths.1)?;
            let mut changed = (*s.0).clone();
            let pairs = times.iter().zip(&*events.0);
            let passed = pairs.map(|(&time, &event)| changed.push(time, event));
            let passed = passed.collect::<Stats<_>>().map_err(|e| fail_in(function, e))?;
            s.0 = Rc::new(changed);
            return Ok(Answer::column(passed));
        }
        let time = int(&h, function, "the time", &time)?;
        let event = flag(&h, function, "the event", &event)?;
        let passed = s.change().push(time, event).map_err(|e| fail_in(function, e))?;
        Fallible::Ok(Dynamic::from(passed))
    };
    engine.register_fn("push", push);
}

fn debounce(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "debounce", Debounce::reset)
        .made_by("debounce", &["on_after", "off_after"], |a| {
            Ok(Debounce::new(a.count()?, a.count()?)?)
        })
        .flag("on", Debounce::is_on);
    let h = host.clone();
    let push = move |s: &mut Native<Debounce>, input: Dynamic| -> Fallible<Dynamic> {
        if let Some(inputs) = input.read_lock::<Mask>() {
            let state = s.change();
            return Ok(Answer::column(inputs.0.iter().map(|&input| state.push(input)).collect()));
        }
        Ok(s.change().push(flag(&h, "debounce.push", "the input", &input)?).into())
    };
    engine.register_fn("push", push);
}

fn hold(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "timed_debounce", Hold::reset)
        .made_by("debounce", &["on_after"], |a| {
            let on_after = a.nanoseconds()?;
            Ok(Hold::new(on_after, a.optional_nanoseconds("off_after")?.unwrap_or(0)))
        })
        .flag("on", Hold::is_on);
    let h = host.clone();
    let push = move |s: &mut Native<Hold>, time: Dynamic, input: Dynamic| -> Fallible<Dynamic> {
        let function = "debounce.push";
        if let Some(inputs) = input.read_lock::<Mask>() {
            let times = times(&h, function, "the times", &time)?;
            let lengths =
                (("the column of times", times.len()), ("the column of inputs", inputs.0.len()));
            equally_long(function, lengths.0, lengths.1)?;
            let state = s.change();
            let on = times.iter().zip(&*inputs.0).map(|(&time, &input)| state.push(time, input));
            return Ok(Answer::column(on.collect()));
        }
        let time = int(&h, function, "the time", &time)?;
        let input = flag(&h, function, "the input", &input)?;
        Ok(s.change().push(time, input).into())
    };
    engine.register_fn("push", push);
    let h = host.clone();
    engine.register_get("since", move |s: &mut Native<Hold>| -> Dynamic {
        at(&h, "debounce.since", s.0.since())
    });
}

fn timer(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "timer", Timer::reset)
        .made_by("timer", &["every"], |a| {
            Ok(Timer::new(a.nanoseconds()?, a.flag_or("align", true)?)?)
        })
        .count("periods", Timer::periods);
    let h = host.clone();
    let push = move |s: &mut Native<Timer>, time: Dynamic| -> Fallible<Dynamic> {
        if is_column(&time) {
            let times = times(&h, "timer.push", "the times", &time)?;
            let timer = s.change();
            return Ok(Answer::column(times.into_iter().map(|time| timer.push(time)).collect()));
        }
        Ok(s.change().push(int(&h, "timer.push", "the time", &time)?).into())
    };
    engine.register_fn("push", push);
    let times: [(&'static str, fn(&Timer) -> Option<i64>); 2] =
        [("due", Timer::due), ("next", Timer::next)];
    for (name, time) in times {
        let (h, function) = (host.clone(), format!("timer.{name}"));
        engine.register_get(name, move |s: &mut Native<Timer>| -> Dynamic {
            at(&h, &function, time(&s.0))
        });
    }
}

/// A time, or `()` with a note.
fn at(host: &Host, function: &str, time: Option<i64>) -> Dynamic {
    if time.is_none() {
        host.note(&format!("{function} does not exist yet"));
    }
    time.map_or(Dynamic::UNIT, Into::into)
}

fn flag(host: &Host, function: &str, name: &str, value: &Dynamic) -> Fallible<bool> {
    value.as_bool().map_err(|_| not_a(host, function, name, "true or false", value))
}

impl Step for CounterStep {
    fn map(&self) -> Map {
        map([
            ("increase", self.increase.into()),
            ("rate", optional(self.rate)),
            ("reset", self.reset.into()),
        ])
    }
}

fn rates(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "rate", Rate::reset)
        .made_by("rate", &[], |_| Ok(Rate::new()))
        .judges_at(Rate::push)
        .count("count", Rate::count)
        .ready(Rate::ready);
    Binder::new(engine, host, registry, "counter", Counter::reset)
        .made_by("counter", &[], |a| Ok(Counter::new(a.optional_number("modulus")?)?))
        .judges_at(Counter::push)
        .answers(&[("total", |s| Some(s.total()))])
        .count("resets", Counter::resets)
        .ready(Counter::ready);
}
