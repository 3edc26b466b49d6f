//! The state of every group, and its snapshot.
//!
//! A snapshot is `RUDF`, a version byte, a CRC-32 of the rest, then the script's hash, its options, the
//! name of its file (since version 2), how far the data's time has come for `group_ttl` (since version
//! 3), and for each group its id, when it was last seen, and the value of `this`, which names the types of
//! native objects.

use crate::script::api::NativeTypes;
use crate::script::state::bounds::Bounds;
use crate::script::state::codec::{CodecError, Reader, Writer};
use crate::script::state::groups::{Clock, Group, Groups};
use rhai::Dynamic;

const MAGIC: &[u8; 4] = b"RUDF";
/// The version that is written; version 1, without the name of the file, and version 2, without the data's time, can
/// be read too.
const VERSION: u8 = 3;

/// The header of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The hash of the script that made it.
    pub(crate) script: String,
    /// The options it ran with, as text.
    pub(crate) options: String,
    /// The name of the script's file, without its folder; empty where it is not known.
    pub(crate) file: String,
}

/// A snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("it is not a snapshot of rhai-udf ({0} bytes)")]
    Foreign(usize),
    #[error("it has version {0}; this rhai-udf reads version {VERSION}")]
    Version(u8),
    #[error("it is damaged: its checksum is wrong")]
    Checksum,
    #[error("it cannot be read: {0}")]
    Codec(#[from] CodecError),
}

/// A state that cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    #[error("{0}")]
    Codec(#[from] CodecError),
    #[error(
        "{groups} groups take more than {limit} bytes; raise [limits] state, or remove groups with [limits] groups or [state] group_ttl"
    )]
    TooLarge { groups: usize, limit: usize },
}

impl Groups {
    /// The snapshot; `limit`: its size in bytes at most, 0 for any.
    pub(crate) fn snapshot(
        &self,
        origin: &Origin,
        types: &NativeTypes,
        limit: usize,
    ) -> Result<Vec<u8>, SaveError> {
        // A group whose first call has not succeeded has nothing to store.
        let groups = || self.iter().filter(|(_, group)| group.state.is_some());
        snapshot(groups(), groups().count(), self.clock(), origin, types, limit)
    }

    /// Reads a snapshot; of more groups than allowed, the last seen are kept.
    pub(crate) fn restore(
        snapshot: &[u8],
        types: &NativeTypes,
        bounds: Bounds,
    ) -> Result<(Self, Origin), SnapshotError> {
        let foreign = || SnapshotError::Foreign(snapshot.len());
        let rest = snapshot.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let (version, rest) = rest.split_first().ok_or_else(foreign)?;
        if !(1..=VERSION).contains(version) {
            return Err(SnapshotError::Version(*version));
        }
        let (crc, body) = rest.split_first_chunk().ok_or(SnapshotError::Checksum)?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(body) {
            return Err(SnapshotError::Checksum);
        }
        let mut reader = Reader::new(body, types);
        let mut text = || -> Result<String, CodecError> {
            String::from_utf8(reader.slice()?.to_vec()).map_err(|_| CodecError::Text)
        };
        let mut origin = Origin { script: text()?, options: text()?, file: String::new() };
        if *version > 1 {
            origin.file = text()?;
        }
        let mut clock = Clock::default();
        if *version > 2 {
            clock.watermark = reader.number()? as i64;
            clock.last_time = reader.number()? as i64;
        }
        let count = reader.number()?;
        let mut groups = Self::new(bounds);
        for _ in 0..count {
            let id = reader.slice()?;
            let seen = reader.number()? as i64;
            groups.insert(id, Group::new(Some(reader.value()?), seen));
        }
        if !reader.is_empty() {
            return Err(SnapshotError::Codec(CodecError::Short));
        }
        groups.set_clock(clock);
        Ok((groups, origin))
    }
}

