//! Removing the beginning of a stream that is no longer needed.
//!
//! Servers before 2.9.18 take a purge up to a number, when they read it again from the log of a replicated stream after
//! they were killed, for a purge of all that the stream held at that time. Such a server has lost messages that
//! the others have, and everybody has lost them once it leads the stream. There, messages are deleted one by one.

use crate::error::{FleetError, Result};
use async_nats::jetstream::Context;
use async_nats::jetstream::response::Response;
use futures_util::StreamExt;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// Deletions that may be under way.
const UNDER_WAY: usize = 32;

/// Removes beginnings of streams.
pub(super) struct Trimmer {
    runtime: Handle,
    context: Context,
    begun: Arc<Mutex<HashMap<String, Begun>>>,
}

/// How far a stream is trimmed, as far as this process knows.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    /// All messages below are deleted.
    below: u64,
    /// Whether a task is deleting messages.
    busy: bool,
}

#[derive(Deserialize)]
struct Deleted {}

impl Trimmer {
    pub(super) fn new(runtime: Handle, context: Context) -> Self {
        Self { runtime, context, begun: Arc::default() }
    }

    /// Removes the messages below a number.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(super) async fn forget(&self, stream: &str, below: u64) -> Result<()> {
        // Servers take a purge up to message 1 for one of all messages.
        if below <= 1 {
            return Ok(());
        }
        let failed = |why: String| FleetError::nats(format!("trim {stream}"), why);
        let found = self.context.get_stream(stream).await.map_err(|e| failed(e.to_string()))?;
        let info = found.cached_info();
        let first = info.state.first_sequence.max(1);
        if first >= below || info.state.messages == 0 {
            return Ok(());
        }
        if info.config.num_replicas == 1 || self.context.client().is_server_compatible(2, 9, 18) {
            let purged = found.purge().sequence(below).await;
            return purged.map(drop).map_err(|error| failed(error.to_string()));
        }
        self.delete(stream, first, below);
        Ok(())
    }

    /// Begins to delete messages; what fails is left to the next time.
    fn delete(&self, stream: &str, first: u64, below: u64) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let own = begun.entry(stream.to_owned()).or_default();
        if own.busy {
            return;
        }
        // After a server was killed a stream may begin earlier than it did: the oldest are then left, which does no
        // harm.
        let from = first.max(own.below);
        own.busy = true;
        let (context, all, name) = (self.context.clone(), self.begun.clone(), stream.to_owned());
        self.runtime.spawn(async move {
            let one = |number: u64| {
                let (context, subject) = (&context, format!("STREAM.MSG.DELETE.{name}"));
                async move {
                    let request = serde_json::json!({ "seq": number, "no_erase": true });
                    let answer =
                        context.request::<_, _, Response<Deleted>>(subject, &request).await;
                    // A message that is not there was deleted before.
                    answer.map(drop).map_err(|error| (number, error.to_string()))
                }
            };
            let mut answers =
                futures_util::stream::iter((from..below).map(one)).buffered(UNDER_WAY);
            let mut deleted = below;
            while let Some(answer) = answers.next().await {
                if let Err((number, why)) = answer {
                    log::debug!("{name}: message {number} is not deleted yet: {why}");
                    deleted = number;
                    break;
                }
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(name.clone(), Begun { below: deleted, busy: false });
        });
    }
}
