//! The group and the time of a point, found without an index over the rest of it.

use super::{GROUP, TIME};
use crate::protocol::wire::{BYTES, Cursor, VARINT};

/// The group's id and the time of a point's message. A message is as encoders write it, each part once
/// and the time first, or the group is that of its first entry. `None` if the bytes before it are no message.
#[inline]
pub(crate) fn group(message: &[u8]) -> Option<(&[u8], i64)> {
    let mut cursor = Cursor::new(message);
    let mut time = 0;
    while !cursor.is_empty() {
        match cursor.tag().ok()? {
            (number, BYTES) if number == u32::from(GROUP) => {
                let span = cursor.span().ok()?;
                return Some((span.of(message), time));
            }
            (number, VARINT) if number == u32::from(TIME) => time = cursor.varint().ok()? as i64,
            (_, wire_type) => cursor.skip(wire_type).ok()?,
        }
    }
    Some((b"", time))
}
