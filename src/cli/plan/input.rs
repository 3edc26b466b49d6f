//! What is read: files, or a database.

use super::{access, files};
use crate::cli::args::{DataArgs, MeasureArgs, ReplayArgs};
use crate::cli::usage;
use rhai_udf::piped::is_piped;
use rhai_udf::protocol::arguments;
use rhai_udf::replay::influxdb::sql::SqlQuery;
use rhai_udf::replay::influxdb::stream::Selection;
use rhai_udf::replay::influxdb::{Access, Measurements, Queries, TimeRange};
use rhai_udf::replay::influxql::Table;
use rhai_udf::replay::source::{self, CsvReading, MadeUp, Reading, Source, Span};
use rhai_udf::replay::task::{DataKind, Task};
use rhai_udf::tick::Query;
use rhai_udf::tick::flow::Edge;
use std::path::{Path, PathBuf};

/// What is read.
#[derive(Debug)]
pub(in crate::cli) enum Input {
    /// Files.
    Files {
        /// The files, without folders and patterns.
        paths: Vec<PathBuf>,
        /// Whether they are one source in the order of time, or played one after the other.
        merges: bool,
        /// How they are read.
        reading: Reading,
    },
    /// Points that are generated.
    Made(MadeUp),
    /// A database.
    Influx {
        /// How it is reached.
        access: Box<Access>,
        /// The time that is read.
        span: TimeRange,
        /// The database of a stream.
        database: Option<String>,
        /// Its retention policy.
        policy: Option<String>,
        /// The measurement.
        measurement: Option<String>,
        /// The query of a plain script.
        query: Option<Box<Query>>,
        /// Whether that query is in SQL.
        sql: bool,
    },
}

impl Input {
    /// Reads the arguments.
    pub(super) fn of(args: &ReplayArgs) -> anyhow::Result<Self> {
        let influx = &args.influx;
        let access = access::access(influx)?;
        if let Some(access) = &access {
            access::warn(access);
        }
        if !args.data.files.is_empty() {
            let files = Self::files(&args.data)?;
            let one_by_one = files.names().len() > 1;
            if influx.save.is_some() && one_by_one {
                return usage(
                    "--save writes one recording: give one --data, or leave out --no-merge",
                );
            }
            return Ok(files);
        }
        let Some(access) = access else {
            return usage("no data: give --data or --influxdb");
        };
        Ok(Self::Influx {
            access: Box::new(access),
            span: span(args)?,
            database: influx.db.clone(),
            policy: influx.rp.clone(),
            measurement: args.data.measurement.clone(),
            query: query(args)?.map(Box::new),
            sql: influx.sql.is_some(),
        })
    }

    /// Finds the files.
    fn files(data: &DataArgs) -> anyhow::Result<Self> {
        let paths = files::find(&data.files)?;
        let reading = reading(data);
        let frames = paths.iter().any(|path| kind_of(path, &reading) == DataKind::Frames);
        let merges = !data.no_merge && !frames && paths.len() > 1;
        if let (Some(from), Some(to)) = (data.from, data.to)
            && from >= to
        {
            return usage("--from is not before --to");
        }
        Ok(Self::Files { paths, merges, reading })
    }

    /// Plays each file by itself: each is a series of its own.
    pub(super) fn keep_apart(&mut self) {
        if let Self::Files { merges, .. } = self {
            *merges = false;
        }
    }

