//! `run --dir` and `serve --dir`: one function of the daemon for all scripts of a folder.

use crate::daemon::Daemon;
use crate::util::OptionArgument::{Double, Duration, Flag, Int, Text};
use crate::util::*;
use rhai_udf::protocol::message::{InfoRequest, InfoResponse, ValueType};
use std::collections::BTreeMap;

pub(crate) const SCALE: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ field: \"string\", \
                     factor: \"double\" } } }\nfn point(p, opt) { p.out = p[opt.field] * opt.factor; \
                     emit(p); }\n";

pub(crate) const COUNT: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ start: #{ type: \"int\", \
                     default: 0, min: 0 } } } }\nfn state(opt) { #{ n: opt.start.to_float() } }\nfn point(p) { this.n += 1.0; p.n = \
                     this.n; emit(p); }\n";

const SIZES: &str = "fn info() { #{ wants: \"batch\", provides: \"stream\", options: #{ size: \"int\" } } }\nfn \
                     end_batch(b, opt) { emit(b.point(#{ n: b.len, size: opt.size })); }\n";

/// A folder with a script of each kind, a broken one and a module.
pub(crate) fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("scale.rhai", SCALE);
    folder.write("count.rhai", COUNT);
    folder.write("sizes.rhai", SIZES);
    folder.write(
        "broken.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ factor: \"int\", depth: \"int\" } } }\n\
         fn point(p { }\n",
    );
    folder.write("tools.rhai", "fn helper() { 1 }\n");
    folder
}

pub(crate) fn udf(folder: &Folder, arguments: &[&str], requests: Vec<Request>) -> Run {
    let mut command = binary();
    command.args(["run", "--dir"]).arg(folder.path("")).args(arguments);
    feed(&mut command, &stream(requests))
}

