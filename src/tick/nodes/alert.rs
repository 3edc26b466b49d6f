//! `|alert()`: levels, events and their texts.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use super::alert_levels::Levels;
use super::alert_marks::Marks;
use super::alert_state::{Policy, State};
use crate::protocol::{Batch, Point};
use crate::tick::alert::row::is_json;
use crate::tick::alert::texts::Texts;
use crate::tick::alert::{AlertEvent, Level};
use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, Property};
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{ByGroup, LevelChange, Memory, Message, Node, Outbox, Signal, Unseen};
use crate::tick::settings::TaskSettings;

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

impl Alert {
    pub(crate) fn new(
        definitions: &[Definition],
        id: usize,
        source: &TickText<'_>,
        task: &TaskSettings,
    ) -> Result<Self> {
        let definition = &definitions[id];
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
            levels: Levels::new(definition),
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

    /// Returns the level of a group; a new one continues from the last event of its id.
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
        let previous = state.level();
        if level != Level::Ok || previous != Level::Ok {
            let change = LevelChange { node: out.number, message, time, previous, level };
            out.outside.level(&change);
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

    /// Reports an event to the outside, and marks the data with it.
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
        if !self.logs.is_empty() && !is_json(&message) {
            let text = "the daemon cannot log an alert on NaN or infinity, so no line is written";
            out.diagnose(&TickError::Evaluate(text.to_owned()));
        } else if !self.logs.is_empty() {
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
        self.levels.unseen()
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        let policy = self.policy;
        memory.groups_if("levels", &mut self.groups, |state| state.fits(&policy))?;
        let mut events: BTreeMap<_, _> = std::mem::take(&mut self.events).into_iter().collect();
        let recalled = memory.common("last event of each id", &mut events);
        self.events = events.into_iter().collect();
        recalled?;
        self.levels.remember(memory)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}
