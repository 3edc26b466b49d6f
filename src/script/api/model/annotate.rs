//! `annotate`: writes predictions directly into the fields of points, without making values for the script.

use super::input::Input;
use super::{Handle, Names, SharedModel};
use crate::model::{AnswerName, Data, Labels, Meaning, Prediction, Rows};
use crate::protocol::FieldValue;
use crate::script::api::{Fallible, SharedBatch, SharedPoint, fail_in};
use crate::script::host::Host;
use rhai::Engine;
use std::fmt::Write;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    let point = move |p: &mut SharedPoint, m: SharedModel, prefix: &str| -> Fallible<()> {
        let rows = Input::of_point(&h, &m.0, &p.read())?;
        let prediction = predict(&h, &m.0, rows)?;
        let mut point = p.change();
        each(&prediction, prefix, |field, data, at, _| point.set_field(field, value(data, at)));
        Ok(())
    };
    engine.register_fn("annotate", point);
    let h = host.clone();
    let batch = move |b: &mut SharedBatch, m: SharedModel, prefix: &str| -> Fallible<()> {
        if b.0.is_empty() {
            return Ok(());
        }
        let rows = Input::of_batch(&h, &m.0, &b.0)?;
        let prediction = predict(&h, &m.0, rows)?;
        let batch = b.change();
        each(&prediction, prefix, |field, data, at, width| {
            batch.set_column(field, |row| Some(value(data, row * width + at)));
        });
        Ok(())
    };
    engine.register_fn("annotate", batch);
}

/// A prediction for each of some points.
fn predict(host: &Host, handle: &Handle, rows: Rows) -> Fallible<Prediction> {
    let loaded = handle.get(host)?;
    let fail = |error: &dyn std::fmt::Display| {
        fail_in("annotate", format_args!("model {}: {error}", loaded.name))
    };
    let labels = handle.settings.labels.as_ref().map(Names::labels);
    let run = host.budget.model_run();
    loaded.model.predict_named(rows, labels.as_ref(), &run).map_err(|error| fail(&error))
}

/// Calls `put` for each field: with its name, the data, the place of the first point's value and the distance to the
/// next point's.
///
/// A class, or the only value, goes to the field `prefix`, the probability of each class to `prefix_CLASS`, all other
/// answers to `prefix_NAME`; a list of numbers without names is numbered.
fn each(prediction: &Prediction, prefix: &str, mut put: impl FnMut(&str, &Data, usize, usize)) {
    let mut field = String::with_capacity(prefix.len() + 32);
    let alone = matches!(&prediction.answers[..], [answer] if !matches!(answer.meaning, Meaning::Classes(_)));
    for answer in &prediction.answers {
        field.clear();
        field.push_str(prefix);
        let short = matches!(answer.name, AnswerName::Label | AnswerName::Probabilities);
        if !alone && !short {
            let _ = write!(field, "_{}", &*answer.name);
        }
        let (values, stem) = (&answer.values, field.len());
        let rows = values.shape().first().copied().unwrap_or(1).max(1);
        let width = values.len() / rows;
        for at in 0..width {
            field.truncate(stem);
            let _ = match &answer.meaning {
                Meaning::Classes(classes) => match &**classes {
                    Labels::Ints(names) => names.get(at).map_or(Ok(()), |n| write!(field, "_{n}")),
                    Labels::Texts(names) => names.get(at).map_or(Ok(()), |n| write!(field, "_{n}")),
                },
                _ if width > 1 => write!(field, "_{at}"),
                _ => Ok(()),
            };
            put(&field, values.data(), at, width);
        }
    }
}

fn value(data: &Data, at: usize) -> FieldValue<'_> {
    match data {
        Data::Float(v) => f64::from(v[at]).into(),
        Data::Double(v) => v[at].into(),
        Data::Int(v) => v[at].into(),
        Data::Bool(v) => v[at].into(),
        Data::Text(v) => FieldValue::String((&*v[at]).into()),
    }
}
