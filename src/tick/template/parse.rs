//! The segments of a template parsed into items, pipelines and operands.

use super::functions::exists;
use super::segments::{Segment, TemplateToken, split};
use super::value::Data;
use super::{Command, Item, Operand, Pipeline, Templated, refuse};

/// What a list of items ends with.
pub(super) enum End {
    Eof,
    Block,
    Else(Vec<TemplateToken>),
}

/// Parses the segments of a template into nested blocks.
pub(super) struct Blocks {
    segments: Vec<Segment>,
    next: usize,
    depth: usize,
}

impl Blocks {
    /// Cuts a template into segments.
    pub(super) fn of(text: &str) -> Templated<Self> {
        Ok(Self { segments: split(text)?, next: 0, depth: 0 })
    }

    /// Reads items up to the end of their block.
    pub(super) fn items(&mut self) -> Templated<(Vec<Item>, End)> {
        self.depth += 1;
        if self.depth > 100 {
            return refuse("blocks may be nested 100 deep at most".to_owned());
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
                    return refuse(format!(
                        "{{{{{word}}}}} is not replayed; write the text in place"
                    ));
                }
                _ => items.push(Item::Action(pipeline(&tokens, &mut 0)?)),
            }
        };
        self.depth -= 1;
        Ok((items, end))
    }

    fn block(&mut self, word: &str, tokens: &[TemplateToken]) -> Templated<Item> {
        let condition = pipeline(tokens, &mut 0)?;
        let (body, end) = self.items()?;
        let otherwise = match end {
            End::Block => Vec::new(),
            End::Eof => return refuse(format!("{{{{{word}}}}} has no {{{{end}}}}")),
            End::Else(tokens) if tokens.is_empty() => match self.items()? {
                (items, End::Block) => items,
                _ => {
                    return refuse(format!(
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
            End::Else(_) => {
                return refuse(format!("{{{{else}}}} of {{{{{word}}}}} takes no value"));
            }
        };
        Ok(match word {
            "if" => Item::If(condition, body, otherwise),
            "with" => Item::With(condition, body, otherwise),
            _ => Item::Range(condition, body, otherwise),
        })
    }
}

fn keyword(tokens: &[TemplateToken]) -> &str {
    match tokens.first() {
        Some(TemplateToken::Word(word)) => word,
        _ => "",
    }
}

/// Parses a pipeline; `depth` counts the parentheses around it.
fn pipeline(tokens: &[TemplateToken], depth: &mut usize) -> Templated<Pipeline> {
    let (pipeline, rest) = pipeline_until(tokens, depth)?;
    if rest.is_empty() { Ok(pipeline) } else { refuse("unexpected )".to_owned()) }
}

fn pipeline_until<'t>(
    tokens: &'t [TemplateToken],
    depth: &mut usize,
) -> Templated<(Pipeline, &'t [TemplateToken])> {
    let (variables, declares, mut rest) = assignment(tokens);
    let mut commands = Vec::new();
    let mut operands = Vec::new();
    loop {
        match rest.first() {
            None | Some(TemplateToken::Close(_)) | Some(TemplateToken::Pipe) => {
                if operands.is_empty() {
                    return refuse("a value is missing in an action".to_owned());
                }
                commands.push(Command(std::mem::take(&mut operands)));
                if rest.first() != Some(&TemplateToken::Pipe) {
                    return Ok((Pipeline { variables, declares, commands }, rest));
                }
                rest = &rest[1..];
                continue;
            }
            Some(TemplateToken::Open) => {
                *depth += 1;
                if *depth > 50 {
                    return refuse("parentheses may be nested 50 deep at most".to_owned());
                }
                let (inner, after) = pipeline_until(&rest[1..], depth)?;
                *depth -= 1;
                let Some(TemplateToken::Close(names)) = after.first() else {
                    return refuse("( has no )".to_owned());
                };
                operands.push(Operand::Nested(Box::new(inner), names.clone()));
                rest = &after[1..];
                continue;
            }
            Some(TemplateToken::Literal(data)) => operands.push(Operand::Literal(data.clone())),
            Some(TemplateToken::Dot) => operands.push(Operand::Dot(Vec::new())),
            Some(TemplateToken::Field(names)) => operands.push(Operand::Dot(names.clone())),
            Some(TemplateToken::Variable(name, names)) => {
                operands.push(Operand::Variable(name.clone(), names.clone()));
            }
            Some(TemplateToken::Word(word)) => operands.push(match word.as_str() {
                "true" => Operand::Literal(Data::Bool(true)),
                "false" => Operand::Literal(Data::Bool(false)),
                "nil" => Operand::Literal(Data::Nil),
                name if exists(name) => Operand::Function(name.to_owned()),
                name => return refuse(format!("function {name:?} is not defined")),
            }),
            Some(TemplateToken::Comma | TemplateToken::Declare | TemplateToken::Assign) => {
                return refuse("unexpected , := or = in an action".to_owned());
            }
        }
        rest = &rest[1..];
    }
}

/// Reads `$x :=`, `$x =` or `$k, $v :=` before a pipeline.
fn assignment(tokens: &[TemplateToken]) -> (Vec<String>, bool, &[TemplateToken]) {
    let bare = |token: &TemplateToken| match token {
        TemplateToken::Variable(name, names) if names.is_empty() => Some(name.clone()),
        _ => None,
    };
    match tokens {
        [x, op @ (TemplateToken::Declare | TemplateToken::Assign), rest @ ..]
            if bare(x).is_some() =>
        {
            (bare(x).into_iter().collect(), *op == TemplateToken::Declare, rest)
        }
        [
            x,
            TemplateToken::Comma,
            y,
            op @ (TemplateToken::Declare | TemplateToken::Assign),
            rest @ ..,
        ] if bare(x).is_some() && bare(y).is_some() => {
            (bare(x).into_iter().chain(bare(y)).collect(), *op == TemplateToken::Declare, rest)
        }
        _ => (Vec::new(), false, tokens),
    }
}
