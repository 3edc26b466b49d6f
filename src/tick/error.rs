//! Errors of TICKscripts, and of the data that is played through them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of the functions of this module.
pub type Result<T, E = TickError> = std::result::Result<T, E>;

/// Everything that can go wrong between a TICKscript and its replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// The script has a syntax error, or asks for something that a node cannot do.
    #[error("{place}: {message}\n{}", place.excerpt())]
    Script {
        /// The place in the script.
        place: Box<Place>,
        /// What is wrong, and what to write instead.
        message: String,
    },
    /// A lambda expression cannot be evaluated on a point.
    #[error("{0}")]
    Evaluate(String),
    /// A template cannot be parsed or executed.
    #[error("template {name}: {problem}")]
    Template {
        /// Which template: id, message or details.
        name: &'static str,
        /// What is wrong.
        problem: TemplateProblem,
    },
    /// A node cannot handle its input.
    #[error("{node}: {message}")]
    Node {
        /// The node, named as the daemon does (`join4`).
        node: String,
        /// What is wrong.
        message: String,
    },
    /// A user defined function failed.
    #[error("@{name}: {message}")]
    Udf {
        /// The function's name in the script.
        name: String,
        /// The text of its error.
        message: String,
    },
    /// Something that was handed in from outside fails; its error is shown unchanged.
    #[error(transparent)]
    Outside(Box<dyn std::error::Error + Send + Sync>),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// An error of a template, in the words of Go's templates if Go refuses it too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateProblem(String);

impl From<String> for TemplateProblem {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for TemplateProblem {
    fn from(message: &str) -> Self {
        Self(message.into())
    }
}

impl TickError {
    /// Attaches a file's name to an input or output error.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// A place in a script, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The script's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself.
    pub text: String,
}

impl Place {
    /// Returns the line and, below it, a caret under the column.
    pub fn excerpt(&self) -> String {
        let gutter = self.line.to_string();
        let blank = " ".repeat(gutter.len());
        let indent: String = self
            .text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!("{gutter} | {}\n{blank} | {indent}^", self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A script's text and name, which turn an offset into a [`Place`].
#[derive(Debug, Clone, Copy)]
pub struct TickText<'a> {
    /// The file's name, as errors show it.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl TickText<'_> {
    /// Returns the place of a byte offset.
    pub fn place(&self, at: usize) -> Place {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = &self.text[start..];
        Place {
            file: self.name.to_owned(),
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[start..at].chars().count() + 1,
            text: line.lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// Returns an error at a byte offset.
    pub fn error(&self, at: usize, message: impl Into<String>) -> TickError {
        TickError::Script { place: Box::new(self.place(at)), message: message.into() }
    }
}
