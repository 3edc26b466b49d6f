//! Logging to standard error, with the level from the command line, the environment or the config.

use super::manner::{self, Ink, Stream};
use log::{LevelFilter, Log, Metadata, Record};
use rhai_udf::agent::label;
use rhai_udf::cases::capture;
use rhai_udf::script::LOG_TARGET as SCRIPT_TARGET;
use rhai_udf::script::config::{LogConfig, parse_level};
use simplelog::{ColorChoice, ConfigBuilder, TermLogger, TerminalMode};
use std::io::Write;

/// The variable that existing UDF deployments set.
const VARIABLE: &str = "KAPACITOR_LOGGING_LEVEL";

/// Reads `--log-level`.
pub(super) fn level(text: &str) -> Result<LevelFilter, String> {
    parse_level(text).ok_or_else(|| "write off, error, warn, info, debug or trace".into())
}

/// Starts logging: `--log-level` overrides the environment, which overrides the configuration file.
pub(super) fn start(argument: Option<LevelFilter>, config: &LogConfig, fallback: LevelFilter) {
    begin(argument, config, fallback, false, fallback);
}

/// Lets lines be JSON objects from now on: `time`, `level`, `message`.
pub(super) fn use_json() {
    let _ = JSON.set(());
    std::panic::set_hook(Box::new(|panic| say_as("error", &panic.to_string())));
}

/// Uses JSON if the arguments ask for it, so that errors in the arguments are printed as JSON, too.
pub(super) fn use_json_if_asked(arguments: impl Iterator<Item = std::ffi::OsString>) {
    let arguments: Vec<_> = arguments.collect();
    let pairs = arguments.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json");
    if pairs || arguments.iter().any(|argument| argument == "--log-format=json") {
        use_json();
    }
}

/// Says what is wrong with the arguments as a JSON object; false if people read it.
pub(super) fn tell_in_json(text: &str) -> bool {
    let json = JSON.get().is_some();
    if json {
        say_as("error", text.trim());
    }
    json
}

/// Set where lines are JSON objects.
static JSON: std::sync::OnceLock<()> = std::sync::OnceLock::new();

/// A line as a JSON object.
fn json_line(level: &str, message: &str) -> String {
    let time = jiff::Timestamp::now().to_string();
    serde_json::json!({ "time": time, "level": level, "message": message }).to_string()
}

/// Prints a text on standard error that is not a line of the log.
pub(super) fn say(text: &str) {
    say_as("info", text);
}

