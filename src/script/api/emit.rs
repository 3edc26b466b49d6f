//! `emit`: a point, an array of points, a batch.

use super::{Fallible, SharedBatch, SharedPoint, fail};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_fn("emit", move |point: &mut SharedPoint| -> Fallible<()> {
        h.emit_point(&point.read()).map_err(fail)
    });
    let h = host.clone();
    engine.register_fn("emit", move |batch: &mut SharedBatch| -> Fallible<()> {
        h.emit_batch(&batch.0).map_err(fail)
    });
    let h = host.clone();
    engine.register_fn("emit", move |items: Array| -> Fallible<()> {
        if items.is_empty() {
            return h.emit_none().map_err(fail);
        }
        for item in &items {
            if let Some(point) = item.read_lock::<SharedPoint>() {
                h.emit_point(&point.read()).map_err(fail)?;
            } else if let Some(batch) = item.read_lock::<SharedBatch>() {
                h.emit_batch(&batch.0).map_err(fail)?;
            } else {
                return Err(cannot(item));
            }
        }
        Ok(())
    });
    engine.register_fn("emit", |other: Dynamic| -> Fallible<()> { Err(cannot(&other)) });
}

fn cannot(value: &Dynamic) -> Box<rhai::EvalAltResult> {
    fail(format_args!(
        "emit needs a point, an array of points or a batch, not {}",
        super::arguments::describe(value)
    ))
}
