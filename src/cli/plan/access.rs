//! How a database is reached, from arguments and the environment.

use crate::cli::args::InfluxArgs;
use crate::cli::usage;
use anyhow::Context;
use rhai_udf::replay::influxdb::{Access, Client, Hidden, InfluxError, Login, Trust};
use std::path::Path;

/// Reads how the database of `--influxdb` is reached; `None` without it.
pub(in crate::cli) fn access(args: &InfluxArgs) -> anyhow::Result<Option<Access>> {
    let Some(url) = &args.influxdb else { return Ok(None) };
    let mut access = match Access::parse(url) {
        Ok(access) => access,
        Err(error) => return usage(&error.to_string()),
    };
    let said = access.login != Login::Nobody;
    if let Some(path) = &args.influxdb_token_file {
        if said {
            return usage(
                "both a token and a user in the address of --influxdb are given: leave out one of them",
            );
        }
        access.login = Login::Token(token(path)?);
    } else if !said {
        access.login = from_environment()?;
    }
    access.api = args.influxdb_api;
    access.organization = args.influxdb_org.clone().or_else(|| variable("INFLUX_ORG"));
    if (args.ca.is_some() || args.insecure) && !access.is_encrypted() {
        let option = if args.insecure { "--insecure" } else { "--ca" };
        return usage(&format!(
            "{option} does not apply: --influxdb {} is not encrypted",
            access.url()
        ));
    }
    if let Some(path) = &args.ca {
        access.trust = Trust::File(path.clone());
    }
    if args.insecure {
        access.trust = Trust::Blindly;
    }
    // Errors of certificates are reported before anything is read.
    client(&access)?;
    Ok(Some(access))
}

/// Warns if the connection to the database is not secure.
pub(in crate::cli) fn warn(access: &Access) {
    let url = access.url();
    if access.trust == Trust::Blindly {
        log::warn!(
            "--insecure: the certificate of {url} is not checked, so anybody on the way can read and change everything"
        );
    }
    if access.login != Login::Nobody && !access.is_encrypted() && !is_near(url) {
        log::warn!("{url} is not encrypted: passwords and tokens are sent in clear text");
    }
}

/// Makes a client.
pub(in crate::cli) fn client(access: &Access) -> anyhow::Result<Client> {
    match Client::new(access) {
        Ok(client) => Ok(client),
        Err(error @ InfluxError::Url(_)) => usage(&error.to_string()),
        Err(error) => Err(error.into()),
    }
}

/// Reads the token in a file.
fn token(path: &Path) -> anyhow::Result<Hidden> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--influxdb-token-file {}: cannot be read", path.display()))?;
    let mut lines =
        text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
    let refuse = |why: &str| usage(&format!("--influxdb-token-file {}: {why}", path.display()));
    match (lines.next(), lines.next()) {
        (Some(token), None) if is_sendable(token) => Ok(Hidden::new(token)),
        (Some(_), None) => refuse("the token has characters that cannot be sent in a header"),
        (Some(_), Some(_)) => refuse("it has more than one line: write only the token into it"),
        (None, _) => refuse("it has no token"),
    }
}

/// The credentials in `INFLUX_TOKEN`, or in `INFLUX_USERNAME` and `INFLUX_PASSWORD`.
fn from_environment() -> anyhow::Result<Login> {
    if let Some(token) = variable("INFLUX_TOKEN") {
        let token = token.trim();
        if !is_sendable(token) {
            return usage("INFLUX_TOKEN has characters that cannot be sent in a header");
        }
        return Ok(Login::Token(Hidden::new(token)));
    }
    match (variable("INFLUX_USERNAME"), variable("INFLUX_PASSWORD")) {
        (Some(name), password) => Ok(Login::User(name, Hidden::new(password.unwrap_or_default()))),
        (None, Some(_)) => usage("INFLUX_PASSWORD is set, but INFLUX_USERNAME is not"),
        (None, None) => Ok(Login::Nobody),
    }
}

fn is_sendable(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Tells whether an address is on this machine.
fn is_near(url: &str) -> bool {
    let place = url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_near() {
        for url in [
            "http://localhost",
            "http://localhost:8086/x",
            "http://127.1.2.3:1",
            "http://[::1]:8086",
        ] {
            assert!(is_near(url), "{url}");
        }
        for url in
            ["http://localhost.example", "http://127.0.0.1.example:1", "http://[::2]", "http://db"]
        {
            assert!(!is_near(url), "{url}");
        }
    }
}
