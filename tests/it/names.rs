//! Nothing passes in silence: names that nothing in the data has, files that are read and would be
//! overwritten, and what a script says.

use crate::util::{Folder, Run, binary, feed, repo};
use std::path::Path;

const LINES: &str = "cpu,host=a usage=1,pvalue=0.5 1000000000\n\
                     cpu,host=b usage=9,pvalue=0.1 2000000000\n";

fn replay(script: &Path, data: &Path, more: &[&str]) -> Run {
    feed(binary().arg("replay").arg(script).arg("--data").arg(data).args(more), b"")
}

fn mirror() -> std::path::PathBuf {
    repo("scripts/mirror.rhai")
}

#[test]
fn a_condition_over_a_field_that_no_point_has_is_an_error() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", LINES);
    let run = replay(&mirror(), &data, &["--crit", "pvalu < 1"]);
    assert_eq!(run.code, Some(1));
    let expected = "a condition names a field 'pvalu' that no point of the output has; did you \
                    mean 'pvalue'?";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    for right in ["pvalue < 1", "p.tags.host == \"a\"", "abs(usage) > 5"] {
        let run = replay(&mirror(), &data, &["--crit", right]);
        assert_eq!(run.code, Some(0), "{right}: {}", run.stderr);
    }
}

#[test]
fn names_that_nothing_has_are_told_with_the_nearest() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", LINES);
    for (arguments, expected) in [
        (
            ["--measurement", "cpuu"],
            "warning: no point has the measurement 'cpuu'; did you mean 'cpu'?",
        ),
        (
            ["--group-by", "hosst"],
            "warning: no point has a tag 'hosst' to group by; did you mean 'host'?",
        ),
    ] {
        let run = replay(&mirror(), &data, &arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        let strict = replay(&mirror(), &data, &[&arguments[..], &["--strict"]].concat());
        assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    }
    let right =
        replay(&mirror(), &data, &["--measurement", "cpu", "--group-by", "host", "--strict"]);
    assert_eq!(
        (right.code, right.stderr.contains("warning")),
        (Some(0), false),
        "{}",
        right.stderr
    );
}

#[test]
fn a_misspelt_field_in_a_comparison_is_told() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", LINES);
    let script = folder.write(
        "limit.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ field: \"string\" } } }
         fn point(p, opt) { if p[opt.field] > 5 { emit(p); } }",
    );
    let run = replay(&script, &data, &["--set", "field=usag"]);
    let expected =
        "warning: the script reads a field 'usag' that no point has; did you mean 'usage'?";
    assert_eq!((run.code, run.stderr.contains(expected)), (Some(0), true), "{}", run.stderr);
    let right = replay(&script, &data, &["--set", "field=usage", "--strict"]);
    assert_eq!((right.code, right.text().lines().count()), (Some(0), 1), "{}", right.stderr);
}

#[test]
fn a_tickscript_tells_its_names_too() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", LINES);
    let script = folder.write(
        "names.tick",
        "stream|from().measurement('cpu').groupBy('hosst')|alert().crit(lambda: TRUE)",
    );
    let run = replay(&script, &data, &[]);
    assert!(run.stderr.contains("did you mean 'host'?"), "{}", run.stderr);
    let script = folder.write("cpuu.tick", "stream|from().measurement('cpuu')|log()");
    let run = replay(&script, &data, &["--strict"]);
    assert_eq!((run.code, run.stderr.contains("did you mean 'cpu'?")), (Some(1), true));
}

#[test]
fn an_output_over_its_input_is_refused() {
    let folder = Folder::new("names");
    let data = folder.write("ow.lp", LINES);
    let script = folder.path("ms.rhai");
    std::fs::copy(mirror(), &script).unwrap();
    std::os::unix::fs::symlink(&data, folder.path("link.lp")).unwrap();
    for output in ["ow.lp", "link.lp", "ms.rhai"] {
        let output = folder.path(output);
        let run = replay(&script, &data, &["-o", output.to_str().unwrap()]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("writing to it would destroy it"), "{}", run.stderr);
    }
    let saved = folder.path("link.srpl");
    std::fs::rename(&data, folder.path("points.srpl")).unwrap();
    std::os::unix::fs::symlink(folder.path("points.srpl"), &saved).unwrap();
    let run = replay(&script, &folder.path("points.srpl"), &["--save", saved.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(folder.path("points.srpl")).unwrap(), LINES);
    assert!(std::fs::read_to_string(&script).unwrap().contains("fn point"));
}

#[test]
fn a_replay_that_fails_leaves_the_earlier_output() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", "m x=1 1\nm x= 2\n");
    let out = folder.write("out.lp", "earlier\n");
    let arguments = ["--precision", "s", "--format", "lp", "-o", out.to_str().unwrap()];
    assert_eq!(replay(&mirror(), &data, &arguments).code, Some(1));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "earlier\n");
    let run = replay(&mirror(), &data, &[&arguments[..], &["--skip-bad-lines"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "m x=1 1000000000\n");
}

#[test]
fn what_a_script_prints_is_shown_in_a_replay() {
    let folder = Folder::new("names");
    let data = folder.write("data.lp", LINES);
    let script = folder.write(
        "says.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }
         fn point(p) { print(`saw ${p.usage}`); log_info(\"told\"); log_debug(\"quiet\"); }",
    );
    let run = replay(&script, &data, &[]);
    for (text, shown) in [("saw 1.0", true), ("told", true), ("quiet", false), ("version", false)] {
        assert_eq!(run.stderr.contains(text), shown, "{text}: {}", run.stderr);
    }
    let run = replay(&script, &data, &["--log-level", "error"]);
    assert!(!run.stderr.contains("told"), "{}", run.stderr);
}
