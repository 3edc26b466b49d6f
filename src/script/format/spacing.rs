//! Whether a space stands between two tokens of a line.

use crate::script::syntax::{Kind, Token};

/// What a token does in its expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Between two operands, assignments too.
    Binary,
    /// In front of one operand.
    Unary,
    /// The bar in front of the parameters of a closure.
    Parameters,
    /// The bar behind them.
    Body,
    /// The mark of a call such as `f!()`.
    Call,
    /// Everything else.
    Plain,
}

/// The roles of all tokens.
pub(super) fn roles(tokens: &[Token<'_>]) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::with_capacity(tokens.len());
    let mut parameters = false;
    // The last token that is no comment.
    let mut last: Option<usize> = None;
    for (at, token) in tokens.iter().enumerate() {
        let operand =
            last.is_some_and(|last| is_operand(&tokens[last]) && roles[last] != Role::Body);
        let adjacent = last.is_some_and(|last| tokens[last].end() == token.start);
        let role = match (token.kind, token.text) {
            (Kind::Symbol, "|") if parameters => {
                parameters = false;
                Role::Body
            }
            (Kind::Symbol, "|") if !operand => {
                parameters = true;
                Role::Parameters
            }
            (Kind::Symbol, "||") if !operand => Role::Body,
            (Kind::Symbol, "!") if operand && adjacent => Role::Call,
            (Kind::Symbol, "-" | "+" | "!" | "~") if !operand => Role::Unary,
            (
                Kind::Symbol,
                "." | "?." | "::" | "(" | ")" | "[" | "?[" | "]" | "{" | "}" | "#{" | "," | ";"
                | ":",
            ) => match token.text {
                "." | "?." | "::" => Role::Binary,
                _ => Role::Plain,
            },
            (Kind::Symbol, _) => Role::Binary,
            _ => Role::Plain,
        };
        roles.push(role);
        if token.kind != Kind::Comment {
            last = Some(at);
        }
    }
    roles
}

/// Whether a value can end with this token.
fn is_operand(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !token.is_keyword(),
        Kind::Number | Kind::Char => true,
        Kind::Text => !token.text.ends_with("${"),
        Kind::Symbol => matches!(token.text, ")" | "]" | "}"),
        Kind::Comment => false,
    }
}

/// Whether a space stands between two tokens of a line; `spaced` is whether there is one now.
pub(super) fn wants_space(
    (before, role): (&Token<'_>, Role),
    (token, next): (&Token<'_>, Role),
    spaced: bool,
) -> bool {
    let symbol = |token: &Token<'_>| {
        if token.kind == Kind::Symbol { token.text.to_owned() } else { String::new() }
    };
    let (left, right) = (symbol(before), symbol(token));
    let word = before.kind == Kind::Word;
    match (left.as_str(), right.as_str()) {
        ("{" | "#{", "}") => false,
        (_, "," | ";") | ("(" | "[" | "?[", _) | (_, ")" | "]" | ":") => false,
        ("." | "?." | "::", _) | (_, "." | "?." | "::") => false,
        (".." | "..=", _) => false,
        (_, ".." | "..=") => before.is_keyword(),
        (_, _) if next == Role::Call || role == Role::Call => false,
        (_, _) if role == Role::Unary => spaced && before.text != "!",
        (_, _) if role == Role::Parameters || next == Role::Body && token.text == "|" => false,
        (_, "(") if word => before.is_keyword(),
        (")" | "]", "(") => false,
        ("}", "(" | "[" | "?[") => spaced,
        (")" | "]", "[" | "?[") => false,
        (_, "[" | "?[") if word => before.is_keyword(),
        (_, "[" | "?[") if before.kind == Kind::Text => false,
        ("@" | "#" | "$" | "\\", _) | (_, "@" | "#" | "$" | "\\") => spaced,
        _ => true,
    }
}
