//! The usual value at a time of the day: the median of the values at the same time on the last days.
//!
//! A period is divided into cells; the value of a cell is the mean of the values that fell into it. The expected
//! value in a cell is the median of the values of this cell and of the two beside it, in each of the last periods.
//! One unusual day, or one spike at this hour, changes it little.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    order::median,
    progress::Progress,
    snapshot::checked_snapshot,
};

/// The most cells of all periods together.
const MAX_CELLS: usize = 1 << 20;
/// With fewer periods than this there is no expectation.
const FEWEST: u32 = 2;
/// The mark of a cell without a value: means are finite.
const EMPTY: f64 = f64::INFINITY;
const DAY: u64 = 86_400_000_000_000;

/// The usual course of a period, from the last few of them; 8 bytes a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Rhythm {
    period: u64,
    periods: u32,
    cells: u32,
    /// The means of the finished cells of the last periods; the place of a cell is its number, counted
    /// from 1970, modulo their number.
    past: Vec<f64>,
    now: Option<Cell>,
    first: i64,
}

/// The cell that is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cell {
    number: i64,
    count: u32,
    mean: f64,
    expected: Option<f64>,
}

impl Rhythm {
    /// Makes one that looks back on `periods` (from 2) of `period` nanoseconds, in `cells` (from 3) each.
    ///
    /// At most 1,048,576 cells in all; an error if a cell would be shorter than a nanosecond.
    pub fn new(period: u64, periods: usize, cells: usize) -> Result<Rhythm> {
        error::size("periods", periods, FEWEST as usize, MAX_CELLS)?;
        error::size("cells", cells, 3, MAX_CELLS / periods)?;
        let longest = period <= i64::MAX as u64 / periods as u64;
        let fits = period >= cells as u64 && longest;
        error::range("period", period as f64, fits, "at least one nanosecond a cell")?;
        let narrow = |n: usize| u32::try_from(n).expect("MAX_CELLS fits u32");
        let (periods, cells) = (narrow(periods), narrow(cells));
        Ok(Rhythm { period, periods, cells, past: Vec::new(), now: None, first: 0 })
    }

    /// The last seven days in cells of five minutes; 16 KB.
    pub fn daily() -> Rhythm {
        Rhythm::new(DAY, 7, 288).expect("within limits")
    }

    /// Returns what was expected at `time` (nanoseconds), then takes `x` in; an error if it is not finite.
    ///
    /// `None` while fewer than two of the last periods have a value near this time. A time that goes back is treated
    /// as belonging to the newest cell.
    pub fn push(&mut self, time: i64, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let number = self.number(time);
        let cell = match self.now {
            Some(cell) if number <= cell.number => cell,
            Some(cell) => {
                self.finish(cell, number);
                Cell { number, count: 0, mean: 0.0, expected: self.median_at(number) }
            }
            None => {
                self.first = time;
                self.past = vec![EMPTY; (self.periods * self.cells) as usize];
                Cell { number, count: 0, mean: 0.0, expected: None }
            }
        };
        let count = cell.count.saturating_add(1);
        let weight = 1.0 / f64::from(count);
        // Not weight (x - mean): the difference of two doubles may be too large for one.
        let mean = cell.mean + (weight * x - weight * cell.mean);
        self.now = Some(Cell { count, mean, ..cell });
        Ok(cell.expected)
    }

    /// The expected value in the cell of the newest value.
    pub fn expected(&self) -> Option<f64> {
        self.now.and_then(|cell| cell.expected)
    }

    /// Whether two periods have passed from the first value to `time`.
    pub fn ready_at(&self, time: i64) -> bool {
        let elapsed = i128::from(time) - i128::from(self.first);
        self.now.is_some() && elapsed >= i128::from(self.period) * i128::from(FEWEST)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        (self.past, self.now, self.first) = (Vec::new(), None, 0);
    }

