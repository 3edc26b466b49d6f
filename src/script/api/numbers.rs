//! Functions of one number or two, for ints and doubles.
//!
//! The interpreter has them for doubles only, so `sqrt(2)` would find no function.

use rhai::Engine;

pub(super) fn register(engine: &mut Engine) {
    let of_one: [(&str, fn(f64) -> f64); 21] = [
        ("sqrt", f64::sqrt),
        ("exp", f64::exp),
        ("ln", f64::ln),
        ("log10", f64::log10),
        ("log", f64::log10),
        ("sin", f64::sin),
        ("cos", f64::cos),
        ("tan", f64::tan),
        ("asin", f64::asin),
        ("acos", f64::acos),
        ("atan", f64::atan),
        ("sinh", f64::sinh),
        ("cosh", f64::cosh),
        ("tanh", f64::tanh),
        ("asinh", f64::asinh),
        ("acosh", f64::acosh),
        ("atanh", f64::atanh),
        ("to_radians", f64::to_radians),
        ("to_degrees", f64::to_degrees),
        ("log2", f64::log2),
        ("cbrt", f64::cbrt),
    ];
    for (name, apply) in of_one {
        engine.register_fn(name, move |x: i64| apply(x as f64));
        engine.register_fn(name, move |x: f64| apply(x));
    }
    let of_two: [(&str, fn(f64, f64) -> f64); 4] =
        [("pow", f64::powf), ("hypot", f64::hypot), ("atan", f64::atan2), ("log", f64::log)];
    for (name, apply) in of_two {
        engine.register_fn(name, move |a: i64, b: i64| apply(a as f64, b as f64));
        engine.register_fn(name, move |a: i64, b: f64| apply(a as f64, b));
        engine.register_fn(name, move |a: f64, b: i64| apply(a, b as f64));
        engine.register_fn(name, move |a: f64, b: f64| apply(a, b));
    }
    // These functions return a whole number unchanged.
    for name in ["floor", "ceiling", "round", "int"] {
        engine.register_fn(name, |x: i64| x);
    }
    for name in ["is_nan", "is_infinite"] {
        engine.register_fn(name, |_: i64| false);
    }
    engine.register_fn("is_finite", |_: i64| true);
}
