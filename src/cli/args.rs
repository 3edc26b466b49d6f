//! The arguments that replays have in common: what is read, what is run and what is shown.

use super::plot::PlotArgs;
use super::values;
use clap::ValueEnum;
use rhai_udf::protocol::duration;
use rhai_udf::protocol::group::Shard;
use rhai_udf::protocol::line::Precision;
use rhai_udf::replay::format::Format;
use rhai_udf::replay::influxdb::Api;
use rhai_udf::replay::source::DataFormat;
use std::path::PathBuf;

/// The arguments of `replay` and `listen`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ReplayArgs {
    /// The script, or a TICKscript (.tick) with the functions it calls given by --udf
    pub(super) script: PathBuf,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) shape: ShapeArgs,
    #[command(flatten)]
    pub(super) alerts: AlertArgs,
    #[command(flatten)]
    pub(super) judge: JudgeArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
    /// Play only the groups of process I of N (from 0), chosen by a hash of the group: N processes do one replay
    /// together
    #[arg(long, value_name = "I/N", value_parser = values::shard)]
    pub(super) shard: Option<Shard>,
    #[command(flatten)]
    pub(super) state: StateArgs,
    /// Spread the groups of the data, or the variants, over this number of threads; default: one for each core
    #[arg(long, value_name = "N", value_parser = super::run::workers_number)]
    pub(super) workers: Option<usize>,
    #[command(flatten)]
    pub(super) picture: PlotArgs,
    /// The configuration; default: rhai-udf.toml beside the script, if it exists
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tick: TickArgs,
    #[command(flatten)]
    pub(super) influx: InfluxArgs,
}

/// Which files are read, and how they are read.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct DataArgs {
    /// The data: files, folders, patterns ('2025/**/*.lp.gz'), or - for standard input; several files are merged by
    /// time. --influxdb reads a database instead
    #[arg(id = "data", long = "data", value_name = "FILE", num_args = 1..)]
    pub(super) files: Vec<PathBuf>,
    /// The format of files whose names do not tell it, and of standard input (default there: lp)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) data_format: Option<DataFormatName>,
    /// Play only data from this time on, as in 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    pub(super) from: Option<i64>,
    /// Play only data before this time
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    pub(super) to: Option<i64>,
    /// Play the files one after the other, in the order in which they are given, whatever their times are
    #[arg(long)]
    pub(super) no_merge: bool,
    /// Play only points of this measurement; for CSV, the measurement of its points (default: the name of the file)
    #[arg(long, value_name = "NAME")]
    pub(super) measurement: Option<String>,
    /// The unit of times that are numbers: ns, u, ms, s, m, h; default: ns in line protocol; in CSV it depends on
    /// their size
    #[arg(long, value_parser = values::precision)]
    pub(super) precision: Option<Precision>,
    /// The column of times in CSV; default: the one with a usual name, else the first with dates
    #[arg(long, value_name = "COLUMN")]
    pub(super) time_column: Option<String>,
    /// The columns of CSV that become fields; default: all but time and tags
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(super) field_columns: Vec<String>,
    /// The columns of CSV that become tags
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(super) tag_columns: Vec<String>,
    /// Skip bad lines and count them, instead of ending at the first one
    #[arg(long)]
    pub(super) skip_bad_lines: bool,
}

/// The arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(super) struct MeasureArgs {
    /// The script, or a trained model
    pub(super) script: PathBuf,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) made: MadeArgs,
    #[command(flatten)]
    pub(super) shape: ShapeArgs,
    /// The configuration; default: rhai-udf.toml beside the script, if it exists
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Points that are made where no data is given.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Without --data")]
pub(super) struct MadeArgs {
    /// How many points to make
    #[arg(long, value_name = "N", default_value_t = 200_000, conflicts_with = "data",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) points: u32,
    /// The number of groups
    #[arg(long, value_name = "N", default_value_t = Self::GROUPS, conflicts_with = "data",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) groups: u32,
    /// How many fields a point has, in addition to those that options name
    #[arg(long, value_name = "N", default_value_t = Self::FIELDS, conflicts_with = "data",
        value_parser = clap::value_parser!(u32).range(..=1000))]
    pub(super) fields: u32,
}

impl MadeArgs {
    /// The groups, unless others are asked for.
    pub(super) const GROUPS: u32 = 8;
    /// The fields, unless others are asked for.
    pub(super) const FIELDS: u32 = 10;
}

