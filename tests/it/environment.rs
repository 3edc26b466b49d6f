//! What lies around a script: modules beside it, logging, the config file, a script that is broken.

use crate::util::*;
use rhai_udf::protocol::message::{EdgeType, InfoRequest};
use std::path::Path;

const HEAD: &str = r#"fn info() { #{ wants: "stream", provides: "stream" } }"#;

fn one_point() -> Vec<Request> {
    vec![init(&[]), point(1, "", &[("x", 1.0)])]
}

#[test]
fn modules_beside_the_script_are_imported_and_import_others() {
    let folder = Folder::new("modules");
    std::fs::create_dir(folder.path("lib")).unwrap();
    folder.write("base.rhai", "fn one() { 1 }");
    folder.write("lib/twice.rhai", "import \"base\" as base;\nfn two() { base::one() * 2 }");
    let path = folder.write(
        "script.rhai",
        &format!(
            "import \"lib/twice\" as lib;\n{HEAD}\nfn point(p) {{ p.y = lib::two(); emit(p); }}"
        ),
    );
    let run = run_udf(&path, &stream(one_point()));
    assert_eq!(lines(&run.answers())[1], "1 m x=1.0 y=2i", "{}", run.stderr);
}

#[test]
fn an_error_in_a_module_has_the_modules_file_and_line() {
    for (name, module, place) in [
        ("throw", "fn f() {\n  throw \"no\";\n}", "lib.rhai:2:3: no (in point)"),
        ("syntax", "fn f() {\n  let = 1;\n}", "lib.rhai:2:7: "),
        ("top", "let x = 1;\nthrow \"top\";\nfn f() {}", "lib.rhai:2:1: top"),
    ] {
        let folder = Folder::new(&format!("module_{name}"));
        folder.write("lib.rhai", module);
        let text = format!("import \"lib\" as lib;\n{HEAD}\nfn point(p) {{ lib::f(); }}");
        let path = folder.write("script.rhai", &text);
        let run = run_udf(&path, &stream(one_point()));
        let said = lines(&run.answers()).join("\n");
        assert!(said.contains(place), "{name}: {said}");
        assert!(!said.contains("script.rhai"), "{name}: {said}");
    }
}

#[test]
fn modules_elsewhere_are_refused() {
    for (name, import, part) in [
        (
            "up",
            "../lib",
            "module '../lib': modules are searched in the folder of the script and below",
        ),
        (
            "absolute",
            "/etc/lib",
            "module '/etc/lib': modules are searched in the folder of the script",
        ),
        ("absent", "nothing", "nothing.rhai cannot be read: "),
        ("itself", "script", "script.rhai imports itself"),
    ] {
        let folder = Folder::new(&format!("import_{name}"));
        let text = format!("{HEAD}\nimport \"{import}\" as lib;\nfn point(p) {{ lib::f(); }}");
        let path = folder.write("script.rhai", &text);
        let run = run_udf(&path, &stream(one_point()));
        let said = lines(&run.answers()).remove(0);
        assert!(said.contains(part), "{name}: {said}");
        assert!(said.contains("script.rhai:2:"), "{name}: {said}");
    }
}

const LOGGING: &str = r#"
    fn point(p) {
        log_debug("at debug"); log_info("at info"); log_warn("at warn"); log_error("at error");
        print("printed"); debug("debugged");
    }"#;

fn logged(path: &Path, arguments: &[&str], variable: Option<&str>) -> String {
    let mut command = binary();
    command.arg("run").arg(path).args(arguments);
    if let Some(level) = variable {
        command.env("KAPACITOR_LOGGING_LEVEL", level);
    }
    feed(&mut command, &stream(one_point())).stderr
}

#[test]
fn the_log_level_comes_from_the_command_line_the_environment_or_the_config() {
    let folder = Folder::new("levels");
    let path = folder.write("script.rhai", &format!("{HEAD}{LOGGING}"));
    let config = folder.write("other.toml", "[log]\nlevel = 'error'");
    let config = config.to_str().unwrap();
    for (arguments, variable, shown, hidden) in [
        (&[][..], None, &["at info", "printed", "at error"][..], &["at debug", "debugged"][..]),
        (&["--log-level", "debug"], None, &["at debug", "line 4: \"debugged\""], &[]),
        (&["--log-level", "warn"], None, &["at warn"], &["at info", "printed"]),
        (&[], Some("WARNING"), &["at warn"], &["at info"]),
        (&[], Some("DEBUG"), &["at debug"], &[]),
        (&["--log-level", "error"], Some("DEBUG"), &["at error"], &["at warn"]),
        (&["--config", config], None, &["at error"], &["at warn"]),
        (&["--config", config], Some("INFO"), &["at info"], &["at debug"]),
        (&["--log-level", "off"], None, &[], &["at error"]),
    ] {
        let stderr = logged(&path, arguments, variable);
        for text in shown {
            assert!(stderr.contains(text), "{arguments:?} {variable:?}: no '{text}' in {stderr}");
        }
        for text in hidden {
            assert!(!stderr.contains(text), "{arguments:?} {variable:?}: '{text}' in {stderr}");
        }
    }
    assert!(logged(&path, &[], None).contains("[WARN] script.rhai: at warn"));
}

