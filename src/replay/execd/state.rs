//! The state of a processor in a file: the content of its windows, and the snapshot of its script.

use crate::protocol::Bytes;
use crate::replay::ReplayError;
use crate::replay::state::{RunState, StateError, StateFile, TaskState};
use crate::tick::{NodeIdentity, NodeState};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The node that stands for the script.
const SCRIPT: &str = "script";

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// What windows hold.
    pub windows: Vec<NodeState>,
    /// The snapshot of the script.
    pub snapshot: Option<Vec<u8>>,
    /// Points that were read before.
    pub points: u64,
}

/// Saves the state of a processor in a file, each time whole or not at all.
#[derive(Clone, Debug)]
pub struct StateKeeper {
    path: PathBuf,
    task: String,
    found: Arc<Kept>,
    /// The content of the windows at the times when the outstanding snapshots were requested.
    expected: Arc<Mutex<VecDeque<(Vec<NodeState>, u64)>>>,
}

impl StateKeeper {
    /// Reads the state that was kept of a script, if there is any.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or is the state of something else.
    pub fn open(path: &Path, script: &Path) -> Result<Self, ReplayError> {
        let task = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = if path.exists() { found(path)? } else { Kept::default() };
        Ok(Self { path: path.into(), task, found: Arc::new(found), expected: Arc::default() })
    }

    /// What was found at the beginning, if anything was.
    pub fn found(&self) -> Option<&Kept> {
        (*self.found != Kept::default()).then_some(&*self.found)
    }

    /// Notes what windows hold at the place where a snapshot is asked for.
    pub(super) fn expect(&self, windows: Vec<NodeState>, points: u64) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.push_back((windows, points));
    }

    /// Writes a snapshot with the notes that belong to it. A full disk is reported, and stops nothing.
    pub(super) fn keep(&self, snapshot: Vec<u8>) {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (mut nodes, points) = expected.unwrap_or_default();
        nodes.push(NodeState {
            identity: NodeIdentity {
                name: SCRIPT.into(),
                kind: SCRIPT.into(),
                number: 0,
                definition: String::new(),
                before: 0,
                is_function: true,
            },
            function: Some(Bytes(snapshot)),
            remembered: Vec::new(),
        });
        let state = TaskState {
            program: env!("CARGO_PKG_VERSION").into(),
            task: self.task.clone(),
            points: self.found.points + points,
            runs: vec![RunState { label: String::new(), nodes }],
            ..TaskState::default()
        };
        match state.write(&self.path, []) {
            Ok(()) => log::debug!("the state is saved in {}", self.path.display()),
            Err(error) => log::error!("the state cannot be saved: {error}"),
        }
    }
}

fn found(path: &Path) -> Result<Kept, ReplayError> {
    let state = match StateFile::read(path)? {
        StateFile::Snapshot(snapshot) => {
            return Ok(Kept { snapshot: Some(snapshot), ..Kept::default() });
        }
        StateFile::Task(state) => state,
    };
    let [run] = <[RunState; 1]>::try_from(state.runs).map_err(|_| StateError::OtherTask {
        path: path.into(),
        task: state.task.clone(),
        why: "it has several variants".into(),
    })?;
    let (functions, windows): (Vec<NodeState>, _) =
        run.nodes.into_iter().partition(|node| node.identity.is_function);
    let mut snapshots = functions.into_iter().filter_map(|node| node.function);
    Ok(Kept { windows, snapshot: snapshots.next().map(|Bytes(bytes)| bytes), points: state.points })
}