    /// The number of the cell of a time, counted from 1970.
    fn number(&self, time: i64) -> i64 {
        let cells = u64::from(self.cells);
        if self.period.is_multiple_of(cells) {
            // The period fits i64, and a division of 128 bits would take several times as long.
            return time.div_euclid((self.period / cells) as i64);
        }
        let number = (i128::from(time) * i128::from(self.cells)).div_euclid(self.period.into());
        number.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// Stores a complete cell; the cells between it and `next` have no value.
    fn finish(&mut self, cell: Cell, next: i64) {
        let place = self.place(cell.number);
        self.past[place] = cell.mean;
        let skipped = next.saturating_sub(cell.number).saturating_sub(1);
        for i in 1..=skipped.min(self.past.len() as i64) {
            let place = self.place(cell.number.saturating_add(i));
            self.past[place] = EMPTY;
        }
    }

    fn place(&self, number: i64) -> usize {
        number.rem_euclid(i64::from(self.periods * self.cells)) as usize
    }

    fn median_at(&self, number: i64) -> Option<f64> {
        let (mut near, mut periods) = (Vec::with_capacity(3 * self.periods as usize), 0);
        for back in 1..=i64::from(self.periods) {
            let same = number.saturating_sub(back * i64::from(self.cells));
            let before = near.len();
            // The oldest cell that is kept is as far back as the periods reach.
            let from = if back == i64::from(self.periods) { 0 } else { -1 };
            for beside in from..=1 {
                let value = self.past[self.place(same.saturating_add(beside))];
                if value != EMPTY {
                    near.push(value);
                }
            }
            periods += u32::from(near.len() > before);
        }
        if periods < FEWEST { None } else { median(&near, &Progress::free()).ok() }
    }

    fn check(&self) -> Result<()> {
        Rhythm::new(self.period, self.periods as usize, self.cells as usize)?;
        let places = if self.now.is_some() { (self.periods * self.cells) as usize } else { 0 };
        error::intact("rhythm", self.past.len() == places, "wrong number of cells")?;
        let known = self.past.iter().all(|&x| x.is_finite() || x == EMPTY);
        let now = self
            .now
            .is_none_or(|cell| cell.mean.is_finite() && cell.expected.is_none_or(f64::is_finite));
        error::intact("rhythm", known && now, "a value is not a number")
    }
}

checked_snapshot!(Rhythm);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_all_close, continues_the_same, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_pandas() {
        let case = reference(include_str!("../../../tests/reference/rhythm.json"));
        let mut rhythm = Rhythm::daily();
        let times = numbers(&case["minute"]);
        let values = numbers(&case["value"]);
        let expected = times.iter().zip(&values).map(|(&minute, &x)| {
            let time = minute as i64 * 60_000_000_000;
            rhythm.push(time, x).unwrap().unwrap_or(f64::NAN)
        });
        assert_all_close(&expected.collect::<Vec<_>>(), &numbers(&case["expected"]), 1e-12);
    }

    #[test]
    fn expects_what_was_at_this_time_and_forgets_after_its_periods() {
        let mut rhythm = Rhythm::new(10, 3, 5).unwrap();
        for day in 0..2 {
            for i in 0..10 {
                let expected = rhythm.push(day * 10 + i, i as f64).unwrap();
                // Beside the last cell of the second period lies the first of two periods ago.
                assert_eq!(expected.is_some(), day == 1 && i > 7);
            }
        }
        assert!(!rhythm.ready_at(19) && rhythm.ready_at(20));
        // The median of 8.5, 0.5 and 2.5 of the last period, and 0.5 and 2.5 of the one before.
        assert_eq!(rhythm.push(20, 7.0).unwrap(), Some(2.5));
        assert_eq!(rhythm.push(24, 7.0).unwrap(), Some(4.5));
        // A value from the past is of the newest cell.
        assert_eq!(rhythm.push(0, 7.0).unwrap(), Some(4.5));
        assert_eq!(rhythm.push(1000, 7.0).unwrap(), None);
        assert!(rhythm.push(0, f64::NAN).is_err() && Rhythm::new(2, 3, 3).is_err());
        rhythm.reset();
        assert_eq!(rhythm, Rhythm::new(10, 3, 5).unwrap());
    }

    #[test]
    fn takes_the_whole_range_of_times_and_doubles() {
        let mut rhythm = Rhythm::daily();
        for time in [i64::MIN, -1, 0, 1, i64::MAX] {
            for x in [f64::MAX, f64::MIN, 0.0] {
                rhythm.push(time, x).unwrap();
            }
        }
    }

    #[test]
    fn snapshots() {
        let mut rhythm = Rhythm::new(10, 2, 5).unwrap();
        (0..25).for_each(|i| drop(rhythm.push(i, i as f64)));
        continues_the_same(&rhythm, |rhythm| (rhythm.push(25, 3.0), rhythm.push(27, 4.0)));
        survives_damage(&rhythm, |rhythm| drop((rhythm.push(25, 3.0), rhythm.push(-9, 4.0))));
    }
}
