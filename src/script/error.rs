//! The errors of scripts: where and why a script failed, in words for its author.

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};
use std::fmt;
use std::path::{Path, PathBuf};

/// One problem of a script, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Line and column from 1; a column of 0 is the line as a whole.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to do.
    pub message: String,
    /// The line itself.
    pub line: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn new(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, message: message.into(), line: None }
    }

    /// The problem with this text before its message.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    pub(crate) fn at(mut self, position: Position, text: Option<&str>) -> Self {
        self.place = position.line().map(|line| (line, position.position().unwrap_or(0)));
        if let (Some((line, _)), Some(text)) = (self.place, text) {
            self.line = text.lines().nth(line - 1).map(str::to_owned);
        }
        self
    }

    /// The problem with its line and a caret below the place.
    pub fn pretty(&self) -> String {
        let mut out = self.to_string();
        if let (Some((number, column)), Some(line)) = (self.place, &self.line) {
            let shown = line.replace('\t', " ");
            let gutter = number.to_string();
            out += &format!("\n {gutter} | {shown}");
            if column > 0 {
                let pad = " ".repeat(gutter.len());
                out += &format!("\n {pad} | {}^", " ".repeat(column - 1));
            }
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.place {
            Some((line, 0)) => write!(f, ":{line}")?,
            Some((line, column)) => write!(f, ":{line}:{column}")?,
            None => {}
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a script cannot be used, or a callback failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The script cannot be loaded.
    #[error("{}", join(.0))]
    Load(Vec<Problem>),
    /// A callback failed.
    #[error("{problem} (in {callback}{})", group_name(.group))]
    Call {
        /// The callback.
        callback: &'static str,
        /// The group that was at hand.
        group: Option<String>,
        /// What happened where.
        problem: Box<Problem>,
    },
    /// The options of `init` do not fit the declaration.
    #[error("{}", .0.join("; "))]
    Options(Vec<String>),
    /// Data arrived for a script that has not taken the options of a task.
    #[error("data arrived before init was accepted")]
    Unbound,
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// A snapshot cannot be used.
    #[error("snapshot: {0}")]
    Snapshot(String),
    /// The state cannot be stored.
    #[error("the state cannot be saved: {0}")]
    State(String),
    /// The output does not fit the declaration.
    #[error(transparent)]
    Output(#[from] OutputProblem),
}

/// See [`crate::agent::OutputError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutputProblem(pub String);

fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn group_name(group: &Option<String>) -> String {
    match group {
        Some(group) if !group.is_empty() => format!(", group '{}'", group.replace('\n', " ")),
        _ => String::new(),
    }
}

/// The problem that the parser found.
pub(crate) fn parse_problem(file: &Path, text: &str, error: &ParseError) -> Problem {
    Problem::new(file, parse_message(error.err_type())).at(error.position(), Some(text))
}

fn parse_message(error: &ParseErrorType) -> String {
    match error {
        ParseErrorType::Reserved(word) => format!(
            "'{word}' is a reserved word; a field, option or key of that name is written \
             [\"{word}\"], a variable needs another name"
        ),
        other => lower_first(&other.to_string()),
    }
}

/// The problem at the bottom of a failed evaluation.
///
/// `text` gives the text of a source by its name, for the line to show.
pub(crate) fn eval_problem(
    script: &Path,
    error: &EvalAltResult,
    text: impl Fn(&Path) -> Option<String>,
) -> Problem {
    let mut file = script.to_path_buf();
    let mut inner = error;
    let mut outer = Position::NONE;
    loop {
        match inner {
            EvalAltResult::ErrorInFunctionCall(_, source, next, position) => {
                if !source.is_empty() {
                    file = source.into();
                }
                outer = *position;
                inner = next;
            }
            EvalAltResult::ErrorInModule(_, next, position) => {
                outer = *position;
                inner = next;
            }
            _ => break,
        }
    }
    let position = match inner.position() {
        position if position.is_none() => outer,
        position => position,
    };
    let text = text(&file);
    Problem::new(&file, message(inner)).at(position, text.as_deref())
}

fn message(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => value.to_string(),
        EvalAltResult::ErrorRuntime(value, _) if value.is_unit() => {
            "the script threw an error without a text".into()
        }
        EvalAltResult::ErrorRuntime(value, _) => format!("thrown: {value}"),
        EvalAltResult::ErrorTooManyOperations(_) => {
            "one call took too many operations; is there an endless loop? ([limits] operations)"
                .into()
        }
        EvalAltResult::ErrorTerminated(reason, _) if reason.is_string() => reason.to_string(),
        EvalAltResult::ErrorStackOverflow(_) => {
            "calls are nested too deep; does a function call itself? ([limits] depth)".into()
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            format!("{} too large ([limits] string, array, map)", what.to_lowercase())
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("no function {signature}")
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("no variable '{name}'"),
        EvalAltResult::ErrorFor(_) => {
            "`for` needs an array, a series, a mask, a range such as 0..10, or the keys() of a map"
                .into()
        }
        EvalAltResult::ErrorParsing(kind, _) => parse_message(kind),
        other => {
            let mut unplaced = other.to_string();
            let place = other.position();
            if !place.is_none() {
                unplaced = unplaced.replace(&format!(" ({place:?})"), "");
                unplaced = unplaced.replace(&format!(" ({place})"), "");
            }
            lower_first(&unplaced)
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
