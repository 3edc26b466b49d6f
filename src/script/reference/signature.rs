//! Signatures as the entries write them.
//!
//! `name(a: type, b?: type) -> type` is a function, `type.name(a: type) -> type` a method, `type.name -> type` a property,
//! `type[a: type] -> type` an index, and `+(a: type, b: type)` an operator. `b?` may be left out. Types are joined by `|`;
//! `#{ a, b }` is a map with these keys, and `this` the type of the object itself.

use std::fmt;

/// How something is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `f(x)`.
    Function,
    /// `x.f(y)`.
    Method,
    /// `x.f`.
    Property,
    /// `x[y]`.
    Index,
    /// `x + y`.
    Operator,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Whether it may be left out.
    pub optional: bool,
    /// The types that it takes.
    pub types: Vec<String>,
}

/// One way in which something is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// How it is called.
    pub form: Form,
    /// The type that has it, but for functions and operators.
    pub of: Option<String>,
    /// Its name; empty for an index.
    pub name: String,
    /// Without the object itself.
    pub params: Vec<Param>,
    /// The types of the answer; none if it gives nothing.
    pub gives: Vec<String>,
}

/// Why a signature cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature `{0}`: {1}")]
pub struct SignatureError(String, &'static str);

impl Signature {
    /// Reads a signature.
    ///
    /// # Errors
    /// What is no signature.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let fail = |why| SignatureError(text.to_owned(), why);
        let (head, gives) = match text.split_once(" -> ") {
            Some((head, gives)) => (head, types(gives)),
            None => (text, Vec::new()),
        };
        let open = head.find(['(', '[']);
        let (path, inside) = match open {
            Some(at) => {
                let inside = head[at + 1..].strip_suffix([')', ']']);
                (&head[..at], Some(inside.ok_or_else(|| fail("a bracket is not closed"))?))
            }
            None => (head, None),
        };
        let (of, name) = match path.rsplit_once('.') {
            Some((of, name)) => (Some(of.to_owned()), name),
            None => (None, path),
        };
        let is_index = open.is_some_and(|at| head[at..].starts_with('['));
        let form = match (inside, &of) {
            _ if is_index => Form::Index,
            (None, _) => Form::Property,
            (Some(_), Some(_)) => Form::Method,
            (Some(_), None) if rhai::is_valid_identifier(name) => Form::Function,
            (Some(_), None) => Form::Operator,
        };
        let params = split(inside.unwrap_or_default(), ',').into_iter().map(|param| {
            let (name, kinds) = param.split_once(':').ok_or_else(|| fail("a type is missing"))?;
            let plain = name.trim_end_matches('?');
            Ok(Param { name: plain.to_owned(), optional: plain != name, types: types(kinds) })
        });
        let params = params.collect::<Result<_, _>>()?;
        let (of, name) = match form {
            Form::Index => (Some(name.to_owned()), String::new()),
            _ => (of, name.to_owned()),
        };
        Ok(Self { form, of, name, params, gives })
    }

    /// The same for one of the types that have it.
    pub(super) fn of_type(mut self, kind: &str) -> Self {
        self.of = Some(kind.to_owned());
        if self.form == Form::Function {
            self.form = Form::Method;
        }
        for gives in &mut self.gives {
            if gives == "this" {
                kind.clone_into(gives);
            }
        }
        self
    }

    /// The numbers of arguments that it takes, without the object itself.
    pub fn arities(&self) -> std::ops::RangeInclusive<usize> {
        let least = self.params.iter().filter(|param| !param.optional).count();
        least..=self.params.len()
    }

    /// The name of one parameter with its types.
    pub fn param_text(param: &Param) -> String {
        let mark = if param.optional { "?" } else { "" };
        format!("{}{mark}: {}", param.name, param.types.join(" | "))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(of) = &self.of {
            write!(f, "{of}{}", if self.form == Form::Index { "" } else { "." })?;
        }
        let params: Vec<String> = self.params.iter().map(Self::param_text).collect();
        match self.form {
            Form::Property => write!(f, "{}", self.name)?,
            Form::Index => write!(f, "[{}]", params.join(", "))?,
            _ => write!(f, "{}({})", self.name, params.join(", "))?,
        }
        if !self.gives.is_empty() {
            write!(f, " -> {}", self.gives.join(" | "))?;
        }
        Ok(())
    }
}

fn types(text: &str) -> Vec<String> {
    split(text, '|').into_iter().map(str::to_owned).collect()
}

/// The parts between separators that stand in no brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ if c == separator && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    // `()` is a type, and no parameter is none.
    parts.retain(|part| !part.is_empty());
    parts
}
