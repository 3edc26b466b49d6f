//! Groups and windows before the script: they turn points into the requests that the daemon would send.

use crate::protocol::message::{RequestMessage, request};
use crate::protocol::{Batch, Point};
use crate::replay::ReplayError;
use crate::tick::alert::AlertEvent;
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{HttpPost, Message, Outside, Scaling, Write};
use crate::tick::{Graph, NodeState, Resumed};
use prost::Message as _;
use std::path::Path;

/// The graph in front of the script, if there is any, and what came out of it.
pub(super) struct Shaping {
    graph: Option<Graph>,
    frames: Frames,
    item: u64,
}

/// Requests.
#[derive(Debug, Default)]
struct Frames(Vec<u8>);

impl Shaping {
    pub(super) fn new(graph: Option<Graph>) -> Self {
        Self { graph, frames: Frames::default(), item: 0 }
    }

    /// The requests so far; the caller takes them and passes them on.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.frames.0
    }

    /// Appends a request.
    pub(super) fn put(&mut self, message: request::Message) {
        put(&mut self.frames.0, message);
    }

    /// Takes a point, which may be taken out of its place.
    pub(super) fn point(&mut self, point: &mut Point) -> std::result::Result<(), ReplayError> {
        let Some(graph) = &mut self.graph else {
            point.put_frame(&mut self.frames.0);
            return Ok(());
        };
        self.item += 1;
        graph.begin_item(self.item);
        Ok(graph.point(point, &mut self.frames)?)
    }

    /// The data has ended: windows that hold points end.
    pub(super) fn finish(&mut self) -> std::result::Result<(), ReplayError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        Ok(graph.finish(&mut self.frames)?)
    }

    /// The content of the windows.
    pub(super) fn states(&mut self) -> std::result::Result<Vec<NodeState>, ReplayError> {
        let Some(graph) = &mut self.graph else { return Ok(Vec::new()) };
        Ok(graph.states(&mut self.frames)?)
    }

    /// Restores the content of the windows.
    pub(super) fn resume(
        &mut self,
        states: &[NodeState],
    ) -> std::result::Result<Resumed, ReplayError> {
        let Some(graph) = &mut self.graph else { return Ok(Resumed::default()) };
        Ok(graph.resume(states)?)
    }
}

fn put(out: &mut Vec<u8>, message: request::Message) {
    RequestMessage { message: Some(message) }.encode_length_delimited(out).expect("a Vec has room");
}

impl Frames {
    fn batch(&mut self, batch: &Batch) {
        put(&mut self.0, request::Message::Begin(batch.begin_message()));
        for i in 0..batch.len() {
            Point::put_message_frame(batch.message(i).unwrap_or_default(), &mut self.0);
        }
        put(&mut self.0, request::Message::End(batch.end_message()));
    }
}

impl Outside for Frames {
    fn output(&mut self, _node: usize, message: &Message) -> Result<()> {
        match message {
            Message::Point(point) => point.put_frame(&mut self.0),
            Message::Batch(batch) => self.batch(batch),
        }
        Ok(())
    }

    // The graph has no other nodes than groups and windows.
    fn alert(&mut self, _event: &AlertEvent<'_>) -> Result<()> {
        Ok(())
    }

    fn alert_log(&mut self, _path: &Path, _line: &str) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _write: &Write<'_>) -> Result<()> {
        Ok(())
    }

    fn loopback(&mut self, _write: &Write<'_>) -> Result<()> {
        Ok(())
    }

    fn http_post(&mut self, _request: &HttpPost<'_>) -> Result<()> {
        Ok(())
    }

    fn scale(&mut self, _scaling: &Scaling<'_>) -> Result<()> {
        Ok(())
    }

    fn http_out(&mut self, _endpoint: &str, _json: &str) -> Result<()> {
        Ok(())
    }

    fn log(&mut self, _level: &str, _prefix: &str, _text: &str) -> Result<()> {
        Ok(())
    }

    fn diagnose(&mut self, node: &str, error: &TickError) {
        log::warn!("{node}: {error}");
    }
}
