//! `|httpPost()`: data for another program. A replay sends nothing, it shows what would be sent.
//!
//! If the script wants the status of the answer as a field, it is 200.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::alert::row::{result, row};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::definition::strings;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{HttpPost as Request, Memory, Message, Node, Outbox, PostTarget};
use crate::tick::template::Template;
use crate::tick::template::value::Data;

/// The status that is assumed for every request.
const ANSWERED: i64 = 200;

/// Shows what would be sent.
pub(crate) struct HttpPost {
    target: Target,
    headers: Vec<(Rc<str>, Rc<str>)>,
    code_field: Option<Rc<str>>,
}

enum Target {
    Url(Template),
    Endpoint(Rc<str>),
}

impl HttpPost {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let error = |message: &str| Err(source.error(definition.at, message));
        let urls = strings(&definition.arguments);
        let endpoints: Vec<_> =
            definition.all("endpoint").flat_map(|p| strings(&p.arguments)).collect();
        let target = match (urls.as_slice(), endpoints.as_slice()) {
            ([url], []) => Target::Url(
                Template::parse("url", url, false)
                    .map_err(|e| source.error(definition.at, e.to_string()))?,
            ),
            ([], [endpoint]) => Target::Endpoint(Rc::clone(endpoint)),
            ([], []) => return error("|httpPost() needs an address or .endpoint('…')"),
            _ => return error("|httpPost() takes one address or one .endpoint(), not more"),
        };
        let headers: BTreeMap<_, _> = definition
            .all("header")
            .filter_map(|property| match property.arguments.as_slice() {
                [Object::String(name), Object::String(value)] => {
                    Some((Rc::clone(name), Rc::clone(value)))
                }
                _ => None,
            })
            .collect();
        if headers.keys().any(|name| name.eq_ignore_ascii_case("authenticate")) {
            return error("|httpPost() may not set the header 'authenticate'");
        }
        Ok(Self {
            target,
            headers: headers.into_iter().collect(),
            code_field: definition.string("codeField").filter(|name| !name.is_empty()),
        })
    }

    /// Shows the request; false if its address cannot be written, which the daemon notes as a failure.
    fn post(&self, message: &Message, out: &mut Outbox<'_>) -> Result<bool> {
        let url;
        let target = match &self.target {
            Target::Endpoint(endpoint) => PostTarget::Endpoint(endpoint),
            Target::Url(template) => match template.render(&Data::Struct(seen(message).into())) {
                Ok(text) => {
                    url = text;
                    PostTarget::Url(&url)
                }
                Err(error @ TickError::Template { .. }) => {
                    out.diagnose(&error);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            },
        };
        out.outside.http_post(&Request {
            node: out.node,
            time: message.time(),
            target,
            headers: &self.headers,
            body: &result(&[row(message)]),
        })?;
        Ok(true)
    }

    fn mark(&self, point: &mut Point, sent: bool) {
        if let Some(field) = &self.code_field {
            point.set_field(field, if sent { ANSWERED } else { 0 });
        }
    }
}

/// Returns what the template of an address sees.
fn seen(message: &Message) -> Vec<(&'static str, Data)> {
    let tags = match message {
        Message::Point(point) => Data::tags(point.tags()),
        Message::Batch(batch) => Data::tags(&batch.tags),
    };
    let points: Vec<Point> = match message {
        Message::Point(point) => vec![(**point).clone()],
        Message::Batch(batch) => batch.points().collect(),
    };
    let values = points.iter().enumerate().map(|(i, point)| {
        let mut fields: Vec<_> =
            point.fields().map(|(name, value)| (name.into_owned(), data(value))).collect();
        fields.push(("time".to_owned(), Data::Time(point.time())));
        (i.to_string(), Data::fields(fields))
    });
    vec![
        ("Name", Data::String(message.name().as_ref().into())),
        ("Tags", tags),
        ("Values", Data::fields(values)),
    ]
}

fn data(value: FieldValue<'_>) -> Data {
    match value {
        FieldValue::String(v) => Data::String(v.as_ref().into()),
        FieldValue::Int(v) => Data::Int(v),
        FieldValue::Double(v) => Data::Float(v),
        FieldValue::Bool(v) => Data::Bool(v),
    }
}

impl Node for HttpPost {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let sent = self.post(&Message::Point(Rc::clone(&point)), out)?;
        if self.code_field.is_some() {
            self.mark(out.pool.edit(&mut point), sent);
        }
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let sent = self.post(&Message::Batch(Rc::clone(&batch)), out)?;
        if self.code_field.is_none() {
            out.send(Message::Batch(batch));
            return Ok(());
        }
        out.send(map_points(&batch, |point| {
            self.mark(point, sent);
            true
        }));
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
