//! A condition over the fields of a point: `pvalue < 0.001 && t > 0`.

use crate::agent::Pulse;
use crate::protocol::Point;
use crate::script::api::{SharedPoint, to_dynamic};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::{Problem, ScriptError, parse_problem};
use rhai::{
    AST, ASTNode, Caches, Engine, EvalAltResult, Expr, GlobalRuntimeState, Scope, Stmt,
    is_valid_identifier,
};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// A compiled condition.
pub struct Expression {
    engine: Engine,
    ast: AST,
    text: String,
    /// The fields it may name.
    names: Vec<String>,
    /// The variables it has, which are fields.
    fields: Vec<String>,
    memory: RefCell<Memory>,
}

/// The working memory of the interpreter, kept between evaluations, so that a function is looked up only once.
struct Memory {
    global: GlobalRuntimeState,
    caches: Caches,
    scope: Scope<'static>,
}

impl Memory {
    fn new(engine: &Engine) -> Self {
        let global = engine.new_global_runtime_state();
        Self { global, caches: Caches::new(), scope: Scope::new() }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    /// Compiles a condition in the syntax of scripts. Fields are named as they are; `p` is the
    /// point, for names that are no identifiers (`p["usage idle"]`) and for tags.
    ///
    /// # Errors
    /// Text that is not an expression, or that does not name a field.
    pub fn compile(text: &str) -> Result<Self, ScriptError> {
        let mut engine = engine::engine(&Limits::default(), &Pulse::default());
        engine.set_strict_variables(false);
        engine.register_type_with_name::<SharedPoint>("Point");
        super::api::register_for_expressions(&mut engine);
        let error =
            |message: String| ScriptError::Load(vec![Problem::new(Path::new(text), message)]);
        let ast = engine.compile_expression(text).map_err(|e| {
            let plain = parse_problem(Path::new(text), text, &e);
            let foreign = foreign_word(text).or_else(|| lone_equals(text));
            error(foreign.unwrap_or_else(|| pointed(text, &plain)))
        })?;
        let names = identifiers(text);
        if names.is_empty() && text.contains('"') {
            let hint = "it does not use a field; write fields without quotes, as in pvalue < 0.001";
            return Err(error(hint.into()));
        }
        let fields = variables(&ast);
        let memory = Memory::new(&engine).into();
        Ok(Self { engine, ast, text: text.into(), names, fields, memory })
    }

    /// The value for a point; `None` if it lacks a field that the condition names.
    ///
    /// # Errors
    /// A condition that fails, or is neither true nor false.
    pub fn eval(&self, point: &Point) -> Result<Option<bool>, ScriptError> {
        let memory = &mut *self.memory.borrow_mut();
        let Memory { global, caches, scope } = memory;
        scope.clear();
        for name in &self.names {
            if name == "p" && point.field("p").is_none() {
                scope.push("p", SharedPoint::new(point.clone()));
            } else if let Some(value) = point.field(name) {
                scope.push(name.as_str(), to_dynamic(value));
            }
        }
        (global.num_operations, global.level) = (0, 0);
        #[allow(deprecated)] // "volatile", not going away
        let result = self.engine.eval_statements_raw(global, caches, scope, self.ast.statements());
        match result {
            Ok(value) if value.is_bool() => Ok(value.as_bool().ok()),
            Ok(value) => Err(self.failed(&format!(
                "it must be true or false, not {} ({})",
                value,
                value.type_name()
            ))),
            Err(error) => match *error {
                EvalAltResult::ErrorVariableNotFound(..) => Ok(None),
                error => {
                    *memory = Memory::new(&self.engine);
                    Err(self.failed(&error.to_string()))
                }
            },
        }
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields that the condition names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str)
    }

    /// The fields that are compared with a number, or whose amount is (`abs(x) > 3`), and the numbers.
    pub fn thresholds(&self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        self.ast.walk(&mut |path| {
            let call = match path.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, _))) => Some(call),
                Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => Some(call),
                _ => None,
            };
            if let Some(call) = call
                && matches!(call.name.as_str(), "<" | ">" | "<=" | ">=")
                && let [left, right] = call.args.as_slice()
            {
                for (field, number) in [(left, right), (right, left)] {
                    found.extend(compared(field, number));
                }
            }
            true
        });
        found.dedup();
        found
    }

    fn failed(&self, message: &str) -> ScriptError {
        ScriptError::Load(vec![Problem::new(Path::new(&self.text), message)])
    }
}

/// The parser's message with a caret below its place.
fn pointed(text: &str, problem: &Problem) -> String {
    match problem.place {
        Some((1, column)) if column > 0 => {
            format!("{}\n  {text}\n  {}^", problem.message, " ".repeat(column - 1))
        }
        _ => problem.message.clone(),
    }
}

/// Words and operators of other languages, each with the one to write here.
const FOREIGN: &[(&str, &str)] =
    &[("AND", "&&"), ("OR", "||"), ("NOT", "!"), ("and", "&&"), ("or", "||"), ("not", "!")];

