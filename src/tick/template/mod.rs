//! Go's text templates, as far as alerts use them: the syntax.
//!
//! `{{ .Name }}`, pipelines, `if`, `else`, `range`, `with`, variables, comments, trimming (`{{-`)
//! and the functions of `template_functions.rs`. `define`, `block` and `template` are refused.
//! An id and a message are plain text; details are HTML, so what an action writes there is escaped.

mod exec;
mod functions;
#[cfg(test)]
mod tests;
pub mod value;

use crate::tick::error::{Result, TickError};
use crate::tick::template::value::Data;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) name: &'static str,
    pub(crate) html: bool,
    pub(crate) body: Vec<Item>,
}

#[derive(Debug, Clone)]
pub(crate) enum Item {
    Text(String),
    Action(Pipeline),
    If(Pipeline, Vec<Item>, Vec<Item>),
    With(Pipeline, Vec<Item>, Vec<Item>),
    Range(Pipeline, Vec<Item>, Vec<Item>),
    Break,
    Continue,
}

/// `$x := a | b c`.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// The variables set, and whether they are new.
    pub(crate) variables: Vec<String>,
    pub(crate) declares: bool,
    pub(crate) commands: Vec<Command>,
}

/// A function or a value, and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command(pub(crate) Vec<Operand>);

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Literal(Data),
    /// `.A.B`; `.` alone has no names.
    Dot(Vec<String>),
    /// `$x.A`; `$` alone is the root.
    Variable(String, Vec<String>),
    Function(String),
    /// `(pipeline).A`.
    Nested(Box<Pipeline>, Vec<String>),
}

impl Template {
    /// Parses a template; `html` escapes what its actions write.
    ///
    /// # Errors
    /// Whatever Go refuses, and what alerts do not use.
    pub fn parse(name: &'static str, text: &str, html: bool) -> Result<Self> {
        let segments = split(text).map_err(|message| TickError::Template { name, message })?;
        let mut parser = Parser { segments, next: 0, depth: 0 };
        let (body, end) =
            parser.items().map_err(|message| TickError::Template { name, message })?;
        match end {
            End::Eof => Ok(Self { name, html, body }),
            _ => Err(TickError::Template {
                name,
                message: "{{end}} or {{else}} without {{if}}".to_owned(),
            }),
        }
    }
}

type Parsed<T> = Result<T, String>;

enum Segment {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Data),
    Word(String),
    Field(Vec<String>),
    Dot,
    Variable(String, Vec<String>),
    Open,
    Close(Vec<String>),
    Pipe,
    Comma,
    Declare,
    Assign,
}

/// Splits a template into its texts and the tokens of its actions.
fn split(text: &str) -> Parsed<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    while let Some(open) = rest.find("{{") {
        let mut before = &rest[..open];
        let inside = &rest[open + 2..];
        if std::mem::take(&mut trim_next) {
            before = before.trim_start();
        }
        let trims = inside.starts_with('-') && inside[1..].starts_with(char::is_whitespace);
        let inside = if trims { &inside[1..] } else { inside };
        segments.push(Segment::Text(if trims { before.trim_end() } else { before }.to_owned()));
        let body = inside.trim_start();
        if body.starts_with("/*") {
            let close = body.find("*/").ok_or("a comment is never closed")?;
            let after = body[close + 2..].trim_start();
            let (after, trim) = match after.strip_prefix('-') {
                Some(after) => (after, true),
                None => (after, false),
            };
            trim_next = trim;
            rest = after.strip_prefix("}}").ok_or("a comment does not end at }}")?;
            continue;
        }
        let (tokens, after, trim) = tokens(inside)?;
        segments.push(Segment::Action(tokens));
        trim_next = trim;
        rest = after;
    }
    segments.push(Segment::Text(if trim_next { rest.trim_start() } else { rest }.to_owned()));
    Ok(segments)
}

