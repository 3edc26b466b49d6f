//! A replay that continues another one, or that saves its state for another one.

use super::Player;
use super::crew::Crew;
use super::threads::Threads;
use crate::replay::ReplayError;
use crate::replay::engine::Engine;
use crate::replay::state::{StateError, StateFile, TaskState, Whose};
use crate::replay::task::Task;
use crate::script::config::OnSnapshot;
use std::path::Path;

impl Player {
    /// Begins with a state, as if its data had come before; `path` names it in errors.
    ///
    /// # Errors
    /// A state of another task, or that is refused.
    pub fn resume(&mut self, file: &StateFile, path: &Path) -> Result<(), ReplayError> {
        let Self { task, crew, writers, .. } = self;
        match file {
            StateFile::Snapshot(snapshot) => {
                let resumed = match crew {
                    Crew::Here(engine) => engine.resume_function(snapshot)?,
                    Crew::Threads(threads) => {
                        let lead = &mut lead(task, threads)?;
                        threads.resume_function(snapshot, lead, writers)?
                    }
                };
                if !resumed {
                    return Err(StateError::OneFunction { path: path.into() }.into());
                }
            }
            StateFile::Task(state) => self.take_up(state, path, Whose::Unknown)?,
        }
        Ok(())
    }

    /// Begins with the state of a task, as if its data had come before; `path` names it in errors.
    ///
    /// # Errors
    /// A state that is refused.
    pub fn take_up(
        &mut self,
        state: &TaskState,
        path: &Path,
        whose: Whose,
    ) -> Result<(), ReplayError> {
        let shard = self.task.shard().map(|shard| shard.to_string());
        let refuses = self.task.config().state.on_snapshot == OnSnapshot::Refuse;
        state.check_shard(shard, path)?;
        let Self { task, crew, writers, .. } = self;
        let resumed = match crew {
            Crew::Here(engine) => engine.resume(&state.runs)?,
            Crew::Threads(threads) => {
                threads.resume(&state.runs, &mut lead(task, threads)?, writers)?
            }
        };
        state.judge(&resumed, path, refuses, whose)?;
        self.points_before = state.points;
        self.time = state.time;
        Ok(())
    }

    /// Notes that the data continues in another replay: [`Player::finish`] saves the state instead of ending the data.
    pub fn goes_on(&mut self) {
        self.goes_on = true;
    }

    /// Returns the state that [`Player::finish`] has kept.
    pub fn left(&self) -> Option<&TaskState> {
        self.left.as_ref()
    }

    /// Returns the state between two items.
    ///
    /// # Errors
    /// A function that cannot say its state, or engines on several threads.
    pub fn state(&mut self) -> Result<TaskState, ReplayError> {
        let Self { task, crew, writers, .. } = self;
        let runs = match crew {
            Crew::Here(engine) => engine.states()?,
            Crew::Threads(threads) => threads.states(&mut lead(task, threads)?, writers)?,
        };
        let file = self.task.file().file_name().unwrap_or_default();
        Ok(TaskState {
            program: env!("CARGO_PKG_VERSION").into(),
            task: file.to_string_lossy().into_owned(),
            shard: self.task.shard().map(|shard| shard.to_string()),
            time: self.time,
            points: self.points_before + self.points_in,
            runs,
        })
    }
}

/// Makes an engine that takes no data: it takes states apart and puts them together.
fn lead(task: &Task, threads: &Threads) -> Result<Engine, ReplayError> {
    if !threads.keeps_states() {
        return Err(StateError::Threads.into());
    }
    task.engine(0..task.parts())
}
