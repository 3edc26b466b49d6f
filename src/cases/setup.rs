//! A case as a task and the sources of its data.

use super::file::{Case, CaseFile, Setting};
use crate::protocol::line::Precision;
use crate::replay::ReplayError;
use crate::replay::effects::Show;
use crate::replay::format::Format;
use crate::replay::influxql::Table;
use crate::replay::source::{self, CsvReading, Reading, Source};
use crate::replay::task::{
    Alerts, DataKind, ScriptTask, Task, TickTask, TickVariant, Use, Windows, database_and_policy,
    id_by_file,
};
use crate::replay::udfs::UdfCommand;
use crate::script::config::Config;
use crate::tick::flow::Edge;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Makes the task of a case.
pub(super) fn task(file: &CaseFile, case: &Case) -> Result<Task, ReplayError> {
    let script = file.script(case);
    let config = match file.config() {
        Some(path) => Config::read(&path),
        None => Config::beside(&script),
    };
    let config = config.map_err(|error| ReplayError::Usage(error.to_string()))?;
    if script.extension().is_some_and(|extension| extension == "tick") {
        tick(file, case, script, config).map(Task::Tick)
    } else {
        plain(file, case, script, config).map(Task::Script)
    }
}

fn show() -> Show {
    Show { format: Some(Format::Json), alerts: true, ..Show::default() }
}

fn plain(
    file: &CaseFile,
    case: &Case,
    script: PathBuf,
    config: Config,
) -> Result<ScriptTask, ReplayError> {
    let only_tick = [
        ("var", !case.var.is_empty()),
        ("replicas", !case.replicas.is_empty()),
        ("task", case.task.is_some()),
        ("dbrp", case.dbrp.is_some()),
    ];
    refuse(&only_tick, "is for TICKscripts, and this test has a script in Rhai")?;
    let levels = [("crit", &case.crit), ("warn", &case.warn), ("info", &case.info)];
    let conditions: Vec<(String, String)> = levels
        .into_iter()
        .filter_map(|(level, text)| Some((level.into(), text.clone()?)))
        .collect();
    if conditions.is_empty() && (case.expect.wants_alerts() || case.every_alert) {
        return Err(ReplayError::Usage(
            "alerts are expected, but no condition for them is given: give crit, warn or info"
                .into(),
        ));
    }
    let kind = kind(file, case);
    let options = options(&case.set);
    let captured_options = kind == DataKind::Frames && options.is_empty();
    let alerts =
        if conditions.is_empty() { Vec::new() } else { vec![Alerts { variant: 0, conditions }] };
    let window = case.period.zip(case.every);
    Ok(ScriptTask {
        script,
        config,
        kind,
        measurement: case.measurement.clone(),
        group_by: case.group_by.clone(),
        window: window.map(|(period, every)| Windows {
            period: period.0,
            every: every.0,
            align: case.align,
        }),
        shard: None,
        uses: vec![Use { label: String::new(), options, alerts }],
        captured_options,
        every_alert: case.every_alert,
        output: true,
        show: show(),
        ..ScriptTask::default()
    })
}

