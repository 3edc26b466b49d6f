//! The id of a group, as the daemon names it: kept inside its owner where it is short, as most are.

/// Bytes that are kept without an allocation.
const SHORT: usize = 46;

/// A group's id.
#[derive(Clone, Debug)]
pub(crate) enum GroupId {
    /// Its length and bytes.
    Short(u8, [u8; SHORT]),
    /// Any other.
    Long(Box<[u8]>),
}

impl GroupId {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for GroupId {
    fn from(id: &[u8]) -> Self {
        if id.len() > SHORT {
            return Self::Long(id.into());
        }
        let mut bytes = [0; SHORT];
        bytes[..id.len()].copy_from_slice(id);
        Self::Short(id.len() as u8, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_length_come_back() {
        for len in 0..100 {
            let id: Vec<u8> = (0..len).collect();
            assert_eq!(GroupId::from(&id[..]).bytes(), id);
        }
    }
}
