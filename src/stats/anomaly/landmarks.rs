//! A bounded memory of the points of the plane that a series has visited.
//!
//! Made for nearest-neighbour novelty (Knorr and Ng 1998; Ramaswamy, Rastogi and Shim 2000), where
//! only the distance to what is known counts. A region visited a thousand times needs one landmark, so
//! a few of them stand for a long history. The state that was not visited for the longest time is removed first.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// The largest number of landmarks: a search looks at all of them.
const MAX_LANDMARKS: usize = 1 << 16;

/// Known points of the plane; the distance is the larger of the differences of the coordinates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Landmarks {
    size: u32,
    points: Vec<[f64; 2]>,
    visited: Vec<u32>,
    clock: u32,
    /// The places of the points, by their coordinates; built again after a snapshot was read.
    #[serde(skip)]
    sorted: Vec<u16>,
}

impl Landmarks {
    /// Makes an empty memory for `size` landmarks, from 1 to 65536; 22 bytes each.
    pub fn new(size: usize) -> Result<Landmarks> {
        let size = error::size("size", size, 1, MAX_LANDMARKS)?;
        Ok(Landmarks {
            size: u32::try_from(size).expect("MAX_LANDMARKS fits u32"),
            points: Vec::new(),
            visited: Vec::new(),
            clock: 0,
            sorted: Vec::new(),
        })
    }

    /// Marks the nearest landmark as visited now and returns its distance.
    ///
    /// Infinite when empty, or when the difference exceeds the range of a double; an error if `point`
    /// is not finite.
    pub fn visit(&mut self, point: [f64; 2]) -> Result<f64> {
        error::all_finite("point", &point)?;
        self.clock = self.clock.wrapping_add(1);
        self.sort();
        let (nearest, shortest) = self.nearest(point);
        if let Some(i) = nearest {
            self.visited[i] = self.clock;
        }
        Ok(shortest)
    }

    /// Finds the landmark at the shortest distance, the first of several. Of the points to both sides
    /// only those are looked at whose first coordinate alone is not farther away.
    fn nearest(&self, point: [f64; 2]) -> (Option<usize>, f64) {
        let (mut nearest, mut shortest) = (None, f64::INFINITY);
        let mut look = |&place: &u16| {
            let place = usize::from(place);
            let landmark = self.points[place];
            if (point[0] - landmark[0]).abs() > shortest {
                return false;
            }
            let distance = chebyshev(point, landmark);
            if distance < shortest {
                (nearest, shortest) = (Some(place), distance);
            } else if distance == shortest && nearest.is_some_and(|nearest| place < nearest) {
                nearest = Some(place);
            }
            true
        };
        let (below, above) = self.sorted.split_at(self.rank_of(point));
        let (mut below, mut above) = (below.iter().rev(), above.iter());
        // In turn, so that a near point on one side ends the search on the other.
        let (mut left, mut right) = (true, true);
        while left || right {
            left = left && below.next().is_some_and(&mut look);
            right = right && above.next().is_some_and(&mut look);
        }
        (nearest, shortest)
    }

    /// The number of landmarks before `point` in the order of coordinates.
    fn rank_of(&self, point: [f64; 2]) -> usize {
        self.sorted.partition_point(|&place| self.points[usize::from(place)] < point)
    }

    fn sort(&mut self) {
        if self.sorted.len() == self.points.len() {
            return;
        }
        // There are at most 65536.
        self.sorted = (0..self.points.len()).map(|place| place as u16).collect();
        let points = &self.points;
        let by_coordinates = |a: &u16, b: &u16| {
            let order = points[usize::from(*a)].partial_cmp(&points[usize::from(*b)]);
            order.expect("landmarks are finite").then(a.cmp(b))
        };
        self.sorted.sort_unstable_by(by_coordinates);
    }

    /// Takes a landmark out of the order, before it changes.
    fn unsort(&mut self, place: usize) {
        let first = self.rank_of(self.points[place]);
        let found = self.sorted[first..].iter().position(|&other| usize::from(other) == place);
        let at = first + found.expect("each landmark is in the order");
        self.sorted.remove(at);
    }

    /// Makes `point` a landmark, in place of the one not visited for longest when full.
    ///
    /// An error if `point` is not finite.
    pub fn add(&mut self, point: [f64; 2]) -> Result<()> {
        error::all_finite("point", &point)?;
        self.sort();
        if !self.is_full() {
            self.sorted.insert(self.rank_of(point), self.points.len() as u16);
            self.points.push(point);
            self.visited.push(self.clock);
            return Ok(());
        }
        // The clock may have wrapped: ages are compared, not times. Two passes, because each looks at
        // several values by one instruction.
        let age = |visited: &u32| self.clock.wrapping_sub(*visited);
        let highest = self.visited.iter().map(age).max();
        let oldest = self.visited.iter().position(|visited| Some(age(visited)) == highest);
        if let Some(oldest) = oldest {
            self.unsort(oldest);
            self.sorted.insert(self.rank_of(point), oldest as u16);
            (self.points[oldest], self.visited[oldest]) = (point, self.clock);
        }
        Ok(())
    }

