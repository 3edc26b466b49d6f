//! The states of all groups, in the order in which they were last seen: the first to go is the one
//! that was not seen for the longest time.

use super::checkpoint::Checkpoint;
use crate::script::config::Config;
use crate::script::throttle::{Throttle, held_back};
use rhai::Dynamic;
use std::collections::HashMap;
use std::rc::Rc;

/// The end of a chain.
const NONE: usize = usize::MAX;

/// The state of one group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// `this`.
    pub(crate) state: Dynamic,
    /// The latest time of its data, in nanoseconds since the epoch.
    pub(crate) seen: i64,
    /// Where the state was a few calls ago; see `checkpoint.rs`.
    pub(crate) checkpoint: Option<Box<Checkpoint>>,
}

impl Group {
    pub(crate) fn new(state: Dynamic, seen: i64) -> Self {
        Self { state, seen, checkpoint: None }
    }
}

/// How many groups there may be, and for how long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// The number of groups; 0: any.
    pub(crate) groups: usize,
    /// Nanoseconds, by the data's time, after which a group is forgotten; 0: never.
    pub(crate) ttl: i64,
}

impl Bounds {
    pub(crate) fn of(config: &Config) -> Self {
        let ttl = i64::try_from(config.state.group_ttl.as_nanos()).unwrap_or(i64::MAX);
        Self { groups: config.limits.groups, ttl }
    }
}

#[derive(Clone, Debug)]
struct Slot {
    id: Rc<[u8]>,
    /// `None`: the slot is free.
    group: Option<Group>,
    older: usize,
    newer: usize,
}

/// The states by the group's id.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    by_id: HashMap<Rc<[u8]>, usize, ahash::RandomState>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    oldest: usize,
    newest: usize,
    bounds: Bounds,
    /// How far the data's time has come: the lower of the last two times, so that one point from
    /// the future forgets nobody.
    watermark: i64,
    last_time: i64,
    /// Groups that went because there were too many.
    pub(crate) evicted: u64,
    /// Groups that went because they were not seen for `group_ttl`.
    pub(crate) expired: u64,
    notice: Throttle,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            by_id: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            bounds: Bounds::default(),
            watermark: i64::MIN,
            last_time: i64::MIN,
            evicted: 0,
            expired: 0,
            notice: Throttle::default(),
        }
    }
}

impl Groups {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// The number of groups.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Where a group is.
    #[inline]
    pub(crate) fn find(&self, id: &[u8]) -> Option<usize> {
        match self.slots.get(self.newest) {
            Some(slot) if *slot.id == *id => Some(self.newest),
            _ => self.by_id.get(id).copied(),
        }
    }

    /// The group at a place that [`Groups::find`] or [`Groups::insert`] gave.
    #[inline]
    pub(crate) fn at(&mut self, place: usize) -> &mut Group {
        self.slots[place].group.as_mut().expect("the place is taken")
    }

    pub(crate) fn get(&self, id: &[u8]) -> Option<&Group> {
        self.find(id).and_then(|place| self.slots[place].group.as_ref())
    }

    pub(crate) fn get_mut(&mut self, id: &[u8]) -> Option<&mut Group> {
        self.find(id).and_then(|place| self.slots[place].group.as_mut())
    }

    /// The group is the one that was seen last.
    #[inline]
    pub(crate) fn touch(&mut self, place: usize) {
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
    }

    /// Puts a group in, as the one that was seen last; one that is there is replaced.
    pub(crate) fn insert(&mut self, id: &[u8], group: Group) -> usize {
        if let Some(place) = self.find(id) {
            *self.at(place) = group;
            self.touch(place);
            return place;
        }
        while self.bounds.groups > 0 && self.len() >= self.bounds.groups {
            self.forget(self.oldest, "there are more than [limits] groups");
            self.evicted += 1;
        }
        let id: Rc<[u8]> = id.into();
        let slot = Slot { id: id.clone(), group: Some(group), older: NONE, newer: NONE };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.by_id.insert(id, place);
        self.link(place);
        place
    }

    pub(crate) fn remove(&mut self, place: usize) {
        self.unlink(place);
        let slot = &mut self.slots[place];
        slot.group = None;
        self.by_id.remove(&slot.id);
        slot.id = Rc::from(&b""[..]);
        self.free.push(place);
    }

