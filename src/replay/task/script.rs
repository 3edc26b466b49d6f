//! A plain script with its groups, windows and alerts, as the graph that a TICKscript would define:
//! `stream|from()|window()@script()|alert()`.

use super::{DataKind, Lanes, check_scope};
use crate::agent::Control;
use crate::protocol::Point;
use crate::protocol::group::{Grouping, Shard};
use crate::protocol::message::{EdgeType, InfoResponse, InitRequest};
use crate::replay::ReplayError;
use crate::replay::effects::{Effects, Place, Show};
use crate::replay::engine::{Engine, Run};
use crate::replay::trace::Taps;
use crate::replay::udfs::{UdfCommand, UdfRegistry};
use crate::script::Expression;
use crate::script::config::Config;
use crate::tick::condition::Condition;
use crate::tick::definition::object::Object;
use crate::tick::definition::{Builder, CLOSES, Definitions, PLAIN_ID};
use crate::tick::flow::{Edge, Memory, NameKind, Unseen, Wanted};
use crate::tick::udf::{NoUdfs, Udfs, arguments};
use crate::tick::{Graph, TickError, TickText};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

/// The name of the script's function in the graph.
const UDF: &str = "udf";

/// The length and pace of windows, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The length.
    pub period: i64,
    /// The pace.
    pub every: i64,
    /// Windows end at multiples of the pace.
    pub align: bool,
}

/// A script with its groups, windows and alerts.
#[derive(Clone, Debug, Default)]
pub struct ScriptTask {
    /// The script.
    pub script: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// What the data is.
    pub kind: DataKind,
    /// Only points of this measurement.
    pub measurement: Option<String>,
    /// The tags that points are grouped by, `*` for all; none leaves them as they are.
    pub group_by: Vec<String>,
    /// Windows, for a script that wants batches.
    pub window: Option<Windows>,
    /// The part of the groups that is played; `None` for all.
    pub shard: Option<Shard>,
    /// Whether windows keep what they hold at the end of the data, for another replay.
    pub closes_windows: bool,
    /// The uses of the script; each sees all data.
    pub uses: Vec<Use>,
    /// A captured session brings the options.
    pub captured_options: bool,
    /// Every alert is an event, not only changes of level.
    pub every_alert: bool,
    /// Whether the output of the script is wanted.
    pub output: bool,
    /// What is shown.
    pub show: Show,
    /// Lets another thread end the calls of the script.
    pub control: Control,
}

/// One use of a script, as one `@udf()` in a TICKscript.
#[derive(Clone, Debug, Default)]
pub struct Use {
    /// Tells several uses apart; may be empty.
    pub label: String,
    /// The options.
    pub options: Vec<(String, String)>,
    /// Alerts on its output.
    pub alerts: Vec<Alerts>,
}

/// When an alert has which level, by expressions over the fields of a point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    /// The number of the variant.
    pub variant: usize,
    /// The level (`info`, `warn`, `crit`) and its expression.
    pub conditions: Vec<(String, String)>,
}

impl ScriptTask {
    /// Returns the edge that the script wants.
    ///
    /// # Errors
    /// A script that cannot be used.
    pub fn wants(&self) -> Result<EdgeType, ReplayError> {
        let mut registry = UdfRegistry::plain(self.config.clone(), true);
        let script = registry.script(UDF, &self.script)?;
        Ok(script.program().map_err(Clone::clone)?.declaration().wants)
    }

    /// As [`super::Task::lanes`].
    pub(super) fn lanes(&self) -> Result<Lanes, String> {
        let lanes = match self.kind {
            DataKind::Frames => return Err("captured requests are one session".into()),
            DataKind::Batch => Lanes::Batches,
            DataKind::Stream if self.group_by.is_empty() => {
                return Err("there is only one group (--group-by makes several)".into());
            }
            DataKind::Stream => Lanes::Groups(Grouping::by(&self.group_by)),
        };
        let mut registry = UdfRegistry::plain(self.config.clone(), true);
        if let Ok(script) = registry.script(UDF, &self.script) {
            check_scope(script)?;
        }
        Ok(lanes)
    }

