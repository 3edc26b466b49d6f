//! The completions of the editor: the functions and properties that scripts can use, with their descriptions.

use crate::script::reference::{self, Entry, Form, Signature};
use crate::script::{Callback, Vocabulary};
use crate::tick::definition::spec::NODES;
use serde_json::{Value, json};

/// Lists what Rhai scripts and TICKscripts can call.
pub(super) fn describe() -> Value {
    let vocabulary = Vocabulary::of_engine();
    let functions: Vec<Value> = vocabulary
        .functions
        .iter()
        .map(|(name, counts)| {
            let about = about(name, |form| form != Form::Property);
            json!({ "name": name, "counts": counts, "about": about })
        })
        .collect();
    let properties: Vec<Value> = vocabulary
        .properties
        .iter()
        .map(|name| json!({ "name": name, "about": about(name, |form| form == Form::Property) }))
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

/// The signature and the sentence of a name; a function's before a method's.
fn about(name: &str, is_meant: impl Fn(Form) -> bool) -> Option<(String, &'static str)> {
    let all: Vec<(&Signature, &Entry)> =
        reference::named(name).filter(|(signature, _)| is_meant(signature.form)).collect();
    let function = all.iter().find(|(signature, _)| signature.form == Form::Function);
    function.or(all.first()).map(|(signature, entry)| (signature.to_string(), entry.says.as_str()))
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
        let common = ["to_string", "to_debug"];
        for all in [functions, properties] {
            for one in all {
                let name = one["name"].as_str().unwrap();
                assert!(!one["about"].is_null() || common.contains(&name), "{name}");
            }
        }
        let test = find("welch_ttest").unwrap();
        assert!(test["about"][0].as_str().unwrap().starts_with("welch_ttest("), "{test}");
    }
}
