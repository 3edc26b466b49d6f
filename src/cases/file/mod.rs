//! The form of `*.test.toml`.

mod expectations;

pub(super) use expectations::{
    Expectations, ExpectedAlert, ExpectedOutput, ExpectedPoint, OneOrMany,
};

use super::kapacitor_unit;
use crate::replay::source::recipe::{Length, Number, Recipe};
use crate::script::config::{ConfigError, toml_error};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Test cases that one file holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The script, for cases that do not say another.
    script: Option<PathBuf>,
    /// What the functions of a TICKscript run, as `--udf`.
    #[serde(default)]
    udf: BTreeMap<String, String>,
    /// The configuration; default: `rhai-udf.toml` beside the script.
    config: Option<PathBuf>,
    /// The cases.
    #[serde(default, rename = "test")]
    tests: Vec<Spanned<Case>>,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    #[serde(skip)]
    text: String,
}

/// Why a file of test cases cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseFileError {
    /// It cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not in the form of test cases.
    #[error(transparent)]
    Form(#[from] ConfigError),
    /// Its content is not valid.
    #[error("{path}:{line}: {message}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to write.
        message: Cow<'static, str>,
    },
}

/// A test case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// The name.
    pub name: String,
    /// The script, if it is not that of the file.
    pub script: Option<PathBuf>,
    /// The options of a plain script.
    pub set: BTreeMap<String, Setting>,
    /// The variables of a TICKscript.
    pub var: BTreeMap<String, Setting>,
    /// The numbers of replicas at the beginning, for autoscale nodes of a TICKscript.
    pub replicas: BTreeMap<String, i64>,
    /// The task's id, for a TICKscript.
    pub task: Option<String>,
    /// The database and retention policy, `DB.RP`.
    pub dbrp: Option<String>,
    /// When an alert of a plain script is critical.
    pub crit: Option<String>,
    /// When it is a warning.
    pub warn: Option<String>,
    /// When it is information.
    pub info: Option<String>,
    /// Every alert, not only changes of level.
    pub every_alert: bool,
    /// Only points of this measurement.
    pub measurement: Option<String>,
    /// The tags to group by.
    pub group_by: Vec<String>,
    /// The length of windows.
    pub period: Option<Length>,
    /// The time between two windows.
    pub every: Option<Length>,
    /// Whether windows end at multiples of `every`.
    pub align: bool,
    /// Files of data.
    pub data: Files,
    /// Line protocol.
    pub lines: Option<String>,
    /// Points that are made.
    pub make: Option<Recipe>,
    /// The unit of times that are numbers.
    pub precision: Option<String>,
    /// The column of times in CSV.
    pub time_column: Option<String>,
    /// The columns of CSV that become fields.
    pub field_columns: Vec<String>,
    /// The columns of CSV that become tags.
    pub tag_columns: Vec<String>,
    /// The expected results.
    pub expect: Expectations,
    /// The line of the file that it stands on.
    #[serde(skip)]
    pub line: usize,
    /// Whether the queries of a batch script are asked each second for three seconds, as kapacitor-unit
    /// does.
    #[serde(skip)]
    pub asks_each_second: bool,
}

