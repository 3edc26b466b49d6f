//! The level of an alert over time, as intervals in bounded memory.

use crate::tick::alert::Level;

/// Intervals that are kept apart; beyond that, those that are close become one.
const MOST: usize = 4096;

/// A time for which an alert has had a level that is not OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelInterval {
    /// The level; the worst, where several intervals have become one.
    pub level: Level,
    /// When it began, in nanoseconds.
    pub from: i64,
    /// When it ended; the last time of the data if it has not.
    pub to: i64,
}

/// The level of a group's alert.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    done: Vec<LevelInterval>,
    now: Option<(Level, i64)>,
    last: i64,
    /// How often it became not OK.
    pub(super) began: u64,
    /// The worst level.
    pub(super) worst: Level,
    /// Intervals that are not further apart than this are one.
    close: i64,
}

impl Levels {
    /// Takes a level that was determined.
    pub(super) fn take(&mut self, time: i64, previous: Level, level: Level) {
        self.last = time;
        self.worst = self.worst.max(level);
        self.began += u64::from(previous == Level::Ok && level != Level::Ok);
        match self.now {
            Some((now, _)) if now == level => return,
            Some((now, from)) => self.end(now, from, time),
            None => {}
        }
        self.now = (level != Level::Ok).then_some((level, time));
    }

    fn end(&mut self, level: Level, from: i64, to: i64) {
        self.done.push(LevelInterval { level, from, to: to.max(from) });
        while self.done.len() > MOST {
            let (first, last) = (self.done[0].from, self.last);
            let least = last.saturating_sub(first).max(0) / MOST as i64 + 1;
            self.close = self.close.saturating_mul(2).max(least);
            let close = self.close;
            self.done.dedup_by(|next, before| {
                let joins = next.from.saturating_sub(before.to) <= close
                    && next.to.saturating_sub(before.from) <= close.saturating_mul(2);
                if joins {
                    before.to = before.to.max(next.to);
                    before.level = before.level.max(next.level);
                }
                joins
            });
        }
    }

    /// Returns the intervals; one that has not ended lasts until the end of the data.
    pub(super) fn finish(mut self, end: i64) -> (Vec<LevelInterval>, bool) {
        let open = self.now.take();
        if let Some((level, from)) = open {
            self.end(level, from, end.max(self.last));
        }
        (self.done, open.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Ok, Warning};

    #[test]
    fn levels_become_intervals() {
        let mut levels = Levels::default();
        for (time, previous, level) in
            [(1, Ok, Warning), (2, Warning, Warning), (3, Warning, Critical), (5, Critical, Ok)]
        {
            levels.take(time, previous, level);
        }
        levels.take(8, Ok, Warning);
        assert_eq!((levels.began, levels.worst), (2, Critical));
        let (intervals, open) = levels.finish(9);
        let interval = |level, from, to| LevelInterval { level, from, to };
        let expected = [interval(Warning, 1, 3), interval(Critical, 3, 5), interval(Warning, 8, 9)];
        assert_eq!((intervals.as_slice(), open), (&expected[..], true));
    }

    #[test]
    fn a_flapping_alert_stays_small() {
        let mut levels = Levels::default();
        for i in 0..100_000 {
            levels.take(2 * i, Ok, if i == 5_000 { Critical } else { Warning });
            levels.take(2 * i + 1, Warning, Ok);
        }
        assert_eq!(levels.began, 100_000);
        let (intervals, open) = levels.finish(200_000);
        assert!(intervals.len() <= MOST && intervals.len() > MOST / 8, "{}", intervals.len());
        assert!(!open);
        let critical = intervals.iter().find(|interval| interval.level == Critical).unwrap();
        assert!((critical.from..=critical.to).contains(&10_000), "{critical:?}");
        assert_eq!((intervals[0].from, intervals.last().unwrap().to), (0, 199_999));
    }
}