    /// Returns the files, if it is files.
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Files { paths, .. } => paths,
            Self::Made(_) | Self::Influx { .. } => &[],
        }
    }

    /// Reads the data of a measurement: files, or otherwise generated points, with the fields that the script's
    /// options name.
    pub(super) fn measured(args: &MeasureArgs) -> anyhow::Result<Self> {
        if !args.data.files.is_empty() {
            return Self::files(&args.data);
        }
        let mut fields: Vec<String> = (0..args.made.fields).map(|i| format!("f{i}")).collect();
        let options = args.shape.options.iter();
        let named = options.filter(|(name, _)| name == "field" || name == "fields");
        for name in named.flat_map(|(_, value)| arguments::pieces(value)).map(arguments::plain) {
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
        Ok(Self::Made(MadeUp { points: args.made.points, groups: args.made.groups, fields }))
    }

    /// What the data is.
    pub(super) fn kind(&self) -> anyhow::Result<DataKind> {
        match self {
            Self::Made(_) => Ok(DataKind::Stream),
            Self::Influx { query: Some(_), .. } => Ok(DataKind::Batch),
            Self::Influx { .. } => Ok(DataKind::Stream),
            Self::Files { paths, reading, .. } => {
                let mut kinds = paths.iter().map(|path| kind_of(path, reading));
                let first = kinds.next().unwrap_or_default();
                if kinds.any(|kind| kind != first) {
                    return usage(
                        "the files are of different kinds (points, batches, captured requests): \
                         replay them one after the other",
                    );
                }
                Ok(first)
            }
        }
    }

    /// Bytes of the files, for a progress bar; `None` where they are not known before.
    pub(in crate::cli) fn size(&self) -> Option<u64> {
        match self {
            Self::Files { paths, .. } if paths.iter().any(|path| is_piped(path)) => None,
            Self::Files { paths, .. } => {
                Some(paths.iter().map(|path| std::fs::metadata(path).map_or(0, |m| m.len())).sum())
            }
            Self::Made(_) | Self::Influx { .. } => None,
        }
    }

    /// How files are read, with what was counted.
    pub(in crate::cli) fn reading(&self) -> Option<&Reading> {
        match self {
            Self::Files { reading, .. } => Some(reading),
            Self::Made(_) | Self::Influx { .. } => None,
        }
    }

    /// The names of the sources, in order; files that are merged have the name of the first.
    pub(in crate::cli) fn names(&self) -> Vec<PathBuf> {
        match self {
            Self::Files { paths, merges: true, .. } => paths[..1].to_vec(),
            Self::Files { paths, .. } => paths.clone(),
            Self::Made(_) => vec![PathBuf::from("made up")],
            Self::Influx { .. } => vec![PathBuf::from("InfluxDB")],
        }
    }

    /// Opens a source by its name, as the points of a file also where queries are to be asked of them.
    pub(in crate::cli) fn open_plainly(
        &self,
        name: &Path,
        task: &Task,
    ) -> anyhow::Result<Box<dyn Source>> {
        match self {
            Self::Files { reading, paths, merges: true } => {
                Ok(source::open_merged(paths, reading)?)
            }
            Self::Files { reading, .. } => Ok(source::open(name, reading)?),
            Self::Made(_) | Self::Influx { .. } => self.open(name, task),
        }
    }

    /// Opens a source by its name.
    pub(in crate::cli) fn open(&self, name: &Path, task: &Task) -> anyhow::Result<Box<dyn Source>> {
        let (access, span) = match self {
            Self::Files { reading, paths, merges } => {
                let merged = if *merges { &paths[..] } else { &[] };
                return open_file(name, (paths, merged), reading, task);
            }
            Self::Made(made) => return Ok(made.open()),
            Self::Influx { access, span, .. } => (access, *span),
        };
        let client = access::client(access)?;
        let Self::Influx { database, policy, measurement, query, sql, .. } = self else {
            return usage("no data: give --data or --influxdb");
        };
        let mut home = None;
        if let Task::Tick(task) = task {
            let definitions = task.definitions()?;
            if definitions.edge() == Edge::Batch {
                let queries = definitions.queries();
                let client = client.at_home_in(database.as_deref(), policy.as_deref());
                return Ok(Box::new(Queries::new(client, queries.iter(), span)?));
            }
            home = task.dbrp.clone().or_else(|| definitions.dbrps.first().cloned());
        }
        if let Some(query) = query {
            let client = client.at_home_in(database.as_deref(), policy.as_deref());
            if *sql {
                return Ok(Box::new(Queries::in_sql(client, query, span)?));
            }
            return Ok(Box::new(Queries::new(client, std::iter::once(&**query), span)?));
        }
        let (database, policy) = match (database, home) {
            (Some(database), _) => (database.clone(), policy.clone()),
            (None, Some((database, rp))) => (database, policy.clone().or(Some(rp))),
            (None, None) => return usage("the database is missing: give --db NAME"),
        };
        let measurement = measurement.clone();
        let selection = Selection { database, policy, measurement, span };
        Ok(Box::new(Measurements::new(&client, &selection)?))
    }
}

