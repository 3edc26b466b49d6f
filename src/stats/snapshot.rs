//! Reading a stored object back: bytes may be damaged or hostile, so invariants are checked first.

/// Implements serde for a type that derives it with `#[serde(remote = "Self")]`, and refuses what its
/// `check(&self) -> Result<(), StatsError>` refuses.
macro_rules! checked_snapshot {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$type>::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = <$type>::deserialize(deserializer)?;
                object.check().map_err(serde::de::Error::custom)?;
                Ok(object)
            }
        }
    };
}

pub(crate) use checked_snapshot;
