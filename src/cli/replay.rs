//! `replay`: recorded data through a script, with no daemon.

use super::influxdb::{self, InfluxArgs, Wanted};
use super::stdout::Stdout;
use super::sweep::{self, Judge, Variant};
use super::{logging, run, tick, usage, watch};
use anyhow::Context;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use rhai_udf::agent::Pulse;
use rhai_udf::protocol::duration;
use rhai_udf::protocol::group::Grouping;
use rhai_udf::protocol::line::Precision;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::replay::alert::{Alerts, Rules};
use rhai_udf::replay::pipeline::{Instance, Watch};
use rhai_udf::replay::quality::{Labels, Record};
use rhai_udf::replay::sink::{Format, Sink};
use rhai_udf::replay::source::{self, CsvReading, Reading};
use rhai_udf::replay::transport::Udf;
use rhai_udf::replay::window::{Windowing, Windows};
use rhai_udf::replay::{Pipeline, ReplayError, Summary};
use rhai_udf::script::config::Config;
use rhai_udf::script::{Expression, ScriptHandler};
use std::cell::RefCell;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Play recorded data through a script or a TICKscript, with no daemon
///
/// Data is line protocol (.lp), CSV (.csv), a recording of Kapacitor (.srpl, .brpl) or captured
/// requests (.bin), each also packed with gzip; several files are played one after the other.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script, or a TICKscript (.tick) with the functions it calls given by --udf
    pub(super) script: PathBuf,
    /// The data; or read it with --influxdb
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(super) data: Vec<PathBuf>,
    /// An option, as a TICKscript would write .NAME(VALUE); several arguments with commas between
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) options: Vec<(String, String)>,
    /// Run the script once for each value of an option, side by side, as several UDFs in a TICKscript
    #[arg(long, value_name = "NAME=V1,V2,…", value_parser = assignment)]
    each: Option<(String, String)>,
    /// Only points of this measurement; for CSV, the name of its points (default: the file's)
    #[arg(long, value_name = "NAME")]
    pub(super) measurement: Option<String>,
    /// Group by these tags; * for all of them
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(super) group_by: Vec<String>,
    /// The length of windows, as in 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "every")]
    pub(super) period: Option<i64>,
    /// The pace of windows
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "period")]
    pub(super) every: Option<i64>,
    /// Let windows end at multiples of their pace
    #[arg(long, requires = "period")]
    pub(super) align: bool,
    /// The unit of times that are numbers: ns, u, ms, s, m, h; default: ns in line protocol, in CSV
    /// by their size
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
    /// The column of times in CSV; default: the one with a usual name, else the first with dates
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// The columns of CSV that become fields; default: all but time and tags
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    field_columns: Vec<String>,
    /// The columns of CSV that become tags
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    tag_columns: Vec<String>,
    /// Go on after a bad line, and count them
    #[arg(long)]
    skip_bad_lines: bool,
    /// When an alert is critical: an expression over the fields, as in 'pvalue < 0.001'
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) crit: Option<String>,
    /// When an alert is a warning
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) warn: Option<String>,
    /// When an alert is information
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) info: Option<String>,
    /// Say how good the alerts are: a JSON file with the intervals of true anomalies, as
    /// [["2026-01-31 12:00:00", "2026-01-31 13:00:00"], …], or {"file.csv": [[from, to], …], …} for
    /// files that are series of their own
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
    /// Try several values of an option side by side and print a table; or of a condition, with ;
    /// between: 'crit=score > 3; score > 4'. Several sweeps multiply
    #[arg(long, value_name = "NAME=V1,V2,…", value_parser = assignment)]
    pub(super) sweep: Vec<(String, String)>,
    /// Show every alert, not only changes of level
    #[arg(long)]
    every_alert: bool,
    /// How to write the output (and the alerts, with json)
    #[arg(long, value_enum)]
    pub(super) format: Option<FormatName>,
    /// Where to write the output; alerts stay on standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replay again whenever the script is saved, and show what changed
    #[arg(long)]
    watch: bool,
    /// Play at the pace of the data's times
    #[arg(long)]
    real_clock: bool,
    /// The configuration; default: rhai-udf.toml beside the script, if it is there
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tick: tick::TickArgs,
    #[command(flatten)]
    pub(super) influx: InfluxArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatName {
    /// A line for people
    Table,
    /// One JSON object a line
    Json,
    /// Line protocol
    Lp,
}

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

