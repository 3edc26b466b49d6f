//! Running a template.

use crate::protocol::duration;
use crate::tick::error::{Result, TickError};
use crate::tick::template::functions::call;
use crate::tick::template::layout::format_time;
use crate::tick::template::value::Data;
use crate::tick::template::{Command, Item, Operand, Pipeline, Template, Templated, refuse};
use crate::tick::text;

/// The longest output of one template.
const MAX_OUTPUT: usize = 1 << 20;

impl Template {
    /// Writes the template for a value.
    ///
    /// # Errors
    /// A field that the value does not have, a function that cannot take its arguments.
    pub fn render(&self, root: &Data) -> Result<String> {
        let mut run =
            Rendering { root, html: self.html, variables: Vec::new(), out: String::new() };
        run.items(&self.body, root)
            .map_err(|problem| TickError::Template { name: self.name, problem })?;
        Ok(run.out)
    }
}

/// A template that is being written.
struct Rendering<'r> {
    root: &'r Data,
    html: bool,
    variables: Vec<(String, Data)>,
    out: String,
}

enum Flow {
    Next,
    Break,
    Continue,
}

impl Rendering<'_> {
    fn items(&mut self, items: &[Item], dot: &Data) -> Templated<Flow> {
        let scope = self.variables.len();
        for item in items {
            match self.item(item, dot)? {
                Flow::Next => {}
                flow => {
                    self.variables.truncate(scope);
                    return Ok(flow);
                }
            }
            if self.out.len() > MAX_OUTPUT {
                return refuse(format!("the output exceeds {MAX_OUTPUT} bytes"));
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::Next)
    }

    fn item(&mut self, item: &Item, dot: &Data) -> Templated<Flow> {
        match item {
            Item::Text(text) => self.out.push_str(text),
            Item::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.write(&value);
                }
            }
            Item::If(condition, body, otherwise) => {
                let scope = self.variables.len();
                let truth = self.pipeline(condition, dot)?.truth();
                let flow = self.items(if truth { body } else { otherwise }, dot);
                self.variables.truncate(scope);
                return flow;
            }
            Item::With(value, body, otherwise) => {
                let scope = self.variables.len();
                let value = self.pipeline(value, dot)?;
                let flow = match value.truth() {
                    true => self.items(body, &value),
                    false => self.items(otherwise, dot),
                };
                self.variables.truncate(scope);
                return flow;
            }
            Item::Range(value, body, otherwise) => self.range(value, body, otherwise, dot)?,
            Item::Break => return Ok(Flow::Break),
            Item::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn range(
        &mut self,
        range: &Pipeline,
        body: &[Item],
        otherwise: &[Item],
        dot: &Data,
    ) -> Templated<()> {
        let scope = self.variables.len();
        let bare =
            Pipeline { variables: Vec::new(), declares: false, commands: range.commands.clone() };
        let value = self.pipeline(&bare, dot)?;
        let entries = match &value {
            Data::Map(entries, _) => entries.to_vec(),
            Data::Nil => Vec::new(),
            other => return refuse(format!("range can't iterate over {}", other.print())),
        };
        if entries.is_empty() {
            self.items(otherwise, dot)?;
        }
        for (key, value) in entries {
            let key = Data::String(key.into());
            match range.variables.as_slice() {
                [x] => self.assign(x, value.clone(), range.declares)?,
                [k, v] => {
                    self.assign(k, key, range.declares)?;
                    self.assign(v, value.clone(), range.declares)?;
                }
                _ => {}
            }
            let flow = self.items(body, &value)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Data, declares: bool) -> Templated<()> {
        if declares {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, slot)) => *slot = value,
            None => return refuse(format!("undefined variable \"${name}\"")),
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Data) -> Templated<Data> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Data::Nil);
        for name in &pipeline.variables {
            self.assign(name, value.clone(), pipeline.declares)?;
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, dot: &Data, last: Option<Data>) -> Templated<Data> {
        let Some((first, rest)) = command.0.split_first() else { return Ok(Data::Nil) };
        let Operand::Function(name) = first else {
            let mut arguments = Vec::new();
            for operand in rest {
                arguments.push(self.operand(operand, dot)?);
            }
            arguments.extend(last);
            return self.method(first, dot, &arguments);
        };
        // Both stop at the first value that settles them.
        if let "and" | "or" = name.as_str() {
            let mut value = None;
            for operand in rest {
                let next = self.operand(operand, dot)?;
                if next.truth() == (name == "or") {
                    return Ok(next);
                }
                value = Some(next);
            }
            return last
                .or(value)
                .ok_or_else(|| format!("{name} wants at least 1 argument").into());
        }
        let mut arguments = Vec::new();
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        call(name, &arguments)
    }

    fn operand(&mut self, operand: &Operand, dot: &Data) -> Templated<Data> {
        match operand {
            Operand::Function(name) => call(name, &[]),
            other => self.method(other, dot, &[]),
        }
    }

    /// Evaluates a value whose last name may be a method that takes arguments.
    fn method(&mut self, operand: &Operand, dot: &Data, arguments: &[Data]) -> Templated<Data> {
        let (base, names) = match operand {
            Operand::Literal(data) => (data.clone(), &[][..]),
            Operand::Dot(names) => (dot.clone(), &names[..]),
            Operand::Variable(name, names) if name.is_empty() => (self.root.clone(), &names[..]),
            Operand::Variable(name, names) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) = known.ok_or_else(|| format!("undefined variable \"${name}\""))?;
                (value.clone(), &names[..])
            }
            Operand::Nested(pipeline, names) => (self.pipeline(pipeline, dot)?, &names[..]),
            Operand::Function(name) => (call(name, arguments)?, &[][..]),
        };
        let Some((last, path)) = names.split_last() else {
            return if arguments.is_empty() {
                Ok(base)
            } else {
                refuse("can't give argument to non-function".to_owned())
            };
        };
        let mut value = base;
        for name in path {
            value = field(&value, name, &[])?;
        }
        field(&value, last, arguments)
    }

    fn write(&mut self, value: &Data) {
        let text = match value {
            Data::Nil => "<no value>".to_owned(),
            value => value.print(),
        };
        if !self.html {
            self.out.push_str(&text);
            return;
        }
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&#34;"),
                '\'' => self.out.push_str("&#39;"),
                '+' => self.out.push_str("&#43;"),
                '\0' => self.out.push('\u{fffd}'),
                c => self.out.push(c),
            }
        }
    }
}

