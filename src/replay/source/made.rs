//! Generated points for measurements: values of random walks, the same in every run.

use super::{Item, Scratch, Source};
use crate::protocol::Point;
use crate::protocol::duration::SECOND;
use crate::replay::ReplayError;
use crate::stats::Rng;

/// The time of the first points: 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600 * SECOND;

/// The mean that all values return to.
const MEAN: f64 = 50.0;

/// What is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeUp {
    /// How many points.
    pub points: u32,
    /// How many groups the points belong to, in turn; each is a `host`.
    pub groups: u32,
    /// The names of the fields.
    pub fields: Vec<String>,
}

impl MadeUp {
    /// Returns the points: each group has one a second, and each field of a group a value that wanders
    /// on its own.
    pub fn open(&self) -> Box<dyn Source> {
        let values = vec![MEAN; self.groups.max(1) as usize * self.fields.len()];
        Box::new(Wandering { made: self.clone(), values, rng: Rng::new(1), next: 0 })
    }
}

/// Makes the points one by one.
struct Wandering {
    made: MadeUp,
    /// The last value of each field of each group.
    values: Vec<f64>,
    rng: Rng,
    /// The number of the next point.
    next: u32,
}

impl Source for Wandering {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let Self { made, values, rng, next } = self;
        if *next == made.points {
            return Ok(None);
        }
        let groups = made.groups.max(1);
        let group = *next % groups;
        let host = format!("server-{group:06}");
        let mut point = Point::new(START + i64::from(*next / groups) * SECOND);
        point.set_name("bench");
        point.set_tag("host", &host);
        point.set_dimensions(["host"]);
        point.set_group(&format!("host={host}"));
        let first = group as usize * made.fields.len();
        for (value, name) in values[first..].iter_mut().zip(&made.fields) {
            *value += (MEAN - *value) * 0.05 + rng.uniform() - 0.5;
            point.set_field(name, *value);
        }
        scratch.point = point;
        *next += 1;
        Ok(Some(Item::Point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_turns_and_every_run_is_the_same() {
        let made = MadeUp { points: 5, groups: 2, fields: vec!["a".into(), "b".into()] };
        let read = || {
            let (mut source, mut scratch) = (made.open(), Scratch::default());
            let mut points = Vec::new();
            while source.next(&mut scratch).unwrap().is_some() {
                let point = &scratch.point;
                let value = point.field("b").unwrap().as_double().unwrap();
                points.push((point.group().to_string(), point.time() - START, value));
            }
            points
        };
        let points = read();
        let places: Vec<_> =
            points.iter().map(|(group, time, _)| (group.as_str(), *time / SECOND)).collect();
        let [even, odd] = ["host=server-000000", "host=server-000001"];
        assert_eq!(places, [(even, 0), (odd, 0), (even, 1), (odd, 1), (even, 2)]);
        assert_eq!(points, read());
        assert!(points.iter().all(|(_, _, value)| (40.0..60.0).contains(value)));
    }
}
