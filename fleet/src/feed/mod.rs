//! The feed, to which Telegraf and subscriptions of InfluxDB write: requests of line protocol are split by the hash
//! of each line's group into the inputs of the partitions, and acknowledged after the servers have stored them.

mod room;
mod split;

use crate::error::{FleetError, Result};
use crate::message::Batch;
use crate::meta::{Layout, Meta};
use crate::names::{Names, Partition};
use crate::transport::{Ticket, Transport};
use bytes::Bytes;
use rhai_udf::http::Refusal;
use rhai_udf::replay::listen::{Delivery, Taker};
use room::Room;
use split::Splitter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};

/// Bytes of lines in a message at most.
const MESSAGE: usize = 256 << 10;

/// Receives requests and hands them to the servers.
pub(crate) struct Feed {
    transport: Arc<dyn Transport>,
    names: Names,
    meta: Meta,
    current: RwLock<Arc<Current>>,
    /// The listener has answered its last request.
    ended: (Mutex<bool>, Condvar),
    /// Points that were acknowledged.
    pub(crate) points: AtomicU64,
    /// Requests that were refused, to be sent again.
    pub(crate) refused: AtomicU64,
}

/// Where lines go at present.
struct Current {
    layout: Layout,
    splitter: Splitter,
    room: Room,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Feed {
    /// Joins a fleet.
    ///
    /// # Errors
    /// A fleet that was not created.
    pub(crate) fn join(transport: Arc<dyn Transport>, names: Names) -> Result<Self> {
        let meta = Meta::new(transport.clone(), names.clone());
        let current = RwLock::new(Arc::new(current(&meta)?));
        Ok(Self {
            transport,
            names,
            meta,
            current,
            ended: (Mutex::new(false), Condvar::new()),
            points: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Waits until the listener has answered its last request.
    pub(crate) fn wait(&self) {
        let (ended, changed) = &self.ended;
        let guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |ended| !*ended));
    }

    fn current(&self) -> Arc<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows another layout, if there is one, and looks how full the inputs are.
    pub(crate) fn look(&self) {
        let now = self.current();
        now.room.look(&*self.transport, &self.names, &now.layout);
        match self.meta.layout() {
            Ok(layout) if layout.generation != self.current().layout.generation => {
                match current(&self.meta) {
                    Ok(new) => {
                        log::info!(
                            "layout {}: {} partitions",
                            layout.generation,
                            layout.partitions
                        );
                        *self.current.write().unwrap_or_else(PoisonError::into_inner) =
                            Arc::new(new);
                    }
                    Err(error) => log::warn!("changes of the layout cannot be followed: {error}"),
                }
            }
            Ok(_) => {}
            Err(error) => log::warn!("the layout cannot be read: {error}"),
        }
    }

    fn send(&self, delivery: &Delivery) -> Result<u64> {
        let current = self.current();
        let mut parts: Vec<Vec<u8>> = vec![Vec::new(); current.layout.partitions as usize];
        let mut messages = Vec::new();
        let mut points = 0;
        for piece in &delivery.pieces {
            points += current.splitter.split(piece, delivery.precision, |number, line| {
                let part = &mut parts[number as usize];
                part.extend_from_slice(line);
                if part.last() != Some(&b'\n') {
                    part.push(b'\n');
                }
                if part.len() >= MESSAGE {
                    messages.push((number, std::mem::take(part)));
                }
            });
        }
        messages.extend((0u32..).zip(parts).filter(|(_, lines)| !lines.is_empty()));
        current.room.admit(&*self.transport, &self.names, &current.layout, &messages)?;
        let send = |(number, lines)| self.publish(&current.layout, number, lines, delivery);
        let tickets: Vec<_> = messages.into_iter().map(send).collect();
        // All answers are awaited, even after one message was refused, so that the state of each message is known.
        let stored: Vec<Result<u64>> =
            tickets.into_iter().map(|sent| sent.and_then(|ticket| ticket())).collect();
        stored.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(points)
    }

    fn publish(
        &self,
        layout: &Layout,
        number: u32,
        lines: Vec<u8>,
        delivery: &Delivery,
    ) -> Result<Ticket> {
        let of = Partition { generation: layout.generation, number };
        let batch = Batch {
            database: &delivery.database,
            policy: &delivery.policy,
            precision: delivery.precision,
            now: delivery.now,
            lines: &[],
        };
        let (stream, subject) = (self.names.input(of), self.names.input_subject(of));
        self.transport.append(&stream, subject, batch.headers(), Bytes::from(lines), None)
    }
}

fn current(meta: &Meta) -> Result<Current> {
    let layout = meta.layout()?;
    let missing =
        || FleetError::Usage("the fleet has no version of a script: run `create` again".into());
    let wanted = meta.wanted()?.ok_or_else(missing)?;
    let version = meta.version(&wanted.version)?.ok_or_else(missing)?;
    let splitter = Splitter::new(version.grouping.clone(), layout.partitions);
    let room = Room::new(layout.partitions);
    Ok(Current { layout, splitter, room })
}

impl Taker for Feed {
    fn ended(&self) {
        let (ended, changed) = &self.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    fn take(&self, delivery: Delivery) -> std::result::Result<(), Refusal> {
        if delivery.by_size {
            return Err(Refusal::new(
                400,
                "the unit of the times is missing: give precision=nanosecond or another",
            ));
        }
        match self.send(&delivery) {
            Ok(points) => {
                self.points.fetch_add(points, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if matches!(error, FleetError::Usage(_)) {
                    return Err(Refusal::new(413, error.to_string()));
                }
                if matches!(error, FleetError::Sealed { .. }) {
                    self.look();
                }
                Err(Refusal::new(503, format!("{error}: send it again in a moment")))
            }
        }
    }
}
