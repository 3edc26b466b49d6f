//! A partition at work, on a thread of its own: takes the journal over, plays the input from the last
//! checkpoint, drops what came out before, and writes what is new.

use super::status::{Counters, PartitionStatus, Stage, now};
use crate::error::{FleetError, Result, believed};
use crate::journal::{Checkpoint, Journal, Kind, Lines, Mark, Standing};
use crate::message::{Batch, Record, Texts};
use crate::meta::Meta;
use crate::names::{Names, Partition};
use crate::outlet::Outlet;
use crate::session::{Output, Session};
use crate::task::Version;
use crate::transport::{Reading, Transport};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of lines that are gathered into one record, where more input waits.
const GATHERED: usize = 256 << 10;
/// How long to wait for input before other things are looked at.
const WAIT: Duration = Duration::from_millis(100);
/// How often the end of the input is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often a gap is read again before it is believed: servers that were killed have gone back.
const READ_AGAIN: u32 = 5;

/// What a partition is asked.
pub(super) enum Command {
    /// Keep the state and end.
    End,
    /// Keep the state now.
    Keep,
    /// Try a version on the state at hand; the answer is why it cannot be taken.
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

/// What all partitions of a worker need.
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

/// A partition at work.
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
    /// What is in the journal since before: it is not written again.
    before: Mark,
    /// Lines that are to be written.
    output: Output,
    texts: Texts,
    /// The last checkpoint.
    kept: Instant,
    kept_position: u64,
    bytes_since: u64,
    /// A version that was tried and cannot be taken.
    refused: Option<String>,
    /// The last look at the end of the input.
    looked: Option<Instant>,
    began: Instant,
}

/// Runs a partition until it is asked to end, is fenced off, or must not go on.
///
/// # Errors
/// Why it ends, if nobody asked for it.
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
            "Deploy the file that it was made of; or go on with the version that is wanted: `resume --partition \
             {} --accept-gap`",
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

/// Copies what comes out of all partitions into the stream of all output, until it is asked to end or is fenced
/// off.
///
/// # Errors
/// Why it ends, if nobody asked for it.
pub(super) fn copy(
    ground: &Ground,
    partitions: u32,
    of: Partition,
    shared: &Shared,
    commands: &Receiver<Command>,
) -> Result<()> {
    let began = Instant::now();
    let all = (0..partitions).map(|number| Partition { number, ..of });
    let mut outlet = Outlet::take_over(ground.transport.clone(), &ground.names, all)?;
    log::info!("the output is copied by this worker");
    shared.counters().takeovers += 1;
    {
        let mut status = shared.status();
        status.stage = Stage::Running;
        status.takeover_seconds = began.elapsed().as_secs_f64();
    }
    loop {
        match commands.try_recv() {
            Ok(Command::Prove(_, answer)) => {
                let _ = answer.send(Ok(()));
            }
            Ok(Command::Keep) | Err(TryRecvError::Empty) => {}
            Ok(Command::End) | Err(TryRecvError::Disconnected) => return Ok(()),
        }
        outlet.copy()?;
        let copied = outlet.copied.iter().filter(|(copied, _)| copied.generation == of.generation);
        let mut status = shared.status();
        status.copied.clear();
        status.copied.extend(copied.map(|(copied, own)| (copied.number, *own)));
    }
}

/// Says what is missing if the input begins behind the next message.
fn check_input(ground: &Ground, of: Partition, position: u64) -> Result<()> {
    believed(|| look_at_input(ground, of, position))
}

fn look_at_input(ground: &Ground, of: Partition, position: u64) -> Result<()> {
    let stream = ground.names.input(of);
    let ends = ground.transport.ends(&stream)?;
    match ends {
        Some(ends) if ends.first <= position + 1 && ends.last >= position => Ok(()),
        Some(ends) if ends.first > position + 1 => {
            Err(gap(&stream, of, position + 1, ends.first - 1))
        }
        Some(ends) => Err(FleetError::Stop {
            what: format!(
                "the input {stream} ends at {} and the state goes through {position}: it was made again, or restored \
                 from an old backup",
                ends.last
            ),
            choice: choice(of),
        }),
        None => Err(FleetError::Stop {
            what: format!("the input {stream} does not exist"),
            choice: choice(of),
        }),
    }
}

fn gap(stream: &str, of: Partition, from: u64, to: u64) -> FleetError {
    FleetError::Stop {
        what: format!("messages {from} to {to} of the input {stream} are missing"),
        choice: choice(of),
    }
}

