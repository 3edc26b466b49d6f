//! Rows that are decoded and are not points yet: whoever takes them makes points of them.

use super::columns::{Column, Kind, Role};
use super::decode::{Cell, Part};
use super::series::{Series, SeriesTable};
use crate::protocol::point::EntryHead;
use crate::protocol::{FieldValue, Point};
use crate::replay::ReplayError;
use crate::replay::source::{Labels, Made, Span};
use crate::replay::timestamp::{self, Unit};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What all rows of a file have in common.
#[derive(Debug)]
pub(super) struct About {
    pub(super) path: PathBuf,
    /// That of the times first.
    pub(super) columns: Vec<Column>,
    /// The heads of fields, by column.
    heads: Vec<EntryHead>,
    pub(super) skip: bool,
}

impl About {
    pub(super) fn new(path: PathBuf, columns: Vec<Column>, skip: bool) -> Self {
        let head = |column: &Column| {
            let mut head = EntryHead::default();
            head.set(column.name.as_bytes());
            head
        };
        Self { path, heads: columns.iter().map(head).collect(), columns, skip }
    }
}

/// Some rows of all columns that are wanted.
#[derive(Debug)]
pub struct RowBlock {
    about: Arc<About>,
    /// The number of the first row among those read, from 1.
    first: u64,
    times: Vec<i64>,
    /// Rows whose time is none, with what is wrong with it.
    odd: BTreeMap<usize, String>,
    /// The place of each row's measurement and tags.
    series: Vec<u32>,
    heads: Vec<Series>,
    /// The columns; those of times and tags are empty.
    parts: Vec<Part>,
    /// The unit of times that are numbers, once it is known.
    pub(super) unit: Option<Unit>,
    /// Bytes of the file that they take, for a progress bar.
    pub(super) bytes: u64,
    /// Only points of this time.
    pub(super) span: Span,
}

impl RowBlock {
    /// Makes rows of their columns.
    pub(super) fn new(
        about: &Arc<About>,
        first: u64,
        mut parts: Vec<Part>,
        table: &mut SeriesTable,
        unit: &mut Option<Unit>,
        bytes: u64,
    ) -> Self {
        let mut odd = BTreeMap::new();
        let times = match (about.columns.first(), parts.first_mut()) {
            (Some(column), Some(part)) => times(column, part, unit, &mut odd),
            _ => Vec::new(),
        };
        let (series, heads) = table.sort_out(&about.columns, &mut parts, times.len());
        let span = Span::default();
        Self {
            about: about.clone(),
            first,
            times,
            odd,
            series,
            heads,
            parts,
            unit: *unit,
            bytes,
            span,
        }
    }

    /// The number of rows.
    pub(in crate::replay) fn len(&self) -> usize {
        self.times.len()
    }

    /// As [`crate::replay::source::Block::label`].
    pub(in crate::replay) fn label(
        &self,
        labels: &mut Labels,
        place: &mut dyn FnMut(&Point) -> usize,
        take: &mut dyn FnMut(usize, usize),
    ) {
        let of = |series: &Series| {
            let point = labels.empty_point();
            series.begin(point);
            place(point)
        };
        let places: Vec<usize> = self.heads.iter().map(of).collect();
        for (row, series) in self.series.iter().enumerate() {
            take(row, places[*series as usize]);
        }
    }

    /// As [`crate::replay::source::Block::make`].
    #[inline]
    pub(in crate::replay) fn make(
        &self,
        row: usize,
        point: &mut Point,
    ) -> Result<Made, ReplayError> {
        match self.point(row, point) {
            Ok(true) if self.span.has(point.time()) => Ok(Made::Point),
            Ok(_) => Ok(Made::Nothing),
            Err(why) => self.judge(row, &why).map(Made::Skipped),
        }
    }

    /// Says what is wrong with a row: as an error, or, where bad rows are skipped, for the log.
    #[cold]
    fn judge(&self, row: usize, why: &str) -> Result<String, ReplayError> {
        let About { path, skip, .. } = &*self.about;
        let number = self.first + row as u64;
        if *skip {
            return Ok(format!("{}: row {number}: skipped: {why}", path.display()));
        }
        let message = format!(
            "row {number} of those read: {why} (--skip-bad-lines skips and counts such rows)"
        );
        Err(ReplayError::Data { path: path.clone(), line: None, message })
    }

    /// Makes the point of a row; `false` if it has no field.
    ///
    /// # Errors
    /// What is wrong with the row.
    fn point(&self, row: usize, point: &mut Point) -> Result<bool, String> {
        let mut wrong = if self.odd.is_empty() { None } else { self.odd.get(&row).cloned() };
        point.clear();
        let series = &self.heads[self.series[row] as usize];
        series.begin(point);
        wrong = series.wrong.clone().or(wrong);
        let About { columns, heads, .. } = &*self.about;
        for ((column, part), head) in columns.iter().zip(&self.parts).zip(heads) {
            if column.role != Role::Field {
                continue;
            }
            let name = column.name.as_bytes();
            match part.get(row) {
                None => {}
                Some(Cell::Double(value)) => point.push_double(head, value),
                Some(Cell::Int(value)) if value < 0 && column.kind == Kind::Unsigned64 => {
                    let value = value as u64;
                    wrong = Some(format!(
                        "'{}' is {value}, which does not fit into a signed 64-bit integer",
                        column.name
                    ));
                }
                Some(Cell::Int(value)) => point.push_value(name, &FieldValue::Int(value)),
                Some(Cell::Bool(value)) => point.push_value(name, &FieldValue::Bool(value)),
                Some(Cell::Text(value)) => match std::str::from_utf8(value.data()) {
                    Ok(_) => point.push_text(name, value.data()),
                    Err(_) => wrong = Some(format!("'{}' is not UTF-8", column.name)),
                },
            }
        }
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        point.set_time(self.times[row]);
        Ok(point.entry_count() > 0)
    }
}

/// Returns the times of rows in nanoseconds since the epoch, and notes what is wrong with those that have none.
fn times(
    column: &Column,
    part: &mut Part,
    unit: &mut Option<Unit>,
    odd: &mut BTreeMap<usize, String>,
) -> Vec<i64> {
    if matches!(column.kind, Kind::Times(_) | Kind::Int96)
        && let Some(times) = part.take_ints()
    {
        return times;
    }
    let mut time = |row: usize| {
        let read = match part.get(row) {
            None => Err("the row has no time".to_owned()),
            Some(cell) => time_of(&cell, column.kind, unit)
                .ok_or_else(|| format!("'{}' is not a time", column.name)),
        };
        read.unwrap_or_else(|why| {
            odd.insert(row, why);
            0
        })
    };
    (0..part.rows()).map(&mut time).collect()
}

/// Returns a time in nanoseconds since the epoch.
fn time_of(cell: &Cell<'_>, kind: Kind, unit: &mut Option<Unit>) -> Option<i64> {
    match (cell, kind) {
        (Cell::Int(time), Kind::Times(_) | Kind::Int96) => Some(*time),
        (Cell::Int(number), _) => {
            let unit = *unit.get_or_insert_with(|| timestamp::by_size(*number as f64));
            number.checked_mul(unit.nanoseconds())
        }
        (Cell::Double(number), _) => timestamp::read(&number.to_string(), unit),
        (Cell::Text(text), _) => timestamp::read(std::str::from_utf8(text.data()).ok()?, unit),
        (Cell::Bool(_), _) => None,
    }
}
