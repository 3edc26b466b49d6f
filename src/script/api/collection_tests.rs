//! Collections, and functions of numbers and texts: as Python has them, at their edges, and within the limits.

use super::*;
use serde_json::Value;

/// A script's value as JSON, where an int is no double.
fn json(value: &Dynamic) -> Value {
    if let Some(array) = value.read_lock::<rhai::Array>() {
        return array.iter().map(json).collect();
    }
    if let Ok(x) = value.as_float() {
        return x.into();
    }
    if let Ok(int) = value.as_int() {
        return int.into();
    }
    if let Ok(flag) = value.as_bool() {
        return flag.into();
    }
    value.to_string().into()
}

/// Equal but for the last digit of a double, which the reader of JSON may get wrong.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 3e-16 * b.abs()
        }
        (a, b) => a == b,
    }
}

#[test]
fn pieces_do_what_python_does() {
    let cases: Value =
        serde_json::from_str(include_str!("../../../tests/reference/pieces.json")).unwrap();
    let (engine, _, _) = engine();
    let mut failures = Vec::new();
    let cases = cases.as_array().unwrap();
    for case in cases {
        let script = case[0].as_str().unwrap();
        match engine.eval::<Dynamic>(script) {
            Ok(value) if same(&json(&value), &case[1]) => {}
            Ok(value) => {
                failures.push(format!("{script}: {} instead of {}", json(&value), case[1]))
            }
            Err(error) => failures.push(format!("{script}: {error}")),
        }
    }
    assert!(cases.len() > 900, "{}", cases.len());
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let (engine, _, host) = engine();
    for (script, expected) in [
        ("ring(0)", "ring: n must be from 1 to 10000000, got 0"),
        ("ring(-1)", "ring: n must be 0 or more, got -1"),
        ("ring(2.5)", "ring: n must be an int, not 2.5 (f64)"),
        ("ring(3).resize(0)", "resize: n must be from 1 to 10000000, got 0"),
        ("queue()[0]", "queue: index 0 is out of range; there are 0 values"),
        ("moving_stats(3).push(queue().pop())", "pop does not exist, because the object is empty"),
        (
            "queue().extend(5)",
            "extend: the values must be an array, a series or a mask, not 5 (i64)",
        ),
        ("queue().push(\"a\").series()", "series: value 0 must be a number, not the string 'a'"),
        ("timed_queue(0)", "timed_queue: the span must be 1 nanosecond or more, got 0"),
        ("timed_queue(-5)", "timed_queue: span must be 0 or more nanoseconds, got -5"),
        ("timed_queue(\"5 minutes\")", "timed_queue:"),
        (
            "timed_queue(\"1s\").push(1.5, 0)",
            "timed_queue.push: the time must be an int, not 1.5 (f64)",
        ),
        (
            "timed_queue(\"1s\").extend([1, 2], [1])",
            "the column of times has 2 values and the column of values has 1; they must be equally long",
        ),
        (
            "distinct(\"1s\").push(0, ())",
            "the value must be a text, a number, a bool, a char or an array",
        ),
        ("distinct(\"1s\").push(0, 0.0 / 0.0)", "the value is NaN, which is equal to no value"),
        (
            "tally().push(#{ a: 1 })",
            "the value must be a text, a number, a bool, a char or an array",
        ),
        ("tally().push(\"a\", -1)", "tally.push: n must be 0 or more, got -1"),
        (
            "tally().push(\"a\").subtract(\"a\", 2)",
            "a was counted 1 times only, so 2 cannot be subtracted",
        ),
        ("top(0, \"x\")", "top: k must be from 1 to 10000, got 0"),
        ("top(3, 5)", "top: column must be a string, not 5 (i64)"),
        ("top(3, \"x\").push(#{ y: 1, z: 2 })", "top.push: a row has no 'x'; it has y, z"),
        ("top(3, \"x\").push(#{ x: 0.0 / 0.0 })", "top.push: column 'x' is NaN"),
        ("top(3, \"x\").push(#{ x: \"1\" })", "column 'x' must be a number, not the string '1'"),
        ("top(3, \"x\").push(5)", "a row must be a map or a point, not 5 (i64)"),
        ("top([1], 3, \"x\")", "top: a row must be a map or a point, not 1 (i64)"),
        ("top(3, \"x\", #{ nan: 1 })", "top: setting 'nan' is not known; use by"),
        ("timer(0)", "timer: the span must be from 1 nanosecond to 292 years, got 0"),
        ("timer(\"1m\").push(1.0)", "timer.push: the time must be an int, not 1.0 (f64)"),
        ("moving_stats(3).push(timer(\"1m\").due)", "timer.due does not exist yet"),
        (
            "debounce(\"1s\").push(1, 5)",
            "debounce.push: the input must be true or false, not 5 (i64)",
        ),
        ("debounce(\"1s\").push(true)", "Function not found: push"),
        ("cross_correlation([1, 2], [1, 2], 2)", "max_lag must be from 0 to 1, got 2"),
        (
            "moving_stats(3).push(cross_correlation([1, 1], [1, 2], 1).lag)",
            "the values of one side do not vary",
        ),
        ("clamp(1, 3, 2)", "clamp: low (3) must not be above high (2)"),
        ("clamp(1, 0.0 / 0.0, 2)", "must not be above"),
        ("round(1.5, \"2\")", "round: digits must be an int, not the string '2'"),
        ("round(9223372036854775807, -1)", "round: the result does not fit into an int"),
        ("sign(0.0 / 0.0)", "sign: NaN has no sign"),
        (
            "format(1, \"%d and %d\")",
            "format: the format has 2 conversions, and there are 1 values",
        ),
        ("format([1, 2], \"%d\")", "format: the format has 1 conversions, and there are 2 values"),
        ("format(1, \"%q\")", "conversion '%q' is not known"),
        (
            "format(1, \"50%\")",
            "the format '50%' ends inside a conversion; write %% for a percent sign",
        ),
        ("format(\"a\", \"%.2f\")", "%f needs a number, not 'a'"),
        ("format(1.5, \"%x\")", "%x needs a whole number, not 1.5"),
        ("format(1, \"%2000d\")", "a width or a precision is more than 1000"),
        ("format(#{}, \"%s\")", "cannot be formatted"),
        ("hash(#{})", "hash: the value must be a text, a number, a bool or a char"),
        ("hash(1, 0)", "hash: buckets must be 1 or more"),
        ("[1].head(-1)", "head: n must be 0 or more, got -1"),
        (
            "let q = queue(); for i in 0..30 { let p = queue(); p.push(q); q = p; }",
            "more than 24 deep",
        ),
        ("let a = []; for i in 0..30 { a = [a]; } ring(3).push(a)", "more than 24 deep"),
    ] {
        host.reset();
        let found = engine.eval::<Dynamic>(script).map(|value| show(&value));
        let text = found.map_or_else(|error| error.to_string(), |value| format!("gave {value}"));
        assert!(text.contains(expected), "{script}: {text}");
    }
}

