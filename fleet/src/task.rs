//! The task of a worker: the script of a version as a task of the replay, with settings that make it the same on
//! every machine.

use crate::bundle::{Bundle, is_tick};
use crate::error::{FleetError, Result};
use rhai_udf::protocol::duration;
use rhai_udf::protocol::group::Grouping;
use rhai_udf::replay::effects::Show;
use rhai_udf::replay::format::Format;
use rhai_udf::replay::task::{
    Alerts, Lanes, ScriptTask, Task, TickTask, TickVariant, Use, Windows, database_and_policy,
    id_by_file,
};
use rhai_udf::replay::udfs::UdfCommand;
use rhai_udf::script::config::{Config, FILE_NAME};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A version that is unpacked on this machine and can be run.
#[derive(Debug)]
pub(crate) struct Version {
    /// Its name.
    pub(crate) hash: String,
    /// What is run.
    pub(crate) task: Task,
    /// The tags that form the groups.
    pub(crate) grouping: Grouping,
    /// Holds its files.
    _folder: TempDir,
}

impl Version {
    /// Unpacks a version and checks that it can be run on many machines.
    ///
    /// # Errors
    /// A script that cannot be used, or whose groups cannot be spread.
    pub(crate) fn unpack(bundle: &Bundle) -> Result<Arc<Self>> {
        let folder = tempfile::Builder::new().prefix("rhai-udf-nats").tempdir()?;
        let script = bundle.unpack(folder.path())?;
        let task = task(bundle, &script)?;
        let grouping = match task.lanes() {
            Ok(Lanes::Groups(grouping) | Lanes::Tags(grouping)) => grouping,
            Ok(Lanes::Batches) => return Err(FleetError::Usage("the task wants batches".into())),
            Err(why) if why.is_empty() => {
                // The engine reports the errors of the TICKscript.
                task.engine(0..1)?;
                return Err(FleetError::Usage("the TICKscript cannot be spread".into()));
            }
            Err(why) => {
                return Err(FleetError::Usage(format!("the groups cannot be spread: {why}")));
            }
        };
        let engine = task.engine(0..1)?;
        if let Some(why) = engine.unfit {
            return Err(FleetError::Usage(
                why.replace("--period 5m --every 5m", "period and every"),
            ));
        }
        Ok(Arc::new(Self { hash: bundle.hash(), task, grouping, _folder: folder }))
    }
}

impl Version {
    /// The tags that form the groups, as text for people and for comparisons.
    pub(crate) fn describe_grouping(&self) -> String {
        let Grouping { all, names, excluded, by_name, .. } = &self.grouping;
        let mut text = if *all { "*".to_owned() } else { names.join(",") };
        if !excluded.is_empty() {
            text.push_str(&format!(" without {}", excluded.join(",")));
        }
        if *by_name {
            text.push_str(" and measurement");
        }
        text
    }
}

/// Makes a task of a version whose files are in a folder.
fn task(bundle: &Bundle, script: &Path) -> Result<Task> {
    let mut config = Config::beside(script)?;
    determined(&mut config)?;
    if is_tick(script) {
        tick(bundle, script, config).map(Task::Tick)
    } else {
        plain(bundle, script, config).map(Task::Script)
    }
}

/// Removes settings that could make two machines differ: only the steps of the interpreter limit a call.
fn determined(config: &mut Config) -> Result<()> {
    if config.limits.operations == 0 {
        return Err(FleetError::Usage(format!(
            "{FILE_NAME}: [limits] operations = 0 does not apply: in a fleet it alone limits a call"
        )));
    }
    config.limits.call_timeout = Duration::ZERO;
    config.limits.memory = 0;
    config.state.dir = None;
    config.record.dir = None;
    config.reload.watch = false;
    config.reload.probation = Duration::ZERO;
    Ok(())
}

