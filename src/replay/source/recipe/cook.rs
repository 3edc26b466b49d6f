//! Makes the points of a recipe.

use super::{Event, Number, Recipe, RecipeError};
use crate::protocol::{FieldValue, Point};
use crate::replay::ReplayError;
use crate::replay::source::{Item, Scratch, Source};
use crate::script::{Chance, Formula, Formulas, Variable, nearest};

/// The most series of a recipe.
const MAX_SERIES: usize = 1_000_000;

/// Variables that all formulas have: seconds since the start, and the number of the point from 0.
const VARIABLES: [&str; 2] = ["t", "n"];

/// A recipe that is being played.
pub(super) struct Cooking {
    recipe: Recipe,
    formulas: Formulas,
    fields: Vec<(String, Formula)>,
    changes: Vec<Change>,
    series: Vec<Series>,
    /// The time of the first point.
    start: i64,
    /// How many points each series has.
    steps: i64,
    step: i64,
    /// The series that comes next.
    next: usize,
}

/// A series with its random numbers.
struct Series {
    tags: Vec<(String, String)>,
    /// One for each field.
    chances: Vec<Chance>,
}

/// An event whose formulas are compiled.
struct Change {
    from: i64,
    to: i64,
    field: Option<String>,
    tags: Vec<(String, String)>,
    drop: bool,
    steps: Vec<(How, Formula)>,
    chance: Chance,
}

/// How an event changes a value.
#[derive(Clone, Copy)]
enum How {
    Add,
    Multiply,
    Set,
}

impl Cooking {
    pub(super) fn start(recipe: Recipe) -> Result<Self, RecipeError> {
        check(&recipe)?;
        let formulas = Formulas::default();
        let names: Vec<&str> =
            VARIABLES.into_iter().chain(recipe.tags.keys().map(String::as_str)).collect();
        let compile = |name: &str, formula: &Number| {
            formulas.compile(&formula.text(), &names).map_err(|error| RecipeError::Formula {
                name: name.into(),
                message: error.to_string(),
            })
        };
        let fields = recipe.fields.iter();
        let fields = fields.map(|(name, formula)| Ok((name.clone(), compile(name, formula)?)));
        let fields: Vec<(String, Formula)> = fields.collect::<Result<_, _>>()?;
        let changes = recipe.events.iter().enumerate();
        let changes = changes.map(|(i, event)| change(&recipe, i, event, &compile));
        let changes = changes.collect::<Result<_, _>>()?;
        let series = all_series(&recipe)?;
        let start = recipe.start.after(0);
        let steps = (recipe.period.0 + recipe.every.0 - 1) / recipe.every.0;
        Ok(Self { recipe, formulas, fields, changes, series, start, steps, step: 0, next: 0 })
    }

    /// Makes a point; `None` if an event drops it.
    fn point(&mut self, time: i64) -> Result<Option<Point>, ReplayError> {
        let Self { recipe, formulas, fields, changes, series, start, step, next, .. } = self;
        let Series { tags, chances } = &mut series[*next];
        let mut active: Vec<&mut Change> =
            changes.iter_mut().filter(|change| change.is_active(time, tags)).collect();
        let mut point = Point::new(time);
        point.set_name(&recipe.measurement);
        for (name, value) in &*tags {
            point.set_tag(name, value);
        }
        let mut variables =
            vec![("t", Variable::Number(seconds(time - *start))), ("n", Variable::Count(*step))];
        variables.extend(tags.iter().map(|(k, v)| (k.as_str(), Variable::Text(v))));
        for ((name, formula), chance) in fields.iter().zip(chances) {
            // Random numbers are also drawn while values are missing.
            let mut value = formulas.value(formula, &variables, chance)?;
            let mut dropped = false;
            for change in active.iter_mut().filter(|change| change.is_for(name)) {
                dropped |= change.drop;
                variables[0].1 = Variable::Number(seconds(time - change.from));
                for (how, formula) in &change.steps {
                    let by = formulas.value(formula, &variables, &mut change.chance)?;
                    value = how.apply(name, &value, by)?;
                }
            }
            variables[0].1 = Variable::Number(seconds(time - *start));
            if !dropped {
                point.set_field(name, value);
            }
        }
        let all_dropped = point.fields().next().is_none();
        Ok((!all_dropped).then_some(point))
    }
}

impl Source for Cooking {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while self.step < self.steps {
            let time = self.start.saturating_add(self.step.saturating_mul(self.recipe.every.0));
            let made = self.point(time)?;
            self.next += 1;
            if self.next == self.series.len() {
                self.next = 0;
                self.step += 1;
            }
            if let Some(point) = made {
                scratch.point = point;
                return Ok(Some(Item::Point));
            }
        }
        Ok(None)
    }
}

impl Change {
    fn is_active(&self, time: i64, tags: &[(String, String)]) -> bool {
        (self.from..=self.to).contains(&time) && self.tags.iter().all(|tag| tags.contains(tag))
    }

    fn is_for(&self, field: &str) -> bool {
        self.field.as_deref().is_none_or(|name| name == field)
    }
}

