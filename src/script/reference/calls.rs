//! Compares the entries with calls: each signature is called with many arguments of the types that it takes.

use super::tests::{SCOPE, as_native, engine, stands_for, type_name};
use super::{Entry, Form, Signature, entries};
use crate::script::api::{NativeTypes, Options};
use crate::script::host::{Emission, Host};
use rhai::{Dynamic, Engine, EvalAltResult, Map, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Values of the types that the language has, as expressions.
const VALUES: [(&str, &[&str]); 9] = [
    ("int", &["3", "1", "12", "0", "-1", "60 * second"]),
    ("double", &["0.5", "2.0", "12.0", "0.0", "-1.0"]),
    ("bool", &["true", "false"]),
    ("char", &["'a'"]),
    ("string", &["\"x\"", "\"5m\"", "\"mean\"", "\"\"", "\"2016-01-01T00:00:00Z\""]),
    ("array", &["[3, 1, 2]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "[]"]),
    ("map", &["#{}"]),
    ("any", &["1", "2.5", "\"x\"", "()", "[1]"]),
    ("series", &["s", "series([1, 2, 4, 3, 9, 1, 0, 2, 5, 7, 3, 8.5])", "series([])"]),
];

/// Objects of each type that are kept to be called.
const OBJECTS: usize = 4;

struct Caller {
    engine: Engine,
    host: Rc<Host>,
    natives: NativeTypes,
    pool: BTreeMap<String, Vec<Dynamic>>,
}

/// The results of the calls of a signature.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<&'static str>,
    made: Vec<Dynamic>,
    errors: BTreeSet<String>,
}

impl Caller {
    fn new() -> Self {
        let (engine, host, natives) = engine();
        *host.emission.borrow_mut() = Emission::Stream;
        host.library.set_open(true);
        let mut caller = Self { engine, host, natives, pool: BTreeMap::new() };
        for (kind, expressions) in VALUES {
            let values =
                expressions.iter().map(|text| caller.run(&mut caller.scope(), text).unwrap());
            let values = values.collect();
            caller.pool.insert(kind.to_owned(), values);
        }
        caller.keep_what_examples_make();
        caller.keep_what_functions_make();
        caller
    }

    fn scope(&self) -> Scope<'static> {
        let mut scope = Scope::new();
        let options: Map =
            [("field".into(), "x".into()), ("size".into(), Dynamic::from(3_i64))].into();
        scope.push_constant("opt", Dynamic::from(Options(Rc::new(options))));
        self.host.reset();
        self.engine.run_with_scope(&mut scope, SCOPE).unwrap();
        scope
    }

    fn run(&self, scope: &mut Scope<'_>, text: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        self.engine.eval_with_scope(scope, text)
    }

    /// The objects that the examples leave in variables, or give.
    fn keep_what_examples_make(&mut self) {
        for entry in entries() {
            let Some(example) = &entry.example else { continue };
            let mut scope = self.scope();
            let mut made = Vec::new();
            for line in example.lines() {
                let line = line.split("// =>").next().unwrap_or_default();
                made.extend(self.run(&mut scope, line).ok());
            }
            made.extend(scope.iter().map(|(_, _, value)| value));
            made.into_iter().for_each(|value| self.keep(value));
        }
    }

    /// The objects that functions make of the values above, new and with data.
    fn keep_what_functions_make(&mut self) {
        let functions =
            entries().filter(|entry| !entry.keyword).flat_map(|entry| &entry.signatures);
        for signature in functions.filter(|signature| signature.form == Form::Function) {
            let makes = |kind: &String| self.natives.of_name(kind).is_some();
            if signature.gives.iter().any(makes) {
                let made = self.try_all(signature).made;
                made.into_iter().for_each(|value| self.keep(value));
            }
        }
        let new: Vec<_> = self.pool.values().flatten().cloned().collect();
        for object in new {
            let mut scope = self.scope();
            scope.push_dynamic("it", object);
            if self.run(&mut scope, "for i in 1..30 { it.push(i * 7 % 11 + 0.5); } it").is_ok() {
                self.keep(scope.get("it").unwrap().clone());
            }
        }
    }

    fn keep(&mut self, value: Dynamic) {
        if let Some(kind) = self.natives.of_value(&value).map(|native| native.name) {
            let kept = self.pool.entry(kind.to_owned()).or_default();
            // The last ones have seen data more often than the first.
            if kept.len() == OBJECTS {
                drop(kept.remove(1));
            }
            kept.push(value);
        }
    }

    /// Values of the types that a parameter takes.
    fn values(&self, kinds: &[&str]) -> Vec<Dynamic> {
        kinds.iter().filter_map(|kind| self.pool.get(*kind)).flatten().cloned().collect()
    }

    fn call(
        &self,
        signature: &Signature,
        arguments: &[Dynamic],
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut scope = Scope::new();
        for (at, argument) in arguments.iter().enumerate() {
            scope.push_dynamic(format!("a{at}"), argument.clone());
        }
        self.host.reset();
        self.run(&mut scope, &expression(signature, arguments.len()))
    }

    /// Calls a signature: with the first value of each type, then with each other value of one argument at a time,
    /// then with values from all over.
    fn try_all(&self, signature: &Signature) -> Seen {
        let (_, kinds) = as_native(signature);
        let own = usize::from(signature.of.is_some());
        let mut seen = Seen::default();
        for arity in signature.arities() {
            let choices: Vec<_> =
                kinds.iter().take(arity + own).map(|kinds| self.values(kinds)).collect();
            if choices.iter().any(Vec::is_empty) {
                continue;
            }
            let most = choices.iter().map(Vec::len).max().unwrap_or(1);
            let mut calls = vec![vec![0; choices.len()]];
            for at in 0..choices.len() {
                for value in 1..choices[at].len() {
                    let mut call = vec![0; choices.len()];
                    call[at] = value;
                    calls.push(call);
                }
            }
            for turn in 1..most * 3 {
                let picked = choices
                    .iter()
                    .enumerate()
                    .map(|(at, c)| (turn * (at + 1) + turn / most) % c.len());
                calls.push(picked.collect());
            }
            for call in calls {
                let arguments: Vec<_> =
                    call.iter().zip(&choices).map(|(at, c)| c[*at].clone()).collect();
                match self.call(signature, &arguments) {
                    Ok(value) => {
                        seen.kinds.insert(type_name(value.type_id(), &self.natives));
                        if seen.made.len() < OBJECTS {
                            seen.made.push(value);
                        }
                    }
                    Err(error) => drop(seen.errors.insert(error.to_string())),
                }
            }
        }
        seen
    }
}

fn expression(signature: &Signature, count: usize) -> String {
    let arguments =
        |from: usize| (from..count).map(|at| format!("a{at}")).collect::<Vec<_>>().join(", ");
    let name = &signature.name;
    match signature.form {
        Form::Function => format!("{name}({})", arguments(0)),
        Form::Method => format!("a0.{name}({})", arguments(1)),
        Form::Property => format!("a0.{name}"),
        Form::Index => "a0[a1]".to_owned(),
        Form::Operator if count == 1 => format!("{name}a0"),
        Form::Operator => format!("a0 {name} a1"),
    }
}

/// Calls all signatures of our own functions and tells `judge` of them.
fn each(mut judge: impl FnMut(&Signature, &Entry, &Seen)) {
    let caller = Caller::new();
    for entry in entries().filter(|entry| !entry.keyword && entry.example.is_some()) {
        for signature in &entry.signatures {
            judge(signature, entry, &caller.try_all(signature));
        }
    }
}

#[test]
fn the_answers_are_of_the_types_that_are_said() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    each(|signature, _, seen| {
        let said: Vec<&str> = signature.gives.iter().flat_map(|kind| stands_for(kind)).collect();
        let own = signature.of.as_deref().unwrap_or_default();
        count += usize::from(!seen.kinds.is_empty());
        for kind in &seen.kinds {
            let fits = said.contains(kind)
                || said.contains(&"any")
                || said.contains(&"this") && own == *kind
                || said.is_empty() && *kind == "()";
            if !fits {
                wrong.push(format!("{signature}: a call gives {kind}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 600, "only {count} signatures could be called");
}

#[test]
fn what_says_nothing_of_errors_has_none() {
    let mut wrong = Vec::new();
    each(|signature, entry, seen| {
        if entry.errors.is_none() {
            wrong.extend(seen.errors.iter().map(|error| format!("{signature}: {error}")));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
