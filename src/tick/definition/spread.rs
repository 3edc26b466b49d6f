//! Whether the groups of a task can be spread over several graphs.
//!
//! They can where every node handles each group by itself and all groups are formed at `|from()`: then the
//! points that agree in the tags which all `|from()` group by need one graph only. A node that puts
//! groups together, or remembers something that all groups share, needs all points.

use super::definitions::Definitions;
use super::object::Object;
use super::{Definition, NodeKind};
use crate::protocol::group::Grouping;
use crate::tick::flow::Edge;
use std::collections::BTreeSet;

/// Nodes that do not handle each group by itself.
const TOGETHER: [(&str, &str); 10] = [
    ("groupBy", "|groupBy() forms groups of groups, and waits for the points of all of them"),
    ("union", "|union() brings groups into the order of their times"),
    ("join", "|join() waits for all of its parents"),
    ("httpOut", "|httpOut() shows all groups together"),
    ("query", "|query() asks for all groups at once"),
    ("stats", "|stats() tells of all groups at one time, which any point can bring"),
    ("barrier", "|barrier() goes by the time that all points have reached"),
    ("k8sAutoscale", "|k8sAutoscale() scales resources that several groups may share"),
    ("swarmAutoscale", "|swarmAutoscale() scales resources that several groups may share"),
    ("ec2Autoscale", "|ec2Autoscale() scales resources that several groups may share"),
];

impl Definitions {
    /// Returns the tags whose values tell points apart that may be handled apart.
    ///
    /// # Errors
    /// Why all points have to go through one graph.
    pub fn spread(&self) -> Result<Grouping, String> {
        if self.edge() != Edge::Stream {
            return Err("it is a batch task".into());
        }
        let mut common: Option<BTreeSet<String>> = None;
        for definition in &self.definitions {
            keeps_groups_apart(definition)?;
            if definition.is_node("from") {
                let tags = tags_of(definition)?;
                common = match (common, tags) {
                    (Some(common), Some(tags)) => {
                        Some(common.intersection(&tags).cloned().collect())
                    }
                    (common, tags) => common.or(tags),
                };
            }
        }
        match common {
            None => Ok(Grouping::by(&["*"])),
            Some(common) if common.is_empty() => {
                Err("there is no tag that every |from() groups by".into())
            }
            Some(common) => Ok(Grouping::by(&common.into_iter().collect::<Vec<_>>())),
        }
    }

    /// Returns how points are grouped, if each `|from()` groups them alike.
    pub fn only_grouping(&self) -> Option<Grouping> {
        let mut groupings = self.definitions.iter().filter(|d| d.is_node("from")).map(grouping_of);
        let first = groupings.next()?;
        let alike = |other: &Grouping| {
            (other.all, &other.names, other.by_name) == (first.all, &first.names, first.by_name)
        };
        groupings.all(|other| alike(&other)).then_some(first)
    }
}

/// How a `|from()` groups.
fn grouping_of(from: &Definition) -> Grouping {
    let arguments = from.last("groupBy").map_or(&[][..], |property| &property.arguments);
    let tag = |argument: &Object| match argument {
        Object::Star => Some("*".to_owned()),
        argument => argument.as_string().map(|tag| tag.to_string()),
    };
    let tags: Vec<String> = arguments.iter().filter_map(tag).collect();
    let mut grouping = Grouping::by(&tags);
    grouping.by_name = from.flag("groupByMeasurement");
    grouping
}

/// The tags that a `|from()` groups by; `None` for all.
fn tags_of(from: &Definition) -> Result<Option<BTreeSet<String>>, String> {
    let arguments = from.last("groupBy").map_or(&[][..], |property| &property.arguments);
    if arguments.iter().any(|argument| matches!(argument, Object::Star)) {
        return Ok(None);
    }
    let tags: BTreeSet<String> =
        arguments.iter().filter_map(Object::as_string).map(|tag| tag.to_string()).collect();
    if tags.is_empty() {
        return Err("a |from() has no .groupBy('tag'), so that its points are one group".into());
    }
    Ok(Some(tags))
}