    /// Makes an engine for some of the uses.
    ///
    /// # Errors
    /// A script that cannot be used, options that it refuses, expressions that are none.
    pub fn engine(&self, uses: Range<usize>) -> Result<Engine, ReplayError> {
        let mut registry = UdfRegistry::plain(self.config.clone(), self.captured_options)
            .controlled(&self.control);
        registry.add(UDF, UdfCommand::Script(self.script.clone()));
        if self.shard.is_some() {
            registry.spread();
        }
        let info = registry.info(UDF)?.unwrap_or_default();
        let mut outline = Outline {
            builder: self.source()?,
            places: BTreeMap::new(),
            variants: Vec::new(),
            udfs: BTreeMap::new(),
        };
        let parent = self.before_udf(&mut outline.builder);
        let first = uses.start == 0;
        for number in uses {
            self.add_use(&mut outline, parent, &info, number, &mut registry)?;
        }
        self.check_window(info.wants())?;
        let text = TickText { name: "the command line", text: "" };
        let task = crate::tick::TaskSettings {
            id: "replay".into(),
            shard: self.shard,
            ..crate::tick::TaskSettings::default()
        };
        let Outline { builder, places, variants, udfs } = outline;
        let mut definitions: Definitions = builder.into();
        let looks = self.show.trace.is_some() || self.show.outcome;
        let taps = looks.then(|| Taps::add(&mut definitions, |node| udfs.get(&node).cloned()));
        let graph = Graph::start(definitions, &text, &task, &mut registry)?;
        let mut effects = Effects::plain(self.show.clone(), places, variants);
        effects.look_into(taps, first);
        let mut engine = Engine::new(vec![Run { graph, effects }], true);
        engine.unfit = self.unfit_for(info.wants());
        Ok(engine)
    }

