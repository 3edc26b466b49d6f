//! `replay --plot`: pictures in files and on the terminal, and what is refused.

use crate::util::*;
use std::path::PathBuf;

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn replay(arguments: &[&str]) -> Run {
    feed(binary().arg("replay").args(arguments).env("COLUMNS", "80"), &[])
}

/// A value each minute of two hosts, in which b jumps once.
fn lines() -> String {
    let value = |i: usize, host: &str| if host == "b" && i == 70 { 90 } else { i % 7 };
    let line = |i: usize, host: &str| format!("m,host={host} x={} {}\n", value(i, host), 60 * i);
    (0..100).flat_map(|i| ["a", "b"].map(|host| line(i, host))).collect()
}

struct Case {
    folder: Folder,
    data: String,
    script: String,
}

impl Case {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let data = text(folder.write("data.lp", &lines()));
        Self { folder, data, script: text(repo("scripts/moving_avg.rhai")) }
    }

    fn run(&self, more: &[&str]) -> Run {
        let base = [&*self.script, "--data", &self.data, "--precision", "s", "--group-by", "host"];
        replay(&[&base, &["--set", "field=x", "--set", "size=2"][..], more].concat())
    }
}

#[test]
fn a_picture_is_drawn_beside_the_alerts() {
    let case = Case::new("plot_files");
    for (name, begins, holds) in [
        ("p.svg", &b"<svg "[..], "\nm host=b  (1 alert)\n"),
        ("p.html", b"<!doctype html>", "\"m host=b  (1 alert)\""),
        ("P.PNG", b"\x89PNG", ""),
    ] {
        let path = case.folder.path(name);
        let file = text(path.clone());
        let run = case.run(&["--crit", "avg > 20", "--plot", &file]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let alerts = run.text();
        assert_eq!(alerts.lines().count(), 2, "{alerts}");
        assert!(alerts.starts_with("1970-01-01T01:10:00Z  CRITICAL  m:host=b"), "{alerts}");
        let drawn = std::fs::read(&path).unwrap();
        assert!(drawn.starts_with(begins), "{name}");
        assert!(String::from_utf8_lossy(&drawn).contains(holds), "{name}");
    }
}

#[test]
fn a_picture_takes_the_place_of_points() {
    let case = Case::new("plot_points");
    let file = text(case.folder.path("p.svg"));
    let run = case.run(&["--plot", &file]);
    assert_eq!((run.code, run.text()), (Some(0), String::new()), "{}", run.stderr);
    let run = case.run(&["--plot", &file, "--format", "lp"]);
    assert_eq!(run.text().lines().count(), 200);
}

#[test]
fn the_terminal_shows_alerts_and_a_picture() {
    let case = Case::new("plot_terminal");
    let run = case.run(&["--crit", "avg > 20", "--plot", "-"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let out = run.text();
    assert!(out.starts_with("1970-01-01T01:10:00Z  CRITICAL"), "{out}");
    for part in [
        "m host=b  (1 alert)",
        "x: 0 to 90",
        "avg (output): 0 to 48, critical 20",
        "alerts ··",
        "C",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let width = out.lines().skip(2).map(|line| line.chars().count()).max();
    assert!(width <= Some(80), "{width:?}: {out}");
}

#[test]
fn a_tickscript_is_drawn() {
    let case = Case::new("plot_tick");
    let tick = "stream\n    |from()\n        .groupBy('host')\n    @avg()\n        .field('x')\n        \
                .size(2)\n    |alert()\n        .crit(lambda: \"avg\" > 20.0)\n";
    let tick = text(case.folder.write("avg.tick", tick));
    let file = case.folder.path("p.svg");
    let udf = format!("avg={}", case.script);
    let run = replay(&[
        &tick,
        "--udf",
        &udf,
        "--data",
        &case.data,
        "--precision",
        "s",
        "--plot",
        &text(file.clone()),
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let drawn = std::fs::read_to_string(file).unwrap();
    for part in ["m host=b  (1 alert)", "avg (output)", "critical 20", "avg.tick, data.lp"] {
        assert!(drawn.contains(&format!("\n{part}\n")), "{part}");
    }
}

#[test]
fn labels_are_drawn_and_judged() {
    let case = Case::new("plot_labels");
    let labels = text(case.folder.write("labels.json", "[[4200, 4300]]"));
    let file = case.folder.path("p.svg");
    let run = case.run(&["--crit", "avg > 20", "--labels", &labels, "--plot", &text(file.clone())]);
    assert!(run.text().contains("hits          1"), "{}", run.text());
    assert!(std::fs::read_to_string(file).unwrap().contains("\nlabelled anomaly\n"));
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let case = Case::new("plot_refusals");
    let file = text(case.folder.path("p.svg"));
    let each = text(case.folder.write("labels.json", "{\"data.lp\": []}"));
    let cases: [(&[&str], &str); 8] = [
        (&["--plot", "p.gif"], "ends in .svg, .png or .html"),
        (
            &["--plot", &file, "--crit", "avg > 2", "--sweep", "size=1,2"],
            "--plot does not apply: --sweep",
        ),
        (&["--plot", "-", "--watch"], "--plot - does not apply: --watch"),
        (
            &["--plot", "-", "--format", "json"],
            "output of --format would both go to standard output",
        ),
        (
            &["--plot", &file, "--plot-theme", "dark"],
            "--plot-theme does not apply: it applies to .png",
        ),
        (&["--plot-theme", "dark"], "--plot"),
        (&["--plot", &case.data], "ends in .svg"),
        (
            &["--data", &case.data, "--crit", "avg > 2", "--labels", &each, "--plot", &file],
            "each file is a series",
        ),
    ];
    for (arguments, expected) in cases {
        let run = case.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    let run = case.run(&["--plot", "/nowhere/p.svg"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/nowhere/p.svg: cannot be written"), "{}", run.stderr);
    let live = feed(binary().args(["listen", &case.script, "--plot", &file]), &[]);
    assert!(live.code == Some(2) && live.stderr.contains("--plot"), "{}", live.stderr);
}

#[test]
fn a_failed_replay_leaves_an_earlier_picture() {
    let case = Case::new("plot_failed");
    let path = case.folder.write("p.svg", "before");
    let run = case.run(&["--crit", "missing > 20", "--plot", &text(path.clone())]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        std::fs::read_to_string(&path).unwrap().starts_with("<svg"),
        "it was played to its end"
    );
    std::fs::write(&path, "before").unwrap();
    let bad = text(case.folder.write("bad.lp", "m x=1 1\nm x= 2\n"));
    let run = replay(&[
        &case.script,
        "--data",
        &bad,
        "--set",
        "field=x",
        "--set",
        "size=2",
        "--plot",
        &text(path.clone()),
    ]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "before");
}

/// The texts of a picture, which stand on lines of their own.
fn texts(svg: &str) -> Vec<&str> {
    svg.lines().filter(|line| !line.starts_with('<') && !line.starts_with('[')).collect()
}

/// `docs/img/make` makes the pictures of the book anew.
#[test]
fn the_pictures_of_the_book_are_what_is_drawn() {
    let folder = Folder::new("plot_book");
    let mut drawn = 0;
    for entry in std::fs::read_dir(repo("docs/img")).unwrap() {
        let picture = entry.unwrap().path();
        let name = picture.file_stem().unwrap().to_string_lossy().into_owned();
        let example = repo(&format!("scripts/examples/{name}/command"));
        let Ok(command) = std::fs::read_to_string(&example) else { continue };
        let again = folder.path(&format!("{name}.svg"));
        let command = command.replacen("rhai-udf", &binary().get_program().to_string_lossy(), 1);
        let command =
            command.replace("--format json", "").replace("--format lp", "").replace("\\\n", " ");
        let command = command.trim_end();
        let command = format!("{command} --plot {} > /dev/null", text(again.clone()));
        let run = feed(
            std::process::Command::new("sh").args(["-c", &command]).current_dir(repo("")),
            &[],
        );
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let (kept, again) =
            (std::fs::read_to_string(&picture).unwrap(), std::fs::read_to_string(again).unwrap());
        assert_eq!(texts(&kept), texts(&again), "{name}: make the pictures anew by docs/img/make");
        drawn += 1;
    }
    assert!(drawn >= 14, "{drawn}");
}
