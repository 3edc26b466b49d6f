//! Which worker a message is for, and the chunks in which messages are handed over.
//!
//! A group belongs to one of 4,096 key groups, by the hash of its id, and a key group to one worker. States
//! can move between any numbers of workers, because they do not contain the worker of a group.

use crate::protocol::Point;
use crate::protocol::frame::Located;
use crate::protocol::group::key_group;
use crate::protocol::owners::Owners;
use crate::protocol::point::peek;
use std::sync::Arc;

/// A chunk is handed over when it has this many bytes, or when the input runs dry, which is mostly the
/// case before.
const FULL: usize = 256 * 1024;

/// Marks an entry of a chunk that is a group to be removed.
const FORGET: u64 = 1 << 63;

/// What a message is, for its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Point,
    Begin,
    End,
}

/// The group and the time of a point in a frame; `None` if the frame is no point, or not one that can
/// be told at a glance.
#[inline]
pub(super) fn group_of_point(frame: &[u8]) -> Option<(&[u8], i64)> {
    peek::group(Point::message_of_frame(frame)?)
}

/// An entry of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'c> {
    /// A message, with its number in the stream.
    Frame(u64, &'c [u8]),
    /// A group that must be removed.
    Forget(&'c [u8]),
}

/// Messages for one worker, in the block where the reader has them: no bytes are copied.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    block: Option<Arc<Vec<u8>>>,
    /// The ids of groups that are to be forgotten, behind each other.
    gone: Vec<u8>,
    /// The number of each message, and where it begins and ends.
    entries: Vec<(u64, usize, usize)>,
    /// The bytes of all messages.
    size: usize,
}

impl Chunk {
    #[inline]
    fn put(&mut self, number: u64, frame: &Located<'_>) -> bool {
        let block = self.block.get_or_insert_with(|| frame.block.clone());
        debug_assert!(
            Arc::ptr_eq(block, frame.block),
            "a chunk is handed over before more is read"
        );
        self.entries.push((number, frame.start, frame.end));
        self.size += frame.end - frame.start;
        self.size >= FULL
    }

    fn put_forget(&mut self, group: &[u8]) {
        let start = self.gone.len();
        self.gone.extend_from_slice(group);
        self.entries.push((FORGET, start, self.gone.len()));
    }

    pub(super) fn clear(&mut self) {
        self.block = None;
        self.gone.clear();
        self.entries.clear();
        self.size = 0;
    }

    /// The entries in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let block: &[u8] = self.block.as_deref().map_or(&[], Vec::as_slice);
        self.entries.iter().map(move |(number, start, end)| match number & FORGET {
            0 => Entry::Frame(*number, &block[*start..*end]),
            _ => Entry::Forget(&self.gone[*start..*end]),
        })
    }
}

/// The assignment of groups to workers, and the messages that wait to be handed over.
#[derive(Debug)]
pub(super) struct Router {
    owners: Owners,
    chunks: Vec<Chunk>,
    /// The worker of the batch that has begun, and its group.
    batch: Option<(usize, Vec<u8>)>,
}

impl Router {
    pub(super) fn new(workers: usize) -> Self {
        let chunks = (0..workers).map(|_| Chunk::default()).collect();
        Self { owners: Owners::new(workers), chunks, batch: None }
    }

    /// The worker of a group.
    #[inline]
    pub(super) fn owner(&mut self, group: &[u8]) -> usize {
        self.owners.of(key_group(group))
    }

    /// The worker of a message. All messages of a batch go to the worker that has its begin.
    #[inline]
    pub(super) fn place(&mut self, kind: Kind, group: &[u8]) -> usize {
        match (kind, &self.batch) {
            (Kind::End, Some(_)) => self.batch.take().map_or(0, |(place, _)| place),
            (_, Some((place, _))) => *place,
            (Kind::Begin, None) => {
                let place = self.owner(group);
                self.batch = Some((place, group.to_vec()));
                place
            }
            (_, None) => self.owner(group),
        }
    }

    pub(super) fn in_batch(&self) -> bool {
        self.batch.is_some()
    }

