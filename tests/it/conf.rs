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

/// The names of fields that a TICKscript gives to its function.
fn fields(tick: &str) -> Vec<&str> {
    let lines = tick.lines().map(str::trim).filter(|line| line.starts_with(".field"));
    lines.flat_map(|line| line.split('\'').skip(1).step_by(2)).collect()
}

/// Two hosts with these fields for two hours.
fn hosts(fields: &[&str]) -> String {
    let mut lines = String::new();
    for step in 0..720_u64 {
        for host in ["a", "b"] {
            let values: Vec<_> = fields
                .iter()
                .enumerate()
                .map(|(at, field)| format!("{field}={}", step * 7919 * (at as u64 + 1) % 101))
                .collect();
            let time = (1_600_000_000 + step * 10) * 1_000_000_000;
            lines += &format!("my_measurement,host={host} {} {time}\n", values.join(","));
        }
    }
    lines
}

/// The TICKscript of every script that ships runs as it is, with the options and the alert of the script's own
/// comment, on points that have the fields it names: the alert finds the fields it looks at.
#[test]
fn the_tickscript_runs() {
    let folder = Folder::new("conf-tick");
    let mut count = 0;
    for entry in std::fs::read_dir(repo("scripts")).unwrap() {
        let script = entry.unwrap().path();
        if script.extension().is_none_or(|extension| extension != "rhai") {
            continue;
        }
        let path = script.to_string_lossy().into_owned();
        let (_, tick) = parts(&conf(&[&path, "--name", "mine"]));
        let names = fields(&tick);
        let data =
            folder.write("data.lp", &hosts(if names.is_empty() { &["value"] } else { &names }));
        let tick = folder.write("task.tick", &tick);
        let udf = format!("mine={path}");
        let mut command = binary();
        command.arg("replay").arg(tick).args(["--udf", &udf, "--data"]).arg(&data);
        let run = feed(&mut command, &[]);
        assert_eq!(run.code, Some(0), "{path}: {}", run.stderr);
        for wrong in ["option '", "missing", "error"] {
            assert!(!run.stderr.contains(wrong), "{path}: {}", run.stderr);
        }
        count += 1;
    }
    assert!(count > 15, "{count}");
}

/// The options and the condition of the comment come along; a user's options take their place, also in the names
/// of the fields that the condition looks at. A comment that does not fit the script says nothing.
#[test]
fn the_call_in_the_comment_is_the_example() {
    let script = repo("scripts/ttest_fields.rhai").to_string_lossy().into_owned();
    let tick = conf(&[&script, "--tick"]);
    assert!(tick.contains(".field('hotend', 'bed', 'air')  // string"), "{tick}");
    assert!(tick.contains("\"hotend_pvalue\" < 0.001 OR \"bed_pvalue\" < 0.001"), "{tick}");
    let own = conf(&[&script, "--tick", "--set", "field=a,b,c", "--set", "size=60"]);
    assert!(own.contains(".field('a', 'b', 'c')") && own.contains(".size(60)"), "{own}");
    let crit =
        ".crit(lambda: \"a_pvalue\" < 0.001 OR \"b_pvalue\" < 0.001 OR \"c_pvalue\" < 0.001)";
    assert!(own.contains(crit), "{own}");
    let folder = Folder::new("conf-comment");
    let old = "//     @old()\n//         .gone(1)\nfn info() { #{ wants: \"stream\", provides: \"stream\", \
               options: #{ size: #{ type: \"int\", about: \"one\\ntwo\" } } } }\nfn point(p) { p.x = 1; emit(p); }\n";
    let path = folder.write("old.rhai", old).to_string_lossy().into_owned();
    let tick = conf(&[&path, "--tick"]);
    assert!(tick.contains("        .size(10)  // int, required: one two\n"), "{tick}");
    assert!(tick.contains(".crit(lambda: \"x\" > 0.0)") && !tick.contains("gone"), "{tick}");
}

/// An option that the daemon knows with the types of another script is written by `set`.
#[test]
fn a_folder_says_how_options_of_other_types_are_written() {
    let folder = repo("scripts").to_string_lossy().into_owned();
    let text = conf(&["--dir", &folder]);
    let line = "// option 'field' of ttest_fields, which other scripts declare with another type: .set('field', 'hotend,bed,air')";
    assert!(text.contains(line), "{text}");
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
        "        .field('hotend')  // string, required\n",
        "        .size(3600)  // int, ",
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
        ("moving_avg", "\"cpu_avg\" > 0.0"),
        ("forecast", "\"forecast_hours\" < 4.0"),
    ] {
        let path = repo(&format!("scripts/{script}.rhai")).to_string_lossy().into_owned();
        let tick = conf(&[&path, "--tick"]);
        assert!(tick.contains(&format!(".crit(lambda: {condition})")), "{tick}");
    }
}
