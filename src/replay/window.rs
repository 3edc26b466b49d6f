//! `window` by time, as the daemon does it: driven by the data's own time, each group by itself, a
//! partial last window is not emitted.

use crate::protocol::align::truncate;
use crate::protocol::{Batch, Point};
use std::collections::{HashMap, VecDeque};

/// The length and pace of windows, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windowing {
    /// The length; points in `[end - period, end)` are in a window.
    pub period: i64,
    /// The pace; 0 emits the last period, `(time - period, time]`, at every point.
    pub every: i64,
    /// Windows end at multiples of `every`.
    pub align: bool,
    /// The first window is emitted when it is full.
    pub fill_period: bool,
}

/// The open windows of all groups.
#[derive(Debug)]
pub struct Windows {
    windowing: Windowing,
    groups: HashMap<Box<[u8]>, Window, ahash::RandomState>,
}

#[derive(Debug)]
struct Window {
    points: VecDeque<Point>,
    next_emit: i64,
}

impl Windows {
    /// No windows yet.
    pub fn new(windowing: Windowing) -> Self {
        Self { windowing, groups: HashMap::default() }
    }

    /// Takes a point; gives the window that it ends, if it ends one.
    pub fn push(&mut self, point: Point) -> Option<Batch> {
        let windowing = self.windowing;
        if !self.groups.contains_key(point.group_bytes()) {
            let next_emit = windowing.first_emit(point.time());
            let window = Window { points: VecDeque::new(), next_emit };
            self.groups.insert(point.group_bytes().into(), window);
        }
        let window = self.groups.get_mut(point.group_bytes())?;
        window.push(point, windowing)
    }
}

impl Windowing {
    fn first_emit(self, first: i64) -> i64 {
        if self.fill_period {
            let full = first.saturating_add(self.period);
            if !self.align || self.every == 0 {
                return full;
            }
            let aligned = truncate(full, self.every);
            if aligned > full { aligned } else { aligned.saturating_add(self.every) }
        } else {
            self.after(first)
        }
    }

    fn after(self, time: i64) -> i64 {
        let next = time.saturating_add(self.every);
        if self.align && self.every > 0 { truncate(next, self.every) } else { next }
    }
}

impl Window {
    fn push(&mut self, point: Point, windowing: Windowing) -> Option<Batch> {
        let time = point.time();
        let due = time >= self.next_emit;
        if windowing.every == 0 {
            self.points.push_back(point);
            return due.then(|| {
                self.next_emit = time;
                self.emit(time, |t| t > time.saturating_sub(windowing.period))
            });
        }
        let batch = due.then(|| {
            let end = self.next_emit;
            self.next_emit = windowing.after(time);
            self.emit(end, |t| t >= end.saturating_sub(windowing.period))
        });
        let batch = batch.map(|mut batch| {
            batch.describe(&point);
            batch
        });
        self.points.push_back(point);
        batch
    }

    /// Drops what is too old and copies the rest.
    fn emit(&mut self, tmax: i64, keep: impl Fn(i64) -> bool) -> Batch {
        while self.points.front().is_some_and(|p| !keep(p.time())) {
            self.points.pop_front();
        }
        let mut batch = Batch::default();
        batch.tmax = tmax;
        if let Some(first) = self.points.front() {
            batch.describe(first);
        }
        for point in &self.points {
            batch.push_as_member(point);
        }
        batch.size = batch.len() as i64;
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    fn windows(windowing: Windowing, times: &[i64]) -> Vec<(i64, Vec<i64>)> {
        let mut windows = Windows::new(windowing);
        times
            .iter()
            .filter_map(|t| windows.push(Point::new(t * S)))
            .map(|b| (b.tmax / S, b.times().iter().map(|t| t / S).collect()))
            .collect()
    }

    fn every(period: i64, every: i64) -> Windowing {
        Windowing { period: period * S, every: every * S, align: false, fill_period: false }
    }

    #[test]
    fn windows_are_emitted_by_the_first_point_after_them() {
        let got = windows(every(3, 3), &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(got, [(3, vec![0, 1, 2]), (6, vec![3, 4, 5])]);
    }

    #[test]
    fn a_gap_moves_the_next_window() {
        let got = windows(every(3, 3), &[0, 1, 10, 11, 13]);
        assert_eq!(got, [(3, vec![0, 1]), (13, vec![10, 11])]);
    }

    #[test]
    fn overlapping_windows_keep_their_period() {
        let got = windows(every(4, 2), &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(got, [(2, vec![0, 1]), (4, vec![0, 1, 2, 3]), (6, vec![2, 3, 4, 5])]);
    }

    #[test]
    fn aligned_windows_end_at_multiples() {
        let aligned = Windowing { align: true, ..every(10, 10) };
        let got = windows(aligned, &[13, 15, 22, 31]);
        assert_eq!(got, [(20, vec![13, 15]), (30, vec![22])]);
    }

    #[test]
    fn a_window_that_must_be_full_waits() {
        let full = Windowing { fill_period: true, ..every(4, 2) };
        assert_eq!(windows(full, &[0, 1, 2, 3, 4, 6]), [(4, vec![0, 1, 2, 3]), (6, vec![2, 3, 4])]);
    }

    #[test]
    fn without_a_pace_every_point_emits() {
        assert_eq!(
            windows(every(2, 0), &[0, 1, 2, 3]),
            [(0, vec![0]), (1, vec![0, 1]), (2, vec![1, 2]), (3, vec![2, 3])]
        );
    }

    #[test]
    fn groups_have_windows_of_their_own() {
        let mut windows = Windows::new(every(2, 2));
        let mut emitted = Vec::new();
        for t in 0..5 {
            for group in ["a", "b"] {
                let mut point = Point::new(t * S);
                point.set_tag("g", group);
                point.set_dimensions(["g"]);
                point.set_group(group);
                emitted.extend(windows.push(point).map(|b| (b.group, b.tags["g"].clone(), b.size)));
            }
        }
        let of = |g: &str| (g.to_owned(), g.to_owned(), 2);
        assert_eq!(emitted, [of("a"), of("b"), of("a"), of("b")]);
    }
}
