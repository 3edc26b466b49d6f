//! A replay that goes on where another was left, or that is left for another.

use super::{Crew, Player};
use crate::replay::ReplayError;
use crate::replay::engine::Engine;
use crate::replay::state::{StateError, StateFile, TaskState, Whose};
use crate::script::config::OnSnapshot;
use std::path::Path;

impl Player {
    /// Begins with a state, as if its data had come before; `path` names it in errors.
    ///
    /// # Errors
    /// A state of another task, or that is refused.
    pub fn resume(&mut self, file: &StateFile, path: &Path) -> Result<(), ReplayError> {
        match file {
            StateFile::Snapshot(snapshot) => {
                if !self.only_engine()?.resume_function(snapshot)? {
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
        let resumed = self.only_engine()?.resume(&state.runs)?;
        state.judge(&resumed, path, refuses, whose)?;
        self.points_before = state.points;
        self.time = state.time;
        Ok(())
    }

    /// Says that the data goes on in another replay: [`Player::finish`] keeps the state in place of
    /// ending the data.
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
        let runs = self.only_engine()?.states()?;
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

    fn only_engine(&mut self) -> Result<&mut Engine, StateError> {
        match &mut self.crew {
            Crew::Here(engine) => Ok(engine),
            Crew::Threads(_) => Err(StateError::Threads),
        }
    }
}
