//! A running partition, on a thread of its own: it takes over the journal, plays the input from the last checkpoint,
//! drops output that is already in the journal, and writes new output.

mod input;
mod keeping;
mod output;
mod versions;

use super::status::{Counters, PartitionStatus, Stage, now};
use crate::error::{FleetError, Result};
use crate::journal::{Journal, Kind, Lines, Mark, Standing};
use crate::message::{Batch, Record, Texts};
use crate::meta::Meta;
use crate::names::{Names, Partition};
use crate::session::{Output, Session};
use crate::task::Version;
use crate::transport::{Reading, Transport};
use input::check_input;
use output::take;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of lines that are gathered into one record, where more input waits.
const GATHERED: usize = 256 << 10;
/// How long to wait for input before other work is done.
const WAIT: Duration = Duration::from_millis(100);
/// How often the end of the input is requested.
const LOOK: Duration = Duration::from_secs(2);

/// A request to a partition.
pub(super) enum Command {
    /// Write a checkpoint and end.
    End,
    /// Write a checkpoint now.
    Keep,
    /// Try a version on the present state; the answer is the reason why it is refused.
    Prove(Arc<Version>, Sender<std::result::Result<(), String>>),
}

/// What a partition shares with its worker.
#[derive(Debug, Default)]
pub(super) struct Shared {
    status: Mutex<PartitionStatus>,
    counters: Mutex<Counters>,
}

impl Shared {
    pub(super) fn status(&self) -> MutexGuard<'_, PartitionStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values that all partitions of a worker share.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) names: Names,
    pub(super) meta: Meta,
    pub(super) worker: String,
    /// When checkpoints are due.
    pub(super) every: Duration,
    pub(super) every_bytes: u64,
    /// Input stays after it is in a checkpoint.
    pub(super) keep_input: bool,
    /// The last record of each journal that is known to be in the stream of all output.
    pub(super) copied: Arc<Mutex<BTreeMap<Partition, u64>>>,
    /// The version that is wanted.
    pub(super) wanted: Arc<Mutex<Option<String>>>,
}

/// A running partition.
struct Owner<'g> {
    ground: &'g Ground,
    of: Partition,
    shared: &'g Shared,
    journal: Journal,
    session: Session,
    /// The last message that was played.
    position: u64,
    /// What came out up to there.
    points: Lines,
    alerts: Lines,
    /// The output that an earlier owner has written, which is not written again.
    before: Mark,
    /// Lines that are to be written.
    output: Output,
    texts: Texts,
    /// The last checkpoint.
    kept: Instant,
    kept_position: u64,
    bytes_since: u64,
    /// A version that was tried and is refused.
    refused: Option<String>,
    /// The last look at the end of the input.
    looked: Option<Instant>,
    began: Instant,
}

/// Runs a partition until it is asked to end, is fenced off, or must stop.
///
/// # Errors
/// The reason why it ended without being asked to.
pub(super) fn run(
    ground: &Ground,
    of: Partition,
    shared: &Shared,
    commands: &Receiver<Command>,
) -> Result<()> {
    let began = Instant::now();
    let Ground { transport, names, meta, worker, .. } = ground;
    let (journal, standing) = Journal::take_over(transport.clone(), names, of, worker)?;
    let Standing { mark, checkpoint, stored, size, .. } = standing;
    check_input(ground, of, checkpoint.position)?;
    let version = meta.version(&checkpoint.version)?.ok_or_else(|| FleetError::Stop {
        what: format!("the version {} that partition {} runs is not stored", checkpoint.version, of.number),
        choice: format!(
            "Deploy the same file again; or continue with the current version of the fleet: `resume --partition {} --accept-gap`",
            of.number
        ),
    })?;
    {
        let mut status = shared.status();
        status.stage = Stage::Replaying;
        status.version.clone_from(&version.hash);
        status.position = checkpoint.position;
        status.checkpoint_at = stored as f64 / 1e9;
        status.checkpoint_bytes = size;
        status.checkpoint_position = checkpoint.position;
        status.written = journal.latest_output;
    }
    shared.counters().takeovers += 1;
    log::info!(
        "{}: taken over at message {}, journal at {}, output through {}",
        of.label(),
        checkpoint.position,
        mark.own,
        mark.through
    );
    let mut owner = Owner {
        session: Session::start(version, checkpoint.state.as_deref())?,
        ground,
        of,
        shared,
        journal,
        position: checkpoint.position,
        points: checkpoint.points,
        alerts: checkpoint.alerts,
        before: mark,
        output: Output::default(),
        texts: Texts::default(),
        kept: Instant::now(),
        kept_position: checkpoint.position,
        bytes_since: 0,
        refused: None,
        looked: None,
        began,
    };
    owner.work(commands)
}

