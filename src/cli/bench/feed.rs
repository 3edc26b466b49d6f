//! The data of a measurement: requests in memory, generated here or read from files.

use crate::cli::plan::{Input, Plan};
use anyhow::Result;
use prost::Message;
use rhai_udf::protocol::frame::{put_frame, split_first};
use rhai_udf::protocol::message::{EdgeType, InitRequest, RequestMessage, request};
use rhai_udf::protocol::{Batch, Point, Request};
use rhai_udf::replay::source::{Item, Scratch};
use rhai_udf::replay::task::ScriptTask;
use rhai_udf::tick::alert::AlertEvent;
use rhai_udf::tick::flow::{HttpPost, Message as Data, Outside, Scaling, Write};
use rhai_udf::tick::{Graph, TickError};
use std::collections::HashMap;
use std::path::Path;

/// Points of a group in a window, unless its length is given.
const WINDOW: usize = 300;

/// Requests, framed.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) bytes: Vec<u8>,
    pub(super) points: usize,
    pub(super) windows: usize,
    pub(super) wants: EdgeType,
    /// The options of a capture.
    pub(super) init: Option<InitRequest>,
    by_count: HashMap<Vec<u8>, Batch>,
}

impl Feed {
    /// Reads all data of a plan, as the script is given it.
    pub(super) fn read(
        plan: &Plan,
        task: &ScriptTask,
        input: &Input,
        wants: EdgeType,
    ) -> Result<Self> {
        task.check_window(wants)?;
        let mut feed = Self {
            bytes: Vec::new(),
            points: 0,
            windows: 0,
            wants,
            init: None,
            by_count: HashMap::new(),
        };
        let graph = task.shaping()?;
        let mut shape = graph.map(|graph| Shaping { graph, taken: Taken::default() });
        for name in input.names() {
            let mut source = input.open(&name, &plan.task)?;
            let mut scratch = Scratch::default();
            while let Some(item) = source.next(&mut scratch)? {
                match item {
                    Item::Point => {
                        feed.shaped(std::mem::take(&mut scratch.point), shape.as_mut())?;
                    }
                    Item::Batch if wants == EdgeType::Stream => {
                        return super::usage(
                            "the script wants a stream of points, and the data is batches",
                        );
                    }
                    Item::Batch => {
                        let name = &scratch.batch.name;
                        if plan.measurement.as_ref().is_none_or(|wanted| wanted == name) {
                            feed.batch(&scratch.batch);
                        }
                    }
                    Item::Frame => feed.captured(&scratch.frame)?,
                }
            }
        }
        feed.rest();
        Ok(feed)
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (frame, after) = split_first(rest)?;
            rest = after;
            Some(frame)
        })
    }

    /// A captured request, if it is data.
    fn captured(&mut self, frame: &[u8]) -> Result<()> {
        match Request::decode(frame)? {
            Request::Init(init) => {
                self.init.get_or_insert(init);
                return Ok(());
            }
            Request::Point(_) => self.points += 1,
            Request::Begin(_) => {}
            Request::End(_) => self.windows += 1,
            Request::Info | Request::Keepalive(_) | Request::Snapshot | Request::Restore(_) => {
                return Ok(());
            }
        }
        put_frame(&mut self.bytes, frame);
        Ok(())
    }

    /// Takes a point through groups and windows.
    fn shaped(&mut self, mut point: Point, shape: Option<&mut Shaping>) -> Result<()> {
        let Some(Shaping { graph, taken }) = shape else {
            self.point(point);
            return Ok(());
        };
        graph.point(&mut point, taken)?;
        for data in std::mem::take(&mut taken.data) {
            match data {
                Data::Point(point) => self.point((*point).clone()),
                Data::Batch(batch) => self.batch(&batch),
            }
        }
        Ok(())
    }

    fn point(&mut self, point: Point) {
        if self.wants == EdgeType::Stream {
            self.points += 1;
            point.put_frame(&mut self.bytes);
            return;
        }
        let batch = self.by_count.entry(point.group_bytes().to_vec()).or_default();
        if batch.is_empty() {
            batch.describe(&point);
        }
        batch.push_as_member(&point);
        batch.tmax = point.time() + 1;
        if batch.len() == WINDOW {
            let full = std::mem::take(batch);
            self.batch(&full);
        }
    }

    /// The last windows, if there were no full ones.
    fn rest(&mut self) {
        let rest = std::mem::take(&mut self.by_count);
        if self.windows == 0 {
            rest.values().filter(|batch| !batch.is_empty()).for_each(|batch| self.batch(batch));
        }
    }

    fn batch(&mut self, batch: &Batch) {
        self.request(request::Message::Begin(batch.begin_message()));
        for point in batch.points() {
            point.put_frame(&mut self.bytes);
        }
        self.request(request::Message::End(batch.end_message()));
        self.points += batch.len();
        self.windows += 1;
    }

    fn request(&mut self, message: request::Message) {
        let message = RequestMessage { message: Some(message) }.encode_to_vec();
        put_frame(&mut self.bytes, &message);
    }
}

/// Groups and windows.
struct Shaping {
    graph: Graph,
    taken: Taken,
}

/// Keeps the output of a graph.
#[derive(Default)]
struct Taken {
    data: Vec<Data>,
}

impl Outside for Taken {
    fn output(&mut self, _: usize, message: &Data) -> Result<(), TickError> {
        self.data.push(message.clone());
        Ok(())
    }

    fn alert(&mut self, _: &AlertEvent<'_>) -> Result<(), TickError> {
        Ok(())
    }

    fn alert_log(&mut self, _: &Path, _: &str) -> Result<(), TickError> {
        Ok(())
    }

    fn write(&mut self, _: &Write<'_>) -> Result<(), TickError> {
        Ok(())
    }

    fn loopback(&mut self, _: &Write<'_>) -> Result<(), TickError> {
        Ok(())
    }

    fn http_post(&mut self, _: &HttpPost<'_>) -> Result<(), TickError> {
        Ok(())
    }

    fn scale(&mut self, _: &Scaling<'_>) -> Result<(), TickError> {
        Ok(())
    }

    fn http_out(&mut self, _: &str, _: &str) -> Result<(), TickError> {
        Ok(())
    }

    fn log(&mut self, _: &str, _: &str, _: &str) -> Result<(), TickError> {
        Ok(())
    }

    fn diagnose(&mut self, _: &str, _: &TickError) {}
}
