//! `rows(n)`: the last n rows of numbers, oldest first, for models that look at windows.

use crate::protocol::FieldValue;
use crate::script::api::arguments::{count, numbers};
use crate::script::api::series::Series;
use crate::script::api::{Fallible, Native, NativeTypes, SharedPoint, fail, fail_in};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine, ImmutableString};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

/// The most rows that can be kept.
const LIMIT: usize = 1_000_000;

/// Rows of the same width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecentRows {
    size: usize,
    rows: VecDeque<Vec<f64>>,
}

/// A row of another width than those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row has {row} values, but the rows before it have {before}")]
struct OtherWidth {
    row: usize,
    before: usize,
}

impl RecentRows {
    pub(super) fn rows(&self) -> impl Iterator<Item = &Vec<f64>> {
        self.rows.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn push(&mut self, row: Vec<f64>) -> Result<(), OtherWidth> {
        if let Some(first) = self.rows.front()
            && first.len() != row.len()
        {
            return Err(OtherWidth { row: row.len(), before: first.len() });
        }
        if self.rows.len() == self.size {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
        Ok(())
    }
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    registry.native::<RecentRows>("rows");
    engine.register_type_with_name::<Native<RecentRows>>("rows");
    let h = host.clone();
    engine.register_fn("rows", move |size: Dynamic| -> Fallible<Native<RecentRows>> {
        let size = count(&h, "rows", "the number of rows", &size)?;
        if !(1..=LIMIT).contains(&size) {
            return Err(fail_in(
                "rows",
                format_args!("size must be from 1 to {LIMIT}, got {size}"),
            ));
        }
        Ok(Native::new(RecentRows { size, rows: VecDeque::new() }))
    });
    let h = host.clone();
    engine.register_fn("push", move |rows: &mut Native<RecentRows>, row: Array| -> Fallible<()> {
        let row = numbers(&h, "rows.push", "the row", &row.into(), true)?.to_vec();
        rows.change().push(row).map_err(|e| fail_in("rows.push", e))
    });
    let h = host.clone();
    let push = move |rows: &mut Native<RecentRows>, point: SharedPoint, fields: Array| {
        let row = row_of(&h, &point, &fields)?;
        rows.change().push(row).map_err(|e| fail_in("rows.push", e))
    };
    engine.register_fn("push", push);
    engine.register_get("len", |rows: &mut Native<RecentRows>| rows.0.len() as i64);
    engine.register_get("size", |rows: &mut Native<RecentRows>| rows.0.size as i64);
    engine.register_get("values", |rows: &mut Native<RecentRows>| {
        Series::new(rows.0.rows().flatten().copied().collect())
    });
    engine.register_get("ready", |rows: &mut Native<RecentRows>| rows.0.len() == rows.0.size);
    engine.register_fn("reset", |rows: &mut Native<RecentRows>| rows.change().rows.clear());
    engine.register_fn("==", |a: Native<RecentRows>, b: Native<RecentRows>| a == b);
    engine.register_fn("!=", |a: Native<RecentRows>, b: Native<RecentRows>| a != b);
    let show = |rows: &mut Native<RecentRows>| format!("{} of {} rows", rows.0.len(), rows.0.size);
    engine.register_fn("to_string", show);
    engine.register_fn("to_debug", show);
}

/// The fields of a point, in the order of their names.
fn row_of(host: &Host, point: &SharedPoint, fields: &Array) -> Fallible<Vec<f64>> {
    let point = point.read();
    let value = |name: &Dynamic| -> Fallible<f64> {
        let name = name.read_lock::<ImmutableString>();
        let name = name.ok_or_else(|| fail_in("rows.push", "the fields are an array of names"))?;
        match point.field(&name) {
            Some(FieldValue::Double(x)) => Ok(x),
            Some(FieldValue::Int(x)) => Ok(x as f64),
            Some(FieldValue::Bool(x)) => Ok(f64::from(u8::from(x))),
            Some(FieldValue::String(_)) => {
                Err(fail_in("rows.push", format_args!("field '{}' is a string", name.as_str())))
            }
            None => {
                host.miss(&name, &point);
                Err(fail(host.reason().unwrap_or_default()))
            }
        }
    };
    fields.iter().map(value).collect()
}
