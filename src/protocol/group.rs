//! Group ids as the daemon computes them, and grouping by tags and measurement.
//!
//! An id is `tag=value,tag=value` in the order of the tags' names. Where the measurement belongs to
//! the group, its name and a newline stand before the tags.

use super::{Batch, Point};
use std::borrow::Cow;

/// The number of key groups: groups whose ids have the same [`key_group`] are handled at the same place
/// where groups are spread over threads. There are many, so that two of a few groups are seldom of the same key group:
/// with 64, one thread of two often had five groups of eight.
pub const KEY_GROUPS: usize = 4096;

/// Returns the key group of a group's id, below [`KEY_GROUPS`]. It is the first bits of
/// its [`hash`]; a [`Shard`] goes by the last ones, so the groups of a shard still spread over threads.
#[inline]
pub fn key_group(id: &[u8]) -> usize {
    key_group_of(crc32fast::hash(id))
}

#[inline]
fn key_group_of(crc: u32) -> usize {
    (spread(crc) >> (32 - KEY_GROUPS.trailing_zeros())) as usize
}

/// Returns the hash of a group's id, by which groups are spread over threads and machines. It never
/// changes: the CRC-32 of the id, times 0x9e3779b1 (Knuth's multiplicative hash), in 32 bits.
#[inline]
pub fn hash(id: &[u8]) -> u32 {
    spread(crc32fast::hash(id))
}

/// Spreads the checksum of an id over all bits.
#[inline]
fn spread(crc: u32) -> u32 {
    crc.wrapping_mul(0x9e37_79b1)
}

/// One of several parts of all groups: those whose [`hash`] leaves its number as the rest of a division
/// by the number of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The number of the part, from 0.
    pub number: u32,
    /// How many parts there are.
    pub of: u32,
}

impl Shard {
    /// Reads `I/N`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, of) = text.split_once('/')?;
        let shard = Self { number: number.parse().ok()?, of: of.parse().ok()? };
        (shard.number < shard.of).then_some(shard)
    }

    /// Tells whether a group belongs to it.
    #[inline]
    pub fn has(self, id: &[u8]) -> bool {
        hash(id) % self.of == self.number
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// The tags by which data is grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dimensions {
    /// Whether by the measurement too.
    pub by_name: bool,
    /// The names of the tags, sorted.
    pub tags: Vec<String>,
}

impl Dimensions {
    /// Returns the dimensions of a point.
    pub fn of(point: &Point) -> Self {
        Self { by_name: point.by_name(), tags: point.dimensions().map(Cow::into_owned).collect() }
    }

    /// Returns the dimensions of a batch.
    pub fn of_batch(batch: &Batch) -> Self {
        Self { by_name: batch.by_name, tags: batch.tags.keys().cloned().collect() }
    }

    /// Returns the id of the group of a measurement and its tags.
    pub fn id<'t>(&self, name: &str, tag: impl Fn(&str) -> Option<Cow<'t, str>>) -> String {
        let mut id = String::new();
        let tags = self.tags.iter().map(|tag_name| (tag_name, tag(tag_name).unwrap_or_default()));
        put_id(&mut id, self.by_name.then_some(name), tags);
        id
    }

    /// Groups a point.
    pub fn apply(&self, point: &mut Point) {
        let mut id = String::new();
        let name = point.name();
        let tags = self.tags.iter().map(|tag| (tag, point.tag(tag).unwrap_or_default()));
        put_id(&mut id, self.by_name.then_some(&name), tags);
        drop(name);
        group(point, self.by_name, &self.tags, &id);
    }
}

/// Appends the id of a group: its measurement, if it is grouped by that, and its tags.
fn put_id<N: AsRef<str>, V: AsRef<str>>(
    out: &mut String,
    name: Option<&str>,
    tags: impl IntoIterator<Item = (N, V)>,
) {
    out.push_str(name.unwrap_or_default());
    for (i, (tag, value)) in tags.into_iter().enumerate() {
        match i {
            0 if name.is_some() => out.push('\n'),
            0 => {}
            _ => out.push(','),
        }
        out.push_str(tag.as_ref());
        out.push('=');
        out.push_str(value.as_ref());
    }
}

