//! Quantiles and what is built on them.

use super::arguments::{number, numbers};
use super::{Fallible, fail_in};
use crate::script::host::Host;
use crate::stats::order::{Fences, QuantileMethod, QuartileRule, quantile, tukey_fences};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    let exact = move |values: &Dynamic, q: &Dynamic, method: &str| -> Fallible<f64> {
        let method: QuantileMethod = method.parse().map_err(|e| fail_in("quantile", e))?;
        let q = number(&h, "quantile", "q", q)?;
        numbers(&h, "quantile", "values", values, |v| quantile(&v, q, method))?
            .map_err(|e| fail_in("quantile", e))
    };
    let by_default = exact.clone();
    engine.register_fn("quantile", move |values: Dynamic, q: Dynamic| {
        by_default(&values, &q, "linear")
    });
    engine.register_fn("quantile", move |values: Dynamic, q: Dynamic, method: &str| {
        exact(&values, &q, method)
    });
    let h = host.clone();
    engine.register_fn("median", move |values: Dynamic| -> Fallible<f64> {
        numbers(&h, "median", "values", &values, |v| quantile(&v, 0.5, QuantileMethod::Linear))?
            .map_err(|e| fail_in("median", e))
    });
    let h = host.clone();
    let fences = move |values: &Dynamic, scale: &Dynamic, rule: &str| -> Fallible<Map> {
        let rule: QuartileRule = rule.parse().map_err(|e| fail_in("tukey_fences", e))?;
        let scale = number(&h, "tukey_fences", "scale", scale)?;
        numbers(&h, "tukey_fences", "values", values, |v| tukey_fences(&v, scale, rule))?
            .map(|fences| fences_map(&fences))
            .map_err(|e| fail_in("tukey_fences", e))
    };
    let by_default = fences.clone();
    engine.register_fn("tukey_fences", move |values: Dynamic, scale: Dynamic| {
        by_default(&values, &scale, "linear")
    });
    engine.register_fn("tukey_fences", move |values: Dynamic, scale: Dynamic, method: &str| {
        fences(&values, &scale, method)
    });
}

fn fences_map(fences: &Fences) -> Map {
    [("lower", fences.lower), ("upper", fences.upper), ("q1", fences.q1), ("q3", fences.q3)]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
