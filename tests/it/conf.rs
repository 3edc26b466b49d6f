//! `conf`: what it prints can be used as it is.

use crate::util::*;

fn conf(arguments: &[&str]) -> String {
    let run = feed(binary().arg("conf").args(arguments), &[]);
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    run.text()
}

/// The two parts: for the daemon's configuration, and the TICKscript.
fn parts(text: &str) -> (toml::Table, String) {
    let (section, tick) = text.split_once("// A TICKscript:").unwrap();
    (section.parse().unwrap(), tick.to_owned())
}

#[test]
fn the_section_starts_the_script_with_a_state_folder() {
    let script = repo("scripts/moving_avg.rhai").to_string_lossy().into_owned();
    let (section, _) = parts(&conf(&[&script]));
    let udf = &section["udf"]["functions"]["moving_avg"];
    let args: Vec<&str> =
        udf["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    // A broken script must not keep the daemon from knowing its options.
    assert_eq!(args, ["run", "--state-dir", "/var/lib/kapacitor/rhai-udf", &script]);
    assert!(std::path::Path::new(udf["prog"].as_str().unwrap()).is_absolute());
    assert_eq!(udf["timeout"].as_str(), Some("10s"));
}

#[test]
fn a_socket_and_odd_names_are_written_so_that_they_can_be_read() {
    let folder = Folder::new("conf");
    let text = std::fs::read_to_string(repo("scripts/mirror.rhai")).unwrap();
    let script = folder.write("7 \"odd\" näme.rhai", &text).to_string_lossy().into_owned();
    let (section, tick) = parts(&conf(&[&script, "--socket", "/run/a b.sock"]));
    let functions = section["udf"]["functions"].as_table().unwrap();
    let (name, udf) = functions.iter().next().unwrap();
    assert_eq!(name, "udf_7__odd__n_me");
    assert_eq!(udf["socket"].as_str(), Some("/run/a b.sock"));
    assert!(tick.contains("@udf_7__odd__n_me()"), "{tick}");
    let (section, tick) = parts(&conf(&[&script, "--name", "mine"]));
    assert!(section["udf"]["functions"]["mine"]["args"].is_array() && tick.contains("@mine()"));
}

/// The TICKscript of every script that ships compiles, with its function and its options.
#[test]
fn the_tickscript_runs() {
    let folder = Folder::new("conf-tick");
    let data = folder.write("data.lp", "my_measurement value=1 1600000000000000000\n");
    let mut count = 0;
    for entry in std::fs::read_dir(repo("scripts")).unwrap() {
        let script = entry.unwrap().path();
        if script.extension().is_none_or(|extension| extension != "rhai") {
            continue;
        }
        let path = script.to_string_lossy().into_owned();
        let (_, tick) = parts(&conf(&[&path, "--name", "mine"]));
        let tick = folder.write("task.tick", &tick);
        let udf = format!("mine={path}");
        let mut command = binary();
        command.arg("replay").arg(tick).args(["--udf", &udf, "--data"]).arg(&data);
        let run = feed(&mut command, &[]);
        // An example value may be refused by the script itself, with its reason.
        let refused =
            ["(in init)", "model 'value' is not there"].iter().any(|why| run.stderr.contains(why));
        assert!(run.code == Some(0) || refused, "{path}: {}", run.stderr);
        assert!(!run.stderr.contains("option '"), "{path}: {}", run.stderr);
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[test]
fn each_part_can_be_had_alone() {
    let script = repo("scripts/moving_avg.rhai").to_string_lossy().into_owned();
    let section: toml::Table = conf(&[&script, "--toml"]).parse().unwrap();
    assert!(section["udf"]["functions"]["moving_avg"].is_table());
    let tick = conf(&[&script, "--tick"]);
    assert!(tick.starts_with("dbrp \"telegraf\".\"autogen\"\n\nstream\n"), "{tick}");
    let both = feed(binary().args(["conf", &script, "--tick", "--toml"]), b"");
    assert_eq!(both.code, Some(2));
}

/// What is said is in the task, which raises its alert as it is.
#[test]
fn the_tickscript_is_complete() {
    let script = repo("scripts/ttest.rhai").to_string_lossy().into_owned();
    let tick = conf(&[
        &script,
        "--tick",
        "--name=tTest",
        "--dbrp=printer.week",
        "--measurement=temperatures",
        "--group-by=line,machine",
        "--set=field=hotend",
        "--set=size=3600",
        "--crit=\"pvalue\" < 0.001",
    ]);
    for part in [
        "dbrp \"printer\".\"week\"",
        ".groupBy('line', 'machine')",
        ".field('hotend')\n",
        ".size(3600)\n",
        ".crit(lambda: \"pvalue\" < 0.001)\n",
        ".stateChangesOnly()",
    ] {
        assert!(tick.contains(part), "{part} is not in\n{tick}");
    }
    let folder = Folder::new("conf-whole");
    let task = folder.write("task.tick", &tick);
    let mut command = binary();
    command.arg("replay").arg(task).args(["--udf", &format!("tTest={script}"), "--precision", "s"]);
    let run = feed(command.arg("--data").arg(repo("examples/printer/printer.lp.gz")), b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let first = run.text().lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with("2016-01-01T01:05:00Z  CRITICAL  tTest/temperatures/"), "{first}");
    let wrong = feed(binary().args(["conf", &script, "--tick", "--set", "size=x"]), b"");
    assert!(wrong.code == Some(2) && wrong.stderr.contains("option 'size'"), "{}", wrong.stderr);
}

/// A script that sets a field for alerts gets its alert by it.
#[test]
fn the_alert_is_by_the_field_that_the_script_sets() {
    for (script, condition) in [
        ("anomaly", "\"anomaly_alert\""),
        ("moving_avg", "\"avg\" > 0.0"),
        ("forecast", "\"forecast_hours\" > 0.0"),
    ] {
        let path = repo(&format!("scripts/{script}.rhai")).to_string_lossy().into_owned();
        let tick = conf(&[&path, "--tick"]);
        assert!(tick.contains(&format!(".crit(lambda: {condition})")), "{tick}");
    }
}
