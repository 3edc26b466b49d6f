//! Files as they are, or packed by gzip or zstd, which a thread of its own unpacks ahead of the reader.

use super::Reading;
use crate::piped;
use crate::replay::ReplayError;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that are unpacked at once.
const BLOCK: usize = 1 << 18;

/// Unpacked blocks that may wait to be read.
const AHEAD: usize = 4;

/// The endings of the names of packed files.
const ENDINGS: [&str; 3] = [".gz", ".zst", ".zstd"];

/// Returns a name without the ending of a packed file.
pub fn plain_name(name: &str) -> &str {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Opens a file, unpacked if its first bytes say gzip or zstd, whatever its name.
pub(super) fn open(path: &Path, reading: &Reading) -> Result<Box<dyn BufRead>, ReplayError> {
    let error = |source| ReplayError::Read { path: path.into(), source };
    let file = piped::open(path).map_err(error)?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(error(io::ErrorKind::IsADirectory.into()));
    }
    let count = Arc::new(AtomicU64::new(0));
    let counted = Counted { inner: file, count: count.clone() };
    let mut buffered = BufReader::with_capacity(1 << 16, counted);
    let bytes = reading.bytes.clone();
    let start = buffered.fill_buf().map_err(error)?;
    let unpacked: Box<dyn Read + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(buffered))
    } else if is_zstd(start) {
        Box::new(Zstd::new(buffered))
    } else {
        return Ok(Box::new(Plain { reader: buffered, count, bytes }));
    };
    Ok(Box::new(Unpacked::start(unpacked, count, bytes).map_err(error)?))
}

/// Counts the bytes that are read.
struct Counted {
    inner: File,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A file as it is.
struct Plain {
    reader: BufReader<Counted>,
    count: Arc<AtomicU64>,
    bytes: Rc<Cell<u64>>,
}

impl Plain {
    fn count(&mut self) {
        self.bytes.set(self.bytes.get() + self.count.swap(0, Ordering::Relaxed));
    }
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        self.count();
        read
    }
}

impl BufRead for Plain {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()?;
        self.count();
        Ok(self.reader.buffer())
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

/// Tells whether bytes are the beginning of a zstd frame, or of one that is to be skipped.
fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// A file packed by zstd, which is one frame after the other.
struct Zstd {
    file: BufReader<Counted>,
    decoder: FrameDecoder,
    /// Inside a frame.
    begun: bool,
}

impl Zstd {
    fn new(file: BufReader<Counted>) -> Self {
        Self { file, decoder: FrameDecoder::new(), begun: false }
    }

    /// Begins the next frame; false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.file.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.file) {
                Ok(()) => {
                    self.begun = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.file).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Ends a frame, whose checksum must fit if it has one.
    fn end(&mut self) -> io::Result<()> {
        self.begun = false;
        match self.decoder.get_checksum_from_data() {
            Some(stored) if self.decoder.get_calculated_checksum() != Some(stored) => {
                Err(io::Error::other("it is damaged: the checksum of a zstd frame is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.begun && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.end()?;
            } else {
                let some = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.file, some);
                decoded.map_err(io::Error::other)?;
            }
        }
    }
}

/// What the thread that unpacks gives: a block, and the packed bytes that were read for it.
type Block = io::Result<(Vec<u8>, u64)>;

/// A packed file, which a thread unpacks ahead of its reader.
struct Unpacked {
    blocks: Receiver<Block>,
    /// Takes blocks that have been read, to be filled again.
    used: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    bytes: Rc<Cell<u64>>,
}

impl Unpacked {
    fn start(
        file: Box<dyn Read + Send>,
        count: Arc<AtomicU64>,
        bytes: Rc<Cell<u64>>,
    ) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(AHEAD);
        let (used, again) = sync_channel(AHEAD + 2);
        let thread = std::thread::Builder::new().name("unpack".into());
        thread.spawn(move || unpack(file, &count, &sender, &again))?;
        Ok(Self { blocks, used, block: Vec::new(), at: 0, bytes })
    }
}

/// Sends the unpacked file in blocks, until its end, an error, or a reader that is gone.
fn unpack(
    mut file: Box<dyn Read + Send>,
    count: &AtomicU64,
    sender: &SyncSender<Block>,
    again: &Receiver<Vec<u8>>,
) {
    loop {
        let mut block = again.try_recv().unwrap_or_default();
        block.clear();
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        let packed = count.swap(0, Ordering::Relaxed);
        let ended = block.is_empty();
        // What was unpacked before an error is read before it.
        if !ended && sender.send(Ok((block, packed))).is_err() {
            return;
        }
        match read {
            Ok(_) if ended => return,
            Ok(_) => {}
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let block = self.fill_buf()?;
        let n = block.len().min(buffer.len());
        buffer[..n].copy_from_slice(&block[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Unpacked {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // The thread ends by hanging up.
        if self.at == self.block.len()
            && let Ok(block) = self.blocks.recv()
        {
            let (block, packed) = block?;
            let used = std::mem::replace(&mut self.block, block);
            let _ = self.used.try_send(used);
            self.bytes.set(self.bytes.get() + packed);
            self.at = 0;
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}
