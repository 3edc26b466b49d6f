//! What the entries say of errors and of NaN, held against calls.
//!
//! `cases.txt` has a section for each entry that names errors or says what NaN does. A line is a call with a part of its
//! error (`!!`) or with its value (`=>`). Every error that an entry names has a line, and so has NaN. In front of a call,
//! `(outside)` stands for a place where nothing can be emitted, `(point)` for one where no model can be loaded,
//! `(models)` for the folder of the tests' models, and `(small)` for a limit of ten elements in an array.

use super::tests::SCOPE;
use super::{Entry, entries};
use crate::agent::Pulse;
use crate::script::api::tests::show;
use crate::script::api::{self, NativeTypes, Options};
use crate::script::config::Limits;
use crate::script::engine::{self, Budget};
use crate::script::host::{Emission, Host};
use rhai::{Dynamic, Engine, Map, Scope};
use std::rc::Rc;

const CASES: &str = include_str!("cases.txt");

/// What the calls of a case can use besides the variables of the examples.
const MORE: &str = "fn huge() { let b = series([3, 1, 2]); for i in 0..21 { b = b.concat(b); } b }
let nan = 0.0 / 0.0; let inf = 1.0 / 0.0; ";

/// The entry of a section, as its heading names it.
fn heading(entry: &Entry) -> String {
    let signature = entry.written[0].split(" -> ").next().unwrap_or_default();
    match entry.of.first() {
        Some(of) => format!("{signature}  of {of}"),
        None => signature.to_owned(),
    }
}

/// The sections: their headings and lines.
fn sections() -> Vec<(&'static str, Vec<&'static str>)> {
    let sections = CASES.split("## ").skip(1).map(|section| {
        let mut lines = section.lines();
        let heading = lines.next().unwrap_or_default();
        (heading, lines.filter(|line| !line.is_empty()).collect())
    });
    sections.collect()
}

/// An engine in a certain situation.
fn caller(folder: &str, array: usize, emission: Emission, open: bool) -> (Engine, Rc<Host>) {
    let limits = Limits { array, ..Limits::default() };
    let script = format!("{}/{folder}/x.rhai", env!("CARGO_MANIFEST_DIR"));
    let budget = Budget::new(&limits, &Pulse::default());
    let host = Rc::new(Host::with_budget(script.into(), budget));
    // Only the native functions have the limit, since the literals of the cases are longer.
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    api::register(&mut engine, &host, &mut NativeTypes::default());
    *host.emission.borrow_mut() = emission;
    host.library.set_open(open);
    (engine, host)
}

/// Runs a call; returns its value as text, or its error.
fn run(line: &str) -> Result<String, String> {
    let most = Limits::default().array;
    let situations = [
        ("(outside) ", "scripts", most, Emission::Closed, true),
        ("(point) ", "scripts", most, Emission::Stream, false),
        ("(models) ", "tests/data/models", most, Emission::Stream, true),
        ("(small) ", "scripts", 10, Emission::Stream, true),
    ];
    let mut situation = ("scripts", most, Emission::Stream, true);
    let mut call = line;
    for (mark, folder, array, emission, open) in situations {
        if let Some(rest) = line.strip_prefix(mark) {
            (situation, call) = ((folder, array, emission, open), rest);
        }
    }
    let (folder, array, emission, open) = situation;
    let (engine, _host) = caller(folder, array, emission, open);
    let mut scope = Scope::new();
    let options: Map = [("field".into(), "x".into()), ("size".into(), Dynamic::from(3_i64))].into();
    scope.push_constant("opt", Dynamic::from(Options(Rc::new(options))));
    let text = format!("{MORE}{SCOPE}{call}");
    let value = engine.eval_with_scope::<Dynamic>(&mut scope, &text);
    value.map(|value| show(&value)).map_err(|error| error.to_string())
}

#[test]
fn every_error_that_is_named_can_be_had() {
    let mut wrong = Vec::new();
    for (heading, lines) in sections() {
        for line in lines {
            let (call, is_error, expected) =
                match (line.rsplit_once(" !! "), line.rsplit_once(" => ")) {
                    (Some((call, text)), _) => (call, true, text),
                    (None, Some((call, value))) => (call, false, value),
                    (None, None) => (line, false, "?"),
                };
            let fits = match run(call) {
                Ok(value) => (!is_error && value == expected, format!("=> {value}")),
                Err(error) => (is_error && error.contains(expected), format!("!! {error}")),
            };
            if let (false, got) = fits {
                wrong.push(format!("{heading}\t{call}\t{got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "cases.txt does not expect:\n{}", wrong.join("\n"));
}

#[test]
fn every_sentence_on_errors_and_nan_has_a_case() {
    let sections = sections();
    let mut missing = Vec::new();
    for entry in entries().filter(|entry| entry.example.is_some()) {
        let name = heading(entry);
        let lines = sections.iter().find(|(heading, _)| *heading == name);
        let lines = lines.map(|(_, lines)| lines.as_slice()).unwrap_or_default();
        let errors = lines.iter().filter(|line| line.contains(" !! ")).count();
        let named = entry.errors.as_ref().map_or(0, |errors| errors.split("; ").count());
        let nan = lines.iter().any(|line| line.contains("nan"));
        if errors < named || entry.nan.is_some() && !nan {
            missing.push(format!("{name}: {errors} of {named} errors, NaN: {nan}"));
        }
    }
    assert!(missing.is_empty(), "cases.txt lacks:\n{}", missing.join("\n"));
    let known: Vec<String> = entries().map(heading).collect();
    for (heading, _) in sections {
        assert!(known.iter().any(|name| name == heading), "no entry is called '{heading}'");
    }
}
