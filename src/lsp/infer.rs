//! The type of an expression, as far as the tokens tell it.

use super::names::Names;
use super::types::{Type, Types, accepts, given, named};
use crate::script::reference::{self, Form, Signature};
use crate::script::syntax::Kind;
use std::collections::BTreeMap;

/// How far an expression is followed.
pub(super) const DEPTH: usize = 12;

/// Finds types in a text.
pub(super) struct Infer<'a, 'n> {
    pub(super) names: &'n Names<'a>,
    /// The types of the fields that a sample of the data has.
    pub(super) fields: &'n BTreeMap<String, String>,
}

impl Infer<'_, '_> {
    /// The type of the value in front of the dot at this token.
    pub(super) fn before_dot(&self, dot: usize) -> Types {
        let Some(start) = self.chain_start(dot) else { return Types::new() };
        self.chain(start, dot, 0)
    }

    /// Where the chain of calls and properties begins that ends in front of a token.
    fn chain_start(&self, end: usize) -> Option<usize> {
        let mut at = end.checked_sub(1)?;
        loop {
            let token = &self.names.tokens[at];
            if token.closes() {
                at = (0..at).rev().find(|open| {
                    self.names.tokens[*open].opens() && self.names.close(*open) == at
                })?;
            }
            // The string that an expression is inside of begins further up.
            while self.names.tokens[at].glued && self.names.tokens[at].text.starts_with('}') {
                at = at.checked_sub(1)?;
            }
            let token = &self.names.tokens[at];
            let before = at.checked_sub(1);
            let called = token.is("(") || token.is("[") || token.is("?[");
            let is_value = before.is_some_and(|at| {
                let token = &self.names.tokens[at];
                (token.kind == Kind::Word && !token.is_keyword())
                    || token.closes()
                    || token.kind == Kind::Text
            });
            if called && is_value {
                at -= 1;
                if self.names.tokens[at].closes() {
                    at += 1;
                    at = self.chain_start(at)?;
                }
            }
            match at.checked_sub(1) {
                Some(dot) if [".", "?.", "::"].iter().any(|t| self.names.is(dot, t)) => {
                    at = dot.checked_sub(1)?;
                }
                _ => return Some(at),
            }
        }
    }

    /// The type of the expression between two tokens.
    pub(super) fn expression(&self, start: usize, end: usize, depth: usize) -> Types {
        if start >= end || depth > DEPTH {
            return Types::new();
        }
        let end_of_chain = self.chain_end(start, end);
        let left = self.chain(start, end_of_chain, depth + 1);
        if end_of_chain >= end {
            return left;
        }
        let is = |types: &Types, name: &str| types.iter().any(|kind| kind.name() == name);
        let right = self.expression(end_of_chain + 1, end, depth + 1);
        let series = is(&left, "series") || is(&right, "series");
        match self.names.word(end_of_chain) {
            "<" | ">" | "<=" | ">=" | "==" | "!=" if series => named("mask"),
            "<" | ">" | "<=" | ">=" | "==" | "!=" | "&&" | "||" => named("bool"),
            "&" | "|" | "^" => left,
            "+" if is(&left, "string") || is(&right, "string") => named("string"),
            "+" | "-" | "*" | "/" | "%" | "**" if series => named("series"),
            "+" | "-" | "*" | "/" | "%" if is(&left, "int") && is(&right, "int") => named("int"),
            "+" | "-" | "*" | "/" | "%" | "**" if is(&left, "double") || is(&right, "double") => {
                named("double")
            }
            "??" => left.into_iter().chain(right).collect(),
            ".." | "..=" => named("range"),
            _ => Types::new(),
        }
    }