/// The message for a word of another language, with carets below it.
fn foreign_word(text: &str) -> Option<String> {
    let mut at = 0;
    for part in text.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_')) {
        let word = part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
        if let Some((_, here)) = FOREIGN.iter().find(|(foreign, _)| *foreign == word) {
            let (space, carets) = (" ".repeat(text[..at].chars().count()), "^".repeat(word.len()));
            return Some(format!("write {here} instead of {word}\n  {text}\n  {space}{carets}"));
        }
        at += part.len();
    }
    None
}

/// The message for a `=` where two values are compared, with a caret below it.
fn lone_equals(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_part = |at: Option<usize>, signs: &[u8]| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| signs.contains(byte))
    };
    let alone = |at: &usize| {
        bytes[*at] == b'=' && !is_part(at.checked_sub(1), b"=!<>") && !is_part(Some(at + 1), b"=>~")
    };
    let at = (0..bytes.len()).find(alone)?;
    let space = " ".repeat(text[..at].chars().count());
    Some(format!("write == to compare two values\n  {text}\n  {space}^"))
}

/// The variables of a condition but `p`, the point.
fn variables(ast: &AST) -> Vec<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last()
            && variable.1 != "p"
        {
            names.insert(variable.1.to_string());
        }
        true
    });
    names.into_iter().collect()
}

/// The field and the number of a comparison, if it compares a field with a number.
fn compared(field: &Expr, number: &Expr) -> Vec<(String, f64)> {
    let number = match number {
        Expr::IntegerConstant(number, _) => *number as f64,
        Expr::FloatConstant(number, _) => **number,
        _ => return Vec::new(),
    };
    match field {
        Expr::FnCall(call, _) if call.name == "abs" && call.args.len() == 1 => {
            let both = named(&call.args[0]);
            both.into_iter().flat_map(|name| [(name.clone(), number), (name, -number)]).collect()
        }
        field => named(field).map(|name| (name, number)).into_iter().collect(),
    }
}

/// The field that an expression is: `x`, or `p["x"]`.
fn named(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        Expr::Index(index, ..) => match (&index.lhs, &index.rhs) {
            (Expr::Variable(variable, ..), Expr::StringConstant(name, _)) if variable.1 == "p" => {
                Some(name.to_string())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The identifiers of a text, outside its strings.
fn identifiers(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
            continue;
        }
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if is_valid_identifier(&word) && word != "true" && word != "false" && !names.contains(&word)
        {
            names.push(word.clone());
        }
        word.clear();
        if matches!(c, '"' | '`' | '\'') {
            quote = Some(c);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        let mut point = Point::new(0);
        point.set_field("pvalue", 0.0001);
        point.set_field("n", 3);
        point.set_field("usage idle", 5.0);
        point.set_tag("host", "a");
        point
    }

    #[test]
    fn conditions_read_fields_and_tags() {
        for (text, expected) in [
            ("pvalue < 0.001", Some(true)),
            ("pvalue < 0.001 && n > 3", Some(false)),
            ("p[\"usage idle\"] < 6", Some(true)),
            ("p.tags.host == \"a\"", Some(true)),
            ("abs(n - 5) == 2", Some(true)),
            ("missing > 1", None),
            ("true", Some(true)),
        ] {
            let got = Expression::compile(text).unwrap().eval(&point()).unwrap();
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn numbers_that_fields_are_compared_with_are_known() {
        let thresholds = |text: &str| Expression::compile(text).unwrap().thresholds();
        let pair = |name: &str, value: f64| (name.to_owned(), value);
        assert_eq!(thresholds("pvalue < 0.001 && 3 <= n"), [pair("pvalue", 0.001), pair("n", 3.0)]);
        assert_eq!(
            thresholds("abs(t) > 2 || t < -5"),
            [pair("t", 2.0), pair("t", -2.0), pair("t", -5.0)]
        );
        assert_eq!(thresholds("p[\"usage idle\"] < 6.5"), [pair("usage idle", 6.5)]);
        assert!(thresholds("a > b || n == 3").is_empty());
    }

    #[test]
    fn an_evaluation_leaves_nothing_to_the_next() {
        let condition = Expression::compile("pvalue < 0.001 || abs(n) > 2").unwrap();
        let (empty, mut odd) = (Point::new(0), point());
        odd.set_field("pvalue", 5.0);
        odd.set_field("n", "three");
        for _ in 0..3 {
            assert_eq!(condition.eval(&point()).unwrap(), Some(true));
            assert_eq!(condition.eval(&empty).unwrap(), None);
            assert!(condition.eval(&odd).is_err());
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["pvalue <", "let x = 1", "\"pvalue\" < 0.001"] {
            assert!(Expression::compile(text).is_err(), "{text}");
        }
        let error = Expression::compile("hotend > 5 AND bed > 3").unwrap_err().to_string();
        let expected = "write && instead of AND\n  hotend > 5 AND bed > 3\n             ^^^";
        assert!(error.ends_with(expected), "{error}");
        let error = Expression::compile("n >= 2 && n = 3").unwrap_err().to_string();
        let expected = "write == to compare two values\n  n >= 2 && n = 3\n              ^";
        assert!(error.ends_with(expected), "{error}");
        let error = Expression::compile("n + 1").unwrap().eval(&point()).unwrap_err();
        assert!(error.to_string().contains("must be true or false, not 4"), "{error}");
    }
}
