//! A value that is made by a formula: `20 + 2*sin(t/3600) + noise(0.5)`.
//!
//! Formulas are written in the syntax of scripts. They know the variables that they are given and, beside
//! the functions of mathematics, `noise(stddev)`, `uniform(low, high)` and `walk(stddev)`. Random numbers come from a
//! seed, so they are the same in every run.

use crate::agent::Pulse;
use crate::protocol::FieldValue;
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::{Problem, ScriptError, parse_problem};
use crate::stats::Rng;
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, Scope};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// Compiles and evaluates formulas.
pub struct Formulas {
    engine: Engine,
    chance: Rc<RefCell<Chance>>,
}

/// A compiled formula.
#[derive(Clone, Debug)]
pub struct Formula {
    ast: AST,
    text: String,
}

/// The random state of a formula; one for each series of values.
#[derive(Clone, Debug)]
pub struct Chance {
    rng: Rng,
    /// The position of each `walk` of the formula, in the order of its calls.
    walks: Vec<f64>,
    /// The walk that is called next.
    next: usize,
}

/// A variable of a formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variable<'a> {
    /// A number.
    Number(f64),
    /// A whole number.
    Count(i64),
    /// A text, as of a tag.
    Text(&'a str),
}

impl Chance {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), walks: Vec::new(), next: 0 }
    }

    fn walk(&mut self, stddev: f64) -> f64 {
        let step = stddev * self.rng.normal();
        if self.next == self.walks.len() {
            self.walks.push(0.0);
        }
        let walk = &mut self.walks[self.next];
        *walk += step;
        self.next += 1;
        *walk
    }
}

impl Default for Formulas {
    fn default() -> Self {
        let mut engine = engine::engine(&Limits::default(), &Pulse::default());
        let chance = Rc::new(RefCell::new(Chance::new(0)));
        register(&mut engine, &chance);
        Self { engine, chance }
    }
}

/// Registers the functions that are random, for ints and doubles.
fn register(engine: &mut Engine, chance: &Rc<RefCell<Chance>>) {
    let c = chance.clone();
    engine.register_fn("noise", move |stddev: f64| stddev * c.borrow_mut().rng.normal());
    let c = chance.clone();
    engine.register_fn("noise", move |stddev: i64| stddev as f64 * c.borrow_mut().rng.normal());
    let c = chance.clone();
    engine.register_fn("walk", move |stddev: f64| c.borrow_mut().walk(stddev));
    let c = chance.clone();
    engine.register_fn("walk", move |stddev: i64| c.borrow_mut().walk(stddev as f64));
    let uniform = |chance: &Rc<RefCell<Chance>>, low: f64, high: f64| {
        low + (high - low) * chance.borrow_mut().rng.uniform()
    };
    let c = chance.clone();
    engine.register_fn("uniform", move |low: f64, high: f64| uniform(&c, low, high));
    let c = chance.clone();
    engine.register_fn("uniform", move |low: i64, high: i64| uniform(&c, low as f64, high as f64));
    let c = chance.clone();
    engine.register_fn("uniform", move |low: i64, high: f64| uniform(&c, low as f64, high));
    let c = chance.clone();
    engine.register_fn("uniform", move |low: f64, high: i64| uniform(&c, low, high as f64));
    for (name, function) in [
        ("sin", f64::sin as fn(f64) -> f64),
        ("cos", f64::cos),
        ("sqrt", f64::sqrt),
        ("exp", f64::exp),
    ] {
        engine.register_fn(name, move |x: i64| function(x as f64));
    }
}

impl Formulas {
    /// Compiles a formula, whose variables may have these names.
    ///
    /// # Errors
    /// Text that is no expression, or a variable of another name.
    pub fn compile(&self, text: &str, variables: &[&str]) -> Result<Formula, ScriptError> {
        let mut scope = Scope::new();
        for name in variables {
            scope.push(*name, 0.0);
        }
        let compiled = self.engine.compile_expression_with_scope(&scope, text);
        match compiled {
            Ok(ast) => Ok(Formula { ast, text: text.into() }),
            Err(error) => {
                let problem = parse_problem(Path::new(text), text, &error);
                let known = variables.join(", ");
                let message = format!("{} (variables are {known})", problem.message);
                Err(ScriptError::Load(vec![Problem::new(Path::new(text), message)]))
            }
        }
    }

