//! The lines of a request that a database has refused, as each version reports them.
//!
//! | version | status | what it says |
//! | --- | --- | --- |
//! | 1.x | 400 | `{"error": "partial write: unable to parse 'LINE': WHY\nunable to parse … dropped=N"}`, or `field type conflict: … dropped=N` |
//! | 2.x | 400 | `{"code": "invalid", "message": "unable to parse 'LINE': WHY\n…"}`, nothing is written; a cloud adds `line` |
//! | 2.x | 422 | `{"code": "unprocessable entity", "message": "… partial write: … dropped=N"}` |
//! | 3 | 400 | `{"error": "partial write of line protocol occurred", "data": [{"original_line", "line_number", "error_message"}]}` |
//!
//! With another `error` than a partial write, InfluxDB 3 has written nothing, and `data` may be one object.

use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// A line that was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number in the request, from 1, if that is known.
    pub number: Option<u64>,
    /// The line, perhaps cut by the server.
    pub line: String,
    /// Why.
    pub why: String,
}

/// The refused part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The lines that are named.
    pub lines: Vec<RejectedLine>,
    /// How many points were not taken; `None` if it was all of them.
    pub points: Option<u64>,
}

/// An answer that reports an error.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: Option<String>,
    pub(super) lines: Vec<RejectedLine>,
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    error: Option<String>,
    message: Option<String>,
    line: Option<u64>,
    #[serde(default)]
    data: Value,
}

impl Said {
    /// Reads the body of an answer.
    pub(super) fn parse(text: &str) -> Self {
        let Ok(answer) = serde_json::from_str::<Answer>(text) else { return Self::default() };
        let Answer { error, message, line, data } = answer;
        let objects = match data {
            Value::Array(objects) => objects,
            Value::Null => Vec::new(),
            one => vec![one],
        };
        let mut lines: Vec<_> = objects.iter().filter_map(of_object).collect();
        let message = error.or(message);
        if let (true, Some(message)) = (lines.is_empty(), &message) {
            lines = of_text(message, line);
        }
        Self { message, lines }
    }
}

/// A line as InfluxDB 3 tells it.
fn of_object(object: &Value) -> Option<RejectedLine> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    object.get("error_message")?;
    let number = object.get("line_number").and_then(Value::as_u64);
    Some(RejectedLine { number, line: text("original_line"), why: text("error_message") })
}

/// The lines that InfluxDB 1 and 2 name in a text.
fn of_text(message: &str, number: Option<u64>) -> Vec<RejectedLine> {
    const MARK: &str = "unable to parse '";
    let starts: Vec<usize> = message.match_indices(MARK).map(|(at, _)| at).collect();
    let piece = |(i, start): (usize, &usize)| {
        let end = starts.get(i + 1).copied().unwrap_or(message.len());
        let text = &message[start + MARK.len()..end];
        let (line, why) = text.rsplit_once("': ")?;
        let why = why.trim_end().trim_end_matches(|c: char| c.is_ascii_digit());
        let why = why.trim_end_matches("dropped=").trim_end();
        let number = number.filter(|_| starts.len() == 1);
        Some(RejectedLine { number, line: line.into(), why: why.into() })
    };
    starts.iter().enumerate().filter_map(piece).collect()
}

