//! The nodes, one a file, each with the daemon's semantics.

mod aggregate;
mod alert;
mod alert_levels;
mod alert_marks;
mod alert_state;
mod autoscale;
mod barrier;
mod change_detect;
mod combine;
mod default;
mod delete;
mod derivative;
mod eval;
mod filter;
mod flatten;
mod from;
mod group_by;
mod heap;
mod holt_winters;
mod http_out;
mod http_post;
mod influxdb_out;
mod join;
mod join_set;
pub(super) mod kapacitor_loopback;
mod log;
mod output;
mod query;
pub(crate) mod reduce;
mod sample;
mod shift;
mod sideload;
mod sideload_files;
mod source;
mod state;
mod stats;
mod transform;
mod trickle;
mod udf;
mod union;
mod window;

use crate::protocol::{Batch, Point};
use crate::tick::definition::{Definition, NodeKind};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Edge, Node};
use crate::tick::settings::TaskSettings;
use crate::tick::udf::Udfs;

/// Makes the node that a definition stands for.
pub(crate) fn build(
    definitions: &[Definition],
    id: usize,
    name: &str,
    source: &TickText<'_>,
    task: &TaskSettings,
    udfs: &mut dyn Udfs,
) -> Result<Box<dyn Node>> {
    let definition = &definitions[id];
    let spec = match &definition.kind {
        NodeKind::Source => return Ok(Box::new(source::Pass)),
        NodeKind::Output => return Ok(Box::new(output::Output)),
        NodeKind::Udf(_) => return udf::build(definition, name, source, task, udfs),
        NodeKind::Node(spec) => spec,
    };
    Ok(match spec.name {
        "from" => Box::new(from::From::new(definition, source, task.shard)?),
        "query" => {
            query::check(definition, source)?;
            Box::new(source::Pass)
        }
        "where" => Box::new(filter::Where::new(definition)),
        "groupBy" => Box::new(group_by::GroupBy::new(definition, source)?),
        "window" => Box::new(window::Window::new(definition, source)?),
        "eval" => Box::new(eval::Eval::new(definition, source)?),
        "default" => Box::new(default::Default::new(definition, source)?),
        "delete" => Box::new(delete::Delete::new(definition)),
        "shift" => Box::new(shift::Shift::new(definition, source)?),
        "sample" => Box::new(sample::Sample::new(definition, source)?),
        "stateCount" | "stateDuration" => Box::new(state::State::new(definition)),
        "changeDetect" => Box::new(change_detect::ChangeDetect::new(definition)),
        "derivative" => Box::new(derivative::Derivative::new(definition)),
        "union" => Box::new(union::Union::new(definition)),
        "join" => Box::new(join::Join::new(definition, source)?),
        "log" => Box::new(log::Log::new(definition)),
        "httpOut" => Box::new(http_out::HttpOut::new(definition)),
        "influxDBOut" => Box::new(influxdb_out::InfluxDbOut::new(definition, source)?),
        "alert" => Box::new(alert::Alert::new(definitions, id, source, task)?),
        "barrier" => Box::new(barrier::Barrier::new(definition, source)?),
        "combine" => Box::new(combine::Combine::new(definition, source)?),
        "flatten" => Box::new(flatten::Flatten::new(definition, source)?),
        "httpPost" => Box::new(http_post::HttpPost::new(definition, source)?),
        "k8sAutoscale" | "swarmAutoscale" | "ec2Autoscale" => {
            Box::new(autoscale::Autoscale::new(definition, source, task)?)
        }
        "kapacitorLoopback" => {
            Box::new(kapacitor_loopback::KapacitorLoopback::new(definition, source)?)
        }
        "noOp" => Box::new(source::Pass),
        "sideload" => Box::new(sideload::Sideload::new(definition, source)?),
        "stats" => Box::new(stats::Stats::new(definition, source)?),
        "trickle" => Box::new(trickle::Trickle),
        "difference" | "cumulativeSum" | "elapsed" | "movingAverage" => {
            Box::new(transform::Transform::new(definition, source)?)
        }
        _ => Box::new(aggregate::Aggregate::new(definition, source)?),
    })
}

/// Makes a batch of those points that `change` keeps, after it changed them.
fn map_points(batch: &Batch, mut change: impl FnMut(&mut Point) -> bool) -> Batch {
    let mut changed = batch.metadata();
    for mut point in batch.points() {
        if change(&mut point) {
            changed.push(&point);
        }
    }
    changed.size = changed.len() as i64;
    changed
}

/// Makes the error of a node that an edge cannot reach.
fn unreachable_edge(node: &str, edge: Edge) -> crate::tick::TickError {
    crate::tick::TickError::Node {
        node: node.to_owned(),
        message: format!("it does not take a {edge}"),
    }
}
