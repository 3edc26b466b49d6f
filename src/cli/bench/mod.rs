//! `bench`: how fast a script is, and where the time goes.
//!
//! Everything runs in memory, in the same session that serves the daemon. Reading and writing by a process come in
//! addition; `benches/peer/` measures them.

mod feed;
mod model;
mod native;
mod report;

use super::args::MeasureArgs;
use super::plan::{Input, Plan};
use super::play::progress;
use super::{logging, run, stdout, usage};
use anyhow::bail;
use feed::Feed;
use native::PassOn;
use prost::Message;
use report::Report;
use rhai_udf::agent::{Counts, Handler, Pulse, Session};
use rhai_udf::protocol::frame::split_first;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::protocol::message::{InitRequest, RequestMessage, request, response, responses};
use rhai_udf::protocol::{Point, Request};
use rhai_udf::replay::source::MadeUp;
use rhai_udf::replay::task::{ScriptTask, Task};
use rhai_udf::script::ScriptHandler;
use std::time::{Duration, Instant};

/// About as many bytes as the agent reads at once: the data arrives in pieces of this size.
const READ: usize = 128 * 1024;

/// Points on which a script shows what fields it looks for.
const FEW: u32 = 100;

/// Fields after which no more of them are sought.
const MANY: usize = 2_000;

/// Points of the output that the encoding is measured on.
const SAMPLE: usize = 10_000;

/// Measure a script: throughput, latency, memory, and where the time goes; or a trained model
///
/// Without --data, the data is generated: the points have fields f0, f1, …, those that the options `field` and
/// `fields` name, those that the script reads, and the features of its models. A script that wants batches gets
/// windows. A trained model is measured on generated rows.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    measure: MeasureArgs,
    /// The number of rounds; medians are shown
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// The format of the figures
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object; times in seconds, unless their names say otherwise
    Json,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let measure = &args.measure;
    if model::is_model(&measure.script) {
        return model::run(args, level);
    }
    let config = run::read_config(measure.config.as_deref(), &measure.script)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    let mut plan = Plan::measured(measure, config)?;
    let Task::Script(task) = &plan.task else { return usage("bench measures a script on data") };
    let declaration = load(task).program().map_err(Clone::clone)?.declaration().clone();
    if let Some(Input::Made(made)) = &plan.input
        && let Ok(init) = declaration.request(&measure.shape.options)
    {
        let fields = sought(&plan, made, &init, declaration.wants)?;
        plan.input = Some(Input::Made(MadeUp { fields, ..made.clone() }));
    }
    let (Task::Script(task), Some(input)) = (&plan.task, &plan.input) else {
        return usage("bench measures a script on data");
    };
    let mut feed = Feed::read(&plan, task, input, declaration.wants)?;
    let captured = feed.init.take().filter(|_| task.captured_options);
    let request = match captured {
        Some(init) => Ok(init),
        None => declaration.request(&measure.shape.options),
    };
    let init = match request.and_then(|init| declaration.bind(&init).map(|_| init)) {
        Ok(init) => init,
        Err(problems) => return usage(&problems.join("; ")),
    };
    if feed.points == 0 {
        return usage("the data has no points, or no whole window for a script that wants batches");
    }
    let report = Bench { task, feed: &feed, init: &init, rounds: args.rounds }.measure()?;
    stdout::print(&match args.format {
        Format::Text => report.to_string(),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&report.json())?),
    })
}

/// The fields of made points, with those that the script looks for on a few of them.
fn sought(
    plan: &Plan,
    made: &MadeUp,
    init: &InitRequest,
    wants: EdgeType,
) -> anyhow::Result<Vec<String>> {
    let Task::Script(task) = &plan.task else { return Ok(made.fields.clone()) };
    let mut few = MadeUp { points: made.points.min(FEW), groups: 1, fields: made.fields.clone() };
    loop {
        let feed = Feed::read(plan, task, &Input::Made(few.clone()), wants)?;
        let Ok(mut session) = begin(load(task), init) else { return Ok(few.fields) };
        // If the script fails here, it fails again when it is measured, and that is reported.
        let _ = pass(&mut session, &feed);
        let mut names = session.handler().sought();
        names.retain(|name| !few.fields.contains(name));
        names.sort();
        names.dedup();
        if names.is_empty() || few.fields.len() > MANY {
            return Ok(few.fields);
        }
        few.fields.extend(names);
    }
}

fn load(task: &ScriptTask) -> ScriptHandler {
    ScriptHandler::load(&task.script, task.config.clone(), &Pulse::default())
}

/// What is measured.
struct Bench<'b> {
    task: &'b ScriptTask,
    feed: &'b Feed,
    init: &'b InitRequest,
    rounds: u32,
}

