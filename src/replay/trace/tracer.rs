//! Collects the trace of a graph while it runs.

use super::levels::Levels;
use super::series::Series;
use super::taps::{Tap, Taps};
use super::{Threshold, Trace, TraceSettings, TracedAlert, TracedField, TracedGroup};
use crate::protocol::{FieldValue, Point};
use crate::tick::flow::{LevelChange, Message};
use ahash::RandomState;
use std::collections::{HashMap, HashSet};

/// The memory for all series, in columns: about 64 MiB.
const COLUMNS: usize = 600_000;

/// The fewest columns of a series, however many there are.
const FEWEST: usize = 8;

/// Groups that are traced.
const GROUPS: usize = 10_000;

/// Fields of a place that are traced, besides those that the task names.
const FIELDS: usize = 32;

/// Values that are remembered, to tell whether a function passes them on unchanged; more than a chunk
/// of items has.
const REMEMBERED: usize = 1 << 17;

/// Collects what a graph does.
pub(in crate::replay) struct Tracer {
    settings: TraceSettings,
    /// Whether the input is kept: of several engines with the same data, by one.
    keeps_input: bool,
    taps: Taps,
    groups: Vec<Group>,
    by_id: HashMap<Box<[u8]>, Option<usize>, RandomState>,
    /// The group of the point before.
    last: usize,
    left_out: u64,
    series: usize,
    seen: Seen,
}

/// A group.
struct Group {
    id: Box<[u8]>,
    name: String,
    tags: Vec<(String, String)>,
    /// The fields by the number of the tap.
    places: Vec<Vec<Slot>>,
    /// The levels by the number of the alert.
    levels: Vec<Levels>,
    fields_left_out: HashSet<String, RandomState>,
    /// The last time of the input.
    until: Option<i64>,
    /// The last time of all.
    end: i64,
}

/// A field of a place.
struct Slot {
    field: String,
    named: bool,
    series: Series,
    /// Whether all values were those of an input or of a place before.
    repeats: bool,
}

impl Tracer {
    pub(in crate::replay) fn new(settings: TraceSettings, taps: Taps, keeps_input: bool) -> Self {
        Self {
            settings,
            keeps_input,
            taps,
            groups: Vec::new(),
            by_id: HashMap::default(),
            last: usize::MAX,
            left_out: 0,
            series: 0,
            seen: Seen::default(),
        }
    }

    /// Takes what reaches an output node; false if the node is none of the tracer's.
    pub(in crate::replay) fn take(&mut self, item: u64, node: usize, message: &Message) -> bool {
        let Some(tap) = self.taps.taps.iter().position(|tap| tap.node == node) else {
            return false;
        };
        let Some(group) = self.group(message.group_bytes(), || Subject::of(message)) else {
            return true;
        };
        let is_input = self.taps.taps[tap].is_input;
        match message {
            Message::Point(point) => self.point((tap, group), point, Some(item)),
            Message::Batch(batch) => {
                let until = self.groups[group].until.filter(|_| is_input);
                for point in batch.points() {
                    // Windows overlap.
                    if until.is_none_or(|until| point.time() > until) {
                        self.point((tap, group), &point, None);
                    }
                }
                self.groups[group].end = self.groups[group].end.max(batch.tmax);
            }
        }
        true
    }

    /// Takes a point of captured requests, which go to functions directly.
    pub(in crate::replay) fn given(&mut self, item: u64, point: &Point) {
        let places = &mut self.taps.taps;
        let tap = places.iter().position(|tap| tap.is_input).unwrap_or_else(|| {
            let udf = String::new();
            places.push(Tap { node: usize::MAX, is_input: true, udf });
            places.len() - 1
        });
        let subject = || Subject {
            name: point.name().into_owned(),
            tags: Message::from(point.clone()).group_tags(),
        };
        let Some(group) = self.group(point.group_bytes(), subject) else { return };
        if self.groups[group].until.is_none_or(|until| point.time() > until) {
            self.point((tap, group), point, Some(item));
        }
    }

    /// Takes the level of an alert.
    pub(in crate::replay) fn level(&mut self, change: &LevelChange<'_>) {
        let alerts = &self.taps.alerts;
        let Some(alert) = alerts.iter().position(|alert| alert.node == change.node) else { return };
        if self.is_outside(change.time) {
            return;
        }
        let message = change.message;
        if let Some(group) = self.group(message.group_bytes(), || Subject::of(message)) {
            let group = &mut self.groups[group];
            if group.levels.len() <= alert {
                group.levels.resize_with(alert + 1, Levels::default);
            }
            group.levels[alert].take(change.time, change.previous, change.level);
            group.end = group.end.max(change.time);
        }
    }

    fn is_outside(&self, time: i64) -> bool {
        self.settings.span.is_some_and(|span| time < span.from || time > span.to)
    }

    /// Returns the number of a group; `None` if there are too many.
    fn group(&mut self, id: &[u8], subject: impl FnOnce() -> Subject) -> Option<usize> {
        if self.groups.get(self.last).is_some_and(|group| *group.id == *id) {
            return Some(self.last);
        }
        let found = match self.by_id.get(id) {
            Some(found) => *found,
            None => {
                let new = (self.groups.len() < GROUPS).then_some(self.groups.len());
                match new {
                    Some(_) => self.groups.push(Group::new(id, subject())),
                    None => self.left_out += 1,
                }
                self.by_id.insert(id.into(), new);
                new
            }
        };
        self.last = found.unwrap_or(self.last);
        found
    }

