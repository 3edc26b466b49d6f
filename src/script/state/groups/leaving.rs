//! The removal of groups: because there are too many, or because they were not seen for `group_ttl`.

use super::{Clock, Groups, NONE};
use crate::script::throttle::held_back;

impl Groups {
    pub(super) fn forget(&mut self, place: u32, why: &str) {
        self.tell_forgotten(place as usize, why);
        self.note_gone(place as usize);
        self.remove(place as usize);
    }

    /// From now on the ids of removed groups are kept for [`Groups::take_gone`].
    pub(crate) fn tell_gone(&mut self, tell: bool) {
        match (tell, &self.gone) {
            (true, None) => self.gone = Some(Vec::new()),
            (false, _) => self.gone = None,
            (true, Some(_)) => {}
        }
    }

    /// Moves the ids of removed groups to `gone`.
    pub(crate) fn take_gone(&mut self, gone: &mut Vec<Vec<u8>>) {
        if let Some(ids) = &mut self.gone {
            gone.append(ids);
        }
    }

    pub(super) fn note_gone(&mut self, place: usize) {
        let id = self.slots[place].id.bytes();
        if let Some(gone) = &mut self.gone {
            gone.push(id.to_vec());
        }
    }

    pub(super) fn tell_forgotten(&mut self, place: usize, why: &str) {
        if let Some(held) = self.notice.pass() {
            let id = String::from_utf8_lossy(self.id(place)).replace('\n', " ");
            log::info!("the state of group '{id}' is removed: {why}{}", held_back(held));
        }
    }

    /// True if the group was not seen for `group_ttl` when it is seen again at `time`.
    #[inline]
    pub(super) fn has_outlived(&self, place: usize, time: i64) -> bool {
        if self.bounds.ttl == 0 {
            return false;
        }
        let Some(group) = &self.slots[place].group else { return false };
        group.seen != i64::MIN && time.saturating_sub(group.seen) > self.bounds.ttl
    }

    /// Advances the data's time: groups that were not seen for `group_ttl` are removed. The current group is the
    /// newest and is kept.
    pub(super) fn advance(&mut self, time: i64) {
        if self.bounds.ttl == 0 || time == i64::MIN {
            return;
        }
        let Clock { watermark, last_time } = &mut self.clock;
        *watermark = (*watermark).max(time.min(*last_time));
        *last_time = time;
        self.expire();
    }

    /// Removes the groups whose time is over, up to one whose points wait.
    pub(super) fn expire(&mut self) {
        self.overdue = false;
        while self.oldest != NONE
            && self.oldest != self.newest
            && self.has_outlived(self.oldest as usize, self.clock.watermark)
        {
            if self.waiting(self.oldest as usize).is_some() {
                self.overdue = true;
                return;
            }
            self.forget(self.oldest, "no point of it came for [state] group_ttl");
            self.expired += 1;
        }
    }
}
