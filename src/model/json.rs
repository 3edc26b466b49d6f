//! Tensors as JSON: `{"type": "float", "shape": [2, 3], "data": […]}`, where `null` is NaN.

use super::error::{ModelError, Result};
use super::tensor::{Data, Shape, Tensor};
use super::value::{Labels, Maps, Value};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Reads the inputs of a run: a document whose key `inputs` holds tensors by name.
///
/// # Errors
/// Anything that is not of this form; the message says where.
pub fn inputs(document: &Json) -> std::result::Result<Vec<(String, Value)>, ModelError> {
    let Some(inputs) = document.get("inputs").and_then(Json::as_object) else {
        let text = "there is no 'inputs': write {\"inputs\": {\"NAME\": {\"type\": \"float\", \
                    \"shape\": [1, 5], \"data\": [1, 2, 3, 4, 5]}}}";
        return Err(ModelError::Input(text.into()));
    };
    let read = |(name, value): (&String, &Json)| match tensor(value) {
        Ok(value) => Ok((name.clone(), value)),
        Err(error) => Err(ModelError::Input(format!("input '{name}': {error}"))),
    };
    inputs.iter().map(read).collect()
}

fn tensor(value: &Json) -> Result<Value> {
    let missing = |key: &str| ModelError::Input(format!("'{key}' is missing or of another type"));
    let list = |key: &str| value.get(key).and_then(Json::as_array).ok_or_else(|| missing(key));
    let kind = value.get("type").and_then(Json::as_str).ok_or_else(|| missing("type"))?;
    let sizes = list("shape")?
        .iter()
        .map(|size| size.as_u64().map(|size| size as usize).ok_or_else(|| missing("shape")))
        .collect::<Result<Vec<_>>>()?;
    let (shape, data) = (Shape::new(&sizes)?, list("data")?);
    let error = |value: &Json| ModelError::Input(format!("{value} in data of type {kind}"));
    let number = |value: &Json| match value {
        Json::Null => Ok(f64::NAN),
        Json::Bool(x) => Ok(f64::from(u8::from(*x))),
        value => value.as_f64().ok_or_else(|| error(value)),
    };
    let elements = match kind {
        "float" => {
            Data::Float(data.iter().map(|x| number(x).map(|x| x as f32)).collect::<Result<_>>()?)
        }
        "double" => Data::Double(data.iter().map(number).collect::<Result<_>>()?),
        "int" => Data::Int(
            data.iter()
                .map(|x| x.as_i64().map_or_else(|| number(x).map(|x| x as i64), Ok))
                .collect::<Result<_>>()?,
        ),
        "bool" => {
            Data::Bool(data.iter().map(|x| number(x).map(|x| x != 0.0)).collect::<Result<_>>()?)
        }
        "string" => Data::Text(
            data.iter()
                .map(|x| x.as_str().map(Arc::from).ok_or_else(|| error(x)))
                .collect::<Result<_>>()?,
        ),
        "maps" => {
            let values = data.iter().map(|x| number(x).map(|x| x as f32)).collect::<Result<_>>()?;
            let keys = list("keys")?
                .iter()
                .map(|key| key.as_str().map(Arc::from).ok_or_else(|| error(key)))
                .collect::<Result<Vec<_>>>()?;
            let values = Tensor::new(shape, Data::Float(values))?;
            return Ok(Value::Maps(Box::new(Maps { keys: Arc::new(Labels::Texts(keys)), values })));
        }
        other => {
            let text = format!("unknown type '{other}'; float, double, int, bool, string, maps");
            return Err(ModelError::Input(text));
        }
    };
    Ok(Tensor::new(shape, elements)?.into())
}

/// Writes the outputs of a run: `{"outputs": {NAME: {"type", "shape", "data", "keys"?}}}`.
///
/// Numbers that JSON cannot write are `null`. A sequence is a list of tensors.
pub fn outputs(outputs: &[(String, Value)]) -> Json {
    let all: Map<String, Json> =
        outputs.iter().map(|(name, value)| (name.clone(), value_json(value))).collect();
    json!({ "outputs": all })
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Tensor(tensor) => tensor_json(tensor),
        Value::Sequence(tensors) => Json::Array(tensors.iter().map(tensor_json).collect()),
        Value::Maps(maps) => {
            let mut json = tensor_json(&maps.values);
            json["type"] = "maps".into();
            json["keys"] = maps.keys.texts().iter().map(|key| Json::from(&**key)).collect();
            json
        }
    }
}

fn tensor_json(tensor: &Tensor) -> Json {
    let data: Vec<Json> = match tensor.data() {
        Data::Float(v) => v.iter().map(|&x| Json::from(f64::from(x))).collect(),
        Data::Double(v) => v.iter().map(|&x| Json::from(x)).collect(),
        Data::Int(v) => v.iter().map(|&x| Json::from(x)).collect(),
        Data::Bool(v) => v.iter().map(|&x| Json::from(x)).collect(),
        Data::Text(v) => v.iter().map(|x| Json::from(&**x)).collect(),
    };
    json!({ "type": tensor.data().kind().name(), "shape": tensor.shape().to_vec(), "data": data })
}
