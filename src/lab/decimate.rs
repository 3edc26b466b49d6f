//! Reduces columns to the resolution of a picture: for each pixel it keeps the least and the greatest value, in the
//! order in which they came, so that no spike is lost.

use crate::replay::trace::Sample;

/// Stands for no value at this time, which leaves the line as it is; a NaN breaks it.
pub(super) const ABSENT: f64 = f64::INFINITY;

/// Takes the samples between two times, with the one before and the one after, so that lines leave the picture at
/// its edges.
pub(super) fn within(samples: &[Sample], from: i64, to: i64) -> &[Sample] {
    let first = samples.partition_point(|(time, _)| *time < from);
    let last = samples.partition_point(|(time, _)| *time <= to).max(first);
    &samples[first.saturating_sub(1)..(last + 1).min(samples.len())]
}

/// Lines over one axis of times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawn {
    /// Seconds since the epoch.
    pub(super) times: Vec<f64>,
    /// The values of each line; a NaN where it is broken, [`ABSENT`] where it has none.
    pub(super) values: Vec<Vec<f64>>,
}

/// Draws lines into so many pixels.
pub(super) fn draw(lines: &[&[Sample]], pixels: usize) -> Drawn {
    let points = lines.iter().map(|line| line.len()).max().unwrap_or(0);
    if points <= pixels * 2 { draw_all(lines) } else { draw_extremes(lines, pixels.max(1)) }
}

fn seconds(time: i64) -> f64 {
    time as f64 / 1e9
}

/// Every point of every line.
fn draw_all(lines: &[&[Sample]]) -> Drawn {
    let mut times: Vec<i64> = lines.iter().flat_map(|line| line.iter().map(|s| s.0)).collect();
    times.sort_unstable();
    times.dedup();
    let values = lines.iter().map(|line| {
        let mut row = 0;
        let value = |time: &i64| {
            let mut value = ABSENT;
            // Several points at one time: the last that has a value.
            while row < line.len() && line[row].0 <= *time {
                if line[row].0 == *time && (value == ABSENT || !line[row].1.is_nan()) {
                    value = line[row].1;
                }
                row += 1;
            }
            value
        };
        times.iter().map(value).collect()
    });
    Drawn { values: values.collect(), times: times.iter().map(|time| seconds(*time)).collect() }
}

/// The least and the greatest value of each pixel.
fn draw_extremes(lines: &[&[Sample]], pixels: usize) -> Drawn {
    let first = lines.iter().filter_map(|line| line.first()).map(|s| s.0).min().unwrap_or(0);
    let last = lines.iter().filter_map(|line| line.last()).map(|s| s.0).max().unwrap_or(0);
    let width = i128::from(last) - i128::from(first) + 1;
    let edge = |pixel: usize| -> i64 {
        let offset = width * pixel as i128 / pixels as i128;
        (i128::from(first) + offset) as i64
    };
    let mut drawn = Drawn { times: Vec::new(), values: vec![Vec::new(); lines.len()] };
    let mut rows = vec![0; lines.len()];
    for pixel in 0..pixels {
        let (begin, end) = (edge(pixel), edge(pixel + 1));
        let mut any = false;
        for (i, line) in lines.iter().enumerate() {
            let start = rows[i];
            let stop = start + line[start..].partition_point(|(time, _)| *time < end);
            rows[i] = stop;
            any |= stop > start;
            drawn.values[i].extend(extremes(&line[start..stop]));
        }
        if any {
            drawn.times.extend([seconds(begin), seconds(begin + (end - begin) / 2)]);
        } else {
            drawn.values.iter_mut().for_each(|values| values.truncate(values.len() - 2));
        }
    }
    drawn
}

/// The least and the greatest value, in their order.
fn extremes(samples: &[Sample]) -> [f64; 2] {
    if samples.is_empty() {
        return [ABSENT; 2];
    }
    let (mut low, mut high) = (f64::NAN, f64::NAN);
    let (mut low_at, mut high_at) = (0, 0);
    for (i, (_, value)) in samples.iter().enumerate() {
        // A NaN compares false: the first number takes its place.
        if *value < low || low.is_nan() && !value.is_nan() {
            (low, low_at) = (*value, i);
        }
        if *value > high || high.is_nan() && !value.is_nan() {
            (high, high_at) = (*value, i);
        }
    }
    if low_at <= high_at { [low, high] } else { [high, low] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: Vec<f64>) -> Vec<Sample> {
        (0..).zip(values).map(|(second, value)| (second * 1_000_000_000, value)).collect()
    }

    #[test]
    fn a_spike_of_one_second_in_a_day_is_drawn() {
        let mut values = vec![1.0; 86_400];
        values[50_001] = 99.0;
        values[60_001] = -99.0;
        values[70_000] = f64::NAN;
        let samples = samples(values);
        let drawn = draw(&[within(&samples, i64::MIN, i64::MAX)], 800);
        assert_eq!((drawn.times.len(), drawn.values[0].len()), (1600, 1600));
        assert!(drawn.times.is_sorted());
        assert!(drawn.values[0].contains(&99.0) && drawn.values[0].contains(&-99.0));
        assert!(drawn.values[0].iter().all(|value| !value.is_nan()));
    }

    #[test]
    fn few_points_are_drawn_as_they_are() {
        let (a, mut b) = (samples(vec![1.0, 2.0, 3.0]), samples(vec![5.0, 6.0, f64::NAN]));
        b[1].0 += 1;
        let drawn = draw(&[&a, &b], 800);
        assert_eq!(drawn.times.len(), 4);
        assert_eq!(drawn.values[0][..], [1.0, 2.0, ABSENT, 3.0]);
        assert_eq!(drawn.values[1][..3], [5.0, ABSENT, 6.0]);
        assert!(drawn.values[1][3].is_nan());
        assert_eq!(draw(&[], 800), Drawn::default());
    }

    #[test]
    fn a_part_is_drawn_with_its_neighbours() {
        let all = samples(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(within(&all, 1_500_000_000, 2_500_000_000), &all[1..4]);
        assert_eq!(within(&all, 10_000_000_000, 20_000_000_000), &all[4..]);
        assert!(within(&[], 0, 1).is_empty());
    }

    #[test]
    fn pixels_without_points_are_left_out() {
        let mut gap = samples(vec![1.0; 10_000]);
        for (time, _) in &mut gap[5_000..] {
            *time += 1_000_000_000_000_000;
        }
        let drawn = draw(&[&gap], 100);
        assert!(drawn.times.len() < 20, "{}", drawn.times.len());
    }
}
