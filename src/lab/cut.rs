//! Makes a test case from a slice of the data; the alerts of the slice are its expectations.

use super::folder::{Folder, FolderError};
use super::held::Held;
use super::knobs::{apply, conditions, given_options};
use super::study::{self, Job, Series, Study};
use crate::cases::{CaseFile, judge};
use crate::protocol::duration;
use crate::protocol::line::Writer;
use crate::protocol::time::rfc3339;
use crate::replay::ReplayError;
use crate::replay::source::{Item, Scratch, Source};
use crate::replay::task::{ScriptTask, Task, TickTask};
use crate::replay::udfs::UdfCommand;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of lines that are written into the test case itself; more lines go into a file of their own.
const INLINE: usize = 500;

/// Points that are expected one by one where there are no alerts.
const EXPECTED: usize = 200;

/// The settings with which the test case reads the same data.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The script, as it is named from its folder.
    pub script: String,
    /// The configuration, if it is not that beside the script.
    pub config: Option<PathBuf>,
}

/// The slice to cut out.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    /// The name of the test case.
    name: String,
    /// The first time, in nanoseconds.
    from: String,
    /// The last time.
    to: String,
    /// Whether all earlier data belongs to it, too.
    #[serde(default)]
    history: bool,
}

/// The test case that was cut out.
#[derive(Debug)]
pub(super) struct Cut {
    /// The file that holds the test case.
    pub(super) file: String,
    /// The test case.
    pub(super) text: String,
}

/// Why no test case was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    #[error("{0}")]
    Unfit(String),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("the test case that was cut out does not pass, and was not kept: {0}")]
    Fails(String),
}

fn unfit<T>(message: impl Into<String>) -> Result<T, CutError> {
    Err(CutError::Unfit(message.into()))
}

/// Cuts a slice out, runs it, and adds it to the test cases beside the script. A case that does not pass is not
/// kept.
pub(super) fn cut(wish: &Wish, job: &Job, setup: &Setup, folder: &Folder) -> Result<Cut, CutError> {
    let name = wish.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return unfit("the test case needs a name, in one line");
    }
    let (Ok(from), Ok(to)) = (wish.from.parse::<i64>(), wish.to.parse::<i64>()) else {
        return unfit("from and to are numbers of nanoseconds");
    };
    let from = if wish.history { i64::MIN } else { from };
    let (held, lines, count) = slice(job, from, to)?;
    let series = Series { held: Arc::new(held), anomalies: Vec::new() };
    // A test case begins without a state.
    let slice = Job { series: Arc::new(vec![series]), from_state: None, ..job.clone() };
    let Some(study) = study::run(&slice, &Arc::default()) else {
        return unfit("a newer replay has replaced that of the slice: try again");
    };
    let stem = setup.script.rsplit_once('.').map_or(&*setup.script, |(stem, _)| stem);
    let data = if count <= INLINE {
        format!("lines = {}\n", text_block(&lines))
    } else {
        let file = format!("{stem}.{}.lp", slug(name));
        folder.write(&file, &lines)?;
        let file = file.rsplit_once('/').map_or(&*file, |(_, file)| file).to_owned();
        format!("data = {}\n", string(&file))
    };
    let task = apply(&job.base, &job.settings);
    let case = format!(
        "\n[[test]]\nname = {}\n{}{data}{}",
        string(name),
        settings(&task, job)?,
        expectations(&study, &task, &job.folder)?
    );
    let file = format!("{stem}.test.toml");
    add(&file, &head(&task, setup), &case, name, folder)?;
    Ok(Cut { file, text: case.trim_start().to_owned() })
}

