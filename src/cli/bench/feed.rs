//! What a script is measured on: requests in memory, made here or read from files.

use super::Args;
use anyhow::Result;
use prost::Message;
use rhai_udf::protocol::frame::{put_frame, split_first};
use rhai_udf::protocol::message::{EdgeType, InitRequest, RequestMessage, request};
use rhai_udf::protocol::{Batch, Point, Request};
use rhai_udf::replay::source::{self, Item, Reading, Scratch};
use rhai_udf::replay::task::{Window, shaping};
use rhai_udf::tick::alert::AlertEvent;
use rhai_udf::tick::flow::{Message as Data, Outside, Write};
use rhai_udf::tick::{Graph, TickError};
use std::collections::HashMap;
use std::path::Path;

/// Points of a group in a window, unless its length is given.
const WINDOW: usize = 300;

const SECOND: i64 = 1_000_000_000;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600 * SECOND;

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
    pub(super) fn read(args: &Args, wants: EdgeType) -> Result<Self> {
        if wants == EdgeType::Stream && args.period.is_some() {
            return super::usage(
                "the script wants a stream of points: leave out --period and --every",
            );
        }
        let mut feed = Self {
            bytes: Vec::new(),
            points: 0,
            windows: 0,
            wants,
            init: None,
            by_count: HashMap::new(),
        };
        let window = args.period.zip(args.every);
        let window = window.map(|(period, every)| Window { period, every, align: false });
        let mut shape = match (&window, args.group_by.is_empty()) {
            (None, true) => None,
            _ => Some(Shape { graph: shaping(&args.group_by, window)?, taken: Taken::default() }),
        };
        if args.data.is_empty() {
            feed.make(args, shape.as_mut())?;
        } else {
            feed.load(args, shape.as_mut())?;
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

    /// Values that wander, each group and field on its own.
    fn make(&mut self, args: &Args, mut shape: Option<&mut Shape>) -> Result<()> {
        let mut names: Vec<String> = (0..args.fields).map(|i| format!("f{i}")).collect();
        let fields = args.options.iter().filter(|(name, _)| name == "field" || name == "fields");
        for name in fields.flat_map(|(_, value)| value.split(',')).map(str::trim) {
            if !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        }
        let groups = args.groups as usize;
        let mut values = vec![50.0; groups * names.len()];
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for i in 0..args.points as usize {
            let group = i % groups;
            let host = format!("server-{group:06}");
            let mut point = Point::new(START + (i / groups) as i64 * SECOND);
            point.set_name("bench");
            point.set_tag("host", &host);
            point.set_dimensions(["host"]);
            point.set_group(&format!("host={host}"));
            for (value, name) in values[group * names.len()..].iter_mut().zip(&names) {
                *value += (50.0 - *value) * 0.05 + random.next() - 0.5;
                point.set_field(name, *value);
            }
            self.shaped(point, shape.as_deref_mut())?;
        }
        Ok(())
    }

    fn load(&mut self, args: &Args, mut shape: Option<&mut Shape>) -> Result<()> {
        let reading = Reading::default();
        for path in &args.data {
            let mut source = source::open(path, &reading)?;
            let mut scratch = Scratch::default();
            while let Some(item) = source.next(&mut scratch)? {
                match item {
                    Item::Point => {
                        self.shaped(std::mem::take(&mut scratch.point), shape.as_deref_mut())?;
                    }
                    Item::Batch if self.wants == EdgeType::Stream => {
                        return super::usage(
                            "the script wants a stream of points and the data is batches",
                        );
                    }
                    Item::Batch => self.batch(&scratch.batch),
                    Item::Frame => self.captured(&scratch.frame)?,
                }
            }
        }
        Ok(())
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
    fn shaped(&mut self, mut point: Point, shape: Option<&mut Shape>) -> Result<()> {
        let Some(Shape { graph, taken }) = shape else {
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
struct Shape {
    graph: Graph,
    taken: Taken,
}

/// Keeps what comes out of a graph.
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

    fn http_out(&mut self, _: &str, _: &str) -> Result<(), TickError> {
        Ok(())
    }

    fn log(&mut self, _: &str, _: &str, _: &str) -> Result<(), TickError> {
        Ok(())
    }

    fn diagnose(&mut self, _: &str, _: &TickError) {}
}

/// Marsaglia's xorshift: the same values on every machine.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