    fn forget(&mut self, place: usize, why: &str) {
        if let Some(held) = self.notice.pass() {
            let id = String::from_utf8_lossy(&self.slots[place].id).replace('\n', " ");
            log::info!("group '{id}' is forgotten: {why}{}", held_back(held));
        }
        self.remove(place);
    }

    /// The group starts fresh when it comes back after `group_ttl`.
    pub(crate) fn outlive(&mut self, place: usize) {
        self.forget(place, "it comes back after more than [state] group_ttl");
        self.expired += 1;
    }

    /// True if the group was not seen for `group_ttl` when it is seen again at `time`.
    #[inline]
    pub(crate) fn has_outlived(&self, place: usize, time: i64) -> bool {
        let Some(group) = &self.slots[place].group else { return false };
        self.bounds.ttl > 0
            && group.seen != i64::MIN
            && time.saturating_sub(group.seen) > self.bounds.ttl
    }

    /// The data's time moves on: groups that were not seen for `group_ttl` go. The group at hand is
    /// the newest and stays.
    #[inline]
    pub(crate) fn advance(&mut self, time: i64) {
        if self.bounds.ttl == 0 || time == i64::MIN {
            return;
        }
        self.watermark = self.watermark.max(time.min(self.last_time));
        self.last_time = time;
        while self.oldest != NONE
            && self.oldest != self.newest
            && self.has_outlived(self.oldest, self.watermark)
        {
            self.forget(self.oldest, "it was not seen for [state] group_ttl");
            self.expired += 1;
        }
    }

    /// The groups, the one that was not seen for the longest time first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        let mut place = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(place)?;
            place = slot.newer;
            slot.group.as_ref().map(|group| (&*slot.id, group))
        })
    }

    /// The ids, the one that was not seen for the longest time first.
    pub(crate) fn ids(&self) -> Vec<Rc<[u8]>> {
        let mut ids = Vec::with_capacity(self.len());
        let mut place = self.oldest;
        while let Some(slot) = self.slots.get(place) {
            ids.push(slot.id.clone());
            place = slot.newer;
        }
        ids
    }

    fn link(&mut self, place: usize) {
        let newest = self.newest;
        self.slots[place].older = newest;
        self.slots[place].newer = NONE;
        match self.slots.get_mut(newest) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: usize) {
        let (older, newer) = (self.slots[place].older, self.slots[place].newer);
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(groups: &Groups) -> String {
        groups.ids().iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect()
    }

    fn see(groups: &mut Groups, id: &str, time: i64) {
        let place = match groups.find(id.as_bytes()) {
            Some(place) => place,
            None => groups.insert(id.as_bytes(), Group::new(Dynamic::UNIT, time)),
        };
        groups.touch(place);
        groups.at(place).seen = time;
        groups.advance(time);
    }

    #[test]
    fn the_group_that_was_not_seen_for_the_longest_time_goes() {
        let mut groups = Groups::new(Bounds { groups: 3, ttl: 0 });
        for id in ["a", "b", "c", "a", "d", "e", "a"] {
            see(&mut groups, id, 0);
        }
        assert_eq!(ids(&groups), "dea");
        assert_eq!((groups.len(), groups.evicted), (3, 2));
    }

    #[test]
    fn groups_go_by_the_time_of_the_data() {
        let mut groups = Groups::new(Bounds { groups: 0, ttl: 10 });
        see(&mut groups, "a", 0);
        see(&mut groups, "b", 5);
        see(&mut groups, "c", 11);
        assert_eq!(ids(&groups), "abc", "one time alone proves nothing");
        see(&mut groups, "c", 12);
        assert_eq!(ids(&groups), "bc");
        let place = groups.find(b"b").unwrap();
        assert!(groups.has_outlived(place, 16) && !groups.has_outlived(place, 15));
    }

    #[test]
    fn one_point_from_the_future_forgets_nobody() {
        let mut groups = Groups::new(Bounds { groups: 0, ttl: 10 });
        for (id, time) in [("a", 0), ("b", i64::MAX), ("a", 1), ("c", 2), ("a", 3)] {
            see(&mut groups, id, time);
        }
        assert_eq!(ids(&groups), "bca");
    }

    #[test]
    fn places_are_used_again() {
        let mut groups = Groups::new(Bounds { groups: 2, ttl: 0 });
        for i in 0..1000 {
            see(&mut groups, &i.to_string(), 0);
        }
        assert_eq!((groups.slots.len(), groups.len()), (2, 2));
    }
}
