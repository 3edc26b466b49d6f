//! The completions at a place.

use super::document::Document;
use super::hover::{about, is_of, markdown, shown};
use super::infer::Infer;
use super::names::{Given, Names};
use super::navigate::modules;
use super::sample::Sample;
use super::symbols;
use super::types::{Type, Types};
use crate::script::Callback;
use crate::script::reference::{self, Entry, Form, Signature};
use crate::script::syntax::{KEYWORDS, Kind, VALUES};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat,
    TextEdit,
};
use std::collections::BTreeMap;

/// Items by their label, so that none is offered twice.
type Items = BTreeMap<String, CompletionItem>;

/// What can stand at a byte.
pub(super) fn complete(document: &Document, offset: usize, sample: &Sample) -> Vec<CompletionItem> {
    if in_comment(&document.text, offset) {
        return Vec::new();
    }
    let names = Names::of(&document.text);
    let infer = Infer { names: &names, fields: &sample.fields };
    let at = names.at(offset);
    let mut items = Items::new();
    let word = at.filter(|at| names.tokens[*at].kind == Kind::Word);
    // The token in front of what is being typed.
    let before = match (word, at) {
        (Some(word), _) => word.checked_sub(1),
        (None, Some(at)) if names.tokens[at].kind == Kind::Number => return Vec::new(),
        (None, Some(at))
            if names.tokens[at].kind == Kind::Text && !ends_expression(&names, at, offset) =>
        {
            return in_string(&names, &infer, document, at, sample);
        }
        (None, at) => {
            at.or_else(|| names.tokens.partition_point(|t| t.end() <= offset).checked_sub(1))
        }
    };
    let here = before.map_or(0, |before| before + 1);
    match before {
        Some(dot) if names.is(dot, ".") || names.is(dot, "?.") => {
            members(&names, &infer.before_dot(dot), sample, &mut items);
        }
        Some(colons) if names.is(colons, "::") => {
            let alias = colons.checked_sub(1).map_or("", |at| names.word(at));
            of_module(&names, document, alias, &mut items);
        }
        _ => {
            if !keys(&names, here, &mut items) {
                anything(&names, &infer, here, &mut items);
            }
        }
    }
    items.into_values().collect()
}

fn in_comment(text: &str, offset: usize) -> bool {
    let tokens = crate::script::syntax::tokens(text);
    tokens.iter().any(|token| {
        let open = token.unfinished || token.text.starts_with("//");
        token.kind == Kind::Comment
            && token.start < offset
            && (offset < token.end() || (open && offset == token.end()))
    })
}

/// Whether a byte lies behind a part of a string that ends with `${`.
fn ends_expression(names: &Names<'_>, at: usize, offset: usize) -> bool {
    let token = names.tokens[at];
    token.end() == offset && (token.text.ends_with("${") || !token.unfinished)
}

fn item(label: &str, kind: CompletionItemKind, detail: String) -> CompletionItem {
    CompletionItem {
        label: label.to_owned(),
        kind: Some(kind),
        detail: (!detail.is_empty()).then_some(detail),
        ..CompletionItem::default()
    }
}

fn documented(signature: &Signature, entry: &Entry) -> CompletionItem {
    let kind = match signature.form {
        Form::Property => CompletionItemKind::PROPERTY,
        Form::Method => CompletionItemKind::METHOD,
        _ => CompletionItemKind::FUNCTION,
    };
    CompletionItem {
        documentation: Some(Documentation::MarkupContent(markdown(entry.markdown()))),
        ..item(&signature.name, kind, signature.to_string())
    }
}

fn signatures() -> impl Iterator<Item = (&'static Signature, &'static Entry)> {
    reference::entries()
        .flat_map(|entry| entry.signatures.iter().map(move |signature| (signature, entry)))
}

fn members(names: &Names<'_>, types: &Types, sample: &Sample, items: &mut Items) {
    for kind in types {
        if let Type::Map(keys) = kind {
            for (key, types) in keys {
                add(items, item(key, CompletionItemKind::FIELD, shown(types)));
            }
        }
        match kind.name() {
            "point" => {
                for (field, kind) in &sample.fields {
                    if rhai::is_valid_identifier(field) {
                        add(
                            items,
                            item(field, CompletionItemKind::FIELD, format!("field, {kind}")),
                        );
                    }
                }
            }
            "options" => {
                for option in symbols::options(names) {
                    add(items, item(&option.name, CompletionItemKind::FIELD, option.text));
                }
            }
            _ => {}
        }
    }
    for (signature, entry) in signatures() {
        let member = matches!(signature.form, Form::Method | Form::Property);
        // For a value of unknown type, the members of all types are offered.
        let fits = if types.is_empty() { member } else { is_of(signature, types) };
        if fits && rhai::is_valid_identifier(&signature.name) {
            add(items, documented(signature, entry));
        }
    }
}

fn add(items: &mut Items, item: CompletionItem) {
    items.entry(item.label.clone()).or_insert(item);
}

fn of_module(names: &Names<'_>, document: &Document, alias: &str, items: &mut Items) {
    let module = modules(names, &document.path).into_iter().find(|(known, _)| *known == alias);
    let Some(module) = module.and_then(|(_, path)| Document::read(&path)) else { return };
    functions(&Names::of(&module.text), items);
}

