//! What the three versions of InfluxDB's API differ in: where points are written to, units of times, errors.

use super::lines::Unacceptable;
use crate::http::{Head, Refusal, Response};
use crate::protocol::line::Precision;
use serde_json::{Value, json};
use std::sync::Arc;

/// The API of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/write` of 1.x.
    One,
    /// `/api/v2/write`.
    Two,
    /// `/api/v3/write_lp`.
    Three,
}

/// The unit of the times in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// The one that was named.
    Named(Precision),
    /// The one that the size of each time tells, as InfluxDB 3 does it.
    BySize,
}

impl Default for Unit {
    fn default() -> Self {
        Self::Named(Precision::default())
    }
}

impl Unit {
    /// The unit that lines are read with.
    pub(super) fn read_as(self) -> Precision {
        match self {
            Self::Named(precision) => precision,
            Self::BySize => Precision::Nanoseconds,
        }
    }

    /// A time whose unit its size tells, in nanoseconds.
    pub(super) fn nanoseconds(time: i64) -> i64 {
        let factor = match time.unsigned_abs() {
            0..5_000_000_000 => 1_000_000_000,
            5_000_000_000..5_000_000_000_000 => 1_000_000,
            5_000_000_000_000..5_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        // None of the products is larger than what 64 bits hold.
        time.saturating_mul(factor)
    }
}

/// Where points are written to, as the query says.
pub(super) struct Target {
    pub(super) database: String,
    pub(super) policy: Arc<str>,
    pub(super) precision: Unit,
}

impl Target {
    /// Reads the parameters of a request; `policy` is that of points that name none.
    pub(super) fn of(head: &Head, dialect: Dialect, policy: &Arc<str>) -> Result<Self, Refusal> {
        let parameter = |name: &str| head.parameter(name).filter(|value| !value.is_empty());
        let wanted = |name: &str| {
            parameter(name)
                .ok_or_else(|| Refusal::new(400, format!("{} is required", spoken(name))))
        };
        let precision = dialect.unit(parameter("precision").as_deref())?;
        let (database, named) = match dialect {
            Dialect::One => (wanted("db")?, parameter("rp")),
            Dialect::Two => apart(wanted("bucket")?),
            Dialect::Three => apart(wanted("db")?),
        };
        let policy = named.map_or_else(|| policy.clone(), Arc::from);
        Ok(Self { database, policy, precision })
    }
}

fn spoken(parameter: &str) -> &str {
    if parameter == "db" { "database" } else { parameter }
}

/// A bucket stands for a database and a retention policy with a slash between, or for a database.
fn apart(bucket: String) -> (String, Option<String>) {
    match bucket.split_once('/') {
        Some((database, policy)) if !database.is_empty() && !policy.is_empty() => {
            (database.to_owned(), Some(policy.to_owned()))
        }
        _ => (bucket, None),
    }
}

impl Dialect {
    fn unit(self, name: Option<&str>) -> Result<Unit, Refusal> {
        let (unit, known) = match (self, name) {
            (Self::One | Self::Two, None) => (Some(Unit::default()), ""),
            (Self::Three, None | Some("auto")) => (Some(Unit::BySize), ""),
            (Self::One, Some(name)) => {
                (Precision::by_name(name).map(Unit::Named), "n, u, ms, s, m or h")
            }
            (Self::Two, Some(name)) => (
                Precision::by_name(name)
                    .filter(|_| ["ns", "us", "ms", "s"].contains(&name))
                    .map(Unit::Named),
                "ns, us, ms or s",
            ),
            (Self::Three, Some(name)) => (
                match name {
                    "nanosecond" | "ns" | "n" => Some(Precision::Nanoseconds),
                    "microsecond" | "us" | "u" => Some(Precision::Microseconds),
                    "millisecond" | "ms" => Some(Precision::Milliseconds),
                    "second" | "s" => Some(Precision::Seconds),
                    _ => None,
                }
                .map(Unit::Named),
                "auto, nanosecond, microsecond, millisecond or second",
            ),
        };
        let name = name.unwrap_or_default();
        unit.ok_or_else(|| Refusal::new(400, format!("invalid precision \"{name}\" (use {known})")))
    }

