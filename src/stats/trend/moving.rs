//! The trend of the last `size` points, and when it reaches a limit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::line::{Line, linear_fit, theil_sen};
use crate::stats::{
    error::{self, MAX_WINDOW, Result, StatsError},
    progress::Progress,
    snapshot::checked_snapshot,
};

/// A window by count of values with their times, and the lines through it.
///
/// `push` is O(1); [`linear`](MovingTrend::linear) O(size), [`robust`](MovingTrend::robust) O(size²).
/// Lines have seconds for x, counted from the newest point: the intercept is the line's value now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct MovingTrend {
    size: u32,
    points: VecDeque<(i64, f64)>,
}

impl MovingTrend {
    /// Makes an empty window for `size` points, from 2 to `MAX_WINDOW`.
    pub fn new(size: usize) -> Result<MovingTrend> {
        let size = error::size("size", size, 2, MAX_WINDOW)?;
        let size = u32::try_from(size).expect("MAX_WINDOW fits u32");
        Ok(MovingTrend { size, points: VecDeque::new() })
    }

    /// Appends `x` at `time` (nanoseconds); an error if `x` is not finite or `time` lies before the
    /// last.
    pub fn push(&mut self, time: i64, x: f64) -> Result<()> {
        error::finite("value", x)?;
        if let Some(&(last, _)) = self.points.back() {
            error::elapsed(last, time)?;
        }
        if self.ready() {
            self.points.pop_front();
        }
        self.points.push_back((time, x));
        Ok(())
    }

    /// The line of least squares; an error below two points or when all have one time.
    pub fn linear(&self) -> Result<Line> {
        let (x, y) = self.columns();
        linear_fit(&x, &y)
    }

    /// The Theil-Sen line; errors as [`linear`](MovingTrend::linear), and above 2,000 points.
    pub fn robust(&self, progress: &Progress<'_>) -> Result<Line> {
        let (x, y) = self.columns();
        theil_sen(&x, &y, progress)
    }

    fn columns(&self) -> (Vec<f64>, Vec<f64>) {
        let newest = self.points.back().map_or(0, |point| point.0);
        let seconds = |time: i64| -(newest.abs_diff(time) as f64) / 1e9;
        self.points.iter().map(|&(time, x)| (seconds(time), x)).unzip()
    }

    /// The number of points in the window.
    pub fn count(&self) -> usize {
        self.points.len()
    }

    /// Whether the window holds `size` points.
    pub fn ready(&self) -> bool {
        self.points.len() == self.size as usize
    }

    /// Forgets all points.
    pub fn reset(&mut self) {
        self.points.clear();
    }

    fn check(&self) -> Result<(), StatsError> {
        MovingTrend::new(self.size as usize)?;
        let fits = self.points.len() <= self.size as usize;
        error::intact("moving_trend", fits, "more points than its size")?;
        let sorted = self.points.iter().is_sorted_by_key(|point| point.0);
        error::intact("moving_trend", sorted, "its times are not in order")?;
        self.points.iter().try_for_each(|point| error::finite("value", point.1).map(drop))
    }
}

checked_snapshot!(MovingTrend);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, free, survives_damage};

    #[test]
    fn tells_when_a_disk_is_full() {
        let mut trend = MovingTrend::new(10).unwrap();
        assert!(trend.linear().is_err());
        let hour = 3_600_000_000_000;
        for i in 0..30 {
            trend.push(1_700_000_000_000_000_000 + i * hour, 50.0 + i as f64).unwrap();
        }
        let line = trend.linear().unwrap();
        assert_close(line.slope, 1.0 / 3600.0, 1e-12);
        assert_close(line.distance_to(100.0, 0.0).unwrap(), 21.0 * 3600.0, 1e-10);
        assert_close(trend.robust(&free()).unwrap().intercept, 79.0, 1e-12);
        assert!(trend.push(0, 1.0).is_err());
        continues_the_same(&trend, |trend| (trend.push(i64::MAX, 1.0), trend.linear()));
        survives_damage(&trend, |trend| {
            let _ = (trend.push(i64::MAX, 1.0), trend.linear(), trend.robust(&free()));
        });
    }
}
