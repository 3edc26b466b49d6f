//! Constants at the top level of a script are known in all its functions by their plain names.
//!
//! The interpreter itself knows them in functions as `global::NAME` only, and marks what it hands out under
//! that name as read-only, also inside of an array or a map that takes it. So such names are compiled as
//! `global__NAME`, a variable like any other, which has as many characters: places in errors stay right.

use rhai::{AST, Engine, Module, ParseError, Scope, Stmt};
use std::borrow::Cow;

/// Compiles a script whose functions may name the constants of its top level.
pub(super) fn compile(engine: &mut Engine, text: &str) -> Result<AST, ParseError> {
    let strict = engine.strict_variables();
    engine.set_strict_variables(false);
    let names = engine.compile(text).map(|ast| names(&ast));
    engine.set_strict_variables(strict);
    let mut known = Scope::new();
    let names = names?;
    let text = renamed(text, &names);
    for name in names {
        known.push(qualified(&name), ());
        known.push(name, ());
    }
    engine.compile_with_scope(&known, &text)
}

fn qualified(name: &str) -> String {
    format!("global__{name}")
}

/// The text with `global__NAME` in place of `global::NAME`, outside of comments and texts.
fn renamed<'t>(text: &'t str, names: &[String]) -> Cow<'t, str> {
    const PREFIX: &str = "global::";
    if !text.contains(PREFIX) {
        return text.into();
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let begins = !out.ends_with(is_name);
        let len = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' | '`' | '\'' => quoted(rest, c),
            'g' if begins && rest.starts_with(PREFIX) => {
                let name = &rest[PREFIX.len()..];
                let name = &name[..name.find(|c| !is_name(c)).unwrap_or(name.len())];
                if names.iter().any(|known| known == name) {
                    out += &qualified(name);
                    rest = &rest[PREFIX.len() + name.len()..];
                    continue;
                }
                c.len_utf8()
            }
            c => c.len_utf8(),
        };
        out += &rest[..len];
        rest = &rest[len..];
    }
    out.into()
}

/// The length of a text in quotes, which a quote may be a part of after a backslash.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, c)| at + c.len_utf8())
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
            // A variable with a constant's value has its own copy, which can be changed.
            let mut copy = Scope::new();
            copy.push(name, value.clone());
            if let Some(value) = copy.get(name) {
                module.set_var(qualified(name), value.clone());
                module.set_var(name, value.clone());
            }
        }
    }
    if !module.is_empty() {
        engine.register_global_module(module.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_in_code_and_nowhere_else() {
        let names = ["N".to_owned(), "UP".to_owned()];
        for (text, expected) in [
            ("x = global::N + global::UP;", "x = global__N + global__UP;"),
            ("global::NO + my_global::N", "global::NO + my_global::N"),
            ("// global::N\nglobal::N", "// global::N\nglobal__N"),
            ("/* global::N */ global::N", "/* global::N */ global__N"),
            (r#""a \" global::N" + global::N"#, r#""a \" global::N" + global__N"#),
            ("`${global::N}` + global::N", "`${global::N}` + global__N"),
            (r"'\'' + global::N + '\\'", r"'\'' + global__N + '\\'"),
            ("\"open global::N", "\"open global::N"),
        ] {
            assert_eq!(renamed(text, &names), expected);
            assert_eq!(expected.len(), text.len());
        }
    }
}