/// Returns a field, a map's value or what a method returns.
fn field(value: &Data, name: &str, arguments: &[Data]) -> Templated<Data> {
    let found = match value {
        Data::Struct(fields) => {
            fields.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone())
        }
        Data::Map(..) => value.index(name),
        Data::Time(time) => return time_method(*time, name, arguments),
        Data::Duration(span) => duration_method(*span, name),
        Data::Nil => return refuse(format!("nil data; no entry for key {name:?}")),
        _ => None,
    };
    match found {
        Some(_) if !arguments.is_empty() => {
            refuse(format!("{name} has arguments but cannot be invoked as function"))
        }
        Some(value) => Ok(value),
        None => refuse(format!("can't evaluate field {name} in type {}", value.kind())),
    }
}

fn time_method(time: i64, name: &str, arguments: &[Data]) -> Templated<Data> {
    let date = text::date(time);
    let int = |v: i64| Ok(Data::Int(v));
    match (name, arguments) {
        ("Format", [Data::String(layout)]) => Ok(Data::String(format_time(time, layout).into())),
        ("String", []) => Ok(Data::String(text::go_time(time).into())),
        ("UTC" | "Local", []) => Ok(Data::Time(time)),
        ("Unix", []) => int(time.div_euclid(duration::SECOND)),
        ("UnixMilli", []) => int(time.div_euclid(1_000_000)),
        ("UnixMicro", []) => int(time.div_euclid(1_000)),
        ("UnixNano", []) => int(time),
        ("Year", []) => int(date.year().into()),
        ("Month", []) => Ok(Data::String(format_time(time, "January").into())),
        ("Weekday", []) => Ok(Data::String(format_time(time, "Monday").into())),
        ("Day", []) => int(date.day().into()),
        ("YearDay", []) => int(date.date().day_of_year().into()),
        ("Hour", []) => int(date.hour().into()),
        ("Minute", []) => int(date.minute().into()),
        ("Second", []) => int(date.second().into()),
        ("Nanosecond", []) => int(date.subsec_nanosecond().into()),
        ("IsZero", []) => Ok(Data::Bool(false)),
        ("Format", _) => refuse("Time.Format wants one layout such as \"15:04:05\"".to_owned()),
        _ => refuse(format!("can't evaluate field {name} in type time.Time")),
    }
}

fn duration_method(span: i64, name: &str) -> Option<Data> {
    Some(match name {
        "String" => Data::String(duration::go(span).into()),
        "Nanoseconds" => Data::Int(span),
        "Microseconds" => Data::Int(span / 1_000),
        "Milliseconds" => Data::Int(span / 1_000_000),
        "Seconds" => whole_and_rest(span, duration::SECOND),
        "Minutes" => whole_and_rest(span, 60 * duration::SECOND),
        "Hours" => whole_and_rest(span, 3600 * duration::SECOND),
        _ => return None,
    })
}

/// Divides as Go's `Duration` does, the whole part apart from the rest, which rounds differently.
fn whole_and_rest(span: i64, unit: i64) -> Data {
    Data::Float((span / unit) as f64 + (span % unit) as f64 / unit as f64)
}
