//! The answers of a model, as values of a script.

use crate::model::{Answer, Data, Labels, Meaning, Prediction, Tensor, Value};
use crate::script::api::series::Series;
use rhai::{Array, Dynamic, ImmutableString, Map};

/// The names of classes.
pub(super) fn labels(labels: &Labels) -> Array {
    match labels {
        Labels::Ints(v) => v.iter().map(|x| Dynamic::from(*x)).collect(),
        Labels::Texts(v) => v.iter().map(|x| text(x)).collect(),
    }
}

fn text(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

fn element(data: &Data, at: usize) -> Dynamic {
    match data {
        Data::Float(v) => f64::from(v[at]).into(),
        Data::Double(v) => v[at].into(),
        Data::Int(v) => v[at].into(),
        Data::Bool(v) => v[at].into(),
        Data::Text(v) => text(&v[at]),
    }
}

/// The elements of some places: a series of numbers, or an array of strings.
fn column(data: &Data, places: impl Iterator<Item = usize>) -> Dynamic {
    let number = |at: usize| match data {
        Data::Float(v) => v[at].into(),
        Data::Double(v) => v[at],
        Data::Int(v) => v[at] as f64,
        Data::Bool(v) => f64::from(u8::from(v[at])),
        Data::Text(_) => f64::NAN,
    };
    match data {
        Data::Text(_) => places.map(|at| element(data, at)).collect::<Array>().into(),
        _ => Dynamic::from(Series::new(places.map(number).collect())),
    }
}

/// The answer for one row: a value, or a map of outputs.
pub(super) fn one(prediction: &Prediction) -> Dynamic {
    answers(prediction, |answer| {
        let (values, width) = (&answer.values, answer.values.len());
        match &answer.meaning {
            Meaning::Classes(classes) => {
                let number = |(at, name): (usize, _)| (name, element(values.data(), at));
                let names = classes.texts().into_iter().enumerate().take(width);
                names
                    .map(number)
                    .map(|(name, value)| ((&*name).into(), value))
                    .collect::<Map>()
                    .into()
            }
            _ if width == 1 => element(values.data(), 0),
            _ => column(values.data(), 0..width),
        }
    })
}

/// The answer for many rows: series, one for each output and class.
pub(super) fn many(prediction: &Prediction) -> Dynamic {
    answers(prediction, |answer| {
        let values = &answer.values;
        let rows = values.shape().first().copied().unwrap_or(1);
        let width = values.len().checked_div(rows).unwrap_or(0);
        let of = |at: usize| column(values.data(), (0..rows).map(move |row| row * width + at));
        match &answer.meaning {
            Meaning::Classes(classes) => {
                let names = classes.texts().into_iter().enumerate().take(width);
                names.map(|(at, name)| ((&*name).into(), of(at))).collect::<Map>().into()
            }
            _ if width <= 1 => column(values.data(), 0..values.len()),
            _ => (0..width).map(of).collect::<Array>().into(),
        }
    })
}

fn answers(prediction: &Prediction, show: impl Fn(&Answer) -> Dynamic) -> Dynamic {
    if let [answer] = &prediction.answers[..]
        && !matches!(answer.meaning, Meaning::Classes(_))
    {
        return show(answer);
    }
    let named = prediction.answers.iter().map(|answer| ((&*answer.name).into(), show(answer)));
    named.collect::<Map>().into()
}

/// An output of `run` in its own shape: a series for each list of numbers.
pub(super) fn nested(value: &Value) -> Dynamic {
    match value {
        Value::Tensor(tensor) => level(tensor, 0, 0),
        Value::Sequence(tensors) => {
            tensors.iter().map(|t| level(t, 0, 0)).collect::<Array>().into()
        }
        Value::Maps(maps) => {
            let (keys, data) = (maps.keys.texts(), maps.values.data());
            let row = |row: usize| -> Dynamic {
                let number = |(at, key): (usize, &std::sync::Arc<str>)| {
                    ((&**key).into(), element(data, row * keys.len() + at))
                };
                keys.iter().enumerate().map(number).collect::<Map>().into()
            };
            let rows = maps.values.len().checked_div(keys.len()).unwrap_or(0);
            (0..rows).map(row).collect::<Array>().into()
        }
    }
}

fn level(tensor: &Tensor, depth: usize, start: usize) -> Dynamic {
    let sizes = &tensor.shape()[depth..];
    match sizes {
        [] => element(tensor.data(), start),
        [length] => column(tensor.data(), start..start + length),
        [length, inner @ ..] => {
            let inner: usize = inner.iter().product();
            let of = |at: usize| level(tensor, depth + 1, start + at * inner);
            (0..*length).map(of).collect::<Array>().into()
        }
    }
}