/// The snapshot of some groups.
pub(crate) fn snapshot<'g>(
    groups: impl Iterator<Item = (&'g [u8], &'g Group)>,
    count: usize,
    clock: Clock,
    origin: &Origin,
    types: &NativeTypes,
    limit: usize,
) -> Result<Vec<u8>, SaveError> {
    let mut writer = Writer::new(types);
    writer.slice(origin.script.as_bytes());
    writer.slice(origin.options.as_bytes());
    writer.slice(origin.file.as_bytes());
    writer.number(clock.watermark as u64);
    writer.number(clock.last_time as u64);
    writer.number(count as u64);
    for (id, group) in groups {
        writer.slice(id);
        writer.number(group.seen as u64);
        writer.value(group.state.as_ref().unwrap_or(&Dynamic::UNIT))?;
        if limit > 0 && writer.bytes.len() > limit {
            return Err(SaveError::TooLarge { groups: count, limit });
        }
    }
    let body = writer.bytes;
    let mut snapshot = Vec::with_capacity(body.len() + 9);
    snapshot.extend_from_slice(MAGIC);
    snapshot.push(VERSION);
    snapshot.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    snapshot.extend_from_slice(&body);
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Groups {
        let mut groups = Groups::default();
        for i in 0..3i64 {
            let state = rhai::Map::from([("count".into(), i.into())]).into();
            groups.insert(format!("host={i}").as_bytes(), Group::new(Some(state), -i));
        }
        groups
    }

    fn origin() -> Origin {
        Origin { script: "abc".into(), options: "size=10".into(), file: "a.rhai".into() }
    }

    #[test]
    fn groups_come_back() {
        let types = NativeTypes::default();
        let snapshot = groups().snapshot(&origin(), &types, 0).unwrap();
        let (back, from) = Groups::restore(&snapshot, &types, Bounds::default()).unwrap();
        assert_eq!(from, origin());
        assert_eq!(back.len(), 3);
        let group = back.get(b"host=2").unwrap();
        assert_eq!(group.seen, -2);
        assert_eq!(format!("{:?}", group.state), r#"Some(#{"count": 2})"#);
    }

    #[test]
    fn snapshots_of_earlier_versions_are_read() {
        let types = NativeTypes::default();
        let unnamed = Origin { file: String::new(), ..origin() };
        // Version 1 has no name of a file: here an empty one, whose length stands after the options. It
        // and version 2 have no times, two numbers of ten bytes.
        let at = 9 + 1 + "abc".len() + 1 + "size=10".len();
        for (version, cut) in [(1, at..at + 21), (2, at + 1..at + 21)] {
            let mut old = groups().snapshot(&unnamed, &types, 0).unwrap();
            old.drain(cut);
            old[4] = version;
            let crc = crc32fast::hash(&old[9..]).to_le_bytes();
            old[5..9].copy_from_slice(&crc);
            let (back, from) = Groups::restore(&old, &types, Bounds::default()).unwrap();
            assert_eq!((back.len(), &from), (3, &unnamed), "version {version}");
        }
    }

    #[test]
    fn the_time_of_the_data_comes_back() {
        let types = NativeTypes::default();
        let bounds = Bounds { groups: 0, ttl: 10 };
        let mut groups = Groups::new(bounds);
        for (id, time) in [("a", 0), ("b", 11)] {
            let place = groups.arrive(id.as_bytes(), time).unwrap();
            groups.at(place).state = Some(rhai::Map::new().into());
        }
        let snapshot = groups.snapshot(&origin(), &types, 0).unwrap();
        let (mut back, _) = Groups::restore(&snapshot, &types, bounds).unwrap();
        assert_eq!(back.len(), 2, "one time alone proves nothing");
        back.arrive(b"b", 11).unwrap();
        assert_eq!(back.len(), 1, "the second does, and the first was before the snapshot");
    }

    #[test]
    fn a_snapshot_that_is_too_large_is_refused() {
        let error = groups().snapshot(&origin(), &NativeTypes::default(), 30).unwrap_err();
        assert!(error.to_string().starts_with("3 groups take more than 30 bytes"), "{error}");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let types = NativeTypes::default();
        let snapshot = groups().snapshot(&origin(), &types, 0).unwrap();
        for i in 0..snapshot.len() {
            assert!(Groups::restore(&snapshot[..i], &types, Bounds::default()).is_err());
            for bit in 0..8 {
                let mut flipped = snapshot.clone();
                flipped[i] ^= 1 << bit;
                assert!(
                    Groups::restore(&flipped, &types, Bounds::default()).is_err(),
                    "byte {i}, bit {bit}"
                );
            }
        }
    }
}
