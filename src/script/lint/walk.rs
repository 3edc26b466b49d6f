//! The nodes of a script's syntax tree, by the function that they stand in.

use crate::script::host::callback::Callback;
use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::BTreeSet;

/// Where a warning goes.
pub(super) type Warn<'a> = dyn FnMut(Position, String) + 'a;

/// A node and those that it stands in, the innermost last.
pub(super) struct Node<'a, 'p> {
    pub(super) node: &'p ASTNode<'a>,
    pub(super) above: &'p [ASTNode<'a>],
}

/// One function.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) params: Vec<String>,
    start: (usize, usize),
    end: (usize, usize),
}

impl Function {
    /// The callback that this function is.
    pub(super) fn callback(&self) -> Option<Callback> {
        Callback::ALL.into_iter().find(|callback| callback.name() == self.name)
    }

    /// The parameter that holds the options, if this is a callback that takes them.
    pub(super) fn options(&self) -> Option<&str> {
        let callback = self.callback()?;
        self.params.get(callback.own_parameters()).map(String::as_str)
    }

    /// The callback's own parameter: the point, the chunk or the batch.
    pub(super) fn own(&self) -> Option<&str> {
        let callback = self.callback()?;
        (callback.own_parameters() == 1).then(|| self.params.first().map(String::as_str)).flatten()
    }

    fn contains(&self, position: Position) -> bool {
        place(position).is_some_and(|place| self.start <= place && place <= self.end)
    }
}

fn place(position: Position) -> Option<(usize, usize)> {
    position.line().map(|line| (line, position.position().unwrap_or(0)))
}

/// A script as the checks see it.
pub(super) struct Script<'a> {
    ast: &'a AST,
    pub(super) functions: Vec<Function>,
}

/// Makes the view of a script for `look`.
pub(super) fn with_script(ast: &AST, look: &mut dyn FnMut(&Script<'_>)) {
    let functions = ast.iter_fn_def().map(|function| Function {
        name: function.name.to_string(),
        params: function.params.iter().map(ToString::to_string).collect(),
        start: place(function.body.start_position()).unwrap_or_default(),
        // A closure of one expression has no end of its own.
        end: place(function.body.end_position())
            .unwrap_or_else(|| place(function.body.start_position()).unwrap_or_default()),
    });
    look(&Script { ast, functions: functions.collect() });
}

impl Script<'_> {
    /// The function of this name and number of parameters.
    pub(super) fn function(&self, name: &str, params: usize) -> Option<&Function> {
        self.functions.iter().find(|f| f.name == name && f.params.len() == params)
    }

    /// The constants of the top level whose names stand for nothing else anywhere.
    pub(super) fn constants(&self) -> BTreeSet<String> {
        let (mut constants, mut others) = (BTreeSet::new(), BTreeSet::new());
        self.visit(&mut |function, node| {
            if let ASTNode::Stmt(Stmt::Var(parts, flags, _)) = node.node {
                let constant = function.is_none() && flags.intersects(ASTFlags::CONSTANT);
                let names = if constant { &mut constants } else { &mut others };
                names.insert(parts.0.name.to_string());
            }
        });
        constants.retain(|name| !others.contains(name));
        constants
    }

    pub(super) fn has(&self, callback: Callback) -> bool {
        self.functions.iter().any(|function| function.callback() == Some(callback))
    }

    /// Visits every node with the function that it stands in; `None` at the top level.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(Option<&Function>, &Node<'_, '_>)) {
        self.ast.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some((node, above)) = path.split_last() {
                // A statement may have no place of its own: what it stands in has.
                let function = path.iter().find_map(|node| {
                    let position = position_of(node);
                    // A closure stands inside of a function.
                    let around = self.functions.iter().filter(|f| f.contains(position));
                    around.max_by_key(|function| function.start)
                });
                visit(function, &Node { node, above });
            }
            true
        });
    }
}

fn position_of(node: &ASTNode<'_>) -> Position {
    match node {
        ASTNode::Stmt(statement) => statement.position(),
        ASTNode::Expr(expression) => expression.start_position(),
        _ => Position::NONE,
    }
}

impl<'a> Node<'a, '_> {
    pub(super) fn expr(&self) -> Option<&'a Expr> {
        match self.node {
            ASTNode::Expr(expression) => Some(expression),
            _ => None,
        }
    }

    /// The call, if this is one by a function's plain name.
    pub(super) fn call(&self) -> Option<(&'a FnCallExpr, Position)> {
        match self.node {
            ASTNode::Expr(Expr::FnCall(call, position)) => Some((call, *position)),
            ASTNode::Stmt(Stmt::FnCall(call, position)) => Some((call, *position)),
            _ => None,
        }
    }

    pub(super) fn parent(&self) -> Option<&ASTNode<'a>> {
        self.above.last()
    }

    /// Whether this expression is what the property, the index or the method of its parent belongs to.
    pub(super) fn is_owner(&self) -> bool {
        let Some(me) = self.expr() else { return false };
        match self.parent() {
            Some(ASTNode::Expr(Expr::Dot(parts, ..) | Expr::Index(parts, ..))) => {
                std::ptr::eq(&raw const parts.lhs, me)
            }
            _ => false,
        }
    }
}

/// The name of a plain variable.
pub(super) fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(parts, ..) if parts.2.is_empty() => Some(&parts.1),
        _ => None,
    }
}

/// The first part behind a dot.
pub(super) fn head(expression: &Expr) -> &Expr {
    match expression {
        Expr::Dot(parts, ..) | Expr::Index(parts, ..) => head(&parts.lhs),
        other => other,
    }
}

/// The property or the string index that is read or set behind `this` or a variable.
pub(super) fn member(owner: &Expr) -> Option<(&str, Position)> {
    match owner {
        Expr::Dot(parts, ..) => match head(&parts.rhs) {
            Expr::Property(property, position) => Some((&property.2, *position)),
            _ => None,
        },
        Expr::Index(parts, ..) => match head(&parts.rhs) {
            Expr::StringConstant(text, position) => Some((text.as_str(), *position)),
            _ => None,
        },
        _ => None,
    }
}
