//! What the options do with a plain script.

use super::Effect::{Asks, Fails, Hides, Refused, Shows, Takes, Watches, Writes};
use super::{Arguments, BAD, CRIT, DATA, DATABASE, Effect, FEW, TAGGED, WINDOWS};
use std::time::Duration;

/// The options with a plain script: `double.rhai`, or `largest.rhai` for those that make batches.
pub(super) const PLAIN: &[(Arguments, Effect)] = &[
    (DATA, Shows(&[], "twice=2")),
    (&["--measurement", "mem"], Hides(DATA, "cpu")),
    (&["--precision", "s"], Shows(DATA, "2033-05-18")),
    (&["--time-column", "then"], Shows(FEW, "2004-11-09")),
    (&["--field-columns", "usage"], Hides(&["--data", "cpu.csv", "--time-column", "when"], "idle")),
    (&["--tag-columns", "host"], Shows(TAGGED, "cpu,host=a")),
    (&["--skip-bad-lines"], Shows(BAD, "1 bad line skipped")),
    (&["--real-clock"], Takes(&["--data", "pace.lp"], Duration::from_millis(200))),
    (&["--set", "factor=10"], Shows(DATA, "twice=70")),
    (&["--set", "facter=10"], Refused(DATA, "option 'facter' is unknown")),
    (&["--group-by", "host"], Shows(CRIT, "cpu:host=a")),
    (&["--period", "2s", "--every", "2s"], Shows(DATA, "largest=7")),
    (&["--every", "1s"], Shows(&["--data", "data.lp", "--period", "2s"], "largest=7")),
    (&["--align"], Shows(WINDOWS, "1970-01-01T00:00:04Z")),
    (&["--crit", "usage > 5"], Shows(DATA, "CRITICAL")),
    (&["--warn", "usage > 5"], Shows(DATA, "WARNING")),
    (&["--info", "usage > 5"], Shows(DATA, "INFO")),
    (&["--every-alert"], Shows(CRIT, "usage=8")),
    (&["--every-alert"], Refused(DATA, "give --crit")),
    (
        &["--every-alert"],
        Refused(
            &["--data", "data.lp", "--sweep", "crit=usage > 5; usage > 7"],
            "--sweep shows no alerts",
        ),
    ),
    (&["--each", "factor=2,10"], Shows(DATA, "  10  cpu,host=a  idle=3.0 twice=70")),
    // An alert of each use.
    (
        &["--each", "factor=2,10"],
        Shows(
            &["--data", "data.lp", "--crit", "twice > 10", "--labels", "labels.json"],
            "alerts        2",
        ),
    ),
    (
        &["--each", "factor=2,10"],
        Shows(
            &["--data", "data.lp", "--sweep", "crit=twice > 10;twice > 75"],
            "twice > 75       1",
        ),
    ),
    (&["--labels", "labels.json"], Shows(CRIT, "precision     1.000")),
    (&["--sweep", "factor=1,2"], Shows(CRIT, "factor  alerts")),
    (&["--format", "json"], Shows(DATA, "\"fields\":{")),
    (
        &["--format", "lp"],
        Refused(
            &["--data", "data.lp", "--crit", "usage > 5", "--labels", "labels.json"],
            "-o FILE",
        ),
    ),
    (&["--output", "out.txt"], Writes(DATA, "out.txt", "twice=2")),
    (&["--watch"], Watches(DATA, "waiting for a change of double.rhai")),
    (&["--strict"], Fails(&["--data", "data.lp", "--measurement", "disk"], "--strict is given")),
    (&["--shard", "1/2"], Refused(DATA, "the data is one group")),
    (&["--from", "1970-01-01T00:00:06Z"], Shows(DATA, "0 points in")),
    (&["--to", "1970-01-01"], Shows(DATA, "0 points in")),
    (&["--no-merge"], Refused(DATABASE, "give --start and --stop")),
    (&["--from-state", "data.lp"], Fails(DATA, "it is not a state of rhai-udf")),
    (&["--save-state", "left.rudt"], Writes(DATA, "left.rudt", "double.rhai")),
    (&["--workers", "2"], Shows(DATA, "one worker, not 2: there is one group")),
    (&["--config", "skip.toml"], Shows(&["--data", "odd.lp"], "1 point out")),
    (&["--log-level", "debug"], Shows(DATA, "quiet")),
    (&["--udf", "double=double.rhai"], Refused(DATA, "TICKscript")),
    (&["--out", "folder"], Refused(DATA, "-o FILE")),
    (&["--dbrp", "telegraf.autogen"], Refused(DATA, "TICKscript")),
    (&["--var", "level=7.5"], Refused(DATA, "use --set")),
    (&["--task", "night"], Refused(DATA, "TICKscript")),
    (&["--replicas", "web=2"], Refused(DATA, "TICKscript")),
    (DATABASE, Shows(&[], "usage=41.0")),
    (&["--influxdb", "URL"], Refused(DATA, "the data comes from --data")),
    (
        &["--past", "1h"],
        Asks(
            &["--influxdb", "URL", "--db", "d", "--stop", "2001-09-10T00:00:00Z"],
            "2001-09-09T23:00:00Z",
        ),
    ),
    (&["--past", "1h"], Refused(DATA, "for --influxdb")),
    (
        &["--start", "2001-09-09T12:00:00Z"],
        Asks(&["--influxdb", "URL", "--db", "d"], "2001-09-09T12:00:00Z"),
    ),
    (&["--start", "2001-09-09T12:00:00Z"], Refused(DATA, "for --influxdb")),
    (
        &["--stop", "2001-09-09T13:00:00Z"],
        Asks(&["--influxdb", "URL", "--db", "d", "--past", "1h"], "2001-09-09T13:00:00Z"),
    ),
    (&["--stop", "2001-09-09T13:00:00Z"], Refused(DATA, "for --influxdb")),
    (&["--influxdb-api", "2"], Asks(DATABASE, "&db=d")),
    (&["--influxdb-api", "2"], Refused(DATA, "required arguments")),
    (&["--influxdb-token-file", "no-such"], Fails(DATABASE, "cannot be read")),
    (&["--influxdb-token-file", "no-such"], Refused(DATA, "required arguments")),
    (&["--influxdb-org", "o"], Refused(DATABASE, "required arguments")),
    (&["--ca", "no-such"], Refused(DATABASE, "is not encrypted")),
    (&["--insecure"], Refused(DATABASE, "is not encrypted")),
    (&["--sql", "SELECT usage FROM cpu"], Refused(DATA, "required arguments")),
    (&["--db", "other"], Asks(&["--influxdb", "URL", "--past", "1h"], "FROM \"other\".")),
    (&["--db", "other"], Refused(DATA, "for --influxdb")),
    (&["--rp", "second"], Asks(DATABASE, "\"d\".\"second\".\"cpu\"")),
    (&["--rp", "second"], Refused(DATA, "for --influxdb")),
    (
        &["--query", "SELECT usage FROM d.r.cpu"],
        Asks(
            &["--influxdb", "URL", "--past", "2m", "--period", "1m", "--every", "1m"],
            "SELECT usage FROM d.r.cpu WHERE",
        ),
    ),
    (&["--save", "saved.srpl"], Writes(DATA, "saved.srpl", "cpu,host=a idle=9,usage=1 1000000000")),
    (&["--write"], Refused(DATABASE, "--format lp")),
    (&["--plot", "picture.svg"], Writes(DATA, "picture.svg", "<svg")),
    (
        &["--plot-theme", "dark"],
        Refused(&["--data", "data.lp", "--plot", "picture.svg"], "it is for .png"),
    ),
];