/// The options of a plain script, and the groups and windows before it. A TICKscript defines them itself.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ShapeArgs {
    /// An option, as .NAME(VALUE) in a TICKscript; commas separate several arguments (\, is a comma within one); or
    /// JSON: 'band=[1.5, 2]', 'tag=["a", "b"]'
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub(super) options: Vec<(String, String)>,
    /// Group by these tags; * for all of them
    #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
    pub(super) group_by: Vec<String>,
    /// The length of windows, as in 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "every")]
    pub(super) period: Option<i64>,
    /// The time between two windows, as in 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "period")]
    pub(super) every: Option<i64>,
    /// Let windows end at multiples of --every
    #[arg(long, requires = "period")]
    pub(super) align: bool,
}

/// The alerts after a script. A TICKscript defines them itself.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct AlertArgs {
    /// The condition of a critical alert: an expression over the fields, as in 'pvalue < 0.001'
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) crit: Option<String>,
    /// The condition of a warning
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) warn: Option<String>,
    /// The condition of an alert of level INFO
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) info: Option<String>,
    /// Show every alert, not only changes of level; with a TICKscript, as if no |alert() had
    /// .stateChangesOnly()
    #[arg(long)]
    pub(super) every_alert: bool,
}

/// The variants, and how their alerts are judged.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct JudgeArgs {
    /// Run the script once for each value of an option, side by side, like several UDFs in a TICKscript; with a
    /// TICKscript, NAME is var:VARIABLE or udf:FUNCTION.OPTION. --labels and --sweep count the alerts of all values
    /// together
    #[arg(long, value_name = "NAME=V1,V2,…", value_parser = values::assignment)]
    pub(super) each: Option<(String, String)>,
    /// Compare the alerts with known anomalies: a JSON file with their intervals, as [["2026-01-31 12:00:00",
    /// "2026-01-31 13:00:00"], …], or as {"file.csv": [[from, to], …], …} if each file is a series of its own
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
    /// Try several values of an option and print a table; or several conditions, separated by semicolons:
    /// 'crit=score > 3; score > 4'; with a TICKscript, NAME is var:VARIABLE or udf:FUNCTION.OPTION. With several sweeps,
    /// all combinations are tried
    #[arg(long, value_name = "NAME=V1,V2,…", value_parser = values::assignment)]
    pub(super) sweep: Vec<(String, String)>,
}

/// The state that a replay begins with, and the one that it saves.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct StateArgs {
    /// Begin with the state that --save-state has saved, or with a snapshot of the script: states of groups, windows,
    /// levels of alerts, and everything else that nodes remember
    #[arg(long, value_name = "FILE")]
    pub(super) from_state: Option<PathBuf>,
    /// Save the state at the end of the data, from which another replay can continue. The end of the data is then not
    /// the end of the task: nodes that wait for more data keep waiting
    #[arg(long, value_name = "FILE")]
    pub(super) save_state: Option<PathBuf>,
}

/// What is shown, and where it is written.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ShowArgs {
    /// The format of the output (with json, also of the alerts)
    #[arg(long, value_enum)]
    pub(super) format: Option<FormatName>,
    /// Where to write the output; alerts stay on standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Replay again whenever the script is saved, and print what changed
    #[arg(long)]
    pub(super) watch: bool,
    /// Where the outcome is saved for --watch, which compares it with the next one
    #[arg(long, value_name = "FILE", hide = true)]
    pub(super) outcome: Option<PathBuf>,
    /// Play at the speed of the data's times
    #[arg(long)]
    pub(super) real_clock: bool,
    /// Fail if a measurement, tag or field was named that the data does not have
    #[arg(long)]
    pub(super) strict: bool,
}

/// Arguments for TICKscripts only.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "With a TICKscript")]
pub(super) struct TickArgs {
    /// What @NAME() runs: a script, 'exec: COMMAND' or 'socket: PATH'
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = values::program)]
    pub(super) udf: Vec<(String, String)>,
    /// The folder into which alert logs, points and endpoints are written as files
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// The database and retention policy of data that has none; default: the script's dbrp
    #[arg(long, value_name = "DB.RP", value_parser = values::dbrp)]
    pub(super) dbrp: Option<(String, String)>,
    /// A variable of the script, with its value written as in the script: 5m, 1.0, 'text'
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = values::variable)]
    pub(super) variables: Vec<(String, String)>,
    /// The number of replicas of a resource at the beginning, for autoscale nodes; default: their .min()
    #[arg(long, value_name = "RESOURCE=N", value_parser = values::replicas)]
    pub(super) replicas: Vec<(String, i64)>,
    /// The id of the task, as alerts and UDFs see it; default: the name of the script
    #[arg(long, value_name = "ID")]
    pub(super) task: Option<String>,
}

