//! A plan: what will be read, run and shown. Arguments become a plan, and the plan is played.

pub(super) mod access;
mod files;
mod input;
mod live;
mod refuse;
mod variants;

pub(super) use input::Input;
pub(super) use live::LivePlan;
pub(super) use variants::{Variant, Variants};

use super::args::{FormatName, MeasureArgs, ReplayArgs, ShapeArgs};
use super::plot::{Drawing, title};
use super::usage;
use anyhow::Context;
use rhai_udf::piped;
use rhai_udf::replay::effects::Show;
use rhai_udf::replay::format::Format;
use rhai_udf::replay::parquet;
use rhai_udf::replay::quality::Labels;
use rhai_udf::replay::task::{
    Alerts, DataKind, ScriptTask, Task, TickTask, TickVariant, Use, Windows, id_by_file,
};
use rhai_udf::replay::udfs::UdfCommand;
use rhai_udf::script::config::Config;
use rhai_udf::tick::flow::Edge;
use std::path::{Path, PathBuf};

/// What will be read, run and shown.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is read; `None` if it arrives live.
    pub(super) input: Option<Input>,
    /// What is run.
    pub(super) task: Task,
    /// Only points and batches of this measurement, where the task does not choose them itself.
    pub(super) measurement: Option<String>,
    /// The variants.
    pub(super) variants: Variants,
    /// The true anomalies that judge the alerts.
    pub(super) labels: Option<Labels>,
    /// The file for the output.
    pub(super) output: Option<PathBuf>,
    /// Whether tables are written as JSON.
    pub(super) json: bool,
    /// Whether the data is played at the speed of its times.
    pub(super) real_clock: bool,
    /// Where the data is kept as a recording.
    pub(super) save: Option<PathBuf>,
    /// The files that are read, which no output may replace.
    pub(super) reads: Vec<PathBuf>,
    /// The state that the replay begins with.
    pub(super) from_state: Option<PathBuf>,
    /// Where its state is kept at the end.
    pub(super) save_state: Option<PathBuf>,
    /// Where the outcome is kept, to be compared.
    pub(super) outcome: Option<PathBuf>,
    /// What is drawn.
    pub(super) drawing: Option<Drawing>,
    /// The title of pictures.
    pub(super) title: String,
    /// Whether a name that the data does not have is a failure.
    pub(super) strict: bool,
    /// The number of threads, if it was given.
    pub(super) workers: Option<usize>,
}

impl Plan {
    /// Plans a replay of recorded data.
    pub(super) fn recorded(args: &ReplayArgs, config: Config) -> anyhow::Result<Self> {
        let input = Input::of(args)?;
        refuse::pipes(args, &input)?;
        let kind = input.kind()?;
        refuse::unused(args, Some(&input))?;
        Self::of(args, config, Some(input), kind)
    }

    /// Plans a task for data that arrives.
    pub(super) fn live(args: &ReplayArgs, config: Config) -> anyhow::Result<Self> {
        refuse::unused(args, None)?;
        Self::of(args, config, None, DataKind::Stream)
    }

    /// Plans a measurement of a script.
    pub(super) fn measured(args: &MeasureArgs, config: Config) -> anyhow::Result<Self> {
        let input = Input::measured(args)?;
        let kind = input.kind()?;
        refuse::unmeasured(args, &input, kind)?;
        let options = args.shape.options.clone();
        let captured_options = kind == DataKind::Frames && options.is_empty();
        let task = ScriptTask {
            script: args.script.clone(),
            config,
            kind,
            measurement: args.data.measurement.clone(),
            group_by: args.shape.group_by.clone(),
            window: windows(&args.shape)?,
            uses: vec![Use { options, ..Use::default() }],
            captured_options,
            ..ScriptTask::default()
        };
        Ok(Self {
            input: Some(input),
            task: Task::Script(task),
            measurement: args.data.measurement.clone().filter(|_| kind != DataKind::Stream),
            variants: Variants::none(),
            labels: None,
            output: None,
            json: false,
            real_clock: false,
            save: None,
            reads: Vec::new(),
            from_state: None,
            save_state: None,
            drawing: None,
            outcome: None,
            title: String::new(),
            strict: false,
            workers: None,
        })
    }

