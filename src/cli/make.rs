//! `make`: makes points from a recipe, as line protocol.

use super::values::assignment;
use super::{stdout, usage};
use anyhow::Context;
use rhai_udf::protocol::line::Writer;
use rhai_udf::protocol::time::rfc3339;
use rhai_udf::replay::output_file::OutputFile;
use rhai_udf::replay::source::recipe::{Event, Length, Moment, Number, Recipe};
use rhai_udf::replay::source::{Item, Scratch};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make points by formulas, with events, as line protocol
///
/// A recipe is a TOML file, like the `make` of a test case, or the same written as options:
/// rhai-udf make --period 2h --every 5s --tag host=a,b --field 'x=20 + 2*sin(t/3600) + noise(0.5)'
/// --event 'field=x at=1h for=10m add=15'. Formulas know t (seconds since the start), n (the number of
/// the point) and the tags, and the functions noise(stddev), uniform(low, high) and walk(stddev) in addition to those
/// of scripts. The same recipe gives the same points in every run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with a recipe; options override it
    recipe: Option<PathBuf>,
    /// The measurement; default: m
    #[arg(long, value_name = "NAME")]
    measurement: Option<String>,
    /// How long the data lasts, as in 2h
    #[arg(long, value_name = "DURATION", value_parser = length)]
    period: Option<Length>,
    /// The time between two points of a series, as in 5s
    #[arg(long, value_name = "DURATION", value_parser = length)]
    every: Option<Length>,
    /// The time of the first points; default: 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<Moment>,
    /// A tag with its values; there is a series for each combination of all tags' values
    #[arg(long = "tag", value_name = "NAME=V1,V2,…", value_parser = assignment)]
    tags: Vec<(String, String)>,
    /// A field with its formula
    #[arg(long = "field", value_name = "NAME=FORMULA", value_parser = assignment)]
    fields: Vec<(String, String)>,
    /// An event: at=1h for=10m field=x add=15 where.host=a; or multiply=, set=, drop=true
    #[arg(long = "event", value_name = "KEY=VALUE …", value_parser = event)]
    events: Vec<Event>,
    /// The seed of the random numbers; default: 0
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where to write the points
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where to write the intervals of the events, as replay --labels reads them
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let recipe = recipe(args)?;
    let mut source = match recipe.open() {
        Ok(source) => source,
        Err(error) => return usage(&error.to_string()),
    };
    let read: Vec<&Path> = args.recipe.iter().map(PathBuf::as_path).collect();
    let mut file =
        args.output.as_ref().map(|path| OutputFile::create(path, read.clone())).transpose()?;
    let (mut scratch, mut lines, mut text) = (Scratch::default(), Writer::default(), String::new());
    while let Some(Item::Point) = source.next(&mut scratch)? {
        text.clear();
        if lines.write(&scratch.point, "", &mut text) {
            text.push('\n');
        }
        match &mut file {
            Some(file) => {
                file.write_all(text.as_bytes()).context("the output cannot be written")?
            }
            None => stdout::print(&text)?,
        }
    }
    if let Some(file) = file {
        file.keep()?;
    }
    match &args.labels {
        Some(path) => keep_labels(&recipe, path, read),
        None => Ok(()),
    }
}

/// Reads the recipe of a file, and what the options say.
fn recipe(args: &Args) -> anyhow::Result<Recipe> {
    let mut recipe = match &args.recipe {
        Some(path) => read(path)?,
        None => {
            let (Some(period), Some(every)) = (args.period, args.every) else {
                return usage(
                    "the length of the data is missing: give --period 2h --every 5s, or a recipe",
                );
            };
            let empty = "period = '1s'\nevery = '1s'\n[fields]";
            let empty: Recipe = toml::from_str(empty).expect("a recipe without fields");
            Recipe { period, every, ..empty }
        }
    };
    recipe.period = args.period.unwrap_or(recipe.period);
    recipe.every = args.every.unwrap_or(recipe.every);
    recipe.start = args.start.unwrap_or(recipe.start);
    recipe.seed = args.seed.unwrap_or(recipe.seed);
    if let Some(name) = &args.measurement {
        recipe.measurement.clone_from(name);
    }
    let tags = args.tags.iter().map(|(name, values)| {
        (name.clone(), values.split(',').map(|value| value.trim().to_owned()).collect())
    });
    recipe.tags.extend(tags);
    let fields = args.fields.iter();
    recipe.fields.extend(fields.map(|(name, text)| (name.clone(), Number::Formula(text.clone()))));
    recipe.events.extend(args.events.iter().cloned());
    Ok(recipe)
}

fn read(path: &Path) -> anyhow::Result<Recipe> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown}: cannot be read"))?;
    toml::from_str(&text)
        .map_err(|error| rhai_udf::script::config::toml_error(path, &text, &error).into())
}

fn keep_labels(recipe: &Recipe, path: &Path, read: Vec<&Path>) -> anyhow::Result<()> {
    let times = recipe.intervals().into_iter().map(|(from, to)| [rfc3339(from), rfc3339(to)]);
    let mut file = OutputFile::create(path, read)?;
    let text = serde_json::to_string_pretty(&times.collect::<Vec<_>>())?;
    writeln!(file, "{text}").context("the labels cannot be written")?;
    Ok(file.keep()?)
}

fn length(text: &str) -> Result<Length, String> {
    rhai_udf::protocol::duration::parse(text).map(Length).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<Moment, String> {
    match Moment::parse(text) {
        Ok(moment @ Moment::Time(_)) => Ok(moment),
        _ => Err("write a time as in 2026-01-31T12:00:00Z".into()),
    }
}

/// Reads an event: keys and values as in a recipe, with spaces between. A value with spaces is written in quotes.
fn event(text: &str) -> Result<Event, String> {
    let mut table = String::new();
    for part in parts(text) {
        let (key, value) = part.split_once('=').ok_or("write KEY=VALUE, as in at=1h add=15")?;
        let plain = value.parse::<f64>().is_ok() || matches!(value, "true" | "false");
        let quoted = value.starts_with(['"', '\'']);
        let value = if plain || quoted { value.to_owned() } else { format!("{value:?}") };
        table.push_str(&format!("{key} = {value}\n"));
    }
    toml::from_str(&table).map_err(|error: toml::de::Error| error.message().replace('\n', "; "))
}

/// Splits at spaces outside of quotes.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if c.is_whitespace() => parts.push(String::new()),
            _ => {
                if quote == Some(c) {
                    quote = None;
                } else if quote.is_none() && matches!(c, '"' | '\'') {
                    quote = Some(c);
                }
                parts.last_mut().expect("there is one").push(c);
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_from_a_line() {
        let read = event("field=x at=1h for=10m add='2 * t' where.host=a").unwrap();
        assert_eq!(read.field.as_deref(), Some("x"));
        assert_eq!(read.at, Moment::After(3_600_000_000_000));
        assert_eq!(read.add, Some(Number::Formula("2 * t".into())));
        assert_eq!(read.tags["host"], "a");
        assert!(event("at=1h ad=15").unwrap_err().contains("unknown field `ad`"));
        assert!(event("at").unwrap_err().contains("KEY=VALUE"));
    }
}
