//! Answers a query from the points.

use super::condition::{Value, holds, operand};
use super::query::{Column, Expression, Select};
use super::reduced::{Range, reduced};
use super::{NotUnderstood, Row, Table};
use crate::replay::influxdb::Series;
use crate::tick::reduce::Function;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Answers a query: a series for each group, in the order of their tags.
pub(super) fn answer(select: &Select, table: &Table) -> Result<Vec<Series>, NotUnderstood> {
    let Some(all) = table.measurements.get(&select.measurement) else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for row in all {
        if select.condition.as_ref().map_or(Ok(true), |condition| holds(condition, row))? {
            rows.push(row);
        }
    }
    let tags = dimensions(select, all);
    let columns = columns(select, all, &tags)?;
    let range = select.condition.as_ref().map_or(Ok(Range::default()), Range::of)?;
    let mut groups: BTreeMap<Vec<&str>, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let key = tags.iter().map(|tag| row.tags.get(tag).map_or("", String::as_str)).collect();
        groups.entry(key).or_default().push(row);
    }
    let aggregates = columns.iter().filter(|column| column.value.calls()).count();
    if aggregates > 0 && columns.iter().any(|column| !column.value.calls() && !is_tag(column, all))
    {
        return Err("a query asks for fields or for functions of them, not for both".into());
    }
    let mut answer = Vec::new();
    for (key, rows) in groups {
        let mut values = match aggregates {
            0 => plain(&columns, &rows, all),
            _ => reduced(select, &columns, &rows, &range)?,
        };
        if select.descending {
            values.reverse();
        }
        let limit = select.limit.unwrap_or(usize::MAX);
        let values: Vec<_> = values.into_iter().skip(select.offset).take(limit).collect();
        if values.is_empty() {
            continue;
        }
        let named = tags.iter().cloned().zip(key.iter().map(|value| (*value).to_owned()));
        let names = columns.iter().map(|column| column.name.clone().unwrap_or_default());
        answer.push(Series {
            name: select.measurement.clone(),
            tags: (!tags.is_empty()).then(|| named.collect()),
            columns: std::iter::once("time".to_owned()).chain(names).collect(),
            values,
            partial: false,
        });
    }
    Ok(answer)
}

/// The tags that it groups by, in their order.
fn dimensions(select: &Select, rows: &[Row]) -> Vec<String> {
    let mut tags: BTreeSet<String> = BTreeSet::new();
    for tag in &select.tags {
        match tag.as_str() {
            "*" => tags.extend(rows.iter().flat_map(|row| row.tags.keys().cloned())),
            _ => {
                tags.insert(tag.clone());
            }
        }
    }
    tags.into_iter().collect()
}

/// The columns with their names; `*` becomes all fields, and all tags that are not grouped by.
fn columns(select: &Select, rows: &[Row], tags: &[String]) -> Result<Vec<Column>, NotUnderstood> {
    let fields: BTreeSet<&String> = rows.iter().flat_map(|row| row.fields.keys()).collect();
    let numeric: BTreeSet<&String> = rows
        .iter()
        .flat_map(|row| &row.fields)
        .filter(|(_, value)| value.as_double().is_some())
        .map(|(name, _)| name)
        .collect();
    let mut columns: Vec<Column> = Vec::new();
    for column in &select.columns {
        match &column.value {
            Expression::All => {
                let others = rows.iter().flat_map(|row| row.tags.keys());
                let others = others.filter(|tag| !tags.contains(tag));
                let names: BTreeSet<&String> = fields.iter().copied().chain(others).collect();
                let named = names.into_iter().map(|name| Column {
                    value: Expression::Name(name.clone()),
                    name: Some(name.clone()),
                });
                columns.extend(named);
            }
            Expression::Call(function, word, argument) if matches!(**argument, Expression::All) => {
                let known = if matches!(function, Function::Count) { &fields } else { &numeric };
                columns.extend(known.iter().map(|name| Column {
                    value: Expression::Call(
                        *function,
                        word,
                        Expression::Name((*name).clone()).into(),
                    ),
                    name: Some(format!("{}_{name}", column.name.as_deref().unwrap_or(word))),
                }));
            }
            value => {
                let name = column.name.clone().unwrap_or_else(|| name_of(value));
                columns.push(Column { value: value.clone(), name: Some(name) });
            }
        }
    }
    // Columns of one name are numbered, as InfluxDB does.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for column in &mut columns {
        let name = column.name.clone().unwrap_or_default();
        let count = seen.entry(name.clone()).or_default();
        if *count > 0 {
            column.name = Some(format!("{name}_{count}"));
        }
        *count += 1;
    }
    Ok(columns)
}

/// The name of a column that is given none.
fn name_of(value: &Expression) -> String {
    match value {
        Expression::Name(name) => name.clone(),
        Expression::Call(_, word, _) => (*word).to_owned(),
        Expression::Binary(_, left, right) => {
            let names = [name_of(left), name_of(right)];
            names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("_")
        }
        _ => String::new(),
    }
}

fn is_tag(column: &Column, rows: &[Row]) -> bool {
    matches!(&column.value, Expression::Name(name) if rows.iter().any(|row| row.tags.contains_key(name)))
}

/// A row for each point that has one of the fields.
fn plain(columns: &[Column], rows: &[&Row], all: &[Row]) -> Vec<Vec<Json>> {
    let of_fields: Vec<bool> = columns.iter().map(|column| !is_tag(column, all)).collect();
    let mut values = Vec::new();
    for row in rows {
        let found: Vec<Value> = columns.iter().map(|column| operand(&column.value, row)).collect();
        let mut fields = found.iter().zip(&of_fields);
        if fields.any(|(value, is_field)| *is_field && *value != Value::Missing) {
            let found = found.into_iter().map(Json::from);
            values.push(std::iter::once(Json::from(row.time)).chain(found).collect());
        }
    }
    values
}
