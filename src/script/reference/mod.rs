//! The description of every function that scripts can call: signatures with types, a sentence, errors, the effect of
//! NaN, and an example.
//!
//! The entries are in the `*.toml` files beside this one; [`signature`] says how signatures are written. Completion,
//! hover and signature help of the language server, the page of the lab and `docs/functions.md` are all generated
//! from them, so they cannot disagree. The tests compare the entries with the engine in both directions, with numbers
//! and types of arguments, run the examples, and call the functions with what the errors and the sentence on NaN name
//! (`cases.txt`). A new native function needs an entry; `RHAI_UDF_BLESS=1 cargo test --lib reference` then writes the
//! page again.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod cases;
pub mod page;
pub mod signature;
#[cfg(test)]
mod tests;

use serde::Deserialize;
pub use signature::{Form, Param, Signature};
use std::sync::LazyLock;

/// The files, in the order of the page.
const FILES: [&str; 12] = [
    include_str!("data.toml"),
    include_str!("series.toml"),
    include_str!("moments.toml"),
    include_str!("order.toml"),
    include_str!("tests.toml"),
    include_str!("detectors.toml"),
    include_str!("distance.toml"),
    include_str!("decisions.toml"),
    include_str!("collections.toml"),
    include_str!("models.toml"),
    include_str!("numbers.toml"),
    include_str!("rhai.toml"),
];

/// The description of a function, a method, a property or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it is called; methods that several types have are here once for each.
    pub signatures: Vec<Signature>,
    /// The signatures as they are written in the file.
    pub written: Vec<String>,
    /// The types that have it, if there are several.
    pub of: Vec<String>,
    /// One sentence.
    pub says: String,
    /// The errors, except those of arguments of another type.
    pub errors: Option<String>,
    /// The effect of NaN.
    pub nan: Option<String>,
    /// Lines of a script; `// => value` says what one gives.
    pub example: Option<String>,
    /// Whether the property or the index can be set.
    pub settable: bool,
    /// Whether the interpreter itself knows it, so that it is not among the registered functions.
    pub keyword: bool,
}

/// The entries of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What is in it, in the order of the file.
    pub entries: Vec<Entry>,
}

/// An entry as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    is: Vec<String>,
    #[serde(default)]
    of: String,
    says: String,
    errors: Option<String>,
    nan: Option<String>,
    example: Option<String>,
    #[serde(default)]
    settable: bool,
    #[serde(default)]
    keyword: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    entry: Vec<Written>,
}

/// Everything that scripts can call.
pub fn sections() -> &'static [Section] {
    static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| FILES.map(read).into());
    &SECTIONS
}

/// All entries.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    sections().iter().flat_map(|section| &section.entries)
}

/// The signatures of this name, each with its entry.
pub fn named(name: &str) -> impl Iterator<Item = (&'static Signature, &'static Entry)> {
    let name = name.to_owned();
    entries()
        .flat_map(|entry| entry.signatures.iter().map(move |signature| (signature, entry)))
        .filter(move |(signature, _)| signature.name == name)
}

/// The names of what a type has in a form, such as its methods; empty for a type that is not ours.
pub fn members(of: &str, form: Form) -> Vec<&'static str> {
    let signatures = entries().flat_map(|entry| &entry.signatures);
    let its = signatures.filter(|one| one.form == form && one.of.as_deref() == Some(of));
    let mut names: Vec<_> = its.map(|signature| signature.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn read(text: &str) -> Section {
    let file: File = toml::from_str(text).expect("the tests read every file");
    Section { title: file.title, entries: file.entry.into_iter().map(entry).collect() }
}

fn entry(written: Written) -> Entry {
    let of: Vec<String> = written.of.split_whitespace().map(str::to_owned).collect();
    let parse = |text: &String| Signature::parse(text).expect("the tests read every signature");
    let plain: Vec<Signature> = written.is.iter().map(parse).collect();
    let signatures = match of.is_empty() {
        true => plain,
        false => of
            .iter()
            .flat_map(|kind| plain.iter().map(move |signature| signature.clone().of_type(kind)))
            .collect(),
    };
    Entry {
        signatures,
        written: written.is,
        of,
        says: written.says,
        errors: written.errors,
        nan: written.nan.map(|nan| nan_text(&nan)),
        example: written.example.map(|example| example.trim().to_owned()),
        settable: written.settable,
        keyword: written.keyword,
    }
}

/// The sentence for an abbreviation that many entries use.
fn nan_text(nan: &str) -> String {
    match nan {
        "error" => "NaN and infinities are an error.",
        "skip" => {
            "NaN and infinities are an error. An object that was made with `nan: \"skip\"` leaves them out."
        }
        "gap" => "NaN stands for a gap. It is kept in the result.",
        "last" => "NaN comes last.",
        "replaced" => "NaN stands for a gap, which is filled.",
        "left out" => "NaN and infinities are left out.",
        "false" => "NaN gives false.",
        "false, but for `!=`" => "NaN gives false, but true for `!=`.",
        other => other,
    }
    .to_owned()
}

impl Entry {
    /// The entry as Markdown, for a hover.
    pub fn markdown(&self) -> String {
        let mut text = format!("```rhai\n{}\n```\n\n{}", self.written_of().join("\n"), self.says);
        self.add_details(&mut text);
        if let Some(example) = &self.example {
            text += &format!("\n\n```rhai\n{example}\n```");
        }
        text
    }

    /// The signatures as they are written, with what has them in front.
    fn written_of(&self) -> Vec<String> {
        let prefix = match self.of.as_slice() {
            [] => "",
            [one] => &format!("{one}."),
            _ => "x.",
        };
        self.written.iter().map(|text| format!("{prefix}{text}")).collect()
    }

    fn add_details(&self, text: &mut String) {
        if let Some(errors) = &self.errors {
            *text += &format!("\n\nErrors: {}", lower_first(errors));
        }
        if let Some(nan) = &self.nan {
            *text += &format!("\n\n{nan}");
        }
        if self.settable {
            *text += "\n\nA script can set it.";
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
