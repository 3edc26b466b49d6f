//! Where a name is defined, everywhere it is used, and another name for it.

use super::document::Document;
use super::names::{Given, Names, Variable};
use super::symbols;
use crate::script::Callback;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The thing that a name at a place refers to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A variable or a module's name, by the token that defines it.
    Local(Variable),
    /// A function of this file.
    Function(String),
    /// A function of a module.
    Foreign(PathBuf, String),
    /// An option that `info` declares.
    Option(String),
}

/// Why a name cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RenameError {
    #[error("only variables, functions, modules and options can be renamed")]
    Nothing,
    #[error("{0} is called by rhai-udf, so its name is fixed")]
    Callback(String),
    #[error("'{0}' is not a valid name")]
    NoName(String),
    #[error("'{0}' is already the name of something else here")]
    Taken(String),
}

/// The modules that a script imports: their names and files.
pub(super) fn modules<'a>(names: &Names<'a>, script: &Path) -> Vec<(&'a str, PathBuf)> {
    let folder = script.parent().unwrap_or(Path::new(""));
    let imports = names.variables.iter().filter(|variable| variable.given == Given::Import);
    let file = |text: &str| {
        let mut path = folder.join(text);
        if path.extension().is_none_or(|extension| extension != "rhai") {
            path.as_mut_os_string().push(".rhai");
        }
        path
    };
    imports
        .filter_map(|import| {
            Some((names.word(import.name), file(names.string(import.value.start)?)))
        })
        .collect()
}

/// The thing that the name at a token refers to.
pub(super) fn target(names: &Names<'_>, path: &Path, at: usize) -> Option<Target> {
    let token = names.tokens.get(at)?;
    let name = token.text;
    if let Some(option) = option_at(names, at) {
        return Some(Target::Option(option));
    }
    if !token.is_name() {
        return None;
    }
    if at > 1 && names.is(at - 1, "::") {
        let alias = names.word(at - 2);
        let module = modules(names, path).into_iter().find(|(known, _)| *known == alias);
        return module.map(|(_, path)| Target::Foreign(path, name.to_owned()));
    }
    let call = names.is(at + 1, "(");
    let defines = at > 0 && names.is(at - 1, "fn");
    if names.is_member(at) && !call {
        return None;
    }
    if defines || call {
        // A method call finds functions of the script too; a variable may hold a function.
        let variable = (!names.is_member(at)).then(|| names.variable(at, name)).flatten();
        return match (names.function(name), variable) {
            (Some(_), _) => Some(Target::Function(name.to_owned())),
            (None, Some(variable)) => Some(Target::Local(variable.clone())),
            (None, None) => None,
        };
    }
    names.variable(at, name).cloned().map(Target::Local)
}

/// The option at a token: in `opt.size`, `opt["size"]`, or where `info` declares it.
fn option_at(names: &Names<'_>, at: usize) -> Option<String> {
    let declared = symbols::options(names);
    if let Some(option) = declared.iter().find(|option| option.at == at) {
        return Some(option.name.clone());
    }
    let owner = at.checked_sub(2)?;
    let dot = names.is(at - 1, ".") || names.is(at - 1, "[");
    let name = names.string(at).unwrap_or_else(|| names.word(at));
    let known = declared.iter().any(|option| option.name == name);
    (dot && known && is_options(names, owner)).then(|| name.to_owned())
}

/// Whether a token is the parameter of a callback that holds the options.
fn is_options(names: &Names<'_>, at: usize) -> bool {
    let Some(variable) = names.variable(at, names.word(at)) else { return false };
    let Some(function) = names.function_at(variable.name) else { return false };
    let nth = function.params.iter().position(|param| *param == variable.name);
    names.callback(function).is_some_and(|callback| {
        callback != Callback::Info && nth == Some(callback.own_parameters())
    })
}

/// The tokens that stand for a target in its own file.
pub(super) fn uses(names: &Names<'_>, path: &Path, target: &Target) -> Vec<usize> {
    (0..names.tokens.len())
        .filter(|at| match (self::target(names, path, *at), target) {
            (Some(Target::Local(a)), Target::Local(b)) => a.name == b.name,
            (Some(Target::Function(a)), Target::Function(b)) => a == *b,
            (Some(Target::Option(a)), Target::Option(b)) => a == *b,
            (Some(Target::Foreign(path, a)), Target::Foreign(file, b)) => {
                a == *b && super::document::same_file(&path, file)
            }
            _ => false,
        })
        .collect()
}

/// The bytes of a name: of a string without its quotes.
pub(super) fn bytes(names: &Names<'_>, at: usize) -> Range<usize> {
    let token = names.tokens[at];
    let quote = usize::from(names.string(at).is_some());
    token.start + quote..token.end() - quote
}

/// Where the target of a file is defined, as a token.
pub(super) fn definition(names: &Names<'_>, target: &Target) -> Option<usize> {
    match target {
        Target::Local(variable) => Some(variable.name),
        Target::Function(name) | Target::Foreign(_, name) => names.function(name).map(|f| f.name),
        Target::Option(name) => {
            symbols::options(names).iter().find(|o| o.name == *name).map(|o| o.at)
        }
    }
}

/// Whether a target can have this name.
pub(super) fn can_be(names: &Names<'_>, target: &Target, new: &str) -> Result<(), RenameError> {
    if let Target::Function(name) | Target::Foreign(_, name) = target
        && Callback::ALL.iter().any(|callback| callback.name() == name)
    {
        return Err(RenameError::Callback(name.clone()));
    }
    let is_name = crate::script::is_name(new);
    if !is_name {
        return Err(RenameError::NoName(new.to_owned()));
    }
    let taken = match target {
        Target::Local(variable) => {
            let inside = variable.visible.clone();
            names.variables.iter().any(|other| {
                names.word(other.name) == new
                    && (names.variable(variable.name, new).is_some()
                        || inside.contains(&other.name)
                        || other.visible.contains(&variable.name))
            })
        }
        Target::Function(_) | Target::Foreign(..) => {
            names.function(new).is_some() || Callback::ALL.iter().any(|c| c.name() == new)
        }
        Target::Option(_) => symbols::options(names).iter().any(|option| option.name == new),
    };
    if taken { Err(RenameError::Taken(new.to_owned())) } else { Ok(()) }
}

/// The file of a function of a module, read or open.
pub(super) fn file_of(target: &Target, own: &Document) -> PathBuf {
    match target {
        Target::Foreign(path, _) => path.clone(),
        _ => own.path.clone(),
    }
}
