//! Options: types, defaults, ranges, several arguments, and everything wrong in one message.

use crate::util::*;
use OptionArgument::{Double, Duration, Flag, Int, Text};

type Given<'a> = &'a [(&'a str, &'a [OptionArgument])];

/// A script with these options; it emits all of them as text.
fn script(options: &str) -> String {
    format!(
        r#"fn info() {{ #{{ wants: "stream", provides: "stream", options: #{{ {options} }} }} }}
        fn point(p, opt) {{
            for name in opt.keys() {{ p[name] = `${{opt[name]}}`; }}
            p.remove("x");
            emit(p);
        }}"#
    )
}

fn answer(name: &str, options: &str, given: Given<'_>) -> Vec<String> {
    let input = vec![init(given), point(0, "", &[("x", 1.0)])];
    lines(&run_text(name, &script(options), input).answers())
}

fn accepted(name: &str, options: &str, given: Given<'_>, expected: &str) {
    let got = answer(name, options, given);
    assert_eq!(got, ["init", &format!("0 m {expected}")], "{options}");
}

fn refused(name: &str, options: &str, given: Given<'_>, expected: &str) {
    let got = answer(name, options, given);
    assert_eq!(got[0], format!("init refused: {expected}"), "{options}");
}

#[test]
fn options_of_every_type_arrive() {
    accepted(
        "types",
        r#"b: "bool", i: "int", d: "double", s: "string", t: "duration""#,
        &[
            ("b", &[Flag(true)]),
            ("i", &[Int(-3)]),
            ("d", &[Double(0.5)]),
            ("s", &[Text("a b")]),
            ("t", &[Duration(60_000_000_000)]),
        ],
        r#"b="true" d="0.5" i="-3" s="a b" t="60000000000""#,
    );
}

/// Protobuf leaves a 0, "" or false out on the wire.
#[test]
fn zero_empty_and_false_arrive() {
    accepted(
        "zeros",
        r#"b: "bool", i: "int", d: "double", s: "string", t: "duration""#,
        &[
            ("b", &[Flag(false)]),
            ("i", &[Int(0)]),
            ("d", &[Double(0.0)]),
            ("s", &[Text("")]),
            ("t", &[Duration(0)]),
        ],
        r#"b="false" d="0.0" i="0" s="" t="0""#,
    );
}

#[test]
fn defaults_stand_in_for_what_is_not_written() {
    let options = r#"
        "as": #{ type: "string", default: "avg" },
        scale: #{ type: "double", default: 2 },
        hold: #{ type: "duration", default: "1m" },
        on: #{ type: "bool", default: true },
        list: #{ type: "string", repeated: true, default: [] }"#;
    accepted(
        "defaults",
        options,
        &[],
        r#"as="avg" hold="60000000000" list="[]" on="true" scale="2.0""#,
    );
    let given: Given<'_> = &[("as", &[Text("x")]), ("on", &[Flag(false)])];
    let expected = r#"as="x" hold="60000000000" list="[]" on="false" scale="2.0""#;
    accepted("written", options, given, expected);
}

