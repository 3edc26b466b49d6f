//! The texts of an alert: its id, message and details.

use std::rc::Rc;

use super::row::fields;
use crate::protocol::Point;
use crate::tick::alert_event::Level;
use crate::tick::definition::{Definition, Kind};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::Message;
use crate::tick::graph::Task;
use crate::tick::template::Template;
use crate::tick::template::value::Data;

/// The templates and what they see besides the data.
pub(crate) struct Texts {
    id: Template,
    message: Template,
    details: Template,
    task: Data,
    /// Without tags, a function's point has none rather than an empty set.
    null_tags: bool,
}

/// What an event is made of.
pub(crate) struct Subject<'s> {
    pub(crate) message: &'s Message,
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
        task: &Task,
    ) -> Result<Self> {
        let definition = &definitions[id];
        let template = |name: &'static str, default: &str, html: bool| {
            let property = definition.last(name);
            let text = definition.string(name).unwrap_or_else(|| default.into());
            Template::parse(name, &text, html).map_err(|error| {
                source.error(property.map_or(definition.at, |p| p.at), error.to_string())
            })
        };
        Ok(Self {
            id: template("id", "{{ .Name }}:{{ .Group }}", false)?,
            message: template("message", "{{ .ID }} is {{ .Level }}", false)?,
            details: template("details", "{{ json . }}", true)?,
            task: Data::String(task.id.as_str().into()),
            null_tags: after_udf(definitions, id),
        })
    }

    /// Writes the id of a message.
    pub(crate) fn id(&self, message: &Message) -> Result<String> {
        self.id.render(&Data::Struct(self.base(message).into()))
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

    /// Writes the texts of an event.
    pub(crate) fn message_and_details(
        &self,
        id: &str,
        subject: &Subject<'_>,
    ) -> Result<(String, String)> {
        let mut info = self.base(subject.message);
        info.extend([
            ("ID", Data::String(id.into())),
            ("Fields", fields(subject.point)),
            ("Level", Data::String(subject.level.name().into())),
            ("Time", Data::Time(subject.time)),
            ("Duration", Data::Duration(subject.duration)),
        ]);
        let message = self.message.render(&Data::Struct(info.clone().into()))?;
        info.push(("Message", Data::String(message.as_str().into())));
        let details = self.details.render(&Data::Struct(info.into()))?;
        Ok((message, details))
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
            Kind::Udf(_) => return true,
            Kind::Node(spec) if KEEP.contains(&spec.name) => {}
            _ => return false,
        }
    }
    false
}
