//! What a script says and cannot mean: found in its syntax tree, without running it.
//!
//! [`walk`] makes the tree of a script into a list of nodes by function; [`calls`] knows which functions
//! there are; [`options`], [`state`], [`emits`], [`copies`] and [`values`] look for one kind of mistake each.
//! [`unset`] finds the name of what was `()` when an operator failed.
//!
//! A warning is only given where the mistake is certain: a script without one is not proven right.

mod calls;
mod copies;
mod emits;
mod options;
mod state;
pub(super) mod unset;
mod values;
mod walk;

use super::declaration::Declaration;
use super::error::Problem;
use super::host::program::ScriptText;
use rhai::{Engine, OptimizationLevel, Position};
use walk::Script;

/// The warnings of a script that loads, in the order of its lines. `functions` are those that its engine
/// has: names and numbers of parameters.
pub(super) fn warnings(
    mut engine: Engine,
    source: &ScriptText,
    declaration: &Declaration,
    functions: &[(String, usize)],
) -> Vec<Problem> {
    // What the optimiser would fold away is what shall be seen.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(false);
    let Ok(ast) = engine.compile(&source.text) else { return Vec::new() };
    let mut found: Vec<(Position, String)> = Vec::new();
    {
        let mut warn = |position: Position, message: String| found.push((position, message));
        walk::with_script(&ast, &mut |script: &Script<'_>| {
            calls::check(script, functions, &mut warn);
            options::check(script, declaration, &mut warn);
            state::check(script, &mut warn);
            emits::check(script, declaration, &mut warn);
            copies::check(script, &mut warn);
            values::check(script, &mut warn);
        });
    }
    found.sort_by_key(|(position, _)| (position.line(), position.position()));
    found.dedup();
    let problem = |(position, message): (Position, String)| {
        Problem::new(&source.path, message).at(position, Some(&source.text))
    };
    found.into_iter().map(problem).collect()
}
