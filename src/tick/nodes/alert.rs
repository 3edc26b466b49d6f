//! `|alert()`: levels, events and their texts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::alert_state::{Policy, State};
use super::alert_text::{Subject, Texts};
use super::map_points;
use super::row::{result, row};
use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, Point};
use crate::tick::alert_event::{AlertEvent, Level};
use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, Property};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Message, Node, Outbox, PointScope};
use crate::tick::graph::Task;
use crate::tick::lambda::Lambda;
use crate::tick::lambda::functions;

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
    groups: HashMap<String, State>,
    /// The last event of each id: groups whose ids are the same share it.
    events: HashMap<String, (Level, i64)>,
    /// Whether events are kept beyond a group, which they are for a handler or a topic.
    remembers: bool,
}

type Condition = (Rc<Lambda>, functions::State);

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
        let condition = |name: &str| {
            definition.lambda(name).map(|lambda| (lambda, functions::State::default()))
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
            texts: Texts::new(definitions, id, source, task)?,
            policy,
            all: definition.flag("all"),
            recoveries: !definition.flag("noRecoveries"),
            logs: logs(&definition.properties),
            remembers: !handlers.is_empty()
                || definition.string("topic").is_some_and(|topic| !topic.is_empty()),
            handlers: handlers.into(),
            marks: Marks::new(definition),
            groups: HashMap::new(),
            events: HashMap::new(),
        })
    }

    /// Returns the state of a group; a new one goes on from the last event of its id.
    fn state(&mut self, message: &Message) -> Result<&mut State> {
        let id = message.group();
        if !self.groups.contains_key(&*id) {
            let mut state = State::new(&self.policy);
            if self.remembers
                && let Some((level, time)) = self.events.get(&self.texts.id(message)?)
                && *level != Level::Ok
            {
                state.add(message.time(), *level, &self.policy);
                state.triggered(*time);
            }
            self.groups.insert(id.clone().into_owned(), state);
        }
        Ok(self.groups.get_mut(&*id).expect("the group was just inserted"))
    }

    /// Makes an event and tells the outside of it.
    fn event(&mut self, subject: &Subject<'_>, out: &mut Outbox<'_>) -> Result<AlertEvent> {
        let id = self.texts.id(subject.message)?;
        let (message, details) = self.texts.message_and_details(&id, subject)?;
        let previous = self.events.insert(id.clone(), (subject.level, subject.time));
        let event = AlertEvent {
            id,
            message,
            details,
            time: subject.time,
            duration: subject.duration,
            level: subject.level,
            previous_level: previous.map_or(Level::Ok, |(level, _)| level),
            data: result(&[row(subject.message)]),
            recoverable: self.recoveries,
            handlers: Rc::clone(&self.handlers),
        };
        out.outside.alert(&event)?;
        if !self.logs.is_empty() {
            let line = event.json_line();
            for path in &self.logs {
                out.outside.alert_log(path, &line)?;
            }
        }
        Ok(event)
    }

    fn take_point(&mut self, point: &Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(Rc::clone(point));
        let current = self.state(&message)?.level();
        let level = self.levels.determine(point, current, out);
        let (policy, time) = (self.policy, point.time());
        let state = self.state(&message)?;
        state.add(time, level, &policy);
        if !state.triggers_point(&policy) {
            return Ok(());
        }
        state.triggered(time);
        let duration = state.duration();
        if level == Level::Ok && !self.recoveries {
            return Ok(());
        }
        let subject = Subject { message: &message, point, level, time, duration };
        let event = self.event(&subject, out)?;
        if self.marks.any() {
            let mut point = (**point).clone();
            self.marks.apply(&mut point, &event);
            Dimensions::of(&point).apply(&mut point);
            out.send(point);
        } else {
            out.send(message);
        }
        Ok(())
    }

    fn take_batch(&mut self, batch: &Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let message = Message::Batch(Rc::clone(batch));
        let current = self.state(&message)?.level();
        let mut lowest = Level::Critical;
        let mut highest: Option<(Level, Point)> = None;
        for point in batch.points() {
            let level = self.levels.determine(&point, current, out);
            lowest = lowest.min(level);
            if highest.as_ref().is_none_or(|(highest, _)| level > *highest) {
                highest = Some((level, point));
            }
        }
        let Some((highest, point)) = highest else { return Ok(()) };
        let level = if self.all { lowest } else { highest };
        let time = if self.all || level == Level::Ok { batch.tmax } else { point.time() };
        let policy = self.policy;
        let state = self.state(&message)?;
        state.add(time, level, &policy);
        if !state.triggers_batch(&policy) {
            return Ok(());
        }
        state.triggered(time);
        let duration = state.duration();
        if level == Level::Ok && !self.recoveries {
            return Ok(());
        }
        let subject = Subject { message: &message, point: &point, level, time, duration };
        let event = self.event(&subject, out)?;
        if self.marks.any() {
            let mut marked = map_points(batch, |point| {
                self.marks.apply(point, &event);
                true
            });
            for (name, value) in self.marks.tags(&event) {
                marked.tags.insert(name.to_string(), value.to_owned());
            }
            regroup(&mut marked);
            out.send(marked);
        } else {
            out.send(message);
        }
        Ok(())
    }
}

impl Levels {
    /// Returns the level of a point, given the one of the group.
    fn determine(&mut self, point: &Point, current: Level, out: &mut Outbox<'_>) -> Level {
        let scope = PointScope::new(point);
        let current = current as usize;
        // The levels from CRITICAL down to the current one.
        let from = current.saturating_sub(1);
        if let Some(i) =
            (from..3).rev().find(|i| test(&mut self.conditions[*i], &scope, out) == Some(true))
        {
            return LEVELS[i];
        }
        if current > 0
            && self.conditions[current - 1].is_some()
            && test(&mut self.resets[current - 1], &scope, out) == Some(false)
        {
            return LEVELS[current - 1];
        }
        let lower =
            (0..current).rev().find(|i| test(&mut self.conditions[*i], &scope, out) == Some(true));
        lower.map_or(Level::Ok, |i| LEVELS[i])
    }
}

/// Tests a condition, if there is one; reports what cannot be tested.
fn test(
    condition: &mut Option<Condition>,
    scope: &PointScope<'_>,
    out: &mut Outbox<'_>,
) -> Option<bool> {
    let (lambda, state) = condition.as_mut()?;
    match lambda.test(scope, state) {
        Ok(holds) => Some(holds),
        Err(error) => {
            out.diagnose(&error);
            None
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

    fn tags<'e>(&'e self, event: &'e AlertEvent) -> impl Iterator<Item = (&'e str, &'e str)> {
        let level = self.level_tag.as_deref().map(|name| (name, event.level.name()));
        let id = self.id_tag.as_deref().map(|name| (name, event.id.as_str()));
        level.into_iter().chain(id)
    }

    fn apply(&self, point: &mut Point, event: &AlertEvent) {
        self.tags(event).for_each(|(name, value)| point.set_tag(name, value));
        let strings = [
            (&self.level_field, event.level.name()),
            (&self.message_field, event.message.as_str()),
            (&self.id_field, event.id.as_str()),
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
        self.take_point(&point, out)
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        self.take_batch(&batch, out)
    }
}
