//! Files of kapacitor-unit, as they are: YAML with a list `tests`, each with a TICKscript, lines of
//! points and how many alerts of each level must come.
//!
//! They run here without the daemon and the database that kapacitor-unit uses: points without a time get successive
//! times; the queries of a batch script are run over the lines, each second for three seconds; counts that are not
//! given are 0.

use super::file::{Case, CaseFile, CaseFileError, Files};
use crate::script::nearest;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The keys of a test.
const KEYS: [&str; 18] = [
    "name",
    "description",
    "task_name",
    "task_id",
    "task_script",
    "db",
    "rp",
    "type",
    "precision",
    "data",
    "data_path",
    "recording",
    "recording_id",
    "expects",
    "clock",
    "offset_unit",
    "reset_topics",
    "shift",
];

/// The time of the first point that has none: 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000_000;

/// The time between two points that have none: a millisecond.
const STEP: i64 = 1_000_000;

/// Reads a file. `scripts` is the folder of TICKscripts; default: the file's own.
pub(super) fn read(path: &Path, scripts: Option<&Path>) -> Result<CaseFile, CaseFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CaseFileError::Read { path: path.into(), source })?;
    let unfit = |line: usize, message: String| CaseFileError::Unfit {
        path: path.into(),
        line,
        message: message.into(),
    };
    let documents = MarkedYaml::load_from_str(&text)
        .map_err(|error| unfit(error.marker().line(), error.info().to_owned()))?;
    let tests = documents.first().and_then(|document| document.data.as_mapping_get("tests"));
    let Some(YamlData::Sequence(tests)) = tests.map(|tests| &tests.data) else {
        let message = "the list 'tests' is missing, which a file of kapacitor-unit has";
        return Err(unfit(1, message.into()));
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut cases = Vec::new();
    for test in tests {
        let line = test.span.start.line();
        let Value::Object(given) = value(&test.data) else {
            return Err(unfit(line, "a test must be a map of keys and values".into()));
        };
        let case = case(&given, folder, scripts).map_err(|message| unfit(line, message.0))?;
        cases.push(Case { line, ..case });
    }
    Ok(CaseFile::of_cases(path, cases))
}

/// An error of a test.
struct Wrong(String);

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        Self(message.into())
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// YAML as JSON; what JSON has no form for becomes null.
fn value<'y>(data: &YamlData<'y, MarkedYaml<'y>>) -> Value {
    match data {
        YamlData::Value(Scalar::Boolean(flag)) => (*flag).into(),
        YamlData::Value(Scalar::Integer(n)) => (*n).into(),
        YamlData::Value(Scalar::FloatingPoint(x)) => x.into_inner().into(),
        YamlData::Value(Scalar::String(text)) => text.as_ref().into(),
        YamlData::Sequence(all) => all.iter().map(|entry| value(&entry.data)).collect(),
        YamlData::Mapping(entries) => entries
            .iter()
            .map(|(key, entry)| {
                let key = match value(&key.data) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, value(&entry.data))
            })
            .collect(),
        YamlData::Tagged(_, inner) => value(&inner.data),
        _ => Value::Null,
    }
}

fn text<'v>(given: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    given.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn case(given: &Map<String, Value>, folder: &Path, scripts: Option<&Path>) -> Result<Case, Wrong> {
    if let Some(key) = given.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let hint = match nearest(key, KEYS) {
            Some(near) => format!("; did you mean '{near}'?"),
            None => format!("; there are {}", KEYS.join(", ")),
        };
        return Err(format!("'{key}' is not known to kapacitor-unit{hint}").into());
    }
    let script = ["task_script", "task_name", "task_id"].iter().find_map(|key| text(given, key));
    let script = script.ok_or("task_name is missing: write the file of the TICKscript")?;
    let policy = text(given, "rp").unwrap_or("autogen");
    let mut case = Case {
        name: text(given, "name").ok_or("the test has no name")?.into(),
        script: Some(find(script, folder, scripts)?),
        task: Some(script.into()),
        dbrp: text(given, "db").map(|database| format!("{database}.{policy}")),
        precision: text(given, "precision").map(str::to_owned),
        asks_each_second: text(given, "type") == Some("batch"),
        ..Case::default()
    };
    match text(given, "type") {
        Some("stream" | "batch") | None => {}
        Some(other) => return Err(format!("type '{other}': write stream or batch").into()),
    }
    data(given, folder, &mut case)?;
    case.expect.count = counts(given.get("expects"))?;
    Ok(case)
}

