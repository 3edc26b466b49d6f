//! Points that arrive over HTTP, as InfluxDB 1, 2 and 3 take them: line protocol from Telegraf or from a subscription
//! of InfluxDB, with errors in the form of each API.
//!
//! A request is read, unpacked and checked line by line while it arrives, and acknowledged when all of
//! its lines are good; one with a bad line is refused whole, as the daemon refuses it. Acknowledged lines wait as
//! text in a queue until they are played, and are also played when the listener ends. The bytes that wait are
//! bounded: when there are too many, senders are asked to try again (503).

mod checkpoint;
mod databases;
mod dialect;
mod inbox;
mod journal;
mod lines;
mod measures;
mod queue;
mod service;
mod words;

pub use checkpoint::{BatchCheckpoint, Checkpoint, StateFolder, StateFolderError};
pub use inbox::Inbox;
pub use journal::JournalError;
pub use measures::{Measures, TaskMeasures};
pub use queue::{Arrival, Delivery, Taker};

use super::ReplayError;
use crate::http::{Credentials, Doorkeeper, Identity, Limits, Server};
use crate::protocol::line::Reader;
use journal::{Held, Journal};
use queue::{ByteBudget, Queue};
use service::Writes;
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// The certificate, if connections are encrypted.
    pub identity: Option<Identity>,
    /// Where acknowledged points are kept, and how many of them a checkpoint there covers.
    pub journal: Option<(PathBuf, u64)>,
    /// Where what happens is counted.
    pub measures: Arc<Measures>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            policy: "autogen".into(),
            max_inflight: 256 << 20,
            credentials: Credentials::default(),
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
            identity: None,
            journal: None,
            measures: Arc::default(),
        }
    }
}

/// An open port.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stopper: Stopper,
    measures: Arc<Measures>,
    is_encrypted: bool,
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
        let budget = ByteBudget::new(options.max_inflight);
        let mut held = Held::default();
        let queue = match &options.journal {
            None => Queue::default(),
            Some((folder, played)) => {
                held = Held::read(folder, *played, &budget).map_err(StateFolderError::from)?;
                let journal = Journal::start(folder, &mut held).map_err(StateFolderError::from)?;
                Queue::kept(journal)
            }
        };
        let first = held.first;
        queue.put_back(held.deliveries);
        let queue = Arc::new(queue);
        let listener = Self::open(address, options, queue.clone(), budget)?;
        Ok((listener, Inbox::new(queue, Reader::default(), first)))
    }

    /// As [`Listener::start`], and hands the requests to something else than an [`Inbox`], which keeps them itself.
    ///
    /// # Errors
    /// As [`Listener::start`].
    pub fn hand_to(
        address: SocketAddr,
        options: ListenOptions,
        taker: Arc<dyn Taker>,
    ) -> Result<Self, ReplayError> {
        let budget = ByteBudget::new(options.max_inflight);
        Self::open(address, options, taker, budget)
    }

    fn open(
        address: SocketAddr,
        options: ListenOptions,
        taker: Arc<dyn Taker>,
        budget: Arc<ByteBudget>,
    ) -> Result<Self, ReplayError> {
        let failed = |error: std::io::Error| ReplayError::Listen {
            address: address.to_string(),
            message: error.to_string(),
        };
        let is_encrypted = options.identity.is_some();
        let server = Server::bind(address).map_err(failed)?.with_tls(options.identity);
        let bound = server.address();
        let measures = options.measures;
        let doorkeeper = Doorkeeper {
            loopback: bound.ip().is_loopback(),
            names: options.allowed_hosts,
            own_pages: false,
        };
        let writes = Writes {
            policy: options.policy.into(),
            credentials: options.credentials,
            doorkeeper,
            budget,
            taker,
            measures: measures.clone(),
            checker: lines::Checker::default(),
            databases: Default::default(),
            refusals: Default::default(),
        };
        let stopper = server.stopper();
        server.start(Arc::new(writes), options.limits).map_err(failed)?;
        Ok(Self { address: bound, stopper, measures, is_encrypted })
    }

    /// Returns the address, with the port that was free if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its address as senders write it.
    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Returns the handle that ends it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Returns how many requests were refused so far.
    pub fn refused(&self) -> u64 {
        self.measures.refused()
    }
}
