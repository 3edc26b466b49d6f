//! `docs/functions.md`, generated from the entries.

use super::{Entry, sections};
use std::fmt::Write;

const INTRODUCTION: &str = "# Functions

This page lists everything that a script can call. It is generated from the files in `src/script/reference`, and so are hover and
completion in an [editor](editors.md). The tests compare these files with the functions that the engine really has. They also run every
example, and call every function with what its errors and its sentence on NaN name.

A signature such as `name(a: type, b?: type) -> type` means: the function needs the argument `a`, accepts the argument `b`, and returns a
value of the type behind the arrow. `x.name(…)` is a method, and `x.name` a property. Every function can also be called as a method of its
first argument: `sort(s)` is `s.sort()`. These types occur in signatures:

| type | meaning |
| --- | --- |
| `number` | an int or a double |
| `numbers` | a series, or an array of numbers |
| `sample` | `numbers`, an object that keeps statistics, or `#{ mean, stddev, n }` |
| `time` | an int: nanoseconds since 1970 |
| `duration` | an int (nanoseconds), or a text such as `\"90s\"` |
| `#{ a, b }` | a map with these keys |
| `any` | a value of any type |
| `this` | the object itself |

An argument of a wrong type is always an error. It names the function, the argument and the value. An unknown setting is an error too.
A statistic that does not exist yet is `()`. If such a `()` is then used where a number is needed, the error says why the statistic did not exist.
Objects are values: a change of a copy does not change the original. All objects have `==`, `!=`, `to_string` and `to_debug`.

In the examples, `// =>` is followed by the value of the line, with numbers rounded to six digits. `p` is a point of measurement `m` at 10 s,
with the tag `host` and the fields `x` (1.5), `n` (3) and `s` (\"up\"). `batch` holds five points with `x` from 1 to 5. `s` is
`series([3, 1, 2])`, `second` is 1,000,000,000, and `opt` has the options `field` and `size`.
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
        let _ = write!(page, " Objects of these types have it: {}.", of.join(", "));
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
