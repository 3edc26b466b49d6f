//! Trained models in scripts: `model(path)`, `predict`, `run`, reload, snapshots.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::PointMessage;
use serde_json::Value;

const NAMES: [&str; 5] = ["pressure", "flow", "temperature", "vibration", "current"];
const FEATURES: &str = r#"["pressure", "flow", "temperature", "vibration", "current"]"#;

/// A folder with a script and models beside it.
fn folder(name: &str, models: &[(&str, &str)], script: &str) -> Folder {
    let folder = Folder::new(name);
    for (from, to) in models {
        copy(&folder, from, to);
    }
    let info = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n";
    folder.write("script.rhai", &format!("{info}{script}"));
    folder
}

fn copy(folder: &Folder, from: &str, to: &str) {
    let from = repo("tests/data/models").join(from);
    // Written beside and renamed, as a save is: nobody sees half a model.
    std::fs::copy(from, folder.path("new")).unwrap();
    std::fs::rename(folder.path("new"), folder.path(to)).unwrap();
}

fn known(name: &str) -> Value {
    let path = repo("tests/data/models").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The first rows of the pump's data.
fn rows(name: &str) -> Vec<Vec<f64>> {
    let known = known(name);
    let input = known["inputs"].as_object().unwrap().values().next().unwrap();
    let data: Vec<f64> =
        input["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    data.chunks(5).map(<[f64]>::to_vec).collect()
}

fn pump(time: i64, row: &[f64]) -> Request {
    let fields: Vec<_> = NAMES.into_iter().zip(row.iter().copied()).collect();
    point(time, "g", &fields)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 + 1e-5 * b.abs()
}

fn run(folder: &Folder, data: Vec<Request>) -> Run {
    let mut requests = vec![init(&[])];
    requests.extend(data);
    run_udf(&folder.path("script.rhai"), &stream(requests))
}

#[test]
fn a_classifier_gives_its_label_and_probabilities_by_name() {
    let script = format!(
        "fn state() {{ #{{ pump: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn point(p) {{ let r = this.pump.predict(p); p.state = r.label; \
         p.fault = r.probabilities[\"fault\"]; p.classes = `${{this.pump.labels}}`; emit(p); }}"
    );
    let folder = folder("model-classifier", &[("logreg_names.onnx", "pump.onnx")], &script);
    let (rows, known) = (rows("logreg_names"), known("logreg_names"));
    let run = run(&folder, rows.iter().map(|row| pump(1, row)).collect());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let points = run.points();
    assert_eq!(points.len(), rows.len());
    for (at, point) in points.iter().enumerate() {
        let outputs = &known["outputs"];
        assert_eq!(point.fields_string["state"], outputs["output_label"]["data"][at]);
        let fault = outputs["output_probability"]["data"][at * 3].as_f64().unwrap();
        assert!(close(point.fields_double["fault"], fault));
    }
    assert_eq!(points[0].fields_string["classes"], "[\"fault\", \"normal\", \"wear\"]");
}

#[test]
fn every_form_of_input_gives_the_same_bits() {
    let script = format!(
        "fn state() {{ #{{ pump: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn point(p) {{ let m = this.pump; let f = m.features; let row = f.map(|n| p[n]);\n\
         let by_name = #{{}}; for n in f {{ by_name[n] = p[n]; }}\n\
         let columns = row.map(|x| series([x, x, x]));\n\
         let many = m.predict(columns); let value = m.predict(p);\n\
         p.same = value == m.predict(row) && value == m.predict(by_name) \
         && value == m.predict(series(row)) && many.len == 3 && many[2] == value \
         && m.run(#{{ X: row }})[m.outputs[0].name][0][0] == value;\n\
         p.value = value; emit(p); }}"
    );
    let folder = folder("model-forms", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let (rows, known) = (rows("mlp_reg"), known("mlp_reg"));
    let run = run(&folder, rows.iter().map(|row| pump(1, row)).collect());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for (at, point) in run.points().iter().enumerate() {
        let want = known["outputs"]["variable"]["data"][at].as_f64().unwrap();
        assert!(close(point.fields_double["value"], want));
        assert!(point.fields_bool["same"]);
    }
}

#[test]
fn a_model_that_is_a_constant_is_known_in_functions() {
    let script = format!(
        "const PUMP = model(\"pump.onnx\", #{{ features: {FEATURES} }});\n\
         fn point(p) {{ p.value = PUMP.predict(p); emit(p); }}"
    );
    let folder = folder("model-constant", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let run = run(&folder, vec![pump(1, &rows("mlp_reg")[0])]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let want = known("mlp_reg")["outputs"]["variable"]["data"][0].as_f64().unwrap();
    assert!(close(run.points()[0].fields_double["value"], want));
}

#[test]
fn a_network_takes_the_last_rows() {
    let script = format!(
        "fn state() {{ #{{ net: model(\"net.onnx\"), last: rows(12) }} }}\n\
         fn point(p) {{ this.last.push(p, {FEATURES}); let f = this.net.predict(this.last);\n\
         if f != () {{ p.forecast = f; emit(p); }} }}"
    );
    let folder = folder("model-window", &[("torch_lstm.onnx", "net.onnx")], &script);
    let (rows, known) = (rows("torch_lstm"), known("torch_lstm"));
    let run = run(&folder, rows[..12].iter().map(|row| pump(1, row)).collect());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let points = run.points();
    assert_eq!(points.len(), 1, "a window that is not full gives nothing");
    let want = known["outputs"]["forecast"]["data"][0].as_f64().unwrap();
    assert!(close(points[0].fields_double["forecast"], want));
}

#[track_caller]
fn fails(name: &str, script: &str, data: Vec<Request>, part: &str) {
    let folder = folder(name, &[("mlp_reg.onnx", "pump.onnx")], script);
    let run = run(&folder, data);
    let text = format!("{}{}", run.stderr, run.text());
    assert_eq!(run.code, Some(1), "{text}");
    assert!(text.contains(part), "{text}");
}

#[test]
fn what_cannot_be_predicted_is_an_error_that_says_why() {
    let row = || vec![point(1, "g", &[("pressure", 1.0)])];
    let with = |options: &str, body: &str| {
        format!(
            "fn state() {{ #{{ m: model(\"pump.onnx\"{options}) }} }}\nfn point(p) {{ {body} }}"
        )
    };
    let named = format!(", #{{ features: {FEATURES} }}");
    fails("model-names", &with("", "this.m.predict(p)"), row(), "names for its 5 columns");
    fails("model-missing", &with(&named, "this.m.predict(p)"), row(), "field 'flow' is missing");
    fails("model-few", &with("", "this.m.predict([1, 2])"), row(), "2 numbers for 5 columns");
    fails("model-count", &with(", #{ features: [\"a\"] }", ""), row(), "1 features are named");
    fails("model-option", &with(", #{ feature: [] }", ""), row(), "unknown option 'feature'");
    fails("model-none", &with("", "model(\"x.onnx\")"), row(), "'x.onnx' is not loaded");
    fails(
        "model-absent",
        "fn init() { model(\"y.onnx\"); }\nfn point(p) {}",
        row(),
        "these paths were tried",
    );
}

#[test]
fn a_missing_field_is_nan_when_the_script_says_so() {
    let script = format!(
        "fn state() {{ #{{ m: model(\"trees.txt\", #{{ features: {FEATURES}, missing: \"nan\" }}) }} }}\n\
         fn point(p) {{ p.value = this.m.predict(p); emit(p); }}"
    );
    let folder = folder("model-nan", &[("lgbm_reg.txt", "trees.txt")], &script);
    let run = run(&folder, vec![point(1, "g", &[("pressure", 5.0)])]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.points()[0].fields_double["value"].is_finite());
}

/// Predicts with a model that is loaded at the first point of a group.
fn watched(folder: &Folder, row: &[f64], daemon: &mut Daemon) -> f64 {
    let _ = folder;
    daemon.send(pump(1, row));
    daemon.point().fields_double["value"]
}

#[test]
fn a_changed_model_takes_over_and_an_incompatible_one_does_not() {
    let script = format!(
        "fn state() {{ #{{ m: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn point(p) {{ p.value = this.m.predict(p); emit(p); }}"
    );
    let folder = folder("model-reload", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let mut daemon = Daemon::run(&folder.path("script.rhai"), &["--watch"]);
    daemon.init(&[]);
    let row = &rows("mlp_reg")[0];
    let value = |name: &str| known(name)["outputs"]["variable"]["data"][0].as_f64().unwrap();
    assert!(close(watched(&folder, row, &mut daemon), value("mlp_reg")));
    copy(&folder, "pca_error.onnx", "pump.onnx");
    daemon.log.wait("model 'pump.onnx' has other outputs", 1);
    assert!(close(watched(&folder, row, &mut daemon), value("mlp_reg")));
    copy(&folder, "lgbm_reg.onnx", "pump.onnx");
    daemon.log.wait("reload: version", 1);
    assert!(close(watched(&folder, row, &mut daemon), value("lgbm_reg")));
}

/// What a model of one output predicts for each of its known rows.
fn predictions(name: &str) -> Vec<f64> {
    let values = known(name)["outputs"]["variable"]["data"].as_array().unwrap().clone();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn a_rollback_restores_the_model_with_the_script() {
    let (old, new) = (predictions("mlp_reg"), predictions("lgbm_reg"));
    let more = |at: &usize| new[*at] - old[*at];
    let worst = (0..old.len()).max_by(|a, b| more(a).total_cmp(&more(b))).unwrap();
    let limit = (old[worst] + new[worst]) / 2.0;
    let quiet = (0..old.len()).find(|&at| old[at].max(new[at]) < limit).unwrap();
    let script = format!(
        "fn state() {{ #{{ m: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn point(p) {{ let v = this.m.predict(p); if v > {limit:?} {{ throw \"too much\"; }} \
         p.value = v; emit(p); }}"
    );
    let folder = folder("model-rollback", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let mut daemon = Daemon::run(&folder.path("script.rhai"), &["--watch"]);
    daemon.init(&[]);
    let rows = rows("mlp_reg");
    assert!(close(watched(&folder, &rows[quiet], &mut daemon), old[quiet]));
    copy(&folder, "lgbm_reg.onnx", "pump.onnx");
    daemon.log.wait("reload: version", 1);
    assert!(close(watched(&folder, &rows[quiet], &mut daemon), new[quiet]));
    // The new model makes the script fail where the old one does not.
    assert!(close(watched(&folder, &rows[worst], &mut daemon), old[worst]));
    daemon.log.wait("so that version runs again", 1);
    assert!(close(watched(&folder, &rows[quiet], &mut daemon), old[quiet]));
}

#[test]
fn a_model_that_takes_other_inputs_is_refused_while_the_old_one_goes_on() {
    let script = format!(
        "fn state() {{ #{{ m: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn point(p) {{ p.value = this.m.predict(p); emit(p); }}"
    );
    let folder = folder("model-inputs", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let mut daemon = Daemon::run(&folder.path("script.rhai"), &["--watch"]);
    daemon.init(&[]);
    let row = &rows("mlp_reg")[0];
    let want = predictions("mlp_reg")[0];
    assert!(close(watched(&folder, row, &mut daemon), want));
    for (from, reason) in [
        ("estimators/svr_linear.onnx", "model 'pump.onnx' has other"),
        ("unknown_operator.onnx", "operator my.own.Bessel"),
        ("circle.onnx", "goes round in a circle"),
    ] {
        copy(&folder, from, "pump.onnx");
        daemon.log.wait(reason, 1);
        assert!(close(watched(&folder, row, &mut daemon), want), "{from}");
    }
}

#[test]
fn a_snapshot_holds_the_name_of_the_model_and_tells_of_another_digest() {
    let script = format!(
        "fn state() {{ #{{ m: model(\"pump.onnx\", #{{ features: {FEATURES} }}), n: 0 }} }}\n\
         fn point(p) {{ this.n += 1; p.n = this.n; p.value = this.m.predict(p); emit(p); }}"
    );
    let folder = folder("model-snapshot", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let row = &rows("mlp_reg")[0];
    let path = folder.path("script.rhai");
    let snapshot = snapshot_of(&path, vec![pump(1, row)]);
    assert!(snapshot.len() < 1000, "{} bytes", snapshot.len());
    copy(&folder, "lgbm_reg.onnx", "pump.onnx");
    let run = run_udf(&path, &stream(vec![init(&[]), restore(snapshot), pump(2, row)]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.points()[0].fields_int["n"], 2);
    let want = known("lgbm_reg")["outputs"]["variable"]["data"][0].as_f64().unwrap();
    assert!(close(run.points()[0].fields_double["value"], want));
    assert!(run.stderr.contains("the snapshot was made with version"), "{}", run.stderr);
}

#[test]
fn annotate_writes_what_predict_answers_to_a_point_and_to_a_chunk() {
    let loads = format!(
        "fn state() {{ #{{ pump: model(\"pump.onnx\", #{{ features: {FEATURES}, missing: \"nan\" }}) }} }}\n"
    );
    let by_hand = "fn point(p) { let r = this.pump.predict(p); if type_of(r) == \"map\" { p.m = r.label; \
                   for k in r.probabilities.keys() { p[`m_${k}`] = r.probabilities[k]; } } else { p.m = r; } emit(p); }";
    let one = "fn point(p) { p.annotate(this.pump, \"m\"); emit(p); }\n";
    let chunk = "fn points(c) { c.annotate(this.pump, \"m\"); emit(c); }";
    for model in ["logreg_names", "logreg2", "mlp_reg", "xgb_clf2"] {
        let rows = rows(model);
        let data = || {
            let made = |(at, row): (usize, &Vec<f64>)| {
                let mut fields: Vec<_> = NAMES.into_iter().zip(row.iter().copied()).collect();
                if at % 5 == 3 {
                    fields.remove(2); // it is NaN for the model
                }
                point(at as i64, "g", &fields)
            };
            rows.iter().cycle().take(60).enumerate().map(made).collect::<Vec<_>>()
        };
        let file = format!("{model}.onnx");
        let outputs = [by_hand, one, &format!("{one}{chunk}"), chunk].map(|body| {
            let folder =
                folder("model-annotate", &[(&file, "pump.onnx")], &format!("{loads}{body}"));
            let run = run(&folder, data());
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            run.points()
        });
        assert_eq!(outputs[0].len(), 60);
        let fields = |point: &PointMessage| {
            let bits = point.fields_double.iter().map(|(k, v)| (k.clone(), v.to_bits()));
            let mut bits: Vec<_> = bits.collect();
            bits.sort();
            (bits, point.fields_string.clone(), point.fields_int.clone())
        };
        for other in &outputs[1..] {
            let same = outputs[0].iter().zip(other).all(|(a, b)| fields(a) == fields(b));
            assert!(same && outputs[0].len() == other.len(), "{model}");
        }
    }
}

#[test]
fn annotate_says_what_a_model_of_windows_and_a_point_without_a_field_lack() {
    let script = format!(
        "fn state() {{ #{{ m: model(\"lstm.onnx\", #{{ features: {FEATURES} }}) }} }}
\
         fn point(p) {{ p.annotate(this.m, \"m\"); emit(p); }}"
    );
    let windows = folder("model-annotate-window", &[("torch_lstm.onnx", "lstm.onnx")], &script);
    let run_of = |folder: &Folder| run(folder, vec![point(1, "g", &[("x", 1.0)])]);
    let stderr = run_of(&windows).stderr;
    assert!(stderr.contains("keep rows in the state with rows("), "{stderr}");
    let script = format!(
        "fn state() {{ #{{ m: model(\"pump.onnx\", #{{ features: {FEATURES} }}) }} }}\n\
         fn points(c) {{ c.annotate(this.m, \"m\"); emit(c); }}"
    );
    let missing = folder("model-annotate-missing", &[("mlp_reg.onnx", "pump.onnx")], &script);
    let stderr = run_of(&missing).stderr;
    assert!(stderr.contains("pressure"), "{stderr}");
}
