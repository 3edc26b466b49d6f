//! The types of names: variables, options, the results of functions, the state.

use super::infer::{DEPTH, Infer};
use super::names::{Function, Given, Variable};
use super::symbols;
use super::types::{Type, Types, named, parameter};
use std::collections::BTreeMap;

impl Infer<'_, '_> {
    pub(super) fn option(&self, name: &str) -> Types {
        let declared = symbols::options(self.names);
        let kind =
            declared.into_iter().find(|option| option.name == name).map(|option| option.kind);
        match kind.as_deref() {
            Some("duration") => named("int"),
            Some(kind @ ("int" | "double" | "string" | "bool" | "array")) => named(kind),
            _ => Types::new(),
        }
    }

    pub(super) fn variable(&self, variable: &Variable, depth: usize) -> Types {
        let names = self.names;
        match variable.given {
            Given::Param => {
                let Some(function) = names.function_at(variable.name) else { return Types::new() };
                let nth = function.params.iter().position(|at| *at == variable.name).unwrap_or(0);
                names
                    .callback(function)
                    .map(|callback| parameter(callback, nth))
                    .unwrap_or_default()
            }
            Given::Let | Given::Const => {
                self.expression(variable.value.start, variable.value.end, depth + 1)
            }
            Given::For => self.element(variable, depth),
            Given::Other | Given::Import => Types::new(),
        }
    }

    /// The elements of a loop.
    fn element(&self, variable: &Variable, depth: usize) -> Types {
        let value = variable.value.clone();
        let types = self.expression(value.start, value.end, depth + 1);
        let word = |back: usize| value.end.checked_sub(back).map_or("", |at| self.names.word(at));
        match types.first().map(Type::name) {
            Some("series") => named("double"),
            Some("mask") => named("bool"),
            Some("range") => named("int"),
            // `for p in batch.points()`
            Some("array") if word(3) == "points" => named("point"),
            _ => Types::new(),
        }
    }

    /// The result of a function: the type of its last expression.
    pub(super) fn result(&self, function: &Function, depth: usize) -> Types {
        let names = self.names;
        let body = function.body.clone();
        if depth > DEPTH || body.is_empty() {
            return Types::new();
        }
        let mut start = body.start;
        let mut at = body.start;
        while at < body.end {
            if names.tokens[at].opens() {
                let block = names.is(at, "{");
                at = names.close(at);
                // A block ends a statement, unless it is followed by a dot.
                if block && !names.is(at + 1, ".") && at + 1 < body.end {
                    start = at + 1;
                }
            } else if names.is(at, ";") && at + 1 < body.end {
                start = at + 1;
            }
            at += 1;
        }
        if names.is(start, "return") {
            start += 1;
        }
        let end = if names.is(body.end - 1, ";") { body.end - 1 } else { body.end };
        self.expression(start, end, depth)
    }

    /// The state: the result of `state`, and what is set in it.
    pub(super) fn this(&self, depth: usize) -> Types {
        let names = self.names;
        let mut types = match names.function("state") {
            Some(function) => self.result(function, depth),
            None => vec![Type::Map(BTreeMap::new())],
        };
        if depth > 3 {
            return types;
        }
        for at in 0..names.tokens.len() {
            let sets = names.is(at, "this") && names.is(at + 1, ".") && names.is(at + 3, "=");
            if let (true, Some(Type::Map(keys))) = (sets, types.first_mut()) {
                let key = names.word(at + 2);
                if !keys.contains_key(key) {
                    let end = (at..names.tokens.len()).find(|at| names.is(*at, ";"));
                    let value = self.expression(at + 4, end.unwrap_or(at + 4), depth + 4);
                    keys.insert(key.to_owned(), value);
                }
            }
        }
        types
    }
}
