//! Framing: an unsigned LEB128 varint length, then that many bytes of one message.

use super::ProtocolError;
use super::wire::{VarintError, put_varint, read_varint};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

/// The longest frame that is read: lengths are 32-bit in the existing agents.
pub const MAX_FRAME: u64 = i32::MAX as u64;

/// The bytes that the length before a frame may take.
const MAX_LENGTH: usize = 5;

const CHUNK: usize = 256 * 1024;

/// Cuts the first frame off frames in memory; `None` if there is no whole one.
pub fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, head) = read_varint(bytes, MAX_LENGTH).ok()?;
    bytes[head..].split_at_checked(usize::try_from(size).ok()?)
}

/// A frame in the block of bytes that was read with it. Whoever keeps the block can look at the frame later.
#[derive(Clone, Copy, Debug)]
pub struct Located<'b> {
    /// What was read.
    pub block: &'b Arc<Vec<u8>>,
    /// Where the frame begins in it.
    pub start: usize,
    /// Where the frame ends in it.
    pub end: usize,
}

impl<'b> Located<'b> {
    /// The bytes of the frame.
    #[inline]
    pub fn bytes(&self) -> &'b [u8] {
        &self.block[self.start..self.end]
    }
}

/// Cuts a byte stream into frames, reading as much as there is at once.
///
/// The block grows with what arrives, not with what a length promises. One that somebody keeps is left
/// alone, and reading goes on in another.
#[derive(Debug)]
pub struct Frames<R> {
    reader: R,
    block: Arc<Vec<u8>>,
    /// Blocks that were kept by others, for their memory.
    kept: VecDeque<Arc<Vec<u8>>>,
    start: usize,
    end: usize,
    frames: u64,
    limit: u64,
}

impl<R: Read> Frames<R> {
    /// Reads frames from `reader`.
    pub fn new(reader: R) -> Self {
        Self::with_limit(reader, MAX_FRAME)
    }

    /// Reads frames of at most `limit` bytes.
    pub fn with_limit(reader: R, limit: u64) -> Self {
        Self {
            reader,
            block: Arc::default(),
            kept: VecDeque::new(),
            start: 0,
            end: 0,
            frames: 0,
            limit: limit.min(MAX_FRAME),
        }
    }

    /// The number of frames that were read.
    pub fn count(&self) -> u64 {
        self.frames
    }

    /// True if the next frame is already here, so that [`Frames::next`] will not wait.
    pub fn has_next(&self) -> bool {
        matches!(self.length(), Ok(Some((head, size))) if self.end - self.start >= head + size)
    }

    /// The next frame, or `None` at a clean end of input; waits for it.
    ///
    /// # Errors
    /// A length that is no 32-bit varint or beyond the limit, an end inside a frame, a failed read.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<&[u8]>, ProtocolError> {
        Ok(self.locate_next()?.map(|frame| frame.bytes()))
    }

    /// As [`Frames::next`], with the block that the frame lies in.
    ///
    /// # Errors
    /// As [`Frames::next`].
    pub fn locate_next(&mut self) -> Result<Option<Located<'_>>, ProtocolError> {
        loop {
            if let Some((head, size)) = self.length()? {
                let start = self.start + head;
                let end = start + size;
                if self.end - self.start >= head + size {
                    self.start = end;
                    self.frames += 1;
                    return Ok(Some(Located { block: &self.block, start, end }));
                }
            }
            if !self.fill()? {
                return self.ended();
            }
        }
    }

    /// The length of the next frame: bytes of the prefix, bytes of the message.
    #[inline]
    fn length(&self) -> Result<Option<(usize, usize)>, ProtocolError> {
        let frame = self.frames + 1;
        match read_varint(&self.block[self.start..self.end], MAX_LENGTH) {
            Ok((size, _)) if size > self.limit => {
                Err(ProtocolError::FrameTooLarge { frame, size, limit: self.limit })
            }
            Ok((size, head)) => Ok(Some((head, size as usize))),
            Err(VarintError::Short) => Ok(None),
            Err(VarintError::Long) => Err(ProtocolError::FrameLength { frame }),
        }
    }

    /// Reads what there is; false at the end of input.
    fn fill(&mut self) -> Result<bool, ProtocolError> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if Arc::get_mut(&mut self.block).is_none() {
            self.go_on_elsewhere();
        }
        let buffer = Arc::get_mut(&mut self.block).expect("nobody else has a block that is new");
        if buffer.len() - self.end < CHUNK / 2 {
            buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if buffer.len() - self.end < CHUNK / 2 {
                let size = buffer.len().max(CHUNK / 2) * 2;
                buffer.resize(size, 0);
            }
        }
        loop {
            match self.reader.read(&mut buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes another block, since somebody keeps this one; what was not cut off yet goes with it.
    fn go_on_elsewhere(&mut self) {
        let free = self.kept.iter_mut().position(|block| Arc::get_mut(block).is_some());
        let mut next = free.and_then(|i| self.kept.swap_remove_back(i)).unwrap_or_default();
        let buffer = Arc::get_mut(&mut next).expect("nobody else has it");
        let rest = &self.block[self.start..self.end];
        if buffer.len() > 4 * CHUNK {
            // One huge frame does not hold its memory for ever.
            *buffer = Vec::new();
        }
        if buffer.len() < rest.len() {
            buffer.resize(rest.len(), 0);
        }
        buffer[..rest.len()].copy_from_slice(rest);
        (self.start, self.end) = (0, rest.len());
        self.kept.push_back(std::mem::replace(&mut self.block, next));
    }

    fn ended(&self) -> Result<Option<Located<'_>>, ProtocolError> {
        if self.start == self.end {
            return Ok(None);
        }
        let got = (self.end - self.start) as u64;
        let want = self.length()?.map_or(0, |(head, size)| (head + size) as u64);
        Err(ProtocolError::Truncated { frame: self.frames + 1, got, want })
    }
}