fn info(folder: &Folder, arguments: &[&str]) -> InfoResponse {
    let run = udf(folder, arguments, vec![Request::Info(InfoRequest {})]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    match run.answers().pop() {
        Some(Answer::Info(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn types(info: &InfoResponse) -> BTreeMap<&str, Vec<ValueType>> {
    info.options
        .iter()
        .map(|(name, option)| (name.as_str(), option.value_types().collect()))
        .collect()
}

/// What a run wrote, a line an answer, without the signs of life that a busy machine adds.
fn answered(run: &Run) -> Vec<String> {
    lines(&run.answers()).into_iter().filter(|line| !line.starts_with("keepalive")).collect()
}

/// The answer to `init` with these options: empty if it is accepted.
fn refusal(folder: &Folder, options: &[(&str, &[OptionArgument])]) -> String {
    let lines = answered(&udf(folder, &[], vec![init(options)]));
    match lines.as_slice() {
        [line] => {
            line.strip_prefix("init").unwrap().strip_prefix(" refused: ").unwrap_or("").into()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_daemon_is_told_the_options_of_all_scripts() {
    use ValueType::{Bool, Double, Duration, Int, String};
    let folder = folder("entry-info");
    let told = info(&folder, &[]);
    assert_eq!((told.wants, told.provides), (0, 0));
    let expected = BTreeMap::from([
        ("depth", vec![Int]),
        ("factor", vec![Double]), // as the script that is not broken says
        ("field", vec![String]),
        ("script", vec![String]),
        ("set", vec![String, String]),
        ("setBool", vec![String, Bool]),
        ("setDouble", vec![String, Double]),
        ("setDuration", vec![String, Duration]),
        ("setInt", vec![String, Int]),
        ("size", vec![Int]),
        ("start", vec![Int]),
    ]);
    assert_eq!(types(&told), expected);
    let told = info(&folder, &["--edges", "batch-to-stream"]);
    assert_eq!((told.wants, told.provides, types(&told)), (1, 0, expected));
}

#[test]
fn a_folder_that_is_not_there_does_not_keep_the_daemon_from_starting() {
    let folder = Folder::new("entry-none");
    let mut command = binary();
    command.args(["run", "--dir"]).arg(folder.path("none"));
    let requests = vec![Request::Info(InfoRequest {}), init(&[("script", &[Text("a")])])];
    let run = feed(&mut command, &stream(requests));
    let lines = answered(&run);
    assert_eq!(lines[0], "info");
    assert!(
        lines[1].starts_with("init refused: folder ") && lines[1].contains("cannot be read"),
        "{lines:?}"
    );
}

#[test]
fn each_use_names_its_script() {
    let folder = folder("entry-use");
    let data = || vec![point(1, "a", &[("x", 3.0)]), point(2, "a", &[("x", 4.0)])];
    let scale =
        init(&[("script", &[Text("scale")]), ("field", &[Text("x")]), ("factor", &[Double(2.5)])]);
    let run = udf(&folder, &[], [vec![scale], data()].concat());
    assert_eq!(answered(&run), ["init", "1 m out=7.5 x=3.0", "2 m out=10.0 x=4.0"]);
    // The file's name is the same script.
    let count = init(&[("start", &[Int(5)]), ("script", &[Text("count.rhai")])]);
    let run = udf(&folder, &[], [vec![count], data()].concat());
    assert_eq!(answered(&run), ["init", "1 m n=6.0 x=3.0", "2 m n=7.0 x=4.0"]);
    let sizes = init(&[("script", &[Text("sizes")]), ("size", &[Int(9)])]);
    let run = udf(
        &folder,
        &["--edges", "batch-to-stream"],
        [vec![sizes], batch("", &[1.0, 2.0])].concat(),
    );
    assert_eq!(answered(&run), ["init", "100 m n=2i size=9i"], "{}", run.stderr);
}

#[test]
fn a_name_that_is_no_script_is_refused_with_those_that_are() {
    let folder = folder("entry-names");
    let all = "it has broken, count, scale, sizes";
    let error = refusal(&folder, &[("script", &[Text("scal")])]);
    assert!(
        error.contains("there is no script 'scal' in ")
            && error.ends_with(&format!("did you mean scale?; {all}")),
        "{error}"
    );
    assert!(refusal(&folder, &[]).contains("write one .script('NAME')"));
    let twice = refusal(&folder, &[("script", &[Text("scale")]), ("script", &[Text("count")])]);
    assert!(twice.contains("write one .script('NAME')") && twice.contains(all), "{twice}");
    let module = refusal(&folder, &[("script", &[Text("tools")])]);
    assert!(
        module.contains("'tools' in ") && module.contains("is a module, not a script"),
        "{module}"
    );
    // There is no way out of the folder.
    std::fs::create_dir(folder.path("inner")).unwrap();
    for path in ["../scale", "inner/../scale", "./scale", "/etc/passwd", ""] {
        let text: &'static str = path;
        let error = refusal(&folder, &[("script", &[Text(text)])]);
        assert!(error.contains(&format!("there is no script '{path}'")), "{error}");
    }
    let broken = refusal(&folder, &[("script", &[Text("broken")])]);
    assert!(broken.contains("broken.rhai:2:12: "), "{broken}");
}

#[test]
fn options_are_checked_against_the_script_that_is_named() {
    let folder = folder("entry-options");
    let count: (&str, &[OptionArgument]) = ("script", &[Text("count")]);
    let unknown = refusal(&folder, &[count, ("field", &[Text("x")]), ("start", &[Int(1)])]);
    assert_eq!(unknown, "script 'count': option 'field' is unknown; the script declares start");
    let range = refusal(&folder, &[count, ("start", &[Int(-1)])]);
    assert!(
        range.starts_with("script 'count': option 'start': must be at least 0, got -1"),
        "{range}"
    );
    let missing = refusal(&folder, &[("script", &[Text("scale")]), ("field", &[Text("x")])]);
    assert_eq!(
        missing,
        "script 'scale': option 'factor' is missing; it takes double (if the daemon says that there is no such property, write .setDouble('factor', 1.5))"
    );
    let edges = refusal(&folder, &[("script", &[Text("sizes")]), ("size", &[Int(9)])]);
    assert!(
        edges.starts_with(
            "script 'sizes': it is batch-to-stream, but this function is for stream-to-stream scripts"
        ) && edges.contains("\"--edges\", \"batch-to-stream\""),
        "{edges}"
    );
}

/// A value as the daemon's own types allow it, for options that it was not told.
#[test]
fn set_passes_options_that_the_daemon_does_not_know() {
    let folder = folder("entry-set");
    let script = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ f: \"double\", i: \"int\", b: \
                  \"bool\", d: \"duration\", s: \"string\", script: #{ type: \"string\", default: \"\" }, two: #{ \
                  type: [\"string\", \"int\"], repeated: true, default: [] } } } }\nfn point(p, opt) { p.text = \
                  `${opt.f} ${opt.i} ${opt.b} ${opt.d} ${opt.s} ${opt.script} ${opt.two}`; emit(p); }\n";
    folder.write("typed.rhai", script);
    let name: (&str, &[OptionArgument]) = ("script", &[Text("typed")]);
    let by_text = init(&[
        name,
        ("set", &[Text("f"), Text("2")]),
        ("set", &[Text("i"), Text("-3")]),
        ("set", &[Text("b"), Text("TRUE")]),
        ("set", &[Text("d"), Text("5m")]),
        ("set", &[Text("s"), Text("a, b")]),
        ("set", &[Text("script"), Text("own")]),
        ("set", &[Text("two"), Text("x, 1")]),
        ("set", &[Text("two"), Text("y, 2")]),
    ]);
    let run = udf(&folder, &[], vec![by_text, point(1, "", &[])]);
    let said = "1 m text=\"2.0 -3 true 300000000000 a, b own [[\\\"x\\\", 1], [\\\"y\\\", 2]]\"";
    assert_eq!(answered(&run), ["init", said]);
    let typed = init(&[
        name,
        ("setInt", &[Text("f"), Int(2)]),
        ("setDouble", &[Text("i"), Double(-3.0)]),
        ("setBool", &[Text("b"), Flag(true)]),
        ("setDuration", &[Text("d"), Duration(300_000_000_000)]),
        ("set", &[Text("s"), Text("a, b")]),
        ("set", &[Text("script"), Text("own")]),
        ("set", &[Text("two"), Text("x, 1")]),
        ("set", &[Text("two"), Text("y, 2")]),
    ]);
    let run = udf(&folder, &[], vec![typed, point(1, "", &[])]);
    assert_eq!(answered(&run), ["init", said]);
    let wrong = refusal(
        &folder,
        &[
            name,
            ("set", &[Text("i"), Text("many")]),
            ("setDouble", &[Text("i"), Double(1.5)]),
            ("setInt", &[Text("d"), Int(5)]),
            ("set", &[Text("two"), Text("x")]),
            ("set", &[Text("nme"), Text("x")]),
        ],
    );
    for part in [
        "script 'typed': option 'b' is missing; it takes bool",
        "option 'i': 'many' is not an int",
        "option 'i' takes int, got double",
        "option 'd' takes duration, got int",
        ".setDuration('d', 5m)",
        "option 'two': takes 2 arguments (string, int), got 1",
        "option 'nme' is unknown; the script declares b, d, f, i, s, script, two",
    ] {
        assert!(wrong.contains(part), "{part}: {wrong}");
    }
}

#[test]
fn a_script_that_is_added_later_is_there() {
    let folder = folder("entry-later");
    let mut command = binary();
    let mut daemon = Daemon::start(command.args(["run", "--dir"]).arg(folder.path("")));
    daemon.send(Request::Info(InfoRequest {}));
    assert!(matches!(daemon.next(), Answer::Info(_)));
    folder.write("late.rhai", &SCALE.replace("factor", "times"));
    daemon.init(&[
        ("script", &[Text("late")]),
        ("field", &[Text("x")]),
        ("set", &[Text("times"), Text("10")]),
    ]);
    assert_eq!(daemon.ask(point(1, "a", &[("x", 2.0)]), "out"), 20.0);
}

#[test]
fn a_refused_name_does_not_keep_the_next_one_out() {
    let folder = folder("entry-again");
    let requests = vec![
        init(&[("script", &[Text("broken")])]),
        init(&[("script", &[Text("scale")])]),
        init(&[("script", &[Text("count")])]),
        point(1, "a", &[]),
        // Another script in the same session starts fresh.
        init(&[("script", &[Text("scale")]), ("field", &[Text("x")]), ("factor", &[Double(2.0)])]),
        point(2, "a", &[("x", 1.5)]),
    ];
    for workers in ["1", "3"] {
        let run = udf(&folder, &["--workers", workers], requests.clone());
        let lines = answered(&run);
        assert!(lines[0].starts_with("init refused") && lines[1].starts_with("init refused"));
        assert_eq!(
            lines[2..],
            ["init", "1 m n=1.0", "init", "2 m out=3.0 x=1.5"],
            "{}",
            run.stderr
        );
    }
}

/// A later script with another type does not change how tasks that run today are written.
#[test]
fn types_that_the_daemon_was_told_stay_while_a_script_has_them() {
    let folder = folder("entry-kept");
    let (state, scripts) = (folder.path("state"), folder.path(""));
    let arguments = ["--state-dir", state.to_str().unwrap()];
    assert_eq!(types(&info(&folder, &arguments))["factor"], [ValueType::Double]);
    for name in ["one", "two"] {
        folder.write(&format!("{name}.rhai"), &SCALE.replace("\"double\"", "\"int\""));
    }
    assert_eq!(types(&info(&folder, &[]))["factor"], [ValueType::Int], "most scripts");
    assert_eq!(types(&info(&folder, &arguments))["factor"], [ValueType::Double]);
    // What is written with the type that the daemon knows is taken where nothing is lost.
    let one: (&str, &[OptionArgument]) = ("script", &[Text("one")]);
    assert_eq!(refusal(&folder, &[one, ("field", &[Text("x")]), ("factor", &[Double(3.0)])]), "");
    let lost = refusal(&folder, &[one, ("field", &[Text("x")]), ("factor", &[Double(3.5)])]);
    assert!(
        lost.contains("option 'factor' takes int, got double")
            && lost.contains(".setInt('factor', 10)"),
        "{lost}"
    );
    let check = feed(binary().args(["check", "--deny-warnings", "--dir"]).arg(&scripts), b"");
    assert_eq!(check.code, Some(1));
    let warning = "option 'factor': it is double here, but int in one, two; in a task that uses the function of the whole folder";
    assert!(check.text().contains(warning), "{}", check.text());
    std::fs::remove_file(folder.path("scale.rhai")).unwrap();
    assert_eq!(
        types(&info(&folder, &arguments))["factor"],
        [ValueType::Int],
        "none has it any more"
    );
}

#[test]
fn wrong_use_is_told() {
    for (arguments, part) in [
        (vec!["run"], "name a script, or a folder of scripts with --dir"),
        (vec!["run", "--dir", ".", "a.rhai"], "cannot be used with"),
        (vec!["run", "--edges", "batch-to-stream", "a.rhai"], "--edges applies to --dir only"),
        (vec!["run", "--dir", ".", "--edges", "batch"], "write stream-to-stream, batch-to-stream"),
        (vec!["conf"], "<SCRIPT>"),
        (vec!["conf", "--dir", ".", "a.rhai"], "cannot be used with"),
        (vec!["check", "--dir", ".", "a.rhai"], "cannot be used with"),
    ] {
        let run = feed(binary().args(&arguments), b"");
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
    }
}
