//! The tags and fields that an alert adds to its data.

use super::map_points;
use crate::protocol::Point;
use crate::protocol::group::{regroup, regroup_point};
use crate::tick::alert::AlertEvent;
use crate::tick::definition::Definition;
use crate::tick::error::Result;
use crate::tick::flow::Message;
use std::rc::Rc;

/// The fields and tags which carry the event along with the data.
pub(super) struct Marks {
    level_tag: Option<Rc<str>>,
    id_tag: Option<Rc<str>>,
    level_field: Option<Rc<str>>,
    id_field: Option<Rc<str>>,
    message_field: Option<Rc<str>>,
    duration_field: Option<Rc<str>>,
}

impl Marks {
    /// Reads which marks are wanted.
    pub(super) fn new(definition: &Definition) -> Self {
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

    /// Tells whether any is wanted.
    pub(super) fn any(&self) -> bool {
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
    pub(super) fn mark(&self, event: &AlertEvent<'_>) -> Result<Message> {
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
