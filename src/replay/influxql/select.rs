//! Answers a query from the points.

use super::condition::{Value, arithmetic, holds, literal_time, operand};
use super::query::{Column, Expression, Fill, Select};
use super::{NotUnderstood, Row, Table};
use crate::protocol::FieldValue;
use crate::replay::influxdb::Series;
use crate::tick::reduce::{self, Function, Reduced};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The most rows of an answer by intervals.
const MAX_ROWS: i64 = 10_000_000;

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
    let aggregates = columns.iter().filter(|column| calls(&column.value)).count();
    if aggregates > 0 && columns.iter().any(|column| !calls(&column.value) && !is_tag(column, all))
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

fn calls(value: &Expression) -> bool {
    match value {
        Expression::Call(..) => true,
        Expression::Binary(_, left, right) => calls(left) || calls(right),
        _ => false,
    }
}

fn is_tag(column: &Column, rows: &[Row]) -> bool {
    matches!(&column.value, Expression::Name(name) if rows.iter().any(|row| row.tags.contains_key(name)))
}

fn json(value: Value) -> Json {
    match value {
        Value::Missing => Json::Null,
        Value::Number(x) => x.into(),
        Value::Text(text) => text.into(),
        Value::Bool(flag) => flag.into(),
    }
}

/// A row for each point that has one of the fields.
fn plain(columns: &[Column], rows: &[&Row], all: &[Row]) -> Vec<Vec<Json>> {
    let of_fields: Vec<bool> = columns.iter().map(|column| !is_tag(column, all)).collect();
    let mut values = Vec::new();
    for row in rows {
        let found: Vec<Value> = columns.iter().map(|column| operand(&column.value, row)).collect();
        let mut fields = found.iter().zip(&of_fields);
        if fields.any(|(value, is_field)| *is_field && *value != Value::Missing) {
            let found = found.into_iter().map(json);
            values.push(std::iter::once(Json::from(row.time)).chain(found).collect());
        }
    }
    values
}

/// The time that a condition leaves, the end not in it.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    from: Option<i64>,
    to: Option<i64>,
}

impl Range {
    fn of(condition: &Expression) -> Result<Self, NotUnderstood> {
        Ok(match condition {
            Expression::Binary("AND", left, right) => {
                let (a, b) = (Self::of(left)?, Self::of(right)?);
                let from = [a.from, b.from].into_iter().flatten().max();
                Self { from, to: [a.to, b.to].into_iter().flatten().min() }
            }
            Expression::Binary(sign, left, right) if matches!(**left, Expression::Time) => {
                let time = literal_time(right)?;
                match *sign {
                    ">=" => Self { from: Some(time), to: None },
                    ">" => Self { from: Some(time.saturating_add(1)), to: None },
                    "<" => Self { from: None, to: Some(time) },
                    "<=" => Self { from: None, to: Some(time.saturating_add(1)) },
                    "=" => Self { from: Some(time), to: Some(time.saturating_add(1)) },
                    _ => Self::default(),
                }
            }
            _ => Self::default(),
        })
    }
}

/// The rows of functions: one, or one for each interval.
fn reduced(
    select: &Select,
    columns: &[Column],
    rows: &[&Row],
    range: &Range,
) -> Result<Vec<Vec<Json>>, NotUnderstood> {
    let Some((every, offset)) = select.time else {
        let start = range.from.unwrap_or(0);
        return several(columns, rows, start, true);
    };
    if every <= 0 {
        return Err("GROUP BY time() takes a duration above 0".into());
    }
    let begin = |time: i64| (time - offset).div_euclid(every) * every + offset;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let first = begin(range.from.unwrap_or(first.time));
    let last = range.to.map_or(last.time, |to| to.saturating_sub(1));
    if last.saturating_sub(first) / every > MAX_ROWS {
        return Err(format!("the query has more than {MAX_ROWS} intervals").into());
    }
    let mut values = Vec::new();
    let (mut at, mut next) = (first, 0);
    while at <= last {
        let end = at.saturating_add(every);
        let count = rows[next..].iter().take_while(|row| row.time < end).count();
        let inside = &rows[next..next + count];
        next += count;
        let many = several(columns, inside, at, false)?;
        if many.is_empty() {
            values.push(empty(columns, at));
        }
        values.extend(many);
        at = end;
    }
    if select.fill == Fill::Null {
        counted(columns, &mut values);
    }
    Ok(filled(select.fill, values))
}

/// Where nothing is filled, the count of no points is 0.
fn counted(columns: &[Column], rows: &mut [Vec<Json>]) {
    for (at, column) in columns.iter().enumerate() {
        if matches!(column.value, Expression::Call(Function::Count, ..)) {
            let cells = rows.iter_mut().map(|row| &mut row[at + 1]);
            cells.filter(|cell| cell.is_null()).for_each(|cell| *cell = 0.into());
        }
    }
}

/// The row of an interval without points, before it is filled.
fn empty(columns: &[Column], at: i64) -> Vec<Json> {
    std::iter::once(Json::from(at)).chain(columns.iter().map(|_| Json::Null)).collect()
}

