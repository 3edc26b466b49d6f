//! How fast a trained model is.

use super::{Args, Format};
use crate::cli::args::{MadeArgs, MeasureArgs};
use crate::cli::play::progress;
use crate::cli::{logging, model, run as config, stdout, usage};
use anyhow::Context;
use rhai_udf::model::{Layout, Model, Rows, Run};
use serde_json::json;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

/// The rows of a batch.
const BATCH: usize = 300;

/// The ends of the names of files that are models.
const MODELS: [&str; 5] = ["onnx", "cbm", "ubj", "json", "txt"];

pub(super) fn is_model(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| MODELS.contains(&extension))
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let measure = &args.measure;
    if let Some(name) = for_scripts(measure) {
        return usage(&format!(
            "{name} does not apply to a model, which is measured on rows that bench makes; measure a script that uses the model"
        ));
    }
    let file = &measure.script;
    let config = config::read_config(measure.config.as_deref(), file)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    let model = model::load(file, &config)?;
    let place = || format!("model {}", file.display());
    let made = Made::new(&model, measure.made.points as usize).with_context(place)?;
    let (mut alone, mut batches) = (Vec::new(), Vec::new());
    let bar = progress(args.rounds.into());
    for _ in 0..args.rounds {
        alone.push(made.seconds(&model, 1).with_context(place)?);
        batches.push(made.seconds(&model, BATCH).with_context(place)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let columns = made.layout.columns();
    if args.format == Format::Json {
        let figures = json!({
            "format": model.format.to_string(),
            "bytes": model.bytes,
            "features": columns,
            "ns_per_prediction": each(&mut alone, made.count) * 1e9,
            "ns_per_prediction_in_batch": each(&mut batches, made.count) * 1e9,
            "batch": BATCH,
        });
        return stdout::print(&format!("{}\n", serde_json::to_string_pretty(&figures)?));
    }
    let shape = match made.layout {
        Layout::Table { .. } => format!("{columns} features"),
        Layout::Window { steps, .. } => format!("windows of {steps} rows with {columns} features"),
    };
    stdout::print(&format!(
        "model       {}, {} bytes, {shape}\n{}{}",
        model.format,
        model.bytes,
        figures("alone", alone, made.count),
        figures("batch", batches, made.count),
    ))
}

/// An option that is given and says something of a script or of its data.
fn for_scripts(measure: &MeasureArgs) -> Option<&'static str> {
    let MeasureArgs { data, shape, made, .. } = measure;
    let given = [
        ("--data", !data.files.is_empty()),
        ("--measurement", data.measurement.is_some()),
        ("--precision", data.precision.is_some()),
        ("--time-column", data.time_column.is_some()),
        ("--field-columns", !data.field_columns.is_empty()),
        ("--tag-columns", !data.tag_columns.is_empty()),
        ("--skip-bad-lines", data.skip_bad_lines),
        ("--set", !shape.options.is_empty()),
        ("--group-by", !shape.group_by.is_empty()),
        ("--period", shape.period.is_some()),
        ("--every", shape.every.is_some()),
        ("--align", shape.align),
        ("--groups", made.groups != MadeArgs::GROUPS),
        ("--fields", made.fields != MadeArgs::FIELDS),
    ];
    given.into_iter().find_map(|(name, given)| given.then_some(name))
}

/// The median time of a prediction.
fn each(seconds: &mut [f64], count: usize) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds[seconds.len() / 2] / count as f64
}

fn figures(name: &str, mut seconds: Vec<f64>, count: usize) -> String {
    let each = each(&mut seconds, count);
    let of = if name == "batch" { format!(", in batches of {BATCH}") } else { String::new() };
    format!("{name:11} {:.0} predictions/s, {:.0} ns each{of}\n", 1.0 / each, each * 1e9)
}

/// Rows of numbers, each another one.
struct Made {
    layout: Layout,
    /// How many predictions are asked for.
    count: usize,
    numbers: Vec<f32>,
}

impl Made {
    fn new(model: &Model, points: usize) -> anyhow::Result<Self> {
        let layout = model.layout()?;
        if model.text_columns().contains(&true) {
            return usage(
                "the model has columns of strings, whose values bench cannot make; measure a script that uses the model, with --data",
            );
        }
        let width = match layout {
            Layout::Table { columns } => columns,
            Layout::Window { steps, columns } => steps * columns,
        };
        let number = |at: usize| (at as f32 * 0.7).sin() * 40.0 + 60.0;
        let numbers = (0..width * BATCH).map(number).collect();
        Ok(Self { layout, count: points.next_multiple_of(BATCH), numbers })
    }

    /// The time for all predictions, so many of them at once.
    fn seconds(&self, model: &Model, together: usize) -> anyhow::Result<f64> {
        let steps = if let Layout::Window { steps, .. } = self.layout { steps } else { 1 };
        let width = self.numbers.len() / BATCH;
        let began = Instant::now();
        for at in (0..self.count).step_by(together) {
            let first = at % BATCH * width;
            let numbers = self.numbers[first..first + together * width].to_vec();
            let rows = Rows { rows: together * steps, numbers, texts: Vec::new() };
            black_box(model.predict(rows, &Run::new(&|| false, usize::MAX))?);
        }
        Ok(began.elapsed().as_secs_f64())
    }
}
