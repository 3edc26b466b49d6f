//! TICKscript's grammar, by recursive descent.

use std::rc::Rc;

use regex::Regex;

use crate::protocol::duration;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::syntax::ast::{Call, Expr, ExprKind, Link, Statement, Unary};
use crate::tick::syntax::lexer::{Operator, Token, TokenKind, lex};

/// The deepest nesting that is parsed; deeper scripts are refused.
const MAX_DEPTH: usize = 200;

/// How heavy a tree may be from its root to a leaf: see [`LINK`] and [`PART`].
const MAX_WEIGHT: usize = 1000;

/// What a link of a chain weighs.
const LINK: usize = 1;

/// What any other part of an expression weighs.
const PART: usize = 4;

/// Parses a whole script.
pub fn parse(source: &TickText<'_>) -> Result<Vec<Statement>> {
    let mut parser = Parser { source, tokens: lex(source)?, next: 0, depth: 0 };
    let mut statements = Vec::new();
    while parser.peek() != TokenKind::Eof {
        statements.push(parser.statement()?);
    }
    Ok(statements)
}

/// Parses one lambda expression, without the `lambda:` before it.
pub fn parse_lambda(source: &TickText<'_>) -> Result<Expr> {
    let mut parser = Parser { source, tokens: lex(source)?, next: 0, depth: 0 };
    let expr = parser.operation()?;
    parser.expect(TokenKind::Eof)?;
    Ok(expr)
}