impl Rejected {
    /// Changes all texts.
    pub(super) fn map_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        for RejectedLine { line, why, .. } in &mut self.lines {
            (*line, *why) = (change(line), change(why));
        }
        self
    }

    /// Finds out, with the lines that were sent, which were rejected and how many.
    pub(super) fn complete(&mut self, message: &str, sent: &str) {
        for rejected in &mut self.lines {
            if rejected.number.is_none() && !rejected.line.is_empty() {
                let at = sent.lines().position(|line| line == rejected.line);
                rejected.number = at.map(|at| at as u64 + 1);
            }
        }
        let dropped = message.rsplit_once("dropped=").and_then(|(_, count)| {
            let digits = count.find(|c: char| !c.is_ascii_digit()).unwrap_or(count.len());
            count[..digits].parse::<u64>().ok()
        });
        let named = self.lines.len() as u64;
        let partial = message.contains("partial write");
        // Lines that cannot be parsed are not among those that were dropped.
        let unparsed = if message.contains("unable to parse") { named } else { 0 };
        self.points = match (partial, dropped) {
            (true, Some(dropped)) => Some(dropped + unparsed),
            (true, None) if named > 0 => Some(named),
            _ => None,
        };
    }

    /// Describes the refused lines, one line each; at most `most` of them.
    pub fn reasons(&self, sent: &str, most: usize) -> Vec<String> {
        let reason = |line: &RejectedLine| {
            let text = match line
                .number
                .and_then(|n| sent.lines().nth(usize::try_from(n).ok()?.checked_sub(1)?))
            {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Borrowed(line.line.as_str()),
            };
            let number =
                line.number.map_or_else(String::new, |n| format!("line {n} of the request: "));
            format!("{number}{}: {}", shortened(&text), line.why)
        };
        self.lines.iter().take(most).map(reason).collect()
    }
}

/// A line, as much of it as fits into a message.
fn shortened(line: &str) -> Cow<'_, str> {
    const MOST: usize = 160;
    match line.char_indices().nth(MOST) {
        Some((at, _)) => Cow::Owned(format!("{}…", &line[..at])),
        None => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, sent: &str, points: Option<u64>, reasons: &[&str]) {
        let Said { message, lines } = Said::parse(answer);
        let mut rejected = Rejected { lines, points: None };
        rejected.complete(&message.unwrap_or_default(), sent);
        assert_eq!(rejected.points, points, "{answer}");
        assert_eq!(rejected.reasons(sent, 10), reasons, "{answer}");
    }

    #[test]
    fn each_version_is_understood() {
        let sent = "m x=1 1\nm x= 2\nm y 3\n";
        check(
            r#"{"error":"partial write: unable to parse 'm x= 2': missing field value\nunable to parse 'm y 3': invalid field format dropped=0"}"#,
            sent,
            Some(2),
            &[
                "line 2 of the request: m x= 2: missing field value",
                "line 3 of the request: m y 3: invalid field format",
            ],
        );
        check(
            r#"{"error":"partial write: field type conflict: input field \"x\" on measurement \"m\" is type string, already exists as type float dropped=1"}"#,
            sent,
            Some(1),
            &[],
        );
        check(
            r#"{"code":"invalid","message":"unable to parse 'm x= 2': missing field value"}"#,
            sent,
            None,
            &["line 2 of the request: m x= 2: missing field value"],
        );
        check(
            r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=2"}"#,
            sent,
            Some(2),
            &[],
        );
        check(
            r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"m x= 2","line_number":2,"error_message":"No fields were provided"}]}"#,
            sent,
            Some(1),
            &["line 2 of the request: m x= 2: No fields were provided"],
        );
        check(
            r#"{"error":"parsing failed for write_lp endpoint","data":{"original_line":"m y 3","line_number":3,"error_message":"no fields"}}"#,
            sent,
            None,
            &["line 3 of the request: m y 3: no fields"],
        );
        for garbage in [
            "",
            "<html>",
            "[]",
            "{\"error\":5}",
            r#"{"data":[1,null]}"#,
            "{\"data\":{\"line_number\":-1}}",
        ] {
            check(garbage, sent, None, &[]);
        }
    }

    #[test]
    fn numbers_that_no_line_has_harm_nothing() {
        let data = r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_number":0,"error_message":"w"},{"original_line":"b","line_number":18446744073709551615,"error_message":"w"}]}"#;
        check(
            data,
            "m x=1",
            Some(2),
            &["line 0 of the request: a: w", "line 18446744073709551615 of the request: b: w"],
        );
    }
}
