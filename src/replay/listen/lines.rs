//! The lines of a request, checked while they arrive.

use super::queue::Share;
use crate::http::Refusal;
use crate::protocol::Point;
use crate::protocol::line::{Cut, LineError, Reader, cut};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of a request, before and after it is unpacked: InfluxDB's own bound.
pub(super) const BODY: u64 = 25_000_000;

/// Bytes of a line: a point of that size takes many times as much while it is read.
const LINE: usize = 1 << 20;

/// Bytes that are checked at a time.
const BLOCK: usize = 64 << 10;

/// Threads that check lines at a time, however many requests there are.
const CHECKING: usize = 4;

/// Letters of a bad line that are sent back.
const SHOWN: usize = 200;

/// Why a request is refused, and the line that is the reason, with its number, if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unacceptable {
    pub(super) refusal: Refusal,
    pub(super) line: Option<(u64, String)>,
}

impl From<Refusal> for Unacceptable {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, line: None }
    }
}

/// Checks lines, by reading each into a point that is not kept.
#[derive(Debug, Default)]
pub(super) struct Checker {
    points: [Mutex<Point>; CHECKING],
    next: AtomicUsize,
}

/// Lines of a request.
#[derive(Debug)]
pub(super) struct Lines<'c> {
    checker: &'c Checker,
    reader: Reader,
    /// Good lines.
    pieces: VecDeque<Vec<u8>>,
    /// Bytes that were not checked yet; they begin with a line.
    rest: Vec<u8>,
    /// The number of that line, from 1.
    number: u64,
    points: u64,
}

impl Checker {
    /// Reads a body to its end. Every byte is taken from `share`.
    ///
    /// # Errors
    /// A line that is no point, a body that is too large, or that does not come.
    pub(super) fn read(
        &self,
        body: &mut dyn Read,
        reader: Reader,
        share: &mut Share,
    ) -> Result<(VecDeque<Vec<u8>>, u64), Unacceptable> {
        let mut lines = Lines {
            checker: self,
            reader,
            pieces: VecDeque::new(),
            rest: Vec::new(),
            number: 1,
            points: 0,
        };
        let mut total = 0;
        loop {
            let read = lines.fill(body)? as u64;
            total += read;
            if total > BODY {
                return Err(too_large().into());
            }
            if !share.grow(read) {
                let reason =
                    "too many bytes wait to be processed: send the request again in a moment";
                return Err(Refusal::new(503, reason).into());
            }
            let ended = read == 0;
            lines.check(ended)?;
            if ended {
                return Ok((lines.pieces, lines.points));
            }
        }
    }
}

pub(super) fn too_large() -> Refusal {
    Refusal::new(413, format!("the body is larger than {BODY} bytes: send smaller requests"))
}

