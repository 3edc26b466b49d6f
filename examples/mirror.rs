//! A handler in Rust on the same agent that runs the scripts: it passes every point on.
//!
//! It is what the messages alone cost, the floor of `benches/peer/compare.sh`.

use rhai_udf::agent::{self, AgentOptions, Handler, HandlerError, Info, Output};
use rhai_udf::protocol::Point;
use rhai_udf::protocol::message::{BeginBatch, EdgeType, EndBatch, InitRequest};
use std::fs::File;
use std::os::fd::AsFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The plain files: Rust's own standard streams have small buffers, and look for line ends.
    let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    agent::run(input, output, Mirror, &AgentOptions::default())?;
    Ok(())
}

struct Mirror;

impl Handler for Mirror {
    fn info(&mut self) -> Info {
        Info::new(EdgeType::Stream, EdgeType::Stream)
    }

    fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        Ok(Vec::new())
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), HandlerError> {
        Ok(())
    }

    fn begin_batch(&mut self, _: BeginBatch, _: &mut Output) -> Result<(), HandlerError> {
        Err("a mirror of streams got a batch".into())
    }

    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        Ok(output.point(point)?)
    }

    fn end_batch(&mut self, _: EndBatch, _: &mut Output) -> Result<(), HandlerError> {
        Err("a mirror of streams got a batch".into())
    }
}
