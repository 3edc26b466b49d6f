//! A worker: listens to the heartbeats of the others, takes the partitions that it should own, hands over others, and
//! follows layouts and versions.

mod copying;
mod partition;
pub(crate) mod peers;
pub(crate) mod status;
mod told;

pub(crate) use told::{Proof, Told};

use crate::config::Config;
use crate::error::{FleetError, Result};
use crate::meta::{Layout, Meta};
use crate::names::{Names, OUTLET, Partition};
use crate::transport::{Heard, Transport};
use partition::{Command, Ground, Shared};
use peers::Peers;
use status::{Beat, Counters, PartitionStatus, Stage};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a worker checks which partitions it should own.
const TICK: Duration = Duration::from_millis(100);
/// How often it sends a heartbeat.
const BEAT: Duration = Duration::from_secs(1);
/// How often it looks for another layout or version, and at partitions that are stopped.
const LOOK: Duration = Duration::from_secs(2);
/// How long it listens to heartbeats before it takes a partition.
const LISTENS: Duration = Duration::from_millis(2500);
/// How many heartbeats of an older worker with the same name are ignored.
const TWIN: u32 = 2;
/// The shortest time after which a stopped partition is tried again.
const AGAIN: Duration = Duration::from_secs(3);
/// A partition that runs, or that ended and may run again.
struct Slot {
    shared: Arc<Shared>,
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<Result<()>>>,
    /// Not to be started before.
    not_before: Instant,
    /// How often in a row it failed.
    failures: u32,
    /// The journal's last record when it was stopped, the current version at that time, and when it is tried again
    /// although neither has changed: a server that had just started may not have had the missing messages.
    stopped: Option<(u64, Option<String>, Instant)>,
}

/// A worker.
pub(crate) struct Worker {
    ground: Ground,
    layout: Layout,
    slots: BTreeMap<Partition, Slot>,
    peers: Peers,
    counters: Arc<Mutex<Counters>>,
    told: Receiver<Heard>,
    beats: Receiver<Heard>,
    leaving: Arc<AtomicBool>,
    began: Instant,
    /// The same as a time, which tells it from another worker with its name.
    born: u64,
    /// The latest heartbeat, for metrics.
    pub(crate) latest: Arc<Mutex<Beat>>,
}

