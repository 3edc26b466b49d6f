//! CSV, `.csv`: a header, then one point a line.
//!
//! The first line names the columns, which are separated by what it has most of: comma, semicolon
//! or tab. Lines that begin with `#` are comments. An empty cell is an absent field. The first value
//! of a column says what the column holds: `true` or `false` a bool, a number a double (`12i`, as in
//! line protocol, an int), anything else a string.

mod kind;
#[cfg(test)]
mod tests;

use self::kind::Kind;
use super::packed::plain_name;
use super::plausible::{self, Times};
use super::{Item, Reading, Scratch, Source};
use crate::piped::is_piped;
use crate::protocol::Point;
use crate::replay::ReplayError;
use crate::replay::timestamp::{self, Unit};
use csv::{Reader, ReaderBuilder, StringRecord};
use std::cell::Cell;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Names that a time column usually has.
const TIME_NAMES: [&str; 7] = ["time", "timestamp", "_time", "date", "datetime", "ts", "ds"];

/// The measurement of points that come through a pipe, which has no name.
const PIPED: &str = "data";

/// How CSV is read.
#[derive(Clone, Debug, Default)]
pub struct CsvReading {
    /// The column of times; by default the one with a usual name, else the first that holds dates.
    pub time_column: Option<String>,
    /// The columns that become fields; by default all that are left.
    pub field_columns: Vec<String>,
    /// The columns that become tags.
    pub tag_columns: Vec<String>,
    /// The measurement; by default the file's name without its endings, and `data` for a
    /// pipe.
    pub measurement: Option<String>,
    /// The unit of times that are numbers; by default told from the size of the first.
    pub unit: Option<Unit>,
}

pub(super) struct Csv {
    reader: Reader<Box<dyn BufRead>>,
    path: PathBuf,
    measurement: String,
    columns: Columns,
    unit: Option<Unit>,
    record: StringRecord,
    /// Whether `record` was read ahead, to find the times.
    ahead: bool,
    /// A point was read.
    any: bool,
    skip: bool,
    skipped: Rc<Cell<u64>>,
}

/// What the columns are.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    time: usize,
    tags: Vec<usize>,
    fields: Vec<(usize, Option<Kind>)>,
}

impl Csv {
    pub(super) fn open(
        mut reader: Box<dyn BufRead>,
        path: &Path,
        reading: &Reading,
    ) -> Result<Self, ReplayError> {
        let start = reader.fill_buf();
        let start = start.map_err(|source| ReplayError::Read { path: path.into(), source })?;
        let delimiter = delimiter(start);
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(reader);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = plain_name(&name);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let mut source = Self {
            reader,
            path: path.into(),
            measurement: reading.csv.measurement.clone().unwrap_or_else(|| match is_piped(path) {
                true => PIPED.into(),
                false => stem.into(),
            }),
            columns: Columns::default(),
            unit: reading.csv.unit,
            record: StringRecord::new(),
            ahead: false,
            any: reading.again,
            skip: reading.skip_bad_lines,
            skipped: reading.skipped.clone(),
        };
        source.find_columns(&reading.csv)?;
        Ok(source)
    }

    fn find_columns(&mut self, reading: &CsvReading) -> Result<(), ReplayError> {
        let headers = self.reader.headers().cloned().map_err(|e| self.failed(&e))?;
        let names: Vec<String> =
            headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let find = |column: &String| {
            names.iter().position(|name| name == column).ok_or_else(|| {
                let message =
                    format!("there is no column '{column}'; there are {}", names.join(", "));
                self.error(None, message)
            })
        };
        let tags = reading.tag_columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let fields = reading.field_columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let time = reading.time_column.as_ref().map(find).transpose()?;
        let usual = || {
            let is_usual = |name: &String| TIME_NAMES.contains(&&*name.to_lowercase());
            names.iter().position(is_usual)
        };
        if names.iter().all(String::is_empty) {
            return Err(self.error(
                None,
                "the file is empty: its first line must have the names of the columns".into(),
            ));
        }
        let named = time.or_else(usual);
        if named.is_none() {
            self.refuse_values(&names)?;
        }
        let Some(time) = named.or_else(|| self.first_of_dates()) else {
            let message = format!(
                "no column seems to have times; name one with --time-column; there are {}",
                names.join(", ")
            );
            return Err(self.error(None, message));
        };
        let left = || (0..names.len()).filter(|i| *i != time && !tags.contains(i)).collect();
        let fields = if fields.is_empty() { left() } else { fields };
        self.refuse_twins(&names, tags.iter().chain(&fields).chain([&time]))?;
        let fields = fields.into_iter().map(|i| (i, None)).collect();
        self.columns = Columns { names, time, tags, fields };
        Ok(())
    }

    /// Refuses a first line that holds values where names belong.
    fn refuse_values(&self, names: &[String]) -> Result<(), ReplayError> {
        let is_value =
            |name: &&String| name.parse::<f64>().is_ok() || timestamp::calendar(name).is_some();
        let Some(value) = names.iter().find(is_value) else { return Ok(()) };
        let message = format!(
            "the first line has '{value}', which is a value: put a line with the names of the columns before it, such as time,x"
        );
        Err(self.error(None, message))
    }

