//! The arguments of `listen` about receiving requests.

use super::usage;
use anyhow::Context;
use rhai_udf::http::{Credentials, Identity, Limits, Secret};
use rhai_udf::protocol::duration;
use rhai_udf::replay::listen::ListenOptions;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How requests are received.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Requests")]
pub(super) struct Port {
    /// The port; 0 for any free port
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// The address on which to listen; 0.0.0.0 for all addresses of the machine
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
    /// A user who may write points; without a user or a token, everybody may (other users of this machine can see it
    /// here: prefer --token-file)
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    user: Vec<Option<Secret>>,
    /// A token with which a sender may write points (other users of this machine can see it here: prefer --token-file)
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    token: Vec<Option<Secret>>,
    /// A file with one token in each line
    #[arg(long, value_name = "FILE")]
    token_file: Vec<PathBuf>,
    /// The certificate of this listener, followed by those of its authorities (PEM); senders must then use https://
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Another host name that senders may use for the loopback address, for example behind a proxy
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// The most bytes that may wait to be processed, as 64MB or 1GB; beyond that, senders are asked to try again
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = size)]
    max_inflight: u64,
    /// The most connections at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = connections)]
    max_connections: usize,
    /// How long a sender may be silent in the middle of a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time)]
    read_timeout: Duration,
    /// How long a connection may wait for its next request
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time)]
    idle_timeout: Duration,
}

/// A user with a password; `None` if the text is something else; the error does not show it.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn user(text: &str) -> Result<Option<Secret>, String> {
    let named = text.split_once(':').filter(|(name, _)| !name.is_empty());
    Ok(named.map(|_| Secret::new(text)))
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn token(text: &str) -> Result<Option<Secret>, String> {
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

fn connections(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "write a number above 0".into())
}

fn time(text: &str) -> Result<Duration, String> {
    let nanoseconds = u64::try_from(duration::parse(text).map_err(|e| e.to_string())?).unwrap_or(0);
    match nanoseconds {
        0 => Err("write a duration above 0, as 10s or 500ms".into()),
        nanoseconds => Ok(Duration::from_nanos(nanoseconds)),
    }
}

/// A number of bytes; KB and the like are powers of 1,024.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("write a number of bytes, as 268435456 or 256MB".into()),
    };
    let number = number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.filter(|n| *n > 0).ok_or_else(|| "write a size above 0, as 256MB".into())
}

impl Port {
    /// Where to listen.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    /// The other settings; `policy` is the retention policy of points that name none.
    pub(super) fn options(&self, policy: Option<&str>) -> anyhow::Result<ListenOptions> {
        let Some(users) = self.user.iter().cloned().collect::<Option<Vec<_>>>() else {
            return usage("--user: write NAME:PASSWORD");
        };
        let Some(mut tokens) = self.token.iter().cloned().collect::<Option<Vec<_>>>() else {
            return usage("--token: the token is empty");
        };
        for path in &self.token_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("--token-file {}: cannot be read", path.display()))?;
            let lines = text
                .trim_start_matches('\u{feff}')
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty());
            let before = tokens.len();
            tokens.extend(lines.map(Secret::new));
            if tokens.len() == before {
                return usage(&format!("--token-file {}: it holds no token", path.display()));
            }
        }
        if !self.allow_host.is_empty() && !self.bind.is_loopback() {
            return usage(
                "--allow-host does not apply: away from the loopback address, any name is accepted",
            );
        }
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(Identity::read(certificate, key).context("--tls-cert, --tls-key")?)
            }
            _ => None,
        };
        let limits = Limits {
            connections: self.max_connections,
            stall: self.read_timeout,
            idle: self.idle_timeout,
            farewell: self.read_timeout.min(Limits::default().farewell),
            ..Limits::default()
        };
        Ok(ListenOptions {
            policy: policy.unwrap_or("autogen").into(),
            max_inflight: self.max_inflight,
            credentials: Credentials { users, tokens },
            allowed_hosts: self.allow_host.clone(),
            limits,
            identity,
            ..ListenOptions::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_users_write_them() {
        for (text, bytes) in
            [("1", 1), ("64k", 64 << 10), ("256MB", 256 << 20), (" 2 GiB", 2 << 30), ("7b", 7)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0MB", "-1", "1.5MB", "MB", "99999999999GB", "1TB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
