//! The changes that format a text.

use super::document::Document;
use crate::script::format::format;
use lsp_types::TextEdit;

/// The text formatted, as one edit of what differs; none for a script that cannot be read.
pub(super) fn edits(document: &Document) -> Vec<TextEdit> {
    let Ok(formatted) = format(&document.path, &document.text) else { return Vec::new() };
    let old = &document.text;
    if formatted == *old {
        return Vec::new();
    }
    let same = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let mut start = same(old, &formatted);
    while !old.is_char_boundary(start) || !formatted.is_char_boundary(start) {
        start -= 1;
    }
    let tail = old.bytes().rev().zip(formatted.bytes().rev()).take_while(|(a, b)| a == b).count();
    let mut tail = tail.min(old.len() - start).min(formatted.len() - start);
    // Not inside of a character, and not between the two characters of a line's end.
    while !old.is_char_boundary(old.len() - tail)
        || !formatted.is_char_boundary(formatted.len() - tail)
        || old[old.len() - tail..].starts_with('\n')
    {
        tail -= 1;
    }
    let range = document.range(start, old.len() - tail);
    vec![TextEdit::new(range, formatted[start..formatted.len() - tail].to_owned())]
}
