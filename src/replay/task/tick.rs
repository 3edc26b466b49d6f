//! A TICKscript, with its variants.

use super::{Lanes, check_scope};
use crate::agent::Control;
use crate::piped::is_piped;
use crate::protocol::group::Shard;
use crate::replay::ReplayError;
use crate::replay::effects::{Effects, Show};
use crate::replay::engine::{Engine, Run};
use crate::replay::files::Files;
use crate::replay::format::Format;
use crate::replay::influxdb::{Access, Client, PointWriter};
use crate::replay::trace::Taps;
use crate::replay::udfs::{UdfCommand, UdfRegistry};
use crate::script::config::Config;
use crate::tick::definition::Definitions;
use crate::tick::definition::object::Object;
use crate::tick::{Graph, TaskSettings, TickText, parse_value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A TICKscript and what it is given.
#[derive(Clone, Debug, Default)]
pub struct TickTask {
    /// The script's name, as errors show it.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The task's id.
    pub id: String,
    /// The database and retention policy of data that does not say.
    pub dbrp: Option<(String, String)>,
    /// Variables, their values written as the script would.
    pub variables: Vec<(String, String)>,
    /// How many replicas autoscale nodes find at the beginning, by the names of resources.
    pub replicas: BTreeMap<String, i64>,
    /// What the functions run.
    pub udfs: Vec<(String, UdfCommand)>,
    /// The limits of scripts.
    pub config: Config,
    /// Every alert is an event, not only changes of level.
    pub every_alert: bool,
    /// The variants; one without overrides if nothing varies.
    pub variants: Vec<TickVariant>,
    /// Where alert logs, points and endpoints are written.
    pub out: Option<PathBuf>,
    /// Whether existing files are appended to, because an earlier version of the task has begun them.
    pub appends: bool,
    /// Where points are written to.
    pub database: Option<Box<Access>>,
    /// Whether the data has no end, so that failures to write are logged at once.
    pub is_live: bool,
    /// The part of the groups that is played; `None` for all.
    pub shard: Option<Shard>,
    /// The files that are read, which no output may replace.
    pub reads: Vec<PathBuf>,
    /// What is shown.
    pub show: Show,
    /// Whether options for outputs are also meant for other tasks, so that this task need not have these outputs.
    pub is_one_of_many: bool,
    /// Lets another thread end the calls of scripts.
    pub control: Control,
}

/// The database and the retention policy of `telegraf.autogen`, each of which may be in quotes; `None` without
/// a dot.
pub fn database_and_policy(text: &str) -> Option<(String, String)> {
    let (database, policy) = text.split_once('.')?;
    Some((database.trim_matches('"').into(), policy.trim_matches('"').into()))
}

/// The id of a task that is not named: the name of its script's file, without the extension.
pub fn id_by_file(script: &Path) -> String {
    if is_piped(script) {
        return "task".into();
    }
    script.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The differences of a variant of a TICKscript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickVariant {
    /// The number among all variants.
    pub number: usize,
    /// Tells several variants apart; may be empty.
    pub label: String,
    /// What differs from the script.
    pub overrides: Vec<Override>,
}

/// A value that replaces the script's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// Of a variable, written as the script would.
    Variable(String, String),
    /// Of an option of a function: the function, the option and the value.
    Option(String, String, String),
}

impl TickTask {
    fn registry(&self) -> UdfRegistry {
        let mut registry = UdfRegistry::new(self.config.clone()).controlled(&self.control);
        if self.shard.is_some() {
            registry.spread();
        }
        for (name, command) in &self.udfs {
            registry.add(name, command.clone());
        }
        registry
    }

    /// Returns what the script defines, in its first variant.
    ///
    /// # Errors
    /// A script that is wrong.
    pub fn definitions(&self) -> Result<Definitions, ReplayError> {
        let none = TickVariant::default();
        let variant = self.variants.first().unwrap_or(&none);
        Ok(self.define(variant, &mut self.registry())?.0)
    }

    /// Makes an engine for some of the variants.
    ///
    /// # Errors
    /// A script that is wrong, or a function that does not start.
    pub fn engine(&self, variants: Range<usize>) -> Result<Engine, ReplayError> {
        let mut registry = self.registry();
        let runs = self.variants[variants].iter().map(|variant| self.run(variant, &mut registry));
        Ok(Engine::new(runs.collect::<Result<_, _>>()?, false))
    }

    /// As [`super::Task::lanes`].
    pub(super) fn lanes(&self) -> Result<Lanes, String> {
        if self.out.is_some() || self.database.is_some() {
            return Err("--out and --write are written by one worker".into());
        }
        let mut registry = self.registry();
        for (name, command) in &self.udfs {
            let UdfCommand::Script(path) = command else {
                return Err(format!("@{name}() is another program"));
            };
            if let Ok(script) = registry.script(name, path) {
                check_scope(script).map_err(|why| format!("@{name}(): {why}"))?;
            }
        }
        // An error in a TICKscript is reported when its engine is made.
        self.definitions().map_or_else(
            |_| Err(String::new()),
            |definitions| {
                let tags = definitions.spread()?;
                Ok(definitions.only_grouping().map_or(Lanes::Tags(tags), Lanes::Groups))
            },
        )
    }

    fn define(
        &self,
        variant: &TickVariant,
        registry: &mut UdfRegistry,
    ) -> Result<(Definitions, TaskSettings), ReplayError> {
        let mut variables: BTreeMap<String, Object> = BTreeMap::new();
        let given = self.variables.iter().map(|(name, value)| (name, value));
        let overriding = variant.overrides.iter().filter_map(|change| match change {
            Override::Variable(name, value) => Some((name, value)),
            Override::Option(..) => None,
        });
        for (name, value) in given.chain(overriding) {
            variables.insert(name.clone(), parse_value(name, value)?);
        }
        let task = TaskSettings {
            id: self.id.clone(),
            dbrp: self.dbrp.clone(),
            replicas: self.replicas.clone(),
            variables,
            shard: self.shard,
        };
        let source = TickText { name: &self.name, text: &self.text };
        let mut definitions = Definitions::compile(&source, &task.variables, registry)?;
        for change in &variant.overrides {
            if let Override::Option(udf, option, value) = change {
                let set = definitions.set_option(udf, option, value);
                set.map_err(|error| ReplayError::Usage(error.to_string()))?;
            }
        }
        if self.every_alert && !definitions.make_every_alert_an_event() {
            return Err(unused(
                "--every-alert",
                "no |alert() of the TICKscript has .stateChangesOnly(), so every alert is shown anyway",
            ));
        }
        self.check_outputs(&definitions)?;
        if let (Some(_), Some(why)) = (self.shard, definitions.looks_at_several_groups()) {
            return Err(unused("--shard", &why));
        }
        Ok((definitions, task))
    }

    /// Refuses options for outputs that the script does not have.
    fn check_outputs(&self, definitions: &Definitions) -> Result<(), ReplayError> {
        if self.is_one_of_many {
            return Ok(());
        }
        let Show { format, apart, .. } = &self.show;
        let no_points = "the TICKscript has no |influxDBOut(), whose points it would write";
        let has_points = definitions.writes_points();
        if *apart && !has_points {
            return Err(unused("-o", no_points));
        }
        if self.database.is_some() && !has_points {
            return Err(unused("--write", no_points));
        }
        if *format == Some(Format::LineProtocol) && !has_points {
            return Err(unused("--format lp", no_points));
        }
        if self.out.is_some() && !has_points && !definitions.writes_files() {
            let why = "the TICKscript has no node that writes files: |influxDBOut(), |httpOut(), \
                       |httpPost(), |kapacitorLoopback(), an autoscale node, an alert's .log()";
            return Err(unused("--out", why));
        }
        if !self.replicas.is_empty() && !definitions.scales() {
            let why = "the TICKscript has no |k8sAutoscale(), |swarmAutoscale() or |ec2Autoscale()";
            return Err(unused("--replicas", why));
        }
        Ok(())
    }

    fn run(&self, variant: &TickVariant, registry: &mut UdfRegistry) -> Result<Run, ReplayError> {
        let (mut definitions, task) = self.define(variant, registry)?;
        let looks = self.show.trace.is_some() || self.show.outcome;
        let taps = looks.then(|| Taps::add(&mut definitions, |_| None).of_variant(&variant.label));
        let first = self.variants.first().is_none_or(|first| first == variant);
        let source = TickText { name: &self.name, text: &self.text };
        let graph = Graph::start(definitions, &source, &task, registry)?;
        let mut effects = Effects::task(self.show.clone(), variant.label.clone(), variant.number);
        effects.look_into(taps, first);
        effects.files = self.out.clone().map(|folder| Files::new(folder, self.reads.clone()));
        if let Some(files) = &mut effects.files {
            files.appends = self.appends;
        }
        if let Some(access) = &self.database {
            let mut writer = PointWriter::new(Client::new(access)?);
            writer.is_live = self.is_live;
            effects.database = Some(writer);
        }
        Ok(Run { graph, effects })
    }
}

/// Makes the error of an option that would change nothing.
fn unused(option: &str, why: &str) -> ReplayError {
    ReplayError::Usage(format!("{option} does not apply: {why}"))
}
