//! The functions, variables and modules of a script, found in its tokens.

use crate::script::Callback;
use crate::script::syntax::{Kind, Token, tokens};
use std::collections::HashMap;
use std::ops::Range;

/// A function of the script; places are indices of tokens.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: usize,
    pub(super) params: Vec<usize>,
    /// From `fn` to the end of the body.
    pub(super) whole: Range<usize>,
    pub(super) body: Range<usize>,
    pub(super) doc: String,
}

/// What a name was given by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Param,
    Let,
    Const,
    For,
    Other,
    Import,
}

/// A variable, or the name of a module.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: usize,
    pub(super) given: Given,
    /// Where the name stands for it.
    pub(super) visible: Range<usize>,
    /// The expression of its first value.
    pub(super) value: Range<usize>,
}

/// The names of a text.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) text: &'a str,
    /// Without comments.
    pub(super) tokens: Vec<Token<'a>>,
    /// For each bracket that opens, where it closes.
    closing: Vec<usize>,
    /// For each token, the function that it stands in.
    homes: Vec<Option<usize>>,
    by_name: HashMap<&'a str, Vec<usize>>,
    pub(super) functions: Vec<Function>,
    pub(super) variables: Vec<Variable>,
}

impl<'a> Names<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let all = tokens(text);
        let code: Vec<Token<'a>> =
            all.iter().copied().filter(|token| token.kind != Kind::Comment).collect();
        let closing = closing(&code);
        let mut names = Self {
            text,
            homes: vec![None; code.len()],
            tokens: code,
            closing,
            by_name: HashMap::new(),
            functions: Vec::new(),
            variables: Vec::new(),
        };
        names.find_functions(&all);
        for (nth, function) in names.functions.iter().enumerate() {
            names.homes[function.whole.clone()].fill(Some(nth));
        }
        names.find_variables();
        for (nth, variable) in names.variables.iter().enumerate() {
            names.by_name.entry(names.tokens[variable.name].text).or_default().push(nth);
        }
        names
    }

    pub(super) fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    pub(super) fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(text))
    }

    /// Where a bracket closes; the end of the text if it does not.
    pub(super) fn close(&self, at: usize) -> usize {
        self.closing.get(at).copied().unwrap_or(self.tokens.len())
    }

    /// The token at a byte: one that holds it, or that ends there.
    pub(super) fn at(&self, offset: usize) -> Option<usize> {
        let after = self.tokens.partition_point(|token| token.start <= offset);
        let inside = |at: &usize| offset <= self.tokens[*at].end();
        let last = after.checked_sub(1).filter(inside)?;
        // Between two tokens a word counts before a symbol, and what is on the left before the rest.
        let before = last.checked_sub(1).filter(|at| self.tokens[*at].end() == offset);
        let word = |at: usize| self.tokens[at].kind == Kind::Word;
        Some(before.filter(|_| !word(last) && self.tokens[last].start == offset).unwrap_or(last))
    }

    /// The innermost bracket that is open in front of a token.
    pub(super) fn bracket_before(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for at in (0..at.min(self.tokens.len())).rev() {
            let token = &self.tokens[at];
            if token.closes() {
                depth += 1;
            } else if token.opens() {
                match depth {
                    0 => return Some(at),
                    _ => depth -= 1,
                }
            }
        }
        None
    }

    pub(super) fn function_at(&self, at: usize) -> Option<&Function> {
        self.functions.get(self.homes.get(at).copied().flatten()?)
    }

    pub(super) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| self.word(function.name) == name)
    }

    /// The callback that a function is.
    pub(super) fn callback(&self, function: &Function) -> Option<Callback> {
        Callback::ALL.into_iter().find(|callback| callback.name() == self.word(function.name))
    }

    /// The variable that a name stands for at a place.
    pub(super) fn variable(&self, at: usize, name: &str) -> Option<&Variable> {
        let named = self.by_name.get(name)?.iter().map(|nth| &self.variables[*nth]);
        let home_of = |at: usize| self.homes.get(at).copied().flatten();
        let around = home_of(at);
        let seen = named.filter(|variable| {
            let home = home_of(variable.name);
            // A function knows the constants and modules of the top level, and no variables.
            let outer = home.is_none() && matches!(variable.given, Given::Const | Given::Import);
            variable.name == at
                || (home == around && variable.visible.start <= at && at <= variable.visible.end)
                || (outer && around.is_some())
        });
        seen.max_by_key(|variable| (variable.name == at, variable.name))
    }

    /// The variables that can be used at a place.
    pub(super) fn visible(&self, at: usize) -> Vec<&Variable> {
        let mut seen: Vec<&Variable> = self
            .variables
            .iter()
            .filter_map(|variable| self.variable(at, self.word(variable.name)))
            .collect();
        seen.sort_by_key(|variable| variable.name);
        seen.dedup_by_key(|variable| variable.name);
        seen
    }

    /// Whether a name stands behind a dot, in front of a map's value, or behind `::`.
    pub(super) fn is_member(&self, at: usize) -> bool {
        let before = at.checked_sub(1);
        before.is_some_and(|at| [".", "?.", "::"].iter().any(|dot| self.is(at, dot)))
            || self.is_key(at)
    }

    /// Whether this is a key of a map.
    pub(super) fn is_key(&self, at: usize) -> bool {
        self.is(at + 1, ":") && self.bracket_before(at).is_some_and(|open| self.is(open, "#{"))
    }

    fn find_functions(&mut self, all: &[Token<'a>]) {
        for at in 0..self.tokens.len() {
            if !self.is(at, "fn") || !self.tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Word)
            {
                continue;
            }
            let name = at + 1;
            let end_of_params =
                if self.is(name + 1, "(") { self.close(name + 1) } else { name + 1 };
            let params = (name + 2..end_of_params).filter(|at| self.tokens[*at].kind == Kind::Word);
            let params: Vec<usize> = params.collect();
            let open = end_of_params + 1;
            let end = match self.is(open, "{") {
                true => self.close(open),
                false => open.min(self.tokens.len()),
            };
            let start = if at > 0 && self.is(at - 1, "private") { at - 1 } else { at };
            let doc = self.doc_before(all, self.tokens[start].start);
            let whole = start..(end + 1).min(self.tokens.len());
            let body = (open + 1).min(end)..end;
            self.functions.push(Function { name, params, whole, body, doc });
        }
    }

    /// The comment that ends on the line above.
    fn doc_before(&self, all: &[Token<'a>], start: usize) -> String {
        let mut lines = Vec::new();
        let mut below = start;
        for comment in all.iter().rev().filter(|token| token.end() <= start) {
            let gap = &self.text[comment.end()..below];
            if comment.kind != Kind::Comment
                || !gap.trim().is_empty()
                || gap.matches('\n').count() > 1
            {
                break;
            }
            let text = comment.text.trim_start_matches('/').trim_matches(['*', '/']);
            lines.push(text.trim().to_owned());
            below = comment.start;
        }
        lines.reverse();
        lines.join("\n")
    }

    fn find_variables(&mut self) {
        let mut found = Vec::new();
        for function in &self.functions {
            for &name in &function.params {
                let (visible, value) = (function.body.clone(), 0..0);
                found.push(Variable { name, given: Given::Param, visible, value });
            }
        }
        for at in 0..self.tokens.len() {
            match self.word(at) {
                "let" | "const" if self.tokens[at].kind == Kind::Word => {
                    found.extend(self.bound(at))
                }
                "for" if self.tokens[at].kind == Kind::Word => found.extend(self.looped(at)),
                "as" if self.is_import(at) => {
                    let end = self.block_end(at);
                    found.push(Variable {
                        name: at + 1,
                        given: Given::Import,
                        visible: at..end,
                        value: at - 1..at,
                    });
                }
                "catch" if self.is(at + 1, "(") => {
                    let end = self.close(self.close(at + 1) + 1);
                    found.push(Variable {
                        name: at + 2,
                        given: Given::Other,
                        visible: at + 2..end,
                        value: 0..0,
                    });
                }
                "|" => found.extend(self.closure(at)),
                _ => {}
            }
        }
        found.retain(|variable| self.tokens.get(variable.name).is_some_and(Token::is_name));
        self.variables = found;
    }

    fn is_import(&self, at: usize) -> bool {
        at >= 2 && self.is(at - 2, "import") && self.tokens[at].kind == Kind::Word
    }

    /// The end of the block that a token stands in.
    fn block_end(&self, at: usize) -> usize {
        let mut open = self.bracket_before(at);
        while let Some(at) = open.filter(|at| !self.is(*at, "{")) {
            open = self.bracket_before(at);
        }
        open.map_or(self.tokens.len(), |open| self.close(open))
    }

    /// The end of the expression that begins here.
    fn expression_end(&self, mut at: usize) -> usize {
        while at < self.tokens.len() {
            let token = &self.tokens[at];
            if token.opens() {
                at = self.close(at);
            } else if token.closes() || token.is(";") || token.is(",") {
                return at;
            } else if matches!(token.text, "let" | "const" | "fn") && token.kind == Kind::Word {
                // The line above is not finished.
                return at;
            }
            at += 1;
        }
        self.tokens.len()
    }

    fn bound(&self, at: usize) -> Option<Variable> {
        let given = if self.is(at, "const") { Given::Const } else { Given::Let };
        let value = match self.is(at + 2, "=") {
            true => at + 3..self.expression_end(at + 3),
            false => 0..0,
        };
        let start = value.end.max(at + 2);
        (at + 1 < self.tokens.len()).then(|| Variable {
            name: at + 1,
            given,
            visible: start..self.block_end(at).max(start),
            value,
        })
    }

    fn looped(&self, at: usize) -> Vec<Variable> {
        let Some(within) = (at..self.tokens.len().min(at + 8)).find(|at| self.is(*at, "in")) else {
            return Vec::new();
        };
        let open = (within..self.tokens.len()).find(|at| self.is(*at, "{") || self.is(*at, ";"));
        let open = open.unwrap_or(self.tokens.len());
        let end = self.close(open);
        let names = (at + 1..within).filter(|at| self.tokens[*at].kind == Kind::Word);
        // The second name counts.
        let value = |nth: usize| if nth == 0 { within + 1..open } else { 0..0 };
        names
            .enumerate()
            .map(|(nth, name)| Variable {
                name,
                given: Given::For,
                visible: open..end,
                value: value(nth),
            })
            .collect()
    }

    fn closure(&self, at: usize) -> Vec<Variable> {
        let opens = match at.checked_sub(1) {
            Some(before) => {
                ["(", ",", "=", "return", ":", "[", "{", ";"].iter().any(|t| self.is(before, t))
            }
            None => true,
        };
        let bar = (at + 1..self.tokens.len().min(at + 40)).find(|at| self.is(*at, "|"));
        let (true, Some(bar)) = (opens, bar) else { return Vec::new() };
        let end = self.expression_end(bar + 1);
        let names = (at + 1..bar).filter(|at| self.tokens[*at].kind == Kind::Word);
        names
            .map(|name| Variable { name, given: Given::Other, visible: bar..end, value: 0..0 })
            .collect()
    }

    /// The text of a string without its quotes, if it has nothing inside.
    pub(super) fn string(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Text)?;
        token.text.strip_prefix(['"', '`'])?.strip_suffix(['"', '`'])
    }
}

/// For each bracket that opens, where it closes.
fn closing(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut closing = vec![tokens.len(); tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        // A function that begins at the left edge ends what was left open above it.
        if token.opens() {
            open.push(at);
        } else if token.closes()
            && let Some(before) = open.pop()
        {
            closing[before] = at;
        }
    }
    closing
}
