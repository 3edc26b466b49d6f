//! `lsp`: a language server on standard input and output.

use anyhow::{Context, bail};
use rhai_udf::lsp::{Ended, serve};
use std::io::{BufReader, stdin, stdout};

/// Serve an editor: diagnostics, completion, hover, definitions, rename, formatting
///
/// An editor starts this command and speaks the language server protocol on its standard input and output;
/// docs/editors.md has the settings for VS Code, Neovim and Helix.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Accepted because many editors add it; there is no other way
    #[arg(long)]
    stdio: bool,
}

pub(super) fn run(_: &Args) -> anyhow::Result<()> {
    match serve(BufReader::new(stdin()), stdout()).context("standard output cannot be written")? {
        Ended::Asked => Ok(()),
        Ended::Abrupt => bail!("the client closed the connection without `shutdown`"),
    }
}
