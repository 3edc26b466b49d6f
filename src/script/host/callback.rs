//! The functions of a script that the host calls: their names, their parameters, and misspelt names.

use crate::nearest::nearest;
use crate::script::error::Problem;
use rhai::{AST, Position};
use std::path::Path;

/// The functions of a script that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// The declaration.
    Info,
    /// The options are bound.
    Init,
    /// A group is seen for the first time.
    State,
    /// A point.
    Point,
    /// The points of a group that have arrived.
    Points,
    /// A batch begins.
    BeginBatch,
    /// A batch ends.
    EndBatch,
    /// A state of another version.
    Migrate,
}

impl Callback {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Info,
        Self::Init,
        Self::State,
        Self::Point,
        Self::Points,
        Self::BeginBatch,
        Self::EndBatch,
        Self::Migrate,
    ];

    /// The function's name.
    pub fn name(self) -> &'static str {
        self.signature().split('(').next().unwrap_or_default()
    }

    /// The function with all its parameters; `opt` may be left out.
    pub fn signature(self) -> &'static str {
        match self {
            Self::Info => "info()",
            Self::Init => "init(opt)",
            Self::State => "state(opt)",
            Self::Point => "point(p, opt)",
            Self::Points => "points(chunk, opt)",
            Self::BeginBatch => "begin_batch(batch, opt)",
            Self::EndBatch => "end_batch(batch, opt)",
            Self::Migrate => "migrate(old, opt)",
        }
    }

    /// When it is called.
    pub fn called(self) -> &'static str {
        match self {
            Self::Info => "once, when the script is loaded",
            Self::Init => "when the options of a task are known",
            Self::State => "when a group is seen for the first time",
            Self::Point => "for each point, inside a batch too",
            Self::Points => {
                "for the points of a group that have arrived, as a batch; in place of `point` in a stream"
            }
            Self::BeginBatch => "when a batch begins",
            Self::EndBatch => "when a batch ends",
            Self::Migrate => "for each group of a state that another version of the script left",
        }
    }

    /// What it returns.
    pub fn returns(self) -> &'static str {
        match self {
            Self::Info => "the declaration, a map",
            Self::Init => "nothing; `throw \"why\"` refuses the task with that text",
            Self::State => "what `this` will be: a map or a native object",
            Self::Migrate => "the new state",
            Self::Point | Self::Points | Self::BeginBatch | Self::EndBatch => "nothing",
        }
    }

    /// The parameters without `opt`.
    pub(crate) fn own_parameters(self) -> usize {
        match self {
            Self::Info | Self::Init | Self::State => 0,
            Self::Point | Self::Points | Self::BeginBatch | Self::EndBatch | Self::Migrate => 1,
        }
    }
}

/// Callbacks with a wrong number of parameters, and functions that look like a misspelt callback.
pub(super) fn misnamed(ast: &AST, path: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for function in ast.iter_functions() {
        let (name, count) = (function.name, function.params.len());
        let exact = Callback::ALL.into_iter().find(|c| c.name() == name);
        let message = match exact {
            Some(callback) => {
                let least = callback.own_parameters();
                let most = if callback == Callback::Info { least } else { least + 1 };
                if (least..=most).contains(&count) {
                    continue;
                }
                format!(
                    "fn {name} has {count} parameters; it is called as {}",
                    callback.signature()
                )
            }
            None => {
                let near = nearest(name, Callback::ALL.map(Callback::name));
                let close = Callback::ALL.into_iter().find(|c| Some(c.name()) == near);
                let Some(callback) = close.filter(|_| !is_called(text, name)) else {
                    continue;
                };
                format!("fn {name} is never called; did you mean {}?", callback.signature())
            }
        };
        let place = function_position(ast, name);
        problems.push(Problem::new(path, message).at(place, Some(text)));
    }
    problems
}

/// True if the text mentions the function elsewhere than at its definition.
fn is_called(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].trim_end();
        let word_before =
            text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let word_after =
            text[at + name.len()..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
        !word_before && !word_after && !before.ends_with("fn")
    })
}

/// The place of a function's body.
pub(super) fn function_position(ast: &AST, name: &str) -> Position {
    let found = ast.iter_fn_def().find(|f| f.name == name);
    found.map_or(Position::NONE, |f| f.body.start_position())
}

#[cfg(test)]
mod tests {
    use super::Callback;

    #[test]
    fn the_page_says_what_an_editor_says() {
        let page = include_str!("../../../docs/script.md");
        for callback in Callback::ALL {
            let (called, returns) = (callback.called(), callback.returns());
            let row = format!("| `{}` | {called} | {returns} |", callback.signature());
            assert!(page.contains(&row), "{row}");
        }
    }
}