#[test]
fn a_level_that_is_none_is_said() {
    let folder = Folder::new("level");
    let path = folder.write("script.rhai", &format!("{HEAD}{LOGGING}"));
    let stderr = logged(&path, &[], Some("LOUD"));
    let part = "KAPACITOR_LOGGING_LEVEL=LOUD is not a level; write DEBUG, INFO, WARNING";
    assert!(stderr.contains(part), "{stderr}");
    let run = feed(binary().args(["--log-level", "loud", "run"]).arg(&path), &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("write off, error, warn, info, debug or trace"), "{}", run.stderr);
}

#[test]
fn the_config_beside_the_script_is_read() {
    let folder = Folder::new("beside");
    let path = folder.write("script.rhai", &format!("{HEAD}\nfn point(p) {{ loop {{ }} }}"));
    folder.write("rhai-udf.toml", "[limits]\noperations = 1000");
    let run = run_udf(&path, &stream(one_point()));
    assert_eq!(run.code, Some(1));
    assert!(run.error().contains("one call took too many operations"), "{}", run.error());
}

/// The daemon must start; the task is refused with the reason.
fn answers_info_and_refuses_init(path: &Path, parts: &[&str]) {
    let info = run_udf(path, &stream(vec![Request::Info(InfoRequest {})]));
    assert_eq!(info.code, Some(0), "{}", info.stderr);
    assert!(matches!(info.answers()[..], [Answer::Info(_)]), "{:?}", info.answers());
    let init = run_udf(path, &stream(vec![init(&[])]));
    assert_eq!(init.code, Some(0), "{}", init.stderr);
    let said = lines(&init.answers()).remove(0);
    assert!(said.starts_with("init refused: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
        assert!(info.stderr.contains(part) && init.stderr.contains(part), "{}", init.stderr);
    }
}

/// A daemon that learns the right edges and options can say why the task is refused.
#[test]
fn a_broken_script_still_answers_its_own_declaration() {
    let folder = Folder::new("own_declaration");
    let text = "fn info() { #{ wants: \"batch\", provides: \"stream\", options: #{ n: \"int\" } } }\n\
                fn end_batch(b) { let x = ; }";
    let path = folder.write("script.rhai", text);
    let run = run_udf(&path, &stream(vec![Request::Info(InfoRequest {})]));
    let Some(Answer::Info(info)) = run.answers().pop() else { panic!("{}", run.stderr) };
    assert_eq!((info.wants(), info.provides()), (EdgeType::Batch, EdgeType::Stream));
    assert!(info.options.contains_key("n"));
    assert!(run.stderr.contains("script.rhai:2:27: unexpected ';'"), "{}", run.stderr);
}

#[test]
fn a_broken_script_answers_info_and_refuses_init() {
    for (name, text, parts) in [
        ("syntax", "fn info() {\n  let = 1;\n}", &["script.rhai:2:7: "][..]),
        ("no_info", "fn point(p) {}", &["has no fn info()"]),
        ("throws", "fn info() { throw \"no\"; }\nfn point(p) {}", &["script.rhai:1:13: no"]),
        (
            "misspelt",
            "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\nfn end_bacth(b) {}",
            &[
                "script.rhai:2:",
                "fn end_bacth is never called; did you mean end_batch(batch, opt)?",
            ],
        ),
        (
            "parameters",
            "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(a, b, c) {}",
            &["fn point has 3 parameters; it is called as point(p, opt)"],
        ),
        (
            "no_point",
            "fn info() { #{ wants: \"stream\", provides: \"stream\" } }",
            &["wants a stream and has no fn point(p, opt)"],
        ),
        (
            "reserved",
            "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { p.new = 1; }",
            &["script.rhai:2:17: 'new' is a reserved word; a field", "is written [\"new\"]"],
        ),
    ] {
        let folder = Folder::new(&format!("broken_{name}"));
        answers_info_and_refuses_init(&folder.write("script.rhai", text), parts);
    }
    let folder = Folder::new("absent");
    answers_info_and_refuses_init(
        &folder.path("nothing.rhai"),
        &["nothing.rhai: cannot be read: "],
    );
}

/// A broken config must not keep the daemon from starting either; the declaration is the script's.
#[test]
fn a_broken_config_names_the_key_and_refuses_init() {
    let folder = Folder::new("config");
    let head = HEAD.replace("provides: \"stream\"", "provides: \"batch\"");
    let path = folder.write("script.rhai", &format!("{head}\nfn point(p) {{}}"));
    folder.write("rhai-udf.toml", "on_error = 'skip'\n[limits]\noperation = 1");
    let run = run_udf(&path, &stream(vec![Request::Info(InfoRequest {}), init(&[])]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let [Answer::Info(info), Answer::Init(init)] = &run.answers()[..] else { panic!() };
    assert_eq!(info.provides(), EdgeType::Batch);
    let part = "rhai-udf.toml:3: unknown field `operation`, expected one of `operations`";
    assert!(!init.success && init.error.contains(part), "{}", init.error);
    assert!(run.stderr.contains(part), "{}", run.stderr);
    let absent = feed(
        binary().arg("run").arg(&path).args(["--config", "/nothing.toml"]),
        &stream(vec![self::init(&[])]),
    );
    assert_eq!(
        lines(&absent.answers()),
        [
            "init refused: config /nothing.toml: cannot be read: No such file or directory (os error 2)"
        ]
    );
}