/// Splits one action into tokens, up to and with its `}}`.
fn tokens(text: &str) -> Parsed<(Vec<Token>, &str, bool)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let spaced = trimmed.len() < rest.len();
        rest = trimmed;
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((tokens, after, false));
        }
        if spaced && let Some(after) = rest.strip_prefix("-}}") {
            return Ok((tokens, after, true));
        }
        let Some(c) = rest.chars().next() else {
            return Err("an action is never closed by }}".to_owned());
        };
        let simple = |token: Token, length: usize| (token, &rest[length..]);
        let (token, after) = match c {
            '(' => simple(Token::Open, 1),
            ')' => {
                let (names, after) = fields(&rest[1..])?;
                (Token::Close(names), after)
            }
            '|' => simple(Token::Pipe, 1),
            ',' => simple(Token::Comma, 1),
            '=' => simple(Token::Assign, 1),
            ':' if rest.starts_with(":=") => simple(Token::Declare, 2),
            '"' => quoted(rest)?,
            '`' => {
                let close = rest[1..].find('`').ok_or("a `string` is never closed")?;
                (Token::Literal(Data::String(rest[1..=close].into())), &rest[close + 2..])
            }
            '\'' => character(rest)?,
            '.' => match fields(rest)? {
                (names, after) if names.is_empty() => (Token::Dot, &after[1..]),
                (names, after) => (Token::Field(names), after),
            },
            '$' => {
                let (name, after) = word(&rest[1..]);
                let (names, after) = fields(after)?;
                (Token::Variable(name.to_owned(), names), after)
            }
            '0'..='9' | '+' | '-' => number(rest)?,
            _ if c.is_alphabetic() || c == '_' => {
                let (name, after) = word(rest);
                (Token::Word(name.to_owned()), after)
            }
            _ => return Err(format!("{c:?} has no meaning in an action")),
        };
        tokens.push(token);
        rest = after;
    }
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len()))
}

/// Reads `.A.B` as far as it goes.
fn fields(mut text: &str) -> Parsed<(Vec<String>, &str)> {
    let mut names = Vec::new();
    while let Some(after) = text.strip_prefix('.') {
        let (name, after) = word(after);
        if name.is_empty() {
            break;
        }
        names.push(name.to_owned());
        text = after;
    }
    Ok((names, text))
}

fn quoted(text: &str) -> Parsed<(Token, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Literal(Data::String(value.into())), &text[i + 1..])),
            '\n' => break,
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => value.push(c),
                _ => {
                    return Err(
                        "only \\n, \\t, \\r, \\\" and \\\\ are known in a \"string\"".to_owned()
                    );
                }
            },
            c => value.push(c),
        }
    }
    Err("a \"string\" is never closed".to_owned())
}

fn character(text: &str) -> Parsed<(Token, &str)> {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some(c), Some('\'')) => {
            Ok((Token::Literal(Data::Int(i64::from(c as u32))), &text[c.len_utf8() + 2..]))
        }
        _ => Err("a string stands in double quotes, not in single ones".to_owned()),
    }
}

fn number(text: &str) -> Parsed<(Token, &str)> {
    let sign = usize::from(text.starts_with(['+', '-']));
    let length = text[sign..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .map_or(text.len(), |i| i + sign);
    let (digits, after) = text.split_at(length);
    let value = match digits.trim_start_matches('+').parse() {
        Ok(int) => Data::Int(int),
        Err(_) => Data::Float(digits.parse().map_err(|_| format!("{digits} is not a number"))?),
    };
    Ok((Token::Literal(value), after))
}

enum End {
    Eof,
    Block,
    Else(Vec<Token>),
}

struct Parser {
    segments: Vec<Segment>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn items(&mut self) -> Parsed<(Vec<Item>, End)> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("blocks may be nested 100 deep at most".to_owned());
        }
        let mut items = Vec::new();
        let end = loop {
            let Some(segment) = self.segments.get_mut(self.next) else { break End::Eof };
            self.next += 1;
            let tokens = match segment {
                Segment::Text(text) if text.is_empty() => continue,
                Segment::Text(text) => {
                    items.push(Item::Text(std::mem::take(text)));
                    continue;
                }
                Segment::Action(tokens) => std::mem::take(tokens),
            };
            match (keyword(&tokens), tokens.len()) {
                ("end", 1) => break End::Block,
                ("else", _) => break End::Else(tokens[1..].to_vec()),
                ("break", 1) => items.push(Item::Break),
                ("continue", 1) => items.push(Item::Continue),
                (word @ ("if" | "with" | "range"), _) => {
                    items.push(self.block(word, &tokens[1..])?)
                }
                (word @ ("define" | "template" | "block"), _) => {
                    return Err(format!("{{{{{word}}}}} is not replayed; write the text in place"));
                }
                _ => items.push(Item::Action(pipeline(&tokens, &mut 0)?)),
            }
        };
        self.depth -= 1;
        Ok((items, end))
    }

    fn block(&mut self, word: &str, tokens: &[Token]) -> Parsed<Item> {
        let condition = pipeline(tokens, &mut 0)?;
        let (body, end) = self.items()?;
        let otherwise = match end {
            End::Block => Vec::new(),
            End::Eof => return Err(format!("{{{{{word}}}}} has no {{{{end}}}}")),
            End::Else(tokens) if tokens.is_empty() => match self.items()? {
                (items, End::Block) => items,
                _ => {
                    return Err(format!(
                        "{{{{{word}}}}} has no {{{{end}}}} after its {{{{else}}}}"
                    ));
                }
            },
            End::Else(tokens) if keyword(&tokens) == word && word != "range" => {
                self.depth += 1;
                let item = self.block(word, &tokens[1..])?;
                self.depth -= 1;
                vec![item]
            }
            End::Else(_) => return Err(format!("{{{{else}}}} of {{{{{word}}}}} takes no value")),
        };
        Ok(match word {
            "if" => Item::If(condition, body, otherwise),
            "with" => Item::With(condition, body, otherwise),
            _ => Item::Range(condition, body, otherwise),
        })
    }
}

