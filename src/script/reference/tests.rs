//! The entries are those of the engine, their examples are true, and the page is made of them.

use super::{Entry, Form, Signature, entries, named, page};
use crate::agent::Pulse;
use crate::script::api::tests::{asserted, show};
use crate::script::api::{self, NativeTypes, Options};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::host::Host;
use crate::script::lint::KEYWORDS;
use rhai::{Array, Blob, Dynamic, Engine, FnPtr, FuncInfo, ImmutableString, Map};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

/// A function of the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Native {
    name: String,
    params: Vec<&'static str>,
}

/// What all objects have and no entry repeats.
const COMMON: [&str; 4] = ["==", "!=", "to_string", "to_debug"];

/// A type that no script can make, so that its functions cannot be called.
const UNKNOWN: &str = "?";

pub(super) fn type_name(kind: TypeId, natives: &NativeTypes) -> &'static str {
    let known = [
        (TypeId::of::<i64>(), "int"),
        (TypeId::of::<f64>(), "double"),
        (TypeId::of::<bool>(), "bool"),
        (TypeId::of::<char>(), "char"),
        (TypeId::of::<&str>(), "string"),
        (TypeId::of::<ImmutableString>(), "string"),
        (TypeId::of::<Array>(), "array"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<Blob>(), "blob"),
        (TypeId::of::<FnPtr>(), "fn"),
        (TypeId::of::<Range<i64>>(), "range"),
        (TypeId::of::<RangeInclusive<i64>>(), "range"),
        (TypeId::of::<()>(), "()"),
        (TypeId::of::<Dynamic>(), "any"),
        (TypeId::of::<Options>(), "options"),
    ];
    let found = known.iter().find(|(id, _)| *id == kind).map(|(_, name)| *name);
    found.or_else(|| natives.name_of_type(kind)).unwrap_or(UNKNOWN)
}

pub(super) fn engine() -> (Engine, Rc<Host>, NativeTypes) {
    let host = Rc::new(Host::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/x.rhai").into()));
    let mut natives = NativeTypes::default();
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    api::register(&mut engine, &host, &mut natives);
    (engine, host, natives)
}

/// All functions of the engine that scripts can call; Rhai's operators are left out.
fn registered() -> BTreeSet<Native> {
    let (engine, _, natives) = engine();
    let read = |info: FuncInfo<'_>| {
        let params = info.metadata.param_types.iter().map(|kind| type_name(*kind, &natives));
        let params: Vec<_> = params.collect();
        // Rhai's own `to_int` and `to_float` do not say what they take.
        let params = match info.metadata.num_params {
            count if params.len() < count => vec!["any"; count],
            _ => params,
        };
        Some(Native { name: info.metadata.name.to_string(), params })
    };
    let all = engine.collect_fn_metadata(None, read, true);
    all.into_iter().filter(|native| is_ours_to_tell(native, &natives)).collect()
}

fn is_ours_to_tell(native: &Native, natives: &NativeTypes) -> bool {
    let operator = !rhai::is_valid_identifier(&native.name) && !native.name.contains('$');
    let own = |kind: &&str| natives.of_name(kind).is_some() || **kind == *"options";
    !COMMON.contains(&native.name.as_str()) && !native.name.starts_with('_') && !native.params.contains(&UNKNOWN)
        && (!operator || native.params.iter().any(own))
        // `==` of a series and a number makes a mask.
        || ["==", "!="].contains(&native.name.as_str()) && native.params.contains(&"series")
            && native.params[0] != native.params[1]
}

/// The types of the engine that a type of a signature stands for.
pub(super) fn stands_for(kind: &str) -> Vec<&str> {
    match kind {
        "number" => vec!["int", "double"],
        "time" => vec!["int"],
        "duration" => vec!["int", "string"],
        "numbers" => vec!["series", "array"],
        "sample" => vec!["series", "array", "moving_stats", "running_stats", "timed_stats", "map"],
        map if map.starts_with("#{") => vec!["map"],
        other => vec![other],
    }
}

