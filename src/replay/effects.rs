//! The effects of a graph, as lines for people and programs, as files, as points of a database, and as a record to be
//! judged.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::Files;
use super::format::{Format, Formatter};
use super::influxdb::PointWriter;
use super::lines::Lines;
use super::outcome::{Outcome, Recorder};
use super::quality::Record;
use super::summary::Summary;
use super::trace::{Taps, Trace, TraceSettings, Tracer};
use crate::protocol::Point;
use crate::protocol::line::{Precision, read_all};
use crate::tick::alert::{AlertEvent, Level};
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{HttpPost, LevelChange, Message, Outside, Scaling, Write};

/// What is shown of the effects of a graph, and how.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// The format of points and of alerts; `None` is a table, and line protocol for the points of
    /// `|influxDBOut()`.
    pub format: Option<Format>,
    /// The format of points where it is another than that of alerts.
    pub points: Option<Format>,
    /// Whether the events of alerts are shown.
    pub alerts: bool,
    /// Whether points are written to a place of their own, and not among the alerts.
    pub apart: bool,
    /// Whether the rows and levels are recorded, to be judged.
    pub record: bool,
    /// How the replay is traced, to be drawn.
    pub trace: Option<TraceSettings>,
    /// Whether the output is kept, to be compared.
    pub outcome: bool,
}

/// The place of an alert or output node: its variant, and its use of the script.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The label that tells several variants apart; may be empty.
    pub label: String,
    /// The number of the variant among those of the graph.
    pub variant: usize,
    /// The number of the use of the script among all uses.
    pub number: usize,
}

/// Receives the effects in place of printed lines.
pub trait Audience {
    /// Takes an event of an alert; `label` tells several variants apart.
    ///
    /// # Errors
    /// Texts of the event that cannot be made.
    fn alert(&mut self, label: &str, event: &AlertEvent<'_>) -> Result<()>;

    /// Takes a line of a `|log()` node.
    fn log(&mut self, level: &str, prefix: &str, text: &str);
}

/// Takes the effects of a graph.
pub struct Effects {
    /// Alerts, and points unless they are apart.
    pub shown: Lines,
    /// Points, if they are apart.
    pub points: Lines,
    /// What is judged, with the number of each variant among all.
    pub record: Option<(Record, Vec<usize>)>,
    /// Errors of nodes: the node and the error, with how often it occurred.
    pub diagnosed: BTreeMap<(String, String), u64>,
    /// Where points of `|influxDBOut()` are written to.
    pub database: Option<PointWriter>,
    /// The directory for what a TICKscript writes.
    pub files: Option<Files>,
    /// The tracer.
    pub(super) trace: Option<Tracer>,
    /// The recorder of the outcome that is compared.
    pub(super) recorder: Option<Recorder>,
    /// The observer that gets the effects instead of printed lines.
    pub audience: Option<Box<dyn Audience>>,
    summary: Summary,
    show: Show,
    /// Whether the graph is that of a TICKscript, whose alerts have messages.
    task: bool,
    /// Alert and output nodes; of a TICKscript, one for all.
    places: BTreeMap<usize, Place>,
    all: Place,
    alerts: Formatter,
    outputs: Formatter,
    item: u64,
}

impl Effects {
    /// Takes the effects of a plain script, whose alert and output nodes have places of their own.
    /// `variants` are the numbers of the variants of the graph among all.
    pub fn plain(show: Show, places: BTreeMap<usize, Place>, variants: Vec<usize>) -> Self {
        Self { places, ..Self::new(show, variants, false, Format::Table) }
    }

    /// Takes the effects of a TICKscript, all of one variant.
    pub fn task(show: Show, label: String, variant: usize) -> Self {
        let points = show.format.unwrap_or(Format::LineProtocol);
        let all = Place { label, ..Place::default() };
        Self { all, ..Self::new(show, vec![variant], true, points) }
    }

