//! The values of a script outside of expressions, and what nodes take of them.

use std::fmt;
use std::rc::Rc;

use regex::Regex;

use crate::tick::condition::Condition;

use crate::protocol::duration;
use crate::tick::lambda::Lambda;
use crate::tick::syntax::ast::Expr;

/// The value of a variable or of an argument.
#[derive(Debug, Clone)]
pub enum Object {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    String(Rc<str>),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A regular expression.
    Regex(Rc<Regex>),
    /// `*`.
    Star,
    /// A lambda: its text's tree, and what is evaluated.
    Lambda(Rc<Expr>, Rc<Lambda>),
    /// A list.
    List(Rc<[Object]>),
    /// `time(1m)` or `time(1m, 5s)`, in nanoseconds.
    Time(i64, i64),
    /// A node, by its number.
    Node(usize),
    /// A condition in another language, which no script can write.
    Condition(Rc<dyn Condition>),
}

impl Object {
    /// Names the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Duration(_) => "duration",
            Self::Regex(_) => "regex",
            Self::Star => "star",
            Self::Lambda(..) => "lambda",
            Self::List(_) => "list",
            Self::Time(..) => "time()",
            Self::Node(_) => "node",
            Self::Condition(_) => "condition",
        }
    }

    fn is(&self, wanted: &str) -> bool {
        match wanted {
            "value" => {
                !matches!(self, Self::Node(_) | Self::List(_) | Self::Time(..) | Self::Condition(_))
            }
            "number" => matches!(self, Self::Int(_) | Self::Float(_)),
            "rate" => matches!(self, Self::Int(_) | Self::Duration(_)),
            "fill" => matches!(self, Self::Int(_) | Self::Float(_) | Self::String(_)),
            "tag" => matches!(self, Self::String(_) | Self::Star),
            "dimension" => matches!(self, Self::String(_) | Self::Star | Self::Time(..)),
            wanted => self.kind() == wanted,
        }
    }
}

/// What an object says about fields, for pictures of what a script does.
impl Object {
    /// Returns the names that may be fields: strings, and what a lambda or a condition reads.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::String(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
            Self::List(items) => items.iter().flat_map(Self::names).collect(),
            Self::Lambda(_, lambda) => lambda.references().iter().map(|r| r.to_string()).collect(),
            Self::Condition(condition) => condition.fields(),
            _ => Vec::new(),
        }
    }

    /// Returns the fields that a lambda or a condition compares with a number, and the numbers.
    pub(crate) fn thresholds(&self) -> Vec<(String, f64)> {
        match self {
            Self::Lambda(_, lambda) => lambda.thresholds(),
            Self::Condition(condition) => condition.thresholds(),
            _ => Vec::new(),
        }
    }
}

/// Conversions, for arguments whose types are already checked.
impl Object {
    pub(crate) fn as_string(&self) -> Option<Rc<str>> {
        match self {
            Self::String(v) => Some(Rc::clone(v)),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(*v),
            _ => None,
        }
    }

    pub(crate) fn as_duration(&self) -> Option<i64> {
        match self {
            Self::Duration(v) => Some(*v),
            _ => None,
        }
    }

    pub(crate) fn as_lambda(&self) -> Option<Rc<Lambda>> {
        match self {
            Self::Lambda(_, lambda) => Some(Rc::clone(lambda)),
            _ => None,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => f.write_str(if *v { "TRUE" } else { "FALSE" }),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::String(v) => write!(f, "'{v}'"),
            Self::Duration(v) => f.write_str(&duration::influxql(*v)),
            Self::Regex(v) => write!(f, "/{v}/"),
            Self::Star => f.write_str("*"),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Time(every, 0) => write!(f, "time({})", duration::influxql(*every)),
            Self::Time(every, offset) => {
                write!(f, "time({}, {})", duration::influxql(*every), duration::influxql(*offset))
            }
            Self::Lambda(..) => f.write_str("a lambda"),
            Self::Node(_) => f.write_str("a node"),
            Self::Condition(_) => f.write_str("a condition"),
        }
    }
}

/// Checks arguments against a signature such as `"string value"`.
///
/// A type followed by `?` may be left out, one followed by `...` may occur any number of times.
/// Returns what is wrong.
pub fn mismatch(signature: &str, arguments: &[Object]) -> Option<String> {
    let mut rest = arguments.iter().peekable();
    let mut fits = true;
    for wanted in signature.split(' ').filter(|wanted| !wanted.is_empty()) {
        if let Some(wanted) = wanted.strip_suffix("...") {
            while rest.next_if(|argument| argument.is(wanted)).is_some() {}
        } else if let Some(wanted) = wanted.strip_suffix('?') {
            rest.next_if(|argument| argument.is(wanted));
        } else {
            fits &= rest.next().is_some_and(|argument| argument.is(wanted));
        }
    }
    if fits && rest.peek().is_none() {
        return None;
    }
    let given: Vec<_> = arguments.iter().map(Object::kind).collect();
    let hint = match (signature, arguments) {
        ("float" | "float float", arguments)
            if arguments.iter().any(|a| matches!(a, Object::Int(_))) =>
        {
            "; a float is written with a point, such as 1.0"
        }
        _ => "",
    };
    Some(format!("takes ({}), got ({}){hint}", signature.replace(' ', ", "), given.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_check_arguments() {
        let s = || Object::String("x".into());
        let cases: &[(&str, Vec<Object>, bool)] = &[
            ("", vec![], true),
            ("", vec![s()], false),
            ("string", vec![s()], true),
            ("string", vec![Object::Int(1)], false),
            ("string...", vec![], true),
            ("string string...", vec![s(), s(), s()], true),
            ("string string...", vec![], false),
            ("duration?", vec![], true),
            ("duration?", vec![Object::Duration(1)], true),
            ("duration?", vec![s()], false),
            ("float float", vec![Object::Float(0.1), Object::Int(1)], false),
            ("dimension...", vec![s(), Object::Star, Object::Time(1, 0)], true),
        ];
        for (signature, arguments, fits) in cases {
            assert_eq!(
                mismatch(signature, arguments).is_none(),
                *fits,
                "{signature} {arguments:?}"
            );
        }
        assert_eq!(
            mismatch("float", &[Object::Int(1)]).expect("an int is no float"),
            "takes (float), got (int); a float is written with a point, such as 1.0"
        );
    }
}
