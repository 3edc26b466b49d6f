//! JetStream. The client lives on threads of its own; calls wait for it.

use super::inbox;
use super::reading::NatsReading;
use super::trimming::Trimmer;
use super::{Ends, Heard, Reading, StreamPlan, Ticket, Transport};
use crate::config::{Config, Security};
use crate::error::{FleetError, Result};
use crate::message::Record;
use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{
    self, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, ConnectOptions, HeaderMap};
use bytes::Bytes;
use futures_util::TryStreamExt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a server may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The largest message of a stream that takes none any more. A stream that is sealed would say the same, but servers of
/// the 2.9 series that are killed after a replicated stream was sealed do not start any more.
const CLOSED: i32 = 1;

/// A connection to the servers.
pub(crate) struct Nats {
    runtime: Arc<Runtime>,
    client: Client,
    context: Context,
    trimmer: Trimmer,
}

impl Nats {
    /// Connects.
    ///
    /// # Errors
    /// No server answers, or all refuse the credentials.
    pub(crate) fn connect(config: &Config) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("nats")
            .enable_all()
            .build()?;
        let servers = config.servers.join(", ");
        let options = options(&config.security)?;
        let connected = runtime.block_on(async {
            let options = options
                .name(format!("rhai-udf-nats {}", config.name))
                .connection_timeout(PATIENCE)
                .request_timeout(Some(PATIENCE))
                .reconnect_delay_callback(|attempts| {
                    Duration::from_millis(if attempts < 2 { 20 } else { 250 })
                })
                .subscription_capacity(1 << 16)
                .event_callback(async |event| log::debug!("NATS: {event}"));
            options.connect(&config.servers[..]).await
        });
        let client = connected.map_err(|error| FleetError::nats(servers, error))?;
        let guard = runtime.enter();
        let context = ContextBuilder::new().timeout(PATIENCE).build(client.clone());
        drop(guard);
        let trimmer = Trimmer::new(runtime.handle().clone(), context.clone());
        Ok(Self { runtime: Arc::new(runtime), client, context, trimmer })
    }

    fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn stream(&self, name: &str) -> Result<stream::Stream<()>> {
        let found = self.context.get_stream_no_info(name).await;
        found.map_err(|error| FleetError::nats(format!("stream {name}"), error))
    }
}

/// The options with the credentials.
fn options(security: &Security) -> Result<ConnectOptions> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|source| FleetError::Read { path: path.clone(), source })
    };
    let mut options = ConnectOptions::new();
    for (name, path, sign) in [
        ("ca", &security.ca, "BEGIN CERTIFICATE"),
        ("cert", &security.cert, "BEGIN CERTIFICATE"),
        ("key", &security.key, "PRIVATE KEY"),
    ] {
        if let Some(path) = path
            && !read(path)?.contains(sign)
        {
            let what = if name == "key" { "private key" } else { "certificate" };
            return Err(FleetError::Usage(format!(
                "{}: [security] {name} holds no {what} in PEM",
                path.display()
            )));
        }
    }
    if let Some(ca) = &security.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&security.cert, &security.key) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    options = options.require_tls(security.tls || security.ca.is_some());
    if let Some(path) = &security.nkey {
        options = options.nkey(read(path)?);
    }
    if let Some(path) = &security.credentials {
        let wrong = |e: std::io::Error| FleetError::Read { path: path.clone(), source: e };
        // The parser of the client does not find a line without an end.
        options = options.credentials(&(read(path)? + "\n")).map_err(wrong)?;
    }
    if let Some(user) = &security.user {
        let password = match (&security.password, &security.password_file) {
            (Some(password), _) => password.clone(),
            (None, Some(path)) => read(path)?,
            (None, None) => String::new(),
        };
        options = options.user_and_password(user.clone(), password);
    }
    Ok(options)
}

fn stream_config(plan: &StreamPlan) -> stream::Config {
    stream::Config {
        name: plan.name.clone(),
        subjects: plan.subjects.clone(),
        retention: RetentionPolicy::Limits,
        max_consumers: -1,
        max_messages: -1,
        max_messages_per_subject: if plan.only_last { 1 } else { -1 },
        max_bytes: if plan.bytes == 0 { -1 } else { plan.bytes as i64 },
        discard: if plan.forgets { DiscardPolicy::Old } else { DiscardPolicy::New },
        storage: StorageType::File,
        num_replicas: plan.replicas,
        ..stream::Config::default()
    }
}

pub(super) fn stored(message: StreamMessage) -> Record {
    Record {
        sequence: message.sequence,
        subject: message.subject.to_string(),
        headers: message.headers,
        payload: message.payload,
        stored: nanoseconds(message.time.unix_timestamp_nanos()),
    }
}

