//! What InfluxDB 3 says in its files: which columns are tags, and the measurement.
//!
//! It writes that as metadata of columns and of the schema into Arrow's form of the schema, which stands in the file under `ARROW:schema`:
//! Base64 of a message of Arrow's IPC (a FlatBuffer, `Message.fbs` and `Schema.fbs` of Apache Arrow). Only what is asked here is read of
//! it, and everything is checked: bytes that are no such message say nothing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parquet::file::metadata::FileMetaData;

/// The key of the schema in a file.
const SCHEMA: &str = "ARROW:schema";

/// The key of what a column is, and how its values begin.
const COLUMN: &[u8] = b"iox::column::type";
const KINDS: &[u8] = b"iox::column_type::";

/// The key of the measurement.
const MEASUREMENT: &[u8] = b"iox::measurement::name";

/// The header of a message that is a schema.
const IS_SCHEMA: u8 = 1;

/// What a file of InfluxDB says about its columns.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Marks {
    pub(super) measurement: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) time: Option<String>,
}

impl Marks {
    /// Reads what a file says; nothing where it is not InfluxDB's.
    pub(super) fn of(file: &FileMetaData) -> Self {
        let pairs = file.key_value_metadata().into_iter().flatten();
        let mut schemas = pairs.filter(|pair| pair.key == SCHEMA);
        let text = schemas.find_map(|pair| pair.value.as_deref());
        let bytes = text.and_then(|text| BASE64_STANDARD.decode(text).ok());
        bytes.and_then(|bytes| Self::read(&bytes)).unwrap_or_default()
    }

    /// Reads the message that a schema is.
    fn read(bytes: &[u8]) -> Option<Self> {
        // The length stands before the message, and since Arrow 0.15 four bytes of ones before the length.
        let bytes = bytes.strip_prefix(&[0xff; 4]).unwrap_or(bytes).get(4..)?;
        let message = Table::root(bytes)?;
        if message.byte(1)? != IS_SCHEMA {
            return None;
        }
        let schema = message.table(2)?;
        let mut marks = Self::default();
        for pair in schema.tables(2) {
            if pair.text(0) == Some(MEASUREMENT) {
                marks.measurement = pair.text(1).and_then(text);
            }
        }
        for column in schema.tables(1) {
            let name = column.text(0).and_then(text);
            let mut kinds = column.tables(6).filter(|pair| pair.text(0) == Some(COLUMN));
            let kind = kinds.find_map(|pair| pair.text(1)?.strip_prefix(KINDS));
            match (name, kind) {
                (Some(name), Some(b"tag")) => marks.tags.push(name),
                (Some(name), Some(b"timestamp")) => marks.time = Some(name),
                _ => {}
            }
        }
        Some(marks)
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// A table of a FlatBuffer: the distances of its fields stand in another one.
#[derive(Clone, Copy)]
struct Table<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Table<'b> {
    fn root(bytes: &'b [u8]) -> Option<Self> {
        Some(Self { bytes, at: distance(bytes, 0)? })
    }

    /// The place of a field; none where the table leaves it out.
    fn field(self, number: usize) -> Option<usize> {
        let back = i32::from_le_bytes(*self.bytes.get(self.at..)?.first_chunk()?);
        let fields = self.at.checked_add_signed(isize::try_from(back).ok()?.checked_neg()?)?;
        let short = |at: usize| Some(u16::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?));
        let (length, entry) = (usize::from(short(fields)?), 4 + 2 * number);
        let ahead = (entry + 2 <= length).then(|| short(fields + entry))??;
        (ahead != 0).then(|| self.at + usize::from(ahead))
    }

    fn byte(self, number: usize) -> Option<u8> {
        self.bytes.get(self.field(number)?).copied()
    }

    fn table(self, number: usize) -> Option<Self> {
        Some(Self { at: distance(self.bytes, self.field(number)?)?, ..self })
    }

    fn text(self, number: usize) -> Option<&'b [u8]> {
        let at = distance(self.bytes, self.field(number)?)?;
        let length = u32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?);
        self.bytes.get(at + 4..)?.get(..usize::try_from(length).ok()?)
    }

    /// The tables of a list; those that lie outside are left out.
    fn tables(self, number: usize) -> impl Iterator<Item = Self> {
        let list = self.field(number).and_then(|field| distance(self.bytes, field));
        let length = list.and_then(|at| Some(*self.bytes.get(at..)?.first_chunk()?));
        let length = length.map_or(0, u32::from_le_bytes).min(1 << 16);
        let place = move |i: u32| distance(self.bytes, list? + 4 + 4 * i as usize);
        (0..length).filter_map(place).map(move |at| Self { at, ..self })
    }
}

/// The place to which the distance at a place leads.
fn distance(bytes: &[u8], at: usize) -> Option<usize> {
    let ahead = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    at.checked_add(usize::try_from(ahead).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use std::fs::File;

    fn file(name: &str) -> SerializedFileReader<File> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet");
        SerializedFileReader::new(File::open(folder.join(name)).unwrap()).unwrap()
    }

    #[test]
    fn the_columns_of_influxdb_are_known() {
        let marks = Marks::of(file("marked.parquet").metadata().file_metadata());
        assert_eq!(marks.measurement.as_deref(), Some("m"));
        assert_eq!(marks.tags, ["host", "rack"]);
        assert_eq!(marks.time.as_deref(), Some("time"));
        assert_eq!(Marks::of(file("influx3.parquet").metadata().file_metadata()), Marks::default());
    }

    #[test]
    fn damaged_schemas_say_nothing_and_do_not_panic() {
        let file = file("marked.parquet");
        let pairs = file.metadata().file_metadata().key_value_metadata().unwrap();
        let schema = pairs.iter().find(|pair| pair.key == SCHEMA).unwrap();
        let bytes = BASE64_STANDARD.decode(schema.value.as_ref().unwrap()).unwrap();
        assert!(Marks::read(&bytes).is_some());
        for at in 0..bytes.len() {
            let _ = Marks::read(&bytes[..at]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = Marks::read(&damaged);
            }
        }
    }
}
