//! `|alert()`: levels, events and their texts.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::alert_state::{Policy, State};
use super::map_points;
use crate::protocol::group::{regroup, regroup_point};
use crate::protocol::{Batch, Point};
use crate::tick::alert::texts::Texts;
use crate::tick::alert::{AlertEvent, Level};
use crate::tick::condition;
use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, Property};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{ByGroup, Message, Node, Outbox, PointScope, Unseen};
use crate::tick::graph::Task;
use crate::tick::lambda::{Lambda, functions};

/// Raises alerts.
pub(crate) struct Alert {
    levels: Levels,
    texts: Texts,
    policy: Policy,
    all: bool,
    recoveries: bool,
    logs: Vec<PathBuf>,
    handlers: Rc<[String]>,
    marks: Marks,
    groups: ByGroup<State>,
    /// The last event of each id: groups whose ids are the same share it.
    events: HashMap<String, (Level, i64), ahash::RandomState>,
    /// Whether events are kept beyond a group, which they are for a handler or a topic.
    remembers: bool,
}

/// When an alert has a level.
enum Condition {
    /// A lambda, whose failures cost a point.
    Lambda(Rc<Lambda>, functions::State),
    /// A condition in another language.
    Foreign(Rc<dyn condition::Condition>),
}

/// The levels that have conditions.
const LEVELS: [Level; 3] = [Level::Info, Level::Warning, Level::Critical];

/// The conditions of the levels and of their resets, INFO first; all groups share their state.
struct Levels {
    conditions: [Option<Condition>; 3],
    resets: [Option<Condition>; 3],
}

/// The fields and tags which carry the event along with the data.
struct Marks {
    level_tag: Option<Rc<str>>,
    id_tag: Option<Rc<str>>,
    level_field: Option<Rc<str>>,
    id_field: Option<Rc<str>>,
    message_field: Option<Rc<str>>,
    duration_field: Option<Rc<str>>,
}

impl Alert {
    pub(crate) fn new(
        definitions: &[Definition],
        id: usize,
        source: &TickText<'_>,
        task: &Task,
    ) -> Result<Self> {
        let definition = &definitions[id];
        let condition = |name: &str| match definition.value(name)? {
            Object::Lambda(_, lambda) => {
                Some(Condition::Lambda(Rc::clone(lambda), functions::State::default()))
            }
            Object::Condition(condition) => Some(Condition::Foreign(Rc::clone(condition))),
            _ => None,
        };
        let flapping =
            match definition.last("flapping").map(|property| property.arguments.as_slice()) {
                Some([Object::Float(low), Object::Float(high)]) if *low <= 1.0 && *high <= 1.0 => {
                    Some((*low, *high))
                }
                Some(_) => {
                    return Err(source
                        .error(definition.at, ".flapping(low, high) takes shares from 0 to 1"));
                }
                None => None,
            };
        let policy = Policy {
            history: usize::try_from(definition.int("history").unwrap_or(21))
                .unwrap_or(2)
                .clamp(2, 1_000_000),
            flapping,
            state_changes_only: definition.flag("stateChangesOnly"),
            repeat: definition.duration("stateChangesOnly").unwrap_or(0),
        };
        let handlers = handlers(&definition.properties);
        Ok(Self {
            levels: Levels {
                conditions: [condition("info"), condition("warn"), condition("crit")],
                resets: [condition("infoReset"), condition("warnReset"), condition("critReset")],
            },
            texts: Texts::new(definitions, id, source, &task.id)?,
            policy,
            all: definition.flag("all"),
            recoveries: !definition.flag("noRecoveries"),
            logs: logs(&definition.properties),
            remembers: !handlers.is_empty()
                || definition.string("topic").is_some_and(|topic| !topic.is_empty()),
            handlers: handlers.into(),
            marks: Marks::new(definition),
            groups: ByGroup::default(),
            events: HashMap::default(),
        })
    }

