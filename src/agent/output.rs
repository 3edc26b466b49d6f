//! The only writer of responses. It refuses what would end the daemon: a response without a
//! message, an end without a begin, a batch inside a batch, a negative or absurd size.
//!
//! What a call writes becomes output only when the call succeeds.

use crate::protocol::message::{
    BeginBatch, EdgeType, EndBatch, ErrorResponse, Response, respond, response,
};
use crate::protocol::wire::Cursor;
use crate::protocol::{Batch, Point};
use prost::Message;
use std::ops::Range;

/// The daemon allocates memory for as many points as a batch announces. The size of larger batches is
/// announced as unknown.
const MAX_ANNOUNCED: i64 = 1 << 20;

/// A response that would break the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// A batch from a UDF that provides a stream.
    #[error("a batch was written, but the UDF provides a stream")]
    BatchOnStream,
    /// A bare point from a UDF that provides batches.
    #[error("a point was written outside a batch, but the UDF provides batches")]
    PointOutsideBatch,
    /// A batch inside a batch.
    #[error("a batch was begun before the one before it had ended")]
    NestedBatch,
    /// An end without a begin.
    #[error("a batch was ended that had not begun")]
    EndWithoutBegin,
}

/// A place in the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    bytes: usize,
    open: bool,
    points: u64,
    batches: u64,
}

/// Collects the output of a handler.
#[derive(Debug)]
pub struct Output {
    provides: EdgeType,
    bytes: Vec<u8>,
    /// Memory for [`Output::interleave`].
    spare: Vec<u8>,
    /// Where the output of the current call begins.
    committed: usize,
    open: bool,
    open_before: bool,
    points: u64,
    batches: u64,
    counted: (u64, u64),
}

impl Output {
    /// An output for a UDF that provides this edge.
    pub fn new(provides: EdgeType) -> Self {
        Self {
            provides,
            bytes: Vec::new(),
            spare: Vec::new(),
            committed: 0,
            open: false,
            open_before: false,
            points: 0,
            batches: 0,
            counted: (0, 0),
        }
    }

    pub(crate) fn set_provides(&mut self, provides: EdgeType) {
        self.provides = provides;
    }

    /// The edge that is written.
    pub fn provides(&self) -> EdgeType {
        self.provides
    }

    /// Writes a point: of the stream, or of the batch that was begun.
    ///
    /// # Errors
    /// A bare point from a UDF that provides batches.
    #[inline]
    pub fn point(&mut self, point: &Point) -> Result<(), OutputError> {
        if self.provides == EdgeType::Batch && !self.open {
            return Err(OutputError::PointOutsideBatch);
        }
        point.put_frame(&mut self.bytes);
        self.points += 1;
        Ok(())
    }

    /// Begins a batch.
    ///
    /// # Errors
    /// A batch on a stream, or one inside another.
    pub fn begin(&mut self, mut begin: BeginBatch) -> Result<(), OutputError> {
        if self.provides == EdgeType::Stream {
            return Err(OutputError::BatchOnStream);
        }
        if self.open {
            return Err(OutputError::NestedBatch);
        }
        if !(0..=MAX_ANNOUNCED).contains(&begin.size) {
            begin.size = 0;
        }
        self.open = true;
        self.batches += 1;
        self.respond(response::Message::Begin(begin));
        Ok(())
    }

    /// Ends the batch that was begun.
    ///
    /// # Errors
    /// An end without a begin.
    pub fn end(&mut self, end: EndBatch) -> Result<(), OutputError> {
        if !self.open {
            return Err(OutputError::EndWithoutBegin);
        }
        self.open = false;
        self.respond(response::Message::End(end));
        Ok(())
    }

