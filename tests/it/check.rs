//! `check`: mistakes that a script would only show when it runs, or never, and no false alarms.

use crate::util::*;

/// What `check` warns of in a script with this text: places and messages.
fn warnings(text: &str) -> Vec<String> {
    let folder = Folder::new("check");
    let path = folder.write("script.rhai", text);
    let run = feed(binary().arg("check").args(["--format", "json"]).arg(path), &[]);
    let found: serde_json::Value = serde_json::from_str(&run.text()).unwrap();
    assert_eq!(found[0]["usable"], true, "{found}");
    let problems = found[0]["problems"].as_array().unwrap().iter();
    problems.map(|p| format!("{}: {}", p["line"], p["message"].as_str().unwrap())).collect()
}

const STREAM: &str =
    "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ field: \"string\" } } }\n";

#[track_caller]
fn check(body: &str, expected: &[&str]) {
    let text = format!("{STREAM}{body}");
    let found = warnings(&text);
    assert_eq!(found.len(), expected.len(), "{body}: {found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{body}: {found} instead of {expected}");
    }
}

#[test]
fn a_function_that_nobody_has_is_named_with_the_nearest() {
    check(
        "fn state(opt) { moving_stat(10) }\nfn point(p, opt) { this.push(p[opt.field]); emit(p); }",
        &["2: there is no function moving_stat(_); did you mean moving_stats?"],
    );
    check(
        "fn twice(x) { x * 2 }\nfn point(p, opt) { p.y = twic(p[opt.field]); p.z = twice(1, 2); emit(p); }",
        &["there is no function twic(_); did you mean twice?", "twice takes 1 argument, not 2"],
    );
    check(
        "fn point(p, opt) { p.remve(opt.field); emit(p); }",
        &["there is no method remve(_); did you mean remove?"],
    );
}

#[test]
fn an_option_that_is_not_declared_is_named() {
    check(
        "fn point(p, opt) { p.y = p[opt.feild]; emit(p); }",
        &[
            "option 'field' is declared in info(), but never read",
            "2: info() declares no option 'feild'; did you mean field?",
        ],
    );
    check("fn point(p) { emit(p); }", &["option 'field' is declared in info(), but never read"]);
    // What stands behind a closure is no part of it.
    check(
        "fn point(p, opt) {\n let a = [1].map(|e| #{ k: e }).filter(|e| e.k > 0);\n p.y = p[opt.field];\n emit(p); }",
        &[],
    );
    check("fn help(o) { o.field }\nfn point(p, opt) { p.y = help(opt); emit(p); }", &[]);
    check("fn point(p, opt) { for name in opt.keys() { p.y = opt[name]; } emit(p); }", &[]);
}

#[test]
fn a_state_that_nothing_sets_is_named() {
    check(
        "fn point(p, opt) { this.n += 1; p.y = p[opt.field] + this.n; emit(p); }",
        &["this.n is read, but nothing sets it: there is no state()", "this.n is read"],
    );
    check(
        "fn state(opt) { #{ window: moving_stats(3), field: opt.field } }\n\
         fn point(p, opt) { p.y = this.windw.push(p[opt.field]).mean; emit(p); }",
        &[
            "this.windw is read, but nothing sets it: state() does not return it; did you mean window?",
        ],
    );
    check(
        "fn point(p, opt) { if p.time > 0 { this.last = p[opt.field]; } p.y = this.last; emit(p); }",
        &[],
    );
    check(
        "fn init(opt) { this.x = opt.field; }\nfn point(p) { emit(p); }",
        &["init has no `this`"],
    );
}

