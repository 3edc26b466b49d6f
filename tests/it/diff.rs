//! `diff`: two versions over the same data, from files and from git.

use crate::util::*;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = "import \"factor\" as f;\n\
    fn info() { #{ wants: \"stream\", provides: \"stream\", \
    options: #{ by: #{ type: \"double\", default: 1.0 } } } }\n\
    fn point(p, opt) { p.y = p.x * f::factor() * opt.by; emit(p); }\n";

/// A value a minute: 1, but 5 in the minutes from 20 to 29.
fn lines() -> String {
    let value = |i: usize| if (20..30).contains(&i) { 5 } else { 1 };
    (0..60).map(|i| format!("m,host=a x={} {}\n", value(i), 60 * i)).collect()
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("data.lp", &lines());
    folder.write("old.rhai", SCRIPT);
    folder.write("factor.rhai", "fn factor() { 2.0 }");
    folder
}

fn diff(folder: &Folder, arguments: &[&str]) -> Run {
    let base = ["--data", "data.lp", "--precision", "s", "--group-by", "host"];
    feed(binary().current_dir(folder.path("")).arg("diff").args(arguments).args(base), &[])
}

#[test]
fn equal_versions_are_equal() {
    let folder = folder("diff_equal");
    let run = diff(&folder, &["old.rhai", "old.rhai", "--crit", "y > 6"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.text();
    assert!(text.starts_with("the alerts and the output are the same\nprocessor time: "), "{text}");
    assert!(text.ends_with(" s for 60 points, measured alternately\n"), "{text}");
}

#[test]
fn alerts_and_values_that_differ_are_shown() {
    let folder = folder("diff_versions");
    let late = SCRIPT.replace("p.y = ", "if p.time < 1320000000000 { p.x = 0.0; } p.y = ");
    folder.write("new.rhai", &late);
    let run = diff(&folder, &["old.rhai", "new.rhai", "--crit", "y > 6"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let text = run.text();
    for line in [
        "alerts: 0 added, 0 removed, 1 moved, 0 with another level",
        "  ~ 1970-01-01T00:20:00Z  CRITICAL  m host=a: 2m later, at 1970-01-01T00:22:00Z",
        "output: 44 of 120 values differ, 0 only in the old, 0 only in the new",
        "  m host=a  y: 22 of 60 differ, by at most 10",
        "  1970-01-01T00:20:00Z  m host=a  y: 10.0 -> 0.0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
}

#[test]
fn sets_of_options_are_compared() {
    let folder = folder("diff_options");
    let arguments = ["old.rhai", "--old-set", "by=1.0", "--new-set", "by=2.0", "--crit", "y > 11"];
    let run = diff(&folder, &[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let json: serde_json::Value = serde_json::from_str(&run.text()).unwrap();
    assert_eq!(json["equal"], false);
    assert_eq!(
        (&json["alerts"][0]["change"], &json["alerts"][0]["level"]),
        (&"added".into(), &"CRITICAL".into())
    );
    assert_eq!(json["output"]["differ"], 60);
    let first = &json["output"]["largest"][0];
    assert_eq!(
        (&first["field"], &first["old"], &first["new"]),
        (&"y".into(), &10.0.into(), &20.0.into())
    );
    assert!(json["cpu_seconds"]["old"].as_f64().unwrap() >= 0.0);
    let near =
        ["old.rhai", "--old-set", "by=1.0", "--new-set", "by=1.0000001", "--tolerance", "1e-6"];
    assert_eq!(diff(&folder, &near).code, Some(0));
}

#[test]
fn tickscripts_are_compared() {
    let folder = folder("diff_tick");
    let tick = "stream|from().groupBy('host')@f()|alert().crit(lambda: \"y\" > 6.0)";
    folder.write("old.tick", tick);
    folder.write("new.tick", &tick.replace(".crit(", ".warn("));
    let arguments = [
        "diff",
        "old.tick",
        "new.tick",
        "--udf",
        "f=old.rhai",
        "--data",
        "data.lp",
        "--precision",
        "s",
    ];
    let run = feed(binary().current_dir(folder.path("")).args(arguments), &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let text = run.text();
    assert!(text.contains("  ! 1970-01-01T00:20:00Z  CRITICAL -> WARNING  m host=a\n"), "{text}");
    assert!(text.contains("output: the same\n"), "{text}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    let run = Command::new("git").current_dir(folder).args(named).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// What a script imports is of the same revision.
#[test]
fn a_revision_of_git_is_compared() {
    let folder = folder("diff_git");
    let top = folder.path("");
    git(&top, &["init", "-q"]);
    git(&top, &["add", "-A"]);
    git(&top, &["commit", "-q", "-m", "first"]);
    folder.write("factor.rhai", "fn factor() { 3.0 }");
    let run = diff(&folder, &["HEAD:old.rhai", "old.rhai"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.text().contains("m host=a  y: 60 of 60 differ, by at most 5"), "{}", run.text());
    git(&top, &["commit", "-qam", "second"]);
    assert_eq!(diff(&folder, &["HEAD:old.rhai", "old.rhai"]).code, Some(0));
    assert_eq!(diff(&folder, &["HEAD~1:./old.rhai", "HEAD:old.rhai"]).code, Some(1));
    for (name, expected) in [
        ("HEAD:nothing.rhai", "there is no file nothing.rhai in the revision 'HEAD'"),
        ("nowhere:old.rhai", "git knows no revision 'nowhere'"),
    ] {
        let run = diff(&folder, &[name, "old.rhai"]);
        assert_eq!(run.code, Some(1), "{name}");
        assert!(run.stderr.contains(expected), "{name}: {}", run.stderr);
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = folder("diff_refusals");
    for (arguments, code, expected) in [
        (&["old.rhai"][..], 2, "one version is given"),
        (&["old.rhai", "missing.rhai"], 1, "missing.rhai"),
        (&["HEAD:old.rhai", "old.rhai"], 1, "not a git repository"),
        (&["-x:old.rhai", "old.rhai"], 2, "-x"),
        (&["old.rhai", "old.rhai", "--tolerance", "2"], 2, "from 0 up to 1"),
        (&["old.rhai", "--new-set", "by=x"], 2, "by"),
    ] {
        let run = diff(&folder, arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    let path = folder.path("empty");
    std::fs::create_dir(&path).unwrap();
    let mut command = binary();
    command.current_dir(folder.path("")).env("PATH", &path);
    let run = feed(command.args(["diff", "HEAD:old.rhai", "old.rhai", "--data", "data.lp"]), &[]);
    assert!(run.stderr.contains("needs git, which is not installed"), "{}", run.stderr);
}