fn tick(
    file: &CaseFile,
    case: &Case,
    script: PathBuf,
    config: Config,
) -> Result<TickTask, ReplayError> {
    let only_plain = [
        ("set", !case.set.is_empty()),
        ("crit", case.crit.is_some()),
        ("warn", case.warn.is_some()),
        ("info", case.info.is_some()),
        ("group_by", !case.group_by.is_empty()),
        ("period", case.period.is_some()),
        ("align", case.align),
        ("measurement", case.measurement.is_some()),
    ];
    refuse(&only_plain, "is for scripts in Rhai: the TICKscript of this test defines it")?;
    let text = std::fs::read_to_string(&script)
        .map_err(|source| ReplayError::Read { path: script.clone(), source })?;
    let dbrp = case.dbrp.as_deref().map(|text| {
        database_and_policy(text).ok_or_else(|| {
            let message = "dbrp: write DATABASE.RETENTION_POLICY, as in telegraf.autogen";
            ReplayError::Usage(message.into())
        })
    });
    let command = |text: &str| match UdfCommand::parse(text) {
        UdfCommand::Script(path) => UdfCommand::Script(file.beside(&path)),
        command => command,
    };
    Ok(TickTask {
        name: script.to_string_lossy().into_owned(),
        text,
        id: case.task.clone().unwrap_or_else(|| id_by_file(&script)),
        dbrp: dbrp.transpose()?,
        variables: options(&case.var),
        replicas: case.replicas.clone(),
        udfs: file.udfs().map(|(name, text)| (name.to_owned(), command(text))).collect(),
        config,
        every_alert: case.every_alert,
        variants: vec![TickVariant::default()],
        show: show(),
        ..TickTask::default()
    })
}

fn refuse(given: &[(&str, bool)], why: &str) -> Result<(), ReplayError> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(ReplayError::Usage(format!("{name} {why}"))),
        None => Ok(()),
    }
}

fn options(settings: &BTreeMap<String, Setting>) -> Vec<(String, String)> {
    let each = settings.iter();
    each.flat_map(|(name, setting)| {
        setting.texts().into_iter().map(move |text| (name.clone(), text))
    })
    .collect()
}

fn kind(file: &CaseFile, case: &Case) -> DataKind {
    let paths = case.data.list();
    paths.first().map_or(DataKind::Stream, |path| DataKind::of(&file.beside(path)))
}

/// The data of a case.
pub(super) struct Given {
    /// The sources, in order.
    pub(super) sources: Vec<Box<dyn Source>>,
    /// The time that it starts at, if that is known before it is read.
    pub(super) start: Option<i64>,
}

/// Opens the data of a case.
pub(super) fn sources(file: &CaseFile, case: &Case, task: &Task) -> Result<Given, ReplayError> {
    let sources = given(file, case)?;
    let start = case.make.as_ref().map(|recipe| recipe.start.after(0));
    match task {
        Task::Tick(task) if kind(file, case) == DataKind::Stream => {
            let definitions = task.definitions()?;
            if definitions.edge() == Edge::Stream {
                return Ok(Given { sources, start });
            }
            let mut table = Table::default();
            for mut source in sources {
                table.read(&mut *source)?;
            }
            let queries = definitions.queries();
            let start = start.or_else(|| table.span().map(|span| span.start));
            let asked = match case.asks_each_second {
                true => table.ask_each_second(&queries)?,
                false => table.ask_all(queries.iter())?,
            };
            Ok(Given { sources: vec![asked], start })
        }
        _ => Ok(Given { sources, start }),
    }
}

/// Opens the data as it is given.
fn given(file: &CaseFile, case: &Case) -> Result<Vec<Box<dyn Source>>, ReplayError> {
    if let Some(recipe) = &case.make {
        return Ok(vec![recipe.open()?]);
    }
    let precision = match &case.precision {
        None => None,
        Some(name) => Some(Precision::by_name(name).ok_or_else(|| {
            ReplayError::Usage(format!("precision '{name}': write ns, u, ms, s, m or h"))
        })?),
    };
    let reading = Reading {
        precision: precision.unwrap_or_default(),
        csv: CsvReading {
            time_column: case.time_column.clone(),
            field_columns: case.field_columns.clone(),
            tag_columns: case.tag_columns.clone(),
            measurement: case.measurement.clone(),
            unit: precision,
        },
        ..Reading::default()
    };
    if let Some(lines) = &case.lines {
        let name = format!("{}:{} lines", file.path.display(), case.line);
        return Ok(vec![source::of_text(lines.clone(), Path::new(&name), &reading)]);
    }
    let paths = case.data.list().iter();
    paths.map(|path| source::open(&file.beside(path), &reading)).collect()
}