    /// The answer to a request that is refused, in the form that its clients read.
    pub(super) fn refusal(self, why: &Unacceptable) -> Response {
        let Unacceptable { refusal: Refusal { status, reason }, line } = why;
        let body = match (self, line) {
            // These words tell Telegraf not to send the lines again.
            (Self::One, Some((_, text))) => {
                json!({ "error": format!("unable to parse '{text}': {reason}") })
            }
            (Self::One, None) => json!({ "error": reason }),
            (Self::Two, line) => {
                let mut body = json!({ "code": code(*status), "message": reason });
                if let (Some((number, _)), Some(body)) = (line, body.as_object_mut()) {
                    body.insert("line".into(), Value::from(*number));
                }
                body
            }
            // The words say that nothing was written: a request is taken whole or not at all.
            (Self::Three, Some((number, text))) => json!({
                "error": "parsing failed for write_lp endpoint",
                "data": { "original_line": text, "line_number": number, "error_message": reason },
            }),
            (Self::Three, None) => json!({ "error": reason }),
        };
        let response = Response { body: body.to_string().into_bytes(), ..Response::new(*status) };
        match status {
            401 if self == Self::One => {
                response.with_header("WWW-Authenticate", "Basic realm=\"InfluxDB\"")
            }
            401 => response.with_header("WWW-Authenticate", "Bearer"),
            503 => response.with_header("Retry-After", "1"),
            _ => response,
        }
    }
}

/// The word that InfluxDB 2 has for a status.
fn code(status: u16) -> &'static str {
    match status {
        400 => "invalid",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not found",
        405 => "method not allowed",
        413 => "request too large",
        415 => "unsupported media type",
        503 => "unavailable",
        408 | 500.. => "internal error",
        _ => "invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(dialect: Dialect, query: &str) -> Result<(String, String, Unit), String> {
        let text = format!("POST /write?{query} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = Head::parse(text.as_bytes()).unwrap().unwrap().0;
        let target = Target::of(&head, dialect, &Arc::from("autogen"));
        let target = target.map_err(|refusal| refusal.reason)?;
        Ok((target.database, target.policy.to_string(), target.precision))
    }

    #[test]
    fn each_version_names_places_and_units_in_its_own_way() {
        use Dialect::{One, Three, Two};
        let named = Unit::Named;
        for (dialect, query, database, policy, unit) in [
            (One, "db=d", "d", "autogen", named(Precision::Nanoseconds)),
            (One, "db=d/e&rp=r&precision=h", "d/e", "r", named(Precision::Hours)),
            (Two, "bucket=d%2Fr&org=o&precision=us", "d", "r", named(Precision::Microseconds)),
            (Two, "bucket=d&org=o", "d", "autogen", named(Precision::Nanoseconds)),
            (Two, "bucket=/d", "/d", "autogen", named(Precision::Nanoseconds)),
            (Three, "db=d", "d", "autogen", Unit::BySize),
            (Three, "db=d&precision=second", "d", "autogen", named(Precision::Seconds)),
        ] {
            let expected = (database.to_owned(), policy.to_owned(), unit);
            assert_eq!(target(dialect, query), Ok(expected), "{query}");
        }
        for (dialect, query, why) in [
            (One, "", "database is required"),
            (Two, "db=d", "bucket is required"),
            (Two, "bucket=d&precision=h", "use ns, us, ms or s"),
            (Three, "db=d&precision=m", "use auto, nanosecond"),
            (One, "db=d&precision=second", "use n, u, ms"),
        ] {
            assert!(target(dialect, query).unwrap_err().contains(why), "{query}");
        }
    }

    #[test]
    fn the_size_of_a_time_tells_its_unit() {
        for time in
            [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000, 1_700_000_000_000_000_000]
        {
            assert_eq!(Unit::nanoseconds(time), 1_700_000_000_000_000_000);
        }
        assert_eq!(Unit::nanoseconds(0), 0);
        assert_eq!(Unit::nanoseconds(-4_000_000_000), -4_000_000_000_000_000_000);
        assert_eq!(Unit::nanoseconds(i64::MIN), i64::MIN);
    }
}
