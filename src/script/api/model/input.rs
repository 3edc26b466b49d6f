//! The values that a script gives to a model, as rows of features.

use super::Handle;
use super::rows::RecentRows;
use crate::model::{Layout, Rows};
use crate::protocol::{Batch, Column, FieldValue, Point};
use crate::script::api::arguments::{describe, is_column, numbers};
use crate::script::api::series::{Mask, Series};
use crate::script::api::{Fallible, Native, SharedBatch, SharedPoint, fail_in};
use crate::script::host::Host;
use crate::script::library::Loaded;
use rhai::{Array, Dynamic, ImmutableString, Map};
use std::sync::Arc;

/// Rows for a model, and whether they stand for one answer.
pub(super) struct Input {
    pub(super) rows: Rows,
    pub(super) single: bool,
}

/// One field of a row.
enum Cell {
    Number(f32),
    Text(Arc<str>),
    Missing,
}

/// Reads values into rows, in the order of the model's columns.
struct Reader<'a> {
    host: &'a Host,
    handle: &'a Handle,
    loaded: &'a Loaded,
    columns: usize,
    texts: Vec<bool>,
}

impl Input {
    /// Reads a point, a batch, an array, a map, a series, or the last rows; none where a window is
    /// not full yet.
    pub(super) fn read(
        host: &Host,
        handle: &Handle,
        loaded: &Loaded,
        value: &Dynamic,
    ) -> Fallible<Option<Self>> {
        let (reader, layout) = Reader::new(host, handle, loaded)?;
        let input = reader.read(value)?;
        match layout {
            Layout::Table { .. } => Ok(Some(input)),
            Layout::Window { steps, columns } => Ok(window(host, input, steps, columns)),
        }
    }

    /// Reads the row that a point is.
    pub(super) fn of_point(host: &Host, handle: &Handle, point: &Point) -> Fallible<Rows> {
        let loaded = handle.get(host)?;
        let (reader, layout) = Reader::new(host, handle, &loaded)?;
        reader.single(layout)?;
        Ok(reader.point(point)?.rows)
    }

    /// Reads a row for each point of a batch.
    pub(super) fn of_batch(host: &Host, handle: &Handle, batch: &Batch) -> Fallible<Rows> {
        let loaded = handle.get(host)?;
        let (reader, layout) = Reader::new(host, handle, &loaded)?;
        reader.single(layout)?;
        Ok(reader.batch(batch)?.rows)
    }
}

/// The last rows, as many as a window has.
fn window(host: &Host, input: Input, steps: usize, columns: usize) -> Option<Input> {
    let Rows { rows, mut numbers, texts } = input.rows;
    if rows < steps {
        host.note(&format!("the model needs {steps} rows, and there are only {rows} so far"));
        return None;
    }
    numbers.drain(..(rows - steps) * columns);
    Some(Input { rows: Rows { rows: steps, numbers, texts }, single: true })
}

impl<'a> Reader<'a> {
    fn new(host: &'a Host, handle: &'a Handle, loaded: &'a Loaded) -> Fallible<(Self, Layout)> {
        let layout = loaded.model.layout();
        let layout =
            layout.map_err(|e| fail_in("predict", format_args!("{}: {e}", loaded.name)))?;
        let (columns, texts) = (layout.columns(), loaded.model.text_columns());
        Ok((Self { host, handle, loaded, columns, texts }, layout))
    }

    /// Refuses a model that needs several points.
    fn single(&self, layout: Layout) -> Fallible<()> {
        match layout {
            Layout::Window { steps, .. } if steps != 1 => Err(self.fail(format_args!(
                "the model needs {steps} rows, not one point; keep rows in the state with rows({steps}), and predict from them"
            ))),
            _ => Ok(()),
        }
    }

    fn read(&self, value: &Dynamic) -> Fallible<Input> {
        if let Some(point) = value.read_lock::<SharedPoint>() {
            return self.point(&point.read());
        }
        if let Some(batch) = value.read_lock::<SharedBatch>() {
            return self.batch(&batch.0);
        }
        if let Some(map) = value.read_lock::<Map>() {
            return self.map(&map);
        }
        if let Some(recent) = value.read_lock::<Native<RecentRows>>() {
            let numbers = recent.0.rows().flatten().map(|x| *x as f32).collect();
            return self.numbers(recent.0.len(), numbers, false);
        }
        if let Some(series) = value.read_lock::<Series>() {
            let numbers = series.0.iter().map(|x| *x as f32).collect::<Vec<_>>();
            let rows = if self.columns == 1 { numbers.len() } else { 1 };
            return self.numbers(rows, numbers, self.columns != 1);
        }
        match value.read_lock::<Array>() {
            Some(array) => self.array(&array),
            None => Err(self.fail(format_args!(
                "a point, batch, map, array, series or rows is wanted, not {}",
                describe(value)
            ))),
        }
    }

