use super::*;
use crate::agent::Pulse;

/// Engines with small limits: one where Rhai checks too, and one with the checks of this file alone.
fn engines() -> [Engine; 2] {
    let limits = Limits { string: 1000, array: 1000, map: 100, ..Limits::default() };
    let engine = || super::super::engine(&limits, &Pulse::default());
    let mut own = engine();
    trust_own_checks(&mut own);
    [engine(), own]
}

#[test]
fn whatever_makes_a_value_longer_keeps_to_its_limit() {
    let text = "let s = \"x\"; s.pad(600, 'x'); ";
    let array = "let a = []; a.pad(600, 1); ";
    let blob = "let b = blob(600); ";
    let map = "let m = #{}; for i in 0..60 { m[i.to_string()] = i; } \
               let n = #{}; for i in 0..60 { n[\"n\" + i] = i; } ";
    for (before, step) in [
        (text, "s.replace(\"x\", \"yy\")"),
        (text, "s.replace('x', \"yy\")"),
        (text, "s.replace(\"x\", s)"),
        (text, "s.replace(\"\", s)"),
        (text, "s.replace('x', 'é')"),
        (text, "s.pad(1001, 'x')"),
        (text, "s.pad(9000000000000000000, \"xy\")"),
        (text, "s + s"),
        (text, "loop { s += s; }"),
        (text, "s.append(s)"),
        (text, "loop { s += 'x'; }"),
        (text, "loop { s = s + 'x'; }"),
        (text, "loop { s = 'x' + s; }"),
        (text, "s + [s]"),
        (text, "s + #{ a: s }"),
        (text, "loop { s += [s]; }"),
        (text, "s + s.to_blob()"),
        (text, "s.to_blob() + s"),
        (text, "let a = [s]; a.push(s); a.to_string()"),
        (text, "s.pad(1000, 'x'); s.append('x')"),
        (text, "s.replace(\"x\", \" \"); s.append(s)"),
        ("let s = \"\"; s.pad(1000, ','); ", "s.split(\",\").push(1)"),
        ("let s = \"\"; s.pad(1000, ','); ", "s.split(',')"),
        ("let s = \"\"; s.pad(333, 'ΐ'); ", "s.to_upper()"),
        ("let s = \"\"; s.pad(333, 'ΐ'); ", "s.make_upper()"),
        ("let s = \"\"; s.pad(499, 'İ'); ", "s.to_lower()"),
        ("let s = \"\"; s.pad(499, 'İ'); ", "s.make_lower()"),
        ("let s = \"\"; s.pad(1000, 'x'); ", "s.set(0, 'é')"),
        ("let s = \"\"; s.pad(600, '\"'); ", "s.to_debug()"),
        (text, "let m = #{ a: s, b: s }; m.to_json()"),
        (blob, "b.to_string()"),
        ("let b = blob(600, 255); ", "b.as_string()"),
        ("let s = \"\"; s.pad(1000, ','); ", "s.split(\",\", 2000)"),
        ("let s = \"\"; s.pad(1000, ','); ", "s.split_rev(',', 2000)"),
        (
            "let s = \"{\"; for i in 0..110 { s += \"\\\"\" + i + \"\\\":0,\"; } s += \"\\\"z\\\":0}\"; ",
            "parse_json(s)",
        ),
        (array, "a + a"),
        (array, "loop { a += a; }"),
        (array, "a.append(a)"),
        (array, "loop { a.push(1); }"),
        (array, "loop { a += 1; }"),
        (array, "loop { a.insert(0, 1); }"),
        (array, "a.pad(1001, 1)"),
        (array, "a.pad(700, [1, 2, 3, 4])"),
        (array, "a.splice(0, 0, a)"),
        (array, "a.splice(0..0, a)"),
        (blob, "b + b"),
        (blob, "loop { b += b; }"),
        (blob, "b.append(b)"),
        (blob, "loop { b.push(1); }"),
        (blob, "loop { b += 1; }"),
        (blob, "loop { b += 'x'; }"),
        (blob, "loop { b.insert(0, 1); }"),
        (blob, "b.pad(1001, 1)"),
        (blob, "b.splice(0, 0, b)"),
        ("", "blob(1001)"),
        ("", "blob(9000000000000000000, 1)"),
        (map, "m + n"),
        (map, "m += n"),
        (map, "m.mixin(n)"),
        (map, "m.fill_with(n)"),
        // Nested.
        ("let a = [[]]; ", "loop { a[0].push(1); }"),
        ("let m = #{ list: [] }; ", "loop { m.list.push(1); }"),
        ("let a = [#{ text: \"x\" }]; ", "loop { a[0].text += a[0].text; }"),
        ("let m = #{ a: #{ b: blob(1) } }; ", "loop { m.a.b.push(1); }"),
    ] {
        for (engine, checks) in engines().iter().zip(["Rhai's", "own"]) {
            engine.run(before).unwrap_or_else(|e| panic!("{checks}: {before}: {e}"));
            let error = engine.run(&format!("{before}{step}")).map(|()| "nothing refused it");
            let refused = matches!(&error, Err(e) if is_too_large(e));
            assert!(refused, "{checks} checks: {before}{step}: {error:?}");
        }
    }
}

