//! What stands around the UDFs in a replay: the source's items go in, alerts and output come out.

use super::alert::{Alerts, Level};
use super::quality::Record;
use super::sink::Sink;
use super::source::{Item, Scratch, Source};
use super::transport::{Event, Udf};
use super::window::Windows;
use super::{ReplayError, alert::Alert};
use crate::protocol::group::Grouping;
use crate::protocol::message::EdgeType;
use crate::protocol::{Batch, Point, Request};
use crate::script::ScriptHandler;

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Points read.
    pub points_in: u64,
    /// Batches given to the UDFs.
    pub batches_in: u64,
    /// Points that the UDFs wrote.
    pub points_out: u64,
    /// Batches that the UDFs wrote.
    pub batches_out: u64,
    /// Changes to a level that is not OK.
    pub alerts: u64,
}

/// One use of a script, as one `@udf()` in a TICKscript.
#[derive(Debug)]
pub struct Instance {
    /// Tells several uses apart; may be empty.
    pub label: String,
    /// The UDF.
    pub udf: Udf<ScriptHandler>,
    /// Alerts on its output, for each variant of the conditions.
    pub watches: Vec<Watch>,
}

/// Conditions for alerts, as one variant of a sweep.
#[derive(Debug)]
pub struct Watch {
    /// Which variant, from 0.
    pub variant: usize,
    /// The alerts.
    pub alerts: Alerts,
}

/// A replay.
#[derive(Debug)]
pub struct Pipeline {
    /// Only points of this measurement.
    pub measurement: Option<String>,
    /// How points are grouped; `None` leaves them as they are.
    pub grouping: Option<Grouping>,
    /// Windows for a script that wants batches.
    pub windows: Option<Windows>,
    /// The edge that the script reads.
    pub wants: EdgeType,
    /// The uses of the script; each sees all data.
    pub instances: Vec<Instance>,
    /// Where output goes, if anywhere.
    pub output: Option<Sink>,
    /// Where alerts go.
    pub alerts: Option<Sink>,
    /// Show every alert, not only changes of level.
    pub every_alert: bool,
    /// An `init` inside a capture is left out: the options are given.
    pub own_init: bool,
    /// What happened so far.
    pub summary: Summary,
    /// Keeps what [`Record::judge`] needs, if it is wanted.
    pub record: Option<Record>,
}

impl Pipeline {
    /// Plays a source to its end; `on_item` is told the time of each item before it is played.
    ///
    /// # Errors
    /// Data that cannot be read or do not fit, a UDF that fails, an output that takes no more.
    pub fn play(
        &mut self,
        source: &mut dyn Source,
        on_item: &mut dyn FnMut(i64),
    ) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while let Some(item) = source.next(&mut scratch)? {
            match item {
                Item::Point => {
                    on_item(scratch.point.time());
                    self.point(&mut scratch.point)?;
                }
                Item::Batch => {
                    on_item(scratch.batch.tmax);
                    self.summary.points_in += scratch.batch.len() as u64;
                    self.batch(&scratch.batch)?;
                }
                Item::Frame => self.frame(&scratch.frame)?,
            }
        }
        Ok(())
    }

    /// Ends the input of all UDFs.
    ///
    /// # Errors
    /// As [`Pipeline::play`].
    pub fn finish(&mut self) -> Result<(), ReplayError> {
        self.each(|udf, on_event| udf.finish(on_event))?;
        self.flush()
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn flush(&mut self) -> Result<(), ReplayError> {
        self.output.iter_mut().chain(&mut self.alerts).try_for_each(Sink::flush)
    }

    fn point(&mut self, point: &mut Point) -> Result<(), ReplayError> {
        self.summary.points_in += 1;
        if self.measurement.as_ref().is_some_and(|name| point.name() != name.as_str()) {
            return Ok(());
        }
        if let Some(grouping) = &mut self.grouping {
            grouping.apply(point);
        }
        if let Some(windows) = &mut self.windows {
            let Some(batch) = windows.push(std::mem::take(point)) else { return Ok(()) };
            return self.batch(&batch);
        }
        if self.wants == EdgeType::Batch {
            return Err(ReplayError::Unfit(
                "the script wants batches and the data is a stream of points: make windows with \
                 --period 5m --every 5m"
                    .into(),
            ));
        }
        self.row(point.time(), point.time());
        self.each(|udf, on_event| {
            udf.session().handler().set_now(point.time());
            udf.point(point, on_event)
        })
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), ReplayError> {
        if self.wants == EdgeType::Stream {
            return Err(ReplayError::Unfit(
                "the script wants a stream of points and the data is batches".into(),
            ));
        }
        self.summary.batches_in += 1;
        if self.record.is_some() {
            let first = batch.times().into_iter().min().unwrap_or(batch.tmax);
            self.row(first, batch.tmax);
        }
        self.each(|udf, on_event| {
            udf.session().handler().set_now(batch.tmax);
            udf.batch(batch, on_event)
        })
    }

    /// Plays a captured request as the daemon sent it.
    fn frame(&mut self, frame: &[u8]) -> Result<(), ReplayError> {
        let request = Request::decode(frame).map_err(crate::agent::AgentError::from)?;
        match &request {
            Request::Init(_) if self.own_init => return Ok(()),
            Request::Point(message) => {
                self.summary.points_in += 1;
                if self.record.is_some() && self.wants == EdgeType::Stream {
                    let point =
                        Point::from_message(message).map_err(crate::agent::AgentError::from)?;
                    self.row(point.time(), point.time());
                }
            }
            Request::Begin(_) => self.summary.batches_in += 1,
            Request::End(end) => self.row(end.tmax, end.tmax),
            _ => {}
        }
        self.each(|udf, on_event| udf.frame(frame, on_event))
    }

    fn row(&mut self, from: i64, to: i64) {
        if let Some(record) = &mut self.record {
            record.row(from, to);
        }
    }

    /// Lets every UDF do something, and takes what it writes.
    fn each(
        &mut self,
        mut action: impl FnMut(
            &mut Udf<ScriptHandler>,
            super::transport::OnEvent<'_>,
        ) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let Self { instances, output, alerts: sink, every_alert, summary, record, .. } = self;
        for Instance { label, udf, watches } in instances {
            let mut on_event = |event: Event<'_>| -> Result<(), ReplayError> {
                summary.count(&event);
                if let Some(output) = output {
                    output.event(label, &event)?;
                }
                for Watch { variant, alerts } in &mut *watches {
                    let Some(alert) = alerts.event(&event)? else { continue };
                    let Alert { level, previous, .. } = alert;
                    if level != previous && level != Level::Ok {
                        summary.alerts += 1;
                    }
                    if let Some(record) = record
                        && level != Level::Ok
                    {
                        record.saw(*variant, previous == Level::Ok);
                    }
                    match sink {
                        Some(sink) if *every_alert || level != previous => {
                            sink.alert(label, &alert)?;
                        }
                        _ => {}
                    }
                }
                Ok(())
            };
            action(udf, &mut on_event)?;
        }
        Ok(())
    }
}

impl Summary {
    /// Counts what a UDF wrote.
    fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Point(_) => self.points_out += 1,
            Event::Batch(batch) => {
                self.points_out += batch.len() as u64;
                self.batches_out += 1;
            }
        }
    }
}
