//! The commands to workers, and the trial of a version.

use super::partition::Command;
use super::status::Stage;
use super::{Slot, Worker};
use crate::names::{OUTLET, Partition};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a proof may take.
const PROOF: Duration = Duration::from_secs(20);

/// A command to workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Told {
    /// Try a version on the state of each partition, and answer for each.
    Prove {
        /// The version.
        version: String,
    },
    /// Write checkpoints now.
    Keep,
    /// Check for another layout or version now.
    Look,
    /// Hand over all partitions and end.
    Drain {
        /// The worker; `None` for all.
        worker: Option<String>,
    },
}

/// What a worker answers for a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// The layout.
    pub(crate) generation: u64,
    /// The partition.
    pub(crate) partition: u32,
    /// The worker.
    pub(crate) worker: String,
    /// Why it cannot take the version.
    pub(crate) refused: Option<String>,
}

impl Worker {
    /// Asks all partitions for a proof, and answers from a thread of its own.
    pub(super) fn prove(&self, version: &str, reply: Option<String>) {
        let Some(reply) = reply else { return };
        let (transport, meta) = (self.ground.transport.clone(), self.ground.meta.clone());
        let (worker, version) = (self.ground.worker.clone(), version.to_owned());
        let generation = self.layout.generation;
        let ask = |(of, slot): (&Partition, &Slot)| {
            let begins = slot.shared.status().stage == Stage::Starting && of.number != OUTLET;
            (of.number, slot.commands.clone(), begins)
        };
        let asked: Vec<_> = self.slots.iter().map(ask).collect();
        std::thread::spawn(move || {
            let version = match meta.version(&version) {
                Ok(Some(version)) => Ok(version),
                Ok(None) => Err("the version is not stored".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            for (partition, commands, begins) in asked {
                let refused = match (&version, commands) {
                    (Err(why), _) => Some(why.clone()),
                    (Ok(_), Some(_)) if begins => {
                        Some("it is being taken over: try again in a moment".to_owned())
                    }
                    // A partition that is stopped tries it on its last checkpoint when it begins again.
                    (Ok(_), None) => None,
                    (Ok(version), Some(commands)) => {
                        let (sender, answer) = channel();
                        let _ = commands.send(Command::Prove(version.clone(), sender));
                        match answer.recv_timeout(PROOF) {
                            Ok(proved) => proved.err(),
                            Err(_) => Some("it has not answered in time: deploy again".to_owned()),
                        }
                    }
                };
                let proof = Proof { generation, partition, worker: worker.clone(), refused };
                let text = serde_json::to_vec(&proof).unwrap_or_default();
                if let Err(error) = transport.tell(reply.clone(), text.into()) {
                    log::warn!("{error}");
                }
            }
        });
    }
}
