//! Alerts on what a UDF writes: conditions for the levels, and a state for each group.

use super::ReplayError;
use super::transport::Event;
use crate::protocol::{Batch, FieldValue, Point};
use crate::script::Expression;
use std::collections::HashMap;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Ok,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        })
    }
}

/// The conditions for each level.
#[derive(Debug, Default)]
pub struct Rules {
    /// For [`Level::Info`].
    pub info: Option<Expression>,
    /// For [`Level::Warning`].
    pub warn: Option<Expression>,
    /// For [`Level::Critical`].
    pub crit: Option<Expression>,
}

/// An alert: a level that is not OK, or the way back to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The time of the point or batch, in nanoseconds since the epoch.
    pub time: i64,
    /// The level.
    pub level: Level,
    /// The level before.
    pub previous: Level,
    /// The measurement and the group.
    pub id: String,
    /// The fields of the point that decided.
    pub values: Vec<(String, FieldValue<'static>)>,
}

/// The levels of all groups.
#[derive(Debug)]
pub struct Alerts {
    rules: Rules,
    levels: HashMap<Box<str>, Level, ahash::RandomState>,
}

impl Rules {
    /// True if there is no condition at all.
    pub fn is_empty(&self) -> bool {
        self.info.is_none() && self.warn.is_none() && self.crit.is_none()
    }

    /// The highest level whose condition holds; a condition on a field that is missing does not.
    ///
    /// # Errors
    /// A condition that fails.
    pub fn level(&self, point: &Point) -> Result<Level, ReplayError> {
        let rules = [
            (&self.crit, Level::Critical),
            (&self.warn, Level::Warning),
            (&self.info, Level::Info),
        ];
        for (rule, level) in rules {
            if let Some(rule) = rule
                && rule.eval(point)? == Some(true)
            {
                return Ok(level);
            }
        }
        Ok(Level::Ok)
    }
}

impl Alerts {
    /// Alerts by these rules; every group starts OK.
    pub fn new(rules: Rules) -> Self {
        Self { rules, levels: HashMap::default() }
    }

    /// Looks at what a UDF wrote.
    ///
    /// # Errors
    /// A condition that fails.
    pub fn event(&mut self, event: &Event<'_>) -> Result<Option<Alert>, ReplayError> {
        match event {
            Event::Point(point) => self.point(point),
            Event::Batch(batch) => self.batch(batch),
        }
    }

    /// Looks at a point.
    ///
    /// # Errors
    /// A condition that fails.
    pub fn point(&mut self, point: &Point) -> Result<Option<Alert>, ReplayError> {
        let level = self.rules.level(point)?;
        Ok(self.settle(level, point.time(), &point.name(), &point.group(), point))
    }

    /// Looks at a batch: one alert, of its highest level.
    ///
    /// # Errors
    /// A condition that fails.
    pub fn batch(&mut self, batch: &Batch) -> Result<Option<Alert>, ReplayError> {
        let mut highest = (Level::Ok, Point::default());
        for (i, point) in batch.points().enumerate() {
            let level = self.rules.level(&point)?;
            if i == 0 || level > highest.0 {
                highest = (level, point);
            }
        }
        let (level, point) = highest;
        Ok(self.settle(level, batch.tmax, &batch.name, &batch.group, &point))
    }

    fn settle(
        &mut self,
        level: Level,
        time: i64,
        name: &str,
        group: &str,
        point: &Point,
    ) -> Option<Alert> {
        let previous = match self.levels.get_mut(group) {
            Some(previous) => std::mem::replace(previous, level),
            None => {
                self.levels.insert(group.into(), level);
                Level::Ok
            }
        };
        if level == Level::Ok && previous == Level::Ok {
            return None;
        }
        let owned = |value: FieldValue<'_>| match value {
            FieldValue::String(text) => FieldValue::String(text.into_owned().into()),
            FieldValue::Int(value) => value.into(),
            FieldValue::Double(value) => value.into(),
            FieldValue::Bool(value) => value.into(),
        };
        let mut values: Vec<_> =
            point.fields().map(|(name, value)| (name.into_owned(), owned(value))).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        let group = group.strip_prefix(name).unwrap_or(group).trim_start_matches('\n');
        let id = match group {
            "" => name.to_owned(),
            group => format!("{name}:{group}"),
        };
        Some(Alert { time, level, previous, id, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alerts() -> Alerts {
        let rule = |text| Some(Expression::compile(text).unwrap());
        Alerts::new(Rules { info: None, warn: rule("x > 5"), crit: rule("x > 8") })
    }

    fn point(time: i64, group: &str, x: f64) -> Point {
        let mut point = Point::new(time);
        point.set_name("m");
        point.set_group(group);
        point.set_field("x", x);
        point
    }

    #[test]
    fn levels_rise_and_fall_for_each_group() {
        let mut alerts = alerts();
        let mut got = Vec::new();
        for (time, group, x) in [
            (1, "a", 1.0),
            (2, "a", 6.0),
            (3, "b", 9.0),
            (4, "a", 9.0),
            (5, "a", 2.0),
            (6, "a", 2.0),
        ] {
            let alert = alerts.point(&point(time, group, x)).unwrap();
            got.extend(alert.map(|a| format!("{} {} {}->{}", a.time, a.id, a.previous, a.level)));
        }
        assert_eq!(
            got,
            [
                "2 m:a OK->WARNING",
                "3 m:b OK->CRITICAL",
                "4 m:a WARNING->CRITICAL",
                "5 m:a CRITICAL->OK"
            ]
        );
    }

    #[test]
    fn a_batch_raises_one_alert_of_its_highest_level() {
        let mut batch = Batch::default();
        (batch.name, batch.tmax) = ("m".into(), 9);
        for x in [1.0, 9.0, 6.0] {
            batch.push(&point(1, "", x));
        }
        let alert = alerts().batch(&batch).unwrap().unwrap();
        assert_eq!((alert.time, alert.level), (9, Level::Critical));
        assert_eq!(alert.values, [("x".into(), 9.0.into())]);
    }
}
