//! Reading a stream: a consumer that the servers keep in memory only, pulled by bytes, made again from
//! where we are after any trouble.

use super::Reading;
use super::nats::nanoseconds;
use crate::error::{FleetError, Result};
use crate::message::Record;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{Context, Message};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes that are asked for at a time: pulls bounded by the number of messages alone have been cut off as
/// slow consumers.
const PULL: usize = 4 << 20;
/// Messages that are asked for at a time.
const MESSAGES: usize = 4096;
/// How long the servers keep a pull that finds nothing.
const EXPIRES: Duration = Duration::from_secs(3);
/// Messages that are handed over together.
const TOGETHER: usize = 256;
/// How long to wait after trouble.
const PAUSE: Duration = Duration::from_millis(200);

/// A stream that is being read.
pub(super) struct NatsReading {
    runtime: Arc<Runtime>,
    receiver: mpsc::Receiver<Result<Vec<Record>>>,
    task: JoinHandle<()>,
}

impl NatsReading {
    pub(super) fn start(
        runtime: &Arc<Runtime>,
        context: &Context,
        stream: &str,
        from: u64,
        largest: usize,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        let puller = Puller {
            context: context.clone(),
            stream: stream.to_owned(),
            next: from,
            bytes: PULL.max(2 * largest),
            sender,
        };
        let task = runtime.spawn(puller.run());
        Self { runtime: runtime.clone(), receiver, task }
    }
}

impl Drop for NatsReading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reading for NatsReading {
    fn next(&mut self, wait: Duration) -> Result<Vec<Record>> {
        let Self { runtime, receiver, .. } = self;
        // A time-out needs the runtime's clock, so it is made inside.
        let received =
            runtime.block_on(async { tokio::time::timeout(wait, receiver.recv()).await });
        match received {
            Err(_) => Ok(Vec::new()),
            Ok(Some(records)) => records,
            Ok(None) => Err(FleetError::nats("reading", "the task has ended")),
        }
    }
}

struct Puller {
    context: Context,
    stream: String,
    /// The number of the next message.
    next: u64,
    bytes: usize,
    sender: mpsc::Sender<Result<Vec<Record>>>,
}

impl Puller {
    async fn run(mut self) {
        loop {
            let why = match self.consumer().await {
                Ok(consumer) => self.pull(&consumer).await,
                Err(why) => why,
            };
            if self.sender.is_closed() {
                return;
            }
            log::debug!("{}: read again from {}: {why}", self.stream, self.next);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn consumer(&self) -> std::result::Result<PullConsumer, String> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next.max(1) },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let made = self.context.create_consumer_on_stream(config, &self.stream).await;
        made.map_err(|error| error.to_string())
    }

    /// Hands messages over until there is trouble; returns what it was.
    async fn pull(&mut self, consumer: &PullConsumer) -> String {
        loop {
            let asked = consumer.batch().max_bytes(self.bytes).max_messages(MESSAGES);
            let batch = match asked.expires(EXPIRES).messages().await {
                Ok(batch) => batch,
                Err(error) => return error.to_string(),
            };
            let mut chunks = std::pin::pin!(batch.ready_chunks(TOGETHER));
            while let Some(chunk) = chunks.next().await {
                let mut records = Vec::with_capacity(chunk.len());
                let mut trouble = None;
                for message in chunk {
                    match message.map_err(|error| error.to_string()).and_then(record) {
                        Ok(record) => records.push(record),
                        Err(why) => trouble = Some(why),
                    }
                }
                let last = records.last().map(|record: &Record| record.sequence);
                if !records.is_empty() && self.sender.send(Ok(records)).await.is_err() {
                    return "nobody reads".into();
                }
                self.next = last.map_or(self.next, |last| last + 1);
                // The end of a pull by its bytes is no trouble.
                if let Some(why) = trouble.filter(|why| !why.contains("MaxBytes")) {
                    return why;
                }
            }
        }
    }
}

fn record(message: Message) -> std::result::Result<Record, String> {
    let info = message.info().map_err(|error| error.to_string())?;
    let (sequence, stored) =
        (info.stream_sequence, nanoseconds(info.published.unix_timestamp_nanos()));
    let message = message.message;
    Ok(Record {
        sequence,
        subject: message.subject.to_string(),
        headers: message.headers.unwrap_or_default(),
        payload: message.payload,
        stored,
    })
}
