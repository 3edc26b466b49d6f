//! Operators between categories and numbers.

use super::super::kernel::{Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor};
use crate::model::value::Value;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The places of keys of one kind; the first of equal keys counts.
enum Keys {
    Ints(HashMap<i64, usize>),
    Texts(HashMap<Arc<str>, usize>),
    /// Floats by their bits: zeros are one key, and so are all NaNs.
    Floats(HashMap<u64, usize>),
}

fn places<K: Hash + Eq>(keys: impl IntoIterator<Item = K>) -> HashMap<K, usize> {
    let mut places = HashMap::new();
    for (at, key) in keys.into_iter().enumerate() {
        places.entry(key).or_insert(at);
    }
    places
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { (x + 0.0).to_bits() }
}

impl Keys {
    fn of(data: &Data) -> Self {
        match data {
            Data::Int(v) => Self::Ints(places(v.iter().copied())),
            Data::Text(v) => Self::Texts(places(v.iter().cloned())),
            Data::Float(v) => Self::Floats(places(v.iter().map(|&x| bits(x.into())))),
            Data::Double(v) => Self::Floats(places(v.iter().map(|&x| bits(x)))),
            Data::Bool(v) => Self::Ints(places(v.iter().map(|&x| i64::from(x)))),
        }
    }

    /// The place of each element's key.
    fn find(&self, tensor: &Tensor) -> Result<Vec<Option<usize>>> {
        Ok(match (self, tensor.data()) {
            (Self::Texts(keys), Data::Text(v)) => v.iter().map(|x| keys.get(x).copied()).collect(),
            (Self::Ints(keys), Data::Int(v)) => v.iter().map(|x| keys.get(x).copied()).collect(),
            (Self::Ints(keys), Data::Float(_) | Data::Double(_) | Data::Bool(_)) => {
                let whole = |&x: &f64| (x.fract() == 0.0).then_some(x as i64);
                let found = |x: &f64| whole(x).and_then(|x| keys.get(&x).copied());
                tensor.doubles()?.iter().map(found).collect()
            }
            (Self::Floats(keys), data) if !matches!(data, Data::Text(_)) => {
                tensor.doubles()?.iter().map(|&x| keys.get(&bits(x)).copied()).collect()
            }
            (_, data) => {
                let text = format!("a tensor of {} for keys of another kind", data.kind().name());
                return Err(ModelError::Data(text));
            }
        })
    }
}

/// A list from a tensor attribute, or from the attribute of one of three kinds.
fn list(node: &mut Node<'_>, name: &str) -> Result<Data> {
    if let Some(tensor) = node.tensor(&format!("{name}_tensor")) {
        return Ok(tensor.data().clone());
    }
    let texts = node.texts(&format!("{name}_strings"));
    let floats = node.floats(&format!("{name}_floats"))?;
    Ok(match node.ints(&format!("{name}_int64s")) {
        Some(ints) if !ints.is_empty() => Data::Int(ints),
        _ if !floats.is_empty() => Data::Float(floats),
        _ => Data::Text(texts.into_iter().map(Arc::from).collect()),
    })
}

/// Maps keys to values, and unknown keys to a default.
pub(super) fn labels(node: &mut Node<'_>) -> Result<Kernel> {
    // Version 1 has a list of strings, whose places are the values.
    let classes = node.texts("classes_strings");
    if !classes.is_empty() {
        let (texts, ints) = (classes, Vec::new());
        return mapper(
            texts,
            ints,
            node.text("default_string", "_Unused"),
            node.int("default_int64", -1),
        );
    }
    let (keys, mut values) = (list(node, "keys")?, list(node, "values")?);
    if keys.len() != values.len() || keys.is_empty() {
        return Err(ModelError::Damaged(format!(
            "{} keys for {} values",
            keys.len(),
            values.len()
        )));
    }
    let default = node.tensor("default_tensor").map(|tensor| tensor.data().clone());
    let default = default.filter(|data| data.kind() == values.kind() && !data.is_empty());
    let usual = match &values {
        Data::Int(_) | Data::Bool(_) => Data::Int(vec![node.int("default_int64", -1)]),
        Data::Float(_) => Data::Float(vec![node.float("default_float", -0.0)]),
        Data::Double(_) => Data::Double(vec![node.float("default_float", -0.0).into()]),
        Data::Text(_) => Data::Text(vec![node.text("default_string", "_Unused").into()]),
    };
    let keys = Keys::of(&keys);
    let unknown = values.len();
    values.append(&default.unwrap_or(usual), 0..1)?;
    Ok(Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        inputs.run.room(tensor.len(), 24)?;
        let found: Vec<usize> =
            keys.find(tensor)?.into_iter().map(|place| place.unwrap_or(unknown)).collect();
        let data = crate::model::tensor::gather(&values, &found);
        Ok(Tensor::new(*tensor.shape(), data)?.into())
    }))
}

