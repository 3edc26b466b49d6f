//! The states of all groups, in the order in which they were last seen: the one that was not seen for the longest
//! time is removed first.
//!
//! This table depends on the data that arrives, never on the output of the script: [`Groups::arrive`] notes the data
//! of a group and finds its place, and the call may come later. So points that wait to be handled together have the
//! effect that they would have one by one.

mod leaving;

use crate::script::state::bounds::Bounds;
use crate::script::state::checkpoint::Checkpoint;
use crate::script::state::id::GroupId;
use crate::script::throttle::Throttle;
use hashbrown::HashTable;
use rhai::Dynamic;

/// The end of a chain.
const NONE: u32 = u32::MAX;

/// The state of one group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// `this`; `None` until the first call.
    pub(crate) state: Option<Dynamic>,
    /// The latest time of its data, in nanoseconds since the epoch.
    pub(crate) seen: i64,
    /// Where the state was a few calls ago; see `checkpoint.rs`.
    pub(crate) checkpoint: Option<Box<Checkpoint>>,
    /// The chunk of points that waits for this group, and the round in which it does.
    waiting: (u32, u32),
}

impl Group {
    pub(crate) fn new(state: Option<Dynamic>, seen: i64) -> Self {
        Self { state, seen, checkpoint: None, waiting: (0, 0) }
    }
}

/// Data cannot be noted yet, because a group must be removed whose points still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PointsWait;

#[derive(Clone, Debug)]
struct Slot {
    id: GroupId,
    /// `None`: the slot is free.
    group: Option<Group>,
    older: u32,
    newer: u32,
}

/// How far the data's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The lower of the last two times, so that one point from the future does not remove any group.
    pub(crate) watermark: i64,
    /// The latest.
    pub(crate) last_time: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { watermark: i64::MIN, last_time: i64::MIN }
    }
}

/// The states by the group's id.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    by_id: HashTable<u32>,
    hasher: ahash::RandomState,
    slots: Vec<Slot>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    /// The group that was found last.
    last: u32,
    bounds: Bounds,
    clock: Clock,
    /// A group has expired, and its points still wait.
    overdue: bool,
    /// The round of points that wait, from 1.
    round: u32,
    /// Groups that were removed because there were too many.
    pub(crate) evicted: u64,
    /// Groups that were removed because they were not seen for `group_ttl`.
    pub(crate) expired: u64,
    /// The ids of removed groups, if they were requested.
    gone: Option<Vec<Vec<u8>>>,
    notice: Throttle,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            by_id: HashTable::new(),
            hasher: ahash::RandomState::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            last: NONE,
            bounds: Bounds::default(),
            clock: Clock::default(),
            overdue: false,
            round: 1,
            evicted: 0,
            expired: 0,
            gone: None,
            notice: Throttle::default(),
        }
    }
}

impl Groups {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// How far the data's time has come.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Sets how far the data's time has come.
    pub(crate) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The number of groups.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The number of groups that have a state.
    pub(crate) fn with_state(&self) -> usize {
        let states = self.slots.iter().filter_map(|slot| slot.group.as_ref()?.state.as_ref());
        states.count()
    }

    /// Notes that data of a group has arrived, and gives the group's place. A group that is new, or
    /// comes back after `group_ttl`, is there without a state.
    ///
    /// # Errors
    /// A group whose points wait must be removed first. Nothing has changed then; the call succeeds once those points
    /// were handled.
    #[inline]
    pub(crate) fn arrive(&mut self, id: &[u8], time: i64) -> Result<usize, PointsWait> {
        if self.overdue {
            self.expire();
            if self.overdue {
                return Err(PointsWait);
            }
        }
        let place = match self.find(id) {
            Some(place) if !self.has_outlived(place, time) => place,
            Some(place) => self.revive(place)?,
            None => self.enter(id)?,
        };
        if self.bounds.any() {
            self.touch(place);
            self.at(place).seen = self.at(place).seen.max(time);
            self.advance(time);
        } else {
            let group = self.at(place);
            group.seen = group.seen.max(time);
        }
        Ok(place)
    }

    /// The chunk of points that waits for a group.
    #[inline]
    pub(crate) fn waiting(&self, place: usize) -> Option<u32> {
        let group = self.slots[place].group.as_ref()?;
        (group.waiting.0 == self.round).then_some(group.waiting.1)
    }

    /// Points of a group wait in a chunk.
    #[inline]
    pub(crate) fn wait(&mut self, place: usize, chunk: u32) {
        self.at(place).waiting = (self.round, chunk);
    }

    /// No points wait any more.
    pub(crate) fn end_waiting(&mut self) {
        self.round = self.round.wrapping_add(1).max(1);
        if self.overdue {
            self.expire();
        }
    }

