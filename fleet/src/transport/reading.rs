//! Reading a stream: a consumer that the servers keep in memory only is the fast way. It is not trusted, because it
//! may run on a server that is behind the others or has lost messages. Messages that it leaves out or does not
//! deliver are read by number from the leader of the stream.

use super::Reading;
use super::nats::{nanoseconds, stored};
use crate::error::{FleetError, Result};
use crate::message::Record;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{Context, Message};
use futures_util::{StreamExt, TryStreamExt};
use std::ops::RangeInclusive;
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
/// How long the servers keep a pull that finds nothing. After that the leader is asked whether there are messages.
const EXPIRES: Duration = Duration::from_secs(2);
/// Messages that are asked for by number at a time.
const BY_NUMBER: usize = 16;
/// Messages that are handed over together.
const TOGETHER: usize = 256;
/// How long to wait after an error.
const PAUSE: Duration = Duration::from_millis(200);

/// A result, or the reason why reading begins again from the present position.
type Trouble<T> = std::result::Result<T, String>;

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
            log::debug!(
                "{}: the stream is read again from message {}: {why}",
                self.stream,
                self.next
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn consumer(&self) -> Trouble<PullConsumer> {
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

    /// Hands over messages until an error occurs; returns the error.
    async fn pull(&mut self, consumer: &PullConsumer) -> String {
        loop {
            match self.pull_once(consumer).await {
                // No messages may mean that there are none, or that this consumer does not get them.
                Ok(0) => match self.by_number(None).await {
                    Ok(0) => {}
                    Ok(found) => return format!("the consumer did not deliver {found} messages"),
                    Err(why) => return why,
                },
                Ok(_) => {}
                Err(why) => return why,
            }
        }
    }

    /// Asks for messages once; returns how many were new.
    async fn pull_once(&mut self, consumer: &PullConsumer) -> Trouble<usize> {
        let asked = consumer.batch().max_bytes(self.bytes).max_messages(MESSAGES);
        let batch = asked.expires(EXPIRES).messages().await.map_err(|error| error.to_string())?;
        let mut chunks = std::pin::pin!(batch.ready_chunks(TOGETHER));
        let mut new = 0;
        while let Some(chunk) = chunks.next().await {
            let mut records = Vec::with_capacity(chunk.len());
            let mut trouble = None;
            for message in chunk {
                match message.map_err(|error| error.to_string()).and_then(record) {
                    Ok(record) => records.push(record),
                    Err(why) => trouble = Some(why),
                }
            }
            new += self.hand_over(records).await?;
            // A pull that ends because of its size is not an error.
            if let Some(why) = trouble.filter(|why| !why.contains("MaxBytes")) {
                return Err(why);
            }
        }
        Ok(new)
    }

    /// Hands over the messages of a consumer: known messages are skipped, and missing messages are requested by
    /// number. Returns how many messages were new.
    async fn hand_over(&mut self, records: Vec<Record>) -> Trouble<usize> {
        let mut new = 0;
        let mut ready: Vec<Record> = Vec::with_capacity(records.len());
        for record in records {
            let next = self.next + ready.len() as u64;
            if record.sequence < next {
                continue;
            }
            if record.sequence > next {
                self.send(std::mem::take(&mut ready)).await?;
                new += self.by_number(Some(record.sequence - 1)).await?;
                // Messages that the leader does not have either are missing; the reader notices it by the numbers.
                self.next = record.sequence;
            }
            ready.push(record);
            new += 1;
        }
        self.send(ready).await?;
        Ok(new)
    }

    /// Requests the next messages from the leader of the stream, up to a number, or all that it has; returns how many
    /// were found.
    async fn by_number(&mut self, through: Option<u64>) -> Trouble<usize> {
        let stream = self.context.get_stream(&self.stream).await.map_err(|e| e.to_string())?;
        let state = &stream.cached_info().state;
        let from = self.next.max(state.first_sequence);
        let numbers: RangeInclusive<u64> = from..=through.unwrap_or(state.last_sequence);
        if numbers.is_empty() || state.messages == 0 {
            return Ok(0);
        }
        let asked = numbers.map(|number| {
            let stream = &stream;
            async move {
                match stream.get_raw_message(number).await {
                    Ok(message) => Ok(Some(stored(message))),
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                    Err(error) => Err(error.to_string()),
                }
            }
        });
        let mut answers = futures_util::stream::iter(asked).buffered(BY_NUMBER);
        let mut found = 0;
        while let Some(answer) = answers.try_next().await? {
            if let Some(record) = answer {
                found += 1;
                self.send(vec![record]).await?;
            }
        }
        Ok(found)
    }

    async fn send(&mut self, records: Vec<Record>) -> Trouble<()> {
        let Some(last) = records.last().map(|record| record.sequence) else { return Ok(()) };
        if self.sender.send(Ok(records)).await.is_err() {
            return Err("nobody reads".into());
        }
        self.next = last + 1;
        Ok(())
    }
}

fn record(message: Message) -> Trouble<Record> {
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