    /// Returns the level of a group; a new one goes on from the last event of its id.
    fn current(&mut self, message: &Message) -> Result<Level> {
        let group = message.group_bytes();
        if let Some(state) = self.groups.get(group) {
            return Ok(state.level());
        }
        let mut state = State::new(&self.policy);
        if self.remembers
            && let Some((level, time)) = self.events.get(&self.texts.id(message)?)
            && *level != Level::Ok
        {
            state.add(message.time(), *level, &self.policy);
            state.triggered(*time);
        }
        Ok(self.groups.insert(group, state).level())
    }

    /// Takes the level of a group; returns for how long the alert has not been OK if that is an event.
    fn settle(
        &mut self,
        message: &Message,
        time: i64,
        level: Level,
        out: &mut Outbox<'_>,
    ) -> Option<i64> {
        let policy = self.policy;
        let state = self.groups.get_or(message.group_bytes(), || State::new(&policy));
        if level != Level::Ok {
            out.outside.level(out.number, state.level(), level);
        }
        state.add(time, level, &policy);
        let triggers = match message {
            Message::Point(_) => state.triggers_point(&policy),
            Message::Batch(_) => state.triggers_batch(&policy),
        };
        if !triggers {
            return None;
        }
        state.triggered(time);
        (level != Level::Ok || self.recoveries).then(|| state.duration())
    }

    /// Tells the outside of an event, and marks the data with it.
    fn event(
        &mut self,
        (message, point): (Message, &Point),
        (time, level, duration): (i64, Level, i64),
        out: &mut Outbox<'_>,
    ) -> Result<()> {
        let id = self.texts.id(&message)?;
        let previous = match self.events.get_mut(&id) {
            Some(last) => std::mem::replace(last, (level, time)).0,
            None => {
                self.events.insert(id.clone(), (level, time));
                Level::Ok
            }
        };
        let event = AlertEvent {
            node: out.number,
            id: &id,
            time,
            duration,
            level,
            previous_level: previous,
            recoverable: self.recoveries,
            handlers: &self.handlers,
            point,
            data: &message,
            texts: &self.texts,
            message: OnceCell::new(),
            details: OnceCell::new(),
        };
        if self.texts.own_details {
            event.details()?;
        }
        out.outside.alert(&event)?;
        if !self.logs.is_empty() {
            let line = event.json_line()?;
            for path in &self.logs {
                out.outside.alert_log(path, &line)?;
            }
        }
        if self.marks.any() {
            let marked = self.marks.mark(&event)?;
            out.send(marked);
        } else {
            out.send(message);
        }
        Ok(())
    }

    fn take_point(&mut self, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(point);
        let Message::Point(point) = &message else { return Ok(()) };
        let current = self.current(&message)?;
        let level = self.levels.determine(point, current, out)?;
        let time = point.time();
        match self.settle(&message, time, level, out) {
            Some(duration) => {
                let point = Rc::clone(point);
                self.event((message, &point), (time, level, duration), out)
            }
            None => {
                if let Message::Point(point) = message {
                    out.pool.give(point);
                }
                Ok(())
            }
        }
    }

    fn take_batch(&mut self, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let message = Message::Batch(Rc::clone(&batch));
        let current = self.current(&message)?;
        let mut lowest = Level::Critical;
        let mut highest: Option<(Level, Point)> = None;
        for point in batch.points() {
            let level = self.levels.determine(&point, current, out)?;
            lowest = lowest.min(level);
            if highest.as_ref().is_none_or(|(highest, _)| level > *highest) {
                highest = Some((level, point));
            }
        }
        let Some((highest, point)) = highest else { return Ok(()) };
        let level = if self.all { lowest } else { highest };
        let time = if self.all || level == Level::Ok { batch.tmax } else { point.time() };
        match self.settle(&message, time, level, out) {
            Some(duration) => self.event((message, &point), (time, level, duration), out),
            None => Ok(()),
        }
    }
}

