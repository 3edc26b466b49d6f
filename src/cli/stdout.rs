//! Standard output, as every command writes it.
//!
//! A reader that has gone (`replay … | head`) ends the command quietly with exit code 0. Any other failure to write,
//! such as a full disk, is an error with exit code 1. (`run` is different: its standard output belongs to the
//! daemon.)

use anyhow::Context;
use std::io::{ErrorKind, Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// The reader of standard output has gone. Standard output is one for the whole process, and so is this.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Writes to standard output, and notices when its reader has gone.
#[derive(Debug)]
pub(super) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        noticed(std::io::stdout().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        noticed(std::io::stdout().write_all(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        noticed(std::io::stdout().flush())
    }
}

fn noticed<T>(result: Result<T>) -> Result<T> {
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        CLOSED.store(true, Ordering::Release);
    }
    result
}

/// Prints a text at once.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    Stdout
        .write_all(text.as_bytes())
        .and_then(|()| Stdout.flush())
        .context("standard output cannot be written")
}

/// Tells whether the reader of standard output has gone: then no other failure matters.
pub(super) fn is_closed() -> bool {
    CLOSED.load(Ordering::Acquire)
}
