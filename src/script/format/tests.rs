use super::format;
use crate::agent::Pulse;
use crate::script::config::Limits;
use crate::script::engine;
use proptest::prelude::*;
use std::path::Path;

fn formatted(text: &str) -> String {
    format(Path::new("test.rhai"), text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn check(text: &str, expected: &str) {
    let once = formatted(text);
    assert_eq!(once, expected, "of:\n{text}");
    assert_eq!(formatted(&once), once, "not stable");
}

/// The script as the interpreter's own tokenizer reads it, without comments and white space; `None` if it cannot.
fn stream(text: &str) -> Option<String> {
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    engine.compact_script(text).ok()
}

#[test]
fn tokens_are_spaced() {
    check("let x=1+2 ;", "let x = 1 + 2;\n");
    check("let x = - 1;let y=-x;", "let x = - 1; let y = -x;\n");
    check("f( a,b )[ 0 ] . c", "f(a, b)[0].c\n");
    check("for i in 0 .. 5{print(i)}", "for i in 0..5 { print(i) }\n");
    check("#{a:1,b : #{}}", "#{ a: 1, b: #{} }\n");
    check("if!a||b{}else{c()}", "if !a || b {} else { c() }\n");
    check("[1,2].map(|x|x*2)", "[1, 2].map(|x| x * 2)\n");
    check("f(||1)", "f(|| 1)\n");
    check("let s=`a ${ x+1 } b`;", "let s = `a ${ x+1 } b`;\n");
    check("switch x{1=>2,_=>{3}}", "switch x { 1 => 2, _ => { 3 } }\n");
    check("return(1);", "return (1);\n");
    check("let a=b!in[1];let c = !in_range;", "let a = b !in [1]; let c = !in_range;\n");
    check("let a=b??c?.d;", "let a = b ?? c?.d;\n");
}

#[test]
fn lines_are_indented_by_their_brackets() {
    check(
        "fn f(x){\nif x{\nemit(batch.point(#{\na:1,\n}));\n}\n\n\n\n// end\n}",
        "fn f(x) {\n    if x {\n        emit(batch.point(#{\n            a: 1,\n        }));\n    }\n\n    // end\n}\n",
    );
    check(
        "let x = a\n.b()\n.c(|y| {\ny\n});",
        "let x = a\n    .b()\n    .c(|y| {\n        y\n    });\n",
    );
    check(
        "fn f() {\n#{\na: g(h(#{\nb: 1,\n})),\n}\n}",
        "fn f() {\n    #{\n        a: g(h(#{\n            b: 1,\n        })),\n    }\n}\n",
    );
    check("if a &&\nb {\nc()\n}", "if a &&\n    b {\n    c()\n}\n");
    check("let x = f(a,\nb);\ng();", "let x = f(a,\n    b);\ng();\n");
    check("let x =\n1;\nlet y = 2;", "let x =\n    1;\nlet y = 2;\n");
    check("{\n\n\nf();\n\n\n}", "{\n    f();\n}\n");
}

#[test]
fn comments_stay() {
    check("f();   // a\ng();   // b", "f();   // a\ng();   // b\n");
    check("f(  );// a", "f();  // a\n");
    check("fn f() {\nx(); // a\n  // b\n}", "fn f() {\n    x(); // a\n    // b\n}\n");
    check("/* a\n   b */\nf(/* c */ 1);", "/* a\n   b */\nf(/* c */ 1);\n");
    check("/// doc\nfn f() {}", "/// doc\nfn f() {}\n");
}

#[test]
fn line_ends_stay() {
    check("f();\r\nif a {\r\n  b();\r\n}\r\n", "f();\r\nif a {\r\n    b();\r\n}\r\n");
    check("", "");
    assert_eq!(formatted("\u{feff}f()"), "\u{feff}f()\n");
}

#[test]
fn a_broken_script_is_refused_with_its_place() {
    let error = format(Path::new("a.rhai"), "fn f( {").unwrap_err().to_string();
    assert!(error.starts_with("a.rhai:1:7: "), "{error}");
}

/// Every script that ships, and every script in the documents and tests.
#[test]
fn the_tokens_of_real_scripts_are_unchanged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(root.join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "rhai") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            let page = std::fs::read_to_string(path).unwrap();
            let blocks = page.split("\n```rhai").skip(1).filter_map(|b| b.split_once('\n'));
            texts.extend(blocks.filter_map(|(_, b)| Some(b.split_once("\n```")?.0.to_owned())));
        }
    }
    assert!(texts.len() > 100, "{}", texts.len());
    for text in texts {
        // Some blocks are parts of a script.
        let Ok(once) = format(Path::new("x.rhai"), &text) else { continue };
        assert_eq!(stream(&once), stream(&text), "{text}");
        assert!(stream(&text).is_some(), "{text}");
        assert_eq!(formatted(&once), once, "{text}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    let words = [
        "let x = 1;",
        "x",
        "+",
        "-",
        "!x",
        "(",
        ")",
        "{",
        "}",
        "[1, 2]",
        "#{ a: 1 }",
        ".",
        "..",
        "0",
        "1.5",
        "|a| a",
        "||",
        "`a ${x} b`",
        "// c\n",
        "/* c */",
        "\n",
        " ",
        ";",
        ",",
        "if",
        "else",
        "fn f(a)",
        "return",
        "f(x)",
        "x.y",
        "=>",
        "switch x { 1 => 2 }",
        "**",
        "??",
        "\"s\"",
        "'c'",
        "-1",
        "- 1",
        "x[0]",
        "=",
        "::",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn the_tokens_of_any_script_are_unchanged(pieces in prop::collection::vec(piece(), 0..30), gap in "[ \n]{0,2}") {
        let text = pieces.join(&gap);
        let once = super::format_tokens(&text);
        prop_assert_eq!(super::format_tokens(&once), once.clone(), "not stable, of {:?}", text);
        if let Some(tokens) = stream(&text) {
            prop_assert_eq!(stream(&once), Some(tokens));
        }
    }
}