/// Databases as a source of data.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "With InfluxDB")]
pub(super) struct InfluxArgs {
    /// Read from this database instead of files: http[s]://[USER:PASSWORD@]HOST:PORT. Other users of this machine can
    /// see a password here: prefer INFLUX_USERNAME and INFLUX_PASSWORD, or INFLUX_TOKEN
    #[arg(long, value_name = "URL")]
    pub(super) influxdb: Option<String>,
    /// The version of InfluxDB; default: the server is asked for it
    #[arg(long, value_name = "1|2|3", value_parser = values::api, requires = "influxdb")]
    pub(super) influxdb_api: Option<Api>,
    /// A file with the token of InfluxDB; default: the variable INFLUX_TOKEN
    #[arg(long, value_name = "FILE", requires = "influxdb")]
    pub(super) influxdb_token_file: Option<PathBuf>,
    /// The organization in InfluxDB 2, for writing; default: the variable INFLUX_ORG
    #[arg(long, value_name = "NAME", requires = "write")]
    pub(super) influxdb_org: Option<String>,
    /// The certificates (PEM) of the authorities that are trusted for https://; default: those of the system
    #[arg(long, value_name = "FILE", requires = "influxdb", conflicts_with = "insecure")]
    pub(super) ca: Option<PathBuf>,
    /// Accept any certificate of an InfluxDB at https://: anybody on the way can then read and change everything
    #[arg(long, requires = "influxdb")]
    pub(super) insecure: bool,
    /// The length of time before --stop that is read, as in 20m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "start")]
    pub(super) past: Option<i64>,
    /// The first time that is read, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(super) start: Option<i64>,
    /// The time before which reading stops; default: now
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(super) stop: Option<i64>,
    /// The database of a stream (in InfluxDB 2 also a bucket); default: that of the TICKscript's dbrp. For batches:
    /// the database of queries that name none
    #[arg(long, value_name = "NAME")]
    pub(super) db: Option<String>,
    /// The retention policy of a stream; default: that of the script or of the database; with listen, that of points
    /// that name none (autogen)
    #[arg(long, value_name = "NAME")]
    pub(super) rp: Option<String>,
    /// For a script that wants batches: the query, which is run every --every over the last --period
    #[arg(long, value_name = "SELECT", requires_all = ["influxdb", "period", "every"])]
    pub(super) query: Option<String>,
    /// Like --query, but in SQL for InfluxDB 3; $start and $stop stand for the range of time: SELECT time, x FROM m
    /// WHERE time >= $start AND time < $stop. --group-by names the columns that are tags
    #[arg(long, value_name = "SELECT", requires_all = ["influxdb", "period", "every", "db"], conflicts_with = "query")]
    pub(super) sql: Option<String>,
    /// Save the data that was read as a recording that the daemon can also read: .brpl or .srpl
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Write the points of |influxDBOut() into the database of --influxdb
    #[arg(long, requires = "influxdb")]
    pub(super) write: bool,
}

/// A format by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatName {
    /// Lines for people
    Table,
    /// One JSON object in each line
    Json,
    /// Line protocol
    Lp,
}

/// What a file of data holds, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DataFormatName {
    /// Line protocol
    Lp,
    /// Columns of text, separated by commas, semicolons or tabs
    Csv,
    /// Apache Parquet
    Parquet,
    /// A stream recording of Kapacitor
    Srpl,
    /// A batch recording of Kapacitor
    Brpl,
    /// Requests that a UDF was sent
    Bin,
}

impl From<DataFormatName> for DataFormat {
    fn from(name: DataFormatName) -> Self {
        match name {
            DataFormatName::Lp => Self::LineProtocol,
            DataFormatName::Csv => Self::Csv,
            DataFormatName::Parquet => Self::Parquet,
            DataFormatName::Srpl => Self::StreamRecording,
            DataFormatName::Brpl => Self::BatchRecording,
            DataFormatName::Bin => Self::Requests,
        }
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Json => Self::Json,
            FormatName::Lp => Self::LineProtocol,
        }
    }
}