/// Finds a TICKscript: in the folder that is given, beside the file, or in `tick_scripts` beside its
/// folder.
fn find(script: &str, folder: &Path, scripts: Option<&Path>) -> Result<PathBuf, Wrong> {
    let places = match scripts {
        Some(scripts) => vec![scripts.to_path_buf()],
        None => {
            vec![folder.to_path_buf(), folder.join("tick_scripts"), folder.join("../tick_scripts")]
        }
    };
    let found = places.iter().map(|place| place.join(script)).find(|path| path.is_file());
    let found = found.ok_or_else(|| {
        format!("the TICKscript {script} is not in this folder: give its folder with --dir")
    })?;
    // Cases name their script from the folder of the file.
    Ok(std::path::absolute(&found).unwrap_or(found))
}

/// Reads the data: lines, a file of lines, or a recording.
fn data(given: &Map<String, Value>, folder: &Path, case: &mut Case) -> Result<(), Wrong> {
    if let Some(id) = text(given, "recording").or_else(|| text(given, "recording_id")) {
        let ending = if case.asks_each_second { "brpl" } else { "srpl" };
        let names = [id.to_owned(), format!("{id}.{ending}")];
        let path = names.iter().find(|name| folder.join(name).is_file()).ok_or_else(|| {
            format!("the recording {id} is stored in the daemon: copy it to {id}.{ending} beside this file")
        })?;
        case.data = Files::One(path.into());
        return Ok(());
    }
    let lines: Vec<String> = match (given.get("data"), text(given, "data_path")) {
        (Some(Value::Array(lines)), _) => {
            lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        (Some(Value::String(lines)), _) => lines.lines().map(str::to_owned).collect(),
        (_, Some(path)) => {
            let path = folder.join(path);
            let read = std::fs::read_to_string(&path);
            let read = read.map_err(|error| format!("{}: {error}", path.display()))?;
            read.lines().map(str::to_owned).collect()
        }
        _ => {
            return Err(
                "the data is missing: write data (a list of lines), data_path or recording".into(),
            );
        }
    };
    let unit = case.precision.as_deref().and_then(crate::protocol::line::Precision::by_name);
    let unit = unit.unwrap_or_default().nanoseconds();
    let timed = lines.iter().enumerate().map(|(i, line)| {
        let line = line.trim();
        match has_time(line) {
            true => line.to_owned(),
            false => format!("{line} {}", (START + i as i64 * STEP) / unit),
        }
    });
    case.lines = Some(timed.collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// Whether a line ends with a time: a whole number behind the fields.
fn has_time(line: &str) -> bool {
    line.rsplit_once(' ').is_some_and(|(head, last)| {
        head.contains(' ') && last.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn counts(expects: Option<&Value>) -> Result<BTreeMap<String, usize>, Wrong> {
    let mut counts: BTreeMap<String, usize> =
        ["ok", "warn", "crit"].map(|level| (level.to_owned(), 0)).into();
    let expects = expects.and_then(Value::as_object).ok_or("expects is missing")?;
    for (level, count) in expects {
        let known = counts.get_mut(level);
        let known = known.ok_or_else(|| format!("expects '{level}': write ok, warn or crit"))?;
        let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
        *known = count.ok_or_else(|| format!("expects {level}: write a number of alerts"))?;
    }
    Ok(counts)
}