fn keyword(tokens: &[Token]) -> &str {
    match tokens.first() {
        Some(Token::Word(word)) => word,
        _ => "",
    }
}

/// Parses a pipeline; `depth` counts the parentheses around it.
fn pipeline(tokens: &[Token], depth: &mut usize) -> Parsed<Pipeline> {
    let (pipeline, rest) = pipeline_until(tokens, depth)?;
    if rest.is_empty() { Ok(pipeline) } else { Err("unexpected )".to_owned()) }
}

fn pipeline_until<'t>(tokens: &'t [Token], depth: &mut usize) -> Parsed<(Pipeline, &'t [Token])> {
    let (variables, declares, mut rest) = assignment(tokens);
    let mut commands = Vec::new();
    let mut operands = Vec::new();
    loop {
        match rest.first() {
            None | Some(Token::Close(_)) | Some(Token::Pipe) => {
                if operands.is_empty() {
                    return Err("a value is missing in an action".to_owned());
                }
                commands.push(Command(std::mem::take(&mut operands)));
                if rest.first() != Some(&Token::Pipe) {
                    return Ok((Pipeline { variables, declares, commands }, rest));
                }
                rest = &rest[1..];
                continue;
            }
            Some(Token::Open) => {
                *depth += 1;
                if *depth > 50 {
                    return Err("parentheses may be nested 50 deep at most".to_owned());
                }
                let (inner, after) = pipeline_until(&rest[1..], depth)?;
                *depth -= 1;
                let Some(Token::Close(names)) = after.first() else {
                    return Err("( has no )".to_owned());
                };
                operands.push(Operand::Nested(Box::new(inner), names.clone()));
                rest = &after[1..];
                continue;
            }
            Some(Token::Literal(data)) => operands.push(Operand::Literal(data.clone())),
            Some(Token::Dot) => operands.push(Operand::Dot(Vec::new())),
            Some(Token::Field(names)) => operands.push(Operand::Dot(names.clone())),
            Some(Token::Variable(name, names)) => {
                operands.push(Operand::Variable(name.clone(), names.clone()));
            }
            Some(Token::Word(word)) => operands.push(match word.as_str() {
                "true" => Operand::Literal(Data::Bool(true)),
                "false" => Operand::Literal(Data::Bool(false)),
                "nil" => Operand::Literal(Data::Nil),
                name if crate::tick::template::functions::exists(name) => {
                    Operand::Function(name.to_owned())
                }
                name => return Err(format!("function {name:?} is not defined")),
            }),
            Some(Token::Comma | Token::Declare | Token::Assign) => {
                return Err("unexpected , := or = in an action".to_owned());
            }
        }
        rest = &rest[1..];
    }
}

/// Reads `$x :=`, `$x =` or `$k, $v :=` before a pipeline.
fn assignment(tokens: &[Token]) -> (Vec<String>, bool, &[Token]) {
    let bare = |token: &Token| match token {
        Token::Variable(name, names) if names.is_empty() => Some(name.clone()),
        _ => None,
    };
    match tokens {
        [x, op @ (Token::Declare | Token::Assign), rest @ ..] if bare(x).is_some() => {
            (bare(x).into_iter().collect(), *op == Token::Declare, rest)
        }
        [x, Token::Comma, y, op @ (Token::Declare | Token::Assign), rest @ ..]
            if bare(x).is_some() && bare(y).is_some() =>
        {
            (bare(x).into_iter().chain(bare(y)).collect(), *op == Token::Declare, rest)
        }
        _ => (Vec::new(), false, tokens),
    }
}
