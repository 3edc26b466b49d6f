//! The options for data from and to InfluxDB, and what they open.

use super::replay::Args;
use super::usage;
use rhai_udf::protocol::duration;
use rhai_udf::replay::influxdb::stream::Selection;
use rhai_udf::replay::influxdb::{Client, Measurements, Queries, Span};
use rhai_udf::replay::save::{Recorder, Saved};
use rhai_udf::replay::source::Source;
use rhai_udf::tick::Query;
use std::path::PathBuf;

/// Where data is, besides files.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With InfluxDB 1.x")]
pub(super) struct InfluxArgs {
    /// Read from this database instead of files: http://[USER:PASSWORD@]HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(super) influxdb: Option<String>,
    /// How far back from --stop to start, as in 20m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "start")]
    past: Option<i64>,
    /// Where to start, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<i64>,
    /// Where to stop; default: now
    #[arg(long, value_name = "TIME", value_parser = time)]
    stop: Option<i64>,
    /// The database of a stream; default: that of the TICKscript's dbrp
    #[arg(long, value_name = "NAME")]
    db: Option<String>,
    /// The retention policy of a stream; default: the script's or the database's; with listen,
    /// that of points that name none (autogen)
    #[arg(long, value_name = "NAME")]
    pub(super) rp: Option<String>,
    /// For a script that wants batches: the query that is asked every --every about the last --period
    #[arg(long, value_name = "SELECT", requires_all = ["influxdb", "period", "every"])]
    pub(super) query: Option<String>,
    /// Keep what was read as a recording that the daemon can read too: .brpl or .srpl
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Write the points of |influxDBOut() into --influxdb
    #[arg(long, requires = "influxdb")]
    pub(super) write: bool,
}

fn time(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "write a time as in 2026-01-31T12:00:00Z".to_owned())?;
    i64::try_from(time.as_nanosecond()).map_err(|_| "the time is out of range".into())
}

impl InfluxArgs {
    /// The client, if there is a URL.
    pub(super) fn client(&self) -> anyhow::Result<Option<Client>> {
        match &self.influxdb {
            None => Ok(None),
            Some(url) => match Client::new(url) {
                Ok(client) => Ok(Some(client)),
                Err(error) => usage(&error.to_string()),
            },
        }
    }

    fn span(&self) -> anyhow::Result<Span> {
        let now = jiff::Timestamp::now().as_nanosecond();
        let stop = self.stop.unwrap_or_else(|| i64::try_from(now).unwrap_or(i64::MAX));
        let start = match (self.start, self.past) {
            (Some(start), _) => start,
            (None, Some(past)) => stop.saturating_sub(past),
            (None, None) => return usage("which time to read: give --past 20m or --start TIME"),
        };
        if start >= stop {
            return usage("--start is not before --stop");
        }
        Ok(Span { start, stop })
    }
}

/// What stands where no file is given.
pub(super) enum Wanted<'q> {
    /// The queries of a batch script.
    Queries(Vec<&'q Query>),
    /// A stream, from these database and policy if no others are named.
    Stream(Option<(String, String)>),
}

/// Opens the database as a source.
pub(super) fn open(args: &Args, wanted: Wanted<'_>) -> anyhow::Result<Box<dyn Source>> {
    let influx = &args.influx;
    let Some(client) = influx.client()? else { return usage("no data: give --data or --influxdb") };
    let span = influx.span()?;
    Ok(match wanted {
        Wanted::Queries(queries) => Box::new(Queries::new(client, queries.into_iter(), span)?),
        Wanted::Stream(home) => {
            let (database, policy) = match (&influx.db, home) {
                (Some(db), _) => (db.clone(), influx.rp.clone()),
                (None, Some((db, rp))) => (db, influx.rp.clone().or(Some(rp))),
                (None, None) => return usage("which database to read: give --db NAME"),
            };
            let measurement = args.measurement.clone();
            let selection = Selection { database, policy, measurement, span };
            Box::new(Measurements::new(&client, &selection)?)
        }
    })
}

/// Records what a source gives, if that is wanted.
pub(super) fn saved<'s>(
    args: &Args,
    source: Box<dyn Source + 's>,
) -> anyhow::Result<Box<dyn Source + 's>> {
    Ok(match &args.influx.save {
        Some(path) => Box::new(Saved::new(source, Recorder::create(path)?)),
        None => source,
    })
}

/// The query of a plain script.
pub(super) fn query(args: &Args) -> Option<Query> {
    let (period, every) = args.period.zip(args.every)?;
    Some(Query {
        text: args.influx.query.clone()?,
        period,
        every,
        offset: 0,
        align: args.align,
        align_group: false,
        cron: None,
        tags: args.group_by.clone(),
        by_measurement: false,
        time: None,
        fill: None,
        cluster: None,
    })
}
