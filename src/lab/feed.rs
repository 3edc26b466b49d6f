//! Data in memory as the source that a task needs: a batch script runs its queries over points in memory.

use super::held::Held;
use crate::replay::ReplayError;
use crate::replay::influxql::Table;
use crate::replay::source::Source;
use crate::replay::task::Task;
use crate::tick::flow::Edge;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Makes a source of the data up to a time.
pub(super) fn source<'h>(
    task: &Task,
    held: &'h Held,
    overtaken: &Arc<AtomicBool>,
    until: i64,
) -> Result<Box<dyn Source + 'h>, ReplayError> {
    let mut playing = held.play(overtaken.clone()).until(until);
    if let Task::Tick(task) = task
        && held.is_points()
    {
        let definitions = task.definitions()?;
        if definitions.edge() == Edge::Batch {
            let mut table = Table::default();
            table.read(&mut playing)?;
            return table.ask_all(definitions.queries().iter());
        }
    }
    Ok(Box::new(playing))
}
