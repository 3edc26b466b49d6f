//! What an editor offers to complete: the functions and properties that the engine itself knows, with what the
//! documents say of them.

use crate::script::{Callback, Vocabulary};
use crate::tick::definition::spec::NODES;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The pages whose tables say what functions do.
const PAGES: [&str; 2] =
    [include_str!("../../docs/script.md"), include_str!("../../docs/statistics.md")];

/// Says what Rhai scripts and TICKscripts can call.
pub(super) fn describe() -> Value {
    let described = descriptions();
    let about = |name: &str| described.get(name).map(|(signature, text)| json!([signature, text]));
    let vocabulary = Vocabulary::of_engine();
    let functions: Vec<Value> = vocabulary
        .functions
        .iter()
        .map(|(name, counts)| json!({ "name": name, "counts": counts, "about": about(name) }))
        .collect();
    let properties: Vec<Value> = vocabulary
        .properties
        .iter()
        .map(|name| json!({ "name": name, "about": about(name) }))
        .collect();
    let nodes: Vec<Value> = NODES
        .iter()
        .map(|node| {
            let properties: Vec<_> =
                node.properties.iter().map(|(name, takes)| [name, takes]).collect();
            json!({ "name": node.name, "takes": node.arguments, "properties": properties })
        })
        .collect();
    json!({
        "functions": functions,
        "properties": properties,
        "callbacks": Callback::ALL.map(Callback::name),
        "nodes": nodes,
    })
}

/// What the tables of the documents say: the signature and the sentence of each name.
fn descriptions() -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    // What a heading names is described by the paragraph below it; a table's row describes itself.
    for page in PAGES {
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            if line.starts_with("### `") {
                let text = lines.clone().skip_while(|line| line.is_empty());
                let text: Vec<&str> = text.take_while(|line| is_prose(line)).collect();
                describe_all(line, &text.join(" "), &mut found);
            } else if line.starts_with("| `") {
                let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
                if let (Some(first), Some(second)) = (cells.next(), cells.next()) {
                    describe_all(first, second, &mut found);
                }
            }
        }
    }
    found
}

fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['|', '#', '`']) && !line.starts_with("    ")
}

/// Describes every name that stands in backticks.
fn describe_all(names: &str, text: &str, found: &mut BTreeMap<String, (String, String)>) {
    // Every second piece between backticks is code.
    for code in names.split('`').skip(1).step_by(2) {
        let name = name_of(code);
        if !name.is_empty() && !text.is_empty() {
            let described = (code.to_owned(), text.replace('`', ""));
            found.entry(name.to_owned()).or_insert(described);
        }
    }
}

/// The name that a piece of code is about: of `s.outside(low, high)` it is `outside`.
fn name_of(code: &str) -> &str {
    let head = code.split(['(', '[', ' ', ',']).next().unwrap_or_default();
    let name = head.rsplit('.').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(is_name) { name } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_knows_is_described() {
        let language = describe();
        let functions = language["functions"].as_array().unwrap();
        let find = |name: &str| functions.iter().find(|f| f["name"] == name);
        let moving = find("moving_stats").expect("our own functions are known");
        assert!(moving["about"][1].as_str().unwrap().contains("last"), "{moving}");
        assert_eq!(moving["counts"], json!([1, 2]));
        assert!(find("welch_ttest").is_some() && find("trim").is_some());
        assert!(find("+").is_none() && find("get$x").is_none() && find("eval").is_none());
        let properties = language["properties"].as_array().unwrap();
        assert!(properties.iter().any(|p| p["name"] == "mean"));
        // Rhai's own functions are described in its book.
        let described: Vec<_> = functions.iter().filter(|f| !f["about"].is_null()).collect();
        assert!(described.len() > 100, "{} of {}", described.len(), functions.len());
        let test = find("welch_ttest").unwrap();
        assert!(test["about"][0].as_str().unwrap().starts_with("welch_ttest("), "{test}");
    }

    #[test]
    fn names_are_found_in_code() {
        for (code, name) in
            [("s.outside(low, high)", "outside"), ("p.x", "x"), ("p[i]", "p"), ("a + b", "a")]
        {
            assert_eq!(name_of(code), name, "{code}");
        }
    }
}
