//! `docs/functions.md`, made of the entries.

use super::{Entry, sections};
use std::fmt::Write;

const INTRODUCTION: &str = "# Functions

Everything that a script can call. This page is made of the same table as hover and completion in an
[editor](editors.md): `src/script/reference`. The tests compare the table with the functions that the engine really has, and
run every example.

`name(a: type, b?: type) -> type` takes `a`, may be given `b`, and gives a value of the type behind the arrow. `x.name(…)` is a method and
`x.name` a property of a value. A `number` is an int or a double, `numbers` a series or an array of numbers, a `sample` those or an object
that keeps statistics (or `#{ mean, stddev, n }`); a `time` is an int in nanoseconds since 1970, a `duration` nanoseconds or a text such as
`\"90s\"`; `#{ a, b }` is a map with these keys, `any` any value. Functions are methods of their first argument too: `sort(s)` is
`s.sort()`. `//` behind a line of an example tells what it gives, numbers to six digits.

An argument of another type is always an error that names the function, the argument and what was there; so is a setting that is not known.
What does not exist yet is `()`, and an error that quotes the reason where a number is needed. Objects are values: a copy does not change with
the original. `==`, `!=`, `to_string` and `to_debug` are there for all of them.

In the examples `p` is a point of measurement `m` with the tag `host`, the fields `x` (1.5), `n` (3) and `s` (\"up\") at 10 s; `batch`
holds five points with `x` from 1 to 5; `s` is `series([3, 1, 2])`, `second` is 1,000,000,000, and `opt` has `field` and `size`.
";

/// The page as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in sections() {
        let _ = write!(page, "\n## {}\n", section.title);
        let (detailed, short): (Vec<&Entry>, Vec<&Entry>) =
            section.entries.iter().partition(|entry| entry.example.is_some());
        for entry in detailed {
            add(&mut page, entry);
        }
        if !short.is_empty() {
            page.push_str("\n| | |\n| --- | --- |\n");
        }
        for entry in short {
            let code: Vec<String> =
                entry.written.iter().map(|s| format!("`{}`", s.replace('|', "\\|"))).collect();
            let _ = writeln!(page, "| {} | {} |", code.join("<br>"), entry.says);
        }
    }
    page
}

fn add(page: &mut String, entry: &Entry) {
    let mut names: Vec<String> = entry.signatures.iter().map(heading).collect();
    names.dedup();
    if entry.of.len() > 1 {
        let name = &entry.signatures[0].name;
        names = vec![format!("`.{name}`")];
    }
    let mut unique: Vec<String> = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    let _ = write!(
        page,
        "\n### {}\n\n```\n{}\n```\n\n",
        unique.join(", "),
        entry.written_of().join("\n")
    );
    page.push_str(&entry.says);
    if entry.of.len() > 1 {
        let of: Vec<String> = entry.of.iter().map(|kind| format!("`{kind}`")).collect();
        let _ = write!(page, " A value has it that is made by {}.", of.join(", "));
    }
    let mut details = String::new();
    entry.add_details(&mut details);
    page.push_str(&details);
    let example = entry.example.as_deref().unwrap_or_default();
    let _ = write!(page, "\n\n```rhai example\n{example}\n```\n");
}

/// What stands in the heading: the name, with the type in front.
fn heading(signature: &super::Signature) -> String {
    match &signature.of {
        Some(of) if signature.name.is_empty() => format!("`{of}[…]`"),
        Some(of) => format!("`{of}.{}`", signature.name),
        None => format!("`{}`", signature.name),
    }
}
