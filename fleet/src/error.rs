//! The errors of a fleet.

pub(crate) use rhai_udf::nearest::did_you_mean;
use std::path::{Path, PathBuf};

/// An error of a fleet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    /// Wrong usage; the exit code is 2.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}{}", near_file(path, source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A server refuses a request, or does not answer.
    #[error("NATS: {what}: {why}")]
    Nats {
        /// The request.
        what: String,
        /// The answer.
        why: String,
    },
    /// Another worker has written to the journal since this one read it.
    #[error("another worker has taken over the journal {journal}")]
    Fenced {
        /// The stream.
        journal: String,
    },
    /// A stream is full.
    #[error("the stream {stream} is full: see `status` for workers that are behind or missing")]
    Full {
        /// The stream.
        stream: String,
    },
    /// The servers have no space for any stream.
    #[error(
        "the servers have no space left for {stream}: raise max_file_store, or free space on their disks"
    )]
    NoSpace {
        /// The stream.
        stream: String,
    },
    /// A stream belongs to an earlier partitioning and takes nothing any more.
    #[error("the stream {stream} is closed: a repartition is under way")]
    Sealed {
        /// The stream.
        stream: String,
    },
    /// A partition that must not continue before an operator has decided.
    #[error("{what}. {choice}")]
    Stop {
        /// What is missing or differs.
        what: String,
        /// What the operator can do.
        choice: String,
    },
    /// The script or its data.
    #[error(transparent)]
    Replay(rhai_udf::replay::ReplayError),
    /// The configuration of the script.
    #[error(transparent)]
    Config(#[from] rhai_udf::script::config::ConfigError),
    /// An address that cannot be listened at.
    #[error("{what} {address}: {source}")]
    Port {
        /// The argument.
        what: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Another worker has the same name.
    #[error("a running worker already has the name {worker}: give each worker its own --id")]
    Twin {
        /// The name.
        worker: String,
    },
    /// A certificate for the port.
    #[error("--tls-cert, --tls-key: {0}")]
    Identity(#[from] rhai_udf::http::IdentityError),
    /// A file or a thread.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Bytes in a stream that are not what they should be.
    #[error("{what} cannot be read: {why}")]
    Foreign {
        /// What they should be.
        what: String,
        /// Why not.
        why: String,
    },
}

impl From<rhai_udf::replay::ReplayError> for FleetError {
    /// Says in the words of the configuration what a replay says in those of its options.
    fn from(error: rhai_udf::replay::ReplayError) -> Self {
        use rhai_udf::replay::ReplayError;
        match error {
            ReplayError::Condition { level, source } => Self::Usage(format!("{level}: {source}")),
            ReplayError::Listen { address, message } => {
                let why = format!(
                    "{address}: cannot be listened on: {message}; choose another with --bind"
                );
                Self::Io(std::io::Error::other(why))
            }
            other => Self::Replay(other),
        }
    }
}

/// The file beside a missing one whose name is nearly the same, as the end of a message.
fn near_file(path: &Path, why: &std::io::Error) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let (std::io::ErrorKind::NotFound, Some(name), Ok(entries)) =
        (why.kind(), path.file_name(), std::fs::read_dir(folder))
    else {
        return String::new();
    };
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    did_you_mean(&name.to_string_lossy(), names.iter().map(String::as_str))
}

/// The result of something in a fleet.
pub(crate) type Result<T> = std::result::Result<T, FleetError>;

impl FleetError {
    /// A refusal by a server, or no answer.
    pub(crate) fn nats(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        let mut why = why.to_string();
        if let Some((_, advice)) = ADVICE.iter().find(|(sign, _)| why.contains(sign)) {
            why.push_str(". ");
            why.push_str(advice);
        }
        Self::Nats { what: what.into(), why }
    }

    /// Whether the error would occur again, so that only an operator can help.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Nats { .. }
                | Self::Fenced { .. }
                | Self::Full { .. }
                | Self::NoSpace { .. }
                | Self::Io(_)
                | Self::Sealed { .. }
        )
    }
}

/// What an operator can do about what servers and the client say.
const ADVICE: [(&str, &str); 16] = [
    ("Connection refused", "No server listens there: start `nats-server -js`, or mend `servers`"),
    ("failed to lookup", "Mend `servers`: a name in it is not known"),
    ("uthorization", "Mend [security]: the servers do not admit us"),
    ("JetStream resource does not exist", "Start the servers with JetStream: `nats-server -js`"),
    ("not enabled", "Start the servers with JetStream: `nats-server -js`"),
    ("10074", "Write `replicas = 1`, or run a cluster of at least as many servers"),
    ("10005", "Start as many servers with JetStream as `replicas` says, or write a smaller number"),
    (
        "10047",
        "All inputs (partitions x input_bytes x replicas) and the output must fit into max_file_store of the servers",
    ),
    (
        "10058",
        "An earlier `create` made it with other settings: use those settings, or delete it (`nats stream rm`)",
    ),
    ("signing nonce", "Mend [security]: the file of nkey must hold the seed of a user (SU...)"),
    (
        "InvalidContentType",
        "The server does not speak TLS there: give it a certificate, or take `tls` and `ca` out of [security]",
    ),
    ("no stream found", SILENT),
    ("didn't receive ack", SILENT),
    ("deadline has elapsed", SILENT),
    ("10008", SILENT),
    ("timed out", "No NATS server answers there: mend `servers`"),
];

/// What it may mean that servers are reached and do not answer.
const SILENT: &str = "The servers do not serve this stream now: fewer than half of its replicas are up, or a disk is \
                      full (then make room and start that server again), or our user may not ask for it";

/// How often something that is missing is looked for before it is believed to be gone.
const LOOKS: u32 = 6;
/// How long to wait between two looks.
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(400);

/// Tries again if something is missing: an owner may have replaced it meanwhile, and a server that has just started
/// may not have it yet.
///
/// # Errors
/// What the last look says.
pub(crate) fn believed<T>(look: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 1..LOOKS {
        match look() {
            Err(FleetError::Stop { .. }) => std::thread::sleep(BETWEEN),
            seen => return seen,
        }
    }
    look()
}
