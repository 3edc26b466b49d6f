//! Names that a task was given and that the data does not have: a typing error in a measurement, a tag or a field
//! would otherwise not be noticed.

use super::memory::Common;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The number of names of the data that are kept, to suggest the one that was meant.
const PRESENT: usize = 200;

/// The first messages, all of which are examined; of the later ones, one in [`STRIDE`] is.
const FIRST: u32 = 4096;

/// See [`FIRST`].
const STRIDE: u32 = 16;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A measurement.
    Measurement,
    /// A tag that points are grouped by.
    Tag,
    /// A field that a function read.
    Field,
    /// A field of a condition: without it, the condition can never hold.
    ConditionField,
    /// A resource whose replicas are given.
    Resource,
}

/// A name that the data does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// What it stands for.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// Names of that kind that the data has.
    pub present: Vec<String>,
}

/// Names that are searched in the data until they occur.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Wanted {
    missing: Vec<String>,
    present: Names,
}

impl Wanted {
    /// Looks for these names.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let missing = names.into_iter().map(Into::into).collect();
        Self { missing, present: Names::default() }
    }

    /// Returns a name as unseen if there were other names.
    pub fn among(name: &str, others: &Names, kind: NameKind) -> Vec<Unseen> {
        let present = others.list();
        if present.is_empty() {
            return Vec::new();
        }
        vec![Unseen { kind, name: name.to_owned(), present }]
    }

    /// Looks through the names of a message, which are only asked for while some name has not been seen.
    #[inline]
    pub fn look<'n, I: Iterator<Item = Cow<'n, str>>>(&mut self, names: impl FnOnce() -> I) {
        if !self.missing.is_empty() {
            for name in names() {
                self.missing.retain(|missing| **missing != *name);
                self.present.keep(&name);
            }
        }
    }

    /// Returns the names that did not occur, if there was any message.
    pub fn unseen(&self, kind: NameKind) -> Vec<Unseen> {
        let present = self.present.list();
        let names = self.missing.iter().filter(|_| !present.is_empty());
        names.map(|name| Unseen { kind, name: name.clone(), present: present.clone() }).collect()
    }
}

/// A name is missing if it occurred in no graph.
impl Common for Wanted {
    fn add(&mut self, more: Self, base: Option<&Self>) {
        self.missing.retain(|name| more.missing.contains(name));
        self.present.add(more.present, base.map(|base| &base.present));
    }
}

impl Common for Names {
    fn add(&mut self, more: Self, _base: Option<&Self>) {
        self.looks = self.looks.max(more.looks);
        more.names.iter().for_each(|name| self.keep(name));
    }
}

/// The names that messages have, from a sample of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Names {
    names: BTreeSet<String>,
    looks: u32,
}

impl Names {
    /// Tells whether the next message is to be looked at.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        self.looks = self.looks.wrapping_add(1);
        self.looks <= FIRST || self.looks.is_multiple_of(STRIDE)
    }

    /// Keeps a name.
    pub fn keep(&mut self, name: &str) {
        if !self.names.contains(name) && self.names.len() < PRESENT {
            self.names.insert(name.to_owned());
        }
    }

    /// Tells whether a name was kept.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Returns the names in order.
    pub fn list(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_unseen_until_a_message_has_it() {
        let mut wanted = Wanted::new(["hosst", "cpu"]);
        assert!(wanted.unseen(NameKind::Tag).is_empty(), "there was no message");
        wanted.look(|| ["host", "cpu"].into_iter().map(Cow::Borrowed));
        let unseen = wanted.unseen(NameKind::Tag);
        assert_eq!(unseen.len(), 1);
        assert_eq!(unseen[0].name, "hosst");
        assert_eq!(unseen[0].present, ["cpu", "host"]);
        wanted.look(|| ["hosst"].into_iter().map(Cow::Borrowed));
        assert!(wanted.unseen(NameKind::Tag).is_empty());
    }
}
