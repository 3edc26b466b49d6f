//! Plays a source through a task's graph.

use super::ReplayError;
use super::source::{Item, Scratch, Source};
use crate::tick::Graph;
use crate::tick::flow::Outside;

/// Plays recorded data; `on_item` is told the time of each item before it is played.
///
/// # Errors
/// Data that cannot be read or are of the other kind; what ends the replay.
pub fn play(
    graph: &mut Graph,
    source: &mut dyn Source,
    outside: &mut dyn Outside,
    on_item: &mut dyn FnMut(i64),
) -> Result<(), ReplayError> {
    let mut scratch = Scratch::default();
    while let Some(item) = source.next(&mut scratch)? {
        match item {
            Item::Point => {
                on_item(scratch.point.time());
                graph.point(std::mem::take(&mut scratch.point), outside)?;
            }
            Item::Batch => {
                on_item(scratch.batch.tmax);
                graph.batch(scratch.query, std::mem::take(&mut scratch.batch), outside)?;
            }
            Item::Frame => {
                return Err(graph
                    .wrong_source("captured requests; give line protocol or a recording")
                    .into());
            }
        }
    }
    Ok(())
}
