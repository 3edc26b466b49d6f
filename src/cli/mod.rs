//! The command line: one file a subcommand. The arguments of `replay` and `listen` ([`args`]) become a [`plan`],
//! which is played ([`play`]) and judged ([`judge`]).

mod args;
mod bench;
mod check;
mod conf;
mod diff;
mod doctor;
mod execd;
mod files;
mod fmt;
mod import;
mod import_files;
mod init;
mod judge;
mod lab;
mod listen;
mod logging;
mod lsp;
mod make;
mod manner;
mod manual;
mod model;
mod plan;
mod play;
mod plot;
mod port;
mod replay;
mod run;
mod serve;
mod signals;
mod state;
mod stdout;
mod test;
mod values;
mod watch;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use manner::Color;
use rhai_udf::agent::socket::STACK;
use rhai_udf::replay::ReplayError;
use std::io::ErrorKind;
use std::process::ExitCode;

/// Runs Kapacitor UDFs written as Rhai scripts.
#[derive(Debug, Parser)]
#[command(name = "rhai-udf", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    manner: manner::MannerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Serve(Box<serve::Args>),
    Replay(Box<replay::Args>),
    Lab(Box<lab::Args>),
    Listen(Box<listen::Args>),
    Execd(Box<execd::Args>),
    Check(check::Args),
    Fmt(fmt::Args),
    Lsp(lsp::Args),
    Model(model::Args),
    Make(Box<make::Args>),
    Import(import::Args),
    Bench(Box<bench::Args>),
    Test(test::Args),
    Diff(Box<diff::Args>),
    Conf(conf::Args),
    Init(init::Args),
    Doctor(doctor::Args),
    State(state::Args),
    Completions(manual::CompletionsArgs),
    #[command(hide = true)]
    Man(manual::ManArgs),
}

/// The command was used in a way that cannot work; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn usage<T>(message: &str) -> anyhow::Result<T> {
    Err(Usage(message.into()).into())
}

/// Tells whether an error is one of usage.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || matches!(error.downcast_ref(), Some(ReplayError::Usage(_)))
}

/// Runs the command; 2 is wrong usage, 1 a failure.
pub(crate) fn main() -> ExitCode {
    // Calls of scripts can be nested deep, and the size of the main thread's stack cannot be chosen.
    let thread = std::thread::Builder::new().name("main".into()).stack_size(STACK);
    match thread.spawn(command).map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        _ => ExitCode::FAILURE,
    }
}

/// The command line; arguments that do not apply to a command are hidden in its help.
fn arranged() -> clap::Command {
    // What arrives over HTTP is in no file.
    let listen = |command: clap::Command| {
        let command = command.mut_arg("data", |data| data.hide(true));
        // With --tasks there is none.
        command.mut_arg("script", |script| {
            script.required(false).default_value(listen::NO_SCRIPT).hide_default_value(true)
        })
    };
    // With `listen`, --token-file is for the senders of points.
    let replay = |command: clap::Command| {
        command.mut_arg("influxdb_token_file", |token| token.visible_alias("token-file"))
    };
    Cli::command()
        .color(Color::of_arguments())
        .mut_subcommand("replay", replay)
        .mut_subcommand("listen", listen)
        .mut_subcommand("lab", lab::arranged)
}

fn command() -> ExitCode {
    logging::use_json_if_asked(std::env::args_os());
    let parsed = arranged().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return told(&error),
    };
    let level = cli.manner.apply();
    let result = match &cli.command {
        Command::Run(args) => run::run(args, level),
        Command::Replay(args) => replay::run(args, level),
        Command::Bench(args) => bench::run(args, level),
        Command::Lab(args) => lab::run(args, level),
        Command::Listen(args) => listen::run(args, level),
        Command::Execd(args) => execd::run(args, level),
        Command::Check(args) => {
            logging::start(level, &Default::default(), log::LevelFilter::Warn);
            check::run(args)
        }
        Command::Fmt(args) => fmt::run(args),
        Command::Lsp(args) => {
            logging::start(level, &Default::default(), log::LevelFilter::Warn);
            lsp::run(args)
        }
        Command::Import(args) => import::run(args),
        Command::Make(args) => make::run(args),
        Command::Model(args) => {
            logging::start(level, &Default::default(), log::LevelFilter::Warn);
            model::run(args)
        }
        Command::Conf(args) => conf::run(args),
        Command::Diff(args) => diff::run(args, level),
        Command::Test(args) => test::run(args, level),
        Command::Serve(args) => serve::run(args, level),
        Command::State(args) => state::run(args),
        Command::Init(args) => init::run(args),
        Command::Doctor(args) => {
            logging::start(level, &Default::default(), log::LevelFilter::Warn);
            doctor::run(args)
        }
        Command::Completions(args) => manual::completions(args, arranged()),
        Command::Man(args) => manual::man(args, arranged()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The differences have been printed.
        Err(error) if error.is::<diff::Differs>() => ExitCode::FAILURE,
        Err(_) if stdout::is_closed() => ExitCode::SUCCESS,
        Err(error) => {
            logging::fatal(&error);
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn told(error: &clap::Error) -> ExitCode {
    let wanted = u8::try_from(error.exit_code()).unwrap_or(2);
    // The arguments may contain an address with a password in an unexpected place.
    let text = error.render().to_string();
    let hidden = without_passwords(&text);
    if error.use_stderr() && logging::tell_in_json(hidden.as_ref().unwrap_or(&text)) {
        return ExitCode::from(wanted);
    }
    if let (true, Some(hidden)) = (error.use_stderr(), hidden) {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), hidden.as_bytes());
        return ExitCode::from(wanted);
    }
    match error.print() {
        // A failure to write to standard error is ignored.
        Err(failed) if !error.use_stderr() && failed.kind() != ErrorKind::BrokenPipe => {
            logging::fatal(
                &anyhow::Error::new(failed).context("standard output cannot be written"),
            );
            ExitCode::FAILURE
        }
        _ => ExitCode::from(wanted),
    }
}

/// Takes users and passwords out of the addresses in a text; `None` if there are none.
fn without_passwords(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out += before;
        out += "://";
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'))
            .unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(at) => {
                out += "***";
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    out += rest;
    (out != text).then_some(out)
}
