//! The language against the daemon's rules: parsing, types, functions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::tick::error::{Result, TickError, TickText};
use crate::tick::lambda::State;
use crate::tick::lambda::{Lambda, Scope, Value};
use crate::tick::syntax::ast::{Expr, ExprKind, Statement};
use crate::tick::syntax::parser::{parse, parse_lambda};

#[derive(Default)]
struct Fields(BTreeMap<&'static str, Value<'static>>, i64);

impl Scope for Fields {
    fn get(&self, name: &str) -> Result<Value<'_>> {
        Ok(self.0.get(name).cloned().unwrap_or(Value::Missing))
    }

    fn time(&self) -> i64 {
        self.1
    }
}

fn fields() -> Fields {
    let values = [
        ("f", Value::Float(1.5)),
        ("i", Value::Int(7)),
        ("s", Value::String("héllo".into())),
        ("host", Value::String("server01".into())),
        ("b", Value::Bool(true)),
    ];
    // Tuesday 2016-03-01 13:45:30 UTC.
    Fields(values.into(), 1_456_839_930_000_000_000)
}

fn compile(text: &str) -> Result<Lambda> {
    let source = TickText { name: "t", text };
    Lambda::compile(&parse_lambda(&source)?, &source, &|name| match name {
        "limit" => Some(ExprKind::Float(2.0)),
        "word" => Some(ExprKind::String("lo".into())),
        _ => None,
    })
}

fn eval(text: &str) -> Result<String> {
    let scope = fields();
    let lambda = compile(text)?;
    let shown = format!("{:?}", lambda.eval(&scope, &mut State::default())?);
    Ok(shown)
}

#[test]
fn expressions_have_the_daemons_values() {
    for (text, expected) in [
        ("1 + 2 * 3", "Int(7)"),
        ("(1 + 2) * 3", "Int(9)"),
        ("10 - 3 - 2", "Int(5)"),
        ("7 / 2", "Int(3)"),
        ("-7 / 2", "Int(-3)"),
        ("-7 % 3", "Int(-1)"),
        ("0644", "Int(420)"),
        ("7.0 / 2.0", "Float(3.5)"),
        ("\"i\" > 6.5", "Bool(true)"),
        ("\"f\" < 2 AND \"i\" == 7.0", "Bool(true)"),
        ("FALSE AND TRUE OR TRUE", "Bool(true)"),
        ("!\"b\" == FALSE", "Bool(true)"),
        ("\"s\" + 'x' == 'héllox'", "Bool(true)"),
        ("\"host\" =~ /^server\\d+$/", "Bool(true)"),
        ("\"host\" !~ /logger/", "Bool(true)"),
        ("5m + 10s", "Duration(310000000000)"),
        ("2 * 5m == 10m", "Bool(true)"),
        ("5m * 1.5", "Duration(450000000000)"),
        ("1h / 5m", "Int(12)"),
        ("1h / 2.0 == 30m", "Bool(true)"),
        ("isPresent(\"nope\") AND \"nope\" > 1.0", "Bool(false)"),
        ("!isPresent(\"nope\") OR \"nope\" > 1.0", "Bool(true)"),
        ("\"f\" < limit", "Bool(true)"),
        ("strHasSuffix(\"s\", word)", "Bool(true)"),
        ("abs(-\"f\")", "Float(1.5)"),
        ("max(1.0, 2.0) + min(1.0, 2.0)", "Float(3.0)"),
        ("pow10(3)", "Float(1000.0)"),
        ("logb(10.0)", "Float(3.0)"),
        ("strLength(\"s\")", "Int(6)"),
        ("strSubstring('telegraf', 0, 4)", "String(\"tele\")"),
        ("strReplace('a.b.c', '.', '-', 1)", "String(\"a-b.c\")"),
        ("strReplace('a.b.c', '.', '-', -1)", "String(\"a-b-c\")"),
        ("strIndex('chicken', 'ken')", "Int(4)"),
        ("strIndexAny('golang', 'gy')", "Int(0)"),
        ("strLastIndex('go gopher', 'rodent')", "Int(-1)"),
        ("strCount('cheese', 'e') + strCount('five', '')", "Int(8)"),
        ("strTrim('  x ', ' ')", "String(\"x\")"),
        ("strTrimPrefix('prefix', 'pre')", "String(\"fix\")"),
        ("strToUpper(\"host\")", "String(\"SERVER01\")"),
        ("regexReplace(/a(x*)b/, '-ab-axxb-', '${1}W')", "String(\"-W-xxW-\")"),
        ("bool('true') AND bool(1)", "Bool(true)"),
        ("int('42') + int(1.9) + int(TRUE)", "Int(44)"),
        ("float('1.25') + float(1)", "Float(2.25)"),
        ("string(1.0) + string(2) + string(TRUE) + string(90m)", "String(\"12true90m\")"),
        ("duration(90, 1s)", "Duration(90000000000)"),
        ("duration('1h30m', 1s) == 90m", "Bool(true)"),
        ("hour(\"time\") * 100 + minute(\"time\")", "Int(1345)"),
        ("weekday(\"time\")", "Int(2)"),
        ("day(\"time\") + month(\"time\") + year(\"time\")", "Int(2020)"),
        ("unixNano(\"time\")", "Int(1456839930000000000)"),
        ("humanBytes(120000)", "String(\"120 kB\")"),
        ("if(\"i\" > 5, 'high', 'low')", "String(\"high\")"),
        ("if(isPresent(\"f\"), \"f\", 0.0)", "Float(1.5)"),
        ("sigma(\"f\") > 3", "Bool(false)"),
        ("erf(0.0) + j0(0.0)", "Float(1.0)"),
    ] {
        assert_eq!(eval(text).unwrap_or_else(|e| panic!("{text}: {e}")), expected, "{text}");
    }
}