#[test]
fn a_series_of_values_that_is_refused_changes_nothing() {
    let (engine, _, _) = engine();
    for (object, push) in [
        ("timed_queue(9)", "s.extend([1, 2, 3.5], [1, 2, 3])"),
        ("distinct(9)", "s.extend([1, 2], [1, ()])"),
        ("tally()", "s.extend([\"a\", 0.0 / 0.0])"),
        ("top(3, \"x\")", "s.extend([#{ x: 1 }, #{ y: 1 }])"),
    ] {
        let script = format!(
            "let s = {object}; let before = s; let refused = false; \
             try {{ {push}; }} catch {{ refused = true; }} [refused, s == before, s.len]"
        );
        assert_eq!(show(&engine.eval(&script).unwrap()), "[true, true, 0]", "{object}");
    }
}

/// Two snapshots of the same object, and one of the restored object, have the same bytes.
#[test]
fn a_restored_collection_is_stored_as_the_same_bytes() {
    let (engine, registry, _) = engine();
    for (_, make, step) in OBJECTS {
        let mut run = Run::new(&engine, engine.eval(make).unwrap());
        (0..25).for_each(|i| drop(run.step(i, step)));
        let bytes = |value: &Dynamic| {
            let mut writer = Writer::new(&registry);
            writer.value(value).unwrap();
            writer.bytes
        };
        let first = bytes(&run.object());
        let restored = Reader::new(&first, &registry).value().unwrap();
        assert_eq!(first, bytes(&restored), "{make}");
    }
}

#[test]
fn collections_keep_to_the_limits_of_arrays() {
    let limits = Limits { array: 1000, ..Limits::default() };
    let host = Rc::new(Host::with_budget(
        "limits.rhai".into(),
        engine::Budget::new(&limits, &Pulse::default()),
    ));
    let mut engine = engine::engine(&limits, &Pulse::default());
    register(&mut engine, &host, &mut NativeTypes::default());
    for script in [
        "let q = queue(); loop { q.push(1); }",
        "let q = queue(); loop { q.push_front(1); }",
        "let q = queue(); loop { q.extend([1, 2, 3]); }",
        "let q = ring(5000); loop { q.push(1); }",
        "let q = timed_queue(\"1h\"); let t = 0; loop { q.push(t, 1); t += 1; }",
        "let d = distinct(\"1h\"); let t = 0; loop { d.push(t, t); t += 1; }",
        "let c = tally(); let t = 0; loop { c.push(t); t += 1; }",
    ] {
        let text = engine.run(script).unwrap_err().to_string();
        assert!(
            text.contains("1001 elements are more than 1000 ([limits] array)")
                || text.contains("1002 elements are more than 1000"),
            "{script}: {text}"
        );
    }
    // A ring that is full takes a new value for an old one.
    engine.run("let q = ring(1000); for i in 0..5000 { q.push(i); }").unwrap();
    let nested =
        engine.eval::<Dynamic>("ring(9).push([1, 2]).push(\"text\").push(ring(2).push(#{ a: 1 }))");
    let sizes = crate::script::engine::growth::total(&nested.unwrap(), usize::MAX);
    assert_eq!(sizes.steps(), 3 + 2 + 1 + 1);
}

#[test]
fn an_old_ring_takes_another_size() {
    let (engine, _, _) = engine();
    let script = "let r = ring(4).extend([1, 2, 3, 4]); let small = r; small.resize(2); \
                  r.resize(6); r.push(5); [r.values, r.size, small.values, small.is_full]";
    assert_eq!(show(&engine.eval(script).unwrap()), "[[1, 2, 3, 4, 5], 6, [3, 4], true]");
}
