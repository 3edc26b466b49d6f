//! What nodes remember, as it is written into a file and read again.
//!
//! A node names what it remembers once, in [`super::Node::remember`], for both ways. What belongs to one
//! group is kept by the group, so that states can be taken apart and put together by groups.

use super::ByGroup;
use super::words::words;
use crate::protocol::Bytes;
use crate::tick::error::{Result, TickError};
use crate::tick::lambda::Lambda;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that a node remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// What it is.
    pub name: String,
    /// The id of the group that it belongs to; `None` for what all groups share.
    pub group: Option<Bytes>,
    /// The value.
    pub value: Bytes,
    /// The value in words, for people.
    pub shown: String,
}

/// Saves what a node remembers, or restores it.
#[derive(Debug)]
pub struct Memory<'m> {
    way: Way<'m>,
    node: &'m str,
}

#[derive(Debug)]
enum Way<'m> {
    Keep(&'m mut Vec<Remembered>),
    Recall(&'m [Remembered]),
    /// Notes whether anything is named.
    Ask(&'m mut bool),
    /// Merges what the node remembers in several graphs, each of which has handled the data of other groups. All of
    /// them began with the values of `base` that belong to no group.
    Join {
        base: &'m [Remembered],
        parts: &'m [&'m [Remembered]],
        into: &'m mut Vec<Remembered>,
    },
}

/// A value of all groups that can be merged from graphs, each of which has handled the data of other groups.
pub trait Common: Serialize + DeserializeOwned {
    /// Adds what another graph has; both began with the `base`.
    fn add(&mut self, more: Self, base: Option<&Self>);
}

impl Common for bool {
    fn add(&mut self, more: Self, _base: Option<&Self>) {
        *self |= more;
    }
}

/// A time: the later one.
impl Common for Option<i64> {
    fn add(&mut self, more: Self, _base: Option<&Self>) {
        *self = (*self).max(more);
    }
}

/// Entries of which each is changed by one graph.
impl<V> Common for BTreeMap<String, V>
where
    V: Serialize + DeserializeOwned + PartialEq,
{
    fn add(&mut self, more: Self, base: Option<&Self>) {
        for (key, value) in more {
            let unchanged = base.and_then(|base| base.get(&key)).is_some_and(|old| *old == value);
            if !unchanged || !self.contains_key(&key) {
                self.insert(key, value);
            }
        }
    }
}

impl<'m> Memory<'m> {
    /// Saves what a node names.
    pub fn keep(node: &'m str, into: &'m mut Vec<Remembered>) -> Self {
        Self { way: Way::Keep(into), node }
    }

    /// Restores what was saved into a node.
    pub fn recall(node: &'m str, from: &'m [Remembered]) -> Self {
        Self { way: Way::Recall(from), node }
    }

    /// Merges what a node remembers in several graphs.
    pub fn join(
        node: &'m str,
        base: &'m [Remembered],
        parts: &'m [&'m [Remembered]],
        into: &'m mut Vec<Remembered>,
    ) -> Self {
        Self { way: Way::Join { base, parts, into }, node }
    }

    /// Sets `any` if a node names anything.
    pub fn ask(node: &'m str, any: &'m mut bool) -> Self {
        Self { way: Way::Ask(any), node }
    }

    /// Saves or restores a value that all groups share.
    ///
    /// # Errors
    /// Bytes that are no such value.
    pub fn value<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        value: &mut T,
    ) -> Result<()> {
        self.value_if(name, value, |_| true)
    }

    /// As [`Memory::value`], for a value that a node could not work with if `fits` did not hold.
    ///
    /// # Errors
    /// As [`Memory::value`], and a value that does not fit.
    pub fn value_if<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        value: &mut T,
        fits: impl Fn(&T) -> bool,
    ) -> Result<()> {
        match &mut self.way {
            Way::Ask(any) => **any = true,
            Way::Keep(into) => into.push(remembered(self.node, name, None, value)?),
            Way::Recall(from) => {
                if let Some(one) = common(from, name) {
                    *value = recalled(self.node, one, fits)?;
                }
            }
            Way::Join { .. } => {
                return Err(TickError::Node {
                    node: self.node.to_owned(),
                    message: format!("what it remembers as '{name}' is that of all groups"),
                });
            }
        }
        Ok(())
    }

    /// Saves or restores a value of all groups that can be merged from several graphs.
    ///
    /// # Errors
    /// As [`Memory::value`].
    pub fn common<T: Common>(&mut self, name: &str, value: &mut T) -> Result<()> {
        let Way::Join { base, parts, into } = &mut self.way else { return self.value(name, value) };
        let read = |from: &[Remembered]| {
            common(from, name).map(|one| recalled::<T>(self.node, one, |_| true)).transpose()
        };
        let base = read(base)?;
        let mut joined: Option<T> = None;
        for part in *parts {
            match (&mut joined, read(part)?) {
                (Some(joined), Some(more)) => joined.add(more, base.as_ref()),
                (joined, more) => *joined = joined.take().or(more),
            }
        }
        if let Some(joined) = joined {
            into.push(remembered(self.node, name, None, &joined)?);
        }
        Ok(())
    }

    /// Saves or restores the values of groups.
    ///
    /// # Errors
    /// Bytes that are no such values.
    pub fn groups<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        groups: &mut ByGroup<T>,
    ) -> Result<()> {
        self.groups_if(name, groups, |_| true)
    }

    /// As [`Memory::groups`], for values that a node could not work with if `fits` did not hold.
    ///
    /// # Errors
    /// As [`Memory::groups`], and values that do not fit.
    pub fn groups_if<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        groups: &mut ByGroup<T>,
        fits: impl Fn(&T) -> bool,
    ) -> Result<()> {
        match &mut self.way {
            Way::Ask(any) => **any = true,
            Way::Keep(into) => {
                for (id, value) in groups.sorted() {
                    into.push(remembered(self.node, name, Some(id), value)?);
                }
            }
            Way::Recall(from) => {
                for one in from.iter().filter(|one| one.name == name) {
                    if let Some(Bytes(id)) = &one.group {
                        groups.insert(id, recalled(self.node, one, &fits)?);
                    }
                }
            }
            Way::Join { parts, into, .. } => {
                let all = parts.iter().flat_map(|part| part.iter());
                let mut all: Vec<_> =
                    all.filter(|one| one.group.is_some() && one.name == name).cloned().collect();
                all.sort_by(|a, b| a.group.cmp(&b.group));
                into.extend(all);
            }
        }
        Ok(())
    }

    /// Saves or restores what an expression itself remembers: the states of those of its variables that hold lambdas.
    ///
    /// # Errors
    /// As [`Memory::value`].
    pub fn lambda(&mut self, name: &str, lambda: &Lambda) -> Result<()> {
        for (i, state) in lambda.own_states().into_iter().enumerate() {
            if let Ok(mut state) = state.try_borrow_mut() {
                self.value(&format!("{name}, variable {i}"), &mut *state)?;
            }
        }
        Ok(())
    }
}

