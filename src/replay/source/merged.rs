//! Several files as one source, in the order of time.
//!
//! A file is opened when its first time is due, so of an archive of many files only those are open that
//! overlap. Each file must be in the order of time by itself.

use super::span::Within;
use super::{Item, Reading, Scratch, Source, open_whole};
use crate::piped::is_piped;
use crate::protocol::time::rfc3339;
use crate::replay::ReplayError;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Files of which the first items are kept; more are opened again when they are due.
const KEPT: usize = 16;

/// Files in the order of time.
pub(super) struct Merged {
    /// The sources whose time has not come, with the earliest at the end.
    waiting: Vec<Waiting>,
    open: Vec<Option<Open>>,
    /// The time of the next item of each open file, and its place: of one time, the first file is first.
    due: BinaryHeap<Reverse<(i64, usize)>>,
    reading: Reading,
    queries: Option<usize>,
}

/// A file that is not due yet.
struct Waiting {
    first: i64,
    /// Its place among all files.
    place: usize,
    path: PathBuf,
    /// The file itself, if it is kept open.
    open: Option<Open>,
}

struct Open {
    path: PathBuf,
    source: Box<dyn Source>,
    /// The next item, and what it is.
    scratch: Scratch,
    item: Item,
    time: i64,
    /// Items taken so far, for messages.
    taken: u64,
}

impl Merged {
    /// Reads the first time of each file.
    ///
    /// # Errors
    /// A file that cannot be read, or files of different kinds.
    pub(super) fn open(paths: &[PathBuf], reading: &Reading) -> Result<Self, ReplayError> {
        let keeps = paths.len() <= KEPT;
        // What is read here is read again later.
        let counters = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let look = Reading { bytes: counters.0, skipped: counters.1, ..reading.clone() };
        let mut queries = None;
        let mut waiting = Vec::new();
        for (place, path) in paths.iter().enumerate() {
            let keeps = keeps || is_piped(path);
            let source = open_whole(path, if keeps { reading } else { &look })?;
            let of_file = source.queries();
            if place > 0 && of_file != queries {
                let message = format!(
                    "it has batches of {} queries, but {} has batches of {}: they are not recordings of the same task",
                    of_file.unwrap_or(0),
                    paths[0].display(),
                    queries.unwrap_or(0)
                );
                return Err(ReplayError::Data { path: path.clone(), line: None, message });
            }
            queries = of_file;
            let Some(open) = Open::first(path, source)? else { continue };
            let first = open.time;
            if !reading.span.is_over(first) {
                let open = keeps.then_some(open);
                waiting.push(Waiting { first, place, path: path.clone(), open });
            }
        }
        waiting.sort_by_key(|file| Reverse((file.first, file.place)));
        let mut open = Vec::new();
        open.resize_with(paths.len(), || None);
        let reading = Reading { again: true, ..reading.clone() };
        Ok(Self { waiting, open, due: BinaryHeap::new(), reading, queries })
    }

    /// Opens the files whose time has come.
    fn open_due(&mut self) -> Result<(), ReplayError> {
        while let Some(file) = self.waiting.last() {
            if self.due.peek().is_some_and(|Reverse((time, _))| *time < file.first) {
                break;
            }
            let Some(Waiting { place, path, open, .. }) = self.waiting.pop() else { break };
            let open = match open {
                Some(open) => Some(open),
                None => Open::first(&path, open_whole(&path, &self.reading)?)?,
            };
            if let Some(open) = open {
                self.due.push(Reverse((open.time, place)));
                self.open[place] = Some(open);
            }
        }
        Ok(())
    }
}

impl Open {
    /// Reads the first item of a file; `None` if it has none.
    fn first(path: &Path, source: Box<dyn Source>) -> Result<Option<Self>, ReplayError> {
        let mut open = Self {
            path: path.into(),
            source,
            scratch: Scratch::default(),
            item: Item::Point,
            time: i64::MIN,
            taken: 0,
        };
        Ok(open.advance()?.then_some(open))
    }

    /// Reads the next item; false at the end.
    fn advance(&mut self) -> Result<bool, ReplayError> {
        let Some(item) = self.source.next(&mut self.scratch)? else { return Ok(false) };
        let time = self.scratch.time(item).unwrap_or(self.time);
        self.taken += 1;
        if time < self.time {
            let message = format!(
                "files are merged by time, but the times of this one go back: {} comes after {} (number {}); sort it, or play the files one after the other with --no-merge",
                rfc3339(time),
                rfc3339(self.time),
                self.taken
            );
            return Err(ReplayError::Data { path: self.path.clone(), line: None, message });
        }
        (self.item, self.time) = (item, time);
        Ok(true)
    }
}

impl Source for Merged {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        self.open_due()?;
        let Some(Reverse((_, place))) = self.due.pop() else { return Ok(None) };
        let slot = &mut self.open[place];
        let Some(open) = slot else { return Ok(None) };
        std::mem::swap(scratch, &mut open.scratch);
        let item = open.item;
        if open.advance()? {
            self.due.push(Reverse((open.time, place)));
        } else {
            *slot = None;
        }
        Ok(Some(item))
    }

    fn queries(&self) -> Option<usize> {
        self.queries
    }
}

/// Opens several files as one source.
///
/// # Errors
/// A file that cannot be read, or files of different kinds.
pub fn open_merged(paths: &[PathBuf], reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    let merged = Box::new(Merged::open(paths, reading)?);
    if reading.span.is_all() {
        return Ok(merged);
    }
    Ok(Box::new(Within { source: merged, span: reading.span, ordered: true }))
}
