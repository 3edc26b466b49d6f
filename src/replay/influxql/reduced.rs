//! Reduces the points of a group by functions: all together, or interval by interval, and fills missing intervals.

use super::condition::{Value, arithmetic, literal_time, operand};
use super::query::{Column, Expression, Fill, Select};
use super::{NotUnderstood, Row};
use crate::protocol::FieldValue;
use crate::tick::reduce::{self, Function, Reduced};
use serde_json::Value as Json;

/// The most rows of an answer by intervals.
const MAX_ROWS: i64 = 10_000_000;

/// The time that a condition leaves, the end not in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    from: Option<i64>,
    to: Option<i64>,
}

impl Range {
    pub(super) fn of(condition: &Expression) -> Result<Self, NotUnderstood> {
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
pub(super) fn reduced(
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
        if let Some(chosen) = chosen.filter(|_| others.iter().all(|column| !column.value.calls())) {
            let time = |row: &Row| if whole { row.time } else { start };
            let value = |row: &Row| operand(argument, row);
            let row = |row: &&Row| {
                let rest = others.iter().map(|column| Json::from(operand(&column.value, row)));
                [Json::from(time(row)), Json::from(value(row))].into_iter().chain(rest).collect()
            };
            return Ok(chosen.iter().map(row).collect());
        }
    }
    let mut values = vec![Json::from(start)];
    for column in columns {
        values.push(Json::from(one(&column.value, rows)?));
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
                    return Err(format!("{word}() must be the only function of a query").into());
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

/// Fills missing values in the rows of intervals.
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
