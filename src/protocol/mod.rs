//! The daemon's protocol: frames, requests, responses, points and batches.
//!
//! This module works on bytes only: it uses no script, no statistics and no files. `docs/protocol.md` describes
//! what the daemon does with them.
//!
//! Read in this order: [`frame`] (what is between two messages), [`message`] (requests and
//! responses), [`point`] (a point, indexed over its bytes), [`batch`] (the points of a batch, read
//! as columns). Points as text are in [`mod@line`], with [`number`] and [`time`].

pub mod align;
#[doc(hidden)]
pub mod arguments;
pub mod batch;
pub mod cron;
pub mod duration;
pub mod frame;
pub mod group;
pub mod line;
pub mod message;
pub mod number;
pub mod owners;
pub mod point;
mod stored;
pub mod time;
pub(crate) mod wire;

pub use batch::{Batch, Column};
pub use frame::Frames;
pub use message::Request;
pub use point::{FieldValue, Point};
pub use stored::Bytes;

/// Why bytes are not the daemon's protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The length before a frame has more than 32 bits, or is not a varint.
    #[error(
        "frame {frame}: the length before it is not a 32-bit varint; is this a request stream?"
    )]
    FrameLength {
        /// The frame's number, from 1.
        frame: u64,
    },
    /// The frame is longer than what this host accepts.
    #[error("frame {frame}: {size} bytes long, more than the limit of {limit}")]
    FrameTooLarge {
        /// The frame's number, from 1.
        frame: u64,
        /// The length announced.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The input ended inside a frame.
    #[error("frame {frame}: the input ended inside it, after {got} bytes{}", expected(*.want))]
    Truncated {
        /// The frame's number, from 1.
        frame: u64,
        /// The bytes that arrived, the length prefix included.
        got: u64,
        /// The bytes announced, 0 if the prefix itself is cut.
        want: u64,
    },
    /// A message does not follow the protobuf encoding.
    #[error("{message}: not a valid message: {reason} at byte {at}")]
    Malformed {
        /// The message's name.
        message: &'static str,
        /// The error.
        reason: &'static str,
        /// Where, counted from the message's first byte.
        at: usize,
    },
    /// A message that prost refuses.
    #[error("{message}: not a valid message: {source}")]
    Decode {
        /// The message's name.
        message: &'static str,
        /// The error of prost.
        source: prost::DecodeError,
    },
    /// A request that sets none of the messages.
    #[error("a request without a message")]
    Empty,
    /// A response that sets none of the messages: it would end the daemon.
    #[error("a response without a message")]
    EmptyResponse,
    /// A request of a kind that this version does not know.
    #[error("a request of an unknown kind (field {0})")]
    UnknownRequest(u32),
    /// The input could not be read.
    #[error("the input cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

fn expected(want: u64) -> String {
    match want {
        0 => String::new(),
        want => format!(" of {want}"),
    }
}
