//! Options that do not apply are refused by name; none is ignored.

use super::{Input, is_tick};
use crate::cli::args::{DataArgs, FormatName, MeasureArgs, ReplayArgs, ShapeArgs};
use crate::cli::usage;
use rhai_udf::piped;
use rhai_udf::replay::parquet;
use rhai_udf::replay::source::DataFormat;
use rhai_udf::replay::task::DataKind;

/// An option: its name, whether it is given, and why it does not apply.
type Given<'a> = (&'a str, bool, &'a str);

/// Refuses options that would change nothing; `input` is `None` where data arrives live.
pub(super) fn unused(args: &ReplayArgs, input: Option<&Input>) -> anyhow::Result<()> {
    if is_tick(&args.script) {
        refuse(&said_by_a_tickscript(args))?;
    } else {
        refuse(&for_a_tickscript(args))?;
    }
    refuse(&hidden_by_others(args))?;
    match input {
        None => refuse(&of_recorded_data(args)),
        Some(Input::Made(_)) => Ok(()),
        Some(Input::Influx { .. }) => {
            refuse(&of_files(args))?;
            let why = "the data comes from --influxdb: give --start and --stop";
            refuse(&of_archives(&args.data, why))
        }
        Some(Input::Files { paths, .. }) => {
            refuse(&of_a_database(args))?;
            refuse(&of_formats(&args.data, paths))?;
            match input.map(Input::kind).transpose()? {
                Some(kind) => refuse(&of_kind(&args.data, &args.shape, kind)),
                None => Ok(()),
            }
        }
    }
}