    /// Takes the fields of a point at a place; `item` is what it belongs to, if functions may pass it on.
    fn point(&mut self, (tap, group): (usize, usize), point: &Point, item: Option<u64>) {
        let time = point.time();
        if self.is_outside(time) {
            return;
        }
        let Self { settings, keeps_input, taps, groups, series, seen, .. } = self;
        let is_input = taps.taps[tap].is_input;
        let is_last = tap + 1 == taps.taps.len();
        let group = &mut groups[group];
        group.end = group.end.max(time);
        if is_input {
            group.until = Some(group.until.map_or(time, |until| until.max(time)));
        }
        while group.places.len() <= tap {
            group.places.push(Vec::new());
        }
        let slots = &mut group.places[tap];
        let limit = (COLUMNS / (*series).max(1)).clamp(FEWEST, settings.columns.max(FEWEST));
        for (i, (field, value)) in point.fields().enumerate() {
            let Some(value) = number(&value) else { continue };
            let known = match slots.get(i) {
                Some(slot) if slot.field == *field => Some(i),
                _ => slots.iter().position(|slot| slot.field == *field),
            };
            let at = match known {
                Some(at) => at,
                None => {
                    let named = taps.named.contains(&*field);
                    if slots.len() >= FIELDS && !named {
                        if !group.fields_left_out.contains(&*field) {
                            group.fields_left_out.insert(field.into_owned());
                        }
                        continue;
                    }
                    *series += 1;
                    slots.push(Slot::new(&field, named));
                    slots.len() - 1
                }
            };
            let slot = &mut slots[at];
            if let Some(item) = item
                && (slot.repeats || !is_last)
            {
                let known = seen.meet(item, &field, time, value);
                slot.repeats &= is_input || known;
            } else {
                slot.repeats = false;
            }
            if *keeps_input || !is_input {
                slot.series.push(time, value, limit);
            }
        }
    }

    /// Returns the collected trace.
    pub(in crate::replay) fn finish(self) -> Trace {
        let Self { settings, taps, groups, left_out, series, keeps_input, .. } = self;
        let limit = (COLUMNS / series.max(1)).clamp(FEWEST, settings.columns.max(FEWEST));
        let thresholds = taps.alerts.iter().flat_map(|alert| {
            alert.thresholds.iter().map(|(level, field, value)| Threshold {
                udf: alert.udf.clone(),
                field: field.clone(),
                level: *level,
                value: *value,
            })
        });
        let mut trace = Trace {
            thresholds: thresholds.collect(),
            groups_left_out: left_out,
            groups: groups
                .into_iter()
                .map(|group| group.finish(&taps, keeps_input, limit))
                .collect(),
            named: taps.named,
            ..Trace::default()
        };
        trace.sort();
        trace
    }
}

/// What a group is called.
struct Subject {
    name: String,
    tags: Vec<(String, String)>,
}

impl Subject {
    fn of(message: &Message) -> Self {
        Self { name: message.name().into_owned(), tags: message.group_tags() }
    }
}

impl Group {
    fn new(id: &[u8], Subject { name, tags }: Subject) -> Self {
        Self {
            id: id.into(),
            name,
            tags,
            places: Vec::new(),
            levels: Vec::new(),
            fields_left_out: HashSet::default(),
            until: None,
            end: i64::MIN,
        }
    }

    fn finish(self, taps: &Taps, keeps_input: bool, limit: usize) -> TracedGroup {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (tap, slots) in taps.taps.iter().zip(self.places) {
            for slot in slots {
                if tap.is_input && !keeps_input || !tap.is_input && slot.repeats {
                    continue;
                }
                let field = TracedField {
                    udf: tap.udf.clone(),
                    field: slot.field,
                    named: slot.named,
                    count: slot.series.count,
                    samples: slot.series.finish(limit),
                };
                if tap.is_input { inputs.push(field) } else { outputs.push(field) }
            }
        }
        let alerts = taps.alerts.iter().zip(self.levels).filter(|(_, levels)| levels.began > 0);
        TracedGroup {
            id: String::from_utf8_lossy(&self.id).into_owned(),
            name: self.name,
            tags: self.tags,
            inputs,
            outputs,
            fields_left_out: self.fields_left_out.len() as u64,
            alerts: alerts
                .map(|(alert, levels)| {
                    let (began, worst) = (levels.began, levels.worst);
                    let (intervals, open) = levels.finish(self.end);
                    TracedAlert { udf: alert.udf.clone(), began, worst, open, intervals }
                })
                .collect(),
        }
    }
}

impl Slot {
    fn new(field: &str, named: bool) -> Self {
        Self { field: field.to_owned(), named, series: Series::default(), repeats: true }
    }
}

/// The number of a value; truth is 1.
fn number(value: &FieldValue<'_>) -> Option<f64> {
    match value {
        FieldValue::Double(value) => Some(*value),
        FieldValue::Int(value) => Some(*value as f64),
        FieldValue::Bool(value) => Some(f64::from(*value)),
        FieldValue::String(_) => None,
    }
}

/// The values of the last items: two halves, of which the older is forgotten when the newer is full.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    new: HashSet<u64, RandomState>,
    old: HashSet<u64, RandomState>,
}

impl Seen {
    /// Tells whether a value of an item is known, and remembers it.
    fn meet(&mut self, item: u64, field: &str, time: i64, value: f64) -> bool {
        let key = self.hasher.hash_one((item, field, time, value.to_bits()));
        if self.new.contains(&key) || self.old.contains(&key) {
            return true;
        }
        if self.new.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key);
        false
    }
}
