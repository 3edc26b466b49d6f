//! Samples thinned to the columns of a picture: of each the first, the last, the least and the most.

use crate::replay::quality::Interval;
use crate::replay::trace::Sample;

/// Returns the lines of a field: what lies between two breaks, thinned to so many columns.
pub(super) fn lines(samples: &[Sample], span: Interval, columns: usize) -> Vec<Vec<Sample>> {
    let mut lines = Vec::new();
    for line in samples.split(|(_, value)| value.is_nan()).filter(|line| !line.is_empty()) {
        lines.push(thinned(line, span, columns));
    }
    lines
}

/// Thins a line without breaks.
fn thinned(line: &[Sample], span: Interval, columns: usize) -> Vec<Sample> {
    if line.len() <= 4 {
        return line.to_vec();
    }
    let mut out = Vec::with_capacity(line.len().min(4 * columns));
    let of = |sample: &Sample| column(sample.0, span, columns);
    for part in line.chunk_by(|a, b| of(a) == of(b)) {
        let least = part.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let most = part.iter().enumerate().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let middle = |found: Option<(usize, &Sample)>| found.map_or(0, |(at, _)| at);
        let mut places = [0, middle(least), middle(most), part.len() - 1];
        places.sort_unstable();
        let mut before = None;
        for place in places {
            if before.replace(place) != Some(place) {
                out.push(part[place]);
            }
        }
    }
    out
}

/// The column of a time.
pub(super) fn column(time: i64, span: Interval, columns: usize) -> usize {
    let width = (i128::from(span.to) - i128::from(span.from)).max(1);
    let at = (i128::from(time) - i128::from(span.from)) * columns as i128 / width;
    at.clamp(0, columns as i128 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_and_keep_their_spikes() {
        let span = Interval { from: 0, to: 10_000 };
        let mut samples: Vec<Sample> = (0..10_000).map(|i| (i, (i % 3) as f64)).collect();
        samples[4321].1 = -50.0;
        samples[7000].1 = f64::NAN;
        let lines = lines(&samples, span, 100);
        assert_eq!(lines.len(), 2);
        assert!(lines.concat().len() <= 408);
        assert!(lines[0].contains(&(4321, -50.0)));
        assert_eq!((lines[0][0].0, lines[1][0].0), (0, 7001));
    }
}
