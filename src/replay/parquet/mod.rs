//! Parquet, in and out: `read` is a source, `columns` says which columns become what, `influx` what InfluxDB 3 says about them, `rows` are
//! decoded (`decode`) and become points, those of one `series` by a copy of its beginning; `write` makes a file of lines. A build without the feature `parquet` says what to do.

#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "parquet")]
mod decode;
#[cfg(feature = "parquet")]
mod influx;
#[cfg(feature = "parquet")]
mod read;
#[cfg(feature = "parquet")]
mod rows;
#[cfg(feature = "parquet")]
mod series;
#[cfg(feature = "parquet")]
mod write;

#[cfg(feature = "parquet")]
pub use rows::RowBlock;

use super::ReplayError;
use super::source::{Reading, Source};
use std::io::{Read, Write};
use std::path::Path;

/// Tells whether a file's name says that it is Parquet.
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// Opens a file.
///
/// # Errors
/// A file that is not Parquet, or that lacks a requested column.
#[cfg(feature = "parquet")]
pub(super) fn open(path: &Path, reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    Ok(Box::new(read::Parquet::open(path, reading)?))
}

/// Makes a file of lines of line protocol with times in nanoseconds; the lines are read twice, from
/// what `lines` opens.
///
/// # Errors
/// A field that is text in one line and a number in another, or a file that cannot be written.
#[cfg(feature = "parquet")]
pub fn write<R: Read>(
    lines: impl Fn() -> std::io::Result<R>,
    file: &mut (impl Write + Send),
) -> std::io::Result<()> {
    write::write(lines, file)
}

/// What a build says that has no Parquet.
#[cfg(not(feature = "parquet"))]
const ABSENT: &str = "this rhai-udf was built without Parquet: build it without --no-default-features, \
                      or convert the file";

/// Opens no file.
///
/// # Errors
/// Always.
#[cfg(not(feature = "parquet"))]
pub(super) fn open(path: &Path, _reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    Err(ReplayError::Data { path: path.into(), line: None, message: ABSENT.into() })
}

/// Makes no file.
///
/// # Errors
/// Always.
#[cfg(not(feature = "parquet"))]
pub fn write<R: Read>(
    _lines: impl Fn() -> std::io::Result<R>,
    _file: &mut (impl Write + Send),
) -> std::io::Result<()> {
    Err(std::io::Error::other(ABSENT))
}
