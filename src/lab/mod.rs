//! `rhai-udf lab`: a page on this machine that shows a script, its data and the results, and replays whenever a file
//! is saved or an option is changed.
//!
//! The data is `held` in memory. A `desk` has the request and the last result; its thread makes a `study` of a task,
//! its `knobs` and the data: a replay with its trace, alerts, log, states and `problems`. The `service` answers the
//! page (`page`, the bundle of `lab/`) with `answers`, and draws the trace at the resolution of the screen
//! (`decimate`); files are accessed through a `folder`, which cannot be left. A slice of the data can be `cut` out as
//! a test case, and the options be written as a `tickscript`.

mod answers;
mod cut;
mod decimate;
mod desk;
mod feed;
mod folder;
mod held;
mod knobs;
mod language;
mod live;
mod loaded;
mod page;
mod problems;
mod service;
mod study;
mod tickscript;

pub use cut::Setup;
pub use held::Held;
pub use live::Feed;
pub use study::Series;

use crate::http::{Doorkeeper, Limits, Secret, Server, Stopper};
use crate::replay::ReplayError;
use crate::replay::quality::Interval;
use crate::replay::task::Task;
use desk::{Desk, Why};
use folder::Folder;
use knobs::Settings;
use service::Answers;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use study::Job;

/// Connections at a time: a page has one that waits, and some that ask.
const CONNECTIONS: usize = 64;

/// The subject of a lab.
#[derive(Debug)]
pub struct LabOptions {
    /// The folder of the script, without links in its path.
    pub folder: PathBuf,
    /// The script, seen from its folder.
    pub script: String,
    /// What is run.
    pub task: Task,
    /// Only points and batches of this measurement, where the task does not choose them itself.
    pub measurement: Option<String>,
    /// The state that replays begin with.
    pub from_state: Option<PathBuf>,
    /// The data.
    pub series: Vec<Series>,
    /// The true anomalies, if there are labels.
    pub labels: Option<Vec<Interval>>,
    /// Whether files can be written.
    pub edit: bool,
    /// The address at which data arrives, if it does.
    pub live: Option<String>,
    /// How a test case reads the same data.
    pub setup: Setup,
    /// Where to listen; the address must be a loopback address.
    pub address: SocketAddr,
}

/// A page that is served.
#[derive(Debug)]
pub struct Lab {
    url: String,
    stopper: Stopper,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
    replays: JoinHandle<()>,
}

/// Notifies a lab of changes, from any thread.
#[derive(Clone, Debug)]
pub struct Bell(Arc<Desk>);

impl Bell {
    /// A script may have changed on the disk; changes that the page itself has saved are already replayed.
    pub fn saved(&self) {
        if self.0.disk_is_new() {
            self.0.want(None, Why::Settled);
            self.0.tell();
        }
    }

    /// From now on, these files are run.
    pub fn reads(&self, files: &[(PathBuf, String)]) {
        self.0.reads(files);
    }

    /// There is other data.
    pub fn feed(&self, series: Vec<Series>) {
        self.0.feed(series);
    }

    /// Tells whether a replay is at work or waits.
    pub fn is_behind(&self) -> bool {
        self.0.is_behind()
    }

    /// Tells whether the lab has ended.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }
}

impl Lab {
    /// Opens the port and starts to replay.
    ///
    /// # Errors
    /// An address that is not free or not of the loopback, a folder that cannot be opened, no threads.
    pub fn start(options: LabOptions) -> Result<Self, ReplayError> {
        let LabOptions { folder, script, series, labels, edit, live, setup, address, .. } = options;
        let failed = |error: std::io::Error| ReplayError::Listen {
            address: address.to_string(),
            message: error.to_string(),
        };
        if !address.ip().is_loopback() {
            let message =
                "a page that edits and runs scripts is served on the loopback address only";
            return Err(ReplayError::Usage(message.into()));
        }
        let token = random(24).map_err(failed)?;
        let server = Server::bind(address).map_err(failed)?;
        let url = format!("http://{}/{token}/", server.address());
        let read = |source| ReplayError::Read { path: folder.clone(), source };
        let opened = Arc::new(Folder::open(&folder).map_err(read)?);
        let job = Job {
            number: 0,
            base: options.task,
            settings: Settings::default(),
            series: Arc::new(series),
            folder,
            labelled: labels.is_some(),
            measurement: options.measurement,
            from_state: options.from_state,
        };
        let desk = Arc::new(Desk::new(job));
        let answers = Answers {
            token: Secret::new(&token),
            doorkeeper: Doorkeeper { loopback: true, names: Vec::new(), own_pages: true },
            desk: desk.clone(),
            folder: opened,
            script,
            edit,
            live,
            labels: labels.unwrap_or_default(),
            setup,
            writing: Default::default(),
            looking: Default::default(),
        };
        let replays = desk.start().map_err(failed)?;
        let stopper = server.stopper();
        let limits = Limits { connections: CONNECTIONS, ..Limits::default() };
        let server = server.start(Arc::new(answers), limits).map_err(failed)?;
        Ok(Self { url, stopper, desk, server, replays })
    }

    /// Returns the address of the page, with its token.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the handle that notifies it of changes.
    pub fn bell(&self) -> Bell {
        Bell(self.desk.clone())
    }

    /// Returns the handle that ends it.
    pub fn stopper(&self) -> LabStopper {
        LabStopper { stopper: self.stopper.clone(), desk: self.desk.clone() }
    }

    /// Waits until it has ended.
    pub fn wait(self) {
        // A thread that panicked has already logged it.
        let _ = self.server.join();
        self.desk.end();
        let _ = self.replays.join();
    }
}

/// Ends a [`Lab`] from any thread.
#[derive(Clone, Debug)]
pub struct LabStopper {
    stopper: Stopper,
    desk: Arc<Desk>,
}

impl LabStopper {
    /// Answers the requests that wait, and accepts no more.
    pub fn stop(&self) {
        self.desk.end();
        self.stopper.stop();
    }
}

/// Returns so many random bytes in hexadecimal digits.
fn random(bytes: usize) -> std::io::Result<String> {
    let mut random = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
