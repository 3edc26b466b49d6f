//! A series in bounded memory: M4 decimation (Jugel, Jerzak, Hackenbroich, Markl: M4, a
//! visualization-oriented time series data aggregation, VLDB 2014). Of each column of time the first,
//! the last, the smallest and the largest value are kept with their times, so that a line through them
//! is the line through all values, to the pixel: no spike is lost. Columns become twice as wide whenever
//! there are too many of them.

/// A time in nanoseconds, and the value; not a number where the line is broken.
pub type Sample = (i64, f64);

/// Values that are kept as they are before columns are made, as a multiple of the columns.
const RAW: usize = 4;

/// How many times the usual distance two values are apart where the line between them is broken.
const GAP: i64 = 8;

/// A series that is being collected.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// All values, as long as there are few.
    raw: Vec<Sample>,
    columns: Vec<Column>,
    /// The width of a column, as a power of two of nanoseconds.
    shift: u32,
    steps: Steps,
    /// How many values there were.
    pub(super) count: u64,
}

/// What is kept of a column of time.
#[derive(Clone, Copy, Debug)]
struct Column {
    number: i64,
    /// The first, the last, the smallest and the largest number; `None` if there was none.
    kept: Option<[Sample; 4]>,
    /// The first time without a number.
    broken: Option<i64>,
}

impl Series {
    /// Takes a value; at most `limit` columns are wanted.
    pub(super) fn push(&mut self, time: i64, value: f64, limit: usize) {
        self.count += 1;
        self.steps.take(time);
        let value = if value.is_finite() { value } else { f64::NAN };
        if self.columns.is_empty() {
            self.raw.push((time, value));
            if self.raw.len() > RAW * limit {
                self.make_columns(limit);
            }
            return;
        }
        self.add(time, value);
        if self.columns.len() > 2 * limit {
            self.widen(limit);
        }
    }

    fn make_columns(&mut self, limit: usize) {
        let raw = std::mem::take(&mut self.raw);
        let first = raw.iter().map(|(time, _)| *time).min().unwrap_or(0);
        let last = raw.iter().map(|(time, _)| *time).max().unwrap_or(0);
        let width = last.abs_diff(first) / limit as u64 + 1;
        self.shift = width.next_power_of_two().trailing_zeros().min(62);
        raw.into_iter().for_each(|(time, value)| self.add(time, value));
        self.widen(2 * limit);
    }

    fn add(&mut self, time: i64, value: f64) {
        let number = time >> self.shift;
        let at = match self.columns.last() {
            Some(last) if last.number == number => self.columns.len() - 1,
            Some(last) if last.number > number => {
                match self.columns.binary_search_by_key(&number, |column| column.number) {
                    Ok(at) => at,
                    Err(at) => {
                        self.columns.insert(at, Column::new(number));
                        at
                    }
                }
            }
            _ => {
                self.columns.push(Column::new(number));
                self.columns.len() - 1
            }
        };
        self.columns[at].add((time, value));
    }

    /// Makes columns wider until there are no more than so many.
    fn widen(&mut self, limit: usize) {
        while self.columns.len() > limit.max(1) && self.shift < 63 {
            self.shift += 1;
            let mut wide: Vec<Column> = Vec::with_capacity(self.columns.len() / 2 + 1);
            for column in &self.columns {
                let number = column.number >> 1;
                match wide.last_mut() {
                    Some(last) if last.number == number => last.join(column),
                    _ => wide.push(Column { number, ..*column }),
                }
            }
            self.columns = wide;
        }
    }

    /// Returns the kept values, in the order of their times, at most four values a column and one for each
    /// place where the line is broken: where there was no number, or nothing for long.
    pub(super) fn finish(mut self, limit: usize) -> Vec<Sample> {
        if self.raw.len() > RAW * limit {
            self.make_columns(limit);
        }
        self.widen(2 * limit);
        let mut samples = self.raw;
        samples.sort_by_key(|(time, _)| *time);
        self.columns.iter().for_each(|column| column.write(&mut samples));
        let width = if self.shift == 0 { 0 } else { 1i64 << self.shift.min(61) };
        match self.steps.usual() {
            Some(usual) => broken(samples, usual.saturating_mul(GAP).max(width.saturating_mul(2))),
            None => samples,
        }
    }
}

/// Breaks a line where it spans more than so many nanoseconds.
fn broken(samples: Vec<Sample>, most: i64) -> Vec<Sample> {
    let mut out: Vec<Sample> = Vec::with_capacity(samples.len());
    for (time, value) in samples {
        if let Some((last, before)) = out.last().copied()
            && time.saturating_sub(last) > most
            && !before.is_nan()
            && !value.is_nan()
        {
            out.push((last + (time - last) / 2, f64::NAN));
        }
        out.push((time, value));
    }
    out
}

impl Column {
    fn new(number: i64) -> Self {
        Self { number, kept: None, broken: None }
    }

    fn add(&mut self, sample: Sample) {
        if sample.1.is_nan() {
            self.broken = Some(self.broken.map_or(sample.0, |time| time.min(sample.0)));
        } else {
            self.take([sample; 4]);
        }
    }

    fn join(&mut self, other: &Self) {
        if let Some(kept) = other.kept {
            self.take(kept);
        }
        self.broken = self.broken.or(other.broken);
    }

