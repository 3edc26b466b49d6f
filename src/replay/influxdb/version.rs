//! Which InfluxDB a server is, as it says itself.
//!
//! `/ping` answers with `X-Influxdb-Version` (1.x, 2.x, 3), `X-Influxdb-Build: Cloud` (the clouds, which have no version)
//! or a version in JSON (3); `/health` tells a version where `/ping` does not (2.x behind some proxies).

use super::InfluxError;
use super::access::{Api, Login};
use super::client::Client;
use serde::Deserialize;

/// What both endpoints may say in their body.
#[derive(Debug, Default, Deserialize)]
struct About {
    version: Option<String>,
}

/// Asks a server what it is.
///
/// # Errors
/// A server that cannot be reached, or that refuses to answer.
pub(super) fn find_out(client: &Client) -> Result<Api, InfluxError> {
    let (status, known, text) = look(client, "/ping")?;
    if let Some(api) = known {
        return Ok(api);
    }
    if matches!(status, 400 | 401 | 403) {
        let text = match text.trim() {
            "" => "no reason given",
            text => text,
        };
        let message = format!("{text} (the request was /ping, which asks for the version)");
        return Err(client.refused(status, &message));
    }
    let (_, known, _) = look(client, "/health")?;
    if let Some(api) = known {
        return Ok(api);
    }
    let api = if matches!(client.access().login, Login::Token(_)) { Api::Two } else { Api::One };
    log::warn!(
        "InfluxDB at {} does not tell its version: {api}.x is assumed; set it with --influxdb-api",
        client.url()
    );
    Ok(api)
}

/// Asks one endpoint: the status, what the server is, and what it said.
fn look(client: &Client, path: &str) -> Result<(u16, Option<Api>, String), InfluxError> {
    let response = client.get(path)?;
    let status = response.status().as_u16();
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let by_version = Api::of_version(header("x-influxdb-version"));
    let by_build = header("x-influxdb-build").eq_ignore_ascii_case("cloud").then_some(Api::Two);
    let text = client.text_of(response);
    let about = serde_json::from_str::<About>(&text).unwrap_or_default();
    let by_body = about.version.and_then(|version| Api::of_version(&version));
    Ok((status, by_version.or(by_body).or(by_build), text))
}
