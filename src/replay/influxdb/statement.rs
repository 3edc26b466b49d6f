//! A `SELECT` with the times and the groups of a `query` node in it.
//!
//! The daemon parses the statement and adds to its tree; here the clauses are found in the text,
//! with quotes, regular expressions, comments and parentheses respected, so that whatever the
//! database understands stays as it was written.

use super::TimeRange;
use crate::protocol::time::rfc3339;
use crate::tick::Query;

/// A statement taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectStatement {
    /// `SELECT … FROM …`.
    head: String,
    /// The condition after `WHERE`.
    condition: Option<String>,
    /// `fill(…)`.
    fill: Option<String>,
    /// `ORDER BY …` and all behind it.
    rest: String,
}

/// Why a query cannot be asked for one time after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// It is no `SELECT`.
    #[error("it must be a SELECT … FROM …")]
    NoSelect,
    /// It writes.
    #[error("the query of a task must not write: leave out INTO")]
    Into,
    /// A comment would hide the condition that is added.
    #[error("a comment to the end of the line would hide the condition that is added: use /* */")]
    Comment,
    /// It ends with a semicolon.
    #[error("leave out the ; at the end")]
    Semicolon,
    /// There are several.
    #[error("it must be one statement")]
    Several,
    /// A parenthesis has no partner.
    #[error("parentheses do not match")]
    Parentheses,
    /// A quote is never closed.
    #[error("a quote is never closed")]
    Quote,
    /// A comment is never closed.
    #[error("a comment is never closed")]
    OpenComment,
    /// A regular expression is never closed.
    #[error("a regular expression is never closed")]
    Regex,
}

/// A clause, and where it begins and its content.
struct Clause {
    name: &'static str,
    at: usize,
    content: usize,
}

const CLAUSES: [&str; 11] = [
    "SELECT", "INTO", "FROM", "WHERE", "GROUP", "FILL", "ORDER", "LIMIT", "OFFSET", "SLIMIT",
    "SOFFSET",
];

impl SelectStatement {
    /// Takes a `SELECT` apart.
    ///
    /// # Errors
    /// What it is instead.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let clauses = clauses(text)?;
        let find = |name: &str| clauses.iter().position(|clause| clause.name == name);
        if clauses.first().is_none_or(|first| first.name != "SELECT") || find("FROM").is_none() {
            return Err(StatementError::NoSelect);
        }
        if find("INTO").is_some() {
            return Err(StatementError::Into);
        }
        let end = |i: usize| clauses.get(i + 1).map_or(text.len(), |next| next.at);
        let content = |i: usize| text[clauses[i].content..end(i)].trim().to_owned();
        let first = find("WHERE").or(find("GROUP")).or(find("FILL"));
        let tail = clauses.iter().position(|clause| {
            matches!(clause.name, "ORDER" | "LIMIT" | "OFFSET" | "SLIMIT" | "SOFFSET" | "TZ")
        });
        let head_end = first.or(tail).map_or(text.len(), |i| clauses[i].at);
        Ok(Self {
            head: text[..head_end].trim().to_owned(),
            condition: find("WHERE").map(content),
            fill: find("FILL").map(|i| text[clauses[i].at..end(i)].trim().to_owned()),
            rest: tail.map_or("", |i| &text[clauses[i].at..]).trim().to_owned(),
        })
    }

    /// The statement for one time, grouped as the node says.
    pub fn at(&self, span: TimeRange, node: &Query) -> String {
        let mut text = format!("{} WHERE ", self.head);
        if let Some(condition) = &self.condition {
            text += &format!("({condition}) AND ");
        }
        let (start, stop) = (rfc3339(span.start), rfc3339(span.stop));
        text += &format!("time >= '{start}' AND time < '{stop}'");
        let mut groups: Vec<String> = Vec::new();
        for tag in &node.tags {
            groups.push(if tag == "*" { tag.clone() } else { identifier(tag) });
        }
        if let Some((every, offset)) = node.time {
            let aligned = span.start.checked_rem(every).unwrap_or(0);
            let offset = if node.align_group { aligned } else { offset };
            groups.push(format!("time({}, {})", duration(every), duration(offset)));
        }
        if !groups.is_empty() {
            text += &format!(" GROUP BY {}", groups.join(", "));
        }
        match (&node.fill, &self.fill) {
            (Some(fill), _) => text += &format!(" fill({fill})"),
            (None, Some(fill)) => text += &format!(" {fill}"),
            (None, None) => {}
        }
        if !self.rest.is_empty() {
            text += &format!(" {}", self.rest);
        }
        text
    }
}

/// A name in quotes.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A duration in the largest unit that divides it.
fn duration(ns: i64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "u")];
    let (unit, name) = units.into_iter().find(|(unit, _)| ns % unit == 0).unwrap_or((1, "ns"));
    format!("{}{name}", ns / unit)
}

