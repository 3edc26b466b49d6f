//! Where a series has been: a bounded memory of points in the plane.
//!
//! Made for nearest-neighbour novelty (Knorr and Ng 1998; Ramaswamy, Rastogi and Shim 2000), where
//! only the distance to what is known counts. A region visited a thousand times needs one landmark, so
//! a few of them stand for a long history. What was not visited for longest is forgotten first.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// The largest number of landmarks: a search looks at all of them.
const MAX_LANDMARKS: usize = 1 << 16;

/// Known points of the plane; the distance is the larger of the differences of the coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Landmarks {
    size: u32,
    points: Vec<[f64; 2]>,
    visited: Vec<u32>,
    clock: u32,
}

impl Landmarks {
    /// Makes an empty memory for `size` landmarks, from 1 to 65536; 20 bytes each.
    pub fn new(size: usize) -> Result<Landmarks> {
        let size = error::size("size", size, 1, MAX_LANDMARKS)?;
        Ok(Landmarks {
            size: u32::try_from(size).expect("MAX_LANDMARKS fits u32"),
            points: Vec::new(),
            visited: Vec::new(),
            clock: 0,
        })
    }

    /// Marks the nearest landmark as visited now and returns its distance.
    ///
    /// Infinite when empty, or when the difference exceeds the range of a double; an error if `point`
    /// is not finite.
    pub fn visit(&mut self, point: [f64; 2]) -> Result<f64> {
        error::all_finite("point", &point)?;
        self.clock = self.clock.wrapping_add(1);
        let (mut nearest, mut shortest) = (None, f64::INFINITY);
        for (i, &landmark) in self.points.iter().enumerate() {
            let distance = chebyshev(point, landmark);
            if distance < shortest {
                (nearest, shortest) = (Some(i), distance);
            }
        }
        if let Some(i) = nearest {
            self.visited[i] = self.clock;
        }
        Ok(shortest)
    }

    /// Makes `point` a landmark, in place of the one not visited for longest when full.
    ///
    /// An error if `point` is not finite.
    pub fn add(&mut self, point: [f64; 2]) -> Result<()> {
        error::all_finite("point", &point)?;
        if !self.is_full() {
            self.points.push(point);
            self.visited.push(self.clock);
            return Ok(());
        }
        // The clock may have wrapped: ages are compared, not times.
        let age = |&i: &usize| (self.clock.wrapping_sub(self.visited[i]), usize::MAX - i);
        if let Some(oldest) = (0..self.points.len()).max_by_key(age) {
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

    /// Forgets all.
    pub fn clear(&mut self) {
        (self.points, self.visited, self.clock) = (Vec::new(), Vec::new(), 0);
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

fn chebyshev(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
}

checked_snapshot!(Landmarks);

#[cfg(test)]
mod tests {
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