/// Sets the parts of a point's group that differ.
fn group(point: &mut Point, by_name: bool, tags: &[String], id: &str) {
    if !same(point.group_bytes(), id.as_bytes()) {
        point.set_group(id);
    }
    if !point.dimensions().eq(tags.iter().map(String::as_str)) {
        point.set_dimensions(tags);
    }
    point.set_by_name(by_name);
}

/// Compares two ids. Where both are empty nothing is compared: an empty string points nowhere, and for
/// that address a comparison by vector instructions takes a hundred nanoseconds on some processors.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

/// Computes a point's group again, after its name or its tags changed.
pub fn regroup_point(point: &mut Point, scratch: &mut String) {
    if kept_id(point).is_some() {
        return;
    }
    scratch.clear();
    let name = point.name();
    let value = |tag: &Cow<'_, str>| point.tag(tag).unwrap_or_default();
    let tags = point.dimensions().map(|tag| {
        let value = value(&tag);
        (tag, value)
    });
    put_id(scratch, point.by_name().then_some(&name), tags);
    drop(name);
    if !same(point.group_bytes(), scratch.as_bytes()) {
        point.set_group(scratch);
    }
}

/// Returns the point's id if it is what its name and tags make, without making that.
fn kept_id(point: &Point) -> Option<&[u8]> {
    let mut rest = point.group_bytes();
    if point.by_name() {
        rest = rest.strip_prefix(point.name_bytes())?;
    }
    for (i, tag) in point.dimension_bytes().enumerate() {
        match i {
            0 if point.by_name() => rest = rest.strip_prefix(b"\n")?,
            0 => {}
            _ => rest = rest.strip_prefix(b",")?,
        }
        rest = rest.strip_prefix(tag)?.strip_prefix(b"=")?.strip_prefix(point.tag_bytes(tag))?;
    }
    rest.is_empty().then_some(point.group_bytes())
}

/// Computes a batch's group again, after its name or its tags changed.
pub fn regroup(batch: &mut Batch) {
    let mut id = String::new();
    put_id(&mut id, batch.by_name.then_some(&batch.name), &batch.tags);
    batch.group = id;
}

/// Groups points by tags, as a `groupBy` does.
#[derive(Debug, Clone, Default)]
pub struct Grouping {
    /// By all tags that a point has, except the excluded ones; else by those named.
    pub all: bool,
    /// The names of the tags, sorted.
    pub names: Vec<String>,
    /// The tags that `all` leaves out.
    pub excluded: Vec<String>,
    /// By the measurement too.
    pub by_name: bool,
    /// The id and the tags of the latest point, kept for their memory.
    id: String,
    tags: Vec<String>,
}

impl Grouping {
    /// Groups by these tags, in any order; `*` stands for all.
    pub fn by(tags: &[impl AsRef<str>]) -> Self {
        let all = tags.iter().any(|tag| tag.as_ref() == "*");
        let mut names: Vec<_> =
            tags.iter().map(AsRef::as_ref).filter(|tag| *tag != "*").map(String::from).collect();
        names.sort_unstable();
        names.dedup();
        Self { all, names, ..Self::default() }
    }

    /// Returns the grouping of a point.
    pub fn dimensions(&mut self, point: &Point) -> Dimensions {
        self.find_tags(point);
        let tags = if self.all { &self.tags } else { &self.names };
        Dimensions { by_name: self.by_name, tags: tags.clone() }
    }

    /// Returns a key group that is the same for all points which are grouped together, and for no
    /// other reason the same as [`key_group`] of their id: the group itself is not formed.
    pub fn key_group(&self, point: &Point) -> usize {
        let entry = |name: &[u8]| {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(name);
            hasher.update(b"=");
            hasher.update(point.tag_bytes(name));
            hasher.finalize()
        };
        // A sum, since tags come in any order.
        let hash = if self.all {
            let wanted = |name: &&[u8]| !self.excluded.iter().any(|tag| tag.as_bytes() == *name);
            point.tag_names().filter(wanted).map(entry).fold(0, u32::wrapping_add)
        } else {
            self.names.iter().map(|name| entry(name.as_bytes())).fold(0, u32::wrapping_add)
        };
        key_group_of(hash)
    }

    /// Groups a point.
    pub fn apply(&mut self, point: &mut Point) {
        self.form_id(point);
        let tags = if self.all { &self.tags } else { &self.names };
        group(point, self.by_name, tags, &self.id);
    }