fn plain(bundle: &Bundle, script: &Path, config: Config) -> Result<ScriptTask> {
    let said = &bundle.task;
    let name_of = |tick: bool, name: &str| tick.then(|| name.to_owned());
    let only_tick = [
        name_of(!said.vars.is_empty(), "vars"),
        name_of(said.dbrp.is_some(), "dbrp"),
        name_of(!said.udf.is_empty(), "udf"),
    ];
    refuse(only_tick, "it applies to TICKscripts only")?;
    let conditions: Vec<_> = [("info", &said.info), ("warn", &said.warn), ("crit", &said.crit)]
        .into_iter()
        .filter_map(|(level, text)| Some((level.to_owned(), text.clone()?)))
        .collect();
    if said.every_alert && conditions.is_empty() {
        return Err(FleetError::Usage(
            "every_alert does not apply: there are no alerts; write crit, warn or info".into(),
        ));
    }
    let has_alerts = !conditions.is_empty();
    let alerts = if has_alerts { vec![Alerts { variant: 0, conditions }] } else { Vec::new() };
    let options =
        said.set.iter().flat_map(|(name, all)| all.iter().map(|one| (name.clone(), one.clone())));
    Ok(ScriptTask {
        script: script.to_owned(),
        config,
        measurement: said.measurement.clone(),
        group_by: said.group_by.clone().unwrap_or_else(|| vec!["*".into()]),
        window: windows(said.period.as_deref(), said.every.as_deref(), said.align)?,
        uses: vec![Use { options: options.collect(), alerts, ..Use::default() }],
        every_alert: said.every_alert,
        output: true,
        show: show(true, has_alerts),
        ..ScriptTask::default()
    })
}

fn tick(bundle: &Bundle, script: &Path, config: Config) -> Result<TickTask> {
    let said = &bundle.task;
    let name_of = |given: bool, name: &str| given.then(|| name.to_owned());
    let only_plain = [
        name_of(said.group_by.is_some(), "group_by"),
        name_of(said.measurement.is_some(), "measurement"),
        name_of(said.period.is_some(), "period"),
        name_of(!said.set.is_empty(), "set"),
        name_of(
            said.crit.is_some() || said.warn.is_some() || said.info.is_some(),
            "crit, warn, info",
        ),
    ];
    refuse(only_plain, "the TICKscript defines it")?;
    let text = std::fs::read_to_string(script)
        .map_err(|source| FleetError::Read { path: script.into(), source })?;
    let folder = script.parent().unwrap_or(Path::new(""));
    let dbrp = match &said.dbrp {
        None => None,
        Some(text) => Some(database_and_policy(text).ok_or_else(|| {
            FleetError::Usage(
                "dbrp: write DATABASE.RETENTION_POLICY, as in telegraf.autogen".into(),
            )
        })?),
    };
    let udfs = said.udf.iter();
    let mut task = TickTask {
        name: bundle.script.clone(),
        text,
        id: id_by_file(script),
        dbrp,
        variables: said.vars.clone().into_iter().collect(),
        udfs: udfs
            .map(|(name, path)| (name.clone(), UdfCommand::Script(folder.join(path))))
            .collect(),
        config,
        every_alert: said.every_alert,
        variants: vec![TickVariant::default()],
        show: show(false, true),
        ..TickTask::default()
    };
    if task.definitions()?.writes_points() {
        task.show = show(true, true);
    }
    Ok(task)
}

/// Points as line protocol, apart from alerts, which are JSON.
fn show(points: bool, alerts: bool) -> Show {
    Show {
        format: Some(Format::Json),
        points: Some(Format::LineProtocol),
        alerts,
        apart: points,
        ..Show::default()
    }
}

fn refuse<const N: usize>(given: [Option<String>; N], why: &str) -> Result<()> {
    match given.into_iter().flatten().next() {
        Some(name) => Err(FleetError::Usage(format!("{name} does not apply: {why}"))),
        None => Ok(()),
    }
}

fn windows(period: Option<&str>, every: Option<&str>, align: bool) -> Result<Option<Windows>> {
    let length = |name: &str, text: &str| {
        duration::parse(text).map_err(|_| {
            FleetError::Usage(format!("{name} = \"{text}\": write a length of time, as in 5m"))
        })
    };
    let (Some(period), Some(every)) = (period, every) else { return Ok(None) };
    let (period, every) = (length("period", period)?, length("every", every)?);
    if period <= 0 || every < 0 {
        return Err(FleetError::Usage("period and every are lengths of time, as in 5m".into()));
    }
    Ok(Some(Windows { period, every, align }))
}