fn is_too_large(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorDataTooLarge(..) => true,
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => is_too_large(inner),
        _ => false,
    }
}

#[test]
fn bounded_functions_do_what_the_interpreter_says() {
    let mut plain = Engine::new();
    plain.set_fast_operators(false);
    for script in [
        "let s = \"a,b,c\"; s.replace(\",\", \"--\"); s.replace('a', \"xx\"); s.pad(12, \"!?\"); s",
        "let s = \"aΐİß\"; let t = s.to_upper() + s.to_lower(); s.make_upper(); t += s; s.make_lower(); s.set(0, 'é'); t + s",
        "\"a\\n\\\"b\".to_debug() + #{ a: \"x\" }.to_json() + blob(2, 255).as_string() + \"é\".to_blob().as_string() + blob(2).to_string()",
        "\"a-b-c\".split(\"-\", 2) + \"a-b-c\".split('-', 1) + \"a-b-c\".split_rev(\"-\", 2) + \"ab\".to_chars() + #{ a: 1 }.keys() + #{ a: 1 }.values()",
        "let s = \"a\"; s += 'b'; s += \"c\"; s += 5; s += [1, \"x\"]; s.append(#{ k: 1 }); s + 1.5 + 'c'",
        "'a' + \"b\" + [1] + #{ a: () }",
        "[1, [2, 'c'], \"x\"].to_string() + [1.5].to_debug() + #{ a: \"t\" }.to_debug()",
        "\"a b  c\".split() + \"a-b\".split(\"-\") + \"a-b\".split('-') + \"a-b-c\".split_rev(\"-\")",
        "let a = [1, 2]; a.insert(1, 9); a.insert(-1, 8); a.pad(7, 0); a += [5]; a += 6; a.splice(0, 1, [7, 7]); a",
        "let a = [1]; a.append([2, 3]); a.push(4); a.splice(1..=2, []); a + [1]",
        "let b = blob(3, 7); b += 1; b.insert(1, 2); b.pad(8, 9); b.append(\"é\"); b.append('x'); b + blob(1)",
        "let b = \"text\".to_blob(); b.push(0x141); b.to_array()",
        "let m = #{ a: 1 }; m += #{ b: 2 }; m.mixin(#{ c: 3 }); m.fill_with(#{ a: 9, d: 4 }); m.set(\"e\", 5); m + #{ f: 6 }",
        "let x = 1; x += 2; x * 3 - 4 / 2 + 7 % 4",
        "1.5 + 2 == 3.5 && \"a\" < \"b\" && 'a' != 'b' && !(1 > 2)",
    ] {
        let expected: Dynamic = plain.eval(script).unwrap_or_else(|e| panic!("{script}: {e}"));
        for engine in engines() {
            let got: Dynamic = engine.eval(script).unwrap_or_else(|e| panic!("{script}: {e}"));
            assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{script}");
        }
    }
}

#[test]
fn what_is_nested_is_counted() {
    let value: Dynamic =
        Engine::new().eval("#{ a: [1, [2, 3]], b: \"text\", c: blob(5) }").unwrap();
    assert_eq!(total(&value, usize::MAX), Total { items: 2 + 2 + 5, entries: 3, text: 4 });
    let long: Dynamic = vec![Dynamic::from(vec![Dynamic::ONE; 50]); 1000].into();
    assert!(total(&long, 100).steps() < 1200);
    let sizes = Sizes { string: 0, array: 40_000, map: 0 };
    assert!(sizes.check(&value).is_ok() && sizes.check(&long).is_err());
}

/// Functions of the interpreter whose result is never longer than what they are given, or of a size
/// that does not depend on it. Those that call a script's function (`map`, `reduce`) give what it gives;
/// `print` and `debug` keep nothing. Properties that are only read (`get$…`) are left out.
const NOT_GROWING: &str = "\
    != % & * ** - / << == >> ^ abs all bits bytes chars chop clear contains crop debug dedup drain end \
    ends_with exit extract filter find find_map for_each get get_fn_metadata_list index_of \
    is_anonymous is_empty is_even is_exclusive is_inclusive is_odd is_zero len map max min name \
    order order_by order_desc parse_be_float parse_be_int parse_le_float parse_le_int pop print \
    range reduce reduce_rev remove retain reverse set$tag set_tag shift sign sleep some sort sort_by \
    sort_desc start starts_with sub_string tag take to_binary to_hex to_int to_octal trim truncate \
    write_ascii write_be write_le write_utf8 zip |";

/// A new version of the interpreter may have new functions that make values longer.
#[test]
fn every_function_of_the_interpreter_is_bounded_or_known_not_to_grow() {
    let engine = packages();
    let names = |info: rhai::FuncInfo<'_>| Some(info.metadata.name.to_string());
    let mut names: Vec<String> = engine.collect_fn_metadata(None, names, true);
    names.sort();
    names.dedup();
    let bounded = include_str!("growth.rs");
    names.retain(|name| {
        let read = name.starts_with("get$");
        !read
            && !NOT_GROWING.split(' ').any(|known| known == name)
            && !bounded.contains(&format!("\"{name}\""))
    });
    assert!(names.is_empty(), "{names:?}");
}
