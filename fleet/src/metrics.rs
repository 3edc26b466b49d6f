//! The metrics of a worker, for Prometheus.

use crate::names::OUTLET;
use crate::worker::status::{Beat, PartitionStatus, Stage, now};
use rhai_udf::http::{Limits, Request, Response, Server, Service};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers `/metrics` with the values of the latest heartbeat.
struct Metrics {
    fleet: String,
    latest: Arc<Mutex<Beat>>,
}

/// Opens the port for metrics; returns its address.
///
/// # Errors
/// An address that is not free.
pub(crate) fn serve(
    address: SocketAddr,
    fleet: &str,
    latest: Arc<Mutex<Beat>>,
) -> std::io::Result<SocketAddr> {
    let server = Server::bind(address)?;
    let address = server.address();
    server.start(Arc::new(Metrics { fleet: fleet.to_owned(), latest }), Limits::default())?;
    Ok(address)
}

impl Service for Metrics {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        match (request.head.method.as_str(), request.head.path.as_str()) {
            ("GET" | "HEAD", "/metrics") => {
                let beat = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let text = text(&self.fleet, &beat);
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                Response { body: text.into_bytes(), ..Response::new(200) }
                    .with_header("Content-Type", kind)
            }
            _ => Response::text(404, "only /metrics is served here"),
        }
    }
}

/// A value of each partition.
type Value = fn(&PartitionStatus) -> f64;

/// The metrics of each partition: the name, the kind, the meaning and the value.
const PARTITION: [(&str, &str, &str, Value); 14] = [
    ("running", "gauge", "1 if the partition is running", |p| flag(p.stage == Stage::Running)),
    ("stopped", "gauge", "1 if the partition has stopped and waits for an operator", |p| {
        flag(p.stage == Stage::Stopped)
    }),
    ("position", "gauge", "number of the last message of the input that was processed", |p| {
        p.position as f64
    }),
    ("lag_messages", "gauge", "messages of the input that are not processed yet", |p| p.lag as f64),
    (
        "lag_seconds",
        "gauge",
        "time that the latest message had waited before it was processed",
        |p| p.lag_seconds,
    ),
    ("checkpoint_age_seconds", "gauge", "age of the last checkpoint", |p| {
        (now() - p.checkpoint_at).max(0.0)
    }),
    ("checkpoint_bytes", "gauge", "size of the last checkpoint", |p| p.checkpoint_bytes as f64),
    (
        "checkpoint_position",
        "gauge",
        "number of the last message of the input that the checkpoint covers",
        |p| p.checkpoint_position as f64,
    ),
    ("points_in_total", "counter", "points that were processed", |p| p.points_in as f64),
    ("points_out_total", "counter", "points that were written", |p| p.points_out as f64),
    ("alerts_out_total", "counter", "alerts that were written", |p| p.alerts_out as f64),
    ("bad_lines_total", "counter", "lines of the input that were not valid points", |p| {
        p.bad_lines as f64
    }),
    ("busy_seconds_total", "counter", "time spent in the script and its engine", |p| {
        p.busy_seconds
    }),
    ("takeover_seconds", "gauge", "how long the last takeover took", |p| p.takeover_seconds),
];

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn text(fleet: &str, beat: &Beat) -> String {
    let mut text = String::new();
    let worker = &beat.worker;
    let partitions = || beat.partitions.iter().filter(|status| status.number != OUTLET);
    for (name, kind, help, value) in PARTITION {
        let _ = writeln!(
            text,
            "# HELP rhai_udf_fleet_{name} {help}\n# TYPE rhai_udf_fleet_{name} {kind}"
        );
        for status in partitions() {
            let _ = writeln!(
                text,
                "rhai_udf_fleet_{name}{{fleet=\"{fleet}\",worker=\"{worker}\",partition=\"{}\"}} {}",
                status.number,
                value(status)
            );
        }
    }
    let counters = &beat.counters;
    let copies = beat.partitions.iter().any(|status| status.number == OUTLET);
    let lag = beat.partitions.iter().find(|status| status.number == OUTLET);
    if let Some(PartitionStatus { lag_seconds, .. }) = lag {
        let _ = writeln!(
            text,
            "# HELP rhai_udf_fleet_output_lag_seconds time that the latest output had waited before it was copied\n\
             # TYPE rhai_udf_fleet_output_lag_seconds gauge\n\
             rhai_udf_fleet_output_lag_seconds{{fleet=\"{fleet}\",worker=\"{worker}\"}} {lag_seconds}"
        );
    }
    for (name, kind, help, value) in [
        ("takeovers_total", "counter", "partitions that were taken over", counters.takeovers),
        (
            "fenced_total",
            "counter",
            "writes that were refused because another worker owns the partition",
            counters.fenced,
        ),
        (
            "gaps_total",
            "counter",
            "messages whose number did not follow the one before",
            counters.gaps,
        ),
        (
            "retries_total",
            "counter",
            "errors of servers after which a partition was taken over again",
            counters.retries,
        ),
        ("stops_total", "counter", "errors that stopped a partition", counters.stops),
        ("copies_output", "gauge", "1 if this worker copies the output", u64::from(copies)),
    ] {
        let _ = writeln!(
            text,
            "# HELP rhai_udf_fleet_{name} {help}\n# TYPE rhai_udf_fleet_{name} {kind}\n\
             rhai_udf_fleet_{name}{{fleet=\"{fleet}\",worker=\"{worker}\"}} {value}"
        );
    }
    text
}
