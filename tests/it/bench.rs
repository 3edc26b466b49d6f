use crate::util::{Folder, Run, binary, feed, repo};

/// Runs `bench` on a few points.
fn bench(script: &str, arguments: &[&str]) -> Run {
    let script = repo("scripts").join(script);
    feed(binary().arg("bench").arg(script).args(arguments), b"")
}

const FEW: [&str; 4] = ["--points", "1200", "--rounds", "1"];

#[test]
fn every_shipped_script_gets_its_figures() {
    let mut count = 0;
    for entry in std::fs::read_dir(repo("scripts")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rhai") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let run = bench(name, &[&FEW[..], options(name)].concat());
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let text = run.text();
        for row in ["throughput", "native", "ratio", "latency", "split", "memory", "state"] {
            assert!(text.lines().any(|line| line.starts_with(row)), "{name}: no {row} in\n{text}");
        }
        assert!(text.starts_with("data        1200 points"), "{name}: {text}");
        count += 1;
    }
    assert!(count > 10, "{count} scripts");
}

/// What a script must be told.
fn options(script: &str) -> &'static [&'static str] {
    match script {
        "mirror.rhai" | "dead_man.rhai" => &[],
        "moving_avg.rhai" | "ttest.rhai" => &["--set", "field=f0", "--set", "size=10"],
        "ttest_fields.rhai" => &["--set", "field=f0,hotend,f2", "--set", "size=10"],
        "correlation_break.rhai" => &["--set", "fields=load,power"],
        "model.rhai" => &["--set", "model=pump.onnx"],
        "autoencoder.rhai" => &["--set", "model=pump_pca.onnx"],
        "forecast.rhai" => &["--set", "field=used", "--set", "limit=95.0"],
        _ => &["--set", "field=value"],
    }
}

#[test]
fn windows_of_a_length_are_made() {
    let options = ["--set", "field=f0", "--period", "10s", "--every", "10s", "--groups", "1"];
    let run = bench("outliers.rhai", &[&FEW[..], &options].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().contains(" in 119 windows"), "{}", run.text());
}

/// `bench` reads files as `replay` does.
#[test]
fn data_is_read_as_a_replay_reads_it() {
    let folder = Folder::new("bench-data");
    let data = folder.write("data.lp", "a,h=x f0=1 1\na,h=y f0=2 2\nb,h=x f0=3 3\n");
    let data = ["--rounds", "1", "--data", data.to_str().unwrap(), "--precision", "s"];
    for (more, points) in [(&[][..], 3), (&["--measurement", "a"], 2), (&["--group-by", "h"], 3)] {
        let run = bench("mirror.rhai", &[&data[..], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.text().starts_with(&format!("data        {points} points")), "{}", run.text());
    }
}

#[test]
fn a_capture_brings_its_options() {
    let capture = repo("tests/data/captures/moving_avg.requests.bin.gz");
    let run = bench("moving_avg.rhai", &["--rounds", "1", "--data", capture.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn wrong_use_is_told_from_failure() {
    let check = |arguments: &[&str], problem: &str| {
        let run = bench("moving_avg.rhai", arguments);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    };
    check(&[], "field");
    check(&["--set", "field=f0", "--set", "size=0"], "size");
    check(&["--set", "field=f0", "--set", "size=3", "--period", "1m", "--every", "1m"], "--period");
    check(&["--points", "0"], "--points");
    check(&["--data", "x.lp", "--groups", "3"], "--groups");
    check(&["--group-by", "host"], "--group-by does not apply");
    check(&["--measurement", "cpu"], "--measurement does not apply");
    check(&["--skip-bad-lines"], "--skip-bad-lines does not apply");
    let capture = repo("tests/data/captures/moving_avg.requests.bin.gz");
    let capture = capture.to_str().unwrap();
    check(&["--data", capture, "--group-by", "host"], "captured requests are already grouped");
    check(&["--data", capture, "--precision", "s"], "--precision does not apply");
    let missing = bench("not_there.rhai", &[]);
    assert_eq!(missing.code, Some(1), "{}", missing.stderr);
}

/// What a script reads is in the points that are made, without being told.
#[test]
fn made_points_have_the_fields_that_the_script_reads() {
    let folder = Folder::new("bench-fields");
    let info = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n";
    let text = format!("{info}fn point(p) {{ p.power = p.speed * p.torque; emit(p); }}");
    let script = folder.write("power.rhai", &text);
    let run = bench(script.to_str().unwrap(), &FEW);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().contains("1200 points out"), "{}", run.text());
}

#[test]
fn a_model_is_measured_alone_and_in_batches() {
    let model = repo("scripts/models/pump.onnx");
    let run = bench(model.to_str().unwrap(), &FEW);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.text();
    assert!(text.starts_with("model       ONNX, ") && text.contains("5 features"), "{text}");
    for row in ["alone", "batch"] {
        let line = text.lines().find(|line| line.starts_with(row));
        assert!(line.is_some_and(|line| line.contains("predictions/s, ")), "{text}");
    }
    for option in [&["--set", "x=1"][..], &["--groups", "3"], &["--precision", "s"]] {
        let refused = bench(model.to_str().unwrap(), option);
        assert_eq!(refused.code, Some(2));
        let said = format!("{} does not apply to a model", option[0]);
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
    let folder = Folder::new("bench-model");
    let broken = bench(folder.write("broken.onnx", "no model").to_str().unwrap(), &[]);
    assert_eq!(broken.code, Some(1));
    assert!(broken.stderr.contains("broken.onnx"), "{}", broken.stderr);
}