    fn new(show: Show, variants: Vec<usize>, task: bool, points: Format) -> Self {
        Self {
            shown: Lines::default(),
            points: Lines::default(),
            record: show.record.then(|| (Record::new(variants.len()), variants)),
            diagnosed: BTreeMap::new(),
            database: None,
            files: None,
            trace: None,
            recorder: None,
            audience: None,
            summary: Summary::default(),
            alerts: Formatter::new(show.format.unwrap_or_default()),
            outputs: Formatter::new(show.points.or(show.format).unwrap_or(points)),
            show,
            task,
            places: BTreeMap::new(),
            all: Place::default(),
            item: 0,
        }
    }

    /// Returns the label that tells a TICKscript's variant from others; may be empty.
    pub fn label(&self) -> &str {
        &self.all.label
    }

    /// Returns what happened so far, as far as it is an effect.
    pub fn summary(&self) -> Summary {
        let database = self.database.as_ref().map(|writer| (writer.written, writer.failed));
        Summary { database, ..self.summary.clone() }
    }

    /// Observes a graph at these places; if several graphs take the same data, the first keeps the input.
    pub(super) fn look_into(&mut self, taps: Option<Taps>, first: bool) {
        let Some(taps) = taps else { return };
        self.recorder = self.show.outcome.then(|| Recorder::new(taps.clone()));
        self.trace = self.show.trace.map(|settings| Tracer::new(settings, taps, first));
    }

    /// Completes the output that is kept for the comparison and returns it, if there is any.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.recorder.take().map(Recorder::finish)
    }

    /// Ends the trace and returns it, if there is one.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.trace.take().map(Tracer::finish)
    }

    /// Writes the buffered output for files and databases.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(database) = &mut self.database {
            database.flush();
        }
        self.files.as_mut().map_or(Ok(()), Files::flush)
    }

    fn line(&mut self, text: &str) {
        self.shown.push((self.item, 0), |out| {
            out.push_str(text);
            true
        });
    }

    /// Shows points that are written in line protocol.
    fn show_points(&mut self, lines: &str) -> Result<()> {
        let Self { shown, points, show, outputs, all, item, .. } = self;
        let target = if show.apart { points } else { shown };
        if outputs.format == Format::LineProtocol {
            target.push((*item, 0), |out| {
                out.push_str(lines.trim_end_matches('\n'));
                true
            });
            return Ok(());
        }
        let read = read_all(lines.as_bytes(), Precision::Nanoseconds, 0);
        for point in read.map_err(|(_, error)| TickError::Outside(Box::new(error)))? {
            target.push((*item, 0), |out| outputs.point(&all.label, &point, None, out));
        }
        Ok(())
    }
}

impl Outside for Effects {
    fn item(&mut self, item: u64) {
        self.item = item;
    }

    fn row(&mut self, from: i64, to: i64) {
        if let Some((record, _)) = &mut self.record {
            record.row(self.item, from, to);
        }
    }

    fn level(&mut self, change: &LevelChange<'_>) {
        if let Some(trace) = &mut self.trace {
            trace.level(change);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.level(change);
        }
        let LevelChange { node, previous, level, .. } = *change;
        if level == Level::Ok {
            return;
        }
        if previous != level {
            self.summary.alerts += 1;
        }
        if let Some((record, _)) = &mut self.record {
            let variant = self.places.get(&node).unwrap_or(&self.all).variant;
            record.saw(variant, self.item, previous == Level::Ok);
        }
    }

    fn given(&mut self, point: &Point) {
        if let Some(trace) = &mut self.trace {
            trace.given(self.item, point);
        }
    }

