//! What commands print.

use crate::error::Result;
use std::io::{ErrorKind, Write};

/// Prints a text; it is no error if the reader is gone.
pub(super) fn print(text: &str) -> Result<()> {
    write(text.as_bytes())
}

/// Writes bytes, and flushes them.
pub(super) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}