fn say_as(level: &str, text: &str) {
    let text = if JSON.get().is_some() { json_line(level, text) } else { text.to_owned() };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a text on standard error, except with `--quiet`.
pub(super) fn note(text: &str) {
    if !manner::is_quiet() {
        say(text);
    }
}

/// Starts the logging of a replay, which shows what the script itself logs for people.
pub(super) fn start_for_replay(argument: Option<LevelFilter>, config: &LogConfig) {
    begin(argument, config, LevelFilter::Warn, false, LevelFilter::Info);
}

/// Starts the logging of test cases: a case that runs keeps its lines.
pub(super) fn start_for_tests(argument: Option<LevelFilter>) {
    begin(argument, &LogConfig::default(), LevelFilter::Warn, false, LevelFilter::Info);
}

/// Starts the logging of a process with many sessions: the lines of a session begin with its task and
/// node.
pub(super) fn start_for_many(
    argument: Option<LevelFilter>,
    config: &LogConfig,
    fallback: LevelFilter,
) {
    begin(argument, config, fallback, true, fallback);
}

fn begin(
    argument: Option<LevelFilter>,
    config: &LogConfig,
    fallback: LevelFilter,
    names_tasks: bool,
    script_fallback: LevelFilter,
) {
    let variable = std::env::var(VARIABLE).ok();
    let from_variable = variable.as_deref().and_then(parse_level);
    let asked = argument.or(from_variable).or(config.level);
    let (host, script) = (asked.unwrap_or(fallback), asked.unwrap_or(script_fallback));
    let level = host.max(script);
    let format = ConfigBuilder::new()
        .set_time_format_rfc3339()
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .build();
    let colours = match Stream::Err.has_colours() {
        true => ColorChoice::Always,
        false => ColorChoice::Never,
    };
    let lines = TermLogger::new(level, format, TerminalMode::Stderr, colours);
    // A second start (in a test) keeps the first logger.
    if log::set_boxed_logger(Box::new(Logger { lines, names_tasks, host, script })).is_ok() {
        log::set_max_level(level);
    }
    if let (Some(text), None) = (&variable, from_variable) {
        log::warn!(
            "{VARIABLE}={text} is not a level; write DEBUG, INFO, WARNING, ERROR or CRITICAL"
        );
    }
}

/// Starts the logging of a process of Telegraf, which finds the level of a line in its first letters.
pub(super) fn start_for_telegraf(argument: Option<LevelFilter>, config: &LogConfig) {
    let variable = std::env::var(VARIABLE).ok().as_deref().and_then(parse_level);
    let level = argument.or(variable).or(config.level).unwrap_or(LevelFilter::Info);
    let _ = FOR_TELEGRAF.set(());
    if log::set_boxed_logger(Box::new(TelegrafLogger { level })).is_ok() {
        log::set_max_level(level);
    }
}

/// Set where Telegraf reads the lines.
static FOR_TELEGRAF: std::sync::OnceLock<()> = std::sync::OnceLock::new();

/// Writes lines as Telegraf reads them: `E! `, `W! `, `I! ` or `D! `, and the message on one line.
struct TelegrafLogger {
    level: LevelFilter,
}

impl Log for TelegrafLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level && !is_too_talkative(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let letter = match record.level() {
                log::Level::Error => 'E',
                log::Level::Warn => 'W',
                log::Level::Info => 'I',
                log::Level::Debug | log::Level::Trace => 'D',
            };
            let message = record.args().to_string();
            let message = message.trim_end().replace(['\r', '\n'], " ");
            let _ = writeln!(std::io::stderr(), "{letter}! {message}");
        }
    }

    fn flush(&self) {}
}

/// Writes lines to standard error.
struct Logger {
    lines: Box<TermLogger>,
    names_tasks: bool,
    /// The level of the host's own lines.
    host: LevelFilter,
    /// The level of the lines that scripts log.
    script: LevelFilter,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = if metadata.target() == SCRIPT_TARGET { self.script } else { self.host };
        metadata.level() <= level && !is_too_talkative(metadata) && self.lines.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || capture::take(record) {
            return;
        }
        if JSON.get().is_some() {
            let level = record.level().as_str().to_ascii_lowercase();
            let line = json_line(&level, &record.args().to_string());
            let _ = writeln!(std::io::stderr(), "{line}");
            return;
        }
        label::with(|label| match label {
            Some(label) if self.names_tasks => {
                let args = record.args();
                let mut named = Record::builder();
                named.metadata(record.metadata().clone());
                self.lines.log(&named.args(format_args!("{label}: {args}")).build());
            }
            _ => self.lines.log(record),
        });
    }

    fn flush(&self) {
        self.lines.flush();
    }
}

/// Tells whether a line may show a password or a token: below warnings, the client of HTTP writes all bytes that it
/// sends.
fn is_too_talkative(metadata: &Metadata<'_>) -> bool {
    let is_client = ["ureq", "rustls"].iter().any(|name| metadata.target().starts_with(name));
    is_client && metadata.level() > log::Level::Warn
}

/// Prints why the command failed; a failure to write to standard error is ignored.
pub(super) fn fatal(error: &anyhow::Error) {
    if FOR_TELEGRAF.get().is_some() {
        let text = chain(error).replace(['\r', '\n'], " ");
        let _ = writeln!(std::io::stderr(), "E! {text}");
        return;
    }
    if JSON.get().is_some() {
        say_as("error", &chain(error));
        return;
    }
    let _ = writeln!(
        std::io::stderr(),
        "{} {}",
        Stream::Err.paint(Ink::Red, "rhai-udf:"),
        chain(error)
    );
}

/// The error and its causes, leaving out those that it already quotes.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