/// The name under which the engine knows it, and the types of all its arguments.
pub(super) fn as_native(signature: &Signature) -> (Vec<String>, Vec<Vec<&str>>) {
    let own = signature.of.iter().map(|of| vec![of.as_str()]);
    let params = signature
        .params
        .iter()
        .map(|param| param.types.iter().flat_map(|kind| stands_for(kind)).collect());
    let name = match signature.form {
        Form::Property => format!("get${}", signature.name),
        Form::Index => "index$".to_owned(),
        _ => signature.name.clone(),
    };
    let name = if signature.form == Form::Index { "index$get$".to_owned() } else { name };
    let names = match signature.form {
        Form::Index => vec![name, "index$".to_owned()],
        _ => vec![name],
    };
    (names, own.chain(params).collect())
}

fn takes(native: &str, wanted: &str) -> bool {
    native == "any" || native == wanted || wanted == "any"
}

/// Whether a signature says that the engine has this function.
fn says(signature: &Signature, entry: &Entry, native: &Native) -> bool {
    let (names, params) = as_native(signature);
    let setter = entry.settable
        && match signature.form {
            Form::Property => native.name == format!("set${}", signature.name),
            Form::Index => native.name == "index$set$",
            _ => false,
        };
    let params = match setter {
        true => params.into_iter().chain([vec!["any"]]).collect(),
        false => params,
    };
    let optional = signature.params.iter().filter(|param| param.optional).count();
    // A function whose arguments are read by name takes a map of settings, even where it has none.
    let settings = native.params.len() == params.len() + 1
        && native.params.last() == Some(&"map")
        && signature.form == Form::Function;
    let settings_only = native.params.len() + 1 > params.len().saturating_sub(optional)
        && native.params.len() <= params.len()
        && native.params.last() == Some(&"map");
    let counts = native.params.len() <= params.len()
        && native.params.len() + optional >= params.len()
        || settings
        || settings_only;
    (setter || names.contains(&native.name))
        && counts
        && native.params.iter().zip(&params).enumerate().all(|(at, (kind, wanted))| {
            let settings = *kind == "map" && at + 1 == native.params.len();
            settings
                || wanted.iter().any(|wanted| takes(kind, wanted))
                || wanted.contains(&"fn") && *kind == "string"
        })
}

#[test]
fn every_function_of_the_engine_has_an_entry() {
    let all: Vec<(&Signature, &Entry)> =
        entries().flat_map(|entry| entry.signatures.iter().map(move |s| (s, entry))).collect();
    let missing: Vec<String> = registered()
        .iter()
        .filter(|native| !all.iter().any(|(signature, entry)| says(signature, entry, native)))
        .map(|native| format!("{}({})", native.name, native.params.join(", ")))
        .collect();
    assert!(missing.is_empty(), "src/script/reference says nothing of:\n{}", missing.join("\n"));
}

#[test]
fn no_entry_is_invented() {
    let registered = registered();
    let mut invented = Vec::new();
    for entry in entries().filter(|entry| !entry.keyword) {
        for signature in &entry.signatures {
            let (names, params) = as_native(signature);
            let natives: Vec<&Native> =
                registered.iter().filter(|native| names.contains(&native.name)).collect();
            let own = usize::from(signature.of.is_some());
            for arity in signature.arities() {
                let arity = arity + own;
                let fits = |native: &&&Native| native.params.len() == arity;
                let same: Vec<&&Native> = natives.iter().filter(fits).collect();
                for (at, wanted) in params.iter().take(arity).enumerate() {
                    for kind in wanted {
                        // Of the native functions that fit in front of this argument, one takes it.
                        let before = |native: &&&&Native| {
                            native.params[..at].iter().zip(&params).all(|(native, wanted)| {
                                wanted.iter().any(|wanted| takes(native, wanted))
                            })
                        };
                        let takes =
                            same.iter().filter(before).any(|native| takes(native.params[at], kind));
                        if !takes {
                            invented.push(format!("{signature}: argument {at} as {kind}, {arity}"));
                        }
                    }
                }
                if same.is_empty() {
                    invented.push(format!("{signature} with {arity} arguments"));
                }
            }
        }
    }
    assert!(invented.is_empty(), "the engine does not have:\n{}", invented.join("\n"));
}

#[test]
fn what_the_interpreter_itself_knows_has_an_entry() {
    let known: BTreeSet<&str> = KEYWORDS.iter().copied().collect();
    for name in &known {
        assert!(named(name).next().is_some(), "{name}");
    }
    for entry in entries().filter(|entry| entry.keyword) {
        assert!(known.contains(entry.signatures[0].name.as_str()), "{}", entry.written[0]);
    }
}

