//! The figures, as text.

use rhai_udf::agent::Counts;
use rhai_udf::protocol::message::EdgeType;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The measured values.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) points: usize,
    pub(super) windows: usize,
    /// Bytes of the requests.
    pub(super) input: usize,
    pub(super) counts: Counts,
    pub(super) script: Duration,
    pub(super) native: Duration,
    pub(super) decode: Duration,
    pub(super) encode: Duration,
    /// In order.
    pub(super) latencies: Vec<Duration>,
    pub(super) groups: usize,
    pub(super) snapshot_size: usize,
    pub(super) snapshot_time: Duration,
    pub(super) wants: EdgeType,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { points, counts, script, native, .. } = self;
        write!(f, "data        {points} points")?;
        if self.windows > 0 {
            write!(f, " in {} windows", self.windows)?;
        }
        let each = self.input as f64 / *points as f64;
        writeln!(f, ", {each:.0} bytes each; {} points out", counts.points_out)?;
        self.row(f, "throughput", *script)?;
        self.row(f, "native", *native)?;
        let ratio = script.as_secs_f64() / native.as_secs_f64().max(1e-9);
        writeln!(f, "ratio       {ratio:.2} times the native pass-through")?;
        let what = if self.wants == EdgeType::Batch { "window" } else { "lone point" };
        writeln!(
            f,
            "latency     p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us of a {what}",
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(0.999)
        )?;
        let rest = script.saturating_sub(self.decode + self.encode);
        writeln!(
            f,
            "split       decode {}, script {}, encode {}",
            self.part(self.decode),
            self.part(rest),
            self.part(self.encode)
        )?;
        writeln!(f, "memory      {}", memory(self.input))?;
        let groups = self.groups.max(1);
        writeln!(
            f,
            "state       {} groups, {} bytes of snapshot each; snapshot in {:.2} ms",
            self.groups,
            self.snapshot_size / groups,
            self.snapshot_time.as_secs_f64() * 1e3
        )
    }
}

impl Report {
    /// The figures for programs.
    pub(super) fn json(&self) -> Value {
        let part = |time: Duration| time.as_secs_f64() / self.points as f64 * 1e9;
        let rest = self.script.saturating_sub(self.decode + self.encode);
        let per_second = |time: Duration| self.points as f64 / time.as_secs_f64().max(1e-9);
        json!({
            "points": self.points,
            "windows": self.windows,
            "points_out": self.counts.points_out,
            "input_bytes": self.input,
            "seconds": self.script.as_secs_f64(),
            "points_per_second": per_second(self.script),
            "native_seconds": self.native.as_secs_f64(),
            "native_points_per_second": per_second(self.native),
            "ratio": self.script.as_secs_f64() / self.native.as_secs_f64().max(1e-9),
            "latency_us": {
                "of": if self.wants == EdgeType::Batch { "window" } else { "point" },
                "p50": self.quantile(0.5),
                "p99": self.quantile(0.99),
                "p99.9": self.quantile(0.999),
            },
            "ns_per_point": {
                "decode": part(self.decode), "script": part(rest), "encode": part(self.encode),
            },
            "groups": self.groups,
            "snapshot_bytes": self.snapshot_size,
            "snapshot_seconds": self.snapshot_time.as_secs_f64(),
        })
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str, time: Duration) -> fmt::Result {
        let seconds = time.as_secs_f64().max(1e-9);
        let points = self.points as f64;
        let each = seconds / points * 1e9;
        writeln!(f, "{name:11} {:.0} points/s, {each:.0} ns a point", points / seconds)
    }

    fn part(&self, time: Duration) -> String {
        let each = time.as_secs_f64() / self.points as f64 * 1e9;
        let share = time.as_secs_f64() / self.script.as_secs_f64().max(1e-9) * 100.0;
        format!("{each:.0} ns ({share:.0} %)")
    }

    /// In microseconds.
    fn quantile(&self, q: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * q).round() as usize;
        self.latencies.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

/// The memory as the kernel counts it, including the data.
fn memory(input: usize) -> String {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return "not known on this system".into();
    };
    let megabytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or_default() / 1024.0
    };
    format!(
        "{:.1} MB, peak {:.1} MB, of which {:.1} MB are the data",
        megabytes("VmRSS:"),
        megabytes("VmHWM:"),
        input as f64 / 1024.0 / 1024.0
    )
}