    fn of(
        args: &ReplayArgs,
        config: Config,
        mut input: Option<Input>,
        kind: DataKind,
    ) -> anyhow::Result<Self> {
        let is_tick = is_tick(&args.script);
        let variants = Variants::of(args, is_tick)?;
        let judges = judges(args);
        let drawing = Drawing::of(&args.picture)?;
        let is_parquet = args.show.output.as_deref().is_some_and(parquet::is_parquet);
        let show = Show {
            // Lines are collected, of which the file is made at the end.
            points: is_parquet.then_some(Format::LineProtocol),
            format: args.show.format.map(Into::into),
            alerts: args.judge.sweep.is_empty(),
            apart: args.show.output.is_some(),
            record: judges,
            trace: drawing.as_ref().map(Drawing::trace),
            outcome: args.show.outcome.is_some(),
        };
        let task = if is_tick {
            Task::Tick(tick(args, config, kind, &variants, show)?)
        } else {
            Task::Script(script(args, config, kind, &variants, show)?)
        };
        let labels = args.judge.labels.as_deref().map(Labels::read).transpose()?;
        let by_file = labels.as_ref().is_some_and(Labels::by_file);
        let reads = reads(args, input.as_ref());
        if let Some(input) = input.as_mut().filter(|_| by_file) {
            input.keep_apart();
        }
        refuse::states(args, kind, by_file)?;
        refuse::shards(args, kind)?;
        if let (Task::Tick(tick), Some(Input::Files { .. }), DataKind::Stream) =
            (&task, &input, kind)
        {
            refuse_states_of_queries(args, tick)?;
        }
        // A stream's measurement is chosen by the graph of a plain script.
        let chosen = matches!(task, Task::Script(_)) && kind == DataKind::Stream;
        if drawing.is_some() && by_file {
            refuse_picture_of_several(args)?;
        }
        let input_title =
            input.as_ref().map(|input| title(&args.script, input)).unwrap_or_default();
        Ok(Self {
            input,
            task,
            measurement: args.data.measurement.clone().filter(|_| !chosen),
            variants,
            labels,
            output: args.show.output.clone(),
            json: args.show.format == Some(FormatName::Json),
            real_clock: args.show.real_clock,
            save: args.influx.save.clone(),
            reads,
            from_state: args.state.from_state.clone(),
            save_state: args.state.save_state.clone(),
            title: input_title,
            drawing,
            outcome: args.show.outcome.clone(),
            strict: args.show.strict,
            workers: args.workers,
        })
    }

    /// The configuration of its scripts.
    pub(super) fn config(&self) -> &Config {
        self.task.config()
    }

    /// Whether alerts are counted for a table, and not only shown.
    pub(super) fn judges(&self) -> bool {
        self.labels.is_some() || !self.variants.names.is_empty()
    }
}

/// Returns the files that are read.
fn reads(args: &ReplayArgs, input: Option<&Input>) -> Vec<PathBuf> {
    let programs = args.tick.udf.iter().map(|(_, program)| PathBuf::from(program));
    let named = [Some(&args.script), args.judge.labels.as_ref(), args.config.as_ref()];
    let named = named.into_iter().flatten().cloned();
    let data = input.map_or(&[][..], Input::paths);
    data.iter().cloned().chain(named).chain(programs).collect()
}

/// Tells whether a file is a TICKscript. A text that comes through a pipe has no name; it is a TICKscript if no line
/// of it defines a function of Rhai.
pub(in crate::cli) fn is_tick(path: &Path) -> bool {
    if !piped::is_piped(path) {
        return path.extension().is_some_and(|extension| extension == "tick");
    }
    let defines = |line: &str| line.trim_start().trim_start_matches("private ").starts_with("fn ");
    piped::read_to_string(path).is_ok_and(|text| !text.lines().any(defines))
}

fn judges(args: &ReplayArgs) -> bool {
    args.judge.labels.is_some() || !args.judge.sweep.is_empty()
}

/// A plain script with its groups, windows and alerts.
fn script(
    args: &ReplayArgs,
    config: Config,
    kind: DataKind,
    variants: &Variants,
    mut show: Show,
) -> anyhow::Result<ScriptTask> {
    let shape = &args.shape;
    let has_alerts = variants.all.iter().all(|variant| !variant.conditions.is_empty());
    if judges(args) && !has_alerts {
        return usage("--labels and --sweep judge alerts: give --crit, --warn or --info");
    }
    let has_alerts = variants.all.iter().any(|variant| !variant.conditions.is_empty());
    show.alerts &= has_alerts;
    if args.alerts.every_alert && !has_alerts {
        return usage(
            "--every-alert does not apply: there are no alerts; give --crit, --warn or --info",
        );
    }
    let draws = args.picture.plot.is_some();
    let window =
        windows(shape)?.filter(|_| args.influx.query.is_none() && args.influx.sql.is_none());
    let uses = uses(variants);
    let own_options = uses.len() > 1 || uses.iter().any(|one| !one.options.is_empty());
    Ok(ScriptTask {
        script: args.script.clone(),
        config,
        kind,
        measurement: args.data.measurement.clone(),
        group_by: shape.group_by.clone(),
        shard: args.shard,
        window,
        closes_windows: false,
        uses,
        captured_options: kind == DataKind::Frames && !own_options,
        every_alert: args.alerts.every_alert,
        // Points are shown if they are requested, or if nothing else is shown.
        output: show.apart
            || !judges(args) && (args.show.format.is_some() || !has_alerts && !draws),
        show,
        ..ScriptTask::default()
    })
}

