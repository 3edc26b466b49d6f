//! What a node keeps for each group.

use std::collections::HashMap;

/// Values by the bytes of a group's id.
#[derive(Debug)]
pub struct ByGroup<T> {
    groups: HashMap<Box<[u8]>, T, ahash::RandomState>,
}

impl<T> Default for ByGroup<T> {
    fn default() -> Self {
        Self { groups: HashMap::default() }
    }
}

impl<T> ByGroup<T> {
    /// Returns what is kept for a group, made by `make` when the group is first seen.
    pub fn get_or(&mut self, group: &[u8], make: impl FnOnce() -> T) -> &mut T {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.into(), make());
        }
        self.groups.get_mut(group).expect("the group was just inserted")
    }

    /// Returns what is kept for a group.
    pub fn get(&mut self, group: &[u8]) -> Option<&mut T> {
        self.groups.get_mut(group)
    }

    /// Keeps something for a group.
    pub fn insert(&mut self, group: &[u8], value: T) -> &mut T {
        self.groups.insert(group.into(), value);
        self.groups.get_mut(group).expect("the group was just inserted")
    }
}

impl<T: Default> ByGroup<T> {
    /// Returns what is kept for a group, the default when the group is first seen.
    pub fn of(&mut self, group: &[u8]) -> &mut T {
        self.get_or(group, T::default)
    }
}
