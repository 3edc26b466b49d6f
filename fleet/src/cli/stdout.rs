//! What commands print.

use crate::error::Result;
use std::io::{ErrorKind, Write};

/// Prints a text; that nobody reads any more is no error.
pub(super) fn print(text: &str) -> Result<()> {
    write(text.as_bytes())
}

/// Writes bytes, and hands them on at once.
pub(super) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}
