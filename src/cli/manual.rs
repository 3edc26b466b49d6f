//! `completions` and `man`: completions and man pages for packages, made from the definition of the command line.

use super::stdout;
use anyhow::Context;
use std::path::PathBuf;

/// Print the completions of a shell
///
/// For bash: rhai-udf completions bash > /etc/bash_completion.d/rhai-udf. The packages contain those for bash, zsh
/// and fish.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Write a man page for each command, for packages
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The folder of the pages; it is created
    dir: PathBuf,
}

pub(super) fn completions(
    args: &CompletionsArgs,
    mut command: clap::Command,
) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rhai-udf", &mut text);
    stdout::print(&String::from_utf8(text).context("completions are text")?)
}

pub(super) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<()> {
    let shown = args.dir.display();
    std::fs::create_dir_all(&args.dir).with_context(|| format!("{shown}: cannot be made"))?;
    clap_mangen::generate_to(command, &args.dir)
        .with_context(|| format!("{shown}: the pages cannot be written"))
}
