//! The agent in memory: what a source gives goes in as frames, what the handler answers comes out.

use super::ReplayError;
use crate::agent::{Handler, Session};
use crate::protocol::frame::{put_frame, split_first};
use crate::protocol::message::{InitRequest, RequestMessage, request};
use crate::protocol::message::{Response, response};
use crate::protocol::{Batch, Point};
use prost::Message;

/// What a UDF writes.
#[derive(Debug)]
pub enum Event<'a> {
    /// A point of a stream.
    Point(&'a Point),
    /// A batch.
    Batch(&'a Batch),
}

/// A UDF behind a [`Session`].
#[derive(Debug)]
pub struct Udf<H> {
    session: Session<H>,
    frame: Vec<u8>,
    point: Point,
    batch: Option<Batch>,
}

/// Receives what a UDF writes.
pub type OnEvent<'a> = &'a mut dyn FnMut(Event<'_>) -> Result<(), ReplayError>;

impl<H: Handler> Udf<H> {
    /// A UDF that has seen nothing yet.
    pub fn new(handler: H) -> Self {
        Self {
            session: Session::new(handler),
            frame: Vec::new(),
            point: Point::default(),
            batch: None,
        }
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session<H> {
        &mut self.session
    }

    /// Sends the options.
    ///
    /// # Errors
    /// Options that are refused.
    pub fn init(&mut self, request: InitRequest) -> Result<(), ReplayError> {
        self.request(request::Message::Init(request), &mut |_| Ok(()))
    }

    /// Sends any request.
    ///
    /// # Errors
    /// A request that fails or is refused.
    pub fn request(
        &mut self,
        message: request::Message,
        on_event: OnEvent<'_>,
    ) -> Result<(), ReplayError> {
        let request = RequestMessage { message: Some(message) };
        self.frame.clear();
        request.encode(&mut self.frame).expect("a Vec has room");
        self.handle(on_event)
    }

    /// Sends a frame as it was captured.
    ///
    /// # Errors
    /// A request that fails or is refused.
    pub fn frame(&mut self, frame: &[u8], on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        self.frame.clear();
        self.frame.extend_from_slice(frame);
        self.handle(on_event)
    }

    /// Sends a point.
    ///
    /// # Errors
    /// A point that does not fit the edge, or a callback that fails.
    pub fn point(&mut self, point: &Point, on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        self.frame.clear();
        point.put_request(&mut self.frame);
        self.handle(on_event)
    }

    /// Sends a batch.
    ///
    /// # Errors
    /// A batch that does not fit the edge, or a callback that fails.
    pub fn batch(&mut self, batch: &Batch, on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        self.request(request::Message::Begin(batch.begin_message()), on_event)?;
        for i in 0..batch.len() {
            self.frame.clear();
            Point::put_message_request(batch.message(i).unwrap_or_default(), &mut self.frame);
            self.handle(on_event)?;
        }
        self.request(request::Message::End(batch.end_message()), on_event)
    }

    /// Ends the input.
    ///
    /// # Errors
    /// What the handler reports at its end.
    pub fn finish(&mut self, on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        let closed = self.session.close();
        self.drain(on_event)?;
        Ok(closed?)
    }

    fn handle(&mut self, on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        let handled = self.session.handle(&self.frame).and_then(|()| self.session.ready());
        self.drain(on_event)?;
        Ok(handled?)
    }

    /// Hands out what was written.
    fn drain(&mut self, on_event: OnEvent<'_>) -> Result<(), ReplayError> {
        let Self { session, point, batch, .. } = self;
        let output = session.output();
        if output.committed().is_empty() {
            return Ok(());
        }
        let mut frames = output.committed();
        while let Some((frame, rest)) = split_first(frames) {
            receive(frame, point, batch, on_event)?;
            frames = rest;
        }
        output.clear();
        Ok(())
    }
}

fn receive(
    frame: &[u8],
    point: &mut Point,
    batch: &mut Option<Batch>,
    on_event: OnEvent<'_>,
) -> Result<(), ReplayError> {
    if let Some(message) = Point::message_of_frame(frame) {
        point.parse(message).map_err(crate::agent::AgentError::from)?;
        return match batch {
            Some(batch) => {
                batch.push(point);
                Ok(())
            }
            None => on_event(Event::Point(point)),
        };
    }
    let response = Response::decode(frame)
        .map_err(|e| ReplayError::Udf(format!("a response is not a message: {e}")))?;
    match response.message {
        Some(response::Message::Begin(begin)) => {
            let mut begun = Batch::default();
            begun.begin(begin);
            *batch = Some(begun);
        }
        Some(response::Message::End(end)) => {
            if let Some(mut batch) = batch.take() {
                batch.end(end);
                on_event(Event::Batch(&batch))?;
            }
        }
        Some(response::Message::Init(init)) if !init.success => {
            return Err(ReplayError::Udf(format!("init is refused: {}", init.error)));
        }
        Some(response::Message::Restore(restore)) if !restore.success => {
            return Err(ReplayError::Udf(format!("restore is refused: {}", restore.error)));
        }
        Some(response::Message::Error(error)) => return Err(ReplayError::Udf(error.error)),
        _ => {}
    }
    Ok(())
}

/// Appends a request stream: for tests and for `--save`.
pub fn put_request(out: &mut Vec<u8>, message: request::Message) {
    put_frame(out, &RequestMessage { message: Some(message) }.encode_to_vec());
}
