//! Points, written as lines of line protocol, as a file of Parquet: a column for the times, one for each
//! tag and one for each field, with no value where a point has none. Which columns there are is known
//! after all lines, so they are read twice.

use crate::protocol::FieldValue;
use crate::protocol::point::FieldType;
use crate::replay::source::{Reading, Scratch, Source, of_lines};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Rows of a row group.
const ROWS: usize = 65_536;

/// What the columns are.
#[derive(Debug, Default)]
struct Columns {
    measurements: Vec<String>,
    tags: BTreeMap<String, ()>,
    fields: BTreeMap<String, FieldType>,
}

/// The values of a column for the rows at hand.
enum Values {
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<ByteArray>),
}

struct Column {
    values: Values,
    /// 1 for each row that has a value, 0 for the others.
    present: Vec<i16>,
}

/// Makes a file of lines, which `lines` opens.
///
/// # Errors
/// A field of two types, or a file that cannot be written.
pub(super) fn write<R: Read>(
    lines: impl Fn() -> io::Result<R>,
    file: &mut (impl Write + Send),
) -> io::Result<()> {
    let mut columns = Columns::default();
    each(lines()?, |scratch| columns.look(scratch))?;
    let named = columns.measurements.len() > 1;
    let schema = columns.schema(named).map_err(io::Error::other)?;
    let level = ZstdLevel::try_new(3).map_err(io::Error::other)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let writer = SerializedFileWriter::new(&mut *file, schema, Arc::new(properties));
    let mut writer = writer.map_err(io::Error::other)?;
    let mut rows = columns.empty(named);
    let mut count = 0;
    each(lines()?, |scratch| {
        columns.put(scratch, named, &mut rows);
        count += 1;
        if count < ROWS {
            return Ok(());
        }
        count = 0;
        let full = std::mem::replace(&mut rows, columns.empty(named));
        put_group(&mut writer, full).map_err(io::Error::other)
    })?;
    if count > 0 {
        put_group(&mut writer, rows).map_err(io::Error::other)?;
    }
    writer.close().map(drop).map_err(io::Error::other)
}

/// Calls a function with each point of some lines.
fn each<R: Read>(lines: R, mut take: impl FnMut(&Scratch) -> io::Result<()>) -> io::Result<()> {
    let reading = Reading { again: true, ..Reading::default() };
    let mut source = of_lines(BufReader::new(lines), Path::new("the output"), &reading);
    let mut scratch = Scratch::default();
    while source.next(&mut scratch).map_err(io::Error::other)?.is_some() {
        take(&scratch)?;
    }
    Ok(())
}

impl Columns {
    /// Learns which columns a point needs.
    fn look(&mut self, scratch: &Scratch) -> io::Result<()> {
        let point = &scratch.point;
        let name = point.name();
        if self.measurements.len() < 2 && !self.measurements.iter().any(|known| *known == name) {
            self.measurements.push(name.into_owned());
        }
        for (tag, _) in point.tags() {
            if !self.tags.contains_key(&*tag) {
                self.tags.insert(tag.into_owned(), ());
            }
        }
        for (field, value) in point.fields() {
            let kind = value.field_type();
            let Some(known) = self.fields.get_mut(&*field) else {
                self.fields.insert(field.into_owned(), kind);
                continue;
            };
            *known = match (*known, kind) {
                (a, b) if a == b => a,
                (FieldType::Int | FieldType::Double, FieldType::Int | FieldType::Double) => {
                    FieldType::Double
                }
                (a, b) => {
                    return Err(io::Error::other(format!(
                        "field '{field}' is {a} in one point and {b} in another, and a column of \
                         Parquet has one type"
                    )));
                }
            };
        }
        Ok(())
    }