    /// The number of landmarks it can remember.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Whether the next landmark replaces one.
    pub fn is_full(&self) -> bool {
        self.points.len() == self.size as usize
    }

    /// Removes all that was learnt; the parameters stay.
    pub fn clear(&mut self) {
        (self.points, self.visited, self.clock) = (Vec::new(), Vec::new(), 0);
        self.sorted = Vec::new();
    }

    fn check(&self) -> Result<()> {
        Landmarks::new(self.size as usize)?;
        let fits = self.points.len() <= self.size as usize;
        let paired = self.points.len() == self.visited.len();
        error::intact("landmarks", fits && paired, "wrong number of points")?;
        let finite = self.points.iter().flatten().all(|x| x.is_finite());
        error::intact("landmarks", finite, "a point is not finite")
    }
}

impl PartialEq for Landmarks {
    fn eq(&self, other: &Self) -> bool {
        let stored = |of: &Self| (of.size, of.clock);
        stored(self) == stored(other)
            && self.points == other.points
            && self.visited == other.visited
    }
}

fn chebyshev(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
}

checked_snapshot!(Landmarks);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::testing::{continues_the_same, survives_damage};

    #[test]
    fn the_larger_difference_counts() {
        let mut landmarks = Landmarks::new(3).unwrap();
        assert_eq!(landmarks.visit([0.0, 0.0]).unwrap(), f64::INFINITY);
        landmarks.add([0.0, 0.0]).unwrap();
        landmarks.add([10.0, 10.0]).unwrap();
        assert_eq!(landmarks.visit([1.0, -3.0]).unwrap(), 3.0);
        assert_eq!(landmarks.visit([9.5, 10.0]).unwrap(), 0.5);
        assert_eq!(landmarks.visit([10.0, 10.0]).unwrap(), 0.0);
        landmarks.clear();
        landmarks.add([f64::MAX, 0.0]).unwrap();
        assert_eq!(landmarks.visit([f64::MIN, f64::MAX]).unwrap(), f64::INFINITY);
        assert!(landmarks.visit([f64::NAN, 0.0]).is_err());
        assert!(landmarks.add([0.0, f64::INFINITY]).is_err());
        assert!(Landmarks::new(0).is_err());
    }

    #[test]
    fn forgets_what_was_not_visited_for_longest() {
        let mut landmarks = Landmarks::new(2).unwrap();
        landmarks.clock = u32::MAX - 2;
        for x in [1.0, 2.0] {
            landmarks.visit([x, 0.0]).unwrap();
            landmarks.add([x, 0.0]).unwrap();
        }
        landmarks.visit([1.0, 0.0]).unwrap();
        landmarks.add([3.0, 0.0]).unwrap();
        assert_eq!(landmarks.points, [[1.0, 0.0], [3.0, 0.0]]);
        landmarks.clear();
        assert!(!landmarks.is_full());
    }

    /// The first of the nearest landmarks, by looking at all of them.
    fn scan(landmarks: &Landmarks, point: [f64; 2]) -> (Option<usize>, f64) {
        let (mut nearest, mut shortest) = (None, f64::INFINITY);
        for (i, &landmark) in landmarks.points.iter().enumerate() {
            let distance = chebyshev(point, landmark);
            if distance < shortest {
                (nearest, shortest) = (Some(i), distance);
            }
        }
        (nearest, shortest)
    }

    proptest! {
        /// Coarse coordinates, so that there are many equal ones and equal distances.
        #[test]
        fn finds_what_a_scan_finds(
            points in prop::collection::vec(prop::array::uniform2(-8i8..8), 1..200),
            size in 1usize..40,
            unit in prop_oneof![Just(0.5), Just(f64::MAX / 8.0)],
        ) {
            let mut landmarks = Landmarks::new(size).unwrap();
            for (i, point) in points.iter().enumerate() {
                let point = point.map(|x| f64::from(x) * unit);
                landmarks.sort();
                prop_assert_eq!(landmarks.nearest(point), scan(&landmarks, point));
                landmarks.visit(point).unwrap();
                landmarks.add(point).unwrap();
                if i % 50 == 49 {
                    landmarks.sorted.clear();
                }
            }
        }
    }

    #[test]
    fn snapshots() {
        let mut landmarks = Landmarks::new(2).unwrap();
        landmarks.add([1.0, 2.0]).unwrap();
        landmarks.add([5.0, 2.0]).unwrap();
        let use_it = |landmarks: &mut Landmarks| {
            landmarks.add([7.0, 7.0]).unwrap();
            landmarks.visit([5.0, 3.0]).unwrap()
        };
        continues_the_same(&landmarks, use_it);
        survives_damage(&landmarks, |landmarks| {
            use_it(landmarks);
        });
    }
}