impl Worker {
    /// Joins a fleet; `leaving` is set to ask the worker to end.
    ///
    /// # Errors
    /// A fleet that was not created.
    pub(crate) fn join(
        config: &Config,
        transport: Arc<dyn Transport>,
        id: String,
        leaving: Arc<AtomicBool>,
    ) -> Result<Self> {
        let names = config.names()?;
        // The name is a part of records' headers.
        if Names::new(&id).is_err() {
            return Err(FleetError::Usage(format!(
                "--id {id}: use 1 to 40 letters, digits, '_' and '-'"
            )));
        }
        let meta = Meta::new(transport.clone(), names.clone());
        let layout = meta.layout()?;
        let wanted = meta.wanted()?.map(|wanted| wanted.version);
        let (told, beats) = (transport.listen(names.control())?, transport.listen(names.beat())?);
        log::info!("worker {id} of fleet {}: {} partitions", names.fleet(), layout.partitions);
        Ok(Self {
            ground: Ground {
                transport,
                names,
                meta,
                worker: id,
                every: Duration::from_secs(config.checkpoint.seconds),
                every_bytes: config.checkpoint.bytes,
                keep_input: config.streams.keep_input,
                copied: Arc::default(),
                wanted: Arc::new(Mutex::new(wanted)),
            },
            layout,
            slots: BTreeMap::new(),
            peers: Peers::default(),
            counters: Arc::default(),
            told,
            beats,
            leaving,
            began: Instant::now(),
            born: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_nanos() as u64),
            latest: Arc::default(),
        })
    }

    /// Works until it is asked to leave the fleet and has handed over all partitions.
    ///
    /// # Errors
    /// Another worker with the same name. What servers refuse is tried again.
    pub(crate) fn run(&mut self) -> Result<()> {
        let (mut twin, mut heard_at) = (0, Instant::now());
        let (mut beat, mut look) = (None::<Instant>, Instant::now());
        loop {
            let told = self.told.try_iter().collect::<Vec<_>>();
            told.iter().for_each(|heard| self.obey(heard, &mut look));
            for heard in self.beats.try_iter().collect::<Vec<_>>() {
                let Ok(beat) = serde_json::from_slice::<Beat>(&heard.payload) else { continue };
                if beat.worker != self.ground.worker {
                    self.peers.hear(beat);
                } else if beat.began < self.born && !beat.leaving && heard_at.elapsed() >= BEAT {
                    // Heartbeats of a worker that was just killed may still arrive, also several at once that its
                    // servers had held back.
                    (twin, heard_at) = (twin + 1, Instant::now());
                }
            }
            if twin > TWIN {
                return Err(FleetError::Twin { worker: self.ground.worker.clone() });
            }
            self.peers.forget();
            self.note_copied();
            if look.elapsed() >= LOOK {
                look = Instant::now();
                self.look();
            }
            self.reap();
            self.share_out();
            let due = beat.is_none_or(|at| at.elapsed() >= BEAT);
            let left = self.leaving() && self.slots.is_empty();
            if due || left {
                beat = Some(Instant::now());
                self.tell();
            }
            if left {
                return Ok(());
            }
            std::thread::sleep(TICK);
        }
    }

    fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    fn obey(&mut self, heard: &Heard, look: &mut Instant) {
        let Ok(told) = serde_json::from_slice::<Told>(&heard.payload) else {
            log::warn!(
                "a command that this worker does not understand was ignored; do all programs of the fleet have the same version?"
            );
            return;
        };
        match told {
            Told::Prove { version } => self.prove(&version, heard.reply.clone()),
            Told::Keep => {
                for commands in self.slots.values().filter_map(|slot| slot.commands.as_ref()) {
                    let _ = commands.send(Command::Keep);
                }
            }
            Told::Look => *look = Instant::now().checked_sub(LOOK).unwrap_or(*look),
            Told::Drain { worker } => {
                if worker.is_none_or(|worker| worker == self.ground.worker) {
                    log::info!("asked to leave the fleet");
                    self.leaving.store(true, Ordering::Release);
                }
            }
        }
    }

    /// Checks for a new layout or version, and whether stopped partitions can continue.
    fn look(&mut self) {
        match self.ground.meta.wanted() {
            Ok(wanted) => {
                *self.ground.wanted.lock().unwrap_or_else(PoisonError::into_inner) =
                    wanted.map(|wanted| wanted.version);
            }
            Err(error) => log::warn!("the name of the current version cannot be read: {error}"),
        }
        match self.ground.meta.layout() {
            Ok(layout) => self.layout = layout,
            Err(error) => log::warn!("the layout cannot be read: {error}"),
        }
        let wanted = self.wanted();
        for (of, slot) in &mut self.slots {
            let Some((last, version, again)) = &slot.stopped else { continue };
            let ends = self.ground.transport.ends(&self.ground.names.journal(*of));
            let changed = matches!(ends, Ok(Some(ends)) if ends.last != *last);
            if changed || *version != wanted || Instant::now() >= *again {
                log::info!("{}: tried again", of.label());
                slot.stopped = None;
            }
        }
    }

    fn wanted(&self) -> Option<String> {
        self.ground.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how far journals are copied, as reported by the worker that copies them.
    fn note_copied(&self) {
        let generation = self.layout.generation;
        let mut all = self.ground.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let mut note = |status: &PartitionStatus| {
            for (number, own) in &status.copied {
                let known = all.entry(Partition { generation, number: *number }).or_default();
                *known = (*known).max(*own);
            }
        };
        for beat in self.peers.beats().filter(|beat| beat.generation == generation) {
            beat.partitions.iter().for_each(&mut note);
        }
        if let Some(slot) = self.slots.get(&Partition { generation, number: OUTLET }) {
            note(&slot.shared.status());
        }
    }

    /// Handles partitions that have ended.
    fn reap(&mut self) {
        let wanted = self.wanted();
        let ended: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.thread.as_ref().is_some_and(JoinHandle::is_finished))
            .map(|(of, _)| *of)
            .collect();
        for of in ended {
            let Some(slot) = self.slots.get_mut(&of) else { continue };
            let Some(thread) = slot.thread.take() else { continue };
            slot.commands = None;
            let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            let own = std::mem::take(&mut *slot.shared.counters());
            all.takeovers += own.takeovers;
            all.gaps += own.gaps;
            let panicked = || {
                Err(FleetError::Stop {
                    what:
                        "the thread of the partition has panicked, which is a bug in rhai-udf-nats"
                            .into(),
                    choice: "Please report it together with the log".into(),
                })
            };
            let running = slot.shared.status().stage == Stage::Running;
            slot.failures = if running { 1 } else { slot.failures + 1 };
            match thread.join().unwrap_or_else(|_| panicked()) {
                Ok(()) => {
                    self.slots.remove(&of);
                }
                Err(error) if error.is_final() => {
                    log::error!("{} is stopped: {error}", of.label());
                    all.stops += 1;
                    all.gaps += u64::from(matches!(error, FleetError::Stop { .. }));
                    let ends = self.ground.transport.ends(&self.ground.names.journal(of));
                    let last = ends.ok().flatten().map_or(0, |ends| ends.last);
                    let pause = AGAIN * (1 << slot.failures.min(4));
                    slot.stopped = Some((last, wanted.clone(), Instant::now() + pause));
                    let mut status = slot.shared.status();
                    status.stage = Stage::Stopped;
                    status.why = Some(error.to_string());
                }
                Err(error) => {
                    let fenced = matches!(error, FleetError::Fenced { .. });
                    all.fenced += u64::from(fenced);
                    all.retries += u64::from(!fenced);
                    let pause = pause(&self.ground.worker, of, slot.failures);
                    log::warn!("{}: {error}; taken over again in {pause:?}", of.label());
                    slot.not_before = Instant::now() + pause;
                    slot.shared.status().stage = Stage::Starting;
                }
            }
        }
    }

    /// Takes partitions that this worker should own, and hands over the others.
    fn share_out(&mut self) {
        let generation = self.layout.generation;
        let me = self.ground.worker.clone();
        for (of, slot) in &mut self.slots {
            let keeps = of.generation == generation
                && !self.leaving.load(Ordering::Acquire)
                && self.peers.is_mine(&me, of.number);
            // Without its sender the thread ends.
            if !keeps && let Some(commands) = slot.commands.take() {
                let _ = commands.send(Command::End);
            }
        }
        let peers = &self.peers;
        let leaving = self.leaving.load(Ordering::Acquire);
        self.slots.retain(|of, slot| {
            let keeps = of.generation == generation && !leaving && peers.is_mine(&me, of.number);
            slot.thread.is_some() || keeps
        });
        if leaving || self.began.elapsed() < LISTENS {
            return;
        }
        for of in self.layout.all().chain([Partition { generation, number: OUTLET }]) {
            if !self.peers.is_mine(&me, of.number) {
                continue;
            }
            let ready = self.slots.get(&of).is_none_or(|slot| {
                slot.thread.is_none() && slot.stopped.is_none() && Instant::now() >= slot.not_before
            });
            if ready && self.peers.is_free(&me, generation, of.number) {
                self.start(of);
            }
        }
    }

    fn start(&mut self, of: Partition) {
        let (sender, commands) = channel();
        let before = self.slots.remove(&of);
        let failures = before.as_ref().map_or(0, |slot| slot.failures);
        let shared = before.map_or_else(Arc::default, |slot| slot.shared);
        {
            let mut status = shared.status();
            let kept = PartitionStatus { number: of.number, ..std::mem::take(&mut *status) };
            *status = PartitionStatus { stage: Stage::Starting, refused: None, ..kept };
        }
        let (ground, given) = (self.ground.clone(), shared.clone());
        let thread = std::thread::Builder::new().name(format!("partition-{}", of.number));
        let partitions = self.layout.partitions;
        let thread = thread.spawn(move || match of.number {
            OUTLET => copying::copy(&ground, partitions, of, &given, &commands),
            _ => partition::run(&ground, of, &given, &commands),
        });
        let not_before = Instant::now() + TICK;
        match thread {
            Ok(thread) => {
                let slot = Slot {
                    shared,
                    commands: Some(sender),
                    thread: Some(thread),
                    not_before,
                    failures,
                    stopped: None,
                };
                self.slots.insert(of, slot);
            }
            Err(error) => log::error!("{}: a thread cannot be started: {error}", of.label()),
        }
    }

    /// Sends a heartbeat.
    fn tell(&mut self) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let current = self.slots.iter().filter(|(of, _)| of.generation == self.layout.generation);
        let mut partitions = Vec::new();
        for (_, slot) in current {
            let own = slot.shared.counters();
            counters.takeovers += own.takeovers;
            counters.gaps += own.gaps;
            partitions.push(slot.shared.status().clone());
        }
        let beat = Beat {
            worker: self.ground.worker.clone(),
            began: self.born,
            generation: self.layout.generation,
            leaving: self.leaving(),
            partitions,
            counters,
        };
        let text = serde_json::to_vec(&beat).unwrap_or_default();
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = beat;
        if let Err(error) = self.ground.transport.tell(self.ground.names.beat(), text.into()) {
            log::warn!("the heartbeat cannot be written: {error}");
        }
    }
}

/// How long to wait before a partition is taken over again: longer after each failure, and different for each worker,
/// so that two workers that disagree do not retry at the same times.
fn pause(worker: &str, of: Partition, failures: u32) -> Duration {
    let seed = crc32fast::hash(format!("{worker} {of} {failures}").as_bytes());
    let base = 200u64 << failures.min(4);
    Duration::from_millis(base + u64::from(seed) % base)
}