impl Bench<'_> {
    /// The script and the native handler take turns, so that a busy machine affects both equally.
    fn measure(&self) -> anyhow::Result<Report> {
        let Self { task, feed, init, rounds } = *self;
        let (mut scripts, mut natives, mut decodes) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = None;
        // One more for the latencies, which are measured at the end.
        let bar = progress(u64::from(rounds) + 1);
        for _ in 0..rounds {
            let mut session = begin(load(task), init)?;
            scripts.push(pass(&mut session, feed)?);
            last = Some(session);
            natives.push(pass(&mut begin(PassOn::new(feed.wants), init)?, feed)?);
            decodes.push(decode(feed)?);
            bar.inc(1);
        }
        let Some(mut session) = last else { bail!("the data was too short to measure anything") };
        let counts = session.counts();
        let (snapshot_size, snapshot_time) = snapshot(session.handler())?;
        let groups = session.handler().group_count();
        let (latencies, sample) = latencies(&mut begin(load(task), init)?, feed)?;
        bar.finish_and_clear();
        Ok(Report {
            points: feed.points,
            windows: feed.windows,
            input: feed.bytes.len(),
            counts,
            script: median(scripts),
            native: median(natives),
            decode: median(decodes),
            encode: encode(&sample, counts),
            latencies,
            groups,
            snapshot_size,
            snapshot_time,
            wants: feed.wants,
        })
    }
}

/// A session that has accepted `init`.
fn begin<H: Handler>(handler: H, init: &InitRequest) -> anyhow::Result<Session<H>> {
    let message = Some(request::Message::Init(init.clone()));
    let mut session = Session::new(handler);
    session.handle(&RequestMessage { message }.encode_to_vec())?;
    if let Some(response::Message::Init(answer)) =
        responses(session.output().committed()).next().transpose()?
        && !answer.success
    {
        return usage(&format!("init is refused: {}", answer.error));
    }
    session.output().clear();
    Ok(session)
}

/// All of the data, as the agent's loop hands it over.
fn pass<H: Handler>(session: &mut Session<H>, feed: &Feed) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut arrived = 0;
    for frame in feed.frames() {
        session.handle(frame)?;
        arrived += frame.len();
        if arrived >= READ {
            session.ready()?;
            arrived = 0;
        }
        session.output().clear();
    }
    session.ready()?;
    session.output().clear();
    Ok(began.elapsed())
}

/// The time of each point that arrives alone, or of each window, in order of size; and what was
/// written.
fn latencies(
    session: &mut Session<ScriptHandler>,
    feed: &Feed,
) -> anyhow::Result<(Vec<Duration>, Vec<Point>)> {
    let mut times = Vec::with_capacity(feed.windows.max(feed.points));
    let mut sample = Vec::new();
    let mut waited = Duration::ZERO;
    for frame in feed.frames() {
        let began = Instant::now();
        session.handle(frame)?;
        session.ready()?;
        waited += began.elapsed();
        if !session.in_batch() {
            times.push(std::mem::take(&mut waited));
        }
        if sample.len() < SAMPLE {
            take_points(session.output().committed(), &mut sample)?;
        }
        session.output().clear();
    }
    times.sort_unstable();
    Ok((times, sample))
}

/// The points among the frames; a point is the same in a request and in a response.
fn take_points(mut bytes: &[u8], points: &mut Vec<Point>) -> anyhow::Result<()> {
    while let Some((frame, rest)) = split_first(bytes) {
        if let Ok(Request::Point(message)) = Request::decode(frame) {
            points.push(Point::from_message(message)?);
        }
        bytes = rest;
    }
    Ok(())
}

/// The time to read every message.
fn decode(feed: &Feed) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut point = Point::default();
    for frame in feed.frames() {
        if let Request::Point(message) = Request::decode(frame)? {
            point.parse(message)?;
            std::hint::black_box(&point);
        }
    }
    Ok(began.elapsed())
}

/// The time to write as many points as the script wrote, by a sample of them.
fn encode(sample: &[Point], counts: Counts) -> Duration {
    if sample.is_empty() {
        return Duration::ZERO;
    }
    let rounds = SAMPLE.div_ceil(sample.len());
    let mut out = Vec::new();
    let began = Instant::now();
    for _ in 0..rounds {
        for point in sample {
            point.put_frame(&mut out);
            if out.len() > READ {
                out.clear();
            }
        }
    }
    std::hint::black_box(&out);
    let each = began.elapsed().as_secs_f64() / (rounds * sample.len()) as f64;
    Duration::from_secs_f64(each * counts.points_out as f64)
}

fn snapshot(handler: &mut ScriptHandler) -> anyhow::Result<(usize, Duration)> {
    let began = Instant::now();
    match handler.snapshot() {
        Ok(bytes) => Ok((bytes.len(), began.elapsed())),
        Err(error) => bail!("the snapshot failed: {error}"),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
