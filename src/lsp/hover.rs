//! The description of a name, and of the arguments of a call.

use super::document::Document;
use super::infer::Infer;
use super::names::{Function, Names};
use super::navigate::{self, Target};
use super::sample::Sample;
use super::symbols;
use super::types::{Types, accepts};
use crate::script::Callback;
use crate::script::reference::{self, Entry, Form, Signature};
use lsp_types::{
    Documentation, Hover, HoverContents, MarkupContent, MarkupKind, ParameterInformation,
    ParameterLabel, SignatureHelp, SignatureInformation,
};

pub(super) fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// The description of the name at a byte.
pub(super) fn hover(document: &Document, offset: usize, sample: &Sample) -> Option<Hover> {
    let names = Names::of(&document.text);
    let at = names.at(offset)?;
    let infer = Infer { names: &names, fields: &sample.fields };
    let text = text_of(&names, &infer, document, at)?;
    let token = names.tokens[at];
    Some(Hover {
        contents: HoverContents::Markup(markdown(text)),
        range: Some(document.range(token.start, token.end())),
    })
}

fn text_of(
    names: &Names<'_>,
    infer: &Infer<'_, '_>,
    document: &Document,
    at: usize,
) -> Option<String> {
    let name = names.word(at);
    match navigate::target(names, &document.path, at) {
        Some(Target::Option(name)) => {
            let options = symbols::options(names);
            let option = options.iter().find(|option| option.name == name)?;
            return Some(format!(
                "```rhai\n{name}: {}\n```\n\nAn option of the task.",
                option.text
            ));
        }
        Some(Target::Function(name)) => {
            return names.function(&name).map(|f| of_function(names, f));
        }
        Some(Target::Foreign(path, name)) => {
            let module = Document::read(&path)?;
            let foreign = Names::of(&module.text);
            return foreign.function(&name).map(|function| of_function(&foreign, function));
        }
        Some(Target::Local(variable)) => {
            let types = infer.variable(&variable, 0);
            return Some(format!("```rhai\n{name}{}\n```", shown(&types)));
        }
        None => {}
    }
    if name == "this" {
        return Some("The state of the group of the point or batch at hand.".to_owned());
    }
    let entries = entries(names, infer, at);
    if !entries.is_empty() {
        return Some(
            entries.iter().map(|entry| entry.markdown()).collect::<Vec<_>>().join("\n\n---\n\n"),
        );
    }
    let dot = at.checked_sub(1).filter(|at| names.is(*at, ".") || names.is(*at, "?."))?;
    let types = infer.member(&infer.before_dot(dot), name, false, 0);
    (!types.is_empty()).then(|| format!("```rhai\n{name}{}\n```", shown(&types)))
}

/// The entries of the reference for a name, by the type of what it is called on.
pub(super) fn entries(names: &Names<'_>, infer: &Infer<'_, '_>, at: usize) -> Vec<&'static Entry> {
    let name = names.word(at);
    if name.is_empty() {
        return Vec::new();
    }
    let dot = at.checked_sub(1).filter(|at| names.is(*at, ".") || names.is(*at, "?."));
    let call = names.is(at + 1, "(");
    let mut all: Vec<(&Signature, &'static Entry)> = reference::named(name).collect();
    match dot {
        Some(dot) => {
            all.retain(|(signature, _)| {
                if call {
                    signature.form != Form::Property
                } else {
                    signature.form == Form::Property
                }
            });
            let types = infer.before_dot(dot);
            if !types.is_empty() {
                all.retain(|(signature, _)| is_of(signature, &types));
            }
        }
        None => all.retain(|(signature, _)| call && signature.form == Form::Function),
    }
    let mut entries: Vec<&Entry> = all.into_iter().map(|(_, entry)| entry).collect();
    entries.dedup_by_key(|entry| std::ptr::from_ref(*entry));
    entries
}

/// Whether a signature can be called on one of these types.
pub(super) fn is_of(signature: &Signature, types: &Types) -> bool {
    types.iter().any(|kind| match signature.form {
        Form::Method | Form::Property => {
            signature.of.as_deref() == Some(kind.name()) || signature.of.as_deref() == Some("any")
        }
        Form::Function => {
            signature.params.first().is_some_and(|param| accepts(&param.types, kind.name()))
        }
        Form::Index | Form::Operator => false,
    })
}

fn of_function(names: &Names<'_>, function: &Function) -> String {
    let params: Vec<&str> = function.params.iter().map(|at| names.word(*at)).collect();
    let mut text = format!("```rhai\nfn {}({})\n```", names.word(function.name), params.join(", "));
    if let Some(callback) = names.callback(function) {
        text += &format!("\n\n{}", about(callback));
    }
    if !function.doc.is_empty() {
        text += &format!("\n\n{}", function.doc);
    }
    text
}

/// When a callback is called, and what it returns.
pub(super) fn about(callback: Callback) -> String {
    format!("Called {}; returns {}.", callback.called(), callback.returns())
}

pub(super) fn shown(types: &Types) -> String {
    let mut names: Vec<&str> = types.iter().map(super::types::Type::name).collect();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(" | ")) }
}

