//! Lambda expressions: compiled once, evaluated on each point.
//!
//! The types follow the daemon (`tick/stateful`): ints and floats may be compared but not added,
//! comparisons are truth values whatever they compare, so that `isPresent("x") AND "x" > 1.0` never evaluates a
//! missing `x`, and all calls of `sigma` in one expression share one state.

mod compile;
pub mod functions;
mod node;
mod operators;
mod special;
mod thresholds;
mod value;

pub use special::State;
pub use value::{NoScope, Scope, Type, Value};

use crate::tick::error::{Result, TickError, TickText};
use crate::tick::syntax::ast::{Expr, ExprKind};
use compile::Compiler;
use node::{Node, missing};
use std::cell::RefCell;
use std::rc::Rc;

/// A compiled lambda expression, without the state of its functions.
#[derive(Debug)]
pub struct Lambda {
    root: Node,
    references: Vec<Rc<str>>,
}

/// Resolves variables to the expressions that they hold.
pub type Variables<'v> = &'v dyn Fn(&str) -> Option<ExprKind>;

impl Lambda {
    /// Compiles an expression.
    ///
    /// # Errors
    /// An unknown function or variable, and whatever cannot stand in an expression.
    pub fn compile(expr: &Expr, source: &TickText<'_>, variables: Variables<'_>) -> Result<Self> {
        let (root, references) = Compiler::of(source, variables).whole(expr)?;
        Ok(Self { root, references })
    }

    /// Returns the fields and tags it reads.
    pub fn references(&self) -> &[Rc<str>] {
        &self.references
    }

    /// Returns the fields that are compared with a number, or whose amount is, and the numbers.
    pub fn thresholds(&self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        self.root.thresholds(&mut found);
        found
    }

    /// Tells whether any of its functions keeps a state, which is handed in.
    pub fn remembers(&self) -> bool {
        self.root.remembers()
    }

    /// Returns the states of the lambdas that its variables hold, in their order.
    pub(crate) fn own_states(&self) -> Vec<&RefCell<State>> {
        let mut states = Vec::new();
        self.root.own_states(&mut states);
        states
    }

    /// Returns the expression as text.
    pub fn text(&self) -> String {
        self.root.to_string()
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    /// A missing value or types that do not fit.
    pub fn eval<'a>(&'a self, scope: &'a dyn Scope, state: &mut State) -> Result<Value<'a>> {
        self.root.kind(scope)?;
        match self.root.eval(scope, state)? {
            Value::Missing => Err(missing(&self.root)),
            value => Ok(value),
        }
    }

    /// Evaluates the expression as a condition.
    ///
    /// # Errors
    /// As [`Lambda::eval`], and a value that is not a bool.
    pub fn test(&self, scope: &dyn Scope, state: &mut State) -> Result<bool> {
        match self.eval(scope, state)? {
            Value::Bool(value) => Ok(value),
            value => Err(TickError::Evaluate(format!(
                "{} is a {}, expected a bool",
                self.root,
                value.kind()
            ))),
        }
    }
}
