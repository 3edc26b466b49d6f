//! Reads one part of a message that was parsed before, without an index of the others.

use super::Part;
use super::TIME;
use super::entry::{Entry, NAME_TAG, is_varint, map_entry, value_of};
use super::field::{FieldType, FieldValue};
use crate::protocol::wire::{BYTES, Cursor, FIXED64, Span, VARINT};

const FIELDS_DOUBLE: u8 = 8 << 3 | BYTES;
const FIELDS_INT: u8 = 9 << 3 | BYTES;
const FIELDS_STRING: u8 = 10 << 3 | BYTES;
const FIELDS_BOOL: u8 = 12 << 3 | BYTES;

/// Finds a field in a message that was parsed before, without an index: its value, and in `places`
/// every entry of that name.
pub(crate) fn scan<'m>(
    message: &'m [u8],
    name: &str,
    places: &mut Vec<Span>,
) -> Option<FieldValue<'m>> {
    places.clear();
    let name = name.as_bytes();
    let mut best: Option<Entry> = None;
    let mut cursor = Cursor::new(message);
    while let Some(&tag) = message.get(cursor.at) {
        let start = cursor.at;
        if let Some(end) = end_of_another(message, start, name) {
            cursor.at = end;
            continue;
        }
        let (kind, wanted) = match tag {
            FIELDS_DOUBLE => (FieldType::Double, FIXED64),
            FIELDS_INT => (FieldType::Int, VARINT),
            FIELDS_STRING => (FieldType::String, BYTES),
            FIELDS_BOOL => (FieldType::Bool, VARINT),
            _ => {
                let Ok((_, wire_type)) = cursor.tag() else { break };
                if cursor.skip(wire_type).is_err() {
                    break;
                }
                continue;
            }
        };
        cursor.at += 1;
        let Ok(value) = cursor.span() else { break };
        if is_other_name(value.of(message), name) {
            continue;
        }
        let part = Part { value, whole: Span::new(start, cursor.at) };
        let Ok(entry) = map_entry(message, part, kind, wanted) else { continue };
        if entry.name.of(message) != name {
            continue;
        }
        places.push(entry.whole);
        if best.is_none_or(|best| entry.kind >= best.kind) {
            best = Some(entry);
        }
    }
    best.map(|entry| value_of(message, &entry))
}

/// Finds the time in a message that was parsed before, without an index.
pub(crate) fn scan_time(message: &[u8]) -> i64 {
    let mut time = 0;
    let mut cursor = Cursor::new(message);
    while !cursor.is_empty() {
        let Ok((number, wire_type)) = cursor.tag() else { break };
        if (number, wire_type) != (u32::from(TIME), VARINT) {
            if cursor.skip(wire_type).is_err() {
                break;
            }
        } else if let Ok(value) = cursor.varint() {
            time = value as i64;
        }
    }
    time
}

/// Returns where a short part ends that certainly is not the field: another part of the point, or a double
/// with another name. `None` for anything that must be looked at closely.
#[inline(always)]
fn end_of_another(message: &[u8], start: usize, name: &[u8]) -> Option<usize> {
    let [tag @ 8..0x80, len @ 0..0x80, rest @ ..] = message.get(start..)? else { return None };
    let value = rest.get(..usize::from(*len))?;
    let end = start + 2 + value.len();
    match *tag {
        FIELDS_DOUBLE => match value {
            [NAME_TAG, len, rest @ ..] => {
                // The name, the tag of a double, and the eight bytes of it.
                let len = usize::from(*len);
                let (&mark, last) = (rest.get(len)?, rest.get(len.checked_sub(1)?)?);
                let other = len != name.len() || Some(last) != name.last() || rest[..len] != *name;
                (mark == 0x11 && rest.len() == len + 9 && len < 0x80 && other).then_some(end)
            }
            _ => None,
        },
        FIELDS_INT | FIELDS_STRING | FIELDS_BOOL => None,
        tag => (tag & 7 == BYTES).then_some(end),
    }
}

/// True if an entry as every encoder writes it has another name; anything else is looked at closely.
#[inline]
fn is_other_name(entry: &[u8], name: &[u8]) -> bool {
    match entry {
        [NAME_TAG, len, rest @ ..] if *len < 0x80 => {
            let len = usize::from(*len);
            let other = len != name.len() || rest.get(..len).is_some_and(|n| n != name);
            // One value after the name, and nothing else.
            other
                && match rest.get(len..) {
                    Some([0x11, value @ ..]) => value.len() == 8,
                    Some([0x10, value @ ..]) => is_varint(value),
                    Some([0x12, value @ ..]) => {
                        value.first().is_some_and(|n| usize::from(*n) == value.len() - 1)
                    }
                    _ => false,
                }
        }
        _ => false,
    }
}