impl Levels {
    /// Returns the level of a point, given the one of the group.
    fn determine(&mut self, point: &Point, current: Level, out: &mut Outbox<'_>) -> Result<Level> {
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
    condition: &mut Option<Condition>,
    point: &Point,
    out: &mut Outbox<'_>,
) -> Result<Option<bool>> {
    match condition {
        None => Ok(None),
        Some(Condition::Foreign(condition)) => condition.holds(point),
        Some(Condition::Lambda(lambda, state)) => {
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

impl Marks {
    fn new(definition: &Definition) -> Self {
        let name = |property: &str| definition.string(property).filter(|name| !name.is_empty());
        Self {
            level_tag: name("levelTag"),
            id_tag: name("idTag"),
            level_field: name("levelField"),
            id_field: name("idField"),
            message_field: name("messageField"),
            duration_field: name("durationField"),
        }
    }

    fn any(&self) -> bool {
        [
            &self.level_tag,
            &self.id_tag,
            &self.level_field,
            &self.id_field,
            &self.message_field,
            &self.duration_field,
        ]
        .into_iter()
        .any(Option::is_some)
    }

    fn tags<'e>(&'e self, event: &'e AlertEvent<'_>) -> impl Iterator<Item = (&'e str, &'e str)> {
        let level = self.level_tag.as_deref().map(|name| (name, event.level.name()));
        let id = self.id_tag.as_deref().map(|name| (name, event.id));
        level.into_iter().chain(id)
    }

    fn apply(&self, point: &mut Point, event: &AlertEvent<'_>, message: &str) {
        self.tags(event).for_each(|(name, value)| point.set_tag(name, value));
        let strings = [
            (&self.level_field, event.level.name()),
            (&self.message_field, message),
            (&self.id_field, event.id),
        ];
        for (name, value) in strings {
            if let Some(name) = name {
                point.set_field(name, value);
            }
        }
        if let Some(name) = &self.duration_field {
            point.set_field(name, event.duration);
        }
    }

    /// Returns the data of an event with its marks.
    fn mark(&self, event: &AlertEvent<'_>) -> Result<Message> {
        let message = if self.message_field.is_some() { event.message()? } else { "" };
        Ok(match event.data {
            Message::Point(point) => {
                let mut point = (**point).clone();
                self.apply(&mut point, event, message);
                regroup_point(&mut point, &mut String::new());
                point.into()
            }
            Message::Batch(batch) => {
                let mut marked = map_points(batch, |point| {
                    self.apply(point, event, message);
                    true
                });
                for (name, value) in self.tags(event) {
                    marked.tags.insert(name.to_string(), value.to_owned());
                }
                regroup(&mut marked);
                marked.into()
            }
        })
    }
}

/// Returns the handlers as a script writes them.
fn handlers(properties: &[Property]) -> Vec<String> {
    let mut handlers: Vec<String> = Vec::new();
    for property in properties {
        let Some(handler) = property.handler else { continue };
        let arguments: Vec<_> = property.arguments.iter().map(ToString::to_string).collect();
        let call = format!("{}({})", property.name, arguments.join(", "));
        match handlers.last_mut() {
            Some(last) if property.name != handler => {
                last.push('.');
                last.push_str(&call);
            }
            _ => handlers.push(call),
        }
    }
    handlers
}

/// Returns the files of the `log` handlers.
fn logs(properties: &[Property]) -> Vec<PathBuf> {
    properties
        .iter()
        .filter(|property| property.handler == Some("log") && property.name == "log")
        .filter_map(|property| property.arguments.first().and_then(Object::as_string))
        .map(|path| PathBuf::from(&*path))
        .collect()
}

impl Node for Alert {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.take_point(point, out)
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        self.take_batch(batch, out)
    }

    fn unseen(&self) -> Vec<Unseen> {
        let foreign = self.levels.conditions.iter().filter_map(|condition| match condition {
            Some(Condition::Foreign(condition)) => Some(condition),
            _ => None,
        });
        foreign.flat_map(|condition| condition.unseen()).collect()
    }
}
