//! `top(k, column)` and `bottom(k, column)`, and the same of rows at hand.

use super::{array_of, common, key, numbers_of, text, time_for};
use crate::protocol::FieldValue;
use crate::script::api::arguments::{Arguments, Refusal, function, not_a, number};
use crate::script::api::series::Series;
use crate::script::api::{Fallible, NativeTypes, SharedBatch, SharedPoint, fail_in, to_dynamic};
use crate::script::collection::{DEPTH, Held, Holder, Order, Row, Top, is_deeper};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    common::<Top>(engine, registry);
    for (name, order) in [("top", Order::Largest), ("bottom", Order::Smallest)] {
        function(engine, host, name, &["k", "column"], move |a| {
            Ok(Dynamic::from(Held::new(made(a, order)?)))
        });
        function(engine, host, name, &["rows", "k", "column"], move |a| {
            let (_, rows) = a.any();
            let rows = rows_of(a.host(), name, rows)?;
            let mut top = made(a, order)?;
            take_all(a.host(), name, &mut top, rows)?;
            Ok(Dynamic::from(top.values().cloned().collect::<Array>()))
        });
    }
    let h = host.clone();
    engine.register_fn("push", move |top: &mut Held<Top>, row: Dynamic| -> Fallible<Held<Top>> {
        let row = judged(&h, "top.push", &top.0, row)?;
        top.change().push(row);
        Ok(top.clone())
    });
    let h = host.clone();
    engine.register_fn(
        "extend",
        move |top: &mut Held<Top>, rows: Dynamic| -> Fallible<Held<Top>> {
            let rows = rows_of(&h, "top.extend", &rows)?;
            let mut changed = (*top.0).clone();
            take_all(&h, "top.extend", &mut changed, rows)?;
            top.0 = Rc::new(changed);
            Ok(top.clone())
        },
    );
    engine.register_fn("reset", |top: &mut Held<Top>| top.change().reset());
    engine.register_get("size", |top: &mut Held<Top>| top.0.k() as i64);
    let h = host.clone();
    engine.register_get("rows", move |top: &mut Held<Top>| -> Fallible<Array> {
        array_of(&h, "rows", top.0.len(), top.0.values())
    });
    let h = host.clone();
    engine.register_get("values", move |top: &mut Held<Top>| -> Fallible<Series> {
        let values: Vec<Dynamic> = top.0.rows().iter().map(|row| row.value.into()).collect();
        numbers_of(&h, "values", values.len(), values.iter())
    });
}

fn made(a: &mut Arguments<'_>, order: Order) -> Result<Top, Refusal> {
    let (k, column) = (a.count()?, a.text()?);
    let by = a.text_or("by", "")?;
    Ok(Top::new(k, order, column, Some(by).filter(|by| !by.is_empty()))?)
}

fn take_all(host: &Host, function: &str, top: &mut Top, rows: Vec<Dynamic>) -> Fallible<()> {
    for (i, row) in rows.into_iter().enumerate() {
        if i % 1024 == 0 {
            time_for(host, function, 0)?;
        }
        top.push(judged(host, function, top, row)?);
    }
    Ok(())
}

/// The rows of an array, or the points of a batch.
fn rows_of(host: &Host, function: &str, rows: &Dynamic) -> Fallible<Vec<Dynamic>> {
    if let Some(batch) = rows.read_lock::<SharedBatch>() {
        time_for(host, function, batch.0.len())?;
        return Ok(batch.0.points().map(|p| Dynamic::from(SharedPoint::new(p))).collect());
    }
    match rows.read_lock::<Array>() {
        Some(array) => Ok(array.clone()),
        None => {
            Err(not_a(host, function, "the rows", "an array of maps or points, or a batch", rows))
        }
    }
}

/// A row with the number in the column.
fn judged(host: &Host, function: &str, top: &Top, row: Dynamic) -> Fallible<Row> {
    let value = column(host, function, &row, &top.column)?;
    let value = number(host, function, &format!("column '{}'", top.column), &value)?;
    if value.is_nan() {
        let text = format_args!("column '{}' is NaN; test with is_nan() first", top.column);
        return Err(fail_in(function, text));
    }
    let by = top.by.as_ref().map(|by| column(host, function, &row, by)).transpose()?;
    let key = by.map(|by| key(host, function, &by)).transpose()?;
    if is_deeper(&row, DEPTH) {
        return Err(fail_in(function, format_args!("the row is nested more than {DEPTH} deep")));
    }
    Ok(Row { value, key, row })
}

/// An entry of a map; a field of a point, or a tag.
fn column(host: &Host, function: &str, row: &Dynamic, name: &str) -> Fallible<Dynamic> {
    if let Some(map) = row.read_lock::<Map>() {
        return map.get(name).cloned().ok_or_else(|| {
            let keys: Vec<&str> = map.keys().map(AsRef::as_ref).collect();
            let text = format!("a row has no '{name}'; it has {}", keys.join(", "));
            fail_in(function, text)
        });
    }
    let Some(point) = row.read_lock::<SharedPoint>() else {
        return Err(not_a(host, function, "a row", "a map or a point", row));
    };
    let point = point.read();
    let tag = || point.tag(name).map(|tag| FieldValue::String(tag.into_owned().into()));
    match point.field(name).or_else(tag) {
        Some(value) => Ok(to_dynamic(value)),
        None => {
            host.miss(name, &point);
            text(host, function, name, &Dynamic::UNIT).map(Into::into)
        }
    }
}