/// Finds the clauses that are not inside anything.
fn clauses(text: &str) -> Result<Vec<Clause>, StatementError> {
    let bytes = text.as_bytes();
    let mut found: Vec<Clause> = Vec::new();
    let mut depth = 0i32;
    let mut i = 0;
    // Whether a slash here begins a regular expression: it does where a value may stand.
    let mut value_next = true;
    while i < bytes.len() {
        match bytes[i] {
            b'\'' | b'"' => {
                i = closing(bytes, i).ok_or(StatementError::Quote)?;
                value_next = false;
            }
            b'/' if bytes.get(i + 1) == Some(&b'*') => {
                i = text[i..].find("*/").ok_or(StatementError::OpenComment)? + i + 1;
            }
            b'/' if value_next => {
                i = closing(bytes, i).ok_or(StatementError::Regex)?;
                value_next = false;
            }
            b'-' if bytes.get(i + 1) == Some(&b'-') => {
                return Err(StatementError::Comment);
            }
            b';' if text[i + 1..].trim().is_empty() && depth == 0 => {
                return Err(StatementError::Semicolon);
            }
            b';' => return Err(StatementError::Several),
            b'(' => (depth, value_next) = (depth + 1, true),
            b')' => (depth, value_next) = (depth - 1, false),
            c if c.is_ascii_alphabetic() || c == b'_' => {
                let start = i;
                while i < bytes.len() && (bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_') {
                    i += 1;
                }
                let word = text[start..i].to_ascii_uppercase();
                value_next = matches!(&*word, "SELECT" | "FROM" | "BY" | "WHERE" | "AND" | "OR");
                if depth == 0
                    && let Some(name) = clause(&word, &text[i..], &found)
                {
                    found.push(Clause { name, at: start, content: i });
                }
                continue;
            }
            c if c.is_ascii_whitespace() => {}
            c => value_next = matches!(c, b',' | b'.' | b'~' | b'='),
        }
        i += 1;
    }
    if depth == 0 { Ok(found) } else { Err(StatementError::Parentheses) }
}

fn clause(word: &str, after: &str, found: &[Clause]) -> Option<&'static str> {
    let has_from = found.iter().any(|clause| clause.name == "FROM");
    let called = after.trim_start().starts_with('(');
    match word {
        "TZ" => (has_from && called).then_some("TZ"),
        "FILL" => (has_from && called).then_some("FILL"),
        "SELECT" | "INTO" | "FROM" => CLAUSES.iter().copied().find(|name| *name == word),
        _ if has_from => CLAUSES.iter().copied().find(|name| *name == word),
        _ => None,
    }
}

/// The end of the text that a quote or a slash opens here.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut i = open + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            c if c == bytes[open] => return Some(i),
            _ => {}
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Query {
        Query {
            text: String::new(),
            period: 0,
            every: 0,
            offset: 0,
            align: false,
            align_group: false,
            cron: None,
            tags: Vec::new(),
            by_measurement: false,
            time: None,
            fill: None,
            cluster: None,
        }
    }

    const SPAN: TimeRange = TimeRange { start: 90_500_000_000, stop: 150_000_000_000 };
    const TIMES: &str = "time >= '1970-01-01T00:01:30.5Z' AND time < '1970-01-01T00:02:30Z'";

    #[test]
    fn times_go_into_the_condition() {
        for (text, expected) in [
            ("SELECT mean(x) FROM a.b.c", "SELECT mean(x) FROM a.b.c WHERE TIMES"),
            (
                r#"select x from "a where b"."c'd".m where y = 'it\'s group by' or z =~ /wh'ere \/ x/ "#,
                r#"select x from "a where b"."c'd".m WHERE (y = 'it\'s group by' or z =~ /wh'ere \/ x/) AND TIMES"#,
            ),
            (
                "SELECT a/b FROM /cpu.*/ WHERE x > 1 / 2 GROUP BY host fill(0) ORDER BY time DESC LIMIT 3 tz('x')",
                "SELECT a/b FROM /cpu.*/ WHERE (x > 1 / 2) AND TIMES fill(0) ORDER BY time DESC LIMIT 3 tz('x')",
            ),
            (
                "SELECT max(m) FROM (SELECT mean(x) AS m FROM c WHERE y = 1 GROUP BY h) /* where */",
                "SELECT max(m) FROM (SELECT mean(x) AS m FROM c WHERE y = 1 GROUP BY h) /* where */ WHERE TIMES",
            ),
            ("SELECT fill, \"limit\" FROM m", "SELECT fill, \"limit\" FROM m WHERE TIMES"),
        ] {
            let statement = SelectStatement::parse(text).unwrap();
            assert_eq!(statement.at(SPAN, &node()), expected.replace("TIMES", TIMES), "{text}");
        }
    }

    #[test]
    fn groups_and_fill_are_the_nodes() {
        let mut query = node();
        query.tags = vec!["host".into(), "a\"b".into()];
        query.time = Some((60_000_000_000, 1_500_000_000));
        query.fill = Some("previous".into());
        let statement = SelectStatement::parse("SELECT x FROM m GROUP BY other fill(0)").unwrap();
        let at = |query: &Query| statement.at(SPAN, query);
        assert!(
            at(&query).ends_with(r#"GROUP BY "host", "a\"b", time(60s, 1500ms) fill(previous)"#)
        );
        query.align_group = true;
        assert!(at(&query).contains("time(60s, 30500ms)"), "{}", at(&query));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (text, why) in [
            ("DROP DATABASE x", "it must be a SELECT"),
            ("SELECT 1", "it must be a SELECT"),
            ("SELECT x INTO y FROM z", "INTO"),
            ("SELECT x FROM y; DROP DATABASE z", "it must be one statement"),
            ("SELECT x FROM y WHERE (a = 1", "parentheses"),
            ("SELECT x FROM y WHERE a = 'b", "quote"),
            ("SELECT x FROM y -- all", "comment"),
        ] {
            let error = SelectStatement::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
