//! The values that a script gives to `run`, as tensors.

use super::rows::RecentRows;
use crate::model::{Data, Kind, Model, PortKind, Shape, Tensor, Value};
use crate::script::api::arguments::describe;
use crate::script::api::series::Series;
use crate::script::api::{Fallible, Native, fail, fail_in};
use rhai::{Array, Dynamic, ImmutableString, Map};
use std::sync::Arc;

/// The inputs of `run`: numbers, lists and lists of lists, as the inputs' types and shapes want.
pub(super) fn tensors(model: &Model, inputs: &Map) -> Fallible<Vec<(String, Value)>> {
    let tensor = |(name, value): (&rhai::Identifier, &Dynamic)| {
        let port = model.inputs.iter().find(|port| port.name == name.as_str());
        let port = port.or(model.inputs.first().filter(|_| model.inputs.len() == 1));
        let kind = port.map_or(PortKind::Other, |port| port.kind);
        let rank = port.and_then(|port| port.shape.as_ref()).map(Vec::len);
        let (mut sizes, mut leaves) = (Vec::new(), Vec::new());
        flatten(name, value, 0, &mut sizes, &mut leaves)?;
        while rank.is_some_and(|rank| sizes.len() < rank && sizes.len() < 8) {
            sizes.insert(0, 1);
        }
        let error = |e: crate::model::ModelError| fail_in("run", format_args!("'{name}': {e}"));
        let data = data(name, kind, &leaves)?;
        let shape = Shape::new(&sizes).map_err(error)?;
        let tensor = Tensor::new(shape, data).map_err(|_| {
            fail_in("run", format_args!("'{name}': the rows of a list have different lengths"))
        })?;
        Ok((name.to_string(), tensor.into()))
    };
    inputs.iter().map(tensor).collect()
}

/// Flattens nested lists; the first element of each list gives the length of its level.
fn flatten(
    name: &str,
    value: &Dynamic,
    depth: usize,
    sizes: &mut Vec<usize>,
    leaves: &mut Vec<Dynamic>,
) -> Fallible<()> {
    if depth > 8 {
        return Err(fail_in("run", format_args!("'{name}': lists are nested too deep")));
    }
    let elements: Vec<Dynamic> = if let Some(series) = value.read_lock::<Series>() {
        series.0.iter().map(|x| (*x).into()).collect()
    } else if let Some(recent) = value.read_lock::<Native<RecentRows>>() {
        let rows = recent.0.rows().map(|row| Dynamic::from(Series::new(row.clone())));
        rows.collect()
    } else if let Some(array) = value.read_lock::<Array>() {
        array.to_vec()
    } else {
        leaves.push(value.clone());
        return Ok(());
    };
    if sizes.len() == depth {
        sizes.push(elements.len());
    }
    elements.iter().try_for_each(|element| flatten(name, element, depth + 1, sizes, leaves))
}

fn data(name: &str, kind: PortKind, leaves: &[Dynamic]) -> Fallible<Data> {
    if kind == PortKind::Tensor(Kind::Text) {
        let text = |v: &Dynamic| v.read_lock::<ImmutableString>().map(|t| Arc::from(t.as_str()));
        let texts = leaves.iter().map(text).collect::<Option<Vec<_>>>();
        let error = || fail_in("run", format_args!("'{name}' needs strings"));
        return texts.map(Data::Text).ok_or_else(error);
    }
    let number = |value: &Dynamic| -> Fallible<f64> {
        let number = value.as_float().ok().or(value.as_int().ok().map(|x| x as f64));
        let number = number.or(value.as_bool().ok().map(|x| f64::from(u8::from(x))));
        number.ok_or_else(|| {
            fail(format_args!("run: '{name}' holds {}, but numbers are needed", describe(value)))
        })
    };
    let numbers = leaves.iter().map(number).collect::<Fallible<Vec<_>>>()?;
    Ok(match kind {
        PortKind::Tensor(Kind::Double) => Data::Double(numbers),
        PortKind::Tensor(Kind::Int) => Data::Int(numbers.into_iter().map(|x| x as i64).collect()),
        PortKind::Tensor(Kind::Bool) => Data::Bool(numbers.iter().map(|x| *x != 0.0).collect()),
        _ => Data::Float(numbers.into_iter().map(|x| x as f32).collect()),
    })
}
