//! Readers of the values that options take.

use rhai_udf::protocol::group::Shard;
use rhai_udf::protocol::line::Precision;
use rhai_udf::protocol::time::{TimeError, read_rfc3339};
use rhai_udf::replay::influxdb::Api;
use rhai_udf::replay::task::database_and_policy;
use rhai_udf::replay::timestamp::calendar;

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE".into()),
    }
}

pub(super) fn api(text: &str) -> Result<Api, String> {
    Api::by_number(text).ok_or_else(|| "write 1, 2 or 3".into())
}

pub(super) fn precision(name: &str) -> Result<Precision, String> {
    Precision::by_name(name).ok_or_else(|| "write ns, u, ms, s, m or h".into())
}

pub(super) fn program(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, program)) if !name.is_empty() && !program.is_empty() => {
            Ok((name.into(), program.into()))
        }
        _ => Err("write NAME=script.rhai, NAME='exec: COMMAND' or NAME='socket: PATH'".into()),
    }
}

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().into(), value.into())),
        _ => Err("write NAME=VALUE, as in period=5m or host=\"'a'\"".into()),
    }
}

pub(super) fn replicas(text: &str) -> Result<(String, i64), String> {
    let parsed = text.split_once('=').map(|(name, count)| (name.trim(), count.trim().parse()));
    match parsed {
        Some((name, Ok(count @ 0..))) if !name.is_empty() => Ok((name.into(), count)),
        _ => Err("write RESOURCE=NUMBER, as in web=3".into()),
    }
}

pub(super) fn dbrp(text: &str) -> Result<(String, String), String> {
    let message = || "write DATABASE.RETENTION_POLICY, as in telegraf.autogen".into();
    database_and_policy(text).ok_or_else(message)
}

pub(super) fn shard(text: &str) -> Result<Shard, String> {
    Shard::parse(text).ok_or_else(|| "write I/N with I from 0 to N - 1, as in 0/4".into())
}

pub(super) fn moment(text: &str) -> Result<i64, String> {
    calendar(text).ok_or_else(|| "write a time as in 2026-01-31 or 2026-01-31T12:00:00Z".into())
}

pub(super) fn time(text: &str) -> Result<i64, String> {
    read_rfc3339(text).map_err(|error| match error {
        TimeError::Range(_) => "the time is out of range".into(),
        _ => "write a time as in 2026-01-31T12:00:00Z".into(),
    })
}
