//! `model`: prints the inputs and outputs of a trained model, or runs it on given inputs.

use anyhow::Context;
use rhai_udf::model::{Labels, Model, ModelError, Port, Run, advice, json};
use rhai_udf::script::config::Config;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Print the inputs and outputs of a trained model; with --run, run it on given inputs
///
/// ONNX, CatBoost (JSON and .cbm), XGBoost (JSON and UBJSON) and LightGBM (text) are read.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model
    file: PathBuf,
    /// Run the model on these inputs, as JSON: {"inputs": {NAME: {"type", "shape", "data"}}};
    /// the outputs are printed in the same form
    #[arg(long, value_name = "INPUTS.json")]
    run: Option<PathBuf>,
    /// The configuration, for the limits of models; default: rhai-udf.toml beside the model
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let config = super::run::read_config(args.config.as_deref(), &args.file)?;
    let model = load(&args.file, &config)?;
    let text = match &args.run {
        None => describe(&args.file, &model),
        Some(inputs) => outputs(&model, inputs, &config)
            .with_context(|| format!("model {}", args.file.display()))?,
    };
    super::stdout::print(&format!("{text}\n"))
}

pub(super) fn load(file: &Path, config: &Config) -> anyhow::Result<Model> {
    let place = || format!("model {}", file.display());
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if let Some((what, advice)) = advice::by_extension(extension) {
        return Err(ModelError::Python { what, advice }).with_context(place);
    }
    let limit = if config.limits.model == 0 { u64::MAX } else { config.limits.model };
    let mut bytes = Vec::new();
    // Reading stops at the limit, if the file grows while it is read or is a device without an end.
    let opened = std::fs::File::open(file);
    opened
        .and_then(|opened| opened.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .with_context(|| format!("model {}: cannot be read", file.display()))?;
    Model::load(&bytes, limit).with_context(place)
}

fn outputs(model: &Model, file: &Path, config: &Config) -> anyhow::Result<String> {
    let place = || format!("inputs {}", file.display());
    let text = std::fs::read_to_string(file).with_context(place)?;
    let document: serde_json::Value = serde_json::from_str(&text).with_context(place)?;
    let inputs = json::inputs(&document).with_context(place)?;
    let (start, limits) = (Instant::now(), &config.limits);
    let budget = limits.call_budget().unwrap_or(Duration::MAX);
    let stop = || start.elapsed() > budget;
    let memory = if limits.memory == 0 { usize::MAX } else { limits.memory as usize };
    let outputs = model.run(&inputs, &Run::new(&stop, memory))?;
    Ok(json::outputs(&outputs).to_string())
}

fn describe(file: &Path, model: &Model) -> String {
    let mut text = format!("{}: {}", file.display(), model.format);
    if !model.producer.is_empty() {
        let _ = write!(text, " by {}", model.producer);
    }
    let _ = write!(text, ", {} bytes, digest {}", model.bytes, &model.digest[..12]);
    ports(&mut text, "input", &model.inputs);
    ports(&mut text, "output", &model.outputs);
    if let Some(labels) = &model.labels {
        let names = match labels {
            Labels::Ints(v) => v.iter().map(ToString::to_string).collect::<Vec<_>>(),
            Labels::Texts(v) => v.iter().map(|text| format!("\"{text}\"")).collect(),
        };
        let _ = write!(text, "\n  labels     {}", names.join(", "));
    }
    let _ = match &model.features {
        Some(features) => write!(text, "\n  features   {}", features.join(", ")),
        None => write!(
            text,
            "\n  features   without names: a script has to name them, model(\"{}\", #{{ features: [\"…\"] }})",
            file.file_name().unwrap_or_default().to_string_lossy()
        ),
    };
    let _ = write!(text, "\n  operators  {}", model.operators.join(", "));
    text
}

fn ports(text: &mut String, what: &str, ports: &[Port]) {
    for port in ports {
        let _ = write!(text, "\n  {what:9}  {port}");
    }
}
