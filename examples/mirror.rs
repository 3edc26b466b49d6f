//! A UDF in Rust on the agent that runs the scripts: it passes every point on unchanged. It shows what
//! the protocol alone costs; `benches/peer/compare.sh` compares scripts and other agents with it.

use rhai_udf::agent::{self, AgentOptions, Handler, HandlerError, Info, Output};
use rhai_udf::protocol::Point;
use rhai_udf::protocol::message::{EdgeType, InitRequest};
use std::fs::File;
use std::os::fd::AsFd;

struct Mirror;

impl Handler for Mirror {
    fn info(&mut self) -> Info {
        Info::new(EdgeType::Stream, EdgeType::Stream)
    }

    fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
        Ok(())
    }

    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        Ok(output.point(point)?)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The descriptors themselves: Rust's standard streams have small buffers and look for line ends.
    let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    agent::run(input, output, Mirror, &AgentOptions::default())?;
    Ok(())
}
