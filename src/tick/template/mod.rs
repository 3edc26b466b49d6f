//! Go's text templates, as far as alerts use them: the syntax.
//!
//! `{{ .Name }}`, pipelines, `if`, `else`, `range`, `with`, variables, comments, trimming (`{{-`)
//! and the functions of `functions`. `define`, `block` and `template` are refused.
//! An id and a message are plain text; details are HTML, so what an action writes there is escaped.

mod exec;
mod functions;
mod layout;
mod parse;
mod printf;
mod segments;
#[cfg(test)]
mod tests;
pub mod value;

use crate::tick::error::{Result, TemplateProblem, TickError};
use crate::tick::template::parse::{Blocks, End};
use crate::tick::template::value::Data;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) name: &'static str,
    pub(crate) html: bool,
    pub(crate) body: Vec<Item>,
}

#[derive(Debug, Clone)]
pub(crate) enum Item {
    Text(String),
    Action(Pipeline),
    If(Pipeline, Vec<Item>, Vec<Item>),
    With(Pipeline, Vec<Item>, Vec<Item>),
    Range(Pipeline, Vec<Item>, Vec<Item>),
    Break,
    Continue,
}

/// `$x := a | b c`.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// The variables set, and whether they are new.
    pub(crate) variables: Vec<String>,
    pub(crate) declares: bool,
    pub(crate) commands: Vec<Command>,
}

/// A function or a value, and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command(pub(crate) Vec<Operand>);

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Data),
    /// `.A.B`; `.` alone has no names.
    Dot(Vec<String>),
    /// `$x.A`; `$` alone is the root.
    Variable(String, Vec<String>),
    Function(String),
    /// `(pipeline).A`.
    Nested(Box<Pipeline>, Vec<String>),
}

impl Template {
    /// Parses a template; `html` escapes what its actions write.
    ///
    /// # Errors
    /// Whatever Go refuses, and what alerts do not use.
    pub fn parse(name: &'static str, text: &str, html: bool) -> Result<Self> {
        let failed = |problem| TickError::Template { name, problem };
        let mut blocks = Blocks::of(text).map_err(failed)?;
        match blocks.items().map_err(failed)? {
            (body, End::Eof) => Ok(Self { name, html, body }),
            _ => Err(failed("{{end}} or {{else}} without {{if}}".into())),
        }
    }
}

/// What a part of a template becomes, or why it does not.
type Templated<T> = std::result::Result<T, TemplateProblem>;

/// Refuses a template.
fn refuse<T>(message: impl Into<TemplateProblem>) -> Templated<T> {
    Err(message.into())
}
