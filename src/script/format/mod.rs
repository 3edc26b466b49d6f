//! `fmt`: formats the indentation and the spaces of a script.
//!
//! Line breaks are not changed. What changes is white space between tokens only: indentation by the brackets
//! that are open, one blank line at most, spaces around operators and after commas. Comments behind code stay in their
//! column. Before the result is given back, its tokens are compared with those of the script, and the interpreter
//! reads it.

mod spacing;
#[cfg(test)]
mod tests;

use crate::agent::Pulse;
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::{Problem, ScriptError, parse_problem};
use crate::script::syntax::{Kind, Token, tokens};
use spacing::{Role, roles, wants_space};
use std::path::Path;

/// Spaces of a level.
const INDENT: usize = 4;

/// Formats a script.
///
/// # Errors
/// A script that the interpreter cannot read.
pub fn format(path: &Path, text: &str) -> Result<String, ScriptError> {
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    engine.set_strict_variables(false);
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    engine.compile(plain).map_err(|e| ScriptError::Load(vec![parse_problem(path, plain, &e)]))?;
    let formatted = format_tokens(text);
    let same = |a: &Token<'_>, b: &Token<'_>| a.kind == b.kind && a.text == b.text;
    let (before, after) = (tokens(text), tokens(&formatted));
    let equal = before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| same(a, b));
    if equal && engine.compile(formatted.trim_start_matches('\u{feff}')).is_ok() {
        return Ok(formatted);
    }
    let message =
        "formatting would change its meaning, which is a bug in rhai-udf; please report it";
    Err(ScriptError::Load(vec![Problem::new(path, message)]))
}

/// A bracket that is open.
struct Open {
    /// The level of the line that closes it.
    level: usize,
}

struct Printer<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    roles: Vec<Role>,
    out: String,
    open: Vec<Open>,
    /// Brackets that were open where the line began.
    opened_before: usize,
    /// The level of the line.
    level: usize,
    /// Whether the line goes on with the statement of the line before.
    goes_on: bool,
    /// The first word of the statement.
    head: &'a str,
    end_of_line: &'static str,
}

fn format_tokens(text: &str) -> String {
    let tokens = tokens(text);
    let windows = text.find('\n').is_some_and(|at| text[..at].ends_with('\r'));
    let mut printer = Printer {
        text,
        roles: roles(&tokens),
        tokens,
        out: String::with_capacity(text.len() + text.len() / 8),
        open: Vec::new(),
        opened_before: 0,
        level: 0,
        goes_on: false,
        head: "",
        end_of_line: if windows { "\r\n" } else { "\n" },
    };
    if text.starts_with('\u{feff}') {
        printer.out.push('\u{feff}');
    }
    for at in 0..printer.tokens.len() {
        printer.print(at);
    }
    if !printer.tokens.is_empty() {
        printer.out.push_str(printer.end_of_line);
    }
    printer.out
}