impl How {
    /// Changes a value; ints stay ints where they can.
    fn apply<'v>(
        self,
        name: &str,
        value: &FieldValue<'_>,
        by: FieldValue<'v>,
    ) -> Result<FieldValue<'v>, ReplayError> {
        let whole = match (value, &by) {
            (FieldValue::Int(a), FieldValue::Int(b)) => Some((*a, *b)),
            _ => None,
        };
        let changed = match (self, whole) {
            (Self::Set, _) => return Ok(by),
            (Self::Add, Some((a, b))) => a.checked_add(b),
            (Self::Multiply, Some((a, b))) => a.checked_mul(b),
            _ => None,
        };
        if let Some(changed) = changed {
            return Ok(FieldValue::Int(changed));
        }
        let (Some(a), Some(b)) = (value.as_double(), by.as_double()) else {
            return Err(ReplayError::Usage(format!(
                "an event adds to or multiplies '{name}', which is not a number: use set"
            )));
        };
        Ok(FieldValue::Double(if matches!(self, Self::Add) { a + b } else { a * b }))
    }
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// Refuses a recipe that contradicts itself.
fn check(recipe: &Recipe) -> Result<(), RecipeError> {
    for (name, length) in [("period", recipe.period), ("every", recipe.every)] {
        if length.0 <= 0 {
            return Err(RecipeError::Length(name));
        }
    }
    if recipe.fields.is_empty() {
        return Err(RecipeError::NoFields);
    }
    for (name, values) in &recipe.tags {
        if values.list().is_empty() {
            return Err(RecipeError::NoValues(name.clone()));
        }
        if VARIABLES.contains(&name.as_str()) {
            return Err(RecipeError::Reserved(name.clone()));
        }
    }
    for event in &recipe.events {
        let unknown = |what, name: &str, known: Vec<&str>| RecipeError::Unknown {
            what,
            name: name.into(),
            hint: nearest(name, known)
                .map_or_else(String::new, |near| format!("; did you mean '{near}'?")),
        };
        if let Some(field) = event.field.as_deref().filter(|f| !recipe.fields.contains_key(*f)) {
            let known = recipe.fields.keys().map(String::as_str).collect();
            return Err(unknown("field", field, known));
        }
        for (name, value) in &event.tags {
            let Some(values) = recipe.tags.get(name) else {
                let known = recipe.tags.keys().map(String::as_str).collect();
                return Err(unknown("tag", name, known));
            };
            if !values.list().contains(value) {
                let known = values.list().iter().map(String::as_str).collect();
                return Err(unknown("tag value", value, known));
            }
        }
        if [&event.add, &event.multiply, &event.set].iter().all(|c| c.is_none()) && !event.drop {
            return Err(RecipeError::NoChange(event.at));
        }
        let start = recipe.start.after(0);
        if !(start..start.saturating_add(recipe.period.0)).contains(&event.interval(recipe).0) {
            return Err(RecipeError::Outside(event.at, recipe.period));
        }
    }
    Ok(())
}

fn change(
    recipe: &Recipe,
    number: usize,
    event: &Event,
    compile: &impl Fn(&str, &Number) -> Result<Formula, RecipeError>,
) -> Result<Change, RecipeError> {
    let name = event.field.as_deref().unwrap_or("an event");
    let steps = [(How::Multiply, &event.multiply), (How::Add, &event.add), (How::Set, &event.set)];
    let steps = steps.into_iter().filter_map(|(how, formula)| Some((how, formula.as_ref()?)));
    let steps = steps.map(|(how, formula)| Ok((how, compile(name, formula)?)));
    let (from, to) = event.interval(recipe);
    Ok(Change {
        from,
        to,
        field: event.field.clone(),
        tags: event.tags.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        drop: event.drop,
        steps: steps.collect::<Result<_, _>>()?,
        chance: Chance::new(seed(recipe.seed, &format!("event {number}"))),
    })
}

/// Returns a series for each combination of the tags' values, the last tag changing fastest.
fn all_series(recipe: &Recipe) -> Result<Vec<Series>, RecipeError> {
    let mut all: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (name, values) in &recipe.tags {
        if all.len() * values.list().len() > MAX_SERIES {
            return Err(RecipeError::TooManySeries(MAX_SERIES));
        }
        let with = |tags: &Vec<(String, String)>, value: &String| {
            tags.iter().cloned().chain([(name.clone(), value.clone())]).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(|t| values.list().iter().map(move |v| with(t, v))).collect();
    }
    let series = all.into_iter().map(|tags| {
        let named: Vec<_> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let chance = |field: &String| {
            Chance::new(seed(recipe.seed, &format!("{field} {}", named.join(","))))
        };
        Series { chances: recipe.fields.keys().map(chance).collect(), tags }
    });
    Ok(series.collect())
}

/// Mixes a name into a seed, so that no series changes when another is added.
fn seed(seed: u64, name: &str) -> u64 {
    let crc = u64::from(crc32fast::hash(name.as_bytes()));
    seed.rotate_left(17) ^ (crc << 32) ^ crc
}
