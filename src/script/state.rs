//! The state of every group, and its snapshot.
//!
//! A snapshot is `RUDF`, a version byte, a CRC-32 of the rest, then the script's hash, a digest of
//! its options, and for each group its id, when it was last seen, and the value of `this`.

use super::api::Registry;
use super::codec::{CodecError, Reader, Writer};
use rhai::Dynamic;
use std::collections::HashMap;

const MAGIC: &[u8; 4] = b"RUDF";
const VERSION: u8 = 1;

/// The state of one group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// `this`.
    pub(crate) state: Dynamic,
    /// The latest time of its data, in nanoseconds since the epoch.
    pub(crate) seen: i64,
}

/// The states by the group's id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub(crate) map: HashMap<Box<[u8]>, Group, ahash::RandomState>,
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The hash of the script that made it.
    pub(crate) script: String,
    /// The options it ran with, as text.
    pub(crate) options: String,
}

/// A snapshot that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("it is not a snapshot of rhai-udf ({0} bytes)")]
    Foreign(usize),
    #[error("it has version {0}; this rhai-udf reads version {VERSION}")]
    Version(u8),
    #[error("it is damaged: the checksum does not fit")]
    Checksum,
    #[error("it cannot be read: {0}")]
    Codec(#[from] CodecError),
}

impl Groups {
    pub(crate) fn snapshot(
        &self,
        origin: &Origin,
        registry: &Registry,
    ) -> Result<Vec<u8>, CodecError> {
        let mut writer = Writer::new(registry);
        writer.slice(origin.script.as_bytes());
        writer.slice(origin.options.as_bytes());
        writer.number(self.map.len() as u64);
        for (id, group) in &self.map {
            writer.slice(id);
            writer.number(group.seen as u64);
            writer.value(&group.state)?;
        }
        let body = writer.bytes;
        let mut snapshot = Vec::with_capacity(body.len() + 9);
        snapshot.extend_from_slice(MAGIC);
        snapshot.push(VERSION);
        snapshot.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        snapshot.extend_from_slice(&body);
        Ok(snapshot)
    }

    pub(crate) fn restore(
        snapshot: &[u8],
        registry: &Registry,
    ) -> Result<(Self, Origin), SnapshotError> {
        let foreign = || SnapshotError::Foreign(snapshot.len());
        let rest = snapshot.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let (version, rest) = rest.split_first().ok_or_else(foreign)?;
        if *version != VERSION {
            return Err(SnapshotError::Version(*version));
        }
        let (crc, body) = rest.split_first_chunk().ok_or(SnapshotError::Checksum)?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(body) {
            return Err(SnapshotError::Checksum);
        }
        let mut reader = Reader::new(body, registry);
        let mut text = || -> Result<String, CodecError> {
            String::from_utf8(reader.slice()?.to_vec()).map_err(|_| CodecError::Text)
        };
        let origin = Origin { script: text()?, options: text()? };
        let count = reader.number()?;
        let mut groups = Self::default();
        for _ in 0..count {
            let id = reader.slice()?.into();
            let seen = reader.number()? as i64;
            groups.map.insert(id, Group { state: reader.value()?, seen });
        }
        if !reader.is_empty() {
            return Err(SnapshotError::Codec(CodecError::Short));
        }
        Ok((groups, origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Groups {
        let mut groups = Groups::default();
        for i in 0..3i64 {
            let state = rhai::Map::from([("count".into(), i.into())]).into();
            groups.map.insert(format!("host={i}").into_bytes().into(), Group { state, seen: -i });
        }
        groups
    }

    fn origin() -> Origin {
        Origin { script: "abc".into(), options: "size=10".into() }
    }

    #[test]
    fn groups_come_back() {
        let registry = Registry::default();
        let snapshot = groups().snapshot(&origin(), &registry).unwrap();
        let (back, from) = Groups::restore(&snapshot, &registry).unwrap();
        assert_eq!(from, origin());
        assert_eq!(back.map.len(), 3);
        let group = &back.map[&b"host=2"[..]];
        assert_eq!(group.seen, -2);
        assert_eq!(format!("{:?}", group.state), r#"#{"count": 2}"#);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let registry = Registry::default();
        let snapshot = groups().snapshot(&origin(), &registry).unwrap();
        for i in 0..snapshot.len() {
            assert!(Groups::restore(&snapshot[..i], &registry).is_err());
            for bit in 0..8 {
                let mut flipped = snapshot.clone();
                flipped[i] ^= 1 << bit;
                assert!(Groups::restore(&flipped, &registry).is_err(), "byte {i}, bit {bit}");
            }
        }
    }
}