impl<'a> Printer<'a> {
    fn gap(&self, at: usize) -> &'a str {
        let before = at.checked_sub(1).map_or(0, |before| self.tokens[before].end());
        &self.text[before..self.tokens[at].start]
    }

    fn print(&mut self, at: usize) {
        let token = self.tokens[at];
        let gap = self.gap(at);
        let newlines = gap.matches('\n').count();
        if token.glued {
            self.out.push_str(gap);
        } else if at == 0 || newlines > 0 {
            self.begin_line(at, newlines);
        } else if token.kind == Kind::Comment && self.ends_line(at) {
            self.pad_comment(at);
        } else if token.kind == Kind::Comment {
            self.out.push_str(if gap.is_empty() { "" } else { " " });
        } else if self.is_spaced(at, gap) {
            self.out.push(' ');
        }
        self.follow(at);
        self.out.push_str(token.text);
    }

    /// Whether nothing follows on the line.
    fn ends_line(&self, at: usize) -> bool {
        at + 1 == self.tokens.len() || self.gap(at + 1).contains('\n')
    }

    fn is_spaced(&self, at: usize, gap: &str) -> bool {
        let (before, token) = (&self.tokens[at - 1], &self.tokens[at]);
        let spaced = !gap.is_empty();
        if wants_space((before, self.roles[at - 1]), (token, self.roles[at]), spaced) {
            return true;
        }
        // Two tokens that would become one, such as `1 ..2`.
        let joined = format!("{}{}", before.text, token.text);
        let joined = tokens(&joined);
        let apart = before.kind == Kind::Text
            || joined.len() == 2 && joined[0].text == before.text && joined[1].text == token.text;
        spaced && !apart
    }

    /// Brackets and statements, as this token leaves them.
    fn follow(&mut self, at: usize) {
        let token = self.tokens[at];
        if token.glued || token.kind == Kind::Comment {
            return;
        }
        if self.head.is_empty() {
            self.head = token.text;
        }
        if token.opens() {
            // The block of a condition that goes on over lines is indented like its head.
            let block = token.is("{") && self.goes_on && self.open.len() == self.opened_before;
            let heads = ["if", "while", "for", "fn", "switch", "else", "}", "private"];
            let level = match block && heads.contains(&self.head) {
                true => self.level.saturating_sub(1),
                false => self.level,
            };
            self.open.push(Open { level });
        } else if token.closes() {
            self.open.pop();
            self.opened_before = self.opened_before.min(self.open.len());
        }
        if matches!(token.text, ";" | "{" | ",") && token.kind == Kind::Symbol {
            self.head = "";
        }
    }

    fn begin_line(&mut self, at: usize, newlines: usize) {
        let token = self.tokens[at];
        if at > 0 {
            let opens = self.tokens[at - 1].opens() && !self.tokens[at - 1].glued;
            let blank = newlines > 1 && !opens && !token.closes();
            self.out.push_str(self.end_of_line);
            if blank {
                self.out.push_str(self.end_of_line);
            }
        }
        self.opened_before = self.open.len();
        let inner = self.open.last().map_or(0, |open| open.level + 1);
        if token.closes() {
            // If several close on this line, the line of the last one counts.
            let rest = at + 1..self.tokens.len();
            let more = rest.take_while(|next| {
                let token = &self.tokens[*next];
                token.closes() && !token.glued && !self.gap(*next).contains('\n')
            });
            let closing = (more.count() + 1).min(self.open.len());
            self.level = match closing {
                0 => 0,
                n => self.open[self.open.len() - n].level,
            };
            self.goes_on = false;
            self.head = "}";
        } else {
            self.goes_on = self.continues(at);
            self.level = inner + usize::from(self.goes_on);
            if !self.goes_on {
                self.head = "";
            }
        }
        let spaces = self.level * INDENT;
        self.out.extend(std::iter::repeat_n(' ', spaces));
    }

    /// Whether the line that begins here goes on with an expression of the line before.
    fn continues(&self, at: usize) -> bool {
        let is_code = |at: &usize| self.tokens[*at].kind != Kind::Comment;
        let Some(before) = (0..at).rev().find(is_code) else { return false };
        // A comment is indented like the code below it.
        let Some(next) = (at..self.tokens.len()).find(is_code) else { return false };
        if self.tokens[next].closes() {
            return false;
        }
        let operator = |at: usize| self.roles[at] == Role::Binary;
        operator(next)
            || (operator(before) && !self.tokens[before].is("=>"))
            || matches!(self.tokens[before].text, "return" | "throw" | "in")
                && self.tokens[before].kind == Kind::Word
    }

    /// A comment behind code stays in its column, as far as the code leaves it free.
    fn pad_comment(&mut self, at: usize) {
        let column = |text: &str| text.chars().rev().take_while(|c| *c != '\n').count();
        let start = self.tokens[at].start;
        let written = &self.text[..start];
        let line_start = written.rfind('\n').map_or(0, |newline| newline + 1);
        let line = &self.text[line_start..start];
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        let own_line = self.out.rfind('\n').map_or(0, |newline| newline + 1);
        let own_indent = self.out[own_line..].chars().take_while(|c| *c == ' ').count();
        let wanted = (column(written) + own_indent).saturating_sub(indent);
        let here = column(&self.out);
        let spaces = wanted.saturating_sub(here).max(1);
        self.out.extend(std::iter::repeat_n(' ', spaces));
    }
}
