//! `rhai-udf model`: what a trained model takes and gives, the answers that it must give, and what
//! is refused.

use crate::util::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Runs `rhai-udf model` and gives exit code, standard output and standard error.
fn model(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let output = binary().arg("model").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn data(name: &str) -> PathBuf {
    repo("tests/data/models").join(name)
}

/// The values of an output in the order of the keys that are wanted.
fn in_order(got: &Value, want: &Value) -> Vec<Value> {
    let values = got["data"].as_array().unwrap().clone();
    let (Some(keys), Some(wanted)) = (got["keys"].as_array(), want["keys"].as_array()) else {
        return values;
    };
    let places: Vec<usize> =
        wanted.iter().map(|key| keys.iter().position(|k| k == key).unwrap()).collect();
    values.chunks(keys.len()).flat_map(|row| places.iter().map(|&at| row[at].clone())).collect()
}

#[track_caller]
fn same(name: &str, got: &Value, want: &Value) {
    let (got, want) = (in_order(got, want), want["data"].as_array().unwrap());
    assert_eq!(got.len(), want.len(), "{name}");
    for (at, (a, b)) in got.iter().zip(want).enumerate() {
        let equal = match (a.as_f64(), b.as_f64(), a.is_i64() && b.is_i64()) {
            (Some(a), Some(b), false) => (a - b).abs() <= 1e-5 + 1e-5 * b.abs(),
            _ => a == b,
        };
        assert!(equal, "{name}: element {at} is {a} instead of {b}");
    }
}

/// Runs a model on the inputs beside it and compares every output that is known.
#[track_caller]
fn check(file: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let stem = name.split('.').next().unwrap();
    let inputs = file.with_file_name(format!("{stem}.json"));
    let (code, out, err) = model(&[file, Path::new("--run"), &inputs]);
    assert_eq!(code, Some(0), "{name}: {err}");
    let got: Value = serde_json::from_str(&out).unwrap();
    let known: Value = serde_json::from_str(&std::fs::read_to_string(&inputs).unwrap()).unwrap();
    let want = if name.ends_with(".onnx") { &known["outputs"] } else { &known["native"] };
    for (output, want) in want.as_object().unwrap() {
        let got = &got["outputs"][output];
        assert!(got.is_object(), "{name} has no output {output}");
        same(&format!("{name}, {output}"), got, want);
    }
}

/// Whether a file is a model that has its answers beside it.
fn is_model(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    let ends = [".onnx", ".cbm", ".cb.json", ".xgb.json", ".txt"];
    let stem = name.split('.').next().unwrap();
    ends.iter().any(|end| name.ends_with(end))
        && path.with_file_name(format!("{stem}.json")).exists()
}

fn check_folder(folder: &Path) -> usize {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let models = paths.iter().filter(|path| is_model(path));
    models.map(|path| check(path)).count()
}

#[test]
fn models_give_the_answers_of_the_libraries_that_trained_them() {
    assert_eq!(check_folder(&repo("tests/data/models")), 12);
}

/// `RHAI_UDF_MODELS` names a folder of more models, for CI.
#[test]
fn more_models_give_their_answers() {
    if let Some(folder) = std::env::var_os("RHAI_UDF_MODELS") {
        assert!(check_folder(Path::new(&folder)) > 20);
    }
}

#[test]
fn a_model_says_what_it_takes_and_gives() {
    let (code, out, _) = model(&[&data("logreg_names.onnx")]);
    assert_eq!(code, Some(0));
    for part in
        ["ONNX by skl2onnx", "X (float [?, 5])", "output_probability (maps", "labels", "ZipMap"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (_, out, _) = model(&[&data("cb_reg.cbm")]);
    assert!(out.contains("CatBoost binary") && out.contains("30 trees"), "{out}");
}

#[track_caller]
fn refused(file: &Path, part: &str) {
    let (code, out, err) = model(&[file]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains(part), "{err}");
}

#[test]
fn broken_models_are_refused_with_the_reason() {
    let folder = Folder::new("models");
    let whole = std::fs::read(data("svc2.onnx")).unwrap();
    std::fs::write(folder.path("cut.onnx"), &whole[..2000]).unwrap();
    refused(&folder.path("cut.onnx"), "the model is damaged");
    refused(&folder.write("empty.onnx", ""), "the model is damaged");
    refused(&folder.write("other.json", "{\"a\": 1}"), "this is no model that can be read");
    refused(&folder.path("none.onnx"), "cannot be read");
    refused(&data("circle.onnx"), "goes round in a circle");
    refused(&data("unknown_operator.onnx"), "operator my.own.Bessel");
}

#[test]
fn the_limits_bound_a_models_file_and_its_tensors() {
    let folder = Folder::new("model-limits");
    for name in ["svc2.onnx", "svc2.json"] {
        std::fs::copy(data(name), folder.path(name)).unwrap();
    }
    let (file, inputs) = (folder.path("svc2.onnx"), folder.path("svc2.json"));
    let run = || model(&[&file, Path::new("--run"), &inputs]);
    folder.write("rhai-udf.toml", "[limits]\nmodel = \"1KB\"");
    refused(&file, "at least 1025 bytes, at most 1024 are allowed");
    folder.write("rhai-udf.toml", "[limits]\nmemory = 100");
    let (code, out, err) = run();
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("bytes of memory that are allowed"), "{err}");
    folder.write("rhai-udf.toml", "");
    assert_eq!(run().0, Some(0));
}

#[test]
fn what_only_python_reads_is_refused_with_the_line_that_exports_it() {
    let folder = Folder::new("pickles");
    refused(&folder.write("pump.pkl", "x"), "skl2onnx.to_onnx");
    refused(&folder.write("pump.joblib", "x"), "skl2onnx.to_onnx");
    refused(&folder.write("pump.h5", "x"), "export(\"model.onnx\", format=\"onnx\")");
    refused(&folder.write("pump.pt", "x"), "torch.onnx.export");
    std::fs::write(folder.path("pump.bin"), b"\x80\x04\x95rest").unwrap();
    refused(&folder.path("pump.bin"), "a pickle");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let folder = Folder::new("inputs");
    let check = |inputs: Value, part: &str| {
        let file = folder.write("inputs.json", &inputs.to_string());
        let (code, _, err) = model(&[&data("mlp_reg.onnx"), Path::new("--run"), &file]);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(part), "{err}");
    };
    let table =
        |columns: usize| json!({"type": "float", "shape": [1, columns], "data": vec![1; columns]});
    check(json!({}), "there is no 'inputs'");
    check(json!({"inputs": {"X": table(4)}}), "given with the shape [1, 4]");
    check(json!({"inputs": {"X": {"type": "float", "shape": [1, 5], "data": [1]}}}), "1 elements");
    check(
        json!({"inputs": {"X": {"type": "string", "shape": [1, 5], "data": ["a", "b", "c", "d", "e"]}}}),
        "given as string",
    );
    check(json!({"inputs": {"X": table(5), "Y": table(5)}}), "no input 'Y'");
}
