//! The metrics of a listener, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counters so far.
#[derive(Debug, Default)]
pub struct Measures {
    /// Requests by endpoint and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// Points that were acknowledged.
    received: AtomicU64,
    refused: AtomicU64,
    /// The counters of each task.
    tasks: Mutex<BTreeMap<String, TaskMeasures>>,
    /// Tasks that are refused, that have failed, or whose new version is refused, with whether an earlier version is
    /// running.
    ailing: Mutex<BTreeMap<String, bool>>,
    checkpoints_failed: AtomicU64,
}

/// The counters of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskMeasures {
    /// Points that it was given.
    pub points: u64,
    /// Alerts that began or became worse or better.
    pub alerts: u64,
    /// Points that nodes or functions could not take.
    pub errors: u64,
    /// New versions that took over, and those that did not.
    pub reloads: (u64, u64),
    /// Ticks of queries that were asked, that failed and that were missed.
    pub ticks: Option<(u64, u64, u64)>,
    /// The time of its latest data, in nanoseconds.
    pub time: Option<i64>,
}

impl Measures {
    pub(super) fn answered(&self, endpoint: &'static str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((endpoint, status)).or_default() += 1;
        if status >= 400 {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn received(&self, points: u64) {
        self.received.fetch_add(points, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Sets the counters of a task.
    pub fn task(&self, name: &str, measures: TaskMeasures) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(name.to_owned(), measures);
    }

    /// Forgets a task that has ended.
    pub fn forget(&self, name: &str) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Notes that a task is refused or has failed; `at_work` if an earlier version keeps running.
    pub fn ails(&self, name: &str, at_work: bool) {
        self.ailing().insert(name.to_owned(), at_work);
    }

    /// Notes that the latest version of a task is running, or that the task no longer exists.
    pub fn is_well(&self, name: &str) {
        self.ailing().remove(name);
    }

    /// Returns the tasks of which [`Measures::ails`] was said.
    pub(super) fn ailing_tasks(&self) -> Vec<(String, bool)> {
        self.ailing().iter().map(|(name, at_work)| (name.clone(), *at_work)).collect()
    }

    /// Notes that a state could not be saved.
    pub fn checkpoint_failed(&self) {
        self.checkpoints_failed.fetch_add(1, Ordering::Relaxed);
    }

    fn ailing(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.ailing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes everything in Prometheus' text format; `waiting` are the bytes that wait to be played.
    pub(super) fn page(&self, waiting: u64) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
            if samples.is_empty() {
                return;
            }
            let _ = write!(out, "# HELP rhai_udf_{name} {help}\n# TYPE rhai_udf_{name} {kind}\n");
            for (labels, value) in samples {
                let _ = writeln!(out, "rhai_udf_{name}{labels} {value}");
            }
        };
        let one = |value: u64| vec![(String::new(), value.to_string())];
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let by_status = requests.iter().map(|((path, status), count)| {
            (format!("{{path=\"{path}\",status=\"{status}\"}}"), count.to_string())
        });
        family("requests_total", "counter", "Requests.", &by_status.collect::<Vec<_>>());
        let received = self.received.load(Ordering::Relaxed);
        family(
            "points_received_total",
            "counter",
            "Points that were acknowledged.",
            &one(received),
        );
        family(
            "bytes_waiting",
            "gauge",
            "Bytes of requests that wait to be processed.",
            &one(waiting),
        );
        family(
            "checkpoints_failed_total",
            "counter",
            "Checkpoints that could not be written.",
            &one(self.checkpoints_failed.load(Ordering::Relaxed)),
        );
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut up: BTreeMap<&str, u8> = tasks.keys().map(|name| (name.as_str(), 1)).collect();
        let ailing = self.ailing();
        for name in ailing.keys() {
            up.entry(name).or_insert(0);
        }
        let up =
            up.iter().map(|(name, up)| (format!("{{task=\"{}\"}}", escaped(name)), up.to_string()));
        family("task_up", "gauge", "1 if the task is running.", &up.collect::<Vec<_>>());
        families_of_tasks(&mut family, &tasks);
        out
    }
}

/// Writes the counters of each task.
fn families_of_tasks(
    family: &mut impl FnMut(&str, &str, &str, &[(String, String)]),
    tasks: &BTreeMap<String, TaskMeasures>,
) {
    let mut by_task =
        |name: &str, kind: &str, help: &str, of: &dyn Fn(&TaskMeasures) -> Option<String>| {
            let samples = tasks.iter().filter_map(|(task, measures)| {
                Some((format!("{{task=\"{}\"}}", escaped(task)), of(measures)?))
            });
            family(name, kind, help, &samples.collect::<Vec<_>>());
        };
    let text = |value: u64| Some(value.to_string());
    by_task("task_points_total", "counter", "Points that the task has received.", &|m| {
        text(m.points)
    });
    by_task(
        "task_alerts_total",
        "counter",
        "Alerts whose level changed to a level other than OK.",
        &|m| text(m.alerts),
    );
    by_task("task_errors_total", "counter", "Errors of nodes and functions.", &|m| text(m.errors));
    by_task("task_reloads_total", "counter", "New versions that have taken over.", &|m| {
        text(m.reloads.0)
    });
    by_task("task_reloads_failed_total", "counter", "New versions that were refused.", &|m| {
        text(m.reloads.1)
    });
    by_task("task_ticks_total", "counter", "Ticks at which the queries were run.", &|m| {
        text(m.ticks?.0)
    });
    by_task("task_ticks_failed_total", "counter", "Ticks at which a query failed.", &|m| {
        text(m.ticks?.1)
    });
    by_task(
        "task_ticks_missed_total",
        "counter",
        "Ticks at which the queries were not run.",
        &|m| text(m.ticks?.2),
    );
    by_task("task_time_seconds", "gauge", "The time of the latest data of the task.", &|m| {
        Some(format!("{:.3}", m.time? as f64 / 1e9))
    });
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_each_name_once_and_hides_no_quote() {
        let measures = Measures::default();
        measures.answered("/write", 204);
        measures.answered("/write", 204);
        measures.answered("/api/v2/write", 401);
        measures.received(7);
        let time = Some(1_500_000_000);
        measures.task("a\"b", TaskMeasures { points: 7, time, ..TaskMeasures::default() });
        measures.ails("a\"b", true);
        measures.ails("refused", false);
        measures.ails("mended", false);
        measures.is_well("mended");
        assert_eq!(measures.ailing_tasks().len(), 2);
        let page = measures.page(12);
        assert!(
            page.contains("rhai_udf_requests_total{path=\"/write\",status=\"204\"} 2\n"),
            "{page}"
        );
        assert!(page.contains("rhai_udf_task_points_total{task=\"a\\\"b\"} 7\n"), "{page}");
        assert!(page.contains("rhai_udf_task_time_seconds{task=\"a\\\"b\"} 1.500\n"), "{page}");
        assert!(page.contains("rhai_udf_bytes_waiting 12\n") && !page.contains("ticks"), "{page}");
        assert!(page.contains("rhai_udf_task_up{task=\"a\\\"b\"} 1\n"), "{page}");
        assert!(page.contains("rhai_udf_task_up{task=\"refused\"} 0\n"), "{page}");
        let mut types: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = types.len();
        types.dedup();
        assert_eq!(types.len(), count);
        assert_eq!(measures.refused(), 1);
    }
}