    /// Refuses columns that are used and have a name in common: one would hide the other.
    fn refuse_twins<'c>(
        &self,
        names: &[String],
        used: impl Iterator<Item = &'c usize>,
    ) -> Result<(), ReplayError> {
        for &column in used {
            let same = |i: &usize| *i != column && names[*i] == names[column];
            if let Some(other) = (0..names.len()).find(same) {
                let message = format!(
                    "columns {} and {} have the same name '{}': rename one, or leave them out by \
                     naming the others with --field-columns",
                    column.min(other) + 1,
                    column.max(other) + 1,
                    names[column]
                );
                return Err(self.error(None, message));
            }
        }
        Ok(())
    }

    /// The first column whose first value is a date.
    fn first_of_dates(&mut self) -> Option<usize> {
        self.ahead = self.reader.read_record(&mut self.record).unwrap_or(false);
        self.record.iter().position(|text| timestamp::calendar(text).is_some())
    }

    fn point(&mut self, point: &mut Point) -> Result<(), ReplayError> {
        let Self { record, columns, .. } = self;
        let text = record.get(columns.time).unwrap_or_default();
        let time = timestamp::read(text, &mut self.unit);
        let Some(time) = time else {
            let message =
                format!("'{text}' is not a time, or is out of the range of 64-bit nanoseconds");
            return Err(self.error(Some(self.columns.time), message));
        };
        point.reset(time);
        point.set_name(&self.measurement);
        for &tag in &columns.tags {
            match record.get(tag) {
                None | Some("") => {}
                Some(value) => point.set_tag(&columns.names[tag], value),
            }
        }
        for (column, kind) in &mut columns.fields {
            let text = record.get(*column).unwrap_or_default();
            if text.is_empty() {
                continue;
            }
            let kind = *kind.get_or_insert_with(|| Kind::of(text));
            let name = &columns.names[*column];
            if !kind.set(point, name, text) {
                let message = format!("'{text}' is not {kind} like the values before it");
                let column = *column;
                return Err(self.error(Some(column), message));
            }
        }
        Ok(())
    }

    fn line(&self) -> Option<u64> {
        self.record.position().map(csv::Position::line)
    }

    fn error(&self, column: Option<usize>, message: String) -> ReplayError {
        let message = match column {
            Some(i) => format!("column {} '{}': {message}", i + 1, self.columns.names[i]),
            None => message,
        };
        ReplayError::Data { path: self.path.clone(), line: self.line(), message }
    }

    fn failed(&self, error: &csv::Error) -> ReplayError {
        let line = error.position().map(csv::Position::line);
        let message = match error.kind() {
            csv::ErrorKind::Io(source) => {
                let source = std::io::Error::new(source.kind(), source.to_string());
                return ReplayError::Read { path: self.path.clone(), source };
            }
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("the line has {len} columns and the first one {expected_len}")
            }
            csv::ErrorKind::Utf8 { err, .. } => {
                format!("column {}: the text is not UTF-8", err.field() + 1)
            }
            _ => error.to_string(),
        };
        ReplayError::Data { path: self.path.clone(), line, message }
    }

    fn advance(&mut self) -> Result<bool, ReplayError> {
        if std::mem::take(&mut self.ahead) {
            return Ok(true);
        }
        self.reader.read_record(&mut self.record).map_err(|e| self.failed(&e))
    }
}

impl Source for Csv {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            let read = match self.advance() {
                Ok(false) => {
                    if !self.any && self.skipped.get() == 0 {
                        plausible::say_empty(&self.path, "it has a line with names, but no rows");
                    }
                    return Ok(None);
                }
                Ok(true) => self.point(&mut scratch.point),
                Err(error) => Err(error),
            };
            match read {
                Ok(()) => {
                    if !std::mem::replace(&mut self.any, true)
                        && let Some(unit) = self.unit
                    {
                        plausible::look_at(&self.path, scratch.point.time(), Times::Asked(unit));
                    }
                    return Ok(Some(Item::Point));
                }
                Err(ReplayError::Data { path, line, message }) if self.skip => {
                    let line = line.unwrap_or_default();
                    log::warn!("{}:{line}: skipped: {message}", path.display());
                    self.skipped.set(self.skipped.get() + 1);
                }
                Err(ReplayError::Data { path, line, message }) => {
                    let message =
                        format!("{message} (--skip-bad-lines skips and counts such lines)");
                    return Err(ReplayError::Data { path, line, message });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What the first line that is no comment has most of.
fn delimiter(start: &[u8]) -> u8 {
    let mut lines = start.split(|b| *b == b'\n');
    let header = lines.find(|line| !line.starts_with(b"#")).unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|b| **b == delimiter).count();
    // The last of equals wins: a comma.
    [b'\t', b';', b','].into_iter().max_by_key(|d| count(*d)).unwrap_or(b',')
}
