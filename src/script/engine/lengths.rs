//! How long the result of a function will be, told from its arguments before it is called.

use super::growth::{Checked, Sizes, total};
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};
use std::fmt::Write;

/// The length of a value as an array, a blob or a map.
fn len(value: &Dynamic) -> usize {
    if let Some(array) = value.read_lock::<Array>() {
        array.len()
    } else if let Some(blob) = value.read_lock::<Blob>() {
        blob.len()
    } else {
        value.read_lock::<Map>().map_or(0, |map| map.len())
    }
}

/// A text, or a char as a text.
fn text_of(value: &Dynamic) -> ImmutableString {
    match value.read_lock::<ImmutableString>() {
        Some(text) => text.clone(),
        None => value.as_char().map_or_else(|_| String::new(), String::from).into(),
    }
}

/// Counts the bytes of a text that is shown, and stops beyond a limit.
struct Counter {
    len: usize,
    limit: usize,
}

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.len = self.len.saturating_add(text.len());
        if self.limit > 0 && self.len > self.limit { Err(std::fmt::Error) } else { Ok(()) }
    }
}

/// The length of a value as text.
fn shown_len(sizes: Sizes, value: &Dynamic) -> usize {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.len();
    }
    let mut counter = Counter { len: 0, limit: sizes.string };
    let _ = write!(counter, "{value:?}");
    counter.len
}

pub(super) fn joined_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let len = args.iter().map(|value| shown_len(sizes, value)).fold(0, usize::saturating_add);
    sizes.text(len)
}

pub(super) fn replaced(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let (text, find, by) = (text_of(args[0]), text_of(args[1]), text_of(args[2]));
    if by.len() <= find.len() {
        return Ok(());
    }
    let grown = text.matches(find.as_str()).count().saturating_mul(by.len() - find.len());
    sizes.text(text.len().saturating_add(grown))
}

pub(super) fn padded_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let longest = text_of(args[2]).chars().map(char::len_utf8).max().unwrap_or(1);
    let chars = usize::try_from(args[1].as_int().unwrap_or(0)).unwrap_or(0);
    let len = text_of(args[0]).len();
    sizes.text(if chars > 0 { len.max(chars.saturating_mul(longest)) } else { len })
}

pub(super) fn words(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(text_of(args[0]).split_whitespace().count())
}

pub(super) fn pieces(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let (text, by) = (text_of(args[0]), text_of(args[1]));
    sizes.array(text.matches(by.as_str()).count() + 1)
}

pub(super) fn some_pieces(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let most = usize::try_from(args[2].as_int().unwrap_or(0)).unwrap_or(0);
    let (text, by) = (text_of(args[0]), text_of(args[1]));
    sizes.array(text.matches(by.as_str()).take(most).count() + 1)
}

pub(super) fn chars(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(text_of(args[0]).chars().count())
}

pub(super) fn as_many_items(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(len(args[0]))
}

pub(super) fn upper_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.text(text_of(args[0]).chars().flat_map(char::to_uppercase).map(char::len_utf8).sum())
}

pub(super) fn lower_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.text(text_of(args[0]).chars().flat_map(char::to_lowercase).map(char::len_utf8).sum())
}

pub(super) fn longer_by_a_char(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.text(text_of(args[0]).len() + text_of(args[2]).len().saturating_sub(1))
}

pub(super) fn escaped_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let mut counter = Counter { len: 0, limit: sizes.string };
    let _ = write!(counter, "{:?}", text_of(args[0]).as_str());
    sizes.text(counter.len)
}

/// Bytes that are no text become a character of three bytes each.
pub(super) fn decoded_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let Some(blob) = args[0].read_lock::<Blob>() else { return Ok(()) };
    let chunks = blob.utf8_chunks();
    let len = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 }
    };
    sizes.text(chunks.map(len).sum())
}

pub(super) fn whole_text(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(text_of(args[0]).len())
}

pub(super) fn joined(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(args.iter().map(|value| len(value)).fold(0, usize::saturating_add))
}

pub(super) fn longer_by_one(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(len(args[0]) + 1)
}

pub(super) fn padded(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    let wanted = usize::try_from(args[1].as_int().unwrap_or(0)).unwrap_or(0);
    let held = args.get(2).map_or(0, |item| total(item, usize::MAX).items);
    let new = wanted.saturating_sub(len(args[0]));
    sizes.array(len(args[0]).saturating_add(new.saturating_mul(1 + held)))
}

pub(super) fn padded_from_nothing(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.array(usize::try_from(args[0].as_int().unwrap_or(0)).unwrap_or(0))
}

pub(super) fn merged(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.map(len(args[0]).saturating_add(len(args[1])))
}

pub(super) fn one_more_entry(sizes: Sizes, args: &[&mut Dynamic]) -> Checked<()> {
    sizes.map(len(args[0]) + 1)
}
