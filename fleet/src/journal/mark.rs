//! The header of every record of a journal, which says how far the partition has come. The last record alone has all
//! that a takeover needs, except the state.

use crate::error::{FleetError, Result};
use crate::message::Record;
use async_nats::HeaderMap;
use rhai_udf::protocol::line::{Cut, cut};
use serde::{Deserialize, Serialize};

const HEADER: &str = "Fleet";

/// Lines of one kind that were ever written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lines {
    /// How many.
    pub(crate) count: u64,
    /// The CRC-32 of all of them, one after the other.
    pub(crate) crc: u32,
}

/// How far a partition has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The number of the record itself.
    pub(crate) own: u64,
    /// The number of the record of output before; 0 if there was none.
    pub(crate) previous: u64,
    /// The last message of the input whose output is complete.
    pub(crate) through: u64,
    /// The points that were written.
    pub(crate) points: Lines,
    /// The alerts that were written.
    pub(crate) alerts: Lines,
    /// The number of the record that holds the last checkpoint.
    pub(crate) checkpoint: u64,
    /// The worker.
    pub(crate) worker: String,
}

impl Mark {
    /// The headers of a record.
    pub(crate) fn headers(&self) -> HeaderMap {
        let Self { own, previous, through, points, alerts, checkpoint, worker } = self;
        let mut headers = HeaderMap::new();
        let text = format!(
            "own={own} previous={previous} through={through} points={} points_crc={:08x} alerts={} alerts_crc={:08x} \
             checkpoint={checkpoint} worker={worker}",
            points.count, points.crc, alerts.count, alerts.crc
        );
        headers.insert(HEADER, text);
        headers
    }

    /// Reads the headers of a record.
    ///
    /// # Errors
    /// A record that no worker has written.
    pub(crate) fn of(record: &Record) -> Result<Self> {
        let foreign = |why: &str| FleetError::Foreign {
            what: format!("record {} of a journal", record.sequence),
            why: why.into(),
        };
        let header =
            record.headers.get(HEADER).ok_or_else(|| foreign("it was not written by a worker"))?;
        let value = |name: &str| {
            let pair = header
                .as_str()
                .split(' ')
                .find_map(|pair| pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')));
            pair.ok_or_else(|| foreign(&format!("the value of {name} is missing")))
        };
        let number = |name: &str| {
            value(name)?.parse().map_err(|_| foreign(&format!("its {name} is not a number")))
        };
        let crc = |name: &str| {
            u32::from_str_radix(value(name)?, 16)
                .map_err(|_| foreign(&format!("its {name} is not a number")))
        };
        Ok(Self {
            own: number("own")?,
            previous: number("previous")?,
            through: number("through")?,
            points: Lines { count: number("points")?, crc: crc("points_crc")? },
            alerts: Lines { count: number("alerts")?, crc: crc("alerts_crc")? },
            checkpoint: number("checkpoint")?,
            worker: value("worker")?.to_owned(),
        })
    }
}

/// The kinds of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Points in line protocol, whose texts in quotes may hold newlines.
    Points,
    /// Objects in JSON, one a line.
    Alerts,
}

impl Kind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Points, Self::Alerts];

    /// Its name in subjects.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Alerts => "alerts",
        }
    }

    /// The lines with their newlines.
    pub(crate) fn each(self, lines: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = lines;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = match self {
                Self::Points => match cut(rest, u64::MAX) {
                    Cut::Line { end, .. } => Some(end),
                    Cut::Partial { .. } => None,
                },
                Self::Alerts => rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
            };
            let (line, others) = rest.split_at(end.unwrap_or(rest.len()));
            rest = others;
            Some(line)
        })
    }
}

impl Lines {
    /// Counts lines, each with its newline.
    pub(crate) fn add(&mut self, kind: Kind, lines: &[u8]) {
        let mut crc = crc32fast::Hasher::new_with_initial(self.crc);
        crc.update(lines);
        self.crc = crc.finalize();
        self.count += kind.each(lines).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back() {
        let mut mark = Mark { own: 7, through: 3, worker: "a-1".into(), ..Mark::default() };
        mark.points.add(Kind::Points, b"m x=1 1\nm s=\"a\nb\" 2\n");
        assert_eq!(mark.points.count, 2);
        let record = Record {
            sequence: 7,
            subject: String::new(),
            headers: mark.headers(),
            payload: bytes::Bytes::new(),
            stored: 0,
        };
        assert_eq!(Mark::of(&record).unwrap(), mark);
    }

    #[test]
    fn how_lines_are_cut_into_records_does_not_change_their_checksum() {
        let text = b"a x=1\nb x=2\nc x=3\n";
        let (mut whole, mut parts) = (Lines::default(), Lines::default());
        whole.add(Kind::Points, text);
        Kind::Points.each(text).for_each(|line| parts.add(Kind::Points, line));
        assert_eq!(whole, parts);
    }
}