struct Parser<'a, 's> {
    source: &'s TickText<'a>,
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a, '_> {
    fn token(&self, ahead: usize) -> Token<'a> {
        let last = self.tokens.len() - 1;
        self.tokens[(self.next + ahead).min(last)]
    }

    fn peek(&self) -> TokenKind {
        self.token(0).kind
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.token(0);
        self.next += 1;
        token
    }

    fn take_if(&mut self, kind: TokenKind) -> bool {
        let found = self.peek() == kind;
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Result<Token<'a>> {
        if self.peek() == kind { Ok(self.take()) } else { Err(self.unexpected(kind.describe())) }
    }

    fn unexpected(&self, expected: &str) -> TickError {
        let token = self.token(0);
        let found = match token.kind {
            TokenKind::Ident
            | TokenKind::Number
            | TokenKind::Reference
            | TokenKind::String
            | TokenKind::Duration
            | TokenKind::Regex => token.text,
            kind => kind.describe(),
        };
        self.source.error(token.at, format!("unexpected {found}, expected {expected}"))
    }

    fn statement(&mut self) -> Result<Statement> {
        match self.peek() {
            TokenKind::Var => self.declaration(),
            TokenKind::Dbrp => {
                self.take();
                let database = reference(self.expect(TokenKind::Reference)?.text);
                self.expect(TokenKind::Dot)?;
                let retention_policy = reference(self.expect(TokenKind::Reference)?.text);
                Ok(Statement::Dbrp { database, retention_policy })
            }
            _ => Ok(Statement::Expression(self.expression()?)),
        }
    }

    fn declaration(&mut self) -> Result<Statement> {
        self.take();
        let name = self.expect(TokenKind::Ident)?;
        match self.peek() {
            TokenKind::Assign => {
                self.take();
                Ok(Statement::Declaration {
                    name: name.text.into(),
                    at: name.at,
                    value: self.expression()?,
                })
            }
            TokenKind::Ident => {
                let kind = self.take();
                Ok(Statement::TypeDeclaration {
                    name: name.text.into(),
                    kind: kind.text.into(),
                    at: kind.at,
                })
            }
            _ => Err(self.unexpected("'=' or a type such as 'duration'")),
        }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expressions may be nested {MAX_DEPTH} deep at most");
            return Err(self.source.error(self.token(0).at, message));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn expression(&mut self) -> Result<Expr> {
        self.nested(Self::expression_here)
    }

    fn expression_here(&mut self) -> Result<Expr> {
        match self.peek() {
            TokenKind::Ident => {
                let link = |kind| matches!(kind, TokenKind::Dot | TokenKind::Pipe | TokenKind::At);
                if self.token(1).kind == TokenKind::LeftParen {
                    let at = self.token(0).at;
                    let call = self.call()?;
                    let below = deepest(&call.arguments);
                    let term = self.tree(ExprKind::Call(call), at, below, PART)?;
                    if link(self.peek()) { self.chain(term) } else { self.precedence(term, 0) }
                } else if link(self.token(1).kind) {
                    let term = self.ident();
                    self.chain(term)
                } else {
                    self.operation()
                }
            }
            TokenKind::Lambda => {
                let at = self.take().at;
                let body = self.operation()?;
                let below = body.depth;
                self.tree(ExprKind::Lambda(Rc::new(body)), at, below, PART)
            }
            TokenKind::LeftBracket => self.list(),
            _ => self.operation(),
        }
    }

    /// Makes an expression of others, unless the tree becomes too deep.
    fn tree(&self, kind: ExprKind, at: usize, below: usize, weight: usize) -> Result<Expr> {
        let depth = below + weight;
        if depth > MAX_WEIGHT {
            let message = "this goes on too long or too deep; put a part into a variable";
            return Err(self.source.error(at, message));
        }
        Ok(Expr { kind, at, depth })
    }

    fn chain(&mut self, mut left: Expr) -> Result<Expr> {
        loop {
            let link = match self.peek() {
                TokenKind::Dot => Link::Property,
                TokenKind::Pipe => Link::Chain,
                TokenKind::At => Link::Dynamic,
                _ => return Ok(left),
            };
            self.take();
            let at = self.token(0).at;
            if link != Link::Chain
                && self.peek() == TokenKind::Ident
                && self.token(1).kind != TokenKind::LeftParen
            {
                let name = self.take().text.into();
                let below = left.depth;
                left = self.tree(ExprKind::Property(Box::new(left), name), at, below, LINK)?;
            } else {
                let call = self.call()?;
                let below = left.depth.max(deepest(&call.arguments) + PART);
                left = self.tree(ExprKind::Chain(Box::new(left), link, call), at, below, LINK)?;
            }
        }
    }

    fn call(&mut self) -> Result<Call> {
        let name = self.expect(TokenKind::Ident)?;
        self.expect(TokenKind::LeftParen)?;
        let arguments = self.separated(TokenKind::RightParen, Self::expression)?;
        Ok(Call { name: name.text.into(), arguments, at: name.at })
    }

    fn list(&mut self) -> Result<Expr> {
        let at = self.expect(TokenKind::LeftBracket)?.at;
        let items = self.separated(TokenKind::RightBracket, |parser| match parser.peek() {
            TokenKind::Ident | TokenKind::String | TokenKind::Star => parser.primary(),
            _ => Err(parser.unexpected("a 'string', a variable or '*'")),
        })?;
        let below = deepest(&items);
        self.tree(ExprKind::List(items), at, below, PART)
    }

    /// Parses a list with commas, up to and including the closing token.
    fn separated(
        &mut self,
        close: TokenKind,
        mut item: impl FnMut(&mut Self) -> Result<Expr>,
    ) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        while self.peek() != close {
            items.push(item(self)?);
            if !self.take_if(TokenKind::Comma) {
                break;
            }
        }
        if !self.take_if(close) {
            return Err(self.unexpected(&format!("',' or {}", close.describe())));
        }
        Ok(items)
    }

    fn operation(&mut self) -> Result<Expr> {
        let left = self.primary()?;
        self.precedence(left, 0)
    }

    /// Parses operators that bind at least as tightly as `least`; equal ones group to the left.
    fn precedence(&mut self, mut left: Expr, least: u8) -> Result<Expr> {
        while let TokenKind::Operator(operator) = self.peek()
            && operator.precedence() >= least
        {
            let at = self.take().at;
            let mut right = self.primary()?;
            while let TokenKind::Operator(next) = self.peek()
                && next.precedence() > operator.precedence()
            {
                right = self.nested(|parser| parser.precedence(right, next.precedence()))?;
            }
            let below = left.depth.max(right.depth);
            let kind = ExprKind::Binary(operator, Box::new(left), Box::new(right));
            left = self.tree(kind, at, below, PART)?;
        }
        Ok(left)
    }

    fn ident(&mut self) -> Expr {
        let token = self.take();
        Expr::leaf(ExprKind::Ident(token.text.into()), token.at)
    }

    fn primary(&mut self) -> Result<Expr> {
        self.nested(Self::primary_here)
    }

    fn primary_here(&mut self) -> Result<Expr> {
        let token = self.token(0);
        let text = token.text;
        let kind = match token.kind {
            TokenKind::LeftParen => {
                self.take();
                let inner = self.operation()?;
                self.expect(TokenKind::RightParen)?;
                return Ok(inner);
            }
            TokenKind::Operator(Operator::Minus) | TokenKind::Not => {
                self.take();
                let unary = if token.kind == TokenKind::Not { Unary::Not } else { Unary::Minus };
                let operand = self.primary()?;
                let below = operand.depth;
                return self.tree(ExprKind::Unary(unary, Box::new(operand)), token.at, below, PART);
            }
            TokenKind::Ident if self.token(1).kind == TokenKind::LeftParen => {
                let name = self.take();
                self.take();
                let arguments = self.separated(TokenKind::RightParen, Self::operation)?;
                let call = Call { name: name.text.into(), arguments, at: name.at };
                let below = deepest(&call.arguments);
                return self.tree(ExprKind::Call(call), token.at, below, PART);
            }
            TokenKind::Ident => ExprKind::Ident(text.into()),
            TokenKind::Number => self.number(token)?,
            TokenKind::String => ExprKind::String(string(text)),
            TokenKind::True => ExprKind::Bool(true),
            TokenKind::False => ExprKind::Bool(false),
            TokenKind::Duration => {
                ExprKind::Duration(duration::parse_influxql(text).ok_or_else(|| {
                    self.source.error(token.at, "the duration is too long for 64 bits")
                })?)
            }
            TokenKind::Regex => self.regex(token)?,
            TokenKind::Star => ExprKind::Star,
            TokenKind::Reference => ExprKind::Reference(reference(text)),
            _ => {
                return Err(
                    self.unexpected("a value, a \"reference\", a function, '(', '-' or '!'")
                );
            }
        };
        self.take();
        Ok(Expr::leaf(kind, token.at))
    }

    fn number(&self, token: Token<'_>) -> Result<ExprKind> {
        let text = token.text;
        if text.contains('.') {
            let float = text.parse().ok().filter(|float: &f64| float.is_finite());
            return float.map(ExprKind::Float).ok_or_else(|| {
                self.source.error(token.at, format!("{text} is not a 64-bit float"))
            });
        }
        let (radix, what) = if text.len() > 1 && text.starts_with('0') {
            (8, "octal number (it starts with 0)")
        } else {
            (10, "number")
        };
        i64::from_str_radix(text, radix)
            .map(ExprKind::Int)
            .map_err(|_| self.source.error(token.at, format!("{text} is not a 64-bit {what}")))
    }

    fn regex(&self, token: Token<'_>) -> Result<ExprKind> {
        let pattern = token.text[1..token.text.len() - 1].replace("\\/", "/");
        match Regex::new(&pattern) {
            Ok(regex) => Ok(ExprKind::Regex(Rc::new(regex))),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(self
                    .source
                    .error(token.at, format!("the regular expression is not valid: {reason}")))
            }
        }
    }
}

fn string(text: &str) -> Rc<str> {
    match text.strip_prefix("'''").and_then(|text| text.strip_suffix("'''")) {
        Some(text) => text.into(),
        None => text[1..text.len() - 1].replace("\\'", "'").into(),
    }
}

fn reference(text: &str) -> Rc<str> {
    text[1..text.len() - 1].replace("\\\"", "\"").into()
}

fn deepest(exprs: &[Expr]) -> usize {
    exprs.iter().map(|expr| expr.depth).max().unwrap_or(0)
}
