//! The functions of a script that the host calls: their names, how a script defines them, and what it
//! may have misspelt.

use crate::nearest::nearest;
use crate::script::error::Problem;
use rhai::{AST, Module, Position, ScriptFuncDef};
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

    /// The name that the function is called by: see [`callable`].
    pub(super) fn symbol(self) -> &'static str {
        match self {
            // Rhai calls names that are no identifiers only with this prefix.
            Self::Point => "anon$point",
            Self::Points => "anon$points",
            other => other.name(),
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

/// How a callback is defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Entry {
    #[default]
    Absent,
    Plain,
    WithOptions,
}

/// The functions as they are called. Rhai calls a script's function as a method too, so that
/// `batch.point(fields)` would find the callback; it gets a name that no script can write.
pub(super) fn callable(ast: &AST) -> Module {
    let renamed =
        |name: &str| Callback::ALL.into_iter().find(|c| c.name() == name && c.symbol() != name);
    let mut rest = ast.clone();
    rest.retain_functions(|_, _, function, _| renamed(function).is_none());
    let mut lib = Module::clone(rest.shared_lib());
    for function in ast.iter_fn_def() {
        if let Some(callback) = renamed(&function.name) {
            let name = callback.symbol().into();
            lib.set_script_fn(ScriptFuncDef { name, ..ScriptFuncDef::clone(function) });
        }
    }
    lib
}

/// How each callback is defined; of two definitions the one with options is called.
pub(super) fn entries(ast: &AST) -> [Entry; Callback::ALL.len()] {
    let mut entries = [Entry::Absent; Callback::ALL.len()];
    for function in ast.iter_functions() {
        let Some(callback) = Callback::ALL.into_iter().find(|c| c.name() == function.name) else {
            continue;
        };
        let extra = function.params.len().checked_sub(callback.own_parameters());
        let entry = &mut entries[callback as usize];
        match extra {
            Some(1) if callback != Callback::Info => *entry = Entry::WithOptions,
            Some(0) if *entry == Entry::Absent => *entry = Entry::Plain,
            _ => {}
        }
    }
    entries
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
