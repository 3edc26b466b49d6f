//! What a prediction costs: a row alone, and a row in a batch of 300.
//!
//! `RHAI_UDF_BENCH_MODELS` names a folder of more models, as `benches/peer/models.py` makes one.

#![allow(missing_docs)] // the macros of criterion make items of their own

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rhai_udf::model::{DEFAULT_LIMIT, Layout, Model, Rows, Run};
use std::hint::black_box;
use std::path::{Path, PathBuf};

const ROWS: usize = 300;

fn files() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let names = ["logreg2.onnx", "mlp_reg.onnx", "svc2.onnx", "xgb_clf2.onnx", "torch_lstm.onnx"];
    let mut files: Vec<PathBuf> = names.iter().map(|name| own.join(name)).collect();
    if let Some(folder) = std::env::var_os("RHAI_UDF_BENCH_MODELS") {
        let entries = std::fs::read_dir(folder).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("an entry can be read").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "onnx")));
    }
    files
}

fn predictions(c: &mut Criterion) {
    for file in files() {
        let bytes = std::fs::read(&file).expect("the model can be read");
        let model = Model::load(&bytes, DEFAULT_LIMIT).expect("the model is whole");
        let layout = model.layout().expect("the model takes rows");
        let steps = if let Layout::Window { steps, .. } = layout { steps } else { 1 };
        let width = steps * layout.columns();
        let number = |at: usize| (at as f32 * 0.7).sin() * 40.0 + 60.0;
        let numbers: Vec<f32> = (0..width * ROWS).map(number).collect();
        // The memory of a run is that of one call.
        let run = || Run::new(&|| false, 64 << 20);
        let rows = |count: usize, numbers: &[f32]| Rows {
            rows: count * steps,
            numbers: numbers.to_vec(),
            texts: Vec::new(),
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut group = c.benchmark_group(format!("model/{name}"));
        let mut at = 0;
        group.bench_function("alone", |b| {
            b.iter(|| {
                at = (at + 1) % ROWS;
                let row = rows(1, &numbers[at * width..(at + 1) * width]);
                black_box(model.predict(row, &run()).expect("a prediction"))
            });
        });
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("batch", |b| {
            b.iter(|| black_box(model.predict(rows(ROWS, &numbers), &run()).expect("predictions")));
        });
        group.finish();
    }
}

criterion_group!(benches, predictions);
criterion_main!(benches);
