//! Runs a case and collects its results.

use super::file::{Case, CaseFile};
use super::setup::Given;
use super::{capture, setup};
use crate::replay::player::Writers;
use crate::replay::source::{Item, Scratch, Source};
use crate::replay::unseen;
use crate::replay::{Player, ReplayError};
use crate::script::{GroupView, SnapshotView};
use crate::tick::flow::NameKind;
use serde_json::Value;
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How the data is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As `replay` does.
    Straight,
    /// With all functions restarted from their snapshots after every so many items.
    Restarted(u64),
    /// Point by point, so that no function is given chunks.
    Single,
}

/// The results of a case.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Events of alerts.
    pub(super) alerts: Vec<Value>,
    /// Points.
    pub(super) points: Vec<Value>,
    /// Other lines, as of `|log()`.
    pub(super) texts: Vec<String>,
    /// The error that it ended with.
    pub(super) error: Option<String>,
    /// Lines of the log.
    pub(super) log: Vec<String>,
    /// The states of the functions, by the names of their nodes.
    pub(super) states: Vec<(String, Vec<GroupView>)>,
    /// The time of the first data.
    pub(super) start: Option<i64>,
    /// Points or batches that were read.
    pub(super) items: u64,
    /// Points that were read.
    pub(super) points_in: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Runs a case.
pub(super) fn run(file: &CaseFile, case: &Case, manner: Manner) -> Outcome {
    let written = Rc::new(RefCell::new(Vec::new()));
    let mut outcome = Outcome::default();
    capture::begin();
    let started = Instant::now();
    let played = play(file, case, manner, &written, &mut outcome);
    outcome.took = started.elapsed();
    outcome.log = capture::end();
    outcome.error = played.err().map(|error| error.to_string());
    let written = written.borrow();
    for line in String::from_utf8_lossy(&written).lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.get("level").is_some() => outcome.alerts.push(value),
            Ok(value) if value.get("fields").is_some() => outcome.points.push(value),
            _ => outcome.texts.push(line.to_owned()),
        }
    }
    outcome
}

fn play(
    file: &CaseFile,
    case: &Case,
    manner: Manner,
    written: &Rc<RefCell<Vec<u8>>>,
    outcome: &mut Outcome,
) -> Result<(), ReplayError> {
    let task = setup::task(file, case)?;
    let Given { sources, start } = setup::sources(file, case, &task)?;
    outcome.start = start;
    let writers = Writers { shown: Box::new(Shared(written.clone())), points: None };
    let mut player = Player::start_on(task, writers, 1)?;
    if manner == Manner::Single {
        player.at_once();
    }
    let part = match manner {
        Manner::Restarted(items) => items.max(1),
        _ => u64::MAX,
    };
    for mut source in sources {
        loop {
            let mut piece =
                Piece { source: &mut *source, left: part, items: &mut outcome.items, ended: false };
            let start = &mut outcome.start;
            player.play(&mut piece, &mut |time| {
                start.get_or_insert(time);
            })?;
            if piece.ended {
                break;
            }
            if let Some(engine) = player.engine_mut() {
                engine.restart_functions()?;
            }
        }
    }
    player.finish(&[])?;
    outcome.points_in = player.summary().points_in;
    if let Some(engine) = player.engine_mut() {
        for (node, snapshot) in engine.snapshots()? {
            // Programs that run elsewhere have states of their own kinds.
            if let Ok(view) = SnapshotView::read(&snapshot) {
                // The order of the groups in a snapshot does not matter.
                let mut groups = view.groups;
                groups.sort_by(|a, b| a.group.cmp(&b.group));
                outcome.states.push((node, groups));
            }
        }
    }
    match player.unseen().find(|unseen| unseen.kind == NameKind::ConditionField) {
        Some(name) => Err(ReplayError::Unfit(unseen::describe(&name))),
        None => Ok(()),
    }
}

/// A part of a source, which ends after some items.
struct Piece<'s> {
    source: &'s mut dyn Source,
    left: u64,
    items: &'s mut u64,
    ended: bool,
}

impl Source for Piece<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        if self.left == 0 {
            return Ok(None);
        }
        let item = self.source.next(scratch)?;
        self.ended = item.is_none();
        self.left -= 1;
        *self.items += u64::from(item.is_some());
        Ok(item)
    }

    fn queries(&self) -> Option<usize> {
        self.source.queries()
    }
}

/// A writer whose bytes are read later.
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