    /// Returns the [`key_group`] of the id that a point would be grouped under.
    pub fn key_group_of_id(&mut self, point: &Point) -> usize {
        self.form_id(point);
        key_group(self.id.as_bytes())
    }

    fn form_id(&mut self, point: &Point) {
        self.find_tags(point);
        let tags = if self.all { &self.tags } else { &self.names };
        self.id.clear();
        let name = point.name();
        let values = tags.iter().map(|tag| (tag, point.tag(tag).unwrap_or_default()));
        put_id(&mut self.id, self.by_name.then_some(&name), values);
    }

    /// Puts the point's tags into `tags`, if it is grouped by all of them. Points that follow each
    /// other mostly have the same tags, so nothing is allocated then.
    fn find_tags(&mut self, point: &Point) {
        if !self.all {
            return;
        }
        let names = point.tag_names();
        let sorted = names.len() == self.tags.len()
            && names.zip(&self.tags).all(|(name, tag)| name == tag.as_bytes());
        if sorted && self.excluded.is_empty() {
            return;
        }
        let wanted = |name: &str| !self.excluded.iter().any(|excluded| excluded == name);
        let mut count = 0;
        let known = point.tags().filter(|(name, _)| wanted(name)).all(|(name, _)| {
            count += 1;
            self.tags.binary_search_by(|tag| tag.as_str().cmp(&name)).is_ok()
        });
        if known && count == self.tags.len() {
            return;
        }
        self.tags = point.tags().map(|(name, _)| name.into_owned()).filter(|n| wanted(n)).collect();
        self.tags.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu() -> Point {
        let mut point = Point::new(0);
        point.set_name("cpu");
        point.set_tag("host", "a");
        point.set_tag("cpu", "cpu-total");
        point
    }

    #[test]
    fn key_groups_never_change() {
        let keys = ["", "host=a", "host=b", "cpu\nhost=a,cpu=0"].map(|id| key_group(id.as_bytes()));
        assert_eq!(keys, [0, 1712, 2599, 1885]);
    }

    #[test]
    fn the_hash_never_changes() {
        let hashes = ["", "host=a", "host=b", "cpu\nhost=a,cpu=0"].map(|id| hash(id.as_bytes()));
        assert_eq!(hashes, [0, 1_796_058_278, 2_725_798_012, 1_976_802_256]);
        for (text, right) in [
            ("0/1", true),
            ("2/3", true),
            ("3/3", false),
            ("0/0", false),
            ("-1/3", false),
            ("1", false),
        ] {
            assert_eq!(Shard::parse(text).is_some(), right, "{text}");
        }
    }

    #[test]
    fn groups_have_the_daemons_ids() {
        for (by_name, tags, expected) in [
            (false, &[][..], ""),
            (true, &[], "cpu"),
            (false, &["cpu"], "cpu=cpu-total"),
            (false, &["cpu", "host"], "cpu=cpu-total,host=a"),
            (true, &["host", "none"], "cpu\nhost=a,none="),
        ] {
            let mut point = cpu();
            let tags: Vec<_> = tags.iter().map(ToString::to_string).collect();
            let dimensions = Dimensions { by_name, tags: tags.clone() };
            dimensions.apply(&mut point);
            assert_eq!(point.group(), expected);
            assert_eq!(Dimensions::of(&point), dimensions);
            let mut other = cpu();
            let mut grouping = Grouping::by(&tags);
            grouping.by_name = by_name;
            grouping.apply(&mut other);
            assert_eq!(other.group(), expected);
        }
    }

    #[test]
    fn a_star_groups_by_the_tags_that_a_point_has() {
        let mut grouping = Grouping::by(&["*"]);
        let mut point = cpu();
        grouping.apply(&mut point);
        assert_eq!(point.group(), "cpu=cpu-total,host=a");
        let mut other = Point::new(0);
        other.set_tag("rack", "7");
        grouping.apply(&mut other);
        assert_eq!(other.group(), "rack=7");
        grouping.excluded = vec!["cpu".into()];
        let mut point = cpu();
        grouping.apply(&mut point);
        assert_eq!(point.group(), "host=a");
    }

    #[test]
    fn a_changed_tag_changes_the_group() {
        let mut point = cpu();
        Grouping::by(&["host"]).apply(&mut point);
        point.set_tag("host", "b");
        regroup_point(&mut point, &mut String::new());
        assert_eq!(point.group(), "host=b");
    }
}