    fn schema(&self, named: bool) -> Result<TypePtr, parquet::errors::ParquetError> {
        let column = |name: &str, physical, logical: Option<LogicalType>, repetition| {
            let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
            builder.with_logical_type(logical).build().map(Arc::new)
        };
        let text = |name: &str| {
            column(name, Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL)
        };
        let stamp = LogicalType::timestamp(true, TimeUnit::NANOS);
        let mut columns = vec![column("time", Physical::INT64, Some(stamp), Repetition::REQUIRED)?];
        if named {
            columns.push(text("measurement")?);
        }
        for tag in self.tags.keys() {
            columns.push(text(tag)?);
        }
        for (name, kind) in &self.fields {
            let optional = Repetition::OPTIONAL;
            columns.push(match kind {
                FieldType::Int => column(name, Physical::INT64, None, optional)?,
                FieldType::Double => column(name, Physical::DOUBLE, None, optional)?,
                FieldType::Bool => column(name, Physical::BOOLEAN, None, optional)?,
                FieldType::String => text(name)?,
            });
        }
        let mut names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message =
                format!("two columns would be called '{}': rename the tag or field", pair[0]);
            return Err(parquet::errors::ParquetError::General(message));
        }
        Type::group_type_builder("points").with_fields(columns).build().map(Arc::new)
    }

    /// Returns columns without rows.
    fn empty(&self, named: bool) -> Vec<Column> {
        let mut columns = vec![Column::new(Values::Int(Vec::new()))];
        let texts = usize::from(named) + self.tags.len();
        columns.extend((0..texts).map(|_| Column::new(Values::Text(Vec::new()))));
        columns.extend(self.fields.values().map(|kind| {
            Column::new(match kind {
                FieldType::Int => Values::Int(Vec::new()),
                FieldType::Double => Values::Double(Vec::new()),
                FieldType::Bool => Values::Bool(Vec::new()),
                FieldType::String => Values::Text(Vec::new()),
            })
        }));
        columns
    }

    /// Appends a point.
    fn put(&self, scratch: &Scratch, named: bool, rows: &mut [Column]) {
        let point = &scratch.point;
        let mut columns = rows.iter_mut();
        let mut put = |value: Option<FieldValue<'_>>| {
            if let Some(column) = columns.next() {
                column.put(value);
            }
        };
        put(Some(point.time().into()));
        if named {
            put(Some(FieldValue::String(point.name())));
        }
        self.tags.keys().for_each(|tag| put(point.tag(tag).map(FieldValue::String)));
        self.fields.keys().for_each(|field| put(point.field(field)));
    }
}

impl Column {
    fn new(values: Values) -> Self {
        Self { values, present: Vec::new() }
    }

    fn put(&mut self, value: Option<FieldValue<'_>>) {
        self.present.push(i16::from(value.is_some()));
        match (&mut self.values, value) {
            (Values::Int(values), Some(FieldValue::Int(value))) => values.push(value),
            (Values::Double(values), Some(value)) => {
                values.push(value.as_double().unwrap_or(f64::NAN));
            }
            (Values::Bool(values), Some(FieldValue::Bool(value))) => values.push(value),
            (Values::Text(values), Some(FieldValue::String(value))) => {
                values.push(ByteArray::from(value.as_bytes().to_vec()));
            }
            // The first reading has seen all types.
            (_, Some(_)) => *self.present.last_mut().expect("pushed above") = 0,
            (_, None) => {}
        }
    }
}

/// Writes rows as a row group.
fn put_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: Vec<Column>,
) -> Result<(), parquet::errors::ParquetError> {
    let mut group = writer.next_row_group()?;
    for (i, Column { values, present }) in columns.iter().enumerate() {
        let present = (i > 0).then_some(&present[..]);
        match values {
            Values::Int(values) => put_column::<Int64Type, W>(&mut group, values, present)?,
            Values::Double(values) => put_column::<DoubleType, W>(&mut group, values, present)?,
            Values::Bool(values) => put_column::<BoolType, W>(&mut group, values, present)?,
            Values::Text(values) => put_column::<ByteArrayType, W>(&mut group, values, present)?,
        }
    }
    group.close().map(drop)
}

fn put_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<(), parquet::errors::ParquetError> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()
}
