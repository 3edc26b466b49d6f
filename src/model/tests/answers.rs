//! Models of `tests/data/models` give the answers that their libraries and onnxruntime gave.

use super::super::*;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name)
}

/// The models of a folder: everything that is not a document of answers.
fn models(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let ends = [".onnx", ".cbm", ".cb.json", ".xgb.json", ".ubj", ".txt"];
    files.retain(|file| ends.iter().any(|end| file.to_str().unwrap().ends_with(end)));
    files
}

/// The first difference between two lists of numbers, strings or nulls.
fn difference(got: &Json, want: &Json) -> Option<String> {
    let (a, b) = (got["data"].as_array().unwrap(), want["data"].as_array().unwrap());
    let same = |(a, b): (&Json, &Json)| match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-5 + 1e-5 * b.abs(),
        _ => a == b,
    };
    if a.len() != b.len() {
        return Some(format!("{} elements instead of {}", a.len(), b.len()));
    }
    let at = a.iter().zip(b).position(|pair| !same(pair))?;
    Some(format!("element {at} is {} instead of {}", a[at], b[at]))
}

fn check(file: &Path) -> std::result::Result<(), String> {
    let model = Model::load(&std::fs::read(file).unwrap(), DEFAULT_LIMIT);
    let model = model.map_err(|error| error.to_string())?;
    let stem = file.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
    let known = std::fs::read(file.with_file_name(format!("{stem}.json"))).unwrap();
    let known: Json = serde_json::from_slice(&known).unwrap();
    let inputs = json::inputs(&known).map_err(|error| error.to_string())?;
    let outputs = model.run(&inputs, &Run::new(&|| false, 64 << 20));
    let got = json::outputs(&outputs.map_err(|error| error.to_string())?);
    let want = known.get("outputs").or(known.get("native")).unwrap().as_object().unwrap();
    for (name, want) in want {
        let Some(got) = got["outputs"].get(name) else {
            return Err(format!("there is no output {name}"));
        };
        if let Some(text) = difference(got, want) {
            return Err(format!("{name}: {text}"));
        }
    }
    Ok(())
}

#[track_caller]
fn check_all(name: &str, at_least: usize) {
    let files = models(name);
    assert!(files.len() >= at_least, "{name} has only {} models", files.len());
    let problem = |file: &PathBuf| check(file).err().map(|text| format!("{file:?}: {text}"));
    let problems: Vec<String> = files.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn boosted_models_predict_what_their_libraries_predict() {
    check_all("boosters", 75);
}

#[test]
fn estimators_answer_as_onnxruntime_does() {
    check_all("estimators", 22);
}

#[test]
fn networks_answer_as_onnxruntime_does() {
    check_all("networks", 47);
}

#[test]
fn nodes_put_together_by_hand_answer_as_onnxruntime_does() {
    check_all("rules", 250);
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
    let known = [
        ("cb_counters.cb.json", "CatBoost's splits of the type OnlineCtr"),
        ("cb_counters.cbm", "CatBoost's categorical features"),
        ("cb_one_hot.cb.json", "CatBoost's splits of the type OneHotFeature"),
        ("cb_one_hot.cbm", "CatBoost's one-hot features"),
        ("lgb_linear_trees.txt", "LightGBM's linear trees"),
        ("xgb_vector_leaves.ubj", "XGBoost's trees with several targets"),
    ];
    assert_eq!(models("refused").len(), known.len());
    for (name, part) in known {
        let error = Model::load(&std::fs::read(folder("refused").join(name)).unwrap(), 1 << 20);
        let error = error.unwrap_err();
        assert!(matches!(error, ModelError::Unsupported(_)), "{name}: {error}");
        assert!(error.to_string().contains(part), "{name}: {error}");
    }
}