/// Applies the functions to points. A function that chooses one point gives its time, if it is alone
/// and there are no intervals.
fn several(
    columns: &[Column],
    rows: &[&Row],
    start: i64,
    whole: bool,
) -> Result<Vec<Vec<Json>>, NotUnderstood> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    if let [Column { value: Expression::Call(function, _, argument), .. }, others @ ..] = columns {
        let chosen = choose(*function, argument, rows)?;
        if let Some(chosen) = chosen.filter(|_| others.iter().all(|column| !calls(&column.value))) {
            let time = |row: &Row| if whole { row.time } else { start };
            let value = |row: &Row| operand(argument, row);
            let row = |row: &&Row| {
                let rest = others.iter().map(|column| json(operand(&column.value, row)));
                [Json::from(time(row)), json(value(row))].into_iter().chain(rest).collect()
            };
            return Ok(chosen.iter().map(row).collect());
        }
    }
    let mut values = vec![Json::from(start)];
    for column in columns {
        values.push(json(one(&column.value, rows)?));
    }
    let found = values.iter().skip(1).any(|value| !value.is_null());
    Ok(if found { vec![values] } else { Vec::new() })
}

fn series_of(
    field: &Expression,
    rows: &[&Row],
) -> Result<(reduce::Series, Vec<usize>), NotUnderstood> {
    let mut series = reduce::Series::default();
    let mut places = Vec::new();
    let Expression::Name(name) = field else { return Ok((series, places)) };
    for (place, row) in rows.iter().enumerate() {
        let Some(value) = row.fields.get(name) else { continue };
        // A field that is an int here and a double there is a double.
        let value = match value {
            FieldValue::Int(n) if series.is_double() => FieldValue::Double(*n as f64),
            value => value.clone(),
        };
        if series.push(row.time, value).is_err() {
            return Err(format!("field '{name}' has values of several types").into());
        }
        places.push(place);
    }
    Ok((series, places))
}

/// The points that a function chooses; `None` if it computes a value.
fn choose<'r>(
    function: Function,
    field: &Expression,
    rows: &[&'r Row],
) -> Result<Option<Vec<&'r Row>>, NotUnderstood> {
    let (series, places) = series_of(field, rows)?;
    let mut chosen = match function.reduce(&series) {
        Some(Reduced::Selected(i)) => vec![i],
        Some(Reduced::Many(many)) => many,
        _ => return Ok(None),
    };
    chosen.sort_unstable();
    Ok(Some(chosen.into_iter().map(|i| rows[places[i]]).collect()))
}

/// The value of a column for all points together.
fn one(value: &Expression, rows: &[&Row]) -> Result<Value, NotUnderstood> {
    Ok(match value {
        Expression::Call(function, word, field) => {
            let (series, _) = series_of(field, rows)?;
            if series.times.is_empty() {
                return Ok(Value::Missing);
            }
            if *word == "stddev" && series.times.len() < 2 {
                return Ok(Value::Missing);
            }
            match function.reduce(&series) {
                Some(Reduced::Value(value, _)) => (&value).into(),
                Some(Reduced::Selected(i)) => {
                    series.value(i).map_or(Value::Missing, |value| (&value).into())
                }
                Some(Reduced::Many(_) | Reduced::Made(_)) => {
                    return Err(format!("{word}() stands alone in a query").into());
                }
                None => Value::Missing,
            }
        }
        Expression::Binary(sign, left, right) => {
            arithmetic(sign, &one(left, rows)?, &one(right, rows)?)
        }
        Expression::Number(x) => Value::Number(*x),
        _ => Value::Missing,
    })
}

/// Fills what is missing in the rows of intervals.
fn filled(fill: Fill, mut rows: Vec<Vec<Json>>) -> Vec<Vec<Json>> {
    let width = rows.first().map_or(0, Vec::len);
    match fill {
        Fill::Null => {}
        Fill::None => rows.retain(|row| row.iter().skip(1).any(|value| !value.is_null())),
        Fill::Number(x) => {
            let values = rows.iter_mut().flat_map(|row| row.iter_mut().skip(1));
            values.filter(|value| value.is_null()).for_each(|value| *value = x.into());
        }
        Fill::Previous => {
            for column in 1..width {
                let mut previous = Json::Null;
                for row in &mut rows {
                    match row[column].is_null() {
                        true => row[column] = previous.clone(),
                        false => previous = row[column].clone(),
                    }
                }
            }
        }
        Fill::Linear => (1..width).for_each(|column| interpolate(&mut rows, column)),
    }
    rows
}

/// Puts a line between the values around a gap.
fn interpolate(rows: &mut [Vec<Json>], column: usize) {
    let known: Vec<(usize, f64)> =
        (0..rows.len()).filter_map(|i| Some((i, rows[i][column].as_f64()?))).collect();
    for pair in known.windows(2) {
        let [(from, a), (to, b)] = pair else { continue };
        for (i, row) in rows[from + 1..*to].iter_mut().enumerate() {
            let part = (i + 1) as f64 / (to - from) as f64;
            row[column] = (a + (b - a) * part).into();
        }
    }
}
