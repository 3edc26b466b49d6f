//! `SELECT … FROM … WHERE … GROUP BY … fill(…) ORDER BY time … LIMIT … OFFSET …`.

use super::NotUnderstood;
use super::lexer::{Token, tokens};
use super::query::{Column, Expression, Fill, Select};
use crate::tick::reduce::Function;
use regex::Regex;

/// Functions of one argument.
const FUNCTIONS: [(&str, Function); 12] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("mean", Function::Mean),
    ("median", Function::Median),
    ("mode", Function::Mode),
    ("min", Function::Min),
    ("max", Function::Max),
    ("first", Function::First),
    ("last", Function::Last),
    ("spread", Function::Spread),
    ("stddev", Function::Stddev),
    ("distinct", Function::Distinct),
];

/// Reads a query.
///
/// # Errors
/// What is not understood, or needs a database.
pub(super) fn parse(text: &str) -> Result<Select, NotUnderstood> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    parser.keyword("SELECT")?;
    let mut columns = vec![parser.column()?];
    while parser.sign(",") {
        columns.push(parser.column()?);
    }
    parser.keyword("FROM")?;
    let mut select = Select {
        columns,
        measurement: parser.measurement()?,
        condition: None,
        tags: Vec::new(),
        time: None,
        fill: Fill::Null,
        descending: false,
        limit: None,
        offset: 0,
    };
    if parser.is_keyword("WHERE") {
        select.condition = Some(parser.either()?);
    }
    if parser.is_keyword("GROUP") {
        parser.keyword("BY")?;
        parser.dimensions(&mut select)?;
    }
    if parser.is_keyword("FILL") {
        select.fill = parser.fill()?;
    }
    if parser.is_keyword("ORDER") {
        parser.keyword("BY")?;
        parser.keyword("TIME")?;
        select.descending = parser.is_keyword("DESC");
        let _ = !select.descending && parser.is_keyword("ASC");
    }
    if parser.is_keyword("LIMIT") {
        select.limit = Some(parser.whole()?);
    }
    if parser.is_keyword("OFFSET") {
        select.offset = parser.whole()?;
    }
    match parser.peek() {
        None => Ok(select),
        Some(token) => {
            Err(format!("{} can be used with a database only: give --influxdb", shown(token))
                .into())
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Name(name) => format!("{name:?}"),
        Token::Text(text) => format!("'{text}'"),
        Token::Int(n) => n.to_string(),
        Token::Number(x) => x.to_string(),
        Token::Duration(ns) => crate::protocol::duration::influxql(*ns),
        Token::Regex(regex) => format!("/{regex}/"),
        Token::Sign(sign) => (*sign).into(),
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self) -> Result<Token, NotUnderstood> {
        let token = self.peek().cloned().ok_or("the query ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), NotUnderstood> {
        if self.sign(sign) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "its end".into(), shown);
        Err(format!("{sign} is expected and {found} is found").into())
    }

    fn is_keyword(&mut self, keyword: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is);
        is
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), NotUnderstood> {
        if self.is_keyword(keyword) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "its end".into(), shown);
        Err(format!("{keyword} is expected and {found} is found").into())
    }

    fn whole(&mut self) -> Result<usize, NotUnderstood> {
        match self.take()? {
            Token::Int(n) => usize::try_from(n).map_err(|_| format!("{n} is below 0").into()),
            token => {
                Err(format!("a whole number is expected and {} is found", shown(&token)).into())
            }
        }
    }

    fn column(&mut self) -> Result<Column, NotUnderstood> {
        let value = self.sum()?;
        let name = match self.is_keyword("AS") {
            true => Some(self.name()?),
            false => None,
        };
        Ok(Column { value, name })
    }

    fn name(&mut self) -> Result<String, NotUnderstood> {
        match self.take()? {
            Token::Word(name) | Token::Name(name) => Ok(name),
            token => Err(format!("a name is expected and {} is found", shown(&token)).into()),
        }
    }

    /// `measurement`, `policy.measurement` or `database.policy.measurement`, also `database..measurement`.
    fn measurement(&mut self) -> Result<String, NotUnderstood> {
        let mut name = self.part()?;
        while self.sign(".") {
            // The policy may be left out: two points follow each other.
            self.sign(".");
            name = self.part()?;
        }
        if matches!(self.peek(), Some(Token::Sign(","))) {
            return Err("a query of several measurements needs a database: give --influxdb".into());
        }
        Ok(name)
    }

    fn part(&mut self) -> Result<String, NotUnderstood> {
        match self.peek() {
            Some(Token::Sign("(")) => {
                Err("a query of a query needs a database: give --influxdb".into())
            }
            Some(Token::Regex(_)) => {
                Err("a pattern for measurements needs a database: give --influxdb".into())
            }
            _ => self.name(),
        }
    }

    fn dimensions(&mut self, select: &mut Select) -> Result<(), NotUnderstood> {
        loop {
            match self.take()? {
                Token::Sign("*") => select.tags.push("*".into()),
                Token::Word(word) if word.eq_ignore_ascii_case("time") && self.sign("(") => {
                    let every = self.duration()?;
                    let offset = if self.sign(",") { self.duration()? } else { 0 };
                    self.expect(")")?;
                    select.time = Some((every, offset));
                }
                Token::Word(tag) | Token::Name(tag) => select.tags.push(tag),
                token => {
                    return Err(format!(
                        "{} cannot be grouped by; write the name of a tag",
                        shown(&token)
                    )
                    .into());
                }
            }
            if !self.sign(",") {
                return Ok(());
            }
        }
    }

    fn duration(&mut self) -> Result<i64, NotUnderstood> {
        let negative = self.sign("-");
        match self.take()? {
            Token::Duration(ns) => Ok(if negative { -ns } else { ns }),
            Token::Int(0) => Ok(0),
            token => Err(format!("a duration is expected and {} is found", shown(&token)).into()),
        }
    }

    fn fill(&mut self) -> Result<Fill, NotUnderstood> {
        self.expect("(")?;
        let negative = self.sign("-");
        let sign = if negative { -1.0 } else { 1.0 };
        let fill = match self.take()? {
            Token::Int(n) => Fill::Number(sign * n as f64),
            Token::Number(x) => Fill::Number(sign * x),
            Token::Word(word) => match word.to_lowercase().as_str() {
                "null" => Fill::Null,
                "none" => Fill::None,
                "previous" => Fill::Previous,
                "linear" => Fill::Linear,
                _ => {
                    return Err(format!(
                        "fill({word}): write null, none, previous, linear or a number"
                    )
                    .into());
                }
            },
            token => return Err(format!("fill({}) is not known", shown(&token)).into()),
        };
        self.expect(")")?;
        Ok(fill)
    }

    fn either(&mut self) -> Result<Expression, NotUnderstood> {
        let mut left = self.both()?;
        while self.is_keyword("OR") {
            left = Expression::Binary("OR", left.into(), self.both()?.into());
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression, NotUnderstood> {
        let mut left = self.comparison()?;
        while self.is_keyword("AND") {
            left = Expression::Binary("AND", left.into(), self.comparison()?.into());
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, NotUnderstood> {
        let left = self.sum()?;
        for sign in ["=~", "!~", "!=", "<>", "<=", ">=", "=", "<", ">"] {
            if self.sign(sign) {
                let right = self.sum()?;
                let sign = if sign == "<>" { "!=" } else { sign };
                return Ok(Expression::Binary(sign, left.into(), right.into()));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Expression, NotUnderstood> {
        let mut left = self.product()?;
        loop {
            let sign = match () {
                () if self.sign("+") => "+",
                () if self.sign("-") => "-",
                () => return Ok(left),
            };
            left = Expression::Binary(sign, left.into(), self.product()?.into());
        }
    }

    fn product(&mut self) -> Result<Expression, NotUnderstood> {
        let mut left = self.value()?;
        loop {
            let sign = match () {
                () if self.sign("*") => "*",
                () if self.sign("/") => "/",
                () if self.sign("%") => "%",
                () => return Ok(left),
            };
            left = Expression::Binary(sign, left.into(), self.value()?.into());
        }
    }

    fn value(&mut self) -> Result<Expression, NotUnderstood> {
        Ok(match self.take()? {
            Token::Sign("(") => {
                let inner = self.either()?;
                self.expect(")")?;
                inner
            }
            Token::Sign("*") => Expression::All,
            Token::Sign("-") => match self.value()? {
                Expression::Number(x) => Expression::Number(-x),
                other => Expression::Binary("*", Expression::Number(-1.0).into(), other.into()),
            },
            Token::Int(n) => Expression::Number(n as f64),
            Token::Number(x) => Expression::Number(x),
            Token::Duration(ns) => Expression::Number(ns as f64),
            Token::Text(text) => Expression::Text(text),
            Token::Regex(text) => {
                let regex = Regex::new(&text).map_err(|error| format!("/{text}/: {error}"))?;
                Expression::Regex(regex)
            }
            Token::Name(name) => self.typed(Expression::Name(name))?,
            Token::Word(word) if word.eq_ignore_ascii_case("time") => Expression::Time,
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Expression::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Expression::Bool(false),
            Token::Word(word) if self.sign("(") => self.call(&word)?,
            Token::Word(word) => self.typed(Expression::Name(word))?,
            token => {
                return Err(format!("a value is expected and {} is found", shown(&token)).into());
            }
        })
    }

    /// Passes `::field`, `::tag` and `::float`.
    fn typed(&mut self, value: Expression) -> Result<Expression, NotUnderstood> {
        if self.sign("::") {
            self.name()?;
        }
        Ok(value)
    }

    /// The number behind the field of a function of two arguments.
    fn number_of(&mut self, word: &str) -> Result<f64, NotUnderstood> {
        self.expect(",")?;
        match self.take()? {
            Token::Int(n) => Ok(n as f64),
            Token::Number(x) => Ok(x),
            token => Err(format!("{word}() takes a number, not {}", shown(&token)).into()),
        }
    }

    fn call(&mut self, word: &str) -> Result<Expression, NotUnderstood> {
        let lower = word.to_lowercase();
        let argument = self.sum()?;
        let (function, name) = match lower.as_str() {
            "percentile" => (Function::Percentile(self.number_of(word)?), "percentile"),
            "top" => (Function::Top(self.number_of(word)? as usize), "top"),
            "bottom" => (Function::Bottom(self.number_of(word)? as usize), "bottom"),
            _ => match FUNCTIONS.iter().find(|(name, _)| *name == lower) {
                Some((name, function)) => (*function, *name),
                None => {
                    return Err(format!(
                        "{word}() needs a database: give --influxdb, or compute it in the TICKscript"
                    ).into());
                }
            },
        };
        self.expect(")")?;
        if !matches!(argument, Expression::Name(_) | Expression::All) {
            return Err(format!("{word}() takes a field").into());
        }
        Ok(Expression::Call(function, name, argument.into()))
    }
}
