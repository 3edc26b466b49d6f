//! A [`Handler`] behind `@name`, on the agent in memory.

use crate::agent::Handler;
use crate::protocol::message::{InfoResponse, InitRequest, OptionInfo};
use crate::protocol::{Batch, Point};
use crate::replay::transport;
use crate::replay::transport::Event;
use crate::tick::error::{Result, TickError};
use crate::tick::flow::Message;
use crate::tick::udf::Udf;

/// A handler on the agent that serves the daemon too.
pub struct InMemory<H> {
    name: String,
    udf: transport::Udf<H>,
}

/// Returns what a handler declares.
pub fn declaration(handler: &mut impl Handler) -> InfoResponse {
    let info = handler.info();
    let option = |(name, types): (String, Vec<_>)| {
        (name, OptionInfo { value_types: types.into_iter().map(i32::from).collect() })
    };
    InfoResponse {
        wants: info.wants.into(),
        provides: info.provides.into(),
        options: info.options.into_iter().map(option).collect(),
    }
}

impl<H: Handler> InMemory<H> {
    /// Starts a handler with its options.
    ///
    /// # Errors
    /// Options that it refuses.
    pub fn start(name: &str, handler: H, init: InitRequest) -> Result<Self> {
        let mut udf = transport::Udf::new(handler);
        udf.init(init).map_err(|error| udf_error(name, &error))?;
        Ok(Self { name: name.to_owned(), udf })
    }
}

fn udf_error(name: &str, error: &dyn std::error::Error) -> TickError {
    TickError::Udf { name: name.to_owned(), message: error.to_string() }
}

fn take(out: &mut Vec<Message>, event: &Event<'_>) {
    out.push(match event {
        Event::Point(point) => Message::from((*point).clone()),
        Event::Batch(batch) => Message::from((*batch).clone()),
    });
}

impl<H: Handler> Udf for InMemory<H> {
    fn point(&mut self, point: &Point, out: &mut Vec<Message>) -> Result<()> {
        let sent = self.udf.point(point, &mut |event| {
            take(out, &event);
            Ok(())
        });
        sent.map_err(|error| udf_error(&self.name, &error))
    }

    fn batch(&mut self, batch: &Batch, out: &mut Vec<Message>) -> Result<()> {
        let sent = self.udf.batch(batch, &mut |event| {
            take(out, &event);
            Ok(())
        });
        sent.map_err(|error| udf_error(&self.name, &error))
    }

    fn finish(&mut self, out: &mut Vec<Message>) -> Result<()> {
        let finished = self.udf.finish(&mut |event| {
            take(out, &event);
            Ok(())
        });
        finished.map_err(|error| udf_error(&self.name, &error))
    }
}
