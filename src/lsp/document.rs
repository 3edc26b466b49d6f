//! A text with its lines, and places in it as clients count them: lines from 0, columns in UTF-16.

use lsp_types::{Position, Range, TextDocumentContentChangeEvent, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What stands in a path without being escaped.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An open text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) uri: Uri,
    pub(super) path: PathBuf,
    pub(super) version: Option<i32>,
    pub(super) text: String,
    /// Where the lines begin.
    lines: Vec<usize>,
}

impl Document {
    pub(super) fn new(uri: Uri, version: Option<i32>, text: String) -> Self {
        let path = path_of(&uri).unwrap_or_else(|| PathBuf::from(uri.as_str()));
        let lines = line_starts(&text);
        Self { uri, path, version, text, lines }
    }

    /// A file that is not open.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        Some(Self::new(uri_of(path)?, None, text))
    }

    pub(super) fn change(&mut self, change: TextDocumentContentChangeEvent) {
        match change.range {
            Some(range) => {
                let (start, end) = (self.offset(range.start), self.offset(range.end));
                self.text.replace_range(start..end.max(start), &change.text);
            }
            None => self.text = change.text,
        }
        self.lines = line_starts(&self.text);
    }

    /// The byte of a place; what lies outside counts as the end of its line or of the text.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(&start) = self.lines.get(line) else { return self.text.len() };
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        let mut units = 0;
        for (at, c) in self.text[start..end].char_indices() {
            if units >= position.character || matches!(c, '\r' | '\n') {
                return start + at;
            }
            units += c.len_utf16() as u32;
        }
        end
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|&start| start <= offset).saturating_sub(1);
        let units: usize = self.text[self.lines[line]..offset].chars().map(char::len_utf16).sum();
        Position::new(line as u32, units as u32)
    }

    pub(super) fn range(&self, start: usize, end: usize) -> Range {
        Range::new(self.position(start), self.position(end))
    }

    /// The byte of a line and a column in characters, both from 1; a column of 0 is the line as a whole.
    pub(super) fn place(&self, line: usize, column: usize) -> (usize, usize) {
        let Some(&start) = self.lines.get(line.saturating_sub(1)) else {
            return (self.text.len(), self.text.len());
        };
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let text = self.text[start..end].trim_end();
        if column == 0 {
            return (start + text.len() - text.trim_start().len(), start + text.len());
        }
        let at = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let rest = &text[at..];
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let length = length.max(rest.chars().next().map_or(0, char::len_utf8));
        (start + at, start + at + length)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

/// The file of a URI; `None` for what is no file.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let text = uri.as_str().strip_prefix("file://")?;
    let path = &text[text.find('/')?..];
    Some(PathBuf::from(percent_decode_str(path).decode_utf8().ok()?.into_owned()))
}

pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    let path = std::path::absolute(path).ok()?;
    Uri::from_str(&format!("file://{}", utf8_percent_encode(path.to_str()?, PATH))).ok()
}

/// Whether two paths lead to the same file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    let plain =
        |path: &Path| std::path::absolute(path).map(|path| path.components().collect::<PathBuf>());
    match (plain(a), plain(b)) {
        (Ok(a), Ok(b)) if a == b => true,
        _ => a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::new(uri_of(Path::new("/a b/ä.rhai")).unwrap(), None, text.to_owned())
    }

    #[test]
    fn columns_are_those_of_utf16() {
        let document = document("aé😀b\r\nsecond\n");
        assert_eq!(document.path, Path::new("/a b/ä.rhai"));
        for (line, column, offset) in
            [(0, 0, 0), (0, 2, 3), (0, 4, 7), (0, 5, 8), (1, 0, 10), (2, 0, 17)]
        {
            let position = Position::new(line, column);
            assert_eq!(document.offset(position), offset);
            assert_eq!(document.position(offset), position);
        }
        // Beyond the end of a line, of the text, and inside of a character.
        assert_eq!(document.offset(Position::new(0, 99)), 8);
        assert_eq!(document.offset(Position::new(9, 9)), 17);
        assert_eq!(document.offset(Position::new(0, 3)), 7);
        assert_eq!(document.place(2, 1), (10, 16));
    }

    #[test]
    fn changes_are_made_in_their_order() {
        let mut document = document("let x = 1;\nlet y = 2;\n");
        let change =
            |from: (u32, u32), to: (u32, u32), text: &str| TextDocumentContentChangeEvent {
                range: Some(Range::new(Position::new(from.0, from.1), Position::new(to.0, to.1))),
                range_length: None,
                text: text.into(),
            };
        document.change(change((0, 4), (0, 5), "😀"));
        document.change(change((1, 0), (2, 0), ""));
        assert_eq!(document.text, "let 😀 = 1;\n");
        assert_eq!(document.position(document.text.len()), Position::new(1, 0));
    }
}
