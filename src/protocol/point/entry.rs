//! A field or a tag of a point: an entry of a map on the wire, which is a name and a value.

use super::Part;
use super::field::{FieldType, FieldValue};
use crate::protocol::wire::{BYTES, Cursor, FIXED64, Span, VARINT, WireError};
use std::borrow::Cow;
use std::collections::HashMap;

/// A field or tag: where its name, its value and the whole entry are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) name: Span,
    /// Empty where the value is the default and was left out.
    pub(super) value: Span,
    pub(super) whole: Span,
    pub(super) kind: FieldType,
}

/// The name and value of a map entry.
#[inline]
pub(super) fn map_entry(
    bytes: &[u8],
    part: Part,
    kind: FieldType,
    wanted: u8,
) -> Result<Entry, WireError> {
    match common_entry(bytes, part, kind, wanted) {
        Some(entry) => Ok(entry),
        None => any_entry(bytes, part, kind, wanted),
    }
}

/// Appends the name and value of a map entry. The common case is written where it is to be: a copy of the
/// whole entry just after its parts were stored makes the processor wait for these.
#[inline(always)]
pub(super) fn push_entry(
    entries: &mut Vec<Entry>,
    bytes: &[u8],
    part: Part,
    kind: FieldType,
    wanted: u8,
) -> Result<(), WireError> {
    match common_entry(bytes, part, kind, wanted) {
        Some(entry) => entries.push(entry),
        None => entries.push(any_entry(bytes, part, kind, wanted)?),
    }
    Ok(())
}

/// An entry as every encoder writes it: a short name, then a double or a short string.
#[inline]
fn common_entry(bytes: &[u8], part: Part, kind: FieldType, wanted: u8) -> Option<Entry> {
    let start = part.value.start as usize;
    let [NAME_TAG, len, rest @ ..] = bytes.get(start..part.value.end())? else { return None };
    let len = usize::from(*len);
    if len >= 0x80 || rest.len() <= len || rest[len] != 2 << 3 | wanted {
        return None;
    }
    let name = Span { start: part.value.start + 2, len: len as u32 };
    let at = part.value.start + 3 + len as u32;
    let room = rest.len() - len - 1;
    let value = match wanted {
        FIXED64 if room == 8 => Span { start: at, len: 8 },
        VARINT if is_varint(&rest[len + 1..]) => Span { start: at, len: room as u32 },
        BYTES if room > 0 && rest[len + 1] < 0x80 && usize::from(rest[len + 1]) == room - 1 => {
            Span { start: at + 1, len: room as u32 - 1 }
        }
        _ => return None,
    };
    Some(Entry { name, value, whole: part.whole, kind })
}

/// True if the bytes are one varint of at most nine bytes.
#[inline]
pub(super) fn is_varint(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        Some((last, rest)) => *last < 0x80 && rest.len() < 9 && rest.iter().all(|b| *b >= 0x80),
        None => false,
    }
}

/// The tag of a map entry's name: field 1, length-delimited.
pub(super) const NAME_TAG: u8 = 1 << 3 | BYTES;

/// An entry with its parts in any order, left out, or longer.
#[cold]
fn any_entry(bytes: &[u8], part: Part, kind: FieldType, wanted: u8) -> Result<Entry, WireError> {
    let mut entry =
        Entry { name: Span::default(), value: Span::default(), whole: part.whole, kind };
    let mut cursor = Cursor { bytes: &bytes[..part.value.end()], at: part.value.start as usize };
    while !cursor.is_empty() {
        match cursor.tag()? {
            (1, BYTES) => entry.name = cursor.span()?,
            (2, wire_type) if wire_type == wanted => {
                let start = cursor.at;
                match wanted {
                    BYTES => entry.value = cursor.span()?,
                    _ => {
                        cursor.skip(wanted)?;
                        entry.value = Span::new(start, cursor.at);
                    }
                }
            }
            (1 | 2, _) => return Err(cursor.error("a map entry of another type")),
            (_, wire_type) => cursor.skip(wire_type)?,
        }
    }
    Ok(entry)
}

/// Reads a text; what is no UTF-8 becomes replacement characters.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    // This is faster for text that is UTF-8 than `from_utf8_lossy` alone.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[inline]
pub(super) fn value_of<'m>(bytes: &'m [u8], entry: &Entry) -> FieldValue<'m> {
    let raw = entry.value.of(bytes);
    match entry.kind {
        FieldType::String => FieldValue::String(text(raw)),
        FieldType::Int => FieldValue::Int(Cursor::new(raw).varint().unwrap_or(0) as i64),
        FieldType::Double => {
            FieldValue::Double(raw.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes)))
        }
        FieldType::Bool => FieldValue::Bool(Cursor::new(raw).varint().unwrap_or(0) != 0),
    }
}

/// The entry that counts of those with this name: of the type that the daemon prefers, the last.
#[inline]
pub(super) fn find(entries: &[Entry], bytes: &[u8], name: &[u8]) -> Option<usize> {
    let mut found: Option<usize> = None;
    for (i, entry) in entries.iter().enumerate() {
        if entry.name.of(bytes) == name && found.is_none_or(|f| entry.kind >= entries[f].kind) {
            found = Some(i);
        }
    }
    found
}

/// The entries that count, each name once, in the order of the wire.
pub(super) fn distinct<'e>(
    entries: &'e [Entry],
    bytes: &'e [u8],
) -> impl Iterator<Item = &'e Entry> {
    /// More entries than this are told apart by a table.
    const FEW: usize = 64;
    let table = (entries.len() > FEW).then(|| {
        let mut table: HashMap<&[u8], usize> = HashMap::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let best = table.entry(entry.name.of(bytes)).or_insert(i);
            if entry.kind >= entries[*best].kind {
                *best = i;
            }
        }
        table
    });
    entries.iter().enumerate().filter_map(move |(i, entry)| {
        let name = entry.name.of(bytes);
        let counts = match &table {
            Some(table) => table.get(name).copied(),
            None => find(entries, bytes, name),
        };
        (counts == Some(i)).then_some(entry)
    })
}