    /// The first token behind a chain of calls and properties.
    fn chain_end(&self, start: usize, end: usize) -> usize {
        let names = self.names;
        let mut at = start;
        while at < end && ["-", "!", "+"].iter().any(|t| names.is(at, t)) {
            at += 1;
        }
        let mut value = false;
        while at < end {
            let token = &names.tokens[at];
            if token.opens() && (!value || !matches!(token.text, "{" | "#{")) {
                at = names.close(at);
                value = true;
            } else if token.glued {
                value = true;
            } else if [".", "?.", "::"].iter().any(|t| token.is(t)) {
                value = false;
            } else if value || token.kind == Kind::Symbol {
                break;
            } else {
                value = true;
            }
            at += 1;
        }
        at.min(end)
    }

    /// The type of a chain of calls and properties.
    fn chain(&self, start: usize, end: usize, depth: usize) -> Types {
        let names = self.names;
        if depth > DEPTH || start >= end {
            return Types::new();
        }
        if names.is(start, "!") {
            let inner = self.chain(start + 1, end, depth + 1);
            return if inner.iter().any(|kind| kind.name() == "mask") {
                inner
            } else {
                named("bool")
            };
        }
        if ["-", "+"].iter().any(|t| names.is(start, t)) {
            return self.chain(start + 1, end, depth + 1);
        }
        let (mut types, mut at) = self.primary(start, end, depth);
        while at < end {
            if names.is(at, "[") || names.is(at, "?[") {
                types = self.indexed(&types, at, depth);
                at = names.close(at) + 1;
            } else if names.is(at, ".") || names.is(at, "?.") {
                let call = names.is(at + 2, "(");
                types = self.member(&types, names.word(at + 1), call, depth);
                at = if call { names.close(at + 2) + 1 } else { at + 2 };
            } else {
                break;
            }
        }
        types
    }

    /// The type of what a chain begins with, and the token behind it.
    fn primary(&self, at: usize, end: usize, depth: usize) -> (Types, usize) {
        let names = self.names;
        let token = &names.tokens[at];
        match token.kind {
            Kind::Number => {
                let double = token.text.contains('.')
                    || (!token.text.starts_with("0x") && token.text.contains(['e', 'E']));
                (named(if double { "double" } else { "int" }), at + 1)
            }
            Kind::Char => (named("char"), at + 1),
            Kind::Text => {
                let parts =
                    names.tokens[at + 1..end].iter().take_while(|token| token.glued).count();
                (named("string"), at + 1 + parts)
            }
            Kind::Symbol if token.is("(") => {
                (self.expression(at + 1, names.close(at).min(end), depth + 1), names.close(at) + 1)
            }
            Kind::Symbol if token.is("[") => (named("array"), names.close(at) + 1),
            Kind::Symbol if token.is("#{") => (vec![self.map(at, depth)], names.close(at) + 1),
            Kind::Word => self.word(at, depth),
            _ => (Types::new(), at + 1),
        }
    }

    fn word(&self, at: usize, depth: usize) -> (Types, usize) {
        let names = self.names;
        let name = names.word(at);
        if matches!(name, "true" | "false") {
            return (named("bool"), at + 1);
        }
        if name == "this" {
            return (self.this(depth + 1), at + 1);
        }
        if names.is(at + 1, "::") {
            let call = names.is(at + 3, "(");
            return (Types::new(), if call { names.close(at + 3) + 1 } else { at + 3 });
        }
        if names.is(at + 1, "(") {
            let types = match names.function(name) {
                Some(function) => self.result(function, depth + 1),
                None => {
                    let given_by = reference::named(name).filter(|(s, _)| s.form == Form::Function);
                    self.best(given_by.map(|(s, _)| s), at + 1, 0, depth)
                }
            };
            return (types, names.close(at + 1) + 1);
        }
        let types = names.variable(at, name).map(|variable| self.variable(variable, depth + 1));
        (types.unwrap_or_default(), at + 1)
    }

