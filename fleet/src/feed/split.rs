//! Which partition each line belongs to. Data has few series in many lines, so the partition of each series is
//! kept by the bytes of its measurement and tags.

use ahash::RandomState;
use rhai_udf::protocol::Point;
use rhai_udf::protocol::group::{self, Grouping};
use rhai_udf::protocol::line::{Cut, Precision, Reader, cut};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Series that are kept; beyond that, all are forgotten and found again.
const SERIES: usize = 1 << 18;

/// Finds partitions.
#[derive(Debug)]
pub(crate) struct Splitter {
    grouping: Grouping,
    partitions: u32,
    known: RwLock<HashMap<Box<[u8]>, u32, RandomState>>,
}

impl Splitter {
    pub(crate) fn new(grouping: Grouping, partitions: u32) -> Self {
        Self { grouping, partitions, known: RwLock::default() }
    }

    /// Hands each line with its partition over; returns how many there were.
    pub(crate) fn split(
        &self,
        lines: &[u8],
        precision: Precision,
        mut give: impl FnMut(u32, &[u8]),
    ) -> u64 {
        let (mut rest, mut count) = (lines, 0);
        while !rest.is_empty() {
            let (len, end) = match cut(rest, u64::MAX) {
                Cut::Line { len, end, .. } => (len, end),
                Cut::Partial { .. } => (rest.len(), rest.len()),
            };
            let line = &rest[..len];
            if let Some(number) = self.partition(line, precision) {
                give(number, &rest[..end]);
                count += 1;
            }
            rest = &rest[end..];
        }
        count
    }

    /// The partition of a line; `None` if it is not a point.
    fn partition(&self, line: &[u8], precision: Precision) -> Option<u32> {
        let series = series(line);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(series).copied();
        if known.is_some() {
            return known;
        }
        let mut point = Point::default();
        if !matches!(Reader::with_now(precision, 0).read(line, &mut point), Ok(true)) {
            return None;
        }
        self.grouping.clone().apply(&mut point);
        let number = group::hash(point.group().as_bytes()) % self.partitions;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SERIES {
            known.clear();
        }
        known.insert(series.into(), number);
        Some(number)
    }
}

/// The measurement and tags: up to the first space that is not escaped.
fn series(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut from = blanks;
    while let Some(at) = memchr::memchr(b' ', &line[from..]) {
        let at = from + at;
        let escapes = line[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 0 {
            return &line[..at];
        }
        from = at + 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(lines: &str) -> Vec<(u32, String)> {
        let splitter = Splitter::new(Grouping::by(&["host"]), 16);
        let mut parts = Vec::new();
        splitter.split(lines.as_bytes(), Precision::Seconds, |number, line| {
            parts.push((number, String::from_utf8_lossy(line).into_owned()));
        });
        parts
    }

    #[test]
    fn a_group_is_in_one_partition_whatever_else_its_lines_have() {
        let all =
            parts("cpu,host=a x=1 1\nmem,rack=7,host=a y=\"a\nb\" 2\n# comment\ncpu,host=b x=1 1");
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].0, all[1].0);
        assert_eq!(all[0].0, group::hash(b"host=a") % 16);
        assert_eq!(all[2].0, group::hash(b"host=b") % 16);
    }

    #[test]
    fn escaped_spaces_belong_to_the_series() {
        assert_eq!(series(b"a\\ b,t=c\\ d x=1"), b"a\\ b,t=c\\ d");
        assert_eq!(series(b"a\\\\ x=1"), b"a\\\\");
        assert_eq!(series(b" \ta x=1"), b" \ta");
        assert_eq!(parts("m,host=a\\ b x=1 1\n")[0].0, group::hash(b"host=a b") % 16);
    }
}