/// Refuses options that need to read a pipe more than once.
pub(super) fn pipes(args: &ReplayArgs, input: &Input) -> anyhow::Result<()> {
    let read = || input.paths().iter().chain(std::iter::once(&args.script));
    if read().filter(|path| piped::is_standard_input(path)).count() > 1 {
        return usage(
            "standard input can be read only once: it cannot be both the script and the data, or several files",
        );
    }
    match read().find(|path| piped::is_piped(path)) {
        Some(path) if args.show.watch => usage(&format!(
            "--watch reads again and again, and {} can be read only once: name a file",
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Refuses options that would not change the data of a measurement.
pub(super) fn unmeasured(args: &MeasureArgs, input: &Input, kind: DataKind) -> anyhow::Result<()> {
    match input {
        Input::Files { paths, .. } => {
            refuse(&of_formats(&args.data, paths))?;
            refuse(&of_kind(&args.data, &args.shape, kind))
        }
        _ => {
            let why = "it applies to --data, and this command makes the points itself";
            refuse(&of_text(&args.data, why))?;
            refuse(&of_archives(&args.data, why))?;
            refuse(&[
                ("--measurement", args.data.measurement.is_some(), why),
                ("--group-by", !args.shape.group_by.is_empty(), why),
            ])
        }
    }
}

/// Refuses `--shard` where the data has no groups.
pub(super) fn shards(args: &ReplayArgs, kind: DataKind) -> anyhow::Result<()> {
    let shard = args.shard.is_some();
    let judges = args.judge.labels.is_some() || !args.judge.sweep.is_empty();
    let ungrouped = kind == DataKind::Stream
        && !is_tick(&args.script)
        && args.shape.group_by.is_empty()
        && args.influx.query.is_none()
        && args.influx.sql.is_none();
    refuse(&[
        ("--shard", shard && kind == DataKind::Frames, "captured requests are replayed unchanged"),
        (
            "--shard",
            shard && judges,
            "--labels and --sweep judge the alerts of all groups together",
        ),
        ("--shard", shard && ungrouped, "the data is one group; give --group-by to form groups"),
    ])
}

/// Tells whether a state is loaded or saved.
pub(super) fn has_state(args: &ReplayArgs) -> bool {
    args.state.from_state.is_some() || args.state.save_state.is_some()
}

/// Refuses states where they are not supported; `by_file` tells that each file is a series of its own.
pub(super) fn states(args: &ReplayArgs, kind: DataKind, by_file: bool) -> anyhow::Result<()> {
    let (from, save) = (args.state.from_state.is_some(), args.state.save_state.is_some());
    let both = |is_so: bool, why| {
        [("--from-state", from && is_so, why), ("--save-state", save && is_so, why)]
    };
    let mut given = Vec::new();
    given.extend(both(
        kind == DataKind::Frames,
        "captured requests contain the state of their session",
    ));
    given.extend(both(
        by_file,
        "the labels are for several files, and each file is a series of its own",
    ));
    let sweeps = &args.judge.sweep;
    let of_options = sweeps.iter().any(|(name, _)| !["crit", "warn", "info"].contains(&&**name));
    given.extend([
        (
            "--save-state",
            save && !sweeps.is_empty(),
            "--sweep tries several variants: run the chosen variant alone to save its state",
        ),
        (
            "--from-state",
            from && of_options,
            "--sweep tries several values of an option, and the state was learned with one of them; only conditions can be swept: --sweep 'crit=score > 3; score > 4'",
        ),
        ("--save-state", save && args.show.watch, "--watch replays the same data again and again"),
    ]);
    refuse(&given)
}

/// Refuses what is given, by name; options with the same reason share a sentence.
fn refuse(given: &[Given<'_>]) -> anyhow::Result<()> {
    let given: Vec<_> = given.iter().filter(|(_, is_given, _)| *is_given).collect();
    let Some((first, _, why)) = given.first() else { return Ok(()) };
    let alike = given.iter().filter(|(name, _, reason)| reason == why && name != first);
    let names: Vec<_> = std::iter::once(*first).chain(alike.map(|(name, ..)| *name)).collect();
    match names.as_slice() {
        [name] => usage(&format!("{name} does not apply: {why}")),
        names => usage(&format!("{} do not apply: {why}", names.join(", "))),
    }
}

fn said_by_a_tickscript(args: &ReplayArgs) -> [Given<'static>; 10] {
    let (shape, alerts) = (&args.shape, &args.alerts);
    let alert = "the TICKscript defines it in |alert(); set a variable that it uses with --var, or try values with --sweep var:NAME=V1,V2";
    let window = "the TICKscript defines it in |window(); set a variable that it uses with --var";
    [
        (
            "--set",
            !shape.options.is_empty(),
            "the TICKscript sets options after @function(); try other values with --each udf:FUNCTION.OPTION=V1,V2",
        ),
        ("--group-by", !shape.group_by.is_empty(), "the TICKscript defines it in |groupBy()"),
        ("--query", args.influx.query.is_some(), "the TICKscript defines it in |query()"),
        (
            "--sql",
            args.influx.sql.is_some(),
            "the TICKscript defines its queries in |query(), in InfluxQL",
        ),
        ("--period", shape.period.is_some(), window),
        ("--every", shape.every.is_some(), window),
        ("--align", shape.align, window),
        ("--crit", alerts.crit.is_some(), alert),
        ("--warn", alerts.warn.is_some(), alert),
        ("--info", alerts.info.is_some(), alert),
    ]
}

/// Options that have no effect because of other options.
fn hidden_by_others(args: &ReplayArgs) -> Vec<Given<'static>> {
    let (show, judge) = (&args.show, &args.judge);
    let (out, write) = (args.tick.out.is_some(), args.influx.write);
    let output = show.output.is_some();
    let lp = show.format == Some(FormatName::Lp);
    let judges = judge.labels.is_some() || !judge.sweep.is_empty();
    let is_parquet = show.output.as_deref().is_some_and(parquet::is_parquet);
    let alerts = &args.alerts;
    let conditions = [&alerts.crit, &alerts.warn, &alerts.info].into_iter().flatten().count();
    let only_points = show.format.is_some() && conditions == 0 && !is_tick(&args.script);
    let mut given = unseen_pictures(args);
    given.extend([
        (
            "--format",
            is_parquet && !judges && (lp || only_points),
            "-o FILE.parquet is written as Parquet; there, --format chooses the form of alerts only: table or json",
        ),
        ("-o", output && out, "with --out, points are written into its folder"),
        ("-o", output && write, "with --write, points go to the database"),
        ("--format lp", lp && out, "with --out, points are written into its folder"),
        ("--format lp", lp && write, "with --write, points go to the database"),
        (
            "--format lp",
            lp && judges && !output,
            "--labels and --sweep print a table: choose --format table or json, or give -o FILE for points",
        ),
        (
            "--every-alert",
            args.alerts.every_alert && !judge.sweep.is_empty(),
            "--sweep does not print alerts, and counts only those that begin",
        ),
    ]);
    given
}

/// Pictures that would not be drawn, or not be seen.
fn unseen_pictures(args: &ReplayArgs) -> Vec<Given<'static>> {
    let (picture, show, judge) = (&args.picture, &args.show, &args.judge);
    let Some(path) = &picture.plot else { return Vec::new() };
    let on_terminal = path.as_os_str() == "-";
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    vec![
        (
            "--plot",
            !judge.sweep.is_empty(),
            "--sweep prints a table of all variants; draw one variant with --set, or several with --each",
        ),
        (
            "--plot -",
            on_terminal && show.watch,
            "--watch prints what changed; give --plot FILE.svg, which is drawn again after each save",
        ),
        (
            "--plot -",
            on_terminal && show.format.is_some() && show.output.is_none(),
            "the picture and the output of --format would both go to standard output; give -o FILE for points, or --plot FILE",
        ),
        (
            "--plot-theme",
            picture.theme.is_some() && !is_png,
            "it applies to .png only; .svg and .html follow the reader's system, and the terminal has its own colours",
        ),
    ]
}

fn for_a_tickscript(args: &ReplayArgs) -> [Given<'static>; 7] {
    let tick = &args.tick;
    let why = "it applies to a TICKscript (.tick) only";
    [
        ("--udf", !tick.udf.is_empty(), why),
        ("--out", tick.out.is_some(), "it applies to a TICKscript (.tick) only; here use -o FILE"),
        ("--dbrp", tick.dbrp.is_some(), why),
        (
            "--var",
            !tick.variables.is_empty(),
            "it applies to a TICKscript (.tick) only; here use --set",
        ),
        ("--task", tick.task.is_some(), why),
        ("--replicas", !tick.replicas.is_empty(), why),
        (
            "--write",
            args.influx.write,
            "it applies to |influxDBOut() of a TICKscript only; use --format lp",
        ),
    ]
}

fn of_recorded_data(args: &ReplayArgs) -> Vec<Given<'static>> {
    let (data, influx) = (&args.data, &args.influx);
    let why = "data arrives over HTTP";
    let mut given = vec![
        ("--data", !data.files.is_empty(), why),
        ("--sweep", !args.judge.sweep.is_empty(), why),
        ("--labels", args.judge.labels.is_some(), why),
        ("--watch", args.show.watch, why),
        ("--plot", args.picture.plot.is_some(), why),
        ("--strict", args.show.strict, why),
        (
            "-o",
            args.show.output.as_deref().is_some_and(parquet::is_parquet),
            "a file of Parquet is written at the end of the data, and data over HTTP has no end",
        ),
        ("--shard", args.shard.is_some(), why),
        ("--from-state", args.state.from_state.is_some(), why),
        ("--save-state", args.state.save_state.is_some(), why),
        ("--real-clock", args.show.real_clock, why),
        ("--query", influx.query.is_some(), why),
        ("--sql", influx.sql.is_some(), why),
        ("--past", influx.past.is_some(), why),
        ("--start", influx.start.is_some(), why),
        ("--stop", influx.stop.is_some(), why),
        ("--outcome", args.show.outcome.is_some(), why),
    ];
    given.extend(of_text(data, why));
    given.extend(of_archives(data, why));
    given
}

/// Options that choose files and times.
fn of_archives(data: &DataArgs, why: &'static str) -> [Given<'static>; 3] {
    [
        ("--from", data.from.is_some(), why),
        ("--to", data.to.is_some(), why),
        ("--no-merge", data.no_merge, why),
    ]
}

fn of_text(data: &DataArgs, why: &'static str) -> [Given<'static>; 6] {
    [
        ("--data-format", data.data_format.is_some(), why),
        ("--precision", data.precision.is_some(), why),
        ("--skip-bad-lines", data.skip_bad_lines, why),
        ("--time-column", data.time_column.is_some(), why),
        ("--field-columns", !data.field_columns.is_empty(), why),
        ("--tag-columns", !data.tag_columns.is_empty(), why),
    ]
}

fn of_files(args: &ReplayArgs) -> [Given<'static>; 6] {
    of_text(&args.data, "it applies to files, and the data comes from --influxdb")
}

fn of_a_database(args: &ReplayArgs) -> [Given<'static>; 8] {
    let influx = &args.influx;
    let why = "it applies to --influxdb, and the data comes from --data";
    [
        (
            "--influxdb",
            influx.influxdb.is_some() && !influx.write,
            "the data comes from --data; leave one of them out",
        ),
        ("--past", influx.past.is_some(), why),
        ("--start", influx.start.is_some(), why),
        ("--stop", influx.stop.is_some(), why),
        ("--db", influx.db.is_some(), why),
        ("--rp", influx.rp.is_some(), why),
        ("--query", influx.query.is_some(), why),
        ("--sql", influx.sql.is_some(), why),
    ]
}

/// Options for CSV or line protocol, if there is no such file.
fn of_formats(data: &DataArgs, paths: &[std::path::PathBuf]) -> Vec<Given<'static>> {
    let said = data.data_format.map(DataFormat::from);
    let any = |wanted: &[DataFormat]| {
        let mut formats = paths.iter().map(|path| said.or_else(|| DataFormat::of(path)));
        formats.any(|format| format.is_some_and(|format| wanted.contains(&format)))
    };
    let csv = any(&[DataFormat::Csv, DataFormat::Parquet]);
    let text = csv || any(&[DataFormat::LineProtocol]);
    let mut given = Vec::new();
    for (name, is_given, _) in of_text(data, "") {
        if name == "--data-format" {
            continue;
        }
        let for_text = matches!(name, "--precision" | "--skip-bad-lines");
        if for_text {
            given.push((name, is_given && !text, "it applies to line protocol, CSV and Parquet"));
        } else {
            given.push((name, is_given && !csv, "it applies to CSV and Parquet"));
        }
    }
    given
}

/// Options about the nodes before a script, if the data is not a stream of points.
fn of_kind(data: &DataArgs, shape: &ShapeArgs, kind: DataKind) -> Vec<Given<'static>> {
    let why = match kind {
        DataKind::Stream => return Vec::new(),
        DataKind::Batch => "batches are already grouped",
        DataKind::Frames => "captured requests are already grouped",
    };
    let is_frames = kind == DataKind::Frames;
    let measurement = data.measurement.is_some() && is_frames;
    let as_they_are = "captured requests are replayed unchanged";
    let mut given = of_archives(data, as_they_are).to_vec();
    given.retain(|_| is_frames);
    given.extend([
        ("--group-by", !shape.group_by.is_empty(), why),
        ("--period", shape.period.is_some(), why),
        ("--align", shape.align, why),
        ("--measurement", measurement, as_they_are),
    ]);
    given
}
