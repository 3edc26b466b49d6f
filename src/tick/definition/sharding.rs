//! Whether a task handles each group by itself, so that its groups can be spread over processes.

use super::object::Object;
use super::{Definition, NodeKind};

/// Nodes that never look beyond a group.
const BY_GROUP: &[&str] = &[
    "where",
    "trickle",
    "holtWinters",
    "holtWintersWithFit",
    "noOp",
    "combine",
    "flatten",
    "window",
    "shift",
    "sample",
    "stateCount",
    "stateDuration",
    "changeDetect",
    "derivative",
    "log",
    "influxDBOut",
    "count",
    "sum",
    "mean",
    "median",
    "mode",
    "min",
    "max",
    "first",
    "last",
    "spread",
    "stddev",
    "percentile",
    "distinct",
    "top",
    "bottom",
    "difference",
    "cumulativeSum",
    "elapsed",
    "movingAverage",
];

/// The tags that data is grouped by where it enters a task.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    all: bool,
    tags: Vec<String>,
    by_name: bool,
}

impl Entry {
    fn of(definition: &Definition) -> Self {
        let mut entry = Self { by_name: definition.flag("groupByMeasurement"), ..Self::default() };
        for argument in definition.all("groupBy").flat_map(|property| &property.arguments) {
            match argument {
                Object::Star => entry.all = true,
                Object::String(tag) => entry.tags.push(tag.to_string()),
                _ => {}
            }
        }
        entry.tags.sort();
        entry
    }

    fn has(&self, tag: &str) -> bool {
        self.all || self.tags.iter().any(|known| known == tag)
    }
}

/// Says what in a task looks at several groups at once; `None` if nothing does.
pub(crate) fn looks_at_several_groups(definitions: &[Definition]) -> Option<String> {
    let entries: Vec<Entry> = definitions
        .iter()
        .filter(|definition| definition.is_node("from") || definition.is_query())
        .map(Entry::of)
        .collect();
    let alike = entries.windows(2).all(|pair| pair[0] == pair[1]);
    let groups = |tag: &str| entries.iter().any(|entry| entry.has(tag));
    definitions.iter().find_map(|definition| of_node(definition, &entries, alike, &groups))
}

fn of_node(
    definition: &Definition,
    entries: &[Entry],
    alike: bool,
    groups: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let name = definition.name.as_str();
    if !matches!(definition.kind, NodeKind::Node(_)) || BY_GROUP.contains(&name) {
        return None;
    }
    let changes = |tags: &[String]| {
        let tag = tags.iter().find(|tag| groups(tag))?;
        Some(format!("|{name}() changes the tag '{tag}', which the data is grouped by"))
    };
    let strings = |property: &str| -> Vec<String> {
        let arguments = definition.all(property).filter_map(|p| p.arguments.first()?.as_string());
        arguments.map(|text| text.to_string()).collect()
    };
    match name {
        "query" => None,
        "from" | "alert" => {
            let lambdas = definition.properties.iter().flat_map(|property| &property.arguments);
            let remembers = lambdas.filter_map(Object::as_lambda).any(|lambda| lambda.remembers());
            remembers.then(|| {
                format!("a condition of |{name}() calls sigma(), count(), spread() or rand(), whose state all groups share there")
            })
        }
        "eval" => {
            changes(&definition.strings("tags").iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        "default" | "delete" => changes(&strings("tag")),
        "groupBy" => {
            let keeps = |tag: &String| {
                definition.arguments.iter().any(|argument| match argument {
                    Object::Star => true,
                    Object::String(name) => **name == **tag,
                    _ => false,
                })
            };
            let kept = entries.iter().all(|entry| {
                let stars = definition.arguments.iter().any(|a| matches!(a, Object::Star));
                (stars || !entry.all) && entry.tags.iter().all(keeps)
            });
            (!kept || definition.flag("exclude"))
                .then(|| "|groupBy() puts groups together that were apart".to_owned())
        }
        "join" if definition.flag("on") => {
            Some("|join() with .on() puts groups together that were apart".to_owned())
        }
        "join" | "union" => (!alike)
            .then(|| format!("|{name}() puts flows together that are grouped by different tags")),
        "httpOut" => Some("|httpOut() shows all groups in one answer".to_owned()),
        _ => Some(format!("|{name}() may look at several groups")),
    }
}
