//! Options that do not apply are refused by name; none is ignored.

use super::{Input, is_tick};
use crate::cli::args::ReplayArgs;
use crate::cli::usage;
use rhai_udf::replay::task::Kind;

/// An option: its name, whether it is given, and why it does not apply.
type Given<'a> = (&'a str, bool, &'a str);

/// Refuses options that would change nothing; `input` is `None` where data arrives live.
pub(super) fn unused(args: &ReplayArgs, input: Option<&Input>) -> anyhow::Result<()> {
    if is_tick(&args.script) {
        refuse(&said_by_a_tickscript(args))?;
    } else {
        refuse(&for_a_tickscript(args))?;
    }
    match input {
        None => refuse(&of_recorded_data(args)),
        Some(Input::Influx { .. }) => refuse(&of_files(args)),
        Some(Input::Files { paths, .. }) => {
            refuse(&of_a_database(args))?;
            refuse(&of_formats(args, paths))?;
            match input.map(Input::kind).transpose()? {
                Some(Kind::Batch) => refuse(&of_points(args, "batches are grouped already")),
                Some(Kind::Frames) => {
                    refuse(&of_points(args, "captured requests are grouped already"))?;
                    refuse(&[(
                        "--measurement",
                        args.data.measurement.is_some(),
                        "captured requests are played as they are",
                    )])
                }
                _ => Ok(()),
            }
        }
    }
}

fn refuse(given: &[Given<'_>]) -> anyhow::Result<()> {
    match given.iter().find(|(_, is_given, _)| *is_given) {
        Some((name, _, why)) => usage(&format!("{name} does not apply: {why}")),
        None => Ok(()),
    }
}

fn said_by_a_tickscript(args: &ReplayArgs) -> [Given<'static>; 10] {
    let plain = &args.plain;
    let alert = "the TICKscript says it in |alert()";
    let window = "the TICKscript says it in |window()";
    [
        ("--set", !plain.options.is_empty(), "the TICKscript sets options after @function()"),
        ("--group-by", !plain.group_by.is_empty(), "the TICKscript says it in |groupBy()"),
        ("--query", args.influx.query.is_some(), "the TICKscript says it in |query()"),
        ("--period", plain.period.is_some(), window),
        ("--every", plain.every.is_some(), window),
        ("--align", plain.align, window),
        ("--crit", plain.crit.is_some(), alert),
        ("--warn", plain.warn.is_some(), alert),
        ("--info", plain.info.is_some(), alert),
        ("--every-alert", plain.every_alert, "the TICKscript says it by .stateChangesOnly()"),
    ]
}

fn for_a_tickscript(args: &ReplayArgs) -> [Given<'static>; 6] {
    let tick = &args.tick;
    let why = "it is for a TICKscript (.tick)";
    [
        ("--udf", !tick.udf.is_empty(), why),
        ("--out", tick.out.is_some(), "it is for a TICKscript (.tick); here use -o FILE"),
        ("--dbrp", tick.dbrp.is_some(), why),
        ("--var", !tick.variables.is_empty(), "it is for a TICKscript (.tick); here use --set"),
        ("--task", tick.task.is_some(), why),
        (
            "--write",
            args.influx.write,
            "--write is for |influxDBOut() of a TICKscript; here use --format lp",
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
        ("--strict", args.show.strict, why),
        ("--real-clock", data.real_clock, why),
        ("--query", influx.query.is_some(), why),
        ("--past", influx.past.is_some(), why),
        ("--start", influx.start.is_some(), why),
        ("--stop", influx.stop.is_some(), why),
        ("--db", influx.db.is_some(), why),
        ("--influxdb", influx.influxdb.is_some() && !influx.write, "it is for --write here"),
    ];
    given.extend(of_text(args, why));
    given
}

fn of_text(args: &ReplayArgs, why: &'static str) -> [Given<'static>; 5] {
    let data = &args.data;
    [
        ("--precision", data.precision.is_some(), why),
        ("--skip-bad-lines", data.skip_bad_lines, why),
        ("--time-column", data.time_column.is_some(), why),
        ("--field-columns", !data.field_columns.is_empty(), why),
        ("--tag-columns", !data.tag_columns.is_empty(), why),
    ]
}

fn of_files(args: &ReplayArgs) -> [Given<'static>; 5] {
    of_text(args, "it is for files, and the data comes from --influxdb")
}

fn of_a_database(args: &ReplayArgs) -> [Given<'static>; 7] {
    let influx = &args.influx;
    let why = "it is for --influxdb, and the data comes from --data";
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
    ]
}

/// What is for CSV or for line protocol, if there is no such file.
fn of_formats(args: &ReplayArgs, paths: &[std::path::PathBuf]) -> Vec<Given<'static>> {
    let any = |extensions: &[&str]| {
        paths.iter().any(|path| {
            let name = path.to_string_lossy().to_lowercase();
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            extensions.iter().any(|extension| plain.ends_with(extension))
        })
    };
    let csv = any(&[".csv", ".tsv"]);
    let text = csv || any(&[".lp", ".txt", ".line", ".influx"]);
    let mut given = Vec::new();
    for (name, is_given, _) in of_text(args, "") {
        let for_text = matches!(name, "--precision" | "--skip-bad-lines");
        if for_text {
            given.push((name, is_given && !text, "it is for line protocol and CSV"));
        } else {
            given.push((name, is_given && !csv, "it is for CSV"));
        }
    }
    given
}

/// What is done with points before a script.
fn of_points<'a>(args: &ReplayArgs, why: &'a str) -> [Given<'a>; 3] {
    let plain = &args.plain;
    [
        ("--group-by", !plain.group_by.is_empty(), why),
        ("--period", plain.period.is_some(), why),
        ("--align", plain.align, why),
    ]
}