pub(super) fn nanoseconds(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

impl Transport for Nats {
    fn create(&self, plan: &StreamPlan) -> Result<()> {
        let made = self.block(self.context.create_stream(stream_config(plan)));
        made.map(drop).map_err(|error| FleetError::nats(format!("create {}", plan.name), error))
    }

    fn seal(&self, stream: &str) -> Result<()> {
        let failed = |why: String| FleetError::nats(format!("seal {stream}"), why);
        self.block(async {
            let found = self.stream(stream).await?;
            let info = found.get_info().await.map_err(|error| failed(error.to_string()))?;
            if info.config.max_message_size == CLOSED {
                return Ok(());
            }
            let config = stream::Config { max_message_size: CLOSED, ..info.config };
            let sealed = self.context.update_stream(config).await;
            sealed.map(drop).map_err(|error| failed(error.to_string()))
        })
    }

    fn delete(&self, stream: &str) -> Result<()> {
        let deleted = self.block(self.context.delete_stream(stream));
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if error.to_string().contains("10059") => Ok(()),
            Err(error) => Err(FleetError::nats(format!("delete {stream}"), error)),
        }
    }

    fn streams(&self) -> Result<Vec<String>> {
        let names = self.block(self.context.stream_names().try_collect());
        names.map_err(|error| FleetError::nats("list the streams", error))
    }

    fn ends(&self, stream: &str) -> Result<Option<Ends>> {
        use async_nats::jetstream::context::GetStreamErrorKind;
        let found = self.block(self.context.get_stream(stream));
        match found {
            Ok(found) => {
                let state = &found.cached_info().state;
                Ok(Some(Ends {
                    first: state.first_sequence,
                    last: state.last_sequence,
                    messages: state.messages,
                    bytes: state.bytes,
                }))
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(told)
                    if told.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(FleetError::nats(format!("look at {stream}"), error)),
            },
        }
    }

    fn get(&self, stream: &str, sequence: u64) -> Result<Option<Record>> {
        let got = self.block(async {
            let found = self.stream(stream).await?;
            Ok::<_, FleetError>(found.get_raw_message(sequence).await)
        })?;
        match got {
            Ok(message) => Ok(Some(stored(message))),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(FleetError::nats(format!("message {sequence} of {stream}"), error)),
        }
    }

    fn last_of(&self, stream: &str, subject: &str) -> Result<Option<Record>> {
        let got = self.block(async {
            let found = self.stream(stream).await?;
            Ok::<_, FleetError>(found.get_last_raw_message_by_subject(subject).await)
        })?;
        match got {
            Ok(message) => Ok(Some(stored(message))),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(FleetError::nats(format!("the last {subject} of {stream}"), error)),
        }
    }

    fn append(
        &self,
        stream: &str,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        after: Option<u64>,
    ) -> Result<Ticket> {
        let mut publish =
            PublishMessage::build().headers(headers).payload(payload).expected_stream(stream);
        if let Some(after) = after {
            publish = publish.expected_last_sequence(after);
        }
        let stream = stream.to_owned();
        let sent = self.block(self.context.send_publish(subject, publish));
        let ack = sent.map_err(|error| refused(&stream, &error))?;
        let runtime = self.runtime.clone();
        Ok(Box::new(move || {
            let acknowledged = runtime.block_on(ack.into_future());
            acknowledged.map(|ack| ack.sequence).map_err(|error| refused(&stream, &error))
        }))
    }

    fn read(&self, stream: &str, from: u64) -> Box<dyn Reading> {
        let bytes = self.largest();
        Box::new(NatsReading::start(&self.runtime, &self.context, stream, from, bytes))
    }

    fn forget(&self, stream: &str, below: u64) -> Result<()> {
        self.block(self.trimmer.forget(stream, below))
    }

    fn largest(&self) -> usize {
        self.client.server_info().max_payload
    }

    fn tell(&self, subject: String, payload: Bytes) -> Result<()> {
        let sent = self.block(self.client.publish(subject.clone(), payload));
        sent.map_err(|error| FleetError::nats(subject, error))
    }

    fn ask(&self, subject: String, payload: Bytes) -> Result<Receiver<Heard>> {
        let reply = self.client.new_inbox();
        let heard = self.listen(reply.clone())?;
        let sent = self.block(self.client.publish_with_reply(subject.clone(), reply, payload));
        sent.map_err(|error| FleetError::nats(subject, error))?;
        Ok(heard)
    }

    fn listen(&self, subject: String) -> Result<Receiver<Heard>> {
        let subscribed = self.block(self.client.subscribe(subject.clone()));
        let subscriber = subscribed.map_err(|error| FleetError::nats(&subject, error))?;
        let flushed = self.block(self.client.flush());
        flushed.map_err(|error| FleetError::nats(subject, error))?;
        Ok(inbox::collect(&self.runtime, subscriber))
    }
}

/// The error for the refusal of a message.
fn refused(stream: &str, error: &async_nats::error::Error<PublishErrorKind>) -> FleetError {
    use std::error::Error as _;
    let code = error
        .source()
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
        .map(async_nats::jetstream::Error::error_code);
    match (error.kind(), code) {
        (PublishErrorKind::WrongLastSequence, _) => FleetError::Fenced { journal: stream.into() },
        (PublishErrorKind::MaxPayloadExceeded, _) => FleetError::Stop {
            what: format!("a message for {stream} is larger than the servers accept: {error}"),
            choice: "Raise max_payload of the servers, or let the script write shorter lines"
                .into(),
        },
        (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)) => {
            FleetError::Sealed { stream: stream.into() }
        }
        (_, Some(ErrorCode::STREAM_STORE_FAILED)) => FleetError::Full { stream: stream.into() },
        (
            _,
            Some(
                ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ),
        ) => FleetError::NoSpace { stream: stream.into() },
        _ => {
            let why = error.source().map_or_else(String::new, |source| format!(": {source}"));
            FleetError::nats(format!("write to {stream}"), format!("{error}{why}"))
        }
    }
}