    fn take(&mut self, [first, last, least, most]: [Sample; 4]) {
        let Some(kept) = &mut self.kept else {
            self.kept = Some([first, last, least, most]);
            return;
        };
        if first.0 < kept[0].0 {
            kept[0] = first;
        }
        if last.0 >= kept[1].0 {
            kept[1] = last;
        }
        if least.1 < kept[2].1 {
            kept[2] = least;
        }
        if most.1 > kept[3].1 {
            kept[3] = most;
        }
    }

    fn write(&self, out: &mut Vec<Sample>) {
        let start = out.len();
        out.extend(self.kept.iter().flatten());
        out.extend(self.broken.map(|time| (time, f64::NAN)));
        out[start..].sort_by_key(|(time, _)| *time);
        let mut before = None;
        let mut keep = start;
        for at in start..out.len() {
            let sample = out[at];
            let same = before.is_some_and(|(time, value): Sample| {
                time == sample.0 && value.to_bits() == sample.1.to_bits()
            });
            if !same {
                out[keep] = sample;
                keep += 1;
            }
            before = Some(sample);
        }
        out.truncate(keep);
    }
}

/// How far values are apart: how often by which power of two of nanoseconds.
#[derive(Clone, Debug)]
struct Steps {
    last: Option<i64>,
    counts: [u32; 64],
}

impl Default for Steps {
    fn default() -> Self {
        Self { last: None, counts: [0; 64] }
    }
}

impl Steps {
    fn take(&mut self, time: i64) {
        if let Some(last) = self.last.replace(time)
            && time > last
        {
            let step = time.saturating_sub(last);
            let count = &mut self.counts[(63 - step.leading_zeros()) as usize];
            *count = count.saturating_add(1);
        }
    }

    /// The median of the distances, rounded up to a power of two; `None` if there is none.
    fn usual(&self) -> Option<i64> {
        let all: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        let median = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen * 2 > all
        })?;
        Some(1i64 << (median + 1).min(62))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn collected(values: impl Iterator<Item = Sample>, limit: usize) -> Vec<Sample> {
        let mut series = Series::default();
        values.for_each(|(time, value)| series.push(time, value, limit));
        series.finish(limit)
    }

    #[test]
    fn a_day_of_seconds_keeps_each_spike() {
        let spikes = [17, 40_000, 86_399];
        let value = |i: i64| match spikes.iter().position(|spike| *spike == i) {
            Some(n) => 100.0 + n as f64,
            None => (i as f64 / 600.0).sin(),
        };
        let samples = collected((0..86_400).map(|i| (i * SECOND, value(i))), 500);
        assert!(samples.len() <= 4000, "{}", samples.len());
        for spike in spikes {
            assert!(samples.contains(&(spike * SECOND, value(spike))), "{spike}");
        }
        assert_eq!((samples[0].0, samples.last().unwrap().0), (0, 86_399 * SECOND));
        assert!(samples.is_sorted_by_key(|(time, _)| *time));
    }

    #[test]
    fn few_values_stay_as_they_are() {
        assert_eq!(collected([(5, -1e300)].into_iter(), 10), [(5, -1e300)]);
        assert!(collected(std::iter::empty(), 10).is_empty());
        let two = collected([(2, 1.0), (1, 2.0)].into_iter(), 10);
        assert_eq!(two, [(1, 2.0), (2, 1.0)]);
    }

    #[test]
    fn a_line_breaks_at_gaps_and_where_there_is_no_number() {
        let times = (0..100).chain(1000..1100).map(|i| i * SECOND);
        let samples = collected(times.map(|time| (time, 1.0)), 1000);
        let breaks: Vec<_> = samples.iter().filter(|(_, value)| value.is_nan()).collect();
        assert_eq!(breaks.len(), 1);
        assert!((100 * SECOND..1000 * SECOND).contains(&breaks[0].0));
        let value = |i: i64| if (5000..6000).contains(&i) { f64::INFINITY } else { 2.0 };
        let samples = collected((0..20_000).map(|i| (i * SECOND, value(i))), 100);
        let breaks = samples.iter().filter(|(_, value)| value.is_nan());
        assert!(breaks.clone().count() > 0);
        assert!(breaks.clone().all(|(time, _)| (4900..6100).contains(&(time / SECOND))));
        let numbers = samples.iter().filter(|(_, value)| !value.is_nan());
        assert!(!numbers.clone().any(|(time, _)| (5300..5700).contains(&(time / SECOND))));
    }

    #[test]
    fn times_that_go_back_find_their_column() {
        let forth = (0..50_000).map(|i| (i * SECOND, 0.0));
        let back = (0..50_000).map(|i| (i * SECOND, if i == 777 { 9.0 } else { 0.5 }));
        let samples = collected(forth.chain(back), 200);
        assert!(samples.contains(&(777 * SECOND, 9.0)));
        assert!(samples.is_sorted_by_key(|(time, _)| *time));
        assert!(samples.len() <= 1600, "{}", samples.len());
    }

    #[test]
    fn the_ends_of_time_are_times() {
        let samples = collected(
            (0..1000).flat_map(|i| [(i64::MIN + i, f64::MAX), (i64::MAX - i, -f64::MAX)]),
            10,
        );
        assert!(samples.len() <= 80, "{samples:?}");
        assert_eq!((samples[0].1, samples.last().unwrap().1), (f64::MAX, -f64::MAX));
    }
}