impl Lines<'_> {
    /// Reads a block; a smaller one only at the end of the body.
    fn fill(&mut self, body: &mut dyn Read) -> Result<usize, Refusal> {
        let before = self.rest.len();
        self.rest.resize(before + BLOCK, 0);
        let mut at = before;
        while at < self.rest.len() {
            match body.read(&mut self.rest[at..]) {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
        self.rest.truncate(at);
        Ok(at - before)
    }

    /// Checks the whole lines, and at the end the last one, which may have no newline.
    fn check(&mut self, ended: bool) -> Result<(), Unacceptable> {
        let turn = self.checker.next.fetch_add(1, Ordering::Relaxed) % CHECKING;
        let mut point = self.checker.points[turn].lock().unwrap_or_else(PoisonError::into_inner);
        let mut good = 0;
        while good < self.rest.len() {
            let rest = &self.rest[good..];
            let (line, end, newlines) = match cut(rest, u64::MAX) {
                Cut::Line { len, end, newlines } => (&rest[..len], end, newlines),
                Cut::Partial { newlines, .. } if ended => (rest, rest.len(), newlines),
                Cut::Partial { .. } if rest.len() <= LINE => break,
                Cut::Partial { .. } => return Err(self.too_long()),
            };
            if line.len() > LINE {
                return Err(self.too_long());
            }
            match self.reader.read(line, &mut point) {
                Ok(is_point) => self.points += u64::from(is_point),
                Err(error) => return Err(bad_line(&error, self.number, line)),
            }
            self.number += newlines;
            good += end;
        }
        if good > 0 {
            // Copied, so that what waits takes no more than its bytes.
            self.pieces.push_back(self.rest[..good].to_vec());
            self.rest.drain(..good);
        }
        Ok(())
    }

    fn too_long(&self) -> Unacceptable {
        let refusal =
            Refusal::new(400, format!("line {} is longer than {LINE} bytes", self.number));
        Unacceptable { refusal, line: Some((self.number, String::new())) }
    }
}

fn bad_line(error: &LineError, number: u64, text: &[u8]) -> Unacceptable {
    let (reason, number) = match error {
        LineError::NotUtf8 => (format!("the body is not UTF-8 (line {number})"), number),
        error => {
            let down = if let LineError::Syntax { down, .. } = error { *down } else { 0 };
            // The sender has a parameter of that name, and no option.
            let error = error.to_string().replace("--precision", "the precision");
            (format!("{error} (line {})", number + down), number + down)
        }
    };
    let shown: String = String::from_utf8_lossy(text).chars().take(SHOWN).collect();
    Unacceptable { refusal: Refusal::new(400, reason), line: Some((number, shown)) }
}

fn unreadable(error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::TimedOut => Refusal::new(408, "the body did not come in time"),
        ErrorKind::UnexpectedEof => Refusal::new(400, "the body cannot be read: it ends early"),
        _ => Refusal::new(400, format!("the body cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::ByteBudget;
    use super::*;
    use crate::protocol::line::{Precision, read_all};
    use proptest::prelude::*;

    /// Hands a body over in small parts.
    struct Trickle<'b>(&'b [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(out.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn check(body: &[u8], part: usize) -> Result<(Vec<u8>, u64), Refusal> {
        let budget = ByteBudget::new(1 << 30);
        let mut share = budget.share();
        let reader = Reader::with_now(Precision::Seconds, 7);
        let read = Checker::default().read(&mut Trickle(body, part), reader, &mut share);
        let read = read.map_err(|unacceptable| unacceptable.refusal);
        read.map(|(pieces, points)| (pieces.into_iter().flatten().collect(), points))
    }

    #[test]
    fn a_bad_line_is_told_by_its_number() {
        let refused = |body: &str| check(body.as_bytes(), 3).unwrap_err();
        let refusal = refused("m x=1 1\n# comment\n\nm x=\"a\nb\" 2\nnonsense\nm x=1 3\n");
        assert_eq!(refusal.status, 400);
        assert!(refusal.reason.starts_with("not line protocol"), "{}", refusal.reason);
        assert!(refusal.reason.ends_with("(line 6)"), "{}", refusal.reason);
        assert!(check(b"m x=1 1\n\xff\xfe", 9).unwrap_err().reason.contains("not UTF-8 (line 2)"));
        let long = format!("m x=\"{}\" 1", "a".repeat(2 << 20));
        assert!(refused(&long).reason.contains("line 1 is longer than"));
    }

    #[test]
    fn too_many_bytes_are_refused_before_they_are_kept() {
        let line = b"m x=1 1\n";
        let budget = ByteBudget::new(100_000);
        let mut share = budget.share();
        let body = line.repeat(20_000);
        let reader = Reader::with_now(Precision::Seconds, 7);
        let refused = Checker::default().read(&mut &body[..], reader, &mut share).unwrap_err();
        assert_eq!(refused.refusal.status, 503);
        drop(share);
        assert!(budget.share().grow(100_000), "all of it is given back");
        let huge = line.repeat(BODY as usize / line.len() + 1);
        assert_eq!(check(&huge, usize::MAX).unwrap_err().status, 413);
    }

    proptest! {
        /// A body is accepted or refused in the same way, however it is cut into reads.
        #[test]
        fn blocks_change_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just("m x=1 1\n"), Just("m,a=\\ b s=\"x\\\"y\n\",n=2i 5\n"), Just("\n"), Just("# \"c\n"),
                Just("m x=1\n"), Just("bad\n"), Just("m s=\"open"), Just("\"\n"), Just("\\\n"), Just("é=1"),
            ], 0..40),
            repeat in 1usize..3000,
            part in 1usize..70_000,
        ) {
            let text = parts.concat().repeat(repeat);
            let text = text.as_bytes();
            prop_assume!(text.len() < 300_000);
            let whole = read_all(text, Precision::Seconds, 7);
            match (check(text, part), whole) {
                (Ok((bytes, points)), Ok(all)) => {
                    prop_assert_eq!(bytes, text);
                    prop_assert_eq!(points, all.len() as u64);
                }
                (Err(refusal), Err((line, _))) => {
                    let told = format!("(line {line})");
                    prop_assert!(refusal.reason.ends_with(&told), "{} {}", refusal, told);
                }
                (ours, whole) => prop_assert!(false, "{:?} {:?}", ours.map(|_| ()), whole.err()),
            }
        }
    }
}