#[test]
fn the_wrong_kind_of_emit_is_named() {
    let batches =
        "fn info() { #{ wants: \"stream\", provides: \"batch\" } }\nfn point(p) { emit(p); }";
    let found = warnings(batches);
    assert!(found[0].starts_with("2: info() says that this script provides batches"), "{found:?}");
    let stream = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\n\
                  fn end_batch(b) { emit(b.select(b[\"x\"] > 1)); emit(b.point(#{ n: 1 })); emit(b.points()); }";
    let found = warnings(stream);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("provides a stream: emit points"), "{found:?}");
}

#[test]
fn a_change_of_a_copy_is_named() {
    check(
        "fn mark(p, x) { p.y = x; }\nfn point(p, opt) { mark(p, p[opt.field]); emit(p); }",
        &["2: mark changes 'p', which is a copy, and does not use it"],
    );
    check(
        "fn mark(p, x) { p.y = x; p }\nfn point(p, opt) { mark(p, p[opt.field]); emit(p); }",
        &["3: mark changes a copy of 'p', and its result is not used: write p = mark(p…)"],
    );
    check(
        "fn mark(p, x) { p.y = x; return p; }\nfn send(p) { p.z = 1; emit(p); }\n\
         fn point(p, opt) { p = mark(p, p[opt.field]); send(p); }",
        &[],
    );
    check("fn point(p, opt) { p.y = p[opt.field]; }", &[]);
    check("fn point(p, opt) { p.y = opt.field; }", &["point changes 'p', which is a copy"]);
}

#[test]
fn a_change_of_a_constant_is_named() {
    check(
        "const LIST = [1];\nfn point(p, opt) { LIST.push(2); global::LIST[0] = 3; if p.has(opt.field) { emit(p); } }",
        &[
            "3: LIST is a constant: only a copy of it is changed",
            "3: LIST is a constant: only a copy of it is changed",
        ],
    );
    check(
        "const LIST = [1];\nfn add(LIST) { LIST.push(2); LIST }\n\
         fn point(p, opt) { this.l = LIST; this.l.push(2); if p.has(opt.field) { emit(p); } }",
        &[],
    );
}

#[test]
fn constants_that_are_not_what_they_look_like_are_named() {
    check(
        "fn point(p, opt) { p.y = 5 / 2; p.z = -5 % 3; p.w = 6 / 2; p.v = 5 / 2.0;\n\
         if p.has(opt.field) { emit(p); } }",
        &[
            "2: 5 / 2 is 2: both are ints; write 5.0 / 2",
            "2: -5 % 3 is -2: a remainder has the sign of its left side",
        ],
    );
    let folder = Folder::new("logic");
    let text =
        format!("{STREAM}fn point(p, opt) {{ if p.has(opt.field) && \"ok\" {{ emit(p); }} }}");
    let run = feed(binary().arg("check").arg(folder.write("script.rhai", &text)), &[]);
    assert!(
        run.text().contains("2:43: expecting a boolean expression, not a string"),
        "{}",
        run.text()
    );
}

#[test]
fn warnings_fail_in_ci_only_and_editors_can_jump_to_them() {
    let folder = Folder::new("deny");
    std::fs::create_dir(folder.path("scripts")).unwrap();
    folder.write(
        "scripts/a.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { emitt(p); }",
    );
    folder.write("scripts/b.rhai", &std::fs::read_to_string(repo("scripts/mirror.rhai")).unwrap());
    let scripts = folder.path("scripts");
    let run = feed(binary().arg("check").arg(&scripts), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let line = format!(
        "{}:2:15: warning: there is no function emitt(_); did you mean emit?",
        scripts.join("a.rhai").display()
    );
    assert!(run.text().contains(&line), "{}", run.text());
    let run = feed(binary().args(["check", "--deny-warnings"]).arg(&scripts), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("1 of 2 scripts has warnings (--deny-warnings)"), "{}", run.stderr);
    let run = feed(binary().arg("check").arg(folder.path("")), &[]);
    assert!(run.stderr.contains("there is no script (*.rhai) in it"), "{}", run.stderr);
}

#[test]
fn no_shipped_script_has_a_warning() {
    let run = feed(binary().args(["check", "--deny-warnings"]).arg(repo("scripts")), &[]);
    assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
}

/// What a script imports is looked at as the script is, and calls of its functions are checked.
#[test]
fn mistakes_in_modules_and_calls_of_them_are_named() {
    let folder = Folder::new("modules");
    std::fs::create_dir(folder.path("scripts")).unwrap();
    folder.write(
        "scripts/tools.rhai",
        "fn twice(x) { x * 2 }\nfn broken(x) { medain([x]) + 5 / 2 }\nprivate fn hidden(x) { x }",
    );
    let script = folder.write(
        "scripts/uses.rhai",
        "import \"tools\" as t;\nfn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
         fn point(p) {\n p.y = t::twise(p.x);\n p.y = t::twice(p.x, 1);\n p.y = t::hidden(1);\n \
         p.y = t::twice(p.x);\n emit(p);\n}",
    );
    let expected = [
        "uses.rhai:4:11: warning: module t has no function twise; did you mean twice?",
        "uses.rhai:5:11: warning: t::twice takes 1 arguments, not 2",
        "uses.rhai:6:11: warning: module t has no function hidden",
        "tools.rhai:2:16: warning: there is no function medain(_); did you mean median?",
        "tools.rhai:2:32: warning: 5 / 2 is 2: both are ints; write 5.0 / 2",
    ];
    // The folder too: a module in it is no script of its own.
    for path in [script, folder.path("scripts")] {
        let run = feed(binary().arg("check").arg(path), &[]);
        let text = run.text();
        let found: Vec<&str> = text.lines().filter(|line| line.contains(" warning: ")).collect();
        assert_eq!(found.len(), expected.len(), "{text} {}", run.stderr);
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.ends_with(expected), "{found} instead of {expected}");
        }
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

/// What does something else in Python than in Rhai.
#[test]
fn what_a_python_user_would_write_is_named() {
    check(
        "const N = 7;\nfn point(p, opt) { p.y = N / 2; p.z = 5 % -3; p.w = -6 % 3; p.v = N / 7;\n\
         if p.has(opt.field) { emit(p); } }",
        &[
            "3: 7 / 2 is 3: both are ints; write 7.0 / 2",
            "3: 5 % -3 is 2: a remainder has the sign",
        ],
    );
    check(
        "fn point(p, opt) { if opt.field { p.y = 1; } if p.up && opt.field { p.y = 2; } emit(p); }",
        &[
            "2: opt.field is a string, and a condition must be true or false: write opt.field != \"\"",
            "2: opt.field is a string",
        ],
    );
    check(
        "fn state() { #{ list: [] } }\nfn point(p, opt) { let list = this.list; if !list.len() || p.tags \
         { p.y = opt.field; emit(p); } }",
        &[
            "3: list.len() is an int",
            "3: p.tags is a map, and a condition must be true or false: write !p.tags.is_empty()",
        ],
    );
    check(
        "fn point(p, opt) { for (k, v) in p.tags { p.y = opt.field; } emit(p); }",
        &["2: p.tags is a map, and `for` cannot loop over a map: write for e in p.tags.entries()"],
    );
    let options = "fn info() { #{ wants: \"batch\", provides: \"stream\", options: #{ n: \"int\", on: \"bool\" } } }\n";
    let body = "fn end_batch(b, opt) { let w = 1 / opt.n; if b[\"x\"] > 2 && opt.on { emit(b.point(#{ w: w })); } \
                if !(b[\"x\"] > 2).any { emit(b.points()); } }";
    let found = warnings(&format!("{options}{body}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("1 / opt.n is 0 for every opt.n above 1"), "{found:?}");
    assert!(
        found[1].contains("b[\"x\"] > … is a mask, with one answer for each point"),
        "{found:?}"
    );
}

#[test]
fn a_changed_copy_of_a_part_of_the_state_is_named() {
    let state = "fn state() { #{ w: moving_stats(3), rows: [#{ x: 1 }] } }\n";
    check(
        &format!("{state}fn point(p, opt) {{ let w = this.w; w.push(p[opt.field]); emit(p); }}"),
        &[
            "3: 'w' is a copy of this.w, and the change is lost: change this.w itself, or set this.w = w",
        ],
    );
    check(
        &format!(
            "{state}fn point(p, opt) {{ for row in this.rows {{ row.x = 2; }} p.y = opt.field; emit(p); }}"
        ),
        &["3: 'row' is a copy of an element of this.rows, and the change is lost"],
    );
    check(
        &format!("{state}fn point(p, opt) {{ this.w.push(p[opt.field]).push(2); emit(p); }}"),
        &["3: push changes the copy that push returns, and the copy is lost"],
    );
    // All of these mean what they say.
    for body in [
        "let w = this.w; w.push(p[opt.field]); this.w = w;",
        "let w = this.w; w.push(p[opt.field]); p.mean = w.mean;",
        "let w = moving_stats(3).push(1).push(2); p.mean = w.push(p[opt.field]).mean;",
        "for row in this.rows { row.x = 2; p.y = row.x + p[opt.field]; }",
        "let rows = this.rows; for row in rows { row.x += p[opt.field]; emit(new_point(#{ fields: row })); }",
        "let n = this.rows.len(); for i in 0..n { this.rows[i].x = p[opt.field]; }",
    ] {
        check(&format!("{state}fn point(p, opt) {{ {body} emit(p); }}"), &[]);
    }
}
