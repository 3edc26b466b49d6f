//! Columns read in chunks of rows, with their values as points have them.

use super::columns::{Column, Kind};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::Result;

/// The values of a column for some rows; of those that are absent there is none.
#[derive(Debug)]
pub(super) enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// A column for some rows.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) values: Values,
    /// For each row, whether it has a value; `None` if all have.
    pub(super) present: Option<Vec<i16>>,
    /// The next value.
    next: usize,
}

/// A value of a row.
#[derive(Debug, PartialEq)]
pub(super) enum Cell<'p> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'p ByteArray),
}

impl Part {
    /// Returns the value of a row; rows are asked for in order, each once.
    #[inline]
    pub(super) fn take(&mut self, row: usize) -> Option<Cell<'_>> {
        if self.present.as_ref().is_some_and(|present| present.get(row).is_none_or(|p| *p == 0)) {
            return None;
        }
        let i = self.next;
        self.next += 1;
        match &self.values {
            Values::Bool(values) => values.get(i).map(|value| Cell::Bool(*value)),
            Values::Int(values) => values.get(i).map(|value| Cell::Int(*value)),
            Values::Double(values) => values.get(i).map(|value| Cell::Double(*value)),
            Values::Text(values) => values.get(i).map(Cell::Text),
        }
    }
}

/// Reads so many rows of a column at most; returns them with their number.
pub(super) fn read(
    reader: &mut ColumnReader,
    column: &Column,
    rows: usize,
) -> Result<(usize, Part)> {
    let mut present = Vec::new();
    let levels = column.nullable.then_some(&mut present);
    let (read, values) = match reader {
        ColumnReader::BoolColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, Values::Bool(values))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            let wide = |value: &i32| match column.kind {
                Kind::Unsigned32 => i64::from(*value as u32),
                _ => i64::from(*value),
            };
            (read, ints(values.iter().map(wide).collect(), column.kind))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, ints(values, column.kind))
        }
        ColumnReader::Int96ColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, Values::Int(values.iter().map(|value| value.to_nanos()).collect()))
        }
        ColumnReader::FloatColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, Values::Double(values.iter().map(|value| f64::from(*value)).collect()))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, Values::Double(values))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            let (read, values) = records(reader, levels, rows)?;
            (read, Values::Text(values))
        }
        // Such columns are not chosen.
        ColumnReader::FixedLenByteArrayColumnReader(_) => (0, Values::Text(Vec::new())),
    };
    let present = column.nullable.then_some(present);
    Ok((read, Part { values, present, next: 0 }))
}

fn records<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: Option<&mut Vec<i16>>,
    rows: usize,
) -> Result<(usize, Vec<T::T>)> {
    let mut values = Vec::with_capacity(rows);
    let (read, _, _) = reader.read_records(rows, levels, None, &mut values)?;
    Ok((read, values))
}

/// Ints as what they mean: numbers, decimals, or times, in nanoseconds.
fn ints(mut values: Vec<i64>, kind: Kind) -> Values {
    match kind {
        Kind::Decimal(scale) => {
            let unit = 10f64.powi(scale);
            Values::Double(values.iter().map(|value| *value as f64 / unit).collect())
        }
        Kind::Times(unit) => {
            values.iter_mut().for_each(|value| *value = value.saturating_mul(unit));
            Values::Int(values)
        }
        _ => Values::Int(values),
    }
}