    /// The group of the batch that has begun.
    pub(super) fn batch_group(&self) -> &[u8] {
        self.batch.as_ref().map_or(b"", |(_, group)| group)
    }

    /// Appends a message; true if the chunk is to be handed over. All messages of a chunk lie in one block.
    #[inline]
    pub(super) fn put(&mut self, place: usize, number: u64, frame: &Located<'_>) -> bool {
        self.chunks[place].put(number & !FORGET, frame)
    }

    /// Appends that a group is to be forgotten.
    pub(super) fn put_forget(&mut self, place: usize, group: &[u8]) {
        self.chunks[place].put_forget(group);
    }

    /// True if something waits for a worker.
    pub(super) fn has(&self, place: usize) -> bool {
        !self.chunks[place].entries.is_empty()
    }

    /// Takes what waits for a worker; the next chunk has the memory of `spare`.
    pub(super) fn take(&mut self, place: usize, spare: Option<Chunk>) -> Chunk {
        std::mem::replace(&mut self.chunks[place], spare.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(time: i64, group: &str) -> Vec<u8> {
        let mut point = Point::new(time);
        point.set_name("m");
        point.set_group(group);
        point.set_field("x", 1.5);
        let mut message = Vec::new();
        point.put_request(&mut message);
        message
    }

    #[test]
    fn a_few_groups_are_spread_evenly() {
        let mut router = Router::new(2);
        let ids: Vec<String> = (0..1000).map(|i| format!("host=h{i}")).collect();
        let first: Vec<usize> = ids.iter().map(|id| router.owner(id.as_bytes())).collect();
        let again: Vec<usize> = ids.iter().map(|id| router.owner(id.as_bytes())).collect();
        assert_eq!(first, again);
        let ones = first.iter().sum::<usize>();
        assert!((400..600).contains(&ones), "{ones} of 1000 groups belong to the second");
        for cpus in 2..16 {
            let mut router = Router::new(2);
            let ids = (0..cpus).map(|i| format!("cpu=cpu{i},host=web-1"));
            let ones = ids.map(|id| router.owner(id.as_bytes())).sum::<usize>();
            assert_eq!(ones, cpus / 2, "of {cpus} groups");
        }
    }

    #[test]
    fn the_group_and_the_time_are_found_without_reading_the_point() {
        assert_eq!(group_of_point(&frame(7, "host=a")), Some((&b"host=a"[..], 7)));
        assert_eq!(group_of_point(&frame(-1, "")), Some((&b""[..], -1)));
        let whole = frame(7, "host=a");
        for cut in 0..whole.len() {
            assert_eq!(group_of_point(&whole[..cut]), None);
        }
    }

    #[test]
    fn a_batch_stays_with_one_worker() {
        let mut router = Router::new(2);
        let (a, b) = (router.owner(b"a"), router.owner(b"b"));
        assert_ne!(a, b);
        assert_eq!(router.place(Kind::Begin, b"b"), b);
        assert_eq!(router.place(Kind::Point, b"a"), b, "whatever its points say");
        assert_eq!(router.batch_group(), b"b");
        assert_eq!(router.place(Kind::End, b"a"), b);
        assert!(!router.in_batch());
        assert_eq!(router.place(Kind::Point, b"a"), a);
    }

    #[test]
    fn chunks_give_back_what_was_put_in() {
        let mut router = Router::new(1);
        let block = Arc::new([&b".one."[..], &vec![7; FULL]].concat());
        let located = |start, end| Located { block: &block, start, end };
        assert!(!router.put(0, 1, &located(1, 4)));
        router.put_forget(0, b"gone");
        assert!(router.put(0, 2, &located(5, block.len())));
        let mut chunk = router.take(0, None);
        let entries: Vec<Entry<'_>> = chunk.entries().collect();
        assert_eq!(entries[..2], [Entry::Frame(1, b"one"), Entry::Forget(b"gone")]);
        assert!(matches!(entries[2], Entry::Frame(2, bytes) if bytes.len() == FULL));
        chunk.clear();
        assert_eq!(chunk.entries().count(), 0);
        assert_eq!(Arc::strong_count(&block), 1, "the reader can use the block again");
        assert!(!router.has(0));
    }
}
