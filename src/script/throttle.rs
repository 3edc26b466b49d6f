//! Limits log lines that may come by the thousand: the first few are written, then one in ten seconds with the number
//! of lines that were not written.

use std::time::{Duration, Instant};

/// Lines that are written before any is held back.
const FIRST: u32 = 3;

/// The time for which lines are held back.
const PAUSE: Duration = Duration::from_secs(10);

/// Decides which lines are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    /// The beginning of the pause, and the lines that were written in it.
    since: Option<(Instant, u32)>,
    held: u64,
}

impl Throttle {
    /// `None` to hold a line back, else the number of lines that were held back before it.
    pub(crate) fn pass(&mut self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&mut self, now: Instant) -> Option<u64> {
        let (since, lines) = self.since.get_or_insert((now, 0));
        if now.saturating_duration_since(*since) >= PAUSE {
            // After a pause with many lines, one line is written to show that they continue.
            *lines = if self.held > 0 { FIRST - 1 } else { 0 };
            *since = now;
        }
        if *lines >= FIRST {
            self.held += 1;
            return None;
        }
        *lines += 1;
        Some(std::mem::take(&mut self.held))
    }
}

/// `; 5 more like it were not logged`, or nothing.
pub(crate) fn held_back(lines: u64) -> String {
    match lines {
        0 => String::new(),
        1 => "; 1 similar line was not logged".into(),
        lines => format!("; {lines} similar lines were not logged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_pass_and_the_rest_are_counted() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let passed: Vec<_> = (0..5).map(|_| throttle.pass_at(start)).collect();
        assert_eq!(passed, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(throttle.pass_at(start + PAUSE), Some(2));
        assert_eq!(throttle.pass_at(start + PAUSE), None);
        assert_eq!(throttle.pass_at(start + 2 * PAUSE), Some(1));
    }
}