fn precision(name: &str) -> Result<Precision, String> {
    Precision::by_name(name).ok_or_else(|| "write ns, u, ms, s, m or h".into())
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let config = run::read_config(args.config.as_deref(), &args.script)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    if args.data.is_empty() && args.influx.client()?.is_none() {
        return usage("no data: give --data or --influxdb");
    }
    if args.watch {
        return watch::run(args, &config);
    }
    let reading = reading(args);
    let progress = Progress::start(args, &reading);
    let mut pace = args.real_clock.then(Pace::default);
    if args.influx.save.is_some() && args.data.len() > 1 {
        return usage("--save keeps one recording: give one --data, or --influxdb");
    }
    if tick::is_script(&args.script) {
        return tick::run(args, config, &reading, &progress, pace);
    }
    if args.influx.write {
        return usage("--write is for |influxDBOut() of a TICKscript; here use --format lp");
    }
    let variants = sweep::variants(args)?;
    let labels = args.labels.as_deref().map(Labels::read).transpose()?;
    let mut pipeline = pipeline(args, &config, &variants)?;
    let started = Instant::now();
    let mut judge = Judge::new(labels, &variants);
    let played = play(args, &reading, &mut pipeline, &progress, pace.as_mut(), |pipeline, path| {
        let Some(labels) = &judge.labels else { return Ok(()) };
        if labels.by_file() {
            pipeline.finish()?;
            judge.add(pipeline, path)?;
            pipeline.instances = instances(args, &config, &variants)?.0;
            pipeline.windows = windows(args);
        }
        Ok(())
    });
    let finished = pipeline.finish();
    progress.bar.finish_and_clear();
    if [played.as_ref().err().and_then(|e| e.downcast_ref()), finished.as_ref().err()]
        .into_iter()
        .flatten()
        .any(is_closed)
    {
        return Ok(()); // Whoever read the output, `head` for example, has seen enough.
    }
    played?;
    finished?;
    judge.finish(&mut pipeline, args.data.last().map_or(Path::new(""), |p| p))?;
    judge.report(args, &variants)?;
    summarise(&pipeline.summary, reading.skipped.get(), started.elapsed());
    Ok(())
}

fn reading(args: &Args) -> Reading {
    Reading {
        precision: args.precision.unwrap_or_default(),
        skip_bad_lines: args.skip_bad_lines,
        csv: CsvReading {
            time_column: args.time_column.clone(),
            field_columns: args.field_columns.clone(),
            tag_columns: args.tag_columns.clone(),
            measurement: args.measurement.clone(),
            unit: args.precision,
        },
        ..Reading::default()
    }
}

fn is_closed(error: &ReplayError) -> bool {
    matches!(error, ReplayError::Write(e) if e.kind() == std::io::ErrorKind::BrokenPipe)
}