/// Finds a value of all groups.
fn common<'r>(from: &'r [Remembered], name: &str) -> Option<&'r Remembered> {
    from.iter().find(|one| one.group.is_none() && one.name == name)
}

fn remembered<T: Serialize>(
    node: &str,
    name: &str,
    group: Option<&[u8]>,
    value: &T,
) -> Result<Remembered> {
    let bytes = postcard::to_allocvec(value).map_err(|error| TickError::Node {
        node: node.to_owned(),
        message: format!("what it remembers cannot be kept: {error}"),
    })?;
    Ok(Remembered {
        name: name.to_owned(),
        group: group.map(|id| Bytes(id.to_vec())),
        value: Bytes(bytes),
        shown: words(value),
    })
}

fn recalled<T: DeserializeOwned>(
    node: &str,
    one: &Remembered,
    fits: impl Fn(&T) -> bool,
) -> Result<T> {
    let error = |why: String| TickError::Node {
        node: node.to_owned(),
        message: format!("what it remembered as '{}' cannot be used: {why}", one.name),
    };
    let value = postcard::from_bytes(&one.value.0).map_err(|e| error(e.to_string()))?;
    if fits(&value) { Ok(value) } else { Err(error("it does not fit the node".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_recalled() {
        let mut kept = Vec::new();
        let mut groups = ByGroup::default();
        groups.insert(b"host=a", 1.5);
        groups.insert(b"", f64::NAN);
        let mut memory = Memory::keep("n1", &mut kept);
        memory.value("count", &mut 7i64).unwrap();
        memory.groups("levels", &mut groups).unwrap();
        let (mut count, mut again) = (0i64, ByGroup::<f64>::default());
        let mut memory = Memory::recall("n1", &kept);
        memory.value("count", &mut count).unwrap();
        memory.groups("levels", &mut again).unwrap();
        assert_eq!(count, 7);
        assert_eq!(again.get(b"host=a"), Some(&mut 1.5));
        assert!(again.get(b"").is_some_and(|x| x.is_nan()));
        let shown: Vec<_> = kept.iter().map(|one| &*one.shown).collect();
        assert_eq!(shown, ["7", "NaN", "1.5"]);
    }

    #[test]
    fn bytes_of_something_else_are_refused_by_name() {
        let mut kept = Vec::new();
        Memory::keep("n1", &mut kept).value("text", &mut "x".repeat(999)).unwrap();
        assert!(kept[0].shown.ends_with('…') && kept[0].shown.len() < 210);
        let mut number = 0u8;
        let refused = Memory::recall("n1", &kept).value_if("text", &mut number, |n| *n == 0);
        let text = refused.unwrap_err().to_string();
        assert_eq!(
            text,
            "n1: what it remembered as 'text' cannot be used: it does not fit the node"
        );
    }
}