/// One file or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a file or a list of files")]
pub enum Files {
    /// One.
    One(PathBuf),
    /// Several, one after the other.
    Many(Vec<PathBuf>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Files {
    /// Returns the files.
    pub fn list(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// The value of an option; several for an option that is repeated.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a value or a list of values")]
pub enum Setting {
    /// One value.
    One(Number),
    /// Several values.
    Many(Vec<Number>),
}

impl Setting {
    /// Returns the values as `--set` takes them.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.text()],
            Self::Many(values) => values.iter().map(Number::text).collect(),
        }
    }
}

impl CaseFile {
    /// Reads a file: of kapacitor-unit if it is YAML, whose TICKscripts are in the folder `scripts`.
    ///
    /// # Errors
    /// A file that cannot be read, that says what is not known, or a case that can test nothing.
    pub fn read_any(path: &Path, scripts: Option<&Path>) -> Result<Self, CaseFileError> {
        if is_yaml(path) { kapacitor_unit::read(path, scripts) } else { Self::read(path) }
    }

    /// Makes a file of cases that are read from another form.
    pub(super) fn of_cases(path: &Path, cases: Vec<Case>) -> Self {
        Self {
            script: None,
            udf: BTreeMap::new(),
            config: None,
            tests: cases.into_iter().map(|case| Spanned::new(0..0, case)).collect(),
            path: path.into(),
            text: String::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, that says what is not known, or a case that can test nothing.
    pub fn read(path: &Path) -> Result<Self, CaseFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CaseFileError::Read { path: path.into(), source })?;
        let mut file: Self =
            toml::from_str(&text).map_err(|error| toml_error(path, &text, &error))?;
        file.path = path.into();
        file.text = text;
        for number in 0..file.tests.len() {
            let line = file.line_of(number);
            let case = file.tests[number].get_mut();
            case.line = line;
            file.check(number)?;
        }
        if file.tests.is_empty() {
            return Err(file.unfit(1, "it has no [[test]]"));
        }
        Ok(file)
    }

    /// Returns the cases.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.tests.iter().map(Spanned::get_ref)
    }

    fn line_of(&self, number: usize) -> usize {
        let start = self.tests[number].span().start.min(self.text.len());
        self.text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    fn unfit(&self, line: usize, message: &'static str) -> CaseFileError {
        CaseFileError::Unfit { path: self.path.clone(), line, message: message.into() }
    }

    /// Refuses a case that can test nothing.
    fn check(&self, number: usize) -> Result<(), CaseFileError> {
        let case = self.tests[number].get_ref();
        let unfit = |message| Err(self.unfit(case.line, message));
        let sources = [!case.data.list().is_empty(), case.lines.is_some(), case.make.is_some()];
        let expect = &case.expect;
        if case.name.is_empty() {
            return unfit("the test has no name");
        }
        if case.script.is_none() && self.script.is_none() {
            return unfit("the script is missing: write script = \"FILE\" at the top of the file");
        }
        match sources.iter().filter(|given| **given).count() {
            0 => return unfit("the data is missing: give data, lines or make"),
            1 => {}
            _ => return unfit("data, lines and make exclude each other: give one of them"),
        }
        if expect.is_empty() {
            return unfit(
                "nothing is expected: give expect.alerts, expect.count, expect.none, expect.output, \
                 expect.error, expect.state or expect.log",
            );
        }
        if expect.none && (expect.alerts.is_some() || !expect.count.is_empty()) {
            return unfit(
                "expect.none says that there are no alerts: leave out the other expectations of alerts",
            );
        }
        if expect.within.is_some() && expect.alerts.is_none() {
            return unfit(
                "expect.within applies to the times of expect.alerts, which is not given",
            );
        }
        if case.period.is_some() != case.every.is_some() {
            return unfit("write period and every together");
        }
        Ok(())
    }

    /// Returns the script of a case.
    pub fn script(&self, case: &Case) -> PathBuf {
        let script = case.script.as_ref().or(self.script.as_ref());
        self.beside(script.map_or(Path::new(""), PathBuf::as_path))
    }

    /// Returns the configuration that is named.
    pub fn config(&self) -> Option<PathBuf> {
        self.config.as_deref().map(|path| self.beside(path))
    }

    /// Returns what the functions of a TICKscript run.
    pub fn udfs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.udf.iter().map(|(name, command)| (name.as_str(), command.as_str()))
    }

    /// Returns a path that the file names, which begins at the file's folder.
    pub fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Returns all files that its cases read.
    pub fn reads(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.path.clone()];
        for case in self.cases() {
            paths.push(self.script(case));
            paths.extend(case.data.list().iter().map(|path| self.beside(path)));
        }
        let programs = self.udf.values().filter(|command| command.ends_with(".rhai"));
        paths.extend(programs.map(|script| self.beside(Path::new(script))));
        paths.extend(self.config());
        paths.sort();
        paths.dedup();
        paths
    }
}

/// Whether a file is one of kapacitor-unit, by its name.
pub fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