    fn fail(&self, message: impl std::fmt::Display) -> Box<rhai::EvalAltResult> {
        fail_in("predict", format_args!("model {}: {message}", self.loaded.name))
    }

    /// Numbers that stand in the order of the columns already.
    fn numbers(&self, rows: usize, numbers: Vec<f32>, single: bool) -> Fallible<Input> {
        if numbers.len() != rows * self.columns {
            let text = format!("{} numbers for {} columns", numbers.len(), self.columns);
            return Err(self.fail(text));
        }
        Ok(Input { rows: Rows { rows, numbers, texts: Vec::new() }, single })
    }

    /// The names of the columns; without them no field can be put to its place.
    fn names(&self) -> Fallible<&[String]> {
        let names = self.handle.features(self.loaded).filter(|n| n.len() == self.columns);
        names.ok_or_else(|| {
            self.fail(format_args!(
                "the model does not have names for its {} columns; write model(\"{}\", #{{ features: [\"…\"] }}) with the names in the order of the training",
                self.columns, self.loaded.name
            ))
        })
    }

    fn is_text(&self, at: usize) -> bool {
        self.texts.get(at).copied().unwrap_or(false)
    }

    /// Puts one row together.
    fn row(&self, mut cell: impl FnMut(usize, &str) -> Fallible<Cell>) -> Fallible<Input> {
        let (mut numbers, mut texts) = (Vec::with_capacity(self.columns), Vec::new());
        for (at, name) in self.names()?.iter().enumerate() {
            let number = match (cell(at, name)?, self.is_text(at)) {
                (Cell::Number(number), false) => number,
                (Cell::Text(text), true) => {
                    texts.push((at, vec![text]));
                    0.0
                }
                (Cell::Missing, false) if self.handle.settings.missing_is_nan => f32::NAN,
                (Cell::Missing, true) if self.handle.settings.missing_is_nan => {
                    texts.push((at, vec!["".into()]));
                    0.0
                }
                (Cell::Missing, _) => return Err(self.missing(name)),
                (Cell::Text(text), false) => {
                    let text =
                        format!("'{name}' is the string '{text}', but the model needs a number");
                    return Err(self.fail(text));
                }
                (Cell::Number(number), true) => {
                    let text =
                        format!("'{name}' is the number {number}, but the model needs a string");
                    return Err(self.fail(text));
                }
            };
            numbers.push(number);
        }
        Ok(Input { rows: Rows { rows: 1, numbers, texts }, single: true })
    }

    fn missing(&self, name: &str) -> Box<rhai::EvalAltResult> {
        let reason = self.host.reason().unwrap_or_else(|| format!("'{name}' is missing"));
        self.fail(format_args!("{reason}; with the setting missing: \"nan\" the model gets NaN"))
    }

    fn point(&self, point: &Point) -> Fallible<Input> {
        self.row(|at, name| {
            Ok(match point.field(name) {
                Some(FieldValue::Double(x)) => Cell::Number(x as f32),
                // Converted by way of a double, as in a batch.
                Some(FieldValue::Int(x)) => Cell::Number(x as f64 as f32),
                Some(FieldValue::Bool(x)) => Cell::Number(f32::from(u8::from(x))),
                Some(FieldValue::String(text)) => Cell::Text((&*text).into()),
                None => match point.tag(name).filter(|_| self.is_text(at)) {
                    Some(tag) => Cell::Text((&*tag).into()),
                    None => {
                        self.host.miss(name, point);
                        Cell::Missing
                    }
                },
            })
        })
    }

    fn map(&self, map: &Map) -> Fallible<Input> {
        if map.values().any(is_column) {
            let columns = self.names()?.iter().map(|name| match map.get(name.as_str()) {
                Some(column) => Ok(column.clone()),
                None => Err(self.missing(name)),
            });
            return self.columns(&columns.collect::<Fallible<Array>>()?);
        }
        self.row(|_, name| match map.get(name) {
            None => Ok(Cell::Missing),
            Some(value) if value.is_unit() => Ok(Cell::Missing),
            Some(value) => self.cell(name, value),
        })
    }

    fn cell(&self, name: &str, value: &Dynamic) -> Fallible<Cell> {
        if let Ok(x) = value.as_float() {
            return Ok(Cell::Number(x as f32));
        }
        if let Ok(x) = value.as_int() {
            return Ok(Cell::Number(x as f64 as f32));
        }
        if let Ok(x) = value.as_bool() {
            return Ok(Cell::Number(f32::from(u8::from(x))));
        }
        match value.read_lock::<ImmutableString>() {
            Some(text) => Ok(Cell::Text(text.as_str().into())),
            None => Err(self.fail(format_args!("'{name}' is {}", describe(value)))),
        }
    }

