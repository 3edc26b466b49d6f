//! Where the true anomalies are: intervals from a JSON file.

use crate::replay::{ReplayError, timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A time from, and a time to, both included; in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The first instant.
    pub from: i64,
    /// The last instant.
    pub to: i64,
}

/// The anomalies of one series, or of each of many.
#[derive(Clone, Debug)]
pub struct Labels {
    path: PathBuf,
    series: Series,
}

#[derive(Clone, Debug)]
enum Series {
    One(Vec<Interval>),
    Many(BTreeMap<String, Vec<Interval>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    One(Vec<[Time; 2]>),
    Many(BTreeMap<String, Vec<[Time; 2]>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Number(serde_json::Number),
    Text(String),
}

/// What is wrong with an interval.
#[derive(Debug, thiserror::Error)]
enum LabelProblem {
    #[error("'{0}' is not a time")]
    Time(String),
    #[error("an interval ends before it begins")]
    Order,
}

impl Labels {
    /// Reads `[[from, to], …]`, or `{"file": [[from, to], …], …}` as the Numenta benchmark writes it;
    /// times as in CSV.
    ///
    /// # Errors
    /// A file that cannot be read, or that is something else.
    pub fn read(path: &Path) -> Result<Self, ReplayError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ReplayError::Read { path: path.into(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ReplayError> {
        let bad = |message: String| ReplayError::Data { path: path.into(), line: None, message };
        let stored: Stored = serde_json::from_str(text).map_err(|error| {
            bad(if error.line() > 0 {
                format!("line {}: not JSON: {error}", error.line())
            } else {
                "write labels as [[from, to], …] or {\"file\": [[from, to], …], …}".into()
            })
        })?;
        let read = |spans: Vec<[Time; 2]>| -> Result<Vec<Interval>, ReplayError> {
            let spans = spans.iter().map(Interval::of).collect::<Result<Vec<_>, _>>();
            let mut spans = spans.map_err(|problem| bad(problem.to_string()))?;
            spans.sort_unstable();
            Ok(spans)
        };
        let series = match stored {
            Stored::One(spans) => Series::One(read(spans)?),
            Stored::Many(series) => {
                let read = |(name, spans)| Ok((name, read(spans)?));
                Series::Many(series.into_iter().map(read).collect::<Result<_, ReplayError>>()?)
            }
        };
        Ok(Self { path: path.into(), series })
    }

    /// Whether each file is a series of its own, for which a script starts again without state.
    pub fn by_file(&self) -> bool {
        matches!(self.series, Series::Many(_))
    }

    /// The anomalies of a data file, whose path ends like its key, with or without `.gz`.
    ///
    /// # Errors
    /// A file without an entry.
    pub fn of(&self, data: &Path) -> Result<&[Interval], ReplayError> {
        let series = match &self.series {
            Series::One(spans) => return Ok(spans),
            Series::Many(series) => series,
        };
        let plain = data.to_string_lossy();
        let plain = Path::new(crate::replay::source::plain_name(&plain));
        let found = series.iter().find(|(key, _)| plain.ends_with(key) || data.ends_with(key));
        found.map(|(_, spans)| &spans[..]).ok_or_else(|| ReplayError::Data {
            path: self.path.clone(),
            line: None,
            message: format!(
                "there is no entry for {}; write an empty list if it has no anomalies",
                data.display()
            ),
        })
    }
}

impl Interval {
    fn of(times: &[Time; 2]) -> Result<Self, LabelProblem> {
        let read = |time: &Time| {
            let text = match time {
                Time::Number(number) => number.to_string(),
                Time::Text(text) => text.clone(),
            };
            timestamp::read(&text, &mut None).ok_or(LabelProblem::Time(text))
        };
        let (from, to) = (read(&times[0])?, read(&times[1])?);
        if from > to {
            return Err(LabelProblem::Order);
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Labels, ReplayError> {
        Labels::parse(text, Path::new("windows.json"))
    }

    #[test]
    fn one_list_is_for_every_file() {
        let labels = parse(r#"[["1970-01-01 00:01:00.000", 120], [10, 20]]"#).unwrap();
        let spans = labels.of(Path::new("any.lp")).unwrap();
        let seconds: Vec<_> =
            spans.iter().map(|s| (s.from / 1_000_000_000, s.to / 1_000_000_000)).collect();
        assert_eq!(seconds, [(10, 20), (60, 120)]);
    }

    #[test]
    fn a_file_is_found_by_the_end_of_its_path() {
        let labels = parse(r#"{"a/x.csv": [[1, 2]], "b/x.csv": []}"#).unwrap();
        assert_eq!(labels.of(Path::new("/data/a/x.csv.gz")).unwrap().len(), 1);
        assert_eq!(labels.of(Path::new("b/x.csv")).unwrap().len(), 0);
        assert!(labels.of(Path::new("c/x.csv")).unwrap_err().to_string().contains("no entry for"));
    }

    #[test]
    fn what_are_no_labels_is_refused() {
        for (text, expected) in [
            ("[[1]]", "write labels as"),
            ("[[1,", "not JSON"),
            (r#"[["soon", 2]]"#, "'soon' is not a time"),
            ("[[3, 2]]", "ends before it begins"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
