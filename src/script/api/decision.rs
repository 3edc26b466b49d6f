//! From a score to an event, and rates of change.

use super::answer::{Step, map, optional};
use super::arguments::{int, not_a, number};
use super::object::Binder;
use super::{Fallible, Native, Registry, fail_in};
use crate::script::host::Host;
use crate::stats::decision::{Counter, CounterStep, Debounce, Hysteresis, Rate, Refractory};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    hysteresis(engine, host, registry);
    refractory(engine, host, registry);
    debounce(engine, host, registry);
    rates(engine, host, registry);
}

fn hysteresis(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    Binder::new(engine, host, registry, "hysteresis", Hysteresis::reset)
        .made_by("hysteresis", &["on_at", "off_at"], |a| {
            Ok(Hysteresis::new(a.number()?, a.number()?)?)
        })
        .flag("on", Hysteresis::is_on)
        .count("count", Hysteresis::count);
    let h = host.clone();
    // Infinite scores count here, and a gap leaves the switch as it is.
    let push = move |s: &mut Native<Hysteresis>, x: Dynamic| -> Fallible<bool> {
        if s.1 && (x.is_unit() || x.as_float().is_ok_and(f64::is_nan)) {
            return Ok(s.0.is_on());
        }
        let x = number(&h, "hysteresis.push", "the value", &x)?;
        s.change().push(x).map_err(|e| fail_in("hysteresis.push", e))
    };
    engine.register_fn("push", push);
}

fn refractory(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    Binder::new(engine, host, registry, "refractory", Refractory::reset)
        .made_by("refractory", &["period"], |a| Ok(Refractory::new(a.nanoseconds()?)))
        .count("count", Refractory::count);
    let h = host.clone();
    let push = move |s: &mut Native<Refractory>, time: Dynamic, event: Dynamic| {
        let function = "refractory.push";
        let time = int(&h, function, "the time", &time)?;
        let event = flag(&h, function, "the event", &event)?;
        s.change().push(time, event).map_err(|e| fail_in(function, e))
    };
    engine.register_fn("push", push);
}

fn debounce(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
    Binder::new(engine, host, registry, "debounce", Debounce::reset)
        .made_by("debounce", &["on_after", "off_after"], |a| {
            Ok(Debounce::new(a.count()?, a.count()?)?)
        })
        .flag("on", Debounce::is_on);
    let h = host.clone();
    let push = move |s: &mut Native<Debounce>, input: Dynamic| -> Fallible<bool> {
        Ok(s.change().push(flag(&h, "debounce.push", "the input", &input)?))
    };
    engine.register_fn("push", push);
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

fn rates(engine: &mut Engine, host: &Rc<Host>, registry: &mut Registry) {
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