    /// Refuses windows before a script that wants points.
    ///
    /// # Errors
    /// Windows that the script does not want.
    pub fn check_window(&self, wants: EdgeType) -> Result<(), ReplayError> {
        match (wants, self.window) {
            (EdgeType::Stream, Some(_)) => Err(ReplayError::Usage(
                "the script wants a stream of points: leave out --period and --every".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Returns the graph of groups and windows alone, which hands its output to the outside: the script's
    /// input. `None` if the data are the script's input as they are.
    ///
    /// # Errors
    /// Windows that cannot be made.
    pub fn shaping(&self) -> Result<Option<Graph>, ReplayError> {
        let shapes =
            self.measurement.is_some() || !self.group_by.is_empty() || self.window.is_some();
        if self.kind != DataKind::Stream || !shapes {
            return Ok(None);
        }
        let mut builder = Builder::new(Edge::Stream);
        let last = self.before_udf(&mut builder);
        builder.output(last);
        let text = TickText { name: "the command line", text: "" };
        let task = crate::tick::TaskSettings::default();
        Ok(Some(Graph::start(builder.into(), &text, &task, &mut NoUdfs)?))
    }

    /// Says why the script cannot take the data, if it cannot.
    ///
    /// # Errors
    /// A script that cannot be used.
    pub fn unfit(&self) -> Result<Option<&'static str>, ReplayError> {
        Ok(self.unfit_for(self.wants()?))
    }

    fn unfit_for(&self, wants: EdgeType) -> Option<&'static str> {
        match (wants, self.kind) {
            (EdgeType::Stream, DataKind::Batch) => {
                Some("the script wants a stream of points, and the data is batches")
            }
            (EdgeType::Batch, DataKind::Stream) if self.window.is_none() => Some(
                "the script wants batches, and the data is a stream of points: make windows with --period 5m --every 5m",
            ),
            _ => None,
        }
    }

    fn source(&self) -> Result<Builder, ReplayError> {
        Ok(Builder::new(match self.kind {
            DataKind::Frames => match self.wants()? {
                EdgeType::Stream => Edge::Stream,
                EdgeType::Batch => Edge::Batch,
            },
            kind => kind.into(),
        }))
    }

    /// Adds the nodes before the script; returns the last of them.
    fn before_udf(&self, builder: &mut Builder) -> usize {
        let text = |text: &str| Object::String(text.into());
        match self.kind {
            DataKind::Frames => 0,
            DataKind::Batch => {
                // The batches have already been read, so the query does not matter.
                let any = || vec![Object::Duration(1)];
                builder.node(0, "query", &[text("")], &[("period", any()), ("every", any())])
            }
            DataKind::Stream => {
                let mut properties = Vec::new();
                if let Some(name) = &self.measurement {
                    properties.push(("measurement", vec![text(name)]));
                }
                let tags = self.group_by.iter().map(|tag| match tag.as_str() {
                    "*" => Object::Star,
                    tag => text(tag),
                });
                properties.push(("groupBy", tags.collect()));
                let from = builder.node(0, "from", &[], &properties);
                let Some(Windows { period, every, align }) = self.window else { return from };
                let mut properties = vec![
                    ("period", vec![Object::Duration(period)]),
                    ("every", vec![Object::Duration(every)]),
                ];
                if align {
                    properties.push(("align", Vec::new()));
                }
                if self.closes_windows {
                    properties.push((CLOSES, Vec::new()));
                }
                builder.node(from, "window", &[], &properties)
            }
        }
    }

    /// Adds a use of the script with its alerts.
    fn add_use(
        &self,
        outline: &mut Outline,
        parent: usize,
        info: &InfoResponse,
        number: usize,
        registry: &mut UdfRegistry,
    ) -> Result<(), ReplayError> {
        let one = &self.uses[number];
        let init = if self.captured_options {
            InitRequest::default()
        } else {
            self.request(&one.options, registry)?
        };
        let options = init.options.into_iter().map(|o| (o.name.clone(), arguments(o))).collect();
        let udf = outline.builder.udf(parent, UDF, info.clone(), options);
        let label = &one.label;
        outline.udfs.insert(udf, label.clone());
        if self.output {
            let output = outline.builder.output(udf);
            outline.places.insert(output, Place { label: label.clone(), variant: 0, number });
        }
        for alerts in &one.alerts {
            let mut properties = vec![(PLAIN_ID, Vec::new())];
            for (level, name) in [("info", "info"), ("warn", "warn"), ("crit", "crit")] {
                if let Some((_, text)) = alerts.conditions.iter().find(|(known, _)| known == level)
                {
                    properties.push((name, vec![Object::Condition(compile(level, text)?)]));
                }
            }
            if !self.every_alert {
                properties.push(("stateChangesOnly", Vec::new()));
            }
            let alert = outline.builder.node(udf, "alert", &[], &properties);
            let place = Place { label: label.clone(), variant: outline.variants.len(), number };
            outline.places.insert(alert, place);
            outline.variants.push(alerts.variant);
        }
        Ok(())
    }

    /// Makes the request that a TICKscript with the options of the first use would.
    ///
    /// # Errors
    /// A script that cannot be used, or options that it does not have.
    pub fn init(&self) -> Result<InitRequest, ReplayError> {
        let mut registry = UdfRegistry::plain(self.config.clone(), true);
        let options = self.uses.first().map_or(&[][..], |one| &one.options);
        self.request(options, &mut registry)
    }

    /// Makes the request that a TICKscript with these options would.
    fn request(
        &self,
        options: &[(String, String)],
        registry: &mut UdfRegistry,
    ) -> Result<InitRequest, ReplayError> {
        let script = registry.script(UDF, &self.script)?;
        let declaration = script.program().map_err(Clone::clone)?.declaration();
        let request = declaration.request(options);
        let fitting = request.and_then(|request| declaration.bind(&request).map(|_| request));
        fitting.map_err(|problems| ReplayError::Usage(problems.join("; ")))
    }
}

/// A graph that is being defined, with what its alerts and outputs stand for.
struct Outline {
    builder: Builder,
    places: BTreeMap<usize, Place>,
    variants: Vec<usize>,
    /// The label of each use of the script.
    udfs: BTreeMap<usize, String>,
}

fn compile(level: &str, text: &str) -> Result<Rc<dyn Condition>, ReplayError> {
    let compiled = Expression::compile(text);
    let expression = compiled.map_err(|source| ReplayError::Condition {
        level: level.to_owned(),
        source: Box::new(source),
    })?;
    let fields = RefCell::new(Wanted::new(expression.fields()));
    Ok(Rc::new(ScriptCondition { expression, fields }))
}

/// An expression as a condition of a graph.
#[derive(Debug)]
struct ScriptCondition {
    expression: Expression,
    /// Its fields that have not occurred yet.
    fields: RefCell<Wanted>,
}

impl Condition for ScriptCondition {
    fn holds(&self, point: &Point) -> Result<Option<bool>, TickError> {
        self.fields.borrow_mut().look(|| point.fields().map(|(name, _)| name));
        let held = self.expression.eval(point);
        held.map_err(|error| TickError::Outside(Box::new(ReplayError::Script(error))))
    }

    fn fields(&self) -> Vec<String> {
        self.expression.fields().map(str::to_owned).collect()
    }

    fn thresholds(&self) -> Vec<(String, f64)> {
        self.expression.thresholds()
    }

    fn text(&self) -> &str {
        self.expression.text()
    }

    fn remember(&self, memory: &mut Memory<'_>) -> Result<(), TickError> {
        memory.common("fields of conditions", &mut *self.fields.borrow_mut())
    }

    fn unseen(&self) -> Vec<Unseen> {
        self.fields.borrow().unseen(NameKind::ConditionField)
    }
}