#[test]
fn every_entry_says_what_it_must() {
    for entry in entries() {
        let name = &entry.written[0];
        assert!(entry.says.ends_with('.') && !entry.says.contains('\n'), "{name}: {}", entry.says);
        let ours = entry.example.is_some();
        let numbers = entry.signatures.iter().flat_map(|s| &s.params).any(|param| {
            param.types.iter().any(|kind| ["number", "numbers", "sample"].contains(&kind.as_str()))
        });
        assert!(!ours || !numbers || entry.nan.is_some(), "{name} does not say what NaN does");
    }
    // Rhai's own functions are told of in short; ours have an example each.
    let own = super::sections().iter().filter(|section| section.title != "Rhai's own");
    for entry in own.flat_map(|section| &section.entries) {
        assert!(entry.example.is_some(), "{} has no example", entry.written[0]);
    }
}

/// Lines in front of each example.
pub(super) const SCOPE: &str = "let second = 1_000_000_000; let s = series([3, 1, 2]);
let p = new_point(#{ time: 10 * second, name: \"m\", tags: #{ host: \"a\" }, \
  fields: #{ x: 1.5, n: 3, s: \"up\" }, database: \"db\", retention_policy: \"rp\" });
p.dimensions = [\"host\"];
let points = [];
for i in 0..5 { points.push(new_point(#{ time: i * second, name: \"m\", tags: #{ host: \"a\" }, fields: #{ x: i + 1.0 } })); \
points[i].dimensions = [\"host\"]; }
let batch = new_batch(points); ";

#[test]
fn the_examples_are_true() {
    let (mut engine, host, _) = engine();
    *host.emission.borrow_mut() = crate::script::host::Emission::Stream;
    host.library.set_open(true);
    let failures = Rc::new(RefCell::new(Vec::<String>::new()));
    let seen = Rc::new(RefCell::new(0));
    let (f, n) = (failures.clone(), seen.clone());
    engine.register_fn("it_is", move |_: i64, value: Dynamic, expected: &str| {
        *n.borrow_mut() += 1;
        if show(&value) != expected {
            f.borrow_mut().push(format!("gives {} instead of {expected}", show(&value)));
        }
    });
    let mut wrong = Vec::new();
    for entry in entries() {
        let Some(example) = &entry.example else { continue };
        let lines: String = example
            .lines()
            .map(|line| {
                let (statements, last) = line.rsplit_once("; ").unwrap_or(("", line));
                let statements =
                    if statements.is_empty() { String::new() } else { format!("{statements}; ") };
                match line.contains("// => ") {
                    true => format!("{statements}{}", asserted(0, last)),
                    false => format!("{line}\n"),
                }
            })
            .collect();
        let mut scope = rhai::Scope::new();
        let options: Map =
            [("field".into(), "x".into()), ("size".into(), Dynamic::from(3_i64))].into();
        scope.push_constant("opt", Dynamic::from(Options(Rc::new(options))));
        host.reset();
        if let Err(error) = engine.run_with_scope(&mut scope, &format!("{SCOPE}{lines}")) {
            wrong.push(format!("{}: {error}", entry.written[0]));
        }
        for failure in failures.borrow_mut().drain(..) {
            wrong.push(format!("{}: {failure}", entry.written[0]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(*seen.borrow() > 250, "{} examples", seen.borrow());
}

#[test]
fn the_page_is_made_of_the_entries() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/functions.md");
    let made = page::markdown();
    if std::env::var_os("RHAI_UDF_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == made,
        "docs/functions.md is stale: RHAI_UDF_BLESS=1 cargo test --lib reference writes it anew"
    );
}

#[test]
fn signatures_are_read_as_they_are_written() {
    for text in [
        "now() -> time",
        "moving_stats(size: int, settings?: #{ nan }) -> moving_stats",
        "point.tag(name: string) -> string | ()",
        "batch[name: string] -> series | array | mask",
        "mask.len -> int",
        "+(a: series, b: series | number) -> series",
    ] {
        assert_eq!(Signature::parse(text).unwrap().to_string(), text);
    }
    assert!(Signature::parse("f(a").is_err() && Signature::parse("f(a)").is_err());
    let push = named("push").find(|(s, _)| s.of.as_deref() == Some("moving_stats")).unwrap().0;
    assert_eq!(push.gives, ["moving_stats"]);
}
