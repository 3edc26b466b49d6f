//! The texts of an alert: its id, message and details.

use std::rc::Rc;

use super::level::Level;
use super::row::fields;
use crate::protocol::Point;
use crate::tick::definition::{Definition, NodeKind, PLAIN_ID};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::Message;
use crate::tick::template::Template;
use crate::tick::template::value::Data;

/// The templates and what they see besides the data.
pub(crate) struct Texts {
    /// Where there is none, the id is the measurement and the tags of the group.
    id: Option<Template>,
    message: Template,
    details: Template,
    task: Data,
    /// Without tags, a function's point has none rather than an empty set.
    null_tags: bool,
    /// Whether the script writes the details itself.
    pub(crate) own_details: bool,
}

/// What an event is made of.
pub(crate) struct Subject<'s> {
    pub(crate) id: &'s str,
    pub(crate) data: &'s Message,
    pub(crate) point: &'s Point,
    pub(crate) level: Level,
    pub(crate) time: i64,
    pub(crate) duration: i64,
}

impl Texts {
    /// Parses the templates of a definition.
    pub(crate) fn new(
        definitions: &[Definition],
        id: usize,
        source: &TickText<'_>,
        task: &str,
    ) -> Result<Self> {
        let definition = &definitions[id];
        let template = |name: &'static str, default: &str, html: bool| {
            let property = definition.last(name);
            let text = definition.string(name).unwrap_or_else(|| default.into());
            Template::parse(name, &text, html).map_err(|error| {
                source.error(property.map_or(definition.at, |p| p.at), error.to_string())
            })
        };
        let plain = definition.flag(PLAIN_ID);
        Ok(Self {
            id: if plain { None } else { Some(template("id", "{{ .Name }}:{{ .Group }}", false)?) },
            message: template("message", "{{ .ID }} is {{ .Level }}", false)?,
            details: template("details", "{{ json . }}", true)?,
            task: Data::String(task.into()),
            null_tags: after_udf(definitions, id),
            own_details: definition.flag("details"),
        })
    }

    /// Writes the id of a message.
    pub(crate) fn id(&self, message: &Message) -> Result<String> {
        match &self.id {
            Some(template) => template.render(&Data::Struct(self.base(message).into())),
            None => Ok(plain_id(message)),
        }
    }

    fn base(&self, message: &Message) -> Vec<(&'static str, Data)> {
        let group = message.group();
        let tags = match message {
            Message::Point(point) => Data::tags(point.tags()),
            Message::Batch(batch) => Data::tags(&batch.tags),
        };
        let no_tags = matches!(&tags, Data::Map(entries, _) if entries.is_empty());
        let string = |text: &str| Data::String(text.into());
        let unknown = || string("00000000-0000-0000-0000-000000000000");
        vec![
            ("Name", string(&message.name())),
            ("TaskName", self.task.clone()),
            ("Group", string(if group.is_empty() { "nil" } else { &group })),
            ("Tags", if no_tags && self.null_tags { Data::null_map() } else { tags }),
            (
                "ServerInfo",
                Data::Struct(Rc::new([
                    ("Hostname", string("localhost")),
                    ("ClusterID", unknown()),
                    ("ServerID", unknown()),
                ])),
            ),
        ]
    }

    /// What the templates of a message and of details see.
    fn info(&self, subject: &Subject<'_>) -> Vec<(&'static str, Data)> {
        let mut info = self.base(subject.data);
        info.extend([
            ("ID", Data::String(subject.id.into())),
            ("Fields", fields(subject.point)),
            ("Level", Data::String(subject.level.name().into())),
            ("Time", Data::Time(subject.time)),
            ("Duration", Data::Duration(subject.duration)),
        ]);
        info
    }

    /// Writes the message of an event.
    pub(crate) fn message(&self, subject: &Subject<'_>) -> Result<String> {
        self.message.render(&Data::Struct(self.info(subject).into()))
    }

    /// Writes the details of an event, which may show its message.
    pub(crate) fn details(&self, subject: &Subject<'_>, message: &str) -> Result<String> {
        let mut info = self.info(subject);
        info.push(("Message", Data::String(message.into())));
        self.details.render(&Data::Struct(info.into()))
    }
}

/// Returns the measurement and the tags of the group: `cpu:host=a`.
fn plain_id(message: &Message) -> String {
    let (name, group) = (message.name(), message.group());
    let tags = match group.strip_prefix(&*name) {
        // The name precedes the tags only where data is grouped by its measurement.
        Some(rest) if message.by_name() => rest.strip_prefix('\n').unwrap_or(rest),
        _ => &group,
    };
    match tags {
        "" => name.into_owned(),
        tags => format!("{name}:{tags}"),
    }
}

/// Tells whether a node's data comes from a function with its tags unchanged.
fn after_udf(definitions: &[Definition], id: usize) -> bool {
    const KEEP: [&str; 9] = [
        "alert",
        "where",
        "eval",
        "log",
        "httpOut",
        "influxDBOut",
        "stateCount",
        "stateDuration",
        "shift",
    ];
    let mut at = id;
    while let Some(parent) = definitions[at].parents.first() {
        at = *parent;
        match &definitions[at].kind {
            NodeKind::Udf(_) => return true,
            NodeKind::Node(spec) if KEEP.contains(&spec.name) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::group::Grouping;

    #[test]
    fn a_measurement_that_begins_a_tags_name_stays_whole() {
        let id = |tags: &[&str], by_name: bool| {
            let mut point = Point::new(0);
            point.set_name("cpu");
            point.set_tag("cpu", "cpu-total");
            let mut grouping = Grouping::by(tags);
            grouping.by_name = by_name;
            grouping.apply(&mut point);
            plain_id(&point.into())
        };
        assert_eq!(id(&["cpu"], false), "cpu:cpu=cpu-total");
        assert_eq!(id(&["cpu"], true), "cpu:cpu=cpu-total");
        assert_eq!(id(&[], true), "cpu");
        assert_eq!(id(&[], false), "cpu");
    }
}
