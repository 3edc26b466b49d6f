//! `feed`: the port for line protocol.

use super::{ConfigArgs, logging, stdout};
use crate::error::{FleetError, Result};
use crate::feed::Feed;
use rhai_udf::replay::listen::{ListenOptions, Listener};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How often another layout is looked for.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The address that is listened on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9092")]
    bind: SocketAddr,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let feed = Arc::new(Feed::join(fleet.transport, fleet.names)?);
    let listener = Listener::hand_to(args.bind, ListenOptions::default(), feed.clone())?;
    stdout::print(&format!("listening on http://{}\n", listener.address()))?;
    let mut signals = super::worker::signals()?;
    let stopper = listener.stopper();
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        signals.forever().next();
        stopper.stop();
        let _ = sender.send(());
    });
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
        feed.look();
    }
    feed.wait();
    let points = feed.points.load(Ordering::Relaxed);
    logging::tell(&format!("{points} points taken, {} requests refused", listener.refused()));
    Ok::<(), FleetError>(())
}