#[test]
fn an_option_may_have_several_arguments_and_be_repeated() {
    accepted(
        "several",
        r#"between: ["double", "double"], field: #{ type: "string", repeated: true }"#,
        &[
            ("between", &[Double(1.0), Double(2.0)]),
            ("field", &[Text("a")]),
            ("field", &[Text("b")]),
        ],
        r#"between="[1.0, 2.0]" field="["a", "b"]""#
            .replace("[\"a\", \"b\"]", r#"[\"a\", \"b\"]"#)
            .as_str(),
    );
    accepted(
        "pairs",
        r#"limit: #{ type: ["string", "double"], repeated: true }"#,
        &[("limit", &[Text("a"), Double(1.0)]), ("limit", &[Text("b"), Double(2.0)])],
        r#"limit="[[\"a\", 1.0], [\"b\", 2.0]]""#,
    );
}

#[test]
fn one_that_is_wrong_is_told_what_would_be_right() {
    for (name, options, given, expected) in [
        (
            "missing",
            r#"field: "string""#,
            &[] as Given<'_>,
            "option 'field' is missing; it takes string; if kapacitord says that there is no such property, restart it: it reads info() only when it starts",
        ),
        (
            "unknown",
            r#"size: #{ type: "int", default: 1 }"#,
            &[("sise", &[Int(1)])],
            "option 'sise' is unknown; the script declares size; if info() has changed, restart kapacitord, which reads it only when it starts",
        ),
        (
            "none",
            "",
            &[("a", &[Int(1)])],
            "option 'a' is unknown; the script declares none; if info() has changed, restart kapacitord, which reads it only when it starts",
        ),
        (
            "type",
            r#"a: "double""#,
            &[("a", &[Int(1)])],
            "option 'a': wants double, got int; if info() has changed, restart kapacitord, which reads it only when it starts",
        ),
        (
            "count",
            r#"a: ["int", "int"]"#,
            &[("a", &[Int(1)])],
            "option 'a': takes 2 arguments, got 1; if info() has changed, restart kapacitord, which reads it only when it starts",
        ),
        (
            "twice",
            r#"a: "int""#,
            &[("a", &[Int(1)]), ("a", &[Int(2)])],
            "option 'a' is written 2 times; it can be written once",
        ),
        (
            "least",
            r#"a: #{ type: "int", min: 2 }"#,
            &[("a", &[Int(1)])],
            "option 'a': must be at least 2, got 1",
        ),
        (
            "most",
            r#"a: #{ type: "duration", max: "1m" }"#,
            &[("a", &[Duration(61_000_000_000)])],
            "option 'a': must be at most 1m, got 1m1s",
        ),
        (
            "nan",
            r#"a: #{ type: "double", max: 1 }"#,
            &[("a", &[Double(f64::NAN)])],
            "option 'a': must be a number, got NaN",
        ),
        (
            "one_of",
            r#"a: #{ type: "string", one_of: ["x", "y"] }"#,
            &[("a", &[Text("z")])],
            "option 'a': must be one of 'x', 'y', got 'z'",
        ),
    ] {
        refused(name, options, given, expected);
    }
}

#[test]
fn every_wrong_option_is_in_one_message() {
    refused(
        "all_wrong",
        r#"field: "string", size: #{ type: "int", min: 2 }, alpha: "double""#,
        &[("size", &[Int(1)]), ("alpha", &[Int(1)]), ("beta", &[Double(0.1)])],
        "option 'size': must be at least 2, got 1; option 'alpha': wants double, got int; \
         option 'beta' is unknown; the script declares alpha, field, size; \
         option 'field' is missing; it takes string; if info() has changed, restart kapacitord, which reads it only when it starts",
    );
}

#[test]
fn a_refused_task_goes_on_to_answer_and_takes_no_data() {
    let input = vec![init(&[("x", &[Int(1)])]), point(0, "", &[])];
    let run = run_text("refused", &script(""), input);
    assert_eq!(run.code, Some(1));
    let got = lines(&run.answers());
    assert_eq!(got[1..], ["error: a point arrived before init"]);
}

#[test]
fn opt_cannot_be_changed_and_knows_its_names() {
    for (name, body, part) in [
        ("set", "opt.size = 3;", "option 'size' cannot be changed; keep it in `this`"),
        ("get", "let n = opt.sise;", "there is no option 'sise'; info() declares size"),
    ] {
        let script = format!(
            "fn info() {{ #{{ wants: \"stream\", provides: \"stream\",
                options: #{{ size: #{{ type: \"int\", default: 1 }} }} }} }}
            fn point(p, opt) {{ {body} }}"
        );
        let (_, error) = play_to_error(name, &script, vec![point(0, "", &[])]);
        assert!(error.contains(part), "{error}");
    }
}

/// A declaration is the author's: what is wrong in it comes with the place and all at once.
#[test]
fn a_wrong_declaration_names_every_mistake() {
    let script = r#"fn info() {
            #{
                wants: "streams",
                provides: "stream",
                option: #{},
                options: #{
                    a: #{ type: "integer" },
                    b: #{ type: "int", default: "x" },
                    c: #{ type: "double", default: 2.0, max: 1.0 },
                    d: #{ type: "int", minimum: 1 },
                },
            }
        }
        fn point(p) {}"#;
    let run = run_text("declaration", script, vec![init(&[])]);
    let got = lines(&run.answers()).remove(0);
    for part in [
        "script.rhai:1:",
        "wants must be \"stream\" or \"batch\"",
        "unknown key 'option'; known are wants",
        "option 'a': unknown type 'integer'; write bool, int, double, string or duration",
        "option 'b': the default must be an int, got 'x'",
        "option 'c': the default must be at most 1, got 2.0",
        "option 'd': unknown key 'minimum'; known are type",
    ] {
        assert!(got.contains(part), "{part}: {got}");
    }
}