    /// What the signatures give that fit the arguments.
    fn best<'s>(
        &self,
        signatures: impl Iterator<Item = &'s Signature>,
        open: usize,
        skipped: usize,
        depth: usize,
    ) -> Types {
        let count = self.argument_count(open) + skipped;
        let first = self.expression(
            open + 1,
            self.names.close(open).min(self.first_comma(open)),
            depth + 1,
        );
        let mut all = Types::new();
        for signature in signatures.filter(|signature| signature.arities().contains(&count)) {
            let fits = skipped > 0
                || first.is_empty()
                || signature.params.first().is_none_or(|param| {
                    first.iter().any(|kind| accepts(&param.types, kind.name()))
                        || param.types.iter().any(|kind| kind == "any")
                });
            if fits {
                all.extend(
                    given(&signature.gives)
                        .into_iter()
                        .filter(|kind| !all.contains(kind))
                        .collect::<Vec<_>>(),
                );
            }
        }
        all
    }

    fn first_comma(&self, open: usize) -> usize {
        self.commas(open, self.names.close(open)).first().copied().unwrap_or(usize::MAX)
    }

    /// The commas between the arguments of a call, up to a token.
    pub(super) fn commas(&self, open: usize, end: usize) -> Vec<usize> {
        let mut commas = Vec::new();
        let mut at = open + 1;
        while at < end.min(self.names.tokens.len()) {
            if self.names.tokens[at].opens() {
                at = self.names.close(at);
            } else if self.names.is(at, ",") {
                commas.push(at);
            }
            at += 1;
        }
        commas
    }

    fn argument_count(&self, open: usize) -> usize {
        let close = self.names.close(open);
        if open + 1 >= close { 0 } else { self.commas(open, close).len() + 1 }
    }

    fn map(&self, open: usize, depth: usize) -> Type {
        let names = self.names;
        let mut keys = BTreeMap::new();
        let mut at = open + 1;
        while at < names.close(open) {
            let next = self.commas(at - 1, names.close(open)).first().copied();
            let end = next.unwrap_or_else(|| names.close(open));
            if names.is(at + 1, ":") {
                let key = names.string(at).unwrap_or_else(|| names.word(at)).to_owned();
                keys.insert(key, self.expression(at + 2, end, depth + 1));
            }
            at = end + 1;
        }
        Type::Map(keys)
    }

    fn indexed(&self, types: &Types, open: usize, depth: usize) -> Types {
        let by_name = self.names.tokens.get(open + 1).is_some_and(|token| token.kind == Kind::Text);
        if let (true, Some(key)) = (by_name, self.names.string(open + 1)) {
            let field = self.member(types, key, false, depth);
            if !field.is_empty() {
                return field;
            }
        }
        let wanted = if by_name { "string" } else { "int" };
        let fits = |signature: &&Signature| {
            signature.form == Form::Index
                && types.iter().any(|kind| signature.of.as_deref() == Some(kind.name()))
                && signature
                    .params
                    .iter()
                    .any(|param| param.types.iter().any(|kind| kind == wanted))
        };
        reference::named("").map(|(s, _)| s).filter(fits).flat_map(|s| given(&s.gives)).collect()
    }

    /// The type of a property or of a method's answer.
    pub(super) fn member(&self, types: &Types, name: &str, call: bool, _depth: usize) -> Types {
        let mut all = Types::new();
        for kind in types {
            if let (Type::Map(keys), false) = (kind, call)
                && let Some(types) = keys.get(name)
            {
                all.extend(types.clone());
                continue;
            }
            let form = if call { Form::Method } else { Form::Property };
            let known =
                reference::named(name).map(|(signature, _)| signature).filter(|signature| {
                    let method =
                        signature.form == form && signature.of.as_deref() == Some(kind.name());
                    let function = call
                        && signature.form == Form::Function
                        && signature.params.first().is_some_and(|p| accepts(&p.types, kind.name()));
                    method || function
                });
            let before = all.len();
            all.extend(known.flat_map(|signature| given(&signature.gives)));
            if all.len() == before && !call && kind.name() == "point" {
                all.extend(self.fields.get(name).into_iter().flat_map(|kind| named(kind)));
            }
            if all.len() == before && !call && kind.name() == "options" {
                all.extend(self.option(name));
            }
        }
        all.dedup();
        all
    }
}
