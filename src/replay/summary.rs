//! The summary of a replay, in one line.

use std::fmt;
use std::time::Duration;

/// The summary of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Points read, those of batches included.
    pub points_in: u64,
    /// Points that no `|from()` of the task selected.
    pub passed_by: u64,
    /// Batches given to the first function.
    pub batches_in: u64,
    /// Points that the functions wrote, those of batches included.
    pub points_out: u64,
    /// Batches that the functions wrote.
    pub batches_out: u64,
    /// Changes to a level that is not OK.
    pub alerts: u64,
    /// Points that `|influxDBOut()` wrote to files or to standard output.
    pub points_written: u64,
    /// Points that a database has stored, and points that it has refused.
    pub database: Option<(u64, u64)>,
    /// Lines of alert logs that were left out because no directory is given for them.
    pub lines_unlogged: u64,
    /// Bad lines of the data that were skipped.
    pub skipped: u64,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// Adds the counts of another engine on the same data.
    pub fn add(&mut self, other: &Self) {
        self.points_out += other.points_out;
        self.batches_out += other.batches_out;
        self.alerts += other.alerts;
        self.points_written += other.points_written;
        self.lines_unlogged += other.lines_unlogged;
        self.database = match (self.database, other.database) {
            (Some(a), Some(b)) => Some((a.0 + b.0, a.1 + b.1)),
            (a, b) => a.or(b),
        };
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { points_in, batches_in, points_out, batches_out, alerts, .. } = self;
        let many = |n: u64, one: &str, many: &str| {
            if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
        };
        f.write_str(&many(*points_in, "point in", "points in"))?;
        if self.passed_by > 0 {
            write!(f, " ({} passed by)", self.passed_by)?;
        }
        f.write_str(", ")?;
        write!(f, "{}; ", many(*batches_in, "batch", "batches"))?;
        f.write_str(&many(*points_out, "point out", "points out"))?;
        if *batches_out > 0 {
            write!(f, " in {}", many(*batches_out, "batch", "batches"))?;
        }
        write!(f, "; {}", many(*alerts, "alert", "alerts"))?;
        if self.points_written > 0 {
            write!(f, "; {}", many(self.points_written, "point written", "points written"))?;
        }
        if let Some((written, failed)) = self.database {
            write!(f, "; {written} points written to InfluxDB, {failed} failed")?;
        }
        if self.lines_unlogged > 0 {
            f.write_str("; alert logs are kept with --out DIR")?;
        }
        if self.skipped > 0 {
            write!(f, "; {}", many(self.skipped, "bad line skipped", "bad lines skipped"))?;
        }
        let seconds = self.took.as_secs_f64();
        let speed = *points_in as f64 / seconds.max(1e-9);
        write!(f, "; {seconds:.2} s, {speed:.0} points/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alert_is_no_alerts() {
        let summary = Summary { points_in: 2, points_out: 1, alerts: 1, ..Summary::default() };
        let text = summary.to_string();
        assert!(text.starts_with("2 points in, 0 batches; 1 point out; 1 alert; 0.00 s"), "{text}");
    }
}
