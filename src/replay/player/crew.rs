//! The engines that play the data: one on this thread, or several on threads of their own.

use super::Writers;
use super::threads::Threads;
use crate::protocol::group::KEY_GROUPS;
use crate::replay::ReplayError;
use crate::replay::engine::Engine;
use crate::replay::lines::write_all;
use crate::replay::task::Task;

/// The engines.
pub(super) enum Crew {
    Here(Box<Engine>),
    Threads(Box<Threads>),
}

impl Crew {
    /// Starts the engines, and says why there is one only, if more were allowed. `keeps`: the state is begun with or
    /// kept, so that it must be taken apart by groups and put together.
    pub(super) fn start(
        task: &Task,
        cores: usize,
        keeps: bool,
    ) -> Result<(Self, Option<String>), ReplayError> {
        let parts = task.parts();
        if parts > 1 && cores > 1 && !keeps {
            return Ok((Self::Threads(Box::new(Threads::start(task, cores.min(parts))?)), None));
        }
        let lanes = (cores > 1).then(|| task.lanes());
        let alone = match lanes {
            Some(Ok(lanes)) if !keeps || lanes.go_by_id() => {
                let threads = Threads::spread(task, cores.min(KEY_GROUPS), lanes)?;
                return Ok((Self::Threads(Box::new(threads)), None));
            }
            Some(Ok(_)) => Some(
                "its state can be saved by one worker only, because its |from() nodes group in different ways"
                    .into(),
            ),
            Some(Err(why)) => Some(why),
            None => None,
        };
        Ok((Self::Here(Box::new(task.engine(0..parts)?)), alone))
    }
}

/// Writes the lines of an engine.
pub(super) fn show(engine: &mut Engine, writers: &mut Writers) -> Result<(), ReplayError> {
    let (mut shown, mut points): (Vec<_>, Vec<_>) =
        engine.runs.iter_mut().map(|run| (&mut run.effects.shown, &mut run.effects.points)).unzip();
    write_all(&mut shown, &mut writers.shown).map_err(ReplayError::Write)?;
    if let Some(writer) = &mut writers.points {
        write_all(&mut points, writer).map_err(ReplayError::Write)?;
    }
    Ok(())
}
