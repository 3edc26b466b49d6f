//! The output for people: with colours or without, and how much of it. Standard output and standard
//! error belong to the whole process, and so does this.

use log::LevelFilter;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

/// The options that were given.
static MANNER: OnceLock<Manner> = OnceLock::new();

/// The arguments of every command.
#[derive(Debug, Default, clap::Args)]
pub(super) struct MannerArgs {
    /// How much to log to standard error: off, error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", value_parser = super::logging::level)]
    log_level: Option<LevelFilter>,
    /// Print only errors on standard error: no warnings, no progress, no summary
    #[arg(short, long, global = true, conflicts_with_all = ["verbose", "log_level"])]
    quiet: bool,
    /// Log more to standard error, like --log-level debug; -vv is like trace
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "log_level")]
    verbose: u8,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

impl MannerArgs {
    /// Stores the options, and returns the level of the log if one was given.
    pub(super) fn apply(&self) -> Option<LevelFilter> {
        // A second call (in a test) keeps the first.
        let _ = MANNER.set(Manner { color: self.color, quiet: self.quiet });
        match (self.quiet, self.verbose) {
            (true, _) => Some(LevelFilter::Error),
            (_, 0) => self.log_level,
            (_, 1) => Some(LevelFilter::Debug),
            _ => Some(LevelFilter::Trace),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    color: Color,
    quiet: bool,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Finds `--color` among the arguments, for what clap prints before they are read.
    pub(super) fn of_arguments() -> clap::ColorChoice {
        let arguments: Vec<String> =
            std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
        let joined = arguments.iter().filter_map(|a| a.strip_prefix("--color="));
        let apart = arguments.windows(2).filter(|two| two[0] == "--color").map(|two| &*two[1]);
        match joined.chain(apart).next_back() {
            Some("always") => clap::ColorChoice::Always,
            Some("never") => clap::ColorChoice::Never,
            _ => clap::ColorChoice::Auto,
        }
    }
}

/// A stream for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    /// Whether colours are written to it.
    pub(super) fn has_colours(self) -> bool {
        let said = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match MANNER.get().copied().unwrap_or_default().color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto
                if said("NO_COLOR") || std::env::var_os("TERM").is_some_and(|t| t == "dumb") =>
            {
                false
            }
            Color::Auto => match self {
                Self::Out => std::io::stdout().is_terminal(),
                Self::Err => std::io::stderr().is_terminal(),
            },
        }
    }

    /// A text in a colour, where colours are used.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        if self.has_colours() { ink.on(text) } else { text.to_owned() }
    }
}

/// A colour of the terminal, or bold type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Red,
    Green,
    Yellow,
    Cyan,
    Bold,
}

impl Ink {
    fn on(self, text: &str) -> String {
        let code = match self {
            Self::Bold => 1,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The colour of an alert's level, by its name.
    fn of_level(level: &str) -> Option<Self> {
        Some(match level {
            "CRITICAL" => Self::Red,
            "WARNING" => Self::Yellow,
            "INFO" => Self::Cyan,
            "OK" => Self::Green,
            _ => return None,
        })
    }

    /// The colour of a line that says what differs.
    fn of_change(line: &str) -> Option<Self> {
        Some(match line.trim_start().split(' ').next()? {
            "+" => Self::Green,
            "-" => Self::Red,
            "~" | "!" => Self::Yellow,
            _ => return None,
        })
    }
}

/// Whether only errors are wanted on standard error.
pub(super) fn is_quiet() -> bool {
    MANNER.get().is_some_and(|manner| manner.quiet)
}

/// Writes a line to standard error, unless only errors are wanted there. A failure to write to standard error is
/// ignored.
pub(super) fn note(line: &str) {
    if !is_quiet() {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// The lines of a difference, in colours where they are used.
pub(super) fn changes(text: &str) -> String {
    if !Stream::Out.has_colours() {
        return text.to_owned();
    }
    let line = |line: &str| match Ink::of_change(line) {
        Some(ink) => format!("{}\n", ink.on(line)),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Colours the levels of alerts in the lines that are written to it.
pub(super) struct Levels<W: Write> {
    inner: W,
    /// The beginning of a line whose end has not been written yet.
    part: Vec<u8>,
}

impl<W: Write> Levels<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, part: Vec::new() }
    }
}

impl<W: Write> Write for Levels<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.part.extend_from_slice(bytes);
        while let Some(end) = self.part.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            match std::str::from_utf8(&line).ok().and_then(alert) {
                Some(coloured) => self.inner.write_all(coloured.as_bytes())?,
                None => self.inner.write_all(&line)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.write_all(&std::mem::take(&mut self.part))?;
        self.inner.flush()
    }
}

/// The line of an alert with its level in colour: a time, two blanks, a level.
fn alert(line: &str) -> Option<String> {
    let (time, rest) = line.split_once("  ")?;
    let level = rest.split(' ').next()?.trim_end();
    let ink = Ink::of_level(level).filter(|_| time.ends_with('Z'))?;
    Some(format!("{time}  {}{}", ink.on(level), &rest[level.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_an_alert_is_coloured_and_nothing_else() {
        let mut out = Levels::new(Vec::new());
        for part in
            ["2016-01-01T00:00:00Z  CRIT", "ICAL  m  x=1\n2016-01-01T00:00:00Z  OK\nm  OK\n"]
        {
            out.write_all(part.as_bytes()).unwrap();
        }
        let text = String::from_utf8(out.inner).unwrap();
        let expected = "2016-01-01T00:00:00Z  \x1b[31mCRITICAL\x1b[0m  m  x=1\n\
                        2016-01-01T00:00:00Z  \x1b[32mOK\x1b[0m\nm  OK\n";
        assert_eq!(text, expected);
    }
}
