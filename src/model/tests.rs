//! No bytes make a model panic or hang, and a row alone gives the bits that it has in a batch.

mod answers;

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const MODELS: [&str; 22] = [
    "logreg_names.onnx",
    "logreg2.onnx",
    "mlp_reg.onnx",
    "pca_error.onnx",
    "svc2.onnx",
    "torch_lstm.onnx",
    "xgb_clf2.onnx",
    "lgbm_reg.onnx",
    "cb_reg.cbm",
    "cb_reg.cb.json",
    "xgb_clf2.xgb.json",
    "lgbm_reg.txt",
    "boosters/xgb_three.ubj",
    "boosters/xgb_categories_gaps_4.ubj",
    "boosters/lgb_categories.txt",
    "boosters/cb_lossguide_three.cbm",
    "estimators/isolation_forest.onnx",
    "estimators/knn_imputer.onnx",
    "estimators/svr_linear.onnx",
    "networks/autoencoder_gru.onnx",
    "networks/transformer.onnx",
    "networks/qdq_convolutions_qint8_shifted.onnx",
];

fn bytes(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    std::fs::read(folder.join(name)).unwrap()
}

/// Loads a model and lets it predict for one row, within bounds of time and memory.
fn try_out(bytes: &[u8]) {
    let Ok(model) = Model::load(bytes, DEFAULT_LIMIT) else { return };
    let Ok(layout) = model.layout() else { return };
    let steps = if let Layout::Window { steps, .. } = layout { steps } else { 1 };
    let Some(count) = steps.checked_mul(layout.columns()).filter(|&count| count < 100_000) else {
        return;
    };
    let text = model.text_columns().into_iter().enumerate().filter(|(_, text)| *text);
    let texts = text.map(|(at, _)| (at, vec!["north".into(); steps])).collect();
    let rows = Rows { rows: steps, numbers: vec![0.5; count], texts };
    let end = Instant::now() + Duration::from_secs(5);
    let stop = || Instant::now() > end;
    let _ = model.predict(rows, &Run::new(&stop, 64 << 20));
    assert!(Instant::now() < end + Duration::from_secs(5), "the run did not stop");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_change_of_a_models_bytes_makes_it_panic(
        which in 0..MODELS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = bytes(MODELS[which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        try_out(&bytes);
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_out(&bytes);
    }
}

#[test]
fn a_row_alone_gives_the_bits_that_it_has_in_a_batch() {
    let run = Run::new(&|| false, usize::MAX);
    let number = |at: usize| (at as f32 * 0.7).sin() * 40.0 + 60.0;
    for name in MODELS {
        let model = Model::load(&bytes(name), DEFAULT_LIMIT).unwrap();
        let layout = model.layout().unwrap();
        let steps = if let Layout::Window { steps, .. } = layout { steps } else { 1 };
        let width = steps * layout.columns();
        let numbers: Vec<f32> = (0..width * 40).map(number).collect();
        let rows = |rows, numbers| Rows { rows, numbers, texts: Vec::new() };
        let batch = model.predict(rows(40 * steps, numbers.clone()), &run).unwrap();
        for at in 0..40 {
            let row = numbers[at * width..(at + 1) * width].to_vec();
            let alone = model.predict(rows(steps, row), &run).unwrap();
            for (one, all) in alone.answers.iter().zip(&batch.answers) {
                let k = one.values.len();
                let same = match (one.values.data(), all.values.data()) {
                    (Data::Float(a), Data::Float(b)) => a[..] == b[at * k..(at + 1) * k],
                    (Data::Int(a), Data::Int(b)) => a[..] == b[at * k..(at + 1) * k],
                    (Data::Text(a), Data::Text(b)) => a[..] == b[at * k..(at + 1) * k],
                    _ => false,
                };
                assert!(same, "{name}, row {at}, {:?}", one.name);
            }
        }
    }
}

#[test]
fn a_model_stops_when_it_is_asked_to() {
    let model = Model::load(&bytes("svc2.onnx"), DEFAULT_LIMIT).unwrap();
    let rows = Rows { rows: 20_000, numbers: vec![1.0; 100_000], texts: Vec::new() };
    let error = model.predict(rows, &Run::new(&|| true, usize::MAX)).unwrap_err();
    assert!(matches!(error, ModelError::Stopped), "{error}");
    let rows = Rows { rows: 20_000, numbers: vec![1.0; 100_000], texts: Vec::new() };
    let error = model.predict(rows, &Run::new(&|| false, 10_000)).unwrap_err();
    assert!(matches!(error, ModelError::Memory { .. }), "{error}");
}
