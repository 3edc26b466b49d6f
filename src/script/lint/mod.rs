//! Mistakes of a script that can be found in its syntax tree, without running it.
//!
//! [`walk`] makes the tree of a script into a list of nodes by function; [`calls`] knows which functions
//! there are, [`modules`] those of imported files; [`options`], [`state`], [`emits`], [`copies`], [`lost`], [`kinds`]
//! and [`values`] look for one kind of mistake each. [`unset`] finds the name of what was `()` when an operator
//! failed.
//!
//! A warning is given only if the mistake is certain; a script without warnings may still have mistakes.

mod calls;
mod copies;
mod emits;
mod kinds;
mod lost;
mod modules;
mod options;
mod state;
pub(super) mod unset;
mod values;
mod walk;

#[cfg(test)]
pub(super) use calls::KEYWORDS;

use super::declaration::Declaration;
use super::error::Problem;
use super::text::ScriptText;
use rhai::{AST, Engine, OptimizationLevel, Position};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walk::{Script, Warn};

/// The warnings of a script that loads and of the modules that it imports, file by file in the order of
/// their lines. `functions` are those that its engine has: names and numbers of parameters.
pub(super) fn warnings(
    mut engine: Engine,
    source: &ScriptText,
    modules: &BTreeMap<PathBuf, String>,
    declaration: &Declaration,
    functions: &[(String, usize)],
) -> Vec<Problem> {
    // Not optimised: the mistakes are in code that the optimiser would remove.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(false);
    let Ok(ast) = engine.compile(&source.text) else { return Vec::new() };
    let parsed: Vec<(&PathBuf, &String, AST)> = modules
        .iter()
        .filter_map(|(path, text)| Some((path, text, engine.compile(text).ok()?)))
        .collect();
    let exports = parsed.iter().map(|(path, _, ast)| ((*path).clone(), modules::exports(ast)));
    let exports: modules::Exports = exports.collect();
    let folder = crate::piped::folder(&source.path);
    let mut all = look(&ast, &source.path, &source.text, &mut |script, warn| {
        calls::check(script, functions, warn);
        modules::check(script, folder, &exports, warn);
        options::check(script, declaration, warn);
        state::check(script, warn);
        emits::check(script, declaration, warn);
        copies::check(script, warn);
        lost::check(script, warn);
        kinds::check(script, &declaration.options, warn);
        values::check(script, &declaration.options, warn);
    });
    // The arguments of a module's functions are not known, so only the module's own text is checked.
    for (path, text, ast) in &parsed {
        all.extend(look(ast, path, text, &mut |script, warn| {
            calls::check(script, functions, warn);
            modules::check(script, folder, &exports, warn);
            copies::check(script, warn);
            lost::check(script, warn);
            kinds::check(script, &BTreeMap::new(), warn);
            values::check(script, &BTreeMap::new(), warn);
        }));
    }
    all
}

/// Checks one file.
fn look(
    ast: &AST,
    path: &Path,
    text: &str,
    checks: &mut dyn FnMut(&Script<'_>, &mut Warn<'_>),
) -> Vec<Problem> {
    let mut found: Vec<(Position, String)> = Vec::new();
    walk::with_script(ast, &mut |script: &Script<'_>| {
        checks(script, &mut |position, message| found.push((position, message)));
    });
    found.sort_by_key(|(position, _)| (position.line(), position.position()));
    found.dedup();
    let problem = |(position, message): (Position, String)| {
        Problem::new(path, message).at(position, Some(text))
    };
    found.into_iter().map(problem).collect()
}