#[test]
fn expressions_are_refused_as_the_daemon_refuses_them() {
    for (text, expected) in [
        ("1 + 1.0", "a int + a float is not defined"),
        ("\"i\" + 1.0", "a int + a float is not defined"),
        ("\"f\" % 2.0", "a float % a float is not defined"),
        ("\"nope\" > 1.0", "\"nope\" is missing"),
        ("\"nope\"", "\"nope\" is missing"),
        ("sigma(\"nope\") > 1.0", "sigma(): \"nope\" is missing"),
        ("if(isPresent(\"nope\"), \"nope\", 0.0)", "if(): \"nope\" is missing"),
        ("sigma(\"i\")", "sigma(\"i\": int) is not defined; it takes (float)"),
        ("abs(1)", "it takes (float)"),
        ("duration('1h')", "it takes (duration), (int, duration)"),
        ("\"s\" > 1", "a string > a int is not defined"),
        ("\"i\" / 0", "division by zero"),
        ("bool(2)", "2 is not a bool"),
        ("int('x')", "'x' is not an int"),
        ("strSubstring('abc', 0, 3)", "not inside of 3 bytes"),
        ("limt > 1", "there is no variable limt"),
        ("sgima(\"f\")", "there is no function sgima()"),
        ("!\"f\"", "! cannot be applied to a float"),
    ] {
        let error = eval(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn sigma_count_and_spread_keep_their_state() {
    let run = |text: &str, values: &[f64]| {
        let lambda = compile(text).expect(text);
        let mut state = State::default();
        let mut results = Vec::new();
        for x in values {
            let scope = Fields([("x", Value::Float(*x))].into(), 0);
            results.push(format!("{:?}", lambda.eval(&scope, &mut state).expect(text)));
        }
        results
    };
    // By hand: means 1, 1.5, 2; variances -, 0.5, 1.
    assert_eq!(
        run("sigma(\"x\")", &[1.0, 2.0, 3.0]),
        ["Float(0.0)", &format!("Float({:?})", 0.5 / 0.5f64.sqrt()), "Float(1.0)"]
    );
    assert_eq!(run("count()", &[5.0, 5.0]), ["Int(1)", "Int(2)"]);
    assert_eq!(run("spread(\"x\")", &[5.0, 2.0, 3.0]), ["Float(0.0)", "Float(3.0)", "Float(3.0)"]);
    // Both calls share the state of their expression.
    assert_eq!(run("count() + count()", &[0.0, 0.0]), ["Int(3)", "Int(7)"]);
    // What is not evaluated does not count; neither does what fails on types.
    assert_eq!(
        run("\"x\" > 1.0 AND count() > 1", &[0.0, 2.0, 2.0]),
        ["Bool(false)", "Bool(false)", "Bool(true)"]
    );
}

/// Every TICKscript of the guides.
pub(crate) const GUIDES: [(&str, &str); 7] = [
    ("printer.tick", include_str!("testdata/printer.tick")),
    ("sensor.tick", include_str!("testdata/sensor.tick")),
    ("cpu_avg_dots.tick", include_str!("testdata/cpu_avg_dots.tick")),
    ("cpu_alert.tick", include_str!("testdata/cpu_alert.tick")),
    ("cpu_sigma.tick", include_str!("testdata/cpu_sigma.tick")),
    ("cpu_percentile.tick", include_str!("testdata/cpu_percentile.tick")),
    ("batch_cpu_alert.tick", include_str!("testdata/batch_cpu_alert.tick")),
];

#[test]
fn the_guides_scripts_parse() {
    for (name, text) in GUIDES {
        let statements = parse(&TickText { name, text }).unwrap_or_else(|e| panic!("{e}"));
        assert!(!statements.is_empty(), "{name}");
    }
    let (name, text) = GUIDES[0];
    let printer = parse(&TickText { name, text }).expect("printer.tick");
    let shape: Vec<_> = printer
        .iter()
        .map(|statement| match statement {
            Statement::Dbrp { .. } => "dbrp",
            Statement::Declaration { .. } => "var",
            Statement::TypeDeclaration { .. } => "type",
            Statement::Expression(Expr { kind: ExprKind::Chain(..), .. }) => "chain",
            Statement::Expression(_) => "expression",
        })
        .collect();
    assert_eq!(shape, ["dbrp", "var", "var", "chain", "chain", "chain"]);
}

#[test]
fn literals_and_declarations_parse() {
    let text = r"
        var s = 'it\'s'
        var t = '''don't ''quote'''
        var r = /a\/b/
        var l = ['x', s, *]
        var w duration
        var f = lambda: 'a' == s AND (TRUE)
        var n = -5 + 2 * 3
    ";
    let statements = parse(&TickText { name: "t", text }).unwrap_or_else(|e| panic!("{e}"));
    let shown: Vec<String> = statements
        .iter()
        .map(|statement| match statement {
            Statement::Declaration { value: Expr { kind: ExprKind::String(s), .. }, .. } => {
                s.to_string()
            }
            Statement::Declaration { value: Expr { kind: ExprKind::Regex(r), .. }, .. } => {
                r.to_string()
            }
            Statement::Declaration { value: Expr { kind: ExprKind::List(l), .. }, .. } => {
                l.len().to_string()
            }
            Statement::TypeDeclaration { name, kind, .. } => format!("{name}: {kind}"),
            _ => "other".to_owned(),
        })
        .collect();
    assert_eq!(shown, ["it's", "don't ''quote", "a/b", "3", "w: duration", "other", "other"]);
}

#[test]
fn syntax_errors_show_line_column_and_caret() {
    for (text, expected) in [
        ("stream\n    |from(\n", "t:3:1: unexpected the end of the script, expected a value"),
        (
            "stream\n    |from)",
            "t:2:10: unexpected ')', expected '('\n2 |     |from)\n  |          ^",
        ),
        ("var = 5", "t:1:5: unexpected '=', expected an identifier"),
        ("var x 5", "t:1:7: unexpected 5, expected '=' or a type"),
        ("var x = 'a' 'b'", "t:1:13: unexpected 'b', expected"),
        ("var x = [5]", "t:1:10: unexpected 5, expected a 'string', a variable or '*'"),
        ("var x = 09", "t:1:9: 09 is not a 64-bit octal number"),
        ("var x = /(/", "t:1:9: the regular expression is not valid: unclosed group"),
        ("var x = 99999999999999999999", "t:1:9: 99999999999999999999 is not a 64-bit number"),
        ("dbrp 'a'", "t:1:6: unexpected 'a', expected a \"reference\""),
    ] {
        let Err(error @ TickError::Script { .. }) = parse(&TickText { name: "t", text }) else {
            // A statement may follow another on the same line.
            assert!(text.contains("'b'"), "{text} parses");
            continue;
        };
        assert!(error.to_string().starts_with(expected), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = parse(&TickText { name: "t", text: &text });
        let _ = eval(&text);
    }

    #[test]
    fn any_tokens_are_parsed_or_refused(tokens in prop::collection::vec(prop::sample::select(vec![
        "stream", "|", ".", "@", "from", "(", ")", "[", "]", ",", "var", "x", "=", "==", "=~", "/a/", "lambda:",
        "'s'", "\"f\"", "\"i\"", "5m", "1", "2.5", "*", "-", "!", "AND", "OR", "TRUE", "if", "count()", "+", "/",
        "dbrp", "//", "\n", " ", "0",
    ]), 0..30)) {
        let text = tokens.join(" ");
        let _ = parse(&TickText { name: "t", text: &text });
        let _ = eval(&text);
    }

    #[test]
    fn deep_nesting_is_refused_not_fatal(depth in 0usize..20_000) {
        for open in ["(", "-", "!", "f(", "["] {
            let text = open.repeat(depth) + "1";
            let _ = parse(&TickText { name: "t", text: &text });
        }
        let text = format!("1{}", " + 1".repeat(depth));
        let _ = parse(&TickText { name: "t", text: &text });
    }
}