fn play(
    args: &Args,
    reading: &Reading,
    pipeline: &mut Pipeline,
    progress: &Progress,
    mut pace: Option<&mut Pace>,
    mut after_file: impl FnMut(&mut Pipeline, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut sources = Vec::new();
    if args.data.is_empty() {
        let query = influxdb::query(args);
        let wanted = query.as_ref().map_or(Wanted::Stream(None), |q| Wanted::Queries(vec![q]));
        sources.push((Path::new("InfluxDB"), Some(influxdb::open(args, wanted)?)));
    }
    sources.extend(args.data.iter().map(|path| (path.as_path(), None)));
    for (path, source) in sources {
        let source = source.map_or_else(|| source::open(path, reading), Ok)?;
        let mut source = influxdb::saved(args, source)?;
        let mut count = 0u32;
        pipeline.play(&mut *source, &mut |time| {
            if let Some(pace) = &mut pace {
                pace.wait_for(time);
            }
            count = count.wrapping_add(1);
            if count.is_multiple_of(1024) {
                progress.bar.set_position(reading.bytes.get());
            }
        })?;
        after_file(pipeline, path)?;
    }
    Ok(())
}

fn pipeline(args: &Args, config: &Config, variants: &[Variant]) -> anyhow::Result<Pipeline> {
    if sweep::judges(args) && variants.iter().any(|v| v.conditions.is_empty()) {
        return usage("what --labels and --sweep judge are alerts: give --crit, --warn or --info");
    }
    let (instances, wants) = instances(args, config, variants)?;
    if wants == EdgeType::Stream && args.period.is_some() {
        return usage("the script wants a stream of points: leave out --period and --every");
    }
    let stdout = SharedStdout::default();
    let has_alerts = instances.iter().any(|instance| !instance.watches.is_empty());
    let shown = has_alerts && args.sweep.is_empty();
    Ok(Pipeline {
        measurement: args.measurement.clone(),
        grouping: grouping(args),
        windows: windows(args),
        wants,
        instances,
        output: output(args, has_alerts, &stdout)?,
        alerts: shown.then(|| Sink::new(Box::new(stdout), format(args))),
        every_alert: args.every_alert,
        own_init: !args.options.is_empty() || args.each.is_some() || variants.len() > 1,
        summary: Summary::default(),
        record: has_alerts.then(|| Record::new(variants.len())).filter(|_| sweep::judges(args)),
    })
}

/// What plays data that arrives live.
pub(super) fn live(args: &Args, config: &Config) -> anyhow::Result<Pipeline> {
    let pipeline = pipeline(args, config, &sweep::variants(args)?)?;
    if pipeline.wants == EdgeType::Batch && pipeline.windows.is_none() {
        return usage("the script wants batches: make windows with --period 5m --every 5m");
    }
    Ok(pipeline)
}

fn windows(args: &Args) -> Option<Windows> {
    if args.influx.query.is_some() {
        return None;
    }
    args.period.zip(args.every).map(|(period, every)| {
        Windows::new(Windowing { period, every, align: args.align, fill_period: false })
    })
}

/// The script once for each value of `--each` and each set of options that is swept; variants that
/// differ in conditions only share one.
fn instances(
    args: &Args,
    config: &Config,
    variants: &[Variant],
) -> anyhow::Result<(Vec<Instance>, EdgeType)> {
    let mut instances = Vec::new();
    let mut wants = EdgeType::Stream;
    let each = args.each.iter().flat_map(|(name, values)| {
        values.split(',').map(move |value| Some((name.clone(), value.to_owned())))
    });
    let each: Vec<_> = if args.each.is_some() { each.collect() } else { vec![None] };
    for chosen in each {
        let first = instances.len();
        let mut made: Vec<&[(String, String)]> = Vec::new();
        for (number, variant) in variants.iter().enumerate() {
            let known = made.iter().position(|options| **options == variant.options);
            let at = first + known.unwrap_or(made.len());
            if known.is_none() {
                let mut options = variant.options.clone();
                options.extend(chosen.clone());
                let (instance, wanted) = instance(args, config, &options)?;
                wants = wanted;
                made.push(&variant.options);
                instances
                    .push(Instance { label: label(args, variant, chosen.as_ref()), ..instance });
            }
            let rules = rules(variant)?;
            if !rules.is_empty() {
                instances[at].watches.push(Watch { variant: number, alerts: Alerts::new(rules) });
            }
        }
    }
    Ok((instances, wants))
}

fn label(args: &Args, variant: &Variant, each: Option<&(String, String)>) -> String {
    let swept = variant.options[args.options.len()..].iter();
    let mut parts: Vec<String> = swept.map(|(name, value)| format!("{name}={value}")).collect();
    parts.extend(each.map(|(_, value)| value.clone()));
    parts.join(" ")
}

/// One use of the script; a capture that brings its own `init` needs none from here.
fn instance(
    args: &Args,
    config: &Config,
    options: &[(String, String)],
) -> anyhow::Result<(Instance, EdgeType)> {
    let handler = ScriptHandler::load(&args.script, config.clone(), &Pulse::default());
    let declaration = handler.program().map_err(Clone::clone)?.declaration().clone();
    let mut udf = Udf::new(handler);
    let capture = |path: &PathBuf| path.to_string_lossy().trim_end_matches(".gz").ends_with(".bin");
    if !options.is_empty() || args.data.is_empty() || !args.data.iter().all(capture) {
        let request = declaration.request(options);
        let fitting = request.and_then(|request| declaration.bind(&request).map(|_| request));
        let request = match fitting {
            Ok(request) => request,
            Err(problems) => return usage(&problems.join("; ")),
        };
        udf.init(request)?;
    }
    let instance = Instance { label: String::new(), udf, watches: Vec::new() };
    Ok((instance, declaration.wants))
}

fn rules(variant: &Variant) -> anyhow::Result<Rules> {
    let compile = |name: &str| -> anyhow::Result<Option<Expression>> {
        let text = variant.conditions.iter().find(|(level, _)| level == name);
        let compiled = text.map(|(_, text)| Expression::compile(text)).transpose();
        compiled.with_context(|| format!("--{name}"))
    };
    Ok(Rules { info: compile("info")?, warn: compile("warn")?, crit: compile("crit")? })
}

fn grouping(args: &Args) -> Option<Grouping> {
    (!args.group_by.is_empty()).then(|| Grouping::by(&args.group_by))
}

/// The output goes to its file, or to standard output if it is asked for or there are no alerts.
fn output(args: &Args, has_alerts: bool, stdout: &SharedStdout) -> anyhow::Result<Option<Sink>> {
    let writer: Box<dyn Write> = match &args.output {
        Some(path) => {
            let file = std::fs::File::create(path)
                .with_context(|| format!("{}: cannot be written", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None if args.format.is_none() && has_alerts || sweep::judges(args) => return Ok(None),
        None => Box::new(stdout.clone()),
    };
    Ok(Some(Sink::new(writer, format(args))))
}

/// Standard output, shared by the output and the alerts so that they come in order.
#[derive(Clone)]
struct SharedStdout(Rc<RefCell<BufWriter<Stdout>>>);

impl Default for SharedStdout {
    fn default() -> Self {
        Self(Rc::new(BufWriter::with_capacity(1 << 16, Stdout).into()))
    }
}

impl Write for SharedStdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

fn format(args: &Args) -> Format {
    match args.format {
        None | Some(FormatName::Table) => Format::Table,
        Some(FormatName::Json) => Format::Json,
        Some(FormatName::Lp) => Format::LineProtocol,
    }
}

pub(super) fn summarise(summary: &Summary, skipped: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    let mut line = format!(
        "{} points in, {} batches; {} points out",
        summary.points_in, summary.batches_in, summary.points_out
    );
    if summary.batches_out > 0 {
        line += &format!(" in {} batches", summary.batches_out);
    }
    line += &format!("; {} alerts", summary.alerts);
    if skipped > 0 {
        line += &format!("; {skipped} bad lines skipped");
    }
    let speed = summary.points_in as f64 / seconds.max(1e-9);
    line += &format!("; {seconds:.2} s, {speed:.0} points/s");
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A bar on a terminal, nothing elsewhere.
pub(super) struct Progress {
    pub(super) bar: ProgressBar,
}

impl Progress {
    fn start(args: &Args, _: &Reading) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |m| m.len());
        let bar = ProgressBar::new(args.data.iter().map(size).sum());
        let style = ProgressStyle::with_template("{bar:40} {percent}% {elapsed} (eta {eta})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }
}

/// Holds the replay back to the pace of the data.
#[derive(Default)]
pub(super) struct Pace {
    start: Option<(Instant, i64)>,
}

impl Pace {
    pub(super) fn wait_for(&mut self, time: i64) {
        let (started, first) = *self.start.get_or_insert((Instant::now(), time));
        let due = Duration::from_nanos(u64::try_from(time.saturating_sub(first)).unwrap_or(0));
        if let Some(rest) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(rest);
        }
    }
}