    /// Writes a whole batch.
    ///
    /// # Errors
    /// A batch on a stream, or one inside another.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), OutputError> {
        self.begin(batch.begin_message())?;
        for i in 0..batch.len() {
            if let Some(message) = batch.message(i) {
                Point::put_message_frame(message, &mut self.bytes);
                self.points += 1;
            }
        }
        self.end(batch.end_message())
    }

    /// Writes the points of a batch as points of the stream.
    ///
    /// # Errors
    /// Bare points from a UDF that provides batches.
    pub fn points_of(&mut self, batch: &Batch) -> Result<(), OutputError> {
        if self.provides == EdgeType::Batch && !self.open {
            return Err(OutputError::PointOutsideBatch);
        }
        for message in (0..batch.len()).filter_map(|i| batch.message(i)) {
            Point::put_message_frame(message, &mut self.bytes);
            self.points += 1;
        }
        Ok(())
    }

    /// Points written so far.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Batches written so far.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// True inside of a batch that was begun.
    pub(super) fn is_open(&self) -> bool {
        self.open_before
    }

    /// Drops everything that was written after the given length of committed output, committed or not.
    pub(super) fn cut(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
        self.commit();
    }

    pub(crate) fn respond(&mut self, message: response::Message) {
        let response: Response = respond(message);
        response.encode_length_delimited(&mut self.bytes).expect("a Vec has room");
    }

    pub(crate) fn error(&mut self, error: String) {
        self.respond(response::Message::Error(ErrorResponse { error }));
    }

    /// The present position in the output.
    pub(crate) fn mark(&self) -> Mark {
        let Self { open, points, batches, .. } = *self;
        Mark { bytes: self.bytes.len(), open, points, batches }
    }

    /// Takes back everything that was written since a mark, committed or not, and returns it. The
    /// mark must be of this output, and nothing before it may be uncommitted.
    pub(crate) fn go_back(&mut self, mark: &Mark) -> Vec<u8> {
        let Mark { bytes, open, points, batches } = *mark;
        (self.open, self.points, self.batches) = (open, points, batches);
        let taken = self.bytes.split_off(bytes);
        self.commit();
        taken
    }

    /// Appends a piece of what [`Output::go_back`] returned for `start`.
    pub(crate) fn append(&mut self, taken: &[u8], start: &Mark, piece: &Range<Mark>) {
        let Range { start: from, end: to } = piece;
        self.bytes.extend_from_slice(&taken[from.bytes - start.bytes..to.bytes - start.bytes]);
        self.points += to.points - from.points;
        self.batches += to.batches - from.batches;
        self.open = to.open;
    }

    /// Brings the frames of several pieces of the output, which follow each other, into another order:
    /// `order` names for each frame the piece that it is the next of. Where the pieces do not have the
    /// frames that the order names, they are left as they are.
    pub(crate) fn interleave(&mut self, pieces: &[Range<Mark>], order: &[u32]) {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        let (first, last) = (first.start.bytes, last.end.bytes);
        let mut left: Vec<u64> = pieces.iter().map(|p| p.end.points - p.start.points).collect();
        order.iter().for_each(|place| {
            let left = &mut left[*place as usize];
            *left = left.wrapping_sub(1);
        });
        if left.iter().any(|left| *left != 0) || last != self.bytes.len() {
            return;
        }
        let mut next: Vec<usize> = pieces.iter().map(|piece| piece.start.bytes).collect();
        self.spare.clear();
        for place in order {
            let place = *place as usize;
            let at = next[place];
            let Some(frame) = frame_at(&self.bytes[at..pieces[place].end.bytes]) else { return };
            self.spare.extend_from_slice(frame);
            next[place] = at + frame.len();
        }
        match (self.spare.len() == last - first, first) {
            (false, _) => {}
            (true, 0) => std::mem::swap(&mut self.bytes, &mut self.spare),
            (true, _) => self.bytes[first..last].copy_from_slice(&self.spare),
        }
    }

    /// Makes what the current call wrote part of the output.
    #[inline]
    pub(crate) fn commit(&mut self) {
        self.committed = self.bytes.len();
        self.open_before = self.open;
        self.counted = (self.points, self.batches);
    }

    /// Drops what the current call wrote.
    pub(crate) fn rollback(&mut self) {
        self.bytes.truncate(self.committed);
        self.open = self.open_before;
        (self.points, self.batches) = self.counted;
    }

    /// The output since the last [`Output::clear`], as frames.
    pub fn committed(&self) -> &[u8] {
        &self.bytes[..self.committed]
    }

    /// Removes the committed output, after it has been written or taken.
    pub fn clear(&mut self) {
        self.bytes.drain(..self.committed);
        self.committed = 0;
    }
}

/// The first frame, with its length.
fn frame_at(bytes: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(bytes);
    let len = usize::try_from(cursor.varint().ok()?).ok()?;
    bytes.get(..cursor.at.checked_add(len)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crashes_the_daemon_is_refused() {
        let point = Point::new(1);
        let mut stream = Output::new(EdgeType::Stream);
        assert!(matches!(stream.begin(BeginBatch::default()), Err(OutputError::BatchOnStream)));
        assert!(matches!(stream.end(EndBatch::default()), Err(OutputError::EndWithoutBegin)));
        assert!(stream.point(&point).is_ok());
        let mut batch = Output::new(EdgeType::Batch);
        assert!(matches!(batch.point(&point), Err(OutputError::PointOutsideBatch)));
        assert!(matches!(batch.end(EndBatch::default()), Err(OutputError::EndWithoutBegin)));
        assert!(batch.begin(BeginBatch::default()).is_ok());
        assert!(matches!(batch.begin(BeginBatch::default()), Err(OutputError::NestedBatch)));
    }

    #[test]
    fn a_size_that_the_daemon_would_choke_on_is_announced_as_unknown() {
        for size in [-1, i64::MIN, i64::MAX, MAX_ANNOUNCED + 1] {
            let mut output = Output::new(EdgeType::Batch);
            output.begin(BeginBatch { size, ..Default::default() }).unwrap();
            output.commit();
            let response = Response::decode_length_delimited(output.committed()).unwrap();
            let Some(response::Message::Begin(begin)) = response.message else { panic!() };
            assert_eq!(begin.size, 0);
        }
    }

    #[test]
    fn a_failed_call_leaves_nothing_behind() {
        let mut output = Output::new(EdgeType::Batch);
        output.begin(BeginBatch::default()).unwrap();
        output.commit();
        let before = output.committed().to_vec();
        output.point(&Point::new(1)).unwrap();
        output.end(EndBatch::default()).unwrap();
        output.rollback();
        assert_eq!(output.committed(), before);
        assert_eq!((output.points(), output.batches()), (0, 1));
        assert!(output.end(EndBatch::default()).is_ok(), "the batch is open again");
    }
}
