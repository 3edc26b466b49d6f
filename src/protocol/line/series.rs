//! The series of the lines before, as bytes of a point. Data mostly has few series, whose measurement
//! and tags are then compared and copied, not read.

use crate::protocol::Point;
use crate::protocol::point::PointHead;

/// The series that were seen more than once, as far as there are places for them.
#[derive(Clone, Debug)]
pub(super) struct SeriesCache {
    places: Vec<Place>,
    hasher: ahash::RandomState,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// The hash of the latest series that came here and is not the one that is kept: a series is kept
    /// when it comes for the second time in a row, so that very many series cost no copies.
    asked: u64,
    /// The series as it is written.
    text: Vec<u8>,
    head: PointHead,
}

/// A power of two.
const PLACES: usize = 256;

/// The hash of a series that was not found.
pub(super) struct Missing(u64);

impl Default for SeriesCache {
    fn default() -> Self {
        Self {
            places: vec![Place::default(); PLACES],
            hasher: ahash::RandomState::with_seeds(1, 2, 3, 4),
        }
    }
}

impl SeriesCache {
    /// Begins a point, which is empty, with a series, if it is kept.
    #[inline]
    pub(super) fn begin(&self, series: &[u8], point: &mut Point) -> Result<(), Missing> {
        let hash = self.hasher.hash_one(series);
        let place = &self.places[hash as usize % PLACES];
        if place.text != series {
            return Err(Missing(hash));
        }
        point.begin_with(&place.head);
        Ok(())
    }

    /// Keeps the series that a point has begun with, if it was missing before.
    #[inline]
    pub(super) fn keep(&mut self, Missing(hash): Missing, series: &[u8], point: &Point) {
        let place = &mut self.places[hash as usize % PLACES];
        if place.asked != hash {
            place.asked = hash;
            return;
        }
        place.text.clear();
        place.text.extend_from_slice(series);
        point.head(&mut place.head);
    }
}
