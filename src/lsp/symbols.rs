//! The outline of a script, and the options that it declares.

use super::document::Document;
use super::names::{Given, Names};
use crate::script::syntax::Kind;
use lsp_types::{DocumentSymbol, SymbolKind};

/// An option of the declaration, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeclaredOption {
    pub(super) name: String,
    /// `int`, `double`, …; `array` for several or repeated ones.
    pub(super) kind: String,
    /// The declaration itself.
    pub(super) text: String,
    /// The token of its name.
    pub(super) at: usize,
}

/// The options that `info` declares.
pub(super) fn options(names: &Names<'_>) -> Vec<DeclaredOption> {
    let Some(info) = names.function("info") else { return Vec::new() };
    let key = info.body.clone().find(|at| names.is(*at, "options") && names.is(*at + 1, ":"));
    let Some(open) = key.map(|at| at + 2).filter(|at| names.is(*at, "#{")) else {
        return Vec::new();
    };
    let close = names.close(open).min(names.tokens.len());
    let mut options = Vec::new();
    let mut at = open + 1;
    while at < close {
        if names.is(at + 1, ":")
            || (names.tokens[at].kind == Kind::Text && names.word(at + 1) == ":")
        {
            let mut end = at + 2;
            while end < close && !names.is(end, ",") {
                end = if names.tokens[end].opens() { names.close(end) + 1 } else { end + 1 };
            }
            let end = end.min(close);
            let text = names.tokens.get(at + 2).map_or("", |first| {
                let last = names.tokens[end - 1].end();
                names.text.get(first.start..last).unwrap_or("")
            });
            options.push(DeclaredOption {
                name: names.string(at).unwrap_or_else(|| names.word(at)).to_owned(),
                kind: kind_of(names, at + 2, end),
                text: text.split_whitespace().collect::<Vec<_>>().join(" "),
                at,
            });
            at = end;
        }
        at += 1;
    }
    options
}

fn kind_of(names: &Names<'_>, start: usize, end: usize) -> String {
    if names.is(start, "[") {
        return "array".to_owned();
    }
    let keyed = |key: &str| (start..end).find(|at| names.is(*at, key) && names.is(*at + 1, ":"));
    if keyed("repeated").is_some_and(|at| names.is(at + 2, "true")) {
        return "array".to_owned();
    }
    let text = keyed("type").map_or(start, |at| at + 2);
    names.string(text).unwrap_or_default().to_owned()
}

/// Functions, constants, modules and options, for an outline.
#[allow(deprecated)] // A field of the protocol that has to be filled.
pub(super) fn outline(document: &Document) -> Vec<DocumentSymbol> {
    let names = Names::of(&document.text);
    let symbol =
        |name: &str, kind, detail: Option<String>, whole: std::ops::Range<usize>, at: usize| {
            let byte =
                |at: usize| names.tokens.get(at).map_or(document.text.len(), |token| token.start);
            let end = whole.end.checked_sub(1).and_then(|at| names.tokens.get(at));
            let own = names.tokens[at];
            let end = end.map_or(own.end(), |token| token.end()).max(own.end());
            DocumentSymbol {
                name: name.to_owned(),
                detail,
                kind,
                tags: None,
                deprecated: None,
                range: document.range(byte(whole.start).min(own.start), end),
                selection_range: document.range(own.start, own.end()),
                children: None,
            }
        };
    let mut symbols = Vec::new();
    for function in &names.functions {
        let params: Vec<&str> = function.params.iter().map(|at| names.word(*at)).collect();
        let detail = Some(format!("({})", params.join(", ")));
        let mut one = symbol(
            names.word(function.name),
            SymbolKind::FUNCTION,
            detail,
            function.whole.clone(),
            function.name,
        );
        if names.word(function.name) == "info" {
            let options = options(&names).into_iter().map(|option| {
                symbol(
                    &option.name,
                    SymbolKind::PROPERTY,
                    Some(option.text),
                    option.at..option.at + 1,
                    option.at,
                )
            });
            one.children = Some(options.collect());
        }
        symbols.push(one);
    }
    for variable in names.variables.iter().filter(|v| names.function_at(v.name).is_none()) {
        let kind = match variable.given {
            Given::Const => SymbolKind::CONSTANT,
            Given::Import => SymbolKind::MODULE,
            Given::Let => SymbolKind::VARIABLE,
            _ => continue,
        };
        let whole = variable.name..variable.value.end.max(variable.name + 1);
        symbols.push(symbol(names.word(variable.name), kind, None, whole, variable.name));
    }
    symbols.sort_by_key(|symbol| (symbol.range.start.line, symbol.range.start.character));
    symbols
}
