//! Points that arrive over HTTP, as the daemon takes them: `/write` in line protocol, from Telegraf or
//! from a subscription of InfluxDB, and `/ping`.
//!
//! A request is read, unpacked and checked line by line while it arrives, and acknowledged when all of
//! its lines are good; one with a bad line is refused whole, as the daemon refuses it. What was
//! acknowledged waits as text in a queue until it is played, and is played also when the
//! listener ends. The bytes that wait are bounded: when there are too many, senders are asked to try
//! again (503).

mod inbox;
mod lines;
mod queue;
mod service;

pub use inbox::Inbox;
pub use queue::{Delivery, Taker};

use super::ReplayError;
use crate::http::{Credentials, Doorkeeper, Limits, Server};
use crate::protocol::line::Reader;
use queue::{ByteBudget, Queue};
use service::{Counters, Writes};
use std::net::SocketAddr;
use std::sync::Arc;

/// How requests are taken.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// The retention policy of points that name none.
    pub policy: String,
    /// Bytes of lines that may wait to be checked or played.
    pub max_inflight: u64,
    /// Who may write.
    pub credentials: Credentials,
    /// Names besides `localhost` that the loopback address may be called by.
    pub allowed_hosts: Vec<String>,
    /// The bounds of connections.
    pub limits: Limits,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            policy: "autogen".into(),
            max_inflight: 256 << 20,
            credentials: Credentials::default(),
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// An open port.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stopper: Stopper,
    counters: Arc<Counters>,
}

/// Ends a [`Listener`] from another thread: it takes no more requests, and those that were acknowledged
/// are still played.
pub type Stopper = crate::http::Stopper;

impl Listener {
    /// Opens a port and starts to take requests.
    ///
    /// # Errors
    /// An address that is not free; no threads are left.
    pub fn start(
        address: SocketAddr,
        options: ListenOptions,
    ) -> Result<(Self, Inbox), ReplayError> {
        let queue = Arc::new(Queue::default());
        let listener = Self::hand_to(address, options, queue.clone())?;
        Ok((listener, Inbox::new(queue, Reader::default())))
    }

    /// As [`Listener::start`], and hands the requests to something else than an [`Inbox`].
    ///
    /// # Errors
    /// As [`Listener::start`].
    pub fn hand_to(
        address: SocketAddr,
        options: ListenOptions,
        taker: Arc<dyn Taker>,
    ) -> Result<Self, ReplayError> {
        let failed = |error: std::io::Error| ReplayError::Listen {
            address: address.to_string(),
            message: error.to_string(),
        };
        let server = Server::bind(address).map_err(failed)?;
        let bound = server.address();
        let counters = Arc::new(Counters::default());
        let doorkeeper = Doorkeeper {
            loopback: bound.ip().is_loopback(),
            names: options.allowed_hosts,
            own_pages: false,
        };
        let writes = Writes {
            policy: options.policy.into(),
            credentials: options.credentials,
            doorkeeper,
            budget: ByteBudget::new(options.max_inflight),
            taker,
            counters: counters.clone(),
            checker: lines::Checker::default(),
            refusals: Default::default(),
        };
        let stopper = server.stopper();
        server.start(Arc::new(writes), options.limits).map_err(failed)?;
        Ok(Self { address: bound, stopper, counters })
    }

    /// Returns the address, with the port that was free if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what ends it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Returns how many requests were refused so far.
    pub fn refused(&self) -> u64 {
        self.counters.refused()
    }
}