/// Opens a file. A batch script runs its queries over the points of all files, which are read with the first one.
fn open_file(
    name: &Path,
    (paths, merged): (&[PathBuf], &[PathBuf]),
    reading: &Reading,
    task: &Task,
) -> anyhow::Result<Box<dyn Source>> {
    if let Task::Tick(task) = task
        && kind_of(name, reading) == DataKind::Stream
    {
        let definitions = task.definitions()?;
        if definitions.edge() == Edge::Batch {
            let mut table = Table::default();
            for path in paths.iter().filter(|_| paths.first().is_some_and(|first| first == name)) {
                table.read(&mut *source::open(path, reading)?)?;
            }
            return Ok(table.ask_all(definitions.queries().iter())?);
        }
    }
    if !merged.is_empty() {
        return Ok(source::open_merged(merged, reading)?);
    }
    Ok(source::open(name, reading)?)
}

/// What a file holds.
fn kind_of(path: &Path, reading: &Reading) -> DataKind {
    reading.format.map_or_else(|| DataKind::of(path), DataKind::from)
}

fn reading(data: &DataArgs) -> Reading {
    Reading {
        format: data.data_format.map(Into::into),
        precision: data.precision.unwrap_or_default(),
        skip_bad_lines: data.skip_bad_lines,
        span: Span { from: data.from, to: data.to },
        csv: CsvReading {
            time_column: data.time_column.clone(),
            field_columns: data.field_columns.clone(),
            tag_columns: data.tag_columns.clone(),
            measurement: data.measurement.clone(),
            unit: data.precision,
        },
        ..Reading::default()
    }
}

fn span(args: &ReplayArgs) -> anyhow::Result<TimeRange> {
    let influx = &args.influx;
    let now = jiff::Timestamp::now().as_nanosecond();
    let stop = influx.stop.unwrap_or_else(|| i64::try_from(now).unwrap_or(i64::MAX));
    let start = match (influx.start, influx.past) {
        (Some(start), _) => start,
        (None, Some(past)) => stop.saturating_sub(past),
        (None, None) => {
            return usage("the range of time is missing: give --past 20m or --start TIME");
        }
    };
    if start >= stop {
        return usage("--start is not before --stop");
    }
    Ok(TimeRange { start, stop })
}

/// The query of a plain script.
fn query(args: &ReplayArgs) -> anyhow::Result<Option<Query>> {
    let text = args.influx.query.clone().or_else(|| args.influx.sql.clone());
    let (Some(text), Some((period, every))) = (text, args.shape.period.zip(args.shape.every))
    else {
        return Ok(None);
    };
    let tags = &args.shape.group_by;
    if args.influx.sql.is_some() {
        if tags.iter().any(|tag| tag == "*") {
            return usage("--group-by * does not apply to --sql: name the columns that are tags");
        }
        if let Err(error) = SqlQuery::parse(&text) {
            return usage(&format!("--sql {text}: {error}"));
        }
    }
    Ok(Some(Query {
        text,
        period,
        every,
        offset: 0,
        align: args.shape.align,
        align_group: false,
        cron: None,
        tags: args.shape.group_by.clone(),
        by_measurement: false,
        time: None,
        fill: None,
        cluster: None,
    }))
}
