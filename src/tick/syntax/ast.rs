//! The tree of a TICKscript.

use std::fmt;
use std::rc::Rc;

use regex::Regex;

use crate::tick::syntax::lexer::Operator;

/// An expression and the offset of the text it was read from.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The offset in bytes.
    pub at: usize,
    /// How deep the tree below is, so that deep ones can be refused.
    pub depth: usize,
}

impl Expr {
    /// Makes an expression without others in it.
    pub fn leaf(kind: ExprKind, at: usize) -> Self {
        Self { kind, at, depth: 0 }
    }
}

/// A kind of expression.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `TRUE`, `FALSE`.
    Bool(bool),
    /// `42`, `0644` (octal).
    Int(i64),
    /// `1.0`.
    Float(f64),
    /// `5m`, in nanoseconds.
    Duration(i64),
    /// `'text'`.
    String(Rc<str>),
    /// `/pattern/`.
    Regex(Rc<Regex>),
    /// `"field or tag"`.
    Reference(Rc<str>),
    /// A variable.
    Ident(Rc<str>),
    /// `*`.
    Star,
    /// `['a', b, *]`.
    List(Vec<Expr>),
    /// `lambda: …`.
    Lambda(Rc<Expr>),
    /// `-x`, `!x`.
    Unary(Unary, Box<Expr>),
    /// `x + y`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `f(x)` by itself.
    Call(Call),
    /// `x|f(y)`, `x.f(y)`, `x@f(y)`.
    Chain(Box<Expr>, Link, Call),
    /// `x.f` without arguments.
    Property(Box<Expr>, Rc<str>),
}

/// An operator of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `-`.
    Minus,
    /// `!`.
    Not,
}

/// A function's name and its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name.
    pub name: Rc<str>,
    /// The arguments.
    pub arguments: Vec<Expr>,
    /// The name's offset in bytes.
    pub at: usize,
}

/// The sign between a node and what is called on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `|` makes a new node.
    Chain,
    /// `.` sets a property.
    Property,
    /// `@` calls a user defined function.
    Dynamic,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "|",
            Self::Property => ".",
            Self::Dynamic => "@",
        })
    }
}

/// A statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `dbrp "telegraf"."autogen"`.
    Dbrp {
        /// The database.
        database: Rc<str>,
        /// The retention policy.
        retention_policy: Rc<str>,
    },
    /// `var x = …`.
    Declaration {
        /// The variable.
        name: Rc<str>,
        /// The name's offset.
        at: usize,
        /// Its value.
        value: Expr,
    },
    /// `var x duration`.
    TypeDeclaration {
        /// The variable.
        name: Rc<str>,
        /// Its type, as written.
        kind: Rc<str>,
        /// The type's offset.
        at: usize,
    },
    /// An expression, mostly a pipeline.
    Expression(Expr),
}
