//! The expectations of a case, as in its file.

use crate::replay::source::recipe::{Length, Moment};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The expected results of a case. Only what is given is compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectations {
    /// The events of alerts, all of them in order.
    pub alerts: Option<Vec<ExpectedAlert>>,
    /// How many events there are of a level.
    pub count: BTreeMap<String, usize>,
    /// There is no alert at all.
    pub none: bool,
    /// How far the times of alerts may be off.
    pub within: Option<Length>,
    /// The points that come out.
    pub output: Option<ExpectedOutput>,
    /// How far doubles may be off, relative to their size; default: 1e-9.
    pub tolerance: Option<f64>,
    /// A part of the error with which the run ends.
    pub error: Option<String>,
    /// The states of groups at the end, as far as they are given.
    pub state: Option<BTreeMap<String, toml::Value>>,
    /// Texts that lines of the log hold.
    pub log: Option<OneOrMany>,
    /// The most time that a million points may take.
    pub max_seconds_per_million: Option<f64>,
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Returns the texts.
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// An event of an alert; only what is given is compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAlert {
    /// The time.
    pub time: Moment,
    /// The level.
    pub level: String,
    /// The alert's id.
    pub id: Option<String>,
    /// The message of a TICKscript's alert.
    pub message: Option<String>,
    /// Values of the point that decided.
    #[serde(default)]
    pub values: BTreeMap<String, toml::Value>,
}

/// The expected points.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "the name of a golden file, or a list of points as { time = …, fields = { … } }"
)]
pub enum ExpectedOutput {
    /// A file with an object on each line, as `replay --format json` writes it.
    Golden(PathBuf),
    /// All points in order, as far as they are given.
    Points(Vec<ExpectedPoint>),
}

/// An expected point; only what is given is compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedPoint {
    /// The time.
    pub time: Option<Moment>,
    /// The measurement.
    pub name: Option<String>,
    /// The group's id.
    pub group: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Fields.
    #[serde(default)]
    pub fields: BTreeMap<String, toml::Value>,
}

impl Expectations {
    /// Returns whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        let Self { alerts, count, none, output, error, state, log, .. } = self;
        alerts.is_none()
            && count.is_empty()
            && !none
            && output.is_none()
            && error.is_none()
            && state.is_none()
            && log.is_none()
            && self.max_seconds_per_million.is_none()
    }

    /// Returns whether events of alerts are expected, or that there are none.
    pub fn wants_alerts(&self) -> bool {
        self.alerts.is_some() || !self.count.is_empty() || self.none
    }
}
