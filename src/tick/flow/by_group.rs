//! What a node keeps for each group.

use hashbrown::HashMap;

/// Values by the bytes of a group's id.
#[derive(Debug)]
pub struct ByGroup<T> {
    /// The value of the only group if the data is not grouped, which needs no search.
    ungrouped: Option<T>,
    groups: HashMap<Vec<u8>, T, ahash::RandomState>,
}

impl<T> Default for ByGroup<T> {
    fn default() -> Self {
        Self { ungrouped: None, groups: HashMap::default() }
    }
}

impl<T> ByGroup<T> {
    /// Returns what is kept for a group, made by `make` when the group is first seen.
    pub fn get_or(&mut self, group: &[u8], make: impl FnOnce() -> T) -> &mut T {
        if group.is_empty() {
            return self.ungrouped.get_or_insert_with(make);
        }
        self.groups.entry_ref(group).or_insert_with(make)
    }

    /// Returns what is kept for a group.
    pub fn get(&mut self, group: &[u8]) -> Option<&mut T> {
        if group.is_empty() {
            return self.ungrouped.as_mut();
        }
        self.groups.get_mut(group)
    }

    /// Forgets a group; returns what was kept for it.
    pub fn remove(&mut self, group: &[u8]) -> Option<T> {
        if group.is_empty() {
            return self.ungrouped.take();
        }
        self.groups.remove(group)
    }

    /// Keeps something for a group.
    pub fn insert(&mut self, group: &[u8], value: T) -> &mut T {
        if group.is_empty() {
            return self.ungrouped.insert(value);
        }
        self.groups.entry_ref(group).insert(value).into_mut()
    }

    /// Returns what is kept for each group, in the order of the groups' ids.
    pub fn sorted(&self) -> Vec<(&[u8], &T)> {
        let mut sorted: Vec<_> = self.groups.iter().map(|(id, value)| (&id[..], value)).collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        let ungrouped = self.ungrouped.iter().map(|value| (&b""[..], value));
        ungrouped.chain(sorted).collect()
    }
}

impl<T: Default> ByGroup<T> {
    /// Returns what is kept for a group, the default when the group is first seen.
    pub fn of(&mut self, group: &[u8]) -> &mut T {
        self.get_or(group, T::default)
    }
}