fn functions(names: &Names<'_>, items: &mut Items) {
    // Callbacks are called by the host only.
    for function in names.functions.iter().filter(|function| names.callback(function).is_none()) {
        let params: Vec<&str> = function.params.iter().map(|at| names.word(*at)).collect();
        let name = names.word(function.name);
        let mut one =
            item(name, CompletionItemKind::FUNCTION, format!("fn {name}({})", params.join(", ")));
        if !function.doc.is_empty() {
            one.documentation = Some(Documentation::MarkupContent(markdown(function.doc.clone())));
        }
        add(items, one);
    }
}

/// The keys of the map that a token stands in, if something knows them.
fn keys(names: &Names<'_>, at: usize, items: &mut Items) -> bool {
    let Some(open) = names.bracket_before(at).filter(|open| names.is(*open, "#{")) else {
        return false;
    };
    let fresh = at == open + 1 || names.is(at - 1, ",");
    let known: Vec<String> = match names.bracket_before(open) {
        Some(call) if names.is(call, "(") && call > 0 => reference::named(names.word(call - 1))
            .flat_map(|(signature, _)| signature.params.iter().flat_map(|param| &param.types))
            .filter(|kind| kind.starts_with("#{"))
            .flat_map(|kind| kind.trim_matches(['#', '{', '}']).split(','))
            .map(|key| key.trim().to_owned())
            .collect(),
        Some(block)
            if names.is(block, "{")
                && names.function("info").is_some_and(|f| f.body.start == block + 1) =>
        {
            ["wants", "provides", "scope", "about", "options"].map(str::to_owned).into()
        }
        _ => Vec::new(),
    };
    if !fresh || known.is_empty() {
        return false;
    }
    for key in known {
        add(items, item(&key, CompletionItemKind::FIELD, String::new()));
    }
    true
}

fn anything(names: &Names<'_>, infer: &Infer<'_, '_>, at: usize, items: &mut Items) {
    let top = names.function_at(at).is_none() && names.bracket_before(at).is_none();
    if top {
        callbacks(names, items);
    }
    for variable in names.visible(at) {
        let kind = match variable.given {
            Given::Import => CompletionItemKind::MODULE,
            Given::Const => CompletionItemKind::CONSTANT,
            _ => CompletionItemKind::VARIABLE,
        };
        add(items, item(names.word(variable.name), kind, shown(&infer.variable(variable, 0))));
    }
    functions(names, items);
    for (signature, entry) in signatures().filter(|(signature, _)| signature.form == Form::Function)
    {
        add(items, documented(signature, entry));
    }
    for word in KEYWORDS.iter().chain(VALUES) {
        add(items, item(word, CompletionItemKind::KEYWORD, String::new()));
    }
}

/// The callbacks that are not there yet, as functions to fill in.
fn callbacks(names: &Names<'_>, items: &mut Items) {
    for callback in
        Callback::ALL.into_iter().filter(|callback| names.function(callback.name()).is_none())
    {
        let mut one = item(
            callback.name(),
            CompletionItemKind::FUNCTION,
            format!("fn {}", callback.signature()),
        );
        one.documentation = Some(Documentation::MarkupContent(markdown(about(callback))));
        let written = names.tokens.last().is_some_and(|token| token.is("fn"));
        let head = if written { "" } else { "fn " };
        one.insert_text = Some(format!("{head}{} {{\n    $0\n}}", callback.signature()));
        one.insert_text_format = Some(InsertTextFormat::SNIPPET);
        add(items, one);
    }
}

/// Names of fields inside `p["…"]`, `batch.column("…")` and the like.
fn in_string(
    names: &Names<'_>,
    infer: &Infer<'_, '_>,
    document: &Document,
    at: usize,
    sample: &Sample,
) -> Vec<CompletionItem> {
    let Some(open) = at.checked_sub(1) else { return Vec::new() };
    let called = open.checked_sub(1).map_or("", |at| names.word(at));
    let types = match (names.word(open), called) {
        ("[", _) => infer.before_dot(open),
        ("(", "column" | "has" | "contains" | "remove" | "set" | "tag") if open > 1 => {
            infer.before_dot(open - 2)
        }
        _ => return Vec::new(),
    };
    let is = |name: &str| types.iter().any(|kind| kind.name() == name);
    let wanted: Vec<(String, String)> = match called {
        "tag" => sample.tags.iter().map(|tag| (tag.clone(), "tag".to_owned())).collect(),
        _ if is("options") => {
            symbols::options(names).into_iter().map(|o| (o.name, o.text)).collect()
        }
        _ if is("point") || is("batch") => sample.fields.clone().into_iter().collect(),
        _ => Vec::new(),
    };
    let token = names.tokens[at];
    let quote = usize::from(token.text.len() > 1 && token.text.ends_with('"') && !token.unfinished);
    let range = document.range(token.start + 1, (token.end() - quote).max(token.start + 1));
    let edit = |(name, detail): (String, String)| CompletionItem {
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: name.clone() })),
        ..item(&name, CompletionItemKind::FIELD, detail)
    };
    wanted.into_iter().map(edit).collect()
}
