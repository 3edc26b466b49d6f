//! The state of every group, and its snapshot.
//!
//! A snapshot is `RUDF`, a version byte, a CRC-32 of the rest, then the script's hash, a digest of
//! its options, and for each group its id, when it was last seen, and the value of `this`.

use crate::script::api::NativeTypes;
use crate::script::state::codec::{CodecError, Reader, Writer};
use crate::script::state::groups::{Bounds, Group, Groups};

const MAGIC: &[u8; 4] = b"RUDF";
const VERSION: u8 = 1;

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

/// A state that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SaveError {
    #[error("{0}")]
    Codec(#[from] CodecError),
    #[error(
        "{groups} groups take more than {limit} bytes; raise [limits] state, or forget groups with \
         [limits] groups or [state] group_ttl"
    )]
    TooLarge { groups: usize, limit: usize },
}

impl Groups {
    /// The snapshot; `limit`: its size in bytes at most, 0 for any.
    pub(crate) fn snapshot(
        &self,
        origin: &Origin,
        registry: &NativeTypes,
        limit: usize,
    ) -> Result<Vec<u8>, SaveError> {
        let groups = self.iter();
        snapshot(groups, self.len(), origin, registry, limit)
    }

    /// Reads a snapshot; of more groups than allowed, the last seen are kept.
    pub(crate) fn restore(
        snapshot: &[u8],
        registry: &NativeTypes,
        bounds: Bounds,
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
        let mut groups = Self::new(bounds);
        for _ in 0..count {
            let id = reader.slice()?;
            let seen = reader.number()? as i64;
            groups.insert(id, Group::new(reader.value()?, seen));
        }
        if !reader.is_empty() {
            return Err(SnapshotError::Codec(CodecError::Short));
        }
        Ok((groups, origin))
    }
}

/// The snapshot of some groups.
pub(crate) fn snapshot<'g>(
    groups: impl Iterator<Item = (&'g [u8], &'g Group)>,
    count: usize,
    origin: &Origin,
    registry: &NativeTypes,
    limit: usize,
) -> Result<Vec<u8>, SaveError> {
    let mut writer = Writer::new(registry);
    writer.slice(origin.script.as_bytes());
    writer.slice(origin.options.as_bytes());
    writer.number(count as u64);
    for (id, group) in groups {
        writer.slice(id);
        writer.number(group.seen as u64);
        writer.value(&group.state)?;
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
            groups.insert(format!("host={i}").as_bytes(), Group::new(state, -i));
        }
        groups
    }

    fn origin() -> Origin {
        Origin { script: "abc".into(), options: "size=10".into() }
    }

    #[test]
    fn groups_come_back() {
        let registry = NativeTypes::default();
        let snapshot = groups().snapshot(&origin(), &registry, 0).unwrap();
        let (back, from) = Groups::restore(&snapshot, &registry, Bounds::default()).unwrap();
        assert_eq!(from, origin());
        assert_eq!(back.len(), 3);
        let group = back.get(b"host=2").unwrap();
        assert_eq!(group.seen, -2);
        assert_eq!(format!("{:?}", group.state), r#"#{"count": 2}"#);
    }

    #[test]
    fn a_snapshot_that_is_too_large_is_refused() {
        let error = groups().snapshot(&origin(), &NativeTypes::default(), 30).unwrap_err();
        assert!(error.to_string().starts_with("3 groups take more than 30 bytes"), "{error}");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let registry = NativeTypes::default();
        let snapshot = groups().snapshot(&origin(), &registry, 0).unwrap();
        for i in 0..snapshot.len() {
            assert!(Groups::restore(&snapshot[..i], &registry, Bounds::default()).is_err());
            for bit in 0..8 {
                let mut flipped = snapshot.clone();
                flipped[i] ^= 1 << bit;
                assert!(
                    Groups::restore(&flipped, &registry, Bounds::default()).is_err(),
                    "byte {i}, bit {bit}"
                );
            }
        }
    }
}
