//! Which columns of a file become the time, tags and fields of points.

use super::influx::Marks;
use crate::replay::source::CsvReading;
use crate::replay::timestamp::Unit;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

/// Names of columns of times, the likeliest first.
const TIMES: [&str; 6] = ["time", "timestamp", "_time", "ts", "datetime", "date"];

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Truth values.
    Bool,
    /// Ints of up to 64 bits.
    Int,
    /// Unsigned ints of 32 bits.
    Unsigned32,
    /// Unsigned ints of 64 bits, which may be too large.
    Unsigned64,
    /// Floats of 32 bits.
    Float,
    /// Floats of 64 bits.
    Double,
    /// Ints with so many decimal places.
    Decimal(i32),
    /// Text.
    Text,
    /// Times as ints, each of so many nanoseconds.
    Times(i64),
    /// Times as days and nanoseconds of the day.
    Int96,
}

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Tag,
    Field,
}

/// A column that is read.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its place in the file.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) role: Role,
    /// Whether a value may be absent.
    pub(super) nullable: bool,
}

/// Returns the columns that are read, that of the times first, and the names of those that cannot be. Tags and times that nobody asks
/// for are those that the file marks.
///
/// # Errors
/// Columns that are asked for and not there, or of types that points do not have.
pub(super) fn choose(
    schema: &SchemaDescriptor,
    wanted: &CsvReading,
    marks: &Marks,
) -> Result<(Vec<Column>, Vec<String>), String> {
    let all = schema.columns();
    let names: Vec<String> = all.iter().map(|column| column.path().string()).collect();
    let find = |name: &String| {
        names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| format!("there is no column '{name}'; there are {}", names.join(", ")))
    };
    let place = |name: &String| names.iter().position(|known| known == name);
    let marked_time = marks.time.as_ref().and_then(place);
    let usual = || time_column(&names, all.iter().map(|column| &**column));
    let time = match &wanted.time_column {
        Some(name) => find(name)?,
        None => marked_time.or_else(usual).ok_or_else(|| {
            format!(
                "no column seems to have times; name one with --time-column; there are {}",
                names.join(", ")
            )
        })?,
    };
    let fields = wanted.field_columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let tags = match &wanted.tag_columns[..] {
        [] => {
            let marked = marks.tags.iter().filter_map(place);
            marked.filter(|place| !fields.contains(place)).collect()
        }
        asked => asked.iter().map(find).collect::<Result<Vec<_>, _>>()?,
    };
    let mut chosen = Vec::new();
    let mut others = Vec::new();
    for (place, column) in all.iter().enumerate() {
        let role = if place == time {
            Role::Time
        } else if tags.contains(&place) {
            Role::Tag
        } else if fields.is_empty() || fields.contains(&place) {
            Role::Field
        } else {
            continue;
        };
        let asked = role != Role::Field || fields.contains(&place);
        match kind(column, role) {
            Ok(kind) => {
                let nullable = column.max_def_level() > 0;
                let name = names[place].clone();
                chosen.push(Column { place, name, kind, role, nullable });
            }
            Err(what) if asked => return Err(format!("column '{}' {what}", names[place])),
            Err(what) => others.push(format!("{} ({what})", names[place])),
        }
    }
    chosen.sort_by_key(|column| column.role != Role::Time);
    Ok((chosen, others))
}

/// Finds the times: by a usual name, else the first column of times.
fn time_column<'c>(
    names: &[String],
    mut columns: impl Iterator<Item = &'c ColumnDescriptor>,
) -> Option<usize> {
    let named =
        TIMES.iter().find_map(|time| names.iter().position(|n| n.eq_ignore_ascii_case(time)));
    named.or_else(|| {
        columns
            .position(|column| matches!(kind(column, Role::Time), Ok(Kind::Times(_) | Kind::Int96)))
    })
}

/// Returns what the values of a column are.
///
/// # Errors
/// What a column is that points do not have.
fn kind(column: &ColumnDescriptor, role: Role) -> Result<Kind, String> {
    if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
        return Err("has lists or records".into());
    }
    let logical = column.logical_type_ref();
    let stamp = match (logical, column.converted_type()) {
        (Some(LogicalType::Timestamp(stamp)), _) => Some(match stamp.unit {
            TimeUnit::MILLIS => Unit::Milliseconds,
            TimeUnit::MICROS => Unit::Microseconds,
            TimeUnit::NANOS => Unit::Nanoseconds,
        }),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Some(Unit::Milliseconds),
        (_, ConvertedType::TIMESTAMP_MICROS) => Some(Unit::Microseconds),
        _ => None,
    };
    if let Some(unit) = stamp {
        return Ok(Kind::Times(unit.nanoseconds()));
    }
    let is_date = matches!(logical, Some(LogicalType::Date))
        || column.converted_type() == ConvertedType::DATE;
    if is_date && role == Role::Time {
        return Ok(Kind::Times(24 * Unit::Hours.nanoseconds()));
    }
    let unsigned = match logical {
        Some(LogicalType::Integer(int)) => !int.is_signed,
        _ => matches!(column.converted_type(), ConvertedType::UINT_32 | ConvertedType::UINT_64),
    };
    let decimal = matches!(logical, Some(LogicalType::Decimal(_)))
        || column.converted_type() == ConvertedType::DECIMAL;
    Ok(match column.physical_type() {
        Type::BOOLEAN => Kind::Bool,
        Type::INT32 | Type::INT64 if decimal => Kind::Decimal(column.type_scale()),
        Type::INT32 if unsigned => Kind::Unsigned32,
        Type::INT64 if unsigned => Kind::Unsigned64,
        Type::INT32 | Type::INT64 => Kind::Int,
        Type::INT96 => Kind::Int96,
        Type::FLOAT => Kind::Float,
        Type::DOUBLE => Kind::Double,
        Type::BYTE_ARRAY if decimal => return Err("has decimals stored as bytes".into()),
        Type::BYTE_ARRAY => Kind::Text,
        Type::FIXED_LEN_BYTE_ARRAY => return Err("has bytes of a fixed length".into()),
    })
}
