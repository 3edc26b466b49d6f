use super::*;
use crate::agent::Pulse;
use crate::protocol::message::{ValueType, option_value};
use crate::script::config::Limits;
use crate::script::engine;

fn declare(info: &str) -> Result<Declaration, Vec<String>> {
    let engine = engine::engine(&Limits::default(), &Pulse::default());
    Declaration::from_info(&engine.eval::<Dynamic>(info).unwrap())
}

fn option(name: &str, values: &[option_value::Value]) -> InitOption {
    use option_value::Value;
    let values = values.iter().map(|value| OptionValue {
        r#type: match value {
            Value::BoolValue(_) => ValueType::Bool,
            Value::IntValue(_) => ValueType::Int,
            Value::DoubleValue(_) => ValueType::Double,
            Value::StringValue(_) => ValueType::String,
            Value::DurationValue(_) => ValueType::Duration,
        }
        .into(),
        value: Some(value.clone()),
    });
    InitOption { name: name.into(), values: values.collect() }
}

fn bind(info: &str, options: Vec<InitOption>) -> Result<String, String> {
    let request = InitRequest { options, ..Default::default() };
    match declare(info).unwrap().bind(&request) {
        Ok(map) => Ok(format!("{:?}", Dynamic::from(map))),
        Err(problems) => Err(problems.join("; ")),
    }
}

const TTEST: &str = r#"#{ wants: "batch", provides: "stream", options: #{
    field: "string",
    size: #{ type: "int", min: 2 },
    alpha: #{ type: "double", min: 0, max: 1, default: 0.001 },
    every: #{ type: "duration", default: "10s", max: "1h" },
    mode: #{ type: "string", one_of: ["fast", "exact"], default: "fast" } } }"#;

#[test]
fn a_declaration_is_what_the_daemon_is_told() {
    let info = declare(TTEST).unwrap().info();
    assert_eq!((info.wants, info.provides), (EdgeType::Batch, EdgeType::Stream));
    assert_eq!(info.options["size"], [ValueType::Int]);
    assert_eq!(info.options["every"], [ValueType::Duration]);
}

#[test]
fn options_are_bound_and_defaults_fill_the_rest() {
    use option_value::Value::*;
    let bound = bind(
        TTEST,
        vec![option("field", &[StringValue("x".into())]), option("size", &[IntValue(9)])],
    );
    assert_eq!(
        bound.unwrap(),
        r#"#{"alpha": 0.001, "every": 10000000000, "field": "x", "mode": "fast", "size": 9}"#
    );
}

#[test]
fn all_problems_of_the_options_are_in_one_message() {
    use option_value::Value::*;
    let error = bind(
        TTEST,
        vec![
            option("size", &[IntValue(1)]),
            option("alpha", &[DoubleValue(f64::NAN)]),
            option("every", &[DurationValue(7_200_000_000_000)]),
            option("mode", &[StringValue("slow".into())]),
            option("sice", &[IntValue(3)]),
        ],
    )
    .unwrap_err();
    for part in [
        "option 'size': must be at least 2, got 1",
        "option 'alpha': must be a number, got NaN",
        "option 'every': must be at most 1h, got 2h",
        "option 'mode': must be one of 'fast', 'exact', got 'slow'",
        "option 'sice' is unknown; the script declares alpha, every, field, mode, size",
        "option 'field' is missing; it takes string",
    ] {
        assert!(error.contains(part), "{part} not in: {error}");
    }
    assert_eq!(error.matches("size'").count(), 1, "{error}");
}

#[test]
fn wrong_types_and_counts_are_refused() {
    use option_value::Value::*;
    let error =
        bind(TTEST, vec![option("field", &[IntValue(1)]), option("size", &[])]).unwrap_err();
    assert!(error.contains("option 'field': wants string, got int"), "{error}");
    assert!(error.contains("option 'size': takes 1 arguments, got 0"), "{error}");
}

#[test]
fn repeated_options_and_several_arguments_are_arrays() {
    use option_value::Value::*;
    let info = r#"#{ wants: "stream", provides: "stream", options: #{
        field: #{ type: "string", repeated: true },
        range: #{ type: ["double", "double"] } } }"#;
    let options = vec![
        option("field", &[StringValue("a".into())]),
        option("range", &[DoubleValue(1.0), DoubleValue(2.0)]),
        option("field", &[StringValue("b".into())]),
    ];
    assert_eq!(bind(info, options).unwrap(), r#"#{"field": ["a", "b"], "range": [1.0, 2.0]}"#);
    let twice = vec![option("field", &[StringValue("a".into())]); 2];
    let error = bind(TTEST, twice).unwrap_err();
    assert!(error.contains("option 'field' is written 2 times"), "{error}");
}

#[test]
fn a_default_left_out_on_the_wire_is_still_a_value() {
    let value = OptionValue { r#type: ValueType::Bool.into(), value: None };
    let options = vec![InitOption { name: "on".into(), values: vec![value] }];
    let info = r#"#{ wants: "stream", provides: "stream", options: #{ on: "bool" } }"#;
    assert_eq!(bind(info, options).unwrap(), r#"#{"on": false}"#);
}

#[test]
fn mistakes_in_a_declaration_are_all_named() {
    let problems = declare(
        r#"#{ wants: "streams", provide: "stream", scope: "host", options: #{
            a: "integer", b: #{ default: 1 }, c: #{ type: "int", default: "x", maximum: 3 },
            d: #{ type: "double", min: 1, default: 0.5 }, e: #{ type: "duration", min: "soon" } } }"#,
    )
    .unwrap_err()
    .join("\n");
    for part in [
        "wants must be \"stream\" or \"batch\"",
        "provides must be \"stream\" or \"batch\"",
        "unknown key 'provide'",
        "scope must be \"group\" or \"task\"",
        "option 'a': unknown type 'integer'",
        "option 'b': has no type",
        "option 'c': unknown key 'maximum'",
        "option 'c': the default must be an int, got 'x'",
        "option 'd': the default must be at least 1, got 0.5",
        "option 'e': min must be a duration",
    ] {
        assert!(problems.contains(part), "{part} not in:\n{problems}");
    }
}