/// `CategoryMapper`: strings to integers, or the other way, by the kind of the input.
pub(super) fn categories(node: &mut Node<'_>) -> Result<Kernel> {
    let (texts, ints) = (node.texts("cats_strings"), node.ints("cats_int64s").unwrap_or_default());
    if texts.len() != ints.len() || texts.is_empty() {
        return Err(ModelError::damaged("categories of different numbers"));
    }
    mapper(texts, ints, node.text("default_string", "_Unused"), node.int("default_int64", -1))
}

/// Strings and integers both ways; without integers, the places of the strings.
fn mapper(
    texts: Vec<String>,
    ints: Vec<i64>,
    default_text: String,
    default_int: i64,
) -> Result<Kernel> {
    let texts: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
    let ints = if ints.is_empty() { (0..texts.len() as i64).collect() } else { ints };
    let (by_text, by_int) = (places(texts.iter().cloned()), places(ints.iter().copied()));
    let default_text: Arc<str> = default_text.into();
    Ok(Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        inputs.run.room(tensor.len(), 16)?;
        let data = match tensor.data() {
            Data::Text(v) => {
                let int = |x| by_text.get(x).map_or(default_int, |&at: &usize| ints[at]);
                Data::Int(v.iter().map(int).collect())
            }
            Data::Int(v) => {
                let text =
                    |x| by_int.get(x).map_or(&default_text, |&at: &usize| &texts[at]).clone();
                Data::Text(v.iter().map(text).collect())
            }
            _ => return Err(ModelError::data("strings or integers are wanted")),
        };
        Ok(Tensor::new(*tensor.shape(), data)?.into())
    }))
}

/// A column for each category; an unknown category gives zeros, or is refused.
pub(super) fn one_hot(node: &mut Node<'_>) -> Result<Kernel> {
    let (texts, ints) = (node.texts("cats_strings"), node.ints("cats_int64s").unwrap_or_default());
    let zeros = node.flag("zeros", true);
    let width = texts.len().max(ints.len());
    if width == 0 || !texts.is_empty() && !ints.is_empty() {
        return Err(ModelError::damaged("categories of one kind are wanted"));
    }
    let keys = if ints.is_empty() {
        Keys::Texts(places(texts.into_iter().map(Arc::from)))
    } else {
        Keys::Ints(places(ints))
    };
    Ok(Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let mut sizes = tensor.shape().to_vec();
        sizes.push(width);
        let shape = Shape::new(&sizes)?;
        inputs.run.room(shape.elements(), 4)?;
        // Floats are cut off to whole categories.
        let whole;
        let tensor = match tensor.data() {
            Data::Float(_) | Data::Double(_) => {
                whole = Tensor::new(*tensor.shape(), Data::Int(tensor.integers()?.into_owned()))?;
                &whole
            }
            _ => tensor,
        };
        let mut out = vec![0.0; shape.elements()];
        for (row, place) in out.chunks_exact_mut(width).zip(keys.find(tensor)?) {
            match place {
                Some(at) => row[at] = 1.0,
                None if zeros => {}
                None => return Err(ModelError::data("a category that the model does not know")),
            }
        }
        Ok(Tensor::new(shape, Data::Float(out))?.into())
    }))
}

/// Columns become maps from the names of classes.
pub(super) fn zip_map(node: &mut Node<'_>) -> Result<Kernel> {
    let keys = Arc::new(node.labels("classlabels_int64s", "classlabels_strings"));
    Ok(node.changing(move |table, _| {
        if table.columns != keys.len() {
            let text = format!("{} columns for {} classes", table.columns, keys.len());
            return Err(ModelError::Data(text));
        }
        table.keys = Some(keys.clone());
        Ok(())
    }))
}

/// Maps become columns, in the order of the node's list of keys.
pub(super) fn dictionary(node: &mut Node<'_>) -> Result<Kernel> {
    let wanted = node.labels("int64_vocabulary", "string_vocabulary").texts();
    Ok(Box::new(move |inputs| {
        let Value::Maps(maps) = inputs.value(0)? else {
            return Err(ModelError::data("maps are wanted"));
        };
        let keys = maps.keys.texts();
        let (rows, columns) = maps.values.table()?;
        let found: Vec<Option<usize>> =
            wanted.iter().map(|key| keys.iter().position(|other| other == key)).collect();
        let shape = Shape::new(&[rows, wanted.len()])?;
        inputs.run.room(shape.elements(), 4)?;
        let values = maps.values.floats()?;
        let pick = |row: usize, at: &Option<usize>| at.map_or(0.0, |at| values[row * columns + at]);
        let out = (0..rows).flat_map(|row| found.iter().map(move |at| (row, at)));
        let out = out.map(|(row, at)| pick(row, at)).collect();
        Ok(Outputs::from(Tensor::new(shape, Data::Float(out))?))
    }))
}
