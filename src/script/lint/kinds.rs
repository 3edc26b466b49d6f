//! Values where only true or false is possible, and maps where a list is needed, if the kind is certain.

use super::walk::{Function, Node, Script, Warn, head, member, variable};
use crate::protocol::message::ValueType;
use crate::script::declaration::OptionSpec;
use crate::script::host::callback::Callback;
use rhai::{ASTNode, Expr, Stmt};
use std::collections::BTreeMap;

/// The options that a script declares.
pub(super) type Options<'a> = &'a BTreeMap<String, OptionSpec>;

/// The kind of an expression, if it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Double,
    Text,
    List,
    Map,
    Mask,
}

impl Kind {
    fn described(self) -> &'static str {
        match self {
            Self::Int => "an int",
            Self::Double => "a double",
            Self::Text => "a string",
            Self::List => "an array",
            Self::Map => "a map",
            Self::Mask => "a mask, with one answer for each point",
        }
    }

    /// What to write in place of `what`.
    fn remedy(self, what: &str) -> String {
        match self {
            Self::Int | Self::Double => format!("{what} != 0"),
            Self::Text => format!("{what} != \"\""),
            Self::List => format!("{what}.len() > 0"),
            Self::Map => format!("!{what}.is_empty()"),
            Self::Mask => format!("({what}).any or ({what}).all"),
        }
    }
}

pub(super) fn check(script: &Script<'_>, options: Options<'_>, warn: &mut Warn<'_>) {
    script.visit(&mut |function, node| {
        for condition in conditions(node) {
            if let Some((what, kind)) = kind_of(condition, function, options) {
                warn(
                    condition.start_position(),
                    format!(
                        "{what} is {}, and a condition must be true or false: write {}",
                        kind.described(),
                        kind.remedy(&what)
                    ),
                );
            }
        }
        if let ASTNode::Stmt(Stmt::For(parts, position)) = node.node
            && let Some((what, Kind::Map)) = kind_of(&parts.2.expr, function, options)
        {
            warn(
                *position,
                format!(
                    "{what} is a map, and `for` cannot loop over a map: write for e in {what}.entries() and use e.key and e.value"
                ),
            );
        }
    });
}

/// The expressions of a node that must be true or false.
fn conditions<'a>(node: &Node<'a, '_>) -> Vec<&'a Expr> {
    match node.node {
        ASTNode::Stmt(Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..)) => {
            vec![&flow.expr]
        }
        ASTNode::Expr(Expr::And(parts, _) | Expr::Or(parts, _)) => parts.iter().collect(),
        ASTNode::Expr(Expr::FnCall(call, _))
            if call.op_token.is_some() && call.name.as_str() == "!" =>
        {
            // A mask can be negated.
            call.args.iter().filter(|operand| !is_comparison(operand)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_comparison(expression: &Expr) -> bool {
    matches!(expression, Expr::FnCall(call, _)
        if call.op_token.is_some() && ["<", "<=", ">", ">="].contains(&call.name.as_str()))
}

/// The kind of an expression and how a message names it, if it is certain.
pub(super) fn kind_of(
    expression: &Expr,
    function: Option<&Function>,
    options: Options<'_>,
) -> Option<(String, Kind)> {
    match expression {
        Expr::IntegerConstant(int, _) => Some((int.to_string(), Kind::Int)),
        Expr::FloatConstant(x, _) => Some((x.to_string(), Kind::Double)),
        Expr::StringConstant(text, _) => Some((format!("\"{text}\""), Kind::Text)),
        Expr::InterpolatedString(..) => Some(("a string".into(), Kind::Text)),
        Expr::Array(..) => Some(("[…]".into(), Kind::List)),
        Expr::Map(..) => Some(("#{…}".into(), Kind::Map)),
        Expr::FnCall(call, _) if is_comparison(expression) => {
            let [left, _] = &*call.args else { return None };
            let column = column(left, function)?;
            Some((format!("{column} {} …", call.name), Kind::Mask))
        }
        Expr::Dot(..) | Expr::Index(..) => {
            option(expression, function, options).or_else(|| property(expression, function))
        }
        _ => None,
    }
}

/// A column of the batch at hand, as a message names it.
fn column(expression: &Expr, function: Option<&Function>) -> Option<String> {
    let (Expr::Index(parts, ..) | Expr::Dot(parts, ..)) = expression else { return None };
    let owner = own(&parts.lhs, function, &[Callback::Points, Callback::EndBatch])?;
    match (expression, &parts.rhs) {
        (Expr::Index(..), Expr::StringConstant(name, _)) => Some(format!("{owner}[\"{name}\"]")),
        (Expr::Dot(..), Expr::MethodCall(call, _)) if call.name.as_str() == "column" => {
            Some(format!("{owner}.column(…)"))
        }
        _ => None,
    }
}

/// The name of a callback's own parameter.
fn own<'e>(
    expression: &'e Expr,
    function: Option<&Function>,
    callbacks: &[Callback],
) -> Option<&'e str> {
    let (name, function) = (variable(expression)?, function?);
    let callback = function.callback()?;
    (callbacks.contains(&callback) && function.own() == Some(name)).then_some(name)
}

/// `opt.name` of a type that is declared.
fn option(
    expression: &Expr,
    function: Option<&Function>,
    options: Options<'_>,
) -> Option<(String, Kind)> {
    let (Expr::Dot(parts, ..) | Expr::Index(parts, ..)) = expression else { return None };
    let owner = variable(&parts.lhs)?;
    if function?.options() != Some(owner) || !std::ptr::eq(head(&parts.rhs), &raw const parts.rhs) {
        return None;
    }
    let (name, _) = member(expression)?;
    let spec = options.get(name)?;
    let what = format!("{owner}.{name}");
    if spec.repeated || spec.types.len() > 1 {
        return Some((what, Kind::List));
    }
    let kind = match spec.types.first()? {
        ValueType::Bool => return None,
        ValueType::Int | ValueType::Duration => Kind::Int,
        ValueType::Double => Kind::Double,
        ValueType::String => Kind::Text,
    };
    Some((what, kind))
}

/// `p.tags`, `p.fields`, and the length of anything.
fn property(expression: &Expr, function: Option<&Function>) -> Option<(String, Kind)> {
    let Expr::Dot(parts, ..) = expression else { return None };
    match &parts.rhs {
        Expr::Property(property, _) if ["tags", "fields"].contains(&property.2.as_str()) => {
            let owner = own(&parts.lhs, function, &[Callback::Point])?;
            Some((format!("{owner}.{}", property.2), Kind::Map))
        }
        Expr::MethodCall(call, _) if call.name.as_str() == "len" && call.args.is_empty() => {
            let owner = match &parts.lhs {
                Expr::ThisPtr(_) => "this",
                other => variable(other)?,
            };
            Some((format!("{owner}.len()"), Kind::Int))
        }
        _ => None,
    }
}