/// Adds a case to a file; one that does not pass is taken back.
fn add(file: &str, head: &str, case: &str, name: &str, folder: &Folder) -> Result<(), CutError> {
    let before = match folder.read(file) {
        Ok(text) => Some(text),
        Err(FolderError::System { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let text = match &before {
        Some(before) if before.starts_with(head) => format!("{}\n{case}", before.trim_end()),
        Some(_) => {
            return unfit(format!(
                "{file} exists but is not a file of this script's test cases; rename it, or begin it with:\n{head}"
            ));
        }
        None => format!("{head}{case}"),
    };
    folder.write(file, &text)?;
    if let Err(why) = proves(&folder.path().join(file), name) {
        // The previous content is restored.
        folder.write(
            file,
            before.as_deref().unwrap_or("# Test cases that rhai-udf lab cuts out.\n"),
        )?;
        return Err(CutError::Fails(why));
    }
    Ok(())
}

/// Runs the case as `rhai-udf test` does.
fn proves(path: &Path, name: &str) -> Result<(), String> {
    let file = CaseFile::read(path).map_err(|error| error.to_string())?;
    let Some(case) = file.cases().filter(|case| case.name == name).last() else {
        return Err("the new test case cannot be found in its file".into());
    };
    let verdict = judge(&file, case, false);
    if verdict.passed() { Ok(()) } else { Err(verdict.failures.join("\n")) }
}

/// The points of the slice: held, as lines, and how many there are.
fn slice(job: &Job, from: i64, to: i64) -> Result<(Held, String, usize), CutError> {
    let mut held = Held::default();
    let (mut lines, mut count) = (String::new(), 0);
    let mut writer = Writer::default();
    let mut scratch = Scratch::default();
    for series in job.series.iter() {
        let mut playing = series.held.play(Arc::default());
        while let Some(item) = playing.next(&mut scratch)? {
            if item != Item::Point {
                return unfit(
                    "only points can be cut out: this data is batches or captured requests",
                );
            }
            if !(from..=to).contains(&scratch.point.time()) {
                continue;
            }
            if writer.write(&scratch.point, "m", &mut lines) {
                lines.push('\n');
                count += 1;
                held.push(Item::Point, &mut scratch);
            }
        }
    }
    if count == 0 {
        return unfit("there is no point in the slice");
    }
    Ok((held, lines, count))
}

/// The beginning of the file of test cases.
fn head(task: &Task, setup: &Setup) -> String {
    let name = setup.script.rsplit_once('/').map_or(&*setup.script, |(_, name)| name);
    let mut text = format!("script = {}\n", string(name));
    if let Some(config) = &setup.config {
        let _ = writeln!(text, "config = {}", string(&config.to_string_lossy()));
    }
    if let Task::Tick(task) = task
        && !task.udfs.is_empty()
    {
        let udfs = task.udfs.iter().map(|(name, command)| {
            let text = match command {
                UdfCommand::Script(path) => path.to_string_lossy().into_owned(),
                UdfCommand::Exec(command) => format!("exec: {command}"),
                UdfCommand::Socket(path) => format!("socket: {}", path.display()),
            };
            format!("{} = {}", string(name), string(&text))
        });
        let _ = writeln!(text, "udf = {{ {} }}", udfs.collect::<Vec<_>>().join(", "));
    }
    text
}

fn settings(task: &Task, job: &Job) -> Result<String, CutError> {
    match task {
        Task::Script(task) => Ok(settings_of_script(task, job)),
        Task::Tick(task) => settings_of_tick(task, job),
    }
}

fn settings_of_script(task: &ScriptTask, job: &Job) -> String {
    let Task::Script(base) = &job.base else { return String::new() };
    let mut text = String::new();
    let mut options: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in given_options(base, &job.settings) {
        match options.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => options.push((name, vec![value])),
        }
    }
    if !options.is_empty() {
        let set = options.iter().map(|(name, values)| {
            let values: Vec<_> = values.iter().map(|value| setting(value)).collect();
            match &values[..] {
                [one] => format!("{} = {one}", string(name)),
                several => format!("{} = [{}]", string(name), several.join(", ")),
            }
        });
        let _ = writeln!(text, "set = {{ {} }}", set.collect::<Vec<_>>().join(", "));
    }
    for (level, condition) in conditions(base, &job.settings) {
        let _ = writeln!(text, "{level} = {}", string(&condition));
    }
    if task.every_alert {
        text.push_str("every_alert = true\n");
    }
    if let Some(measurement) = &task.measurement {
        let _ = writeln!(text, "measurement = {}", string(measurement));
    }
    if !task.group_by.is_empty() {
        let tags: Vec<_> = task.group_by.iter().map(|tag| string(tag)).collect();
        let _ = writeln!(text, "group_by = [{}]", tags.join(", "));
    }
    if let Some(window) = task.window {
        let length = |ns| string(&duration::Display(ns).to_string());
        let _ = writeln!(text, "period = {}", length(window.period));
        let _ = writeln!(text, "every = {}", length(window.every));
        if window.align {
            text.push_str("align = true\n");
        }
    }
    text
}

fn settings_of_tick(task: &TickTask, job: &Job) -> Result<String, CutError> {
    let mut text = format!("task = {}\n", string(&task.id));
    if let Some((database, policy)) = &task.dbrp {
        let _ = writeln!(text, "dbrp = {}", string(&format!("{database}.{policy}")));
    }
    let mut variables: Vec<(&str, &str)> =
        task.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (key, values) in &job.settings.options {
        let Some(value) = values.first() else { continue };
        match key.strip_prefix("var:") {
            Some(name) => {
                variables.retain(|(known, _)| *known != name);
                variables.push((name, value));
            }
            None => {
                return unfit(
                    "options of functions were changed on the page, but a test case of a TICKscript takes them from the script: copy the TICKscript from the page, save it, and cut again",
                );
            }
        }
    }
    if !variables.is_empty() {
        let set =
            variables.iter().map(|(name, value)| format!("{} = {}", string(name), string(value)));
        let _ = writeln!(text, "var = {{ {} }}", set.collect::<Vec<_>>().join(", "));
    }
    if task.every_alert {
        text.push_str("every_alert = true\n");
    }
    Ok(text)
}

/// The results of the slice are the expectations.
fn expectations(study: &Study, task: &Task, folder: &Path) -> Result<String, CutError> {
    if let Some(finding) = study.findings.iter().find(|finding| finding.error) {
        // The place is another where the tests run from another folder.
        let message = finding.message.replace(&format!("{}/", folder.display()), "");
        return Ok(format!("expect.error = {}\n", string(message.lines().next().unwrap_or(""))));
    }
    let has_alerts = match task {
        Task::Script(task) => task.uses.iter().any(|one| !one.alerts.is_empty()),
        Task::Tick(_) => true,
    };
    if has_alerts && study.alerts.is_empty() {
        return Ok("expect.none = true\n".into());
    }
    if has_alerts {
        let mut text = String::from("expect.alerts = [\n");
        for alert in &study.alerts {
            let _ = writeln!(
                text,
                "    {{ time = {}, level = {}, id = {} }},",
                string(&rfc3339(alert.time)),
                string(alert.level),
                string(&alert.id)
            );
        }
        text.push_str("]\n");
        return Ok(text);
    }
    points(study)
}

/// Points, where there are no alerts.
fn points(study: &Study) -> Result<String, CutError> {
    let groups: Vec<_> =
        study.trace.groups.iter().filter(|group| !group.outputs.is_empty()).collect();
    let mut rows: BTreeMap<i64, Vec<(&str, f64)>> = BTreeMap::new();
    for field in groups.iter().flat_map(|group| &group.outputs) {
        for (time, value) in field.samples.iter().filter(|(_, value)| value.is_finite()) {
            rows.entry(*time).or_default().push((&field.field, *value));
        }
    }
    if rows.is_empty() || rows.len() > EXPECTED || groups.len() > 1 {
        return unfit(format!(
            "without a condition of an alert (crit, warn or info) the points that come out are what is \
             expected, and here {} come in {} groups: set a condition, or zoom to a slice of one \
             group with {EXPECTED} at most",
            rows.len(),
            groups.len()
        ));
    }
    let mut text = String::from("expect.output = [\n");
    for (time, fields) in &rows {
        let fields = fields.iter().map(|(name, value)| format!("{} = {value:?}", string(name)));
        let fields = fields.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "    {{ time = {}, fields = {{ {fields} }} }},",
            string(&rfc3339(*time))
        );
    }
    text.push_str("]\n");
    Ok(text)
}

/// A text in TOML.
fn string(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// The value of an option: numbers and truth values as they are.
fn setting(text: &str) -> String {
    let is_plain =
        text.parse::<i64>().is_ok() && !text.starts_with('+') || matches!(text, "true" | "false");
    if is_plain { text.into() } else { string(text) }
}

/// A text of several lines in TOML.
fn text_block(text: &str) -> String {
    if text.contains("'''") { string(text) } else { format!("'''\n{text}'''") }
}

/// A name as a part of a file's name.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(plain).take(40).collect();
    slug.trim_matches('-').to_owned()
}
