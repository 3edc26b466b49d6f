//! A message of an input stream: lines of one request that belong to one partition, as they were sent.

use crate::error::{FleetError, Result};
use async_nats::HeaderMap;
use rhai_udf::protocol::line::Precision;

/// The header of a message, with what its lines do not contain.
const HEADER: &str = "Lines";

/// Lines with the information that is needed to read them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Batch<'b> {
    /// The database that they were written to.
    pub(crate) database: &'b str,
    /// The retention policy.
    pub(crate) policy: &'b str,
    /// The unit of their times.
    pub(crate) precision: Precision,
    /// The time of points without one, in nanoseconds since the epoch.
    pub(crate) now: i64,
    /// The lines.
    pub(crate) lines: &'b [u8],
}

impl<'b> Batch<'b> {
    /// The headers that go with the lines.
    pub(crate) fn headers(&self) -> HeaderMap {
        let unit = self.precision.nanoseconds();
        let quoted = serde_json::json!([unit, self.now, self.database, self.policy]);
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, quoted.to_string());
        headers
    }

    /// Reads a message.
    ///
    /// # Errors
    /// A message that no feed has written.
    pub(crate) fn parse(message: &'b Record, texts: &'b mut Texts) -> Result<Self> {
        let foreign = |why: &str| FleetError::Foreign {
            what: format!("message {} of the input", message.sequence),
            why: why.into(),
        };
        let header =
            message.headers.get(HEADER).ok_or_else(|| foreign("it was not written by a feed"))?;
        if texts.header != header.as_str() {
            texts.parts =
                serde_json::from_str(header.as_str()).map_err(|e| foreign(&e.to_string()))?;
            header.as_str().clone_into(&mut texts.header);
        }
        let (unit, now, database, policy) = &texts.parts;
        let precision = ["n", "u", "ms", "s", "m", "h"].into_iter().filter_map(Precision::by_name);
        let precision = precision.into_iter().find(|known| known.nanoseconds() == *unit);
        Ok(Self {
            database,
            policy,
            precision: precision.ok_or_else(|| foreign("its times have an unknown unit"))?,
            now: *now,
            lines: &message.payload,
        })
    }
}

/// The latest header, read.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    header: String,
    parts: (i64, i64, String, String),
}

/// A stored message.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Its place in the stream, from 1.
    pub(crate) sequence: u64,
    /// Its subject.
    pub(crate) subject: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its bytes.
    pub(crate) payload: bytes::Bytes,
    /// When it was stored, in nanoseconds since the epoch.
    pub(crate) stored: i64,
}