    /// Evaluates a formula: an int, a double, a bool or a string. `chance` continues from its present state.
    ///
    /// # Errors
    /// A formula that fails, or whose value no field can hold.
    pub fn value(
        &self,
        formula: &Formula,
        variables: &[(&str, Variable<'_>)],
        chance: &mut Chance,
    ) -> Result<FieldValue<'static>, ScriptError> {
        let mut scope = Scope::new();
        for (name, value) in variables {
            match value {
                Variable::Number(x) => scope.push_dynamic(*name, Dynamic::from_float(*x)),
                Variable::Count(n) => scope.push_dynamic(*name, Dynamic::from_int(*n)),
                Variable::Text(text) => scope.push(*name, ImmutableString::from(*text)),
            };
        }
        chance.next = 0;
        std::mem::swap(&mut *self.chance.borrow_mut(), chance);
        let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, &formula.ast);
        std::mem::swap(&mut *self.chance.borrow_mut(), chance);
        let value = value.map_err(|error| formula.failed(&reason(&error)))?;
        field_value(&value).ok_or_else(|| {
            formula.failed(&format!(
                "it must be a number, true or false, or a text, not a {}",
                self.engine.map_type_name(value.type_name())
            ))
        })
    }
}

impl Formula {
    fn failed(&self, message: &str) -> ScriptError {
        ScriptError::Load(vec![Problem::new(Path::new(&self.text), message)])
    }
}

fn reason(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorFunctionNotFound(function, _) => format!("no function {function}"),
        error => error.to_string(),
    }
}

fn field_value(value: &Dynamic) -> Option<FieldValue<'static>> {
    if let Ok(x) = value.as_float() {
        Some(FieldValue::Double(x))
    } else if let Ok(n) = value.as_int() {
        Some(FieldValue::Int(n))
    } else if let Ok(flag) = value.as_bool() {
        Some(FieldValue::Bool(flag))
    } else {
        let text = value.read_lock::<ImmutableString>()?.to_string();
        Some(FieldValue::String(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, seed: u64, n: i64) -> Vec<FieldValue<'static>> {
        let formulas = Formulas::default();
        let formula = formulas.compile(text, &["t", "n", "host"]).unwrap();
        let mut chance = Chance::new(seed);
        let mut value = |i: i64| {
            let variables = [
                ("t", Variable::Number(i as f64 * 5.0)),
                ("n", Variable::Count(i)),
                ("host", Variable::Text("a")),
            ];
            formulas.value(&formula, &variables, &mut chance).unwrap()
        };
        (0..n).map(&mut value).collect()
    }

    #[test]
    fn formulas_give_values_of_each_type() {
        assert_eq!(values("20 + t", 1, 2), [FieldValue::Double(20.0), FieldValue::Double(25.0)]);
        assert_eq!(values("n * 2", 1, 2), [FieldValue::Int(0), FieldValue::Int(2)]);
        assert_eq!(values("n == 1", 1, 2), [FieldValue::Bool(false), FieldValue::Bool(true)]);
        assert_eq!(values("host", 1, 1), [FieldValue::String("a".into())]);
        let [FieldValue::Double(x)] = values("2*sin(t/3600)", 1, 1)[..] else { panic!() };
        assert_eq!(x, 0.0);
    }

    #[test]
    fn noise_has_the_spread_that_was_asked_for_and_repeats() {
        let numbers = |text| -> Vec<f64> {
            values(text, 7, 4000).iter().filter_map(FieldValue::as_double).collect()
        };
        let noise = numbers("10 + noise(0.5)");
        let mean = noise.iter().sum::<f64>() / noise.len() as f64;
        let variance = noise.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / noise.len() as f64;
        // The standard errors are 0.008 and 0.0056.
        assert!((mean - 10.0).abs() < 0.04 && (variance.sqrt() - 0.5).abs() < 0.03);
        assert_eq!(noise, numbers("10 + noise(0.5)"));
        let walk = numbers("walk(1) + 0 * walk(2)");
        let steps: Vec<f64> = walk.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let spread = steps.iter().map(|x| x * x).sum::<f64>() / steps.len() as f64;
        assert!((spread.sqrt() - 1.0).abs() < 0.06, "{spread}");
        assert!(numbers("uniform(2, 3)").iter().all(|x| (2.0..3.0).contains(x)));
    }

    #[test]
    fn what_is_no_formula_is_refused() {
        let formulas = Formulas::default();
        let error = formulas.compile("20 + z", &["t", "n"]).unwrap_err().to_string();
        assert!(error.contains("z") && error.contains("variables are t, n"), "{error}");
        let formula = formulas.compile("nosie(1)", &["t"]).unwrap();
        let error = formulas.value(&formula, &[], &mut Chance::new(1)).unwrap_err().to_string();
        assert!(error.contains("nosie"), "{error}");
    }
}
