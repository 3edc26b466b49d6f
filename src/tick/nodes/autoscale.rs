//! `|k8sAutoscale()`, `|swarmAutoscale()`, `|ec2Autoscale()`: how many replicas there should be.
//!
//! A replay contacts no cluster. It takes the first number of replicas from its settings, otherwise from `.min()`,
//! and shows the changes.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::protocol::group::Dimensions;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{
    ByGroup, Memory, Message, NameKind, Node, Outbox, PointScope, Scaling, Signal, Unseen,
};
use crate::tick::lambda::{Lambda, State, Value};
use crate::tick::settings::TaskSettings;

/// The kinds of resources of a Kubernetes cluster that are scaled.
const KINDS: [&str; 3] = ["deployments", "replicasets", "replicationcontrollers"];

/// Scales resources.
pub(crate) struct Autoscale {
    service: Service,
    rule: Rule,
    /// By the names of resources.
    resources: HashMap<String, Resource>,
    /// How many replicas there are at the beginning, by the names of resources.
    given: BTreeMap<String, i64>,
    groups: ByGroup<State>,
}

/// The program that is asked to scale, and its name for a resource.
struct Service {
    name: &'static str,
    cluster: Rc<str>,
    /// What precedes the name of a resource: `default/deployments/`.
    path: String,
    /// The name of the resource, or the tag that has it.
    resource: Rc<str>,
    is_tag: bool,
    /// Tags that events get; the resource's name is empty here.
    tags: Vec<(Rc<str>, Rc<str>)>,
    /// The tag of events that gets the name.
    name_tag: Option<Rc<str>>,
}

struct Rule {
    replicas: Rc<Lambda>,
    current_field: Option<Rc<str>>,
    min: i64,
    max: i64,
    increase_cooldown: i64,
    decrease_cooldown: i64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Resource {
    current: i64,
    increased: Option<i64>,
    decreased: Option<i64>,
}

impl Autoscale {
    pub(crate) fn new(
        definition: &Definition,
        source: &TickText<'_>,
        task: &TaskSettings,
    ) -> Result<Self> {
        let name = &definition.name;
        let error = |message: String| Err(source.error(definition.at, message));
        let Some(replicas) = definition.value("replicas").and_then(Object::as_lambda) else {
            return error(format!("|{name}() needs .replicas(lambda: …)"));
        };
        let min = definition.int("min").unwrap_or(1);
        if min < 1 {
            return error(format!(".min({min}) of |{name}() is below 1"));
        }
        let rule = Rule {
            replicas,
            current_field: definition.string("currentField").filter(|name| !name.is_empty()),
            min,
            max: definition.int("max").unwrap_or(0),
            increase_cooldown: definition.duration("increaseCooldown").unwrap_or(0),
            decrease_cooldown: definition.duration("decreaseCooldown").unwrap_or(0),
        };
        Ok(Self {
            service: service(definition, source)?,
            rule,
            resources: HashMap::new(),
            given: task.replicas.clone(),
            groups: ByGroup::default(),
        })
    }

    /// Takes a point; returns the event that it makes.
    fn take(
        &mut self,
        point: &Point,
        (name, group, dimensions): (&str, &[u8], &Dimensions),
        out: &mut Outbox<'_>,
    ) -> Result<Option<Point>> {
        let Self { service, rule, resources, given, groups } = self;
        let Some(id) = service.resource(point) else {
            let tag = &service.resource;
            let message = format!("tag \"{tag}\" is missing, which names what is scaled");
            out.diagnose(&TickError::Evaluate(message));
            return Ok(None);
        };
        let state = resources.entry(id.clone()).or_insert_with(|| Resource {
            current: given.get(&id).copied().unwrap_or(rule.min),
            increased: None,
            decreased: None,
        });
        let wanted = match rule.wanted(state.current, point, groups.of(group)) {
            Ok(wanted) => wanted,
            Err(error) => {
                out.diagnose(&error);
                return Ok(None);
            }
        };
        let old = state.current;
        let Some(changed) = rule.change(state, wanted, point.time()) else { return Ok(None) };
        let new = changed.current;
        *state = changed;
        out.outside.scale(&Scaling {
            node: out.node,
            service: service.name,
            time: point.time(),
            cluster: &service.cluster,
            resource: &format!("{}{id}", service.path),
            name: &id,
            old,
            new,
        })?;
        let mut event = Point::new(point.time());
        event.set_name(name);
        event.set_field("old", old);
        event.set_field("new", new);
        for tag in &dimensions.tags {
            event.set_tag(tag, &point.tag(tag).unwrap_or_default());
        }
        service.tags.iter().for_each(|(name, value)| event.set_tag(name, value));
        if let Some(tag) = &service.name_tag {
            event.set_tag(tag, &id);
        }
        dimensions.apply(&mut event);
        Ok(Some(event))
    }
}

impl Service {
    /// Returns the name of what a point is about.
    fn resource(&self, point: &Point) -> Option<String> {
        if !self.is_tag {
            return Some(self.resource.to_string());
        }
        point.tag(&self.resource).map(|name| name.into_owned()).filter(|name| !name.is_empty())
    }
}

impl Rule {
    fn wanted(&self, current: i64, point: &Point, state: &mut State) -> Result<i64> {
        let computed: Vec<_> =
            self.current_field.iter().map(|name| (Rc::clone(name), Value::Int(current))).collect();
        match self.replicas.eval(&PointScope { point, computed: &computed }, state)? {
            Value::Int(wanted) => Ok(wanted),
            other => {
                let message = format!(".replicas() gives a {}, not an int", other.kind());
                Err(TickError::Evaluate(message))
            }
        }
    }

