//! `fmt`: scripts formatted in place, from standard input, and looked at only.

use crate::util::*;

const MESSY: &str =
    "fn info(){#{wants:\"stream\",provides:\"stream\"}}\nfn point(p){emit(p);}  // all\n";
const NEAT: &str =
    "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { emit(p); } // all\n";

#[test]
fn scripts_are_formatted_in_place_and_stay_so() {
    let folder = Folder::new("fmt");
    let path = folder.write("a.rhai", MESSY);
    let neat = folder.write("b.rhai", NEAT);
    let check = || feed(binary().args(["fmt", "--check"]).arg(folder.path("")), &[]);
    let run = check();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.text().contains("+fn point(p) { emit(p); } // all"), "{}", run.text());
    assert!(run.stderr.contains("1 of 2 scripts would be formatted"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), MESSY);
    let run = feed(binary().arg("fmt").arg(folder.path("")), &[]);
    assert_eq!((run.code, run.text()), (Some(0), format!("formatted {}\n", path.display())));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), NEAT);
    assert_eq!(std::fs::read_to_string(neat).unwrap(), NEAT);
    assert_eq!((check().code, check().text()), (Some(0), String::new()));
}

#[test]
fn standard_input_goes_to_standard_output() {
    let run = feed(binary().args(["fmt", "-"]), MESSY.as_bytes());
    assert_eq!((run.code, run.text()), (Some(0), NEAT.to_owned()));
    assert_eq!(feed(binary().args(["fmt", "--check", "-"]), MESSY.as_bytes()).code, Some(1));
    assert_eq!(feed(binary().args(["fmt", "--check", "-"]), NEAT.as_bytes()).code, Some(0));
    let run = feed(binary().args(["fmt", "-", "a.rhai"]), &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn what_cannot_be_formatted_is_named_and_left() {
    let folder = Folder::new("fmt");
    let broken = folder.write("a.rhai", "fn f( {");
    let other = folder.write("b.rhai", MESSY);
    let run = feed(binary().arg("fmt").args([&broken, &other]), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("a.rhai:1:7: "), "{}", run.stderr);
    assert!(run.stderr.contains("1 of 2 scripts cannot be formatted"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(broken).unwrap(), "fn f( {");
    assert_eq!(std::fs::read_to_string(other).unwrap(), NEAT);
    let run = feed(binary().args(["fmt", "/nowhere.rhai"]), &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
}

#[test]
fn the_shipped_scripts_are_formatted() {
    let run = feed(binary().args(["fmt", "--check"]).arg(repo("scripts")), &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.text(), run.stderr);
}
