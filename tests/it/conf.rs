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
