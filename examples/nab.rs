//! Scores the series of the Numenta Anomaly Benchmark with `AnomalyScore`.
//!
//! `nab DATA RESULTS` reads DATA/CATEGORY/NAME.csv(.gz), with the columns timestamp and value, and
//! writes RESULTS/CATEGORY/NAME.csv with timestamp, value and anomaly_score, as NAB's scorer wants it.

#![allow(clippy::print_stderr)]

use std::{
    env,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use rhai_udf::stats::anomaly::AnomalyScore;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [data, results] = &arguments[..] else {
        bail!("usage: nab DATA RESULTS");
    };
    let (mut values, mut spent) = (0, Duration::ZERO);
    for source in series(data)? {
        let name = source.strip_prefix(data)?;
        let name = PathBuf::from(name.to_string_lossy().trim_end_matches(".gz"));
        let target = results.join(&name);
        let (n, took) = score(&source, &target).with_context(|| source.display().to_string())?;
        values += n;
        spent += took;
    }
    let each = spent.as_nanos() / (values.max(1) as u128);
    eprintln!("{values} values, {each} ns each");
    Ok(())
}

fn series(data: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for category in fs::read_dir(data)? {
        let category = category?.path();
        if category.is_dir() {
            for file in fs::read_dir(category)? {
                found.push(file?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn score(source: &Path, target: &Path) -> Result<(usize, Duration)> {
    let file = File::open(source)?;
    let text: Box<dyn Read> = match source.extension() {
        Some(extension) if extension == "gz" => Box::new(GzDecoder::new(file)),
        _ => Box::new(file),
    };
    let rows: Vec<(String, f64)> =
        csv::Reader::from_reader(text).deserialize().collect::<Result<_, _>>()?;
    let mut detector = AnomalyScore::new();
    let start = Instant::now();
    let scores: Vec<f64> =
        rows.iter().map(|&(_, value)| detector.push(value)).collect::<Result<_, _>>()?;
    let took = start.elapsed();
    fs::create_dir_all(target.parent().context("no folder to write to")?)?;
    let mut out = csv::Writer::from_path(target)?;
    out.write_record(["timestamp", "value", "anomaly_score"])?;
    for ((time, value), score) in rows.iter().zip(&scores) {
        out.serialize((time, value, score))?;
    }
    out.flush()?;
    Ok((rows.len(), took))
}