/// Reads the windows, if there are any.
pub(super) fn windows(shape: &ShapeArgs) -> anyhow::Result<Option<Windows>> {
    if shape.period.is_some_and(|period| period <= 0) {
        return usage("--period: write a duration, as in 5m");
    }
    if shape.every.is_some_and(|every| every < 0) {
        return usage("--every: write a duration, as in 5m, or 0 for a window at each point");
    }
    let window = shape.period.zip(shape.every);
    Ok(window.map(|(period, every)| Windows { period, every, align: shape.align }))
}

/// The script once for each value of `--each` and each set of options that is swept; variants that
/// differ in conditions only share one.
fn uses(variants: &Variants) -> Vec<Use> {
    let mut uses: Vec<Use> = Vec::new();
    for each in &variants.each {
        let first = uses.len();
        for (number, variant) in variants.all.iter().enumerate() {
            let mut options = variant.options.clone();
            options.extend(each.iter().cloned());
            let known = uses[first..].iter().position(|one| one.options == options);
            let at = first + known.unwrap_or(uses.len() - first);
            if known.is_none() {
                let label = variants.label(variant, each.as_ref());
                uses.push(Use { label, options, alerts: Vec::new() });
            }
            if !variant.conditions.is_empty() {
                let conditions = variant.conditions.clone();
                uses[at].alerts.push(Alerts { variant: number, conditions });
            }
        }
    }
    uses
}

/// A TICKscript with its variants.
fn tick(
    args: &ReplayArgs,
    config: Config,
    kind: DataKind,
    variants: &Variants,
    show: Show,
) -> anyhow::Result<TickTask> {
    let script = &args.script;
    if kind == DataKind::Frames {
        return usage(
            "captured requests (.bin) are the requests to one function: replay them through its script, not through a TICKscript",
        );
    }
    let several = variants.all.len() * variants.each.len() > 1;
    if several && (args.tick.out.is_some() || args.influx.write) {
        return usage(
            "several variants cannot share --out or --write: leave out --out and --write, or the variants",
        );
    }
    let text = piped::read_to_string(script)
        .with_context(|| format!("{}: cannot be read", script.display()))?;
    if text.lines().any(|line| line.trim_start().starts_with("fn info(")) {
        let name = script.display();
        return usage(&format!(
            "{name}: this is a script in Rhai, not a TICKscript: give it a name that ends with .rhai"
        ));
    }
    let udfs = args.tick.udf.iter();
    Ok(TickTask {
        name: script.to_string_lossy().into_owned(),
        text,
        id: args.tick.task.clone().unwrap_or_else(|| id_by_file(script)),
        dbrp: args.tick.dbrp.clone(),
        shard: args.shard,
        variables: args.tick.variables.clone(),
        replicas: args.tick.replicas.iter().cloned().collect(),
        udfs: udfs.map(|(name, text)| (name.clone(), UdfCommand::parse(text))).collect(),
        config,
        every_alert: args.alerts.every_alert,
        variants: tick_variants(variants)?,
        out: args.tick.out.clone(),
        database: access::access(&args.influx)?.filter(|_| args.influx.write).map(Box::new),
        reads: args
            .data
            .files
            .iter()
            .filter(|path| path.is_file())
            .cloned()
            .chain(reads(args, None))
            .collect(),
        show,
        ..TickTask::default()
    })
}

/// The variants of a TICKscript: for each use that --each names, each combination of --sweep.
fn tick_variants(variants: &Variants) -> anyhow::Result<Vec<TickVariant>> {
    let mut all = Vec::new();
    for each in &variants.each {
        for (number, variant) in variants.all.iter().enumerate() {
            let mut overrides = variant.overrides()?;
            if let Some((name, value)) = each {
                overrides.push(variants::override_of(name, value)?);
            }
            let label = variants.label(variant, each.as_ref());
            all.push(TickVariant { number, label, overrides });
        }
    }
    Ok(all)
}

/// A batch script over points runs its queries over all points at once, so it has no state that could be saved.
fn refuse_states_of_queries(args: &ReplayArgs, task: &TickTask) -> anyhow::Result<()> {
    if refuse::has_state(args) && task.definitions()?.edge() == Edge::Batch {
        return usage(
            "--from-state and --save-state do not apply: the queries of a batch script over files of points also read points before the first tick, which a state does not hold; give batches (.brpl) or --influxdb",
        );
    }
    Ok(())
}

/// Labels by file make each file a series of its own, and a picture shows one.
fn refuse_picture_of_several(args: &ReplayArgs) -> anyhow::Result<()> {
    if args.data.files.len() > 1 {
        return usage(
            "--plot does not apply: with these --labels each file is a series of its own; draw them one \
             after the other",
        );
    }
    Ok(())
}
