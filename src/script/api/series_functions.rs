//! The functions of series and masks.

use super::arguments::number;
use super::series::{Mask, Series, place, same_length};
use super::{Fallible, Form, NativeError, NativeType, NativeTypes, fail_in};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    registry.add::<Series>(NativeType {
        name: "series",
        form: Form::Bytes {
            write: |value, out| {
                let series = value.read_lock::<Series>().ok_or(NativeError::Type)?;
                out.extend(series.0.iter().flat_map(|v| v.to_le_bytes()));
                Ok(())
            },
            read: |bytes| match bytes.as_chunks::<8>() {
                (values, []) => {
                    let values = values.iter().map(|v| f64::from_le_bytes(*v)).collect();
                    Ok(Dynamic::from(Series::new(values)))
                }
                _ => Err(NativeError::Length),
            },
        },
    });
    registry.add::<Mask>(NativeType {
        name: "mask",
        form: Form::Bytes {
            write: |value, out| {
                let mask = value.read_lock::<Mask>().ok_or(NativeError::Type)?;
                out.extend(mask.0.iter().map(|v| u8::from(*v)));
                Ok(())
            },
            read: |bytes| {
                let mask = bytes.iter().map(|b| *b != 0).collect();
                Ok(Dynamic::from(Mask(Rc::new(mask))))
            },
        },
    });
    engine.register_type_with_name::<Series>("Series").register_type_with_name::<Mask>("Mask");
    register_series(engine, host);
    register_masks(engine, host);
}

fn register_series(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_fn("series", move |values: Array| -> Fallible<Series> {
        let numbers =
            values.iter().enumerate().map(|(i, v)| number(&h, "series", &format!("value {i}"), v));
        Ok(Series::new(numbers.collect::<Fallible<_>>()?))
    });
    engine.register_get("len", |s: &mut Series| s.0.len() as i64);
    engine.register_fn("len", |s: &mut Series| s.0.len() as i64);
    engine.register_get("is_empty", |s: &mut Series| s.0.is_empty());
    engine.register_fn("is_empty", |s: &mut Series| s.0.is_empty());
    engine.register_indexer_get(|s: &mut Series, index: i64| -> Fallible<f64> {
        Ok(s.0[place("series", index, s.0.len())?])
    });
    let h = host.clone();
    engine.register_indexer_set(move |s: &mut Series, index: i64, value: Dynamic| {
        let at = place("series", index, s.0.len())?;
        Rc::make_mut(&mut s.0)[at] = number(&h, "series", "the value", &value)?;
        Fallible::Ok(())
    });
    engine.register_iterator::<Series>();
    let h = host.clone();
    engine.register_fn("to_array", move |s: &mut Series| -> Fallible<Array> {
        h.room_in_array("to_array", s.0.len())?;
        Ok(s.0.iter().map(|v| (*v).into()).collect())
    });
    engine.register_fn("present", |s: &mut Series| {
        Series::new(s.0.iter().copied().filter(|v| v.is_finite()).collect())
    });
    for (name, _, summary) in super::columns::SUMMARIES {
        let h = host.clone();
        let summarise = move |s: &mut Series| -> Fallible<Dynamic> {
            if let Some(at) = s.0.iter().position(|v| v.is_nan()) {
                return Err(fail_in(
                    name,
                    format_args!("value {at} of {} is NaN or missing; use present()", s.0.len()),
                ));
            }
            let summary = summary(&s.0).map_err(|e| fail_in(name, e))?;
            Ok(summary.map_or_else(
                || {
                    h.note(&format!("{name} of {} values does not exist", s.0.len()));
                    Dynamic::UNIT
                },
                Into::into,
            ))
        };
        engine.register_get(name, summarise);
    }
    engine.register_fn("==", |a: Series, b: Series| a == b);
    engine.register_fn("!=", |a: Series, b: Series| a != b);
    engine.register_fn("to_string", |s: &mut Series| format!("{:?}", s.0));
    engine.register_fn("to_debug", |s: &mut Series| format!("{:?}", s.0));
}

fn register_masks(engine: &mut Engine, host: &Rc<Host>) {
    let comparisons: [(&str, fn(&f64, &f64) -> bool); 6] = [
        ("<", f64::lt),
        ("<=", f64::le),
        (">", f64::gt),
        (">=", f64::ge),
        ("==", f64::eq),
        ("!=", f64::ne),
    ];
    for (name, test) in comparisons {
        engine.register_fn(name, move |s: &mut Series, limit: f64| s.mask(|v| test(&v, &limit)));
        engine.register_fn(name, move |s: &mut Series, limit: i64| {
            s.mask(|v| test(&v, &(limit as f64)))
        });
    }
    let ranges: [(&'static str, fn(f64, f64, f64) -> bool); 2] = [
        ("outside", |v, low, high| v < low || v > high),
        ("between", |v, low, high| v >= low && v <= high),
    ];
    for (name, test) in ranges {
        let h = host.clone();
        engine.register_fn(name, move |s: &mut Series, low: Dynamic, high: Dynamic| {
            let low = number(&h, name, "low", &low)?;
            let high = number(&h, name, "high", &high)?;
            Fallible::Ok(s.mask(|v| test(v, low, high)))
        });
    }
    engine.register_fn("select", |s: &mut Series, mask: Mask| -> Fallible<Series> {
        same_length("select", s.0.len(), &mask)?;
        let chosen = s.0.iter().zip(&*mask.0).filter(|(_, keep)| **keep).map(|(v, _)| *v);
        Ok(Series::new(chosen.collect()))
    });
    engine.register_get("len", |m: &mut Mask| m.0.len() as i64);
    engine.register_get("count", |m: &mut Mask| m.0.iter().filter(|b| **b).count() as i64);
    engine.register_get("any", |m: &mut Mask| m.0.iter().any(|b| *b));
    engine.register_get("all", |m: &mut Mask| m.0.iter().all(|b| *b));
    engine.register_indexer_get(|m: &mut Mask, index: i64| -> Fallible<bool> {
        Ok(m.0[place("mask", index, m.0.len())?])
    });
    engine.register_fn("!", |m: &mut Mask| Mask(Rc::new(m.0.iter().map(|b| !b).collect())));
    let pairs: [(&str, fn(bool, bool) -> bool); 3] =
        [("&", |a, b| a & b), ("|", |a, b| a | b), ("^", |a, b| a ^ b)];
    for (name, combine) in pairs {
        engine.register_fn(name, move |a: &mut Mask, b: Mask| -> Fallible<Mask> {
            same_length(name, a.0.len(), &b)?;
            Ok(Mask(Rc::new(a.0.iter().zip(&*b.0).map(|(a, b)| combine(*a, *b)).collect())))
        });
    }
}