    fn output(&mut self, node: usize, message: &Message) -> Result<()> {
        let traced = self.trace.as_mut().is_some_and(|t| t.take(self.item, node, message));
        let recorded = self.recorder.as_mut().is_some_and(|r| r.take(node, message));
        if traced || recorded {
            return Ok(());
        }
        let Self { shown, points, show, outputs, places, all, item, .. } = self;
        let Place { label, number, .. } = places.get(&node).unwrap_or(all);
        let turn = (*item, *number);
        let target = if show.apart { points } else { shown };
        match message {
            Message::Point(point) => {
                target.push(turn, |out| outputs.point(label, point, None, out));
            }
            Message::Batch(batch) => {
                let inside = outputs.format == Format::Table;
                if inside {
                    target.push(turn, |out| outputs.batch(label, batch, out));
                }
                for point in batch.points() {
                    target.push(turn, |out| {
                        out.push_str(if inside { "  " } else { "" });
                        outputs.point(label, &point, Some(batch), out)
                    });
                }
            }
        }
        Ok(())
    }

    fn alert(&mut self, event: &AlertEvent<'_>) -> Result<()> {
        let Self { shown, show, alerts, places, all, item, task, audience, .. } = self;
        let Place { label, number, .. } = places.get(&event.node).unwrap_or(all);
        if let Some(audience) = audience {
            return audience.alert(label, event);
        }
        if !show.alerts {
            return Ok(());
        }
        let mut failed = Ok(());
        shown.push((*item, *number), |out| {
            if *task {
                failed = alerts.task_alert(label, event, out);
            } else {
                alerts.alert(label, event, out);
            }
            failed.is_ok()
        });
        failed
    }

    fn alert_log(&mut self, path: &Path, line: &str) -> Result<()> {
        match &mut self.files {
            Some(files) => files.alert_log(path, line),
            None => {
                self.summary.lines_unlogged += 1;
                Ok(())
            }
        }
    }

    fn write(&mut self, write: &Write<'_>) -> Result<()> {
        if let Some(database) = &mut self.database {
            if write.create {
                database.create(write.database, write.retention_policy);
            }
            database.add(write.database, write.retention_policy, write.lines, write.points);
            return Ok(());
        }
        self.summary.points_written += write.points as u64;
        match &mut self.files {
            Some(files) => files.points(write.database, write.retention_policy, write.lines),
            None if self.show.record && !self.show.apart || self.audience.is_some() => Ok(()),
            None => self.show_points(write.lines),
        }
    }

    fn loopback(&mut self, write: &Write<'_>) -> Result<()> {
        if let Some(files) = &mut self.files {
            return files.loopback(write.database, write.retention_policy, write.lines);
        }
        if !self.show.record {
            for line in write.lines.lines() {
                self.line(&format!(
                    "loopback {}.{} {line}",
                    write.database, write.retention_policy
                ));
            }
        }
        Ok(())
    }

    fn http_post(&mut self, request: &HttpPost<'_>) -> Result<()> {
        match &mut self.files {
            Some(files) => files.http_post(&request.json()),
            None if self.show.record => Ok(()),
            None => {
                self.line(&request.line());
                Ok(())
            }
        }
    }

    fn scale(&mut self, scaling: &Scaling<'_>) -> Result<()> {
        match &mut self.files {
            Some(files) => files.scaling(&scaling.json()),
            None if self.show.record => Ok(()),
            None => {
                self.line(&scaling.line());
                Ok(())
            }
        }
    }

    fn http_out(&mut self, endpoint: &str, json: &str) -> Result<()> {
        match &mut self.files {
            Some(files) => files.endpoint(endpoint, json)?,
            None if self.show.record || self.audience.is_some() => {}
            None => self.line(&format!("{endpoint}: {json}")),
        }
        Ok(())
    }

    fn log(&mut self, level: &str, prefix: &str, text: &str) -> Result<()> {
        if let Some(audience) = &mut self.audience {
            audience.log(level, prefix, text);
        } else if !self.show.record {
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix} ") };
            self.line(&format!("{level} {prefix}{text}"));
        }
        Ok(())
    }

    fn diagnose(&mut self, node: &str, error: &TickError) {
        *self.diagnosed.entry((node.to_owned(), error.to_string())).or_default() += 1;
    }
}