/// The signatures of the call that a byte stands in.
pub(super) fn signature_help(
    document: &Document,
    offset: usize,
    sample: &Sample,
) -> Option<SignatureHelp> {
    let names = Names::of(&document.text);
    let infer = Infer { names: &names, fields: &sample.fields };
    // The first token that lies behind the byte.
    let here = names.tokens.partition_point(|token| token.start < offset);
    let mut open = names.bracket_before(here)?;
    while !names.is(open, "(") || !names.tokens[open.checked_sub(1)?].is_name() {
        open = names.bracket_before(open)?;
    }
    let (at, nth) = (open - 1, infer.commas(open, here).len());
    let mut signatures = Vec::new();
    for entry in entries(&names, &infer, at) {
        for text in &entry.written {
            let Ok(signature) = Signature::parse(text) else { continue };
            if signature.name != names.word(at) {
                continue;
            }
            // `s.sort()` is `sort(s)`.
            let method = names.is(at - usize::from(at > 0), ".");
            let skipped =
                usize::from(method && signature.form == Form::Function && entry.of.is_empty());
            let params = signature.params.iter().skip(skipped).map(Signature::param_text);
            signatures.push(information(
                text.clone(),
                params.collect(),
                Some(entry.says.clone()),
                nth,
            ));
        }
    }
    let path = &document.path;
    match navigate::target(&names, path, at) {
        Some(Target::Function(_)) => signatures.extend(own(&names, names.word(at), nth)),
        Some(Target::Foreign(path, name)) => {
            if let Some(module) = Document::read(&path) {
                signatures.extend(own(&Names::of(&module.text), &name, nth));
            }
        }
        _ => {}
    }
    let fits = |one: &SignatureInformation| one.parameters.as_ref().is_some_and(|p| p.len() > nth);
    let active = signatures.iter().position(fits).unwrap_or(0);
    (!signatures.is_empty()).then_some(SignatureHelp {
        signatures,
        active_signature: Some(active as u32),
        active_parameter: Some(nth as u32),
    })
}

fn own(names: &Names<'_>, name: &str, nth: usize) -> Vec<SignatureInformation> {
    let functions = names.functions.iter().filter(|function| names.word(function.name) == name);
    functions
        .map(|function| {
            let params: Vec<String> =
                function.params.iter().map(|at| names.word(*at).to_owned()).collect();
            let doc = (!function.doc.is_empty()).then(|| function.doc.clone());
            information(format!("{name}({})", params.join(", ")), params, doc, nth)
        })
        .collect()
}

fn information(
    label: String,
    params: Vec<String>,
    doc: Option<String>,
    nth: usize,
) -> SignatureInformation {
    let parameters = params.into_iter().map(|param| ParameterInformation {
        label: ParameterLabel::Simple(param),
        documentation: None,
    });
    SignatureInformation {
        label,
        documentation: doc.map(|doc| Documentation::MarkupContent(markdown(doc))),
        parameters: Some(parameters.collect()),
        active_parameter: Some(nth as u32),
    }
}
