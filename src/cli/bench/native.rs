//! A native handler that passes everything on, to measure the cost of the messages alone.

use rhai_udf::agent::{Handler, HandlerError, Info, Output};
use rhai_udf::protocol::Point;
use rhai_udf::protocol::message::{BeginBatch, EdgeType, EndBatch, InitRequest};

#[derive(Debug)]
pub(super) struct PassOn {
    edge: EdgeType,
}

impl PassOn {
    pub(super) fn new(edge: EdgeType) -> Self {
        Self { edge }
    }
}

impl Handler for PassOn {
    fn info(&mut self) -> Info {
        Info::new(self.edge, self.edge)
    }

    fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
        Ok(())
    }

    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        Ok(output.begin(begin)?)
    }

    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        Ok(output.point(point)?)
    }

    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        Ok(output.end(end)?)
    }
}