    /// Returns the state after a change; `None` if there is none, or if it comes too soon.
    fn change(&self, state: &Resource, wanted: i64, time: i64) -> Option<Resource> {
        let wanted = if self.max > 0 { wanted.min(self.max) } else { wanted }.max(self.min);
        let mut changed = Resource { current: wanted, ..state.clone() };
        let (last, cooldown) = match wanted.cmp(&state.current) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Greater => (&mut changed.increased, self.increase_cooldown),
            std::cmp::Ordering::Less => (&mut changed.decreased, self.decrease_cooldown),
        };
        if last.is_some_and(|last| time < last.saturating_add(cooldown)) {
            return None;
        }
        *last = Some(time);
        Some(changed)
    }
}

/// Reads which program is asked to scale, and what.
fn service(definition: &Definition, source: &TickText<'_>) -> Result<Service> {
    let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
    let error = |message: String| Err(source.error(definition.at, message));
    let (name, by_name, by_tag, output) = match definition.name.as_str() {
        "k8sAutoscale" => ("k8sAutoscale", "resourceName", "resourceNameTag", "resourceTag"),
        "swarmAutoscale" => {
            ("swarmAutoscale", "serviceName", "serviceNameTag", "outputServiceNameTag")
        }
        _ => ("ec2Autoscale", "groupName", "groupNameTag", "outputGroupNameTag"),
    };
    let (resource, is_tag) = match (string(by_name), string(by_tag)) {
        (Some(resource), None) => (resource, false),
        (None, Some(tag)) => (tag, true),
        _ => {
            return error(format!(
                "|{name}() needs .{by_name}('…') or .{by_tag}('…'), one of them"
            ));
        }
    };
    let cluster = string("cluster").unwrap_or_default();
    let unnamed = Service {
        name,
        cluster,
        path: String::new(),
        name_tag: string(output).or_else(|| is_tag.then(|| Rc::clone(&resource))),
        resource,
        is_tag,
        tags: Vec::new(),
    };
    if name != "k8sAutoscale" {
        return Ok(unnamed);
    }
    let kind = definition.string("kind").unwrap_or_else(|| "deployments".into());
    if !KINDS.contains(&&*kind) {
        return error(format!(".kind('{kind}') of |{name}() is none of {}", KINDS.join(", ")));
    }
    let namespace = string("namespace").unwrap_or_else(|| "default".into());
    let tag = |property: &str, usual: &str| {
        Some(definition.string(property).unwrap_or_else(|| usual.into())).filter(|t| !t.is_empty())
    };
    let tags = [
        (tag("namespaceTag", "namespace"), Rc::clone(&namespace)),
        (tag("kindTag", "kind"), Rc::clone(&kind)),
    ];
    Ok(Service {
        path: format!("{namespace}/{kind}/"),
        name_tag: tag("resourceTag", "resource"),
        tags: tags.into_iter().filter_map(|(tag, value)| Some((tag?, value))).collect(),
        ..unnamed
    })
}

impl Node for Autoscale {
    fn unseen(&self) -> Vec<Unseen> {
        let mut present: Vec<_> = self.resources.keys().cloned().collect();
        present.sort();
        let names = self.given.keys().filter(|name| !self.resources.contains_key(*name));
        let unseen = |name: &String| {
            let (kind, name) = (NameKind::Resource, name.clone());
            Unseen { kind, name, present: present.clone() }
        };
        names.map(unseen).collect()
    }

    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let dimensions = Dimensions::of(&point);
        let about = (&*point.name(), point.group_bytes(), &dimensions);
        if let Some(event) = self.take(&point, about, out)? {
            out.send(event);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let dimensions = Message::Batch(Rc::clone(&batch)).dimensions();
        for point in batch.points() {
            let about = (batch.name.as_str(), batch.group.as_bytes(), &dimensions);
            if let Some(event) = self.take(&point, about, out)? {
                out.send(event);
            }
        }
        Ok(())
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.lambda("replicas", &self.rule.replicas)?;
        let mut resources: BTreeMap<_, _> =
            std::mem::take(&mut self.resources).into_iter().collect();
        let recalled = memory.value("resources", &mut resources);
        self.resources = resources.into_iter().collect();
        recalled?;
        if self.rule.replicas.remembers() {
            memory.groups("replicas", &mut self.groups)?;
        }
        Ok(())
    }
}