    /// A group comes back after `group_ttl`: it starts fresh.
    #[cold]
    fn revive(&mut self, place: usize) -> Result<usize, PointsWait> {
        if self.waiting(place).is_some() {
            return Err(PointsWait);
        }
        self.tell_forgotten(place, "it has returned after more than [state] group_ttl");
        self.expired += 1;
        self.note_gone(place);
        *self.at(place) = Group::new(None, i64::MIN);
        Ok(place)
    }

    /// A group is seen for the first time: if there are too many, the oldest is removed.
    fn enter(&mut self, id: &[u8]) -> Result<usize, PointsWait> {
        if self.bounds.groups > 0
            && self.len() >= self.bounds.groups
            && self.waiting(self.oldest as usize).is_some()
        {
            return Err(PointsWait);
        }
        Ok(self.insert(id, Group::new(None, i64::MIN)))
    }

    /// Where a group is.
    #[inline]
    pub(crate) fn find(&mut self, id: &[u8]) -> Option<usize> {
        if self
            .slots
            .get(self.last as usize)
            .is_some_and(|s| s.group.is_some() && s.id.bytes() == id)
        {
            return Some(self.last as usize);
        }
        let place = self.look_up(id)?;
        self.last = place as u32;
        Some(place)
    }

    fn look_up(&self, id: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(id);
        let found = self.by_id.find(hash, |place| self.slots[*place as usize].id.bytes() == id);
        found.map(|place| *place as usize)
    }

    /// The group at a place that [`Groups::arrive`] or [`Groups::find`] gave.
    #[inline]
    pub(crate) fn at(&mut self, place: usize) -> &mut Group {
        self.slots[place].group.as_mut().expect("the place is taken")
    }

    /// The id of the group at a place.
    pub(crate) fn id(&self, place: usize) -> &[u8] {
        self.slots[place].id.bytes()
    }

    pub(crate) fn get(&self, id: &[u8]) -> Option<&Group> {
        self.look_up(id).and_then(|place| self.slots[place].group.as_ref())
    }

    pub(crate) fn get_mut(&mut self, id: &[u8]) -> Option<&mut Group> {
        self.look_up(id).and_then(|place| self.slots[place].group.as_mut())
    }

    /// Makes the group the one that was seen last.
    #[inline]
    fn touch(&mut self, place: usize) {
        if place as u32 != self.newest {
            self.unlink(place as u32);
            self.link(place as u32);
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
        let slot = Slot { id: id.into(), group: Some(group), older: NONE, newer: NONE };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        let hash = self.hasher.hash_one(id);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_id.insert_unique(hash, place, |p| hasher.hash_one(slots[*p as usize].id.bytes()));
        self.link(place);
        self.last = place;
        place as usize
    }

    pub(crate) fn remove(&mut self, place: usize) {
        self.unlink(place as u32);
        let hash = self.hasher.hash_one(self.slots[place].id.bytes());
        if let Ok(entry) = self.by_id.find_entry(hash, |p| *p as usize == place) {
            entry.remove();
        }
        let slot = &mut self.slots[place];
        slot.group = None;
        slot.id = GroupId::from(&b""[..]);
        self.free.push(place as u32);
    }

    /// Takes the order in which groups were seen from another table; groups that it does not have come
    /// first.
    pub(crate) fn order_as(&mut self, other: &Self) {
        self.bounds = other.bounds;
        for id in other.ids() {
            if let Some(place) = self.find(&id) {
                self.touch(place);
            }
        }
    }

    /// The groups, the one that was not seen for the longest time first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.places().into_iter().filter_map(|place| {
            let slot = &self.slots[place];
            slot.group.as_ref().map(|group| (slot.id.bytes(), group))
        })
    }

    /// The ids, the one that was not seen for the longest time first.
    pub(crate) fn ids(&self) -> Vec<Box<[u8]>> {
        self.iter().map(|(id, _)| id.into()).collect()
    }

    /// The places, the one that was not seen for the longest time first.
    fn places(&self) -> Vec<usize> {
        let mut places = Vec::with_capacity(self.len());
        let mut place = self.oldest;
        while let Some(slot) = self.slots.get(place as usize) {
            places.push(place as usize);
            place = slot.newer;
        }
        if !self.bounds.any() {
            // The chain is not kept up to date where it is not needed.
            let seen = |place: &usize| self.slots[*place].group.as_ref().map(|group| group.seen);
            places.sort_by_key(seen);
        }
        places
    }

    fn link(&mut self, place: u32) {
        let newest = self.newest;
        let slot = &mut self.slots[place as usize];
        (slot.older, slot.newer) = (newest, NONE);
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: u32) {
        let Slot { older, newer, .. } = self.slots[place as usize];
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests;