    fn array(&self, array: &Array) -> Fallible<Input> {
        if array.first().is_some_and(is_column) {
            return self.columns(array);
        }
        if self.texts.iter().any(|text| *text) {
            if array.len() != self.columns {
                let text = format!("{} values for {} columns", array.len(), self.columns);
                return Err(self.fail(text));
            }
            let mut values = array.iter();
            return self.row(|_, name| match values.next() {
                Some(value) if !value.is_unit() => self.cell(name, value),
                _ => Ok(Cell::Missing),
            });
        }
        let mut numbers = Vec::with_capacity(array.len());
        for (at, value) in array.iter().enumerate() {
            numbers.push(match self.cell(&format!("value {at}"), value) {
                Ok(Cell::Number(x)) => x,
                _ if value.is_unit() && self.handle.settings.missing_is_nan => f32::NAN,
                Ok(_) => {
                    let text =
                        format!("value {at} is {}, but the model needs a number", describe(value));
                    return Err(self.fail(text));
                }
                Err(_) if value.is_unit() => return Err(self.missing(&format!("value {at}"))),
                Err(error) => return Err(error),
            });
        }
        self.numbers(1, numbers, true)
    }

    /// Columns of the same length, in the order of the model's.
    fn columns(&self, columns: &Array) -> Fallible<Input> {
        if columns.len() != self.columns {
            let text =
                format!("{} columns are given, but the model has {}", columns.len(), self.columns);
            return Err(self.fail(text));
        }
        let (mut lists, mut texts) = (Vec::with_capacity(columns.len()), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            if self.is_text(at) {
                let list = column.read_lock::<Array>();
                let list = list.ok_or_else(|| self.fail(format!("column {at} is not an array")))?;
                let text =
                    |v: &Dynamic| v.read_lock::<ImmutableString>().map(|t| t.as_str().into());
                let list: Option<Vec<Arc<str>>> = list.iter().map(text).collect();
                let list = list.ok_or_else(|| self.fail(format!("column {at} has no strings")))?;
                lists.push(vec![0.0; list.len()]);
                texts.push((at, list));
                continue;
            }
            let gaps = self.handle.settings.missing_is_nan;
            let name = format!("column {at}");
            let list = match column.read_lock::<Mask>() {
                Some(mask) => mask.0.iter().map(|x| f64::from(u8::from(*x))).collect(),
                None => numbers(self.host, "predict", &name, column, gaps)?.to_vec(),
            };
            lists.push(list);
        }
        self.joined(&lists, texts)
    }

    fn joined(&self, lists: &[Vec<f64>], texts: Vec<(usize, Vec<Arc<str>>)>) -> Fallible<Input> {
        let rows = lists.first().map_or(0, Vec::len);
        if lists.iter().any(|list| list.len() != rows) {
            return Err(self.fail("columns of different lengths"));
        }
        let numbers = (0..rows).flat_map(|row| lists.iter().map(move |list| list[row] as f32));
        Ok(Input { rows: Rows { rows, numbers: numbers.collect(), texts }, single: false })
    }

    fn batch(&self, batch: &Batch) -> Fallible<Input> {
        let (mut lists, mut texts) = (Vec::new(), Vec::new());
        for (at, name) in self.names()?.iter().enumerate() {
            let column = match batch.column(name) {
                Ok(column) => column,
                Err(_) if self.is_text(at) && batch.tags.contains_key(name) => {
                    let tag: Arc<str> = batch.tags[name].as_str().into();
                    Column::String(vec![tag; batch.len()])
                }
                Err(_) if self.handle.settings.missing_is_nan && !self.is_text(at) => {
                    Column::Double(vec![f64::NAN; batch.len()])
                }
                Err(error) => return Err(self.fail(error)),
            };
            lists.push(match (column, self.is_text(at)) {
                (Column::Double(v), false) => {
                    let gap = v.iter().position(|x| x.is_nan());
                    if let (Some(row), false) = (gap, self.handle.settings.missing_is_nan) {
                        let text =
                            format!("'{name}' is missing or NaN in point {row} of the batch");
                        return Err(self.fail(format_args!(
                            "{text}; with the setting missing: \"nan\" the model gets NaN"
                        )));
                    }
                    v
                }
                (Column::Int(v), false) => v.into_iter().map(|x| x as f64).collect(),
                (Column::Bool(v), false) => v.into_iter().map(|x| f64::from(u8::from(x))).collect(),
                (Column::String(v), true) => {
                    texts.push((at, v));
                    vec![0.0; batch.len()]
                }
                (Column::String(_), false) => {
                    return Err(
                        self.fail(format!("'{name}' holds strings, but the model needs numbers"))
                    );
                }
                (_, true) => {
                    return Err(
                        self.fail(format!("'{name}' holds numbers, but the model needs strings"))
                    );
                }
            });
        }
        self.joined(&lists, texts)
    }
}
