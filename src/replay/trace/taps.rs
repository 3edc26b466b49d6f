//! Where a graph is observed: the input and the output of its functions, and the input of its alerts.

use crate::tick::alert::Level;
use crate::tick::definition::{Definition, Definitions, NodeKind};
use crate::tick::flow::Edge;
use std::collections::BTreeSet;

/// Nodes that pass their input on unchanged, so that an alert after them watches the node before them.
const PASSING: [&str; 4] = ["alert", "log", "httpOut", "influxDBOut"];

/// A place of the graph that an output node observes.
#[derive(Clone, Debug)]
pub(in crate::replay) struct Tap {
    /// The number of the output node.
    pub(super) node: usize,
    /// Whether it is the input of functions.
    pub(super) is_input: bool,
    /// Tells several uses of functions apart; may be empty.
    pub(super) udf: String,
}

/// An alert.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    /// The number of its node.
    pub(super) node: usize,
    /// The use of the function whose output it watches.
    pub(super) udf: String,
    /// The level, the field and the number of what its conditions compare.
    pub(super) thresholds: Vec<(Level, String, f64)>,
}

/// The places where a graph is observed.
#[derive(Clone, Debug, Default)]
pub(in crate::replay) struct Taps {
    pub(super) taps: Vec<Tap>,
    pub(super) alerts: Vec<Watching>,
    /// The fields that the graph names.
    pub(super) named: BTreeSet<String>,
}

impl Taps {
    /// Returns the number of the place that an output node looks at, and whether it is what functions
    /// are given.
    pub(in crate::replay) fn place(&self, node: usize) -> Option<(usize, bool)> {
        let at = self.taps.iter().position(|tap| tap.node == node)?;
        Some((at, self.taps[at].is_input))
    }

    /// Returns what the function of a place is called.
    pub(in crate::replay) fn udf(&self, place: usize) -> &str {
        &self.taps[place].udf
    }

    /// Returns the number of an alert by that of its node, and what its function is called.
    pub(in crate::replay) fn alert(&self, node: usize) -> Option<(usize, &str)> {
        let at = self.alerts.iter().position(|alert| alert.node == node)?;
        Some((at, &self.alerts[at].udf))
    }

    /// Tells what a variant's functions are called among those of several variants.
    pub(in crate::replay) fn of_variant(mut self, variant: &str) -> Self {
        let outputs = self.taps.iter_mut().filter(|tap| !tap.is_input).map(|tap| &mut tap.udf);
        for udf in outputs.chain(self.alerts.iter_mut().map(|alert| &mut alert.udf)) {
            *udf = format!("{variant} {udf}").trim().to_owned();
        }
        self
    }

    /// Adds output nodes to a graph. `label` is the name of a function if there are several.
    pub(in crate::replay) fn add(
        definitions: &mut Definitions,
        label: impl Fn(usize) -> Option<String>,
    ) -> Self {
        let nodes = &definitions.definitions;
        let is_udf = |id: &usize| matches!(nodes[*id].kind, NodeKind::Udf(_));
        let udfs: Vec<usize> = (0..nodes.len()).filter(is_udf).collect();
        let alerts: Vec<usize> =
            (0..nodes.len()).filter(|id| nodes[*id].is_node("alert")).collect();
        let mut inputs = BTreeSet::new();
        let watched = |alert: &usize| before(nodes, *alert, |node| PASSING.contains(&&*node.name));
        let mut outputs: BTreeSet<usize> = udfs.iter().copied().collect();
        outputs.extend(alerts.iter().filter_map(watched));
        if outputs.is_empty() {
            outputs.extend(
                (1..nodes.len()).filter(|id| nodes.iter().all(|n| !n.parents.contains(id))),
            );
        }
        let first = if udfs.is_empty() { &outputs } else { &udfs.iter().copied().collect() };
        for id in first {
            inputs.extend(before(nodes, *id, |node| {
                node.provides == Edge::Batch && !node.is_query()
            }));
        }
        inputs.remove(&0);
        outputs.retain(|id| *id != 0 && !inputs.contains(id));
        let named = names(nodes);
        let of = |id: usize| label_of(nodes, &udfs, id, &label);
        let watching = alerts.iter().map(|alert| Watching {
            node: *alert,
            udf: of(*alert),
            thresholds: thresholds(&nodes[*alert]),
        });
        let alerts = watching.collect();
        let of_input = inputs.into_iter().map(|parent| (parent, true, String::new()));
        let of_output = outputs.into_iter().map(|parent| (parent, false, of(parent)));
        let places: Vec<_> = of_input.chain(of_output).collect();
        let taps = places.into_iter().map(|(parent, is_input, udf)| {
            let node = definitions.add_output(parent);
            Tap { node, is_input, udf }
        });
        Self { taps: taps.collect(), alerts, named }
    }
}

/// Returns the nearest node before another that is not to be passed; `None` at the source.
fn before(nodes: &[Definition], id: usize, passes: impl Fn(&Definition) -> bool) -> Option<usize> {
    let mut at = *nodes[id].parents.first()?;
    while at != 0 && passes(&nodes[at]) {
        at = *nodes[at].parents.first()?;
    }
    Some(at)
}

/// What the function of a node, or before it, is called; empty if there is one only.
fn label_of(
    nodes: &[Definition],
    udfs: &[usize],
    id: usize,
    label: impl Fn(usize) -> Option<String>,
) -> String {
    let mut at = id;
    while !udfs.contains(&at) {
        match nodes[at].parents.first() {
            Some(parent) => at = *parent,
            None => return String::new(),
        }
    }
    if let Some(label) = label(at) {
        return label;
    }
    let alike: Vec<usize> =
        udfs.iter().copied().filter(|u| nodes[*u].name == nodes[at].name).collect();
    if udfs.len() == 1 {
        return String::new();
    }
    let written = |node: &Definition, name: &str| {
        let property = node.last(name)?;
        let arguments: Vec<_> = property.arguments.iter().map(ToString::to_string).collect();
        Some(arguments.join(", "))
    };
    let mut text = nodes[at].name.clone();
    for property in &nodes[at].properties {
        let own = written(&nodes[at], &property.name);
        if alike.iter().any(|other| written(&nodes[*other], &property.name) != own) {
            text.push(' ');
            text.push_str(own.unwrap_or_default().trim_matches('\''));
        }
    }
    text
}

/// Returns the names that may be fields: strings that nodes and functions are given, and what lambdas
/// and conditions read.
fn names(nodes: &[Definition]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for node in nodes.iter().filter(|node| !node.is_node("from") && !node.is_node("groupBy")) {
        let properties = node.properties.iter().flat_map(|property| &property.arguments);
        for object in node.arguments.iter().chain(properties) {
            names.extend(object.names());
        }
    }
    names
}

fn thresholds(alert: &Definition) -> Vec<(Level, String, f64)> {
    let levels = [("info", Level::Info), ("warn", Level::Warning), ("crit", Level::Critical)];
    let conditions = levels.iter().filter_map(|(name, level)| Some((*level, alert.value(name)?)));
    conditions
        .flat_map(|(level, object)| {
            let pairs = object.thresholds().into_iter();
            pairs.map(move |(field, value)| (level, field, value))
        })
        .filter(|(_, _, value)| value.is_finite())
        .collect()
}