fn keeps_groups_apart(definition: &Definition) -> Result<(), String> {
    let NodeKind::Node(_) = &definition.kind else { return Ok(()) };
    let name = definition.name.as_str();
    if let Some((_, why)) = TOGETHER.iter().find(|(known, _)| *known == name) {
        return Err((*why).into());
    }
    let set = |property: &str| definition.flag(property);
    match name {
        "alert" if set("id") => {
            return Err("an |alert() has an .id(), which several groups may share".into());
        }
        "eval" if set("tags") => return Err("an |eval() makes .tags()".into()),
        "default" | "delete" | "sideload" if set("tag") => {
            return Err(format!("|{name}() changes a tag"));
        }
        _ => {}
    }
    let arguments = definition.properties.iter().flat_map(|property| &property.arguments);
    for lambda in arguments.chain(&definition.arguments).filter_map(Object::as_lambda) {
        let shares = matches!(name, "from" | "alert") && lambda.remembers();
        if shares || !lambda.own_states().is_empty() {
            return Err(format!("an expression of |{name}() remembers what all groups share"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::tick::TickText;
    use crate::tick::definition::Definitions;
    use crate::tick::udf::NoUdfs;

    fn spread(text: &str) -> Result<Vec<String>, String> {
        let source = TickText { name: "t.tick", text };
        let definitions = Definitions::compile(&source, &Default::default(), &mut NoUdfs).unwrap();
        definitions
            .spread()
            .map(|grouping| if grouping.all { vec!["*".into()] } else { grouping.names })
    }

    #[test]
    fn graphs_whose_nodes_keep_groups_apart_are_spread() {
        for (text, tags) in [
            (
                "stream|from().groupBy('host')|window().period(1m).every(1m)|mean('x')|alert().crit(lambda: \"mean\" > 1)",
                &["host"][..],
            ),
            ("stream|from().groupBy(*)|eval(lambda: sigma(\"x\")).as('s')", &["*"]),
            (
                "var a = stream|from().groupBy('host', 'cpu')\nvar b = stream|from().groupBy('host')\na|log()\nb|log()",
                &["host"],
            ),
            (
                "var a = stream|from().groupBy(*)\nvar b = stream|from().groupBy('host')\na|log()\nb|log()",
                &["host"],
            ),
        ] {
            assert_eq!(
                spread(text).as_deref(),
                Ok(&tags.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn graphs_that_look_at_all_groups_are_not() {
        for (text, why) in [
            ("stream|from()|log()", "no .groupBy("),
            ("stream|from().groupBy('host')|groupBy('cpu')|log()", "|groupBy() forms"),
            (
                "var a = stream|from().groupBy('host')\nvar b = stream|from().groupBy('cpu')\na|log()\nb|log()",
                "no tag that every",
            ),
            ("var a = stream|from().groupBy('host')\na|union(a)|log()", "|union()"),
            ("stream|from().groupBy('host')|httpOut('x')", "|httpOut()"),
            ("stream|from().groupBy('host')|alert().id('x').crit(lambda: TRUE)", ".id()"),
            (
                "stream|from().groupBy('host')|alert().crit(lambda: sigma(\"x\") > 3.0)",
                "remembers what all groups share",
            ),
            (
                "stream|from().groupBy('host').where(lambda: count() > 3)|log()",
                "remembers what all groups share",
            ),
            ("stream|from().groupBy('host')|delete().tag('host')|log()", "changes a tag"),
            (
                "stream|from().groupBy('host')|eval(lambda: \"x\").as('y').tags('y')|log()",
                ".tags()",
            ),
            ("stream|from().groupBy('host')|stats(1s)|log()", "|stats() tells of all groups"),
            ("stream|from().groupBy('host')|deadman(1.0, 1s)", "|stats() tells of all groups"),
            (
                "stream|from().groupBy('host')|barrier().idle(1s)|log()",
                "|barrier() goes by the time",
            ),
            (
                "stream|from().groupBy('host')|sideload().source('file:///x').tag('a', 'b')|log()",
                "changes a tag",
            ),
            (
                "stream|from().groupBy('host')|k8sAutoscale().resourceName('a').replicas(lambda: 1)",
                "several groups may share",
            ),
            ("batch|query('select x from db.rp.m').period(1m).every(1m)|log()", "batch task"),
        ] {
            let refused = spread(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