/// Appends a frame around a message.
pub fn put_frame(out: &mut Vec<u8>, message: &[u8]) {
    put_varint(out, message.len() as u64);
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read, as a slow pipe may.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn stream(sizes: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            put_frame(&mut out, &vec![i as u8; *size]);
        }
        out
    }

    fn read_all(reader: impl Read) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let mut frames = Frames::new(reader);
        let mut all = Vec::new();
        while let Some(frame) = frames.next()? {
            all.push(frame.to_vec());
        }
        Ok(all)
    }

    #[test]
    fn frames_of_all_sizes_are_cut() {
        let sizes = [0, 1, 127, 128, 70_000, 600_000, 3];
        let bytes = stream(&sizes);
        for all in [read_all(&bytes[..]).unwrap(), read_all(Trickle(&bytes)).unwrap()] {
            assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            assert!(all.iter().enumerate().all(|(i, f)| f.iter().all(|b| *b == i as u8)));
        }
    }

    #[test]
    fn a_block_that_is_kept_stays_as_it_is() {
        let sizes = [70_000, 5, 200_000, 0, 2_000_000, 127, 128, 300_000, 90_000, 90_000];
        let bytes = stream(&sizes);
        let mut frames = Frames::new(&bytes[..]);
        let mut kept = Vec::new();
        while let Some(frame) = frames.locate_next().unwrap() {
            kept.push((frame.block.clone(), frame.start..frame.end));
        }
        for (i, (size, (block, range))) in sizes.iter().zip(kept).enumerate() {
            assert_eq!(block[range], vec![i as u8; *size], "frame {i}");
        }
    }

    #[test]
    fn blocks_that_nobody_keeps_any_more_are_used_again() {
        let bytes = stream(&[100_000; 50]);
        let mut frames = Frames::new(&bytes[..]);
        let mut kept = VecDeque::new();
        while let Some(frame) = frames.locate_next().unwrap() {
            kept.push_back(frame.block.clone());
            if kept.len() > 6 {
                kept.pop_front();
            }
        }
        assert!(frames.kept.len() <= 7, "{} blocks", frames.kept.len());
    }

    #[test]
    fn an_end_inside_a_frame_says_how_much_is_missing() {
        let bytes = stream(&[5, 300]);
        for cut in 7..bytes.len() {
            let error = read_all(&bytes[..cut]).unwrap_err().to_string();
            assert!(error.starts_with("frame 2: the input ended inside it"), "{error}");
        }
        assert_eq!(
            read_all(&bytes[..100]).unwrap_err().to_string(),
            "frame 2: the input ended inside it, after 94 bytes of 302"
        );
    }

    #[test]
    fn lengths_beyond_the_limit_are_refused_before_anything_is_allocated() {
        let error = read_all(&[0xff, 0xff, 0xff, 0xff, 0x0f][..]).unwrap_err().to_string();
        assert!(
            error.contains("4294967295 bytes long, more than the limit of 2147483647"),
            "{error}"
        );
        let error = read_all(&[0xff; 12][..]).unwrap_err().to_string();
        assert!(error.contains("not a 32-bit varint"), "{error}");
    }

    #[test]
    fn frames_in_memory_are_split_one_by_one() {
        let mut bytes = Vec::new();
        for frame in [&b"one"[..], b"", &[7; 300]] {
            put_frame(&mut bytes, frame);
        }
        let mut rest = &bytes[..];
        let mut lengths = Vec::new();
        while let Some((frame, after)) = split_first(rest) {
            lengths.push(frame.len());
            rest = after;
        }
        assert_eq!((lengths, rest.len()), (vec![3, 0, 300], 0));
        for cut in 305..bytes.len() {
            assert_eq!(split_first(&bytes[5..cut]), None);
        }
        assert_eq!(split_first(&[0xff; 9]), None);
    }
}
