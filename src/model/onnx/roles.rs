//! The information of a graph about its inputs and outputs, in addition to their types: names of classes and of
//! features, and which outputs are maps.

use super::port;
use super::proto::{GraphProto, NodeProto, ValueInfo};
use crate::model::port::{Port, PortKind};
use crate::model::tensor::{Data, Tensor};
use crate::model::value::Labels;
use std::sync::Arc;

/// How many nodes are followed back from an output.
const STEPS: usize = 24;

/// The node that makes a value.
fn maker<'g>(graph: &'g GraphProto, name: &str) -> Option<&'g NodeProto> {
    graph.nodes.iter().find(|node| node.outputs.iter().any(|output| output == name))
}

/// An output; where its type says that it is no tensor, the node that makes it says what it is.
pub(super) fn output(graph: &GraphProto, info: &ValueInfo) -> Port {
    let mut port = port(info);
    if port.kind == PortKind::Other
        && maker(graph, &info.name).is_some_and(|node| node.operator == "ZipMap")
    {
        port.kind = PortKind::Maps;
    }
    port
}

/// The names of the classes: those of a classifier, else those that a label is looked up in.
pub(super) fn labels(graph: &GraphProto) -> Option<Labels> {
    let of_node = |node: &NodeProto| {
        let list = |ints: &str, texts: &str| attribute_labels(node, ints, texts);
        match node.operator.as_str() {
            "ZipMap" | "TreeEnsembleClassifier" => {
                list("classlabels_int64s", "classlabels_strings")
            }
            "LinearClassifier" | "SVMClassifier" => list("classlabels_ints", "classlabels_strings"),
            _ => None,
        }
    };
    let named = |operator: &str| graph.nodes.iter().find(|node| node.operator == operator);
    if let Some(labels) = named("ZipMap").and_then(of_node) {
        return Some(labels);
    }
    let outputs = graph.outputs.iter().filter(|output| [7, 8, 6].contains(&output.element));
    for output in outputs {
        if let Some(labels) = looked_up(graph, &output.name) {
            return Some(labels);
        }
    }
    let only: Vec<_> = graph.nodes.iter().filter_map(of_node).collect();
    // An ensemble of classifiers has its own names; those of a part may be numbers only.
    if only.len() == 1 && !graph.outputs.is_empty() { only.into_iter().next() } else { None }
}

fn attribute_labels(node: &NodeProto, ints: &str, texts: &str) -> Option<Labels> {
    let get = |name: &str| node.attributes.get(name);
    match (get(ints), get(texts)) {
        (Some(list), _) if !list.ints.is_empty() => Some(Labels::Ints(list.ints.clone())),
        (_, Some(list)) if !list.texts.is_empty() => {
            Some(Labels::Texts(list.texts.iter().map(|text| Arc::from(text.as_str())).collect()))
        }
        _ => None,
    }
}

/// Follows a label back to the list out of which it is picked.
fn looked_up(graph: &GraphProto, name: &str) -> Option<Labels> {
    let mut name = name;
    for _ in 0..STEPS {
        let node = maker(graph, name)?;
        match node.operator.as_str() {
            "Cast" | "Reshape" | "Identity" | "Squeeze" | "Unsqueeze" | "Flatten" => {
                name = node.inputs.first()?;
            }
            "ArrayFeatureExtractor" | "Gather" => {
                let list = node.inputs.first()?;
                if let Some(tensor) = constant(graph, list) {
                    return of_tensor(tensor);
                }
                name = list;
            }
            "LabelEncoder" => return attribute_labels(node, "values_int64s", "values_strings"),
            "TreeEnsembleClassifier" => {
                return attribute_labels(node, "classlabels_int64s", "classlabels_strings");
            }
            "LinearClassifier" | "SVMClassifier" => {
                return attribute_labels(node, "classlabels_ints", "classlabels_strings");
            }
            _ => return None,
        }
    }
    None
}

fn constant<'g>(graph: &'g GraphProto, name: &str) -> Option<&'g Tensor> {
    let initializer = graph.initializers.iter().find(|(other, _)| other == name);
    if let Some((_, tensor)) = initializer {
        return Some(tensor);
    }
    let node = maker(graph, name).filter(|node| node.operator == "Constant")?;
    node.attributes.get("value").and_then(|value| value.tensor.as_ref())
}

fn of_tensor(tensor: &Tensor) -> Option<Labels> {
    match tensor.data() {
        Data::Int(v) => Some(Labels::Ints(v.clone())),
        Data::Text(v) => Some(Labels::Texts(v.clone())),
        Data::Float(v) => Some(Labels::Ints(v.iter().map(|&x| x as i64).collect())),
        _ => None,
    }
}

/// The names of the columns, from the model's metadata: a JSON list, or names between commas.
pub(super) fn features(metadata: &[(String, String)]) -> Option<Vec<String>> {
    let known = ["features", "feature_names", "feature_names_in"];
    let (_, text) = metadata.iter().find(|(key, _)| known.contains(&key.as_str()))?;
    let list = serde_json::from_str::<Vec<String>>(text).ok();
    let list = list.unwrap_or_else(|| text.split(',').map(|name| name.trim().into()).collect());
    let whole = !list.is_empty() && list.iter().all(|name| !name.is_empty());
    whole.then_some(list)
}
