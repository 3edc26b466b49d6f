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

impl Default for Values {
    fn default() -> Self {
        Self::Int(Vec::new())
    }
}

/// A column for some rows.
#[derive(Debug, Default)]
pub(super) struct Part {
    values: Values,
    /// For each row, where its value is; `None` if all have one.
    places: Option<Vec<u32>>,
}

/// The place of the value of a row that has none.
const ABSENT: u32 = u32::MAX;

/// A value of a row.
#[derive(Debug, PartialEq)]
pub(super) enum Cell<'p> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'p ByteArray),
}

impl Part {
    fn new(values: Values, present: Option<Vec<i16>>) -> Self {
        let mut next = 0;
        let mut place = |present: i16| {
            if present == 0 {
                return ABSENT;
            }
            next += 1;
            next - 1
        };
        let places: Option<Vec<u32>> =
            present.map(|present| present.into_iter().map(&mut place).collect());
        // Most columns that may lack values lack none.
        let places = places.filter(|places| places.contains(&ABSENT));
        Self { values, places }
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.places.as_ref().map_or_else(|| self.values.len(), Vec::len)
    }

    /// Takes the values, if they are ints and each row has one.
    pub(super) fn take_ints(&mut self) -> Option<Vec<i64>> {
        match &mut self.values {
            Values::Int(values) if self.places.is_none() => Some(std::mem::take(values)),
            _ => None,
        }
    }

    /// Returns the value of a row.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<Cell<'_>> {
        let i = match &self.places {
            None => row,
            Some(places) => *places.get(row)? as usize,
        };
        match &self.values {
            Values::Bool(values) => values.get(i).map(|value| Cell::Bool(*value)),
            Values::Int(values) => values.get(i).map(|value| Cell::Int(*value)),
            Values::Double(values) => values.get(i).map(|value| Cell::Double(*value)),
            Values::Text(values) => values.get(i).map(Cell::Text),
        }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Text(values) => values.len(),
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
    Ok((read, Part::new(values, column.nullable.then_some(present))))
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