fn choice(of: Partition) -> String {
    format!(
        "Restore the stream from a backup; or go on without them: `resume --partition {} --accept-gap`",
        of.number
    )
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

    /// A message was not the next one: where it is missing, the partition stops.
    fn misread(&self, record: &Record, times: u32) -> Result<()> {
        self.shared.counters().gaps += 1;
        log::warn!(
            "{}: message {} came after {}: read again",
            self.of.label(),
            record.sequence,
            self.position
        );
        check_input(self.ground, self.of, self.position)?;
        let stream = self.ground.names.input(self.of);
        let next = self.position + 1;
        if times < READ_AGAIN || self.ground.transport.get(&stream, next)?.is_some() {
            return Ok(());
        }
        Err(gap(&stream, self.of, next, next.max(record.sequence - 1)))
    }

    /// Plays messages as far as each is the next one; returns how many.
    fn play_all(&mut self, records: &[Record]) -> Result<usize> {
        let began = Instant::now();
        let mut points = 0;
        let mut played = 0;
        for record in records {
            // A consumer that was made again may begin with what is known already.
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
                // What came out of the message before it failed is not written: it is played again whole.
                self.output.points.truncate(from.0);
                self.output.alerts.truncate(from.1);
                self.write()?;
                self.journal.settle()?;
                return Err(match error {
                    FleetError::Replay(why) => FleetError::Stop {
                        what: format!("message {} of the input: {why}", record.sequence),
                        choice: "Deploy a version that can take it".into(),
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
                "at message {} of its input, partition {} does not make the output again that is in the \
                 journal: version {} does something else in a replay",
                self.position, self.of.number, self.session.version.hash
            ),
            choice: format!(
                "Look for what depends on more than the data, such as a model that was replaced; then deploy it \
                 mended and `resume --partition {} --accept-gap`, after which the output may have lines twice",
                self.of.number
            ),
        }
    }

    /// Whether all is played that came out before this worker had the partition.
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
            status.points_out += self.journal.mark.points.count - was.0;
            status.alerts_out += self.journal.mark.alerts.count - was.1;
        }
        let replaying = self.shared.status().stage == Stage::Replaying;
        if replaying && self.caught_up() {
            let took = self.began.elapsed().as_secs_f64();
            let mut status = self.shared.status();
            status.stage = Stage::Running;
            status.takeover_seconds = took;
            log::info!("{}: at work after {took:.2} s", self.of.label());
        }
        Ok(())
    }

    fn keep_if_due(&mut self) -> Result<()> {
        let due =
            self.kept.elapsed() >= self.ground.every || self.bytes_since >= self.ground.every_bytes;
        if due && self.position > self.kept_position && self.caught_up() {
            self.keep()?;
        }
        Ok(())
    }

    fn keep_now(&mut self) -> Result<()> {
        if self.position > self.kept_position && self.caught_up() {
            self.write()?;
            self.keep()?;
        }
        Ok(())
    }

    /// Stores a checkpoint, after which what is before it is not needed any more.
    fn keep(&mut self) -> Result<()> {
        self.journal.settle()?;
        let checkpoint = Checkpoint {
            position: self.position,
            version: self.session.version.hash.clone(),
            points: self.points,
            alerts: self.alerts,
            state: Some(self.session.state()?),
        };
        let size = self.journal.checkpoint(&checkpoint)?;
        self.kept = Instant::now();
        self.kept_position = self.position;
        self.bytes_since = 0;
        {
            let mut status = self.shared.status();
            status.checkpoint_at = now();
            status.checkpoint_bytes = size;
            status.checkpoint_position = self.position;
        }
        // Streams that stay longer than needed do no harm; a sealed one refuses.
        let input = self.ground.names.input(self.of);
        let copied = {
            let all = self.ground.copied.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&self.of).copied().unwrap_or_default()
        };
        let mut forgotten = vec![self.journal.forget(copied)];
        if !self.ground.keep_input {
            // The last message stays, so that the stream knows how far it was.
            forgotten.push(self.ground.transport.forget(&input, self.position));
        }
        for error in forgotten.into_iter().filter_map(Result::err) {
            log::debug!("{}: {error}", self.of.label());
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.write()?;
        self.journal.settle()?;
        self.keep_now()?;
        log::info!("{}: given away at message {}", self.of.label(), self.position);
        Ok(())
    }

    /// Tries a version on the state at hand.
    fn prove(&mut self, version: Arc<Version>) -> std::result::Result<Session, String> {
        let state = self.session.state().map_err(|error| error.to_string())?;
        let mut tried = Session::start(version, Some(&state)).map_err(|error| error.to_string())?;
        tried.state().map_err(|error| error.to_string())?;
        Ok(tried)
    }

    /// Takes the version that is wanted, between two messages, in a checkpoint: a takeover goes on with the
    /// version that was used.
    fn follow_version(&mut self) -> Result<()> {
        let wanted = self.ground.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(wanted) = wanted.filter(|wanted| *wanted != self.session.version.hash) else {
            return Ok(());
        };
        if self.refused.as_ref() == Some(&wanted) || !self.caught_up() {
            return Ok(());
        }
        self.write()?;
        let version = self.ground.meta.version(&wanted).and_then(|version| {
            version.ok_or_else(|| FleetError::nats(&wanted, "the version is not stored"))
        });
        let proved =
            version.map_err(|error| error.to_string()).and_then(|version| self.prove(version));
        match proved {
            Ok(session) => {
                let bad_lines = self.session.bad_lines;
                let before = std::mem::replace(&mut self.session, session);
                self.session.bad_lines = bad_lines;
                self.keep()?;
                let now = &self.session.version.hash;
                log::info!("{}: version {} → {now}", self.of.label(), before.version.hash);
                let mut status = self.shared.status();
                status.version.clone_from(now);
                status.refused = None;
            }
            Err(why) => {
                log::error!("{}: version {wanted} cannot be taken: {why}", self.of.label());
                self.shared.status().refused = Some((wanted.clone(), why));
                self.refused = Some(wanted);
            }
        }
        Ok(())
    }

    /// Looks at what waits, now and then.
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

/// Counts the lines from `from` on, and removes those that were written before; `None` if they are not the
/// same lines.
fn take(
    kind: Kind,
    mut lines: Lines,
    before: &Lines,
    output: &mut Vec<u8>,
    from: usize,
) -> Option<Lines> {
    if lines.count >= before.count {
        lines.add(kind, &output[from..]);
        return Some(lines);
    }
    let mut known = from;
    let mut rest = &output[from..];
    for line in kind.each(&output[from..]) {
        if lines.count == before.count {
            break;
        }
        lines.add(kind, line);
        known += line.len();
        rest = &output[known..];
    }
    if lines.count == before.count && lines.crc != before.crc {
        return None;
    }
    lines.add(kind, rest);
    output.drain(from..known);
    Some(lines)
}
