//! `feed`: the port for line protocol.

use super::{ConfigArgs, logging, stdout};
use crate::error::{FleetError, Result};
use crate::feed::Feed;
use rhai_udf::http::{Credentials, Identity, Secret};
use rhai_udf::replay::listen::{ListenOptions, Listener};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How often the feed checks for another layout.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The address on which to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9092")]
    bind: SocketAddr,
    /// A user who may write points; without a user or a token, everybody may (other users of this machine can see it
    /// here: prefer --token-file)
    #[arg(long, value_name = "NAME:PASSWORD")]
    user: Vec<String>,
    /// A file with one token in each line, with which senders may write points
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificate of this port, followed by those of its authorities (PEM); senders must then use https://
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Another host name that senders may use for the loopback address, for example behind a proxy
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
}

/// Who may write, and how.
fn options(args: &Args) -> Result<ListenOptions> {
    let is_named = |user: &String| user.split_once(':').is_some_and(|(name, _)| !name.is_empty());
    if !args.user.iter().all(is_named) {
        return Err(FleetError::Usage("--user: write NAME:PASSWORD".into()));
    }
    let mut tokens = Vec::new();
    if let Some(path) = &args.token_file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FleetError::Read { path: path.clone(), source })?;
        tokens.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::new));
        if tokens.is_empty() {
            let path = path.display();
            return Err(FleetError::Usage(format!("--token-file {path}: it holds no token")));
        }
    }
    let identity = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Identity::read(certificate, key)?),
        _ => None,
    };
    Ok(ListenOptions {
        credentials: Credentials {
            users: args.user.iter().map(|user| Secret::new(user)).collect(),
            tokens,
        },
        allowed_hosts: args.allow_host.clone(),
        identity,
        ..ListenOptions::default()
    })
}

pub(super) fn run(args: &Args) -> Result<()> {
    let options = options(args)?;
    let fleet = args.config.connect()?;
    let feed = Arc::new(Feed::join(fleet.transport, fleet.names)?);
    let listener = Listener::hand_to(args.bind, options, feed.clone())?;
    stdout::print(&format!("listening on {}\n", listener.url()))?;
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
