//! Constants at the top level of a script are known in all its functions by their plain names.
//!
//! The interpreter itself knows them in functions as `global::NAME` only, which still works.

use rhai::{AST, Engine, Module, ParseError, Scope, Stmt};

/// Compiles a script whose functions may name the constants of its top level.
pub(super) fn compile(engine: &mut Engine, text: &str) -> Result<AST, ParseError> {
    let strict = engine.strict_variables();
    engine.set_strict_variables(false);
    let names = engine.compile(text).map(|ast| names(&ast));
    engine.set_strict_variables(strict);
    let mut known = Scope::new();
    for name in names? {
        known.push(name, ());
    }
    engine.compile_with_scope(&known, text)
}

fn names(ast: &AST) -> Vec<String> {
    let statements = ast.statements().iter();
    let constants = statements.filter_map(|statement| match statement {
        Stmt::Var(parts, flags, _) if flags.intersects(rhai::ASTFlags::CONSTANT) => {
            Some(parts.0.name.to_string())
        }
        _ => None,
    });
    constants.collect()
}

/// Makes the constants known once the top level has run.
pub(super) fn publish(engine: &mut Engine, top: &Scope<'_>) {
    let mut module = Module::new();
    for (name, constant, value) in top.iter_raw() {
        if constant {
            // Whoever keeps a constant's value may change its own copy.
            let mut copy = Scope::new();
            copy.push(name, value.clone());
            if let Some(value) = copy.get(name) {
                module.set_var(name, value.clone());
            }
        }
    }
    if !module.is_empty() {
        engine.register_global_module(module.into());
    }
}
