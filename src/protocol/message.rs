//! Requests and responses. Points keep their bytes; the rest is decoded by prost.

use super::ProtocolError;
use super::frame::split_first;
use super::wire::{BYTES, Cursor, WireError};
use prost::Message;

/// The messages of `proto/udf.proto`, as prost makes them.
#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/agent.rs"));
}

pub use generated::{
    BeginBatch, EdgeType, EndBatch, ErrorResponse, InfoRequest, InfoResponse, InitRequest,
    InitResponse, KeepaliveRequest, KeepaliveResponse, Option as InitOption, OptionInfo,
    OptionValue, Point as PointMessage, Request as RequestMessage, Response, RestoreRequest,
    RestoreResponse, SnapshotRequest, SnapshotResponse, ValueType, option_value, request, response,
};

/// A request of the daemon.
#[derive(Debug, PartialEq)]
pub enum Request<'a> {
    /// Which edges and options the UDF declares.
    Info,
    /// The options of one use in a TICKscript.
    Init(InitRequest),
    /// A sign of life is wanted; the time is to be echoed.
    Keepalive(i64),
    /// The state is wanted.
    Snapshot,
    /// The state is handed back.
    Restore(&'a [u8]),
    /// A batch begins.
    Begin(BeginBatch),
    /// A point, still in its bytes.
    Point(&'a [u8]),
    /// A batch ends.
    End(EndBatch),
}

impl<'a> Request<'a> {
    /// Decodes one frame. As protobuf has it, the last message wins where several are set.
    ///
    /// # Errors
    /// Bytes that are no request, or a request of an unknown kind.
    pub fn decode(frame: &'a [u8]) -> Result<Self, ProtocolError> {
        let malformed = |e: WireError| ProtocolError::Malformed {
            message: "Request",
            reason: e.reason,
            at: e.at,
        };
        let mut cursor = Cursor::new(frame);
        let mut last = None;
        let mut unknown = None;
        while !cursor.is_empty() {
            let (number, wire_type) = cursor.tag().map_err(malformed)?;
            match (number, wire_type) {
                (1..=5 | 16..=18, BYTES) => {
                    let span = cursor.span().map_err(malformed)?;
                    last = Some((number, span.of(frame)));
                }
                _ => {
                    unknown = Some(number);
                    cursor.skip(wire_type).map_err(malformed)?;
                }
            }
        }
        match (last, unknown) {
            (Some((number, body)), _) => Self::of_kind(number, body),
            (None, Some(number)) => Err(ProtocolError::UnknownRequest(number)),
            (None, None) => Err(ProtocolError::Empty),
        }
    }

    fn of_kind(number: u32, body: &'a [u8]) -> Result<Self, ProtocolError> {
        Ok(match number {
            17 => Self::Point(body),
            16 => Self::Begin(decode("BeginBatch", body)?),
            18 => Self::End(decode("EndBatch", body)?),
            3 => Self::Keepalive(decode::<KeepaliveRequest>("KeepaliveRequest", body)?.time),
            1 => decode::<InfoRequest>("InfoRequest", body).map(|_| Self::Info)?,
            2 => Self::Init(decode("InitRequest", body)?),
            4 => decode::<SnapshotRequest>("SnapshotRequest", body).map(|_| Self::Snapshot)?,
            _ => Self::Restore(snapshot_bytes(body)?),
        })
    }
}

fn decode<M: Message + Default>(message: &'static str, body: &[u8]) -> Result<M, ProtocolError> {
    M::decode(body).map_err(|source| ProtocolError::Decode { message, source })
}

/// The bytes of a RestoreRequest, without a copy.
fn snapshot_bytes(body: &[u8]) -> Result<&[u8], ProtocolError> {
    let malformed = |e: WireError| ProtocolError::Malformed {
        message: "RestoreRequest",
        reason: e.reason,
        at: e.at,
    };
    let mut cursor = Cursor::new(body);
    let mut snapshot = &body[..0];
    while !cursor.is_empty() {
        match cursor.tag().map_err(malformed)? {
            (1, BYTES) => snapshot = cursor.span().map_err(malformed)?.of(body),
            (_, wire_type) => cursor.skip(wire_type).map_err(malformed)?,
        }
    }
    Ok(snapshot)
}

/// Decodes the response in one frame: an answer or the output of a UDF.
///
/// # Errors
/// Bytes that are no response, or a response without a message, which would end the daemon.
pub fn decode_response(frame: &[u8]) -> Result<response::Message, ProtocolError> {
    decode::<Response>("Response", frame)?.message.ok_or(ProtocolError::EmptyResponse)
}

/// The responses in a piece of a UDF's output, which begins with a frame. Bytes after the last whole
/// frame are not looked at.
pub fn responses(
    mut frames: &[u8],
) -> impl Iterator<Item = Result<response::Message, ProtocolError>> {
    std::iter::from_fn(move || {
        let (frame, rest) = split_first(frames)?;
        frames = rest;
        Some(decode_response(frame))
    })
}

/// A response around one message.
pub(crate) fn respond(message: response::Message) -> Response {
    Response { message: Some(message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use request::Message as Kind;

    fn bytes(message: Kind) -> Vec<u8> {
        RequestMessage { message: Some(message) }.encode_to_vec()
    }

    #[test]
    fn every_kind_is_told_apart() {
        let snapshot = vec![1, 2, 3];
        let frame = bytes(Kind::Restore(RestoreRequest { snapshot: snapshot.clone() }));
        assert_eq!(Request::decode(&frame).unwrap(), Request::Restore(&snapshot));
        let frame = bytes(Kind::Keepalive(KeepaliveRequest { time: -5 }));
        assert_eq!(Request::decode(&frame).unwrap(), Request::Keepalive(-5));
        let frame = bytes(Kind::Info(InfoRequest {}));
        assert_eq!(Request::decode(&frame).unwrap(), Request::Info);
        let frame = bytes(Kind::Snapshot(SnapshotRequest {}));
        assert_eq!(Request::decode(&frame).unwrap(), Request::Snapshot);
        let point = PointMessage { time: 7, ..Default::default() };
        let frame = bytes(Kind::Point(point.clone()));
        assert_eq!(Request::decode(&frame).unwrap(), Request::Point(&point.encode_to_vec()));
        let end = EndBatch { tmax: 9, ..Default::default() };
        let frame = bytes(Kind::End(end.clone()));
        assert_eq!(Request::decode(&frame).unwrap(), Request::End(end));
    }

    #[test]
    fn responses_are_read_frame_by_frame() {
        let keepalive = response::Message::Keepalive(KeepaliveResponse { time: 3 });
        let mut frames = Vec::new();
        respond(keepalive.clone()).encode_length_delimited(&mut frames).unwrap();
        frames.push(0);
        let read: Vec<_> = responses(&frames).collect();
        assert_eq!(*read[0].as_ref().unwrap(), keepalive);
        assert!(matches!(read[1], Err(ProtocolError::EmptyResponse)));
        assert_eq!((read.len(), responses(&frames[..2]).count()), (2, 0));
    }

    #[test]
    fn what_is_no_request_is_named() {
        let error = |frame: &[u8]| Request::decode(frame).unwrap_err().to_string();
        assert_eq!(error(&[]), "a request without a message");
        assert_eq!(error(&[0xca, 0x01, 0]), "a request of an unknown kind (field 25)");
        assert!(error(&[0x0a, 0x50]).contains("a length reaches beyond the end of the message"));
        assert!(error(b"hello").starts_with("Request: not a valid message"), "{}", error(b"hello"));
    }
}
