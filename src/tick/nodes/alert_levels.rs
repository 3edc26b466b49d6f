//! The levels of an alert: their conditions, tested on a point.

use crate::protocol::Point;
use crate::tick::alert::Level;
use crate::tick::condition::Condition;
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Outbox, PointScope, Unseen};
use crate::tick::lambda::{Lambda, State};
use std::rc::Rc;

/// When an alert has a level.
enum LevelCondition {
    /// A lambda, whose failures cost a point.
    Lambda(Rc<Lambda>, State),
    /// A condition in another language.
    Foreign(Rc<dyn Condition>),
}

/// The levels that have conditions.
const LEVELS: [Level; 3] = [Level::Info, Level::Warning, Level::Critical];

/// The conditions of the levels and of their resets, INFO first; all groups share their state.
pub(super) struct Levels {
    conditions: [Option<LevelCondition>; 3],
    resets: [Option<LevelCondition>; 3],
}

impl Levels {
    /// Reads the conditions of an alert.
    pub(super) fn new(definition: &Definition) -> Self {
        let condition = |name: &str| match definition.value(name)? {
            Object::Lambda(_, lambda) => {
                Some(LevelCondition::Lambda(Rc::clone(lambda), State::default()))
            }
            Object::Condition(condition) => Some(LevelCondition::Foreign(Rc::clone(condition))),
            _ => None,
        };
        Self {
            conditions: [condition("info"), condition("warn"), condition("crit")],
            resets: [condition("infoReset"), condition("warnReset"), condition("critReset")],
        }
    }

    /// Returns the names of conditions that no point had.
    pub(super) fn unseen(&self) -> Vec<Unseen> {
        let foreign = self.conditions.iter().filter_map(|condition| match condition {
            Some(LevelCondition::Foreign(condition)) => Some(condition),
            _ => None,
        });
        foreign.flat_map(|condition| condition.unseen()).collect()
    }

    /// Saves or restores what the conditions remember.
    pub(super) fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        let resets = self.resets.iter_mut().map(|reset| (" reset", reset));
        let all = self.conditions.iter_mut().map(|condition| ("", condition)).chain(resets);
        for ((what, condition), level) in all.zip(LEVELS.iter().cycle()) {
            let name = format!("{level}{what}");
            match condition {
                None => {}
                Some(LevelCondition::Foreign(condition)) => condition.remember(memory)?,
                Some(LevelCondition::Lambda(lambda, state)) => {
                    memory.lambda(&name, lambda)?;
                    if lambda.remembers() {
                        memory.value(&name, state)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the level of a point, given the one of the group.
    pub(super) fn determine(
        &mut self,
        point: &Point,
        current: Level,
        out: &mut Outbox<'_>,
    ) -> Result<Level> {
        let current = current as usize;
        // The levels from CRITICAL down to the current one.
        for i in (current.saturating_sub(1)..3).rev() {
            if test(&mut self.conditions[i], point, out)? == Some(true) {
                return Ok(LEVELS[i]);
            }
        }
        if current > 0
            && self.conditions[current - 1].is_some()
            && test(&mut self.resets[current - 1], point, out)? == Some(false)
        {
            return Ok(LEVELS[current - 1]);
        }
        for i in (0..current).rev() {
            if test(&mut self.conditions[i], point, out)? == Some(true) {
                return Ok(LEVELS[i]);
            }
        }
        Ok(Level::Ok)
    }
}

/// Tests a condition, if there is one; reports a lambda that cannot be tested.
fn test(
    condition: &mut Option<LevelCondition>,
    point: &Point,
    out: &mut Outbox<'_>,
) -> Result<Option<bool>> {
    match condition {
        None => Ok(None),
        Some(LevelCondition::Foreign(condition)) => condition.holds(point),
        Some(LevelCondition::Lambda(lambda, state)) => {
            match lambda.test(&PointScope::new(point), state) {
                Ok(holds) => Ok(Some(holds)),
                Err(error) => {
                    out.diagnose(&error);
                    Ok(None)
                }
            }
        }
    }
}