impl Owner<'_> {
    fn work(&mut self, commands: &Receiver<Command>) -> Result<()> {
        let stream = self.ground.names.input(self.of);
        let mut reading = self.ground.transport.read(&stream, self.position + 1);
        let mut misread = 0;
        loop {
            match commands.try_recv() {
                Ok(Command::Prove(version, answer)) => {
                    let _ = answer.send(self.prove(version).map(drop));
                }
                Ok(Command::Keep) => self.keep_now()?,
                Ok(Command::End) | Err(TryRecvError::Disconnected) => return self.end(),
                Err(TryRecvError::Empty) => {}
            }
            let records = reading.next(WAIT)?;
            let idle = records.is_empty();
            let played = self.play_all(&records)?;
            self.write()?;
            if played < records.len() {
                misread += 1;
                self.misread(&records[played], misread)?;
                reading = self.read_again(&stream);
            } else if !idle {
                misread = 0;
            }
            if idle {
                self.journal.settle()?;
                self.follow_version()?;
            }
            self.keep_if_due()?;
            self.look(idle);
        }
    }

    fn read_again(&self, stream: &str) -> Box<dyn Reading> {
        std::thread::sleep(WAIT);
        self.ground.transport.read(stream, self.position + 1)
    }

    /// Plays messages as far as each is the next one; returns how many.
    fn play_all(&mut self, records: &[Record]) -> Result<usize> {
        let began = Instant::now();
        let mut points = 0;
        let mut played = 0;
        for record in records {
            // A consumer that was made again may begin with messages that are already known.
            if record.sequence <= self.position {
                played += 1;
                continue;
            }
            if record.sequence != self.position + 1 {
                break;
            }
            self.follow_version()?;
            points += self.play(record)?;
            played += 1;
            if self.output.points.len() + self.output.alerts.len() >= GATHERED {
                self.write()?;
            }
        }
        let mut status = self.shared.status();
        status.points_in += points;
        status.position = self.position;
        status.bad_lines = self.session.bad_lines;
        status.busy_seconds += began.elapsed().as_secs_f64();
        if let Some(record) = records.last() {
            status.lag_seconds = (now() - record.stored as f64 / 1e9).max(0.0);
        }
        Ok(played)
    }

    fn play(&mut self, record: &Record) -> Result<u64> {
        let mut texts = std::mem::take(&mut self.texts);
        let from = (self.output.points.len(), self.output.alerts.len());
        let played = Batch::parse(record, &mut texts)
            .and_then(|batch| self.session.play(&batch, &mut self.output));
        self.texts = texts;
        let points = match played {
            Ok(points) => points,
            Err(error) => {
                // Output of the message from before it failed is not written, because the whole message is played
                // again.
                self.output.points.truncate(from.0);
                self.output.alerts.truncate(from.1);
                self.write()?;
                self.journal.settle()?;
                return Err(match error {
                    FleetError::Replay(why) => FleetError::Stop {
                        what: format!("message {} of the input: {why}", record.sequence),
                        choice: "Deploy a version that can process it".into(),
                    },
                    other => other,
                });
            }
        };
        self.position = record.sequence;
        self.bytes_since += record.payload.len() as u64;
        let before = self.before.clone();
        self.points =
            take(Kind::Points, self.points, &before.points, &mut self.output.points, from.0)
                .ok_or_else(|| self.differs())?;
        self.alerts =
            take(Kind::Alerts, self.alerts, &before.alerts, &mut self.output.alerts, from.1)
                .ok_or_else(|| self.differs())?;
        Ok(points)
    }

    fn differs(&self) -> FleetError {
        FleetError::Stop {
            what: format!(
                "at message {} of its input, partition {} does not repeat the output that is in the journal: version {} gives another output when it processes the same messages again",
                self.position, self.of.number, self.session.version.hash
            ),
            choice: format!(
                "Look for something in the script that depends on more than the data, such as a model that was replaced; deploy a corrected version, then run `resume --partition {} --accept-gap`, after which lines of the output may appear twice",
                self.of.number
            ),
        }
    }

    /// Whether all messages are played whose output an earlier owner has written.
    fn caught_up(&self) -> bool {
        self.position >= self.before.through
            && self.points.count >= self.before.points.count
            && self.alerts.count >= self.before.alerts.count
    }

    fn write(&mut self) -> Result<()> {
        let Output { points, alerts } = &mut self.output;
        if !points.is_empty() || !alerts.is_empty() {
            let was = (self.journal.mark.points.count, self.journal.mark.alerts.count);
            self.journal.write(points, alerts, self.position)?;
            points.clear();
            alerts.clear();
            let mut status = self.shared.status();
            status.written = self.journal.latest_output;
            status.points_out += self.journal.mark.points.count - was.0;
            status.alerts_out += self.journal.mark.alerts.count - was.1;
        }
        let replaying = self.shared.status().stage == Stage::Replaying;
        if replaying && self.caught_up() {
            let took = self.began.elapsed().as_secs_f64();
            let mut status = self.shared.status();
            status.stage = Stage::Running;
            status.why = None;
            status.takeover_seconds = took;
            log::info!("{}: running after {took:.2} s", self.of.label());
        }
        Ok(())
    }

    /// Updates the number of waiting messages from time to time.
    fn look(&mut self, idle: bool) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        if let Ok(Some(ends)) = self.ground.transport.ends(&self.ground.names.input(self.of)) {
            let mut status = self.shared.status();
            status.lag = ends.last.saturating_sub(self.position);
            if idle && status.lag == 0 {
                status.lag_seconds = 0.0;
            }
        }
    }
}
