//! The states of partitions, which are split and merged when the groups are spread over another number of partitions.

use crate::error::{FleetError, Result};
use rhai_udf::protocol::Bytes;
use rhai_udf::protocol::group::{self, Grouping};
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::state::RunState;
use rhai_udf::script::regroup;
use rhai_udf::tick::NodeState;

/// The partition to which a group belongs, as the feed computes it.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// The tags by which the feed forms groups.
    pub(crate) grouping: Grouping,
    /// The number of partitions.
    pub(crate) partitions: u32,
}

impl Spread {
    /// The partition of a group of a node, which may be formed by more tags than those of the feed; `None` if the id
    /// does not tell it.
    pub(crate) fn partition(&self, id: &[u8]) -> Option<u32> {
        let of = |id: &[u8]| Some(group::hash(id) % self.partitions);
        if self.grouping.all {
            return of(id);
        }
        let text = std::str::from_utf8(id).ok()?;
        let (name, tags) = match text.split_once('\n') {
            Some((name, tags)) => (Some(name), tags),
            None => (None, text),
        };
        let parts: Vec<(&str, &str)> = if tags.is_empty() {
            Vec::new()
        } else {
            tags.split(',').map(|tag| tag.split_once('=')).collect::<Option<_>>()?
        };
        let mut own = String::new();
        if self.grouping.by_name {
            own.push_str(name?);
        }
        for (i, wanted) in self.grouping.names.iter().enumerate() {
            let mut found = parts.iter().filter(|(tag, _)| tag == wanted);
            let (Some((tag, value)), None) = (found.next(), found.next()) else { return None };
            own.push_str(match (i, self.grouping.by_name) {
                (0, true) => "\n",
                (0, false) => "",
                _ => ",",
            });
            own.push_str(&format!("{tag}={value}"));
        }
        of(own.as_bytes())
    }
}

/// Makes the state of one partition of those of several that hold its groups.
///
/// # Errors
/// Groups whose ids do not say where they belong, states of different versions.
pub(crate) fn regrouped(
    states: &[Vec<RunState>],
    spread: &Spread,
    number: u32,
) -> Result<Option<Vec<RunState>>> {
    let Some(first) = states.first() else { return Ok(None) };
    let mut runs = Vec::with_capacity(first.len());
    for (i, run) in first.iter().enumerate() {
        let mut nodes = Vec::with_capacity(run.nodes.len());
        for node in &run.nodes {
            let same: Vec<&NodeState> = states
                .iter()
                .filter_map(|runs| runs.get(i)?.nodes.iter().find(|n| n.identity == node.identity))
                .collect();
            nodes.push(joined(&same, spread, number)?);
        }
        runs.push(RunState { label: run.label.clone(), nodes });
    }
    Ok(Some(runs))
}

fn joined(nodes: &[&NodeState], spread: &Spread, number: u32) -> Result<NodeState> {
    let mut unknown = None;
    let mut keep = |id: &[u8]| match spread.partition(id) {
        Some(partition) => partition == number,
        None => {
            unknown.get_or_insert_with(|| String::from_utf8_lossy(id).into_owned());
            true
        }
    };
    let mut node = nodes[0].clone();
    node.remembered.retain(|one| one.group.is_none());
    for other in nodes {
        let own = other.remembered.iter();
        let own = own.filter(|one| one.group.as_ref().is_some_and(|Bytes(id)| keep(id)));
        node.remembered.extend(own.cloned());
    }
    let snapshots: Vec<&[u8]> =
        nodes.iter().filter_map(|node| node.function.as_ref()).map(|Bytes(b)| &b[..]).collect();
    if !snapshots.is_empty() {
        node.function = Some(Bytes(regroup(&snapshots, &mut keep).map_err(ReplayError::from)?));
    }
    match unknown {
        None => Ok(node),
        Some(id) => Err(FleetError::Stop {
            what: format!(
                "{}: the group '{id}' does not say which partition it belongs to",
                node.identity.name
            ),
            choice: "The number of partitions of such a TICKscript cannot be changed; nothing has changed".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finer_group_goes_where_the_feed_sends_its_points() {
        let spread = |grouping| Spread { grouping, partitions: 16 };
        let by_host = spread(Grouping::by(&["host"]));
        let of = |id: &str| by_host.partition(id.as_bytes());
        assert_eq!(of("host=a"), Some(group::hash(b"host=a") % 16));
        assert_eq!(of("cpu=0,host=a"), of("host=a"));
        assert_eq!(of("mem\ncpu=0,host=a"), of("host=a"));
        assert_eq!(of("cpu=0"), None);
        assert_eq!(of("cpu=a,b,host=a"), None, "a comma in a value");
        let all = spread(Grouping::by(&["*"]));
        assert_eq!(all.partition(b"a=1,b=2"), Some(group::hash(b"a=1,b=2") % 16));
    }
}
