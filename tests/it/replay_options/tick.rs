//! What the options do with a TICKscript.

use super::Effect::{Asks, Fails, Hides, Refused, Shows, Takes, Watches, Writes};
use super::{Arguments, BAD, DATA, DATABASE, Effect, FEW, TAGGED, WINDOWS};
use std::time::Duration;

/// The options with a TICKscript: `task.tick`, with what it calls, or another one where that is named.
pub(super) const TICK: &[(Arguments, Effect)] = &[
    (DATA, Shows(&[], "twice=14")),
    (&["--measurement", "mem"], Hides(DATA, "cpu")),
    (&["--precision", "s"], Shows(DATA, "2033-05-18")),
    (&["--time-column", "then"], Shows(FEW, "2004-11-09")),
    (&["--field-columns", "usage"], Hides(&["--data", "cpu.csv", "--time-column", "when"], "idle")),
    (&["--tag-columns", "host"], Shows(TAGGED, "task/a")),
    (&["--skip-bad-lines"], Shows(BAD, "1 bad line skipped")),
    (&["--data-format", "lp"], Shows(&["--data", "unnamed"], "points in")),
    (&["--data-format", "lp"], Refused(DATABASE, "it applies to files")),
    (&["--quiet"], Hides(DATA, "points in")),
    (&["--verbose"], Shows(DATA, "quiet")),
    (&["--color", "always"], Shows(DATA, "\u{1b}[31mCRITICAL")),
    (&["--real-clock"], Takes(&["--data", "pace.lp"], Duration::from_millis(200))),
    (&["--set", "factor=10"], Refused(DATA, "--each udf:FUNCTION.OPTION")),
    (&["--group-by", "host"], Refused(DATA, "|groupBy()")),
    (&["--period", "2s", "--every", "2s"], Refused(DATA, "|window()")),
    (&["--every", "2s"], Refused(&["--data", "data.lp", "--period", "2s"], "|window()")),
    (&["--align"], Refused(WINDOWS, "|window()")),
    (&["--crit", "usage > 5"], Refused(DATA, "--sweep var:NAME")),
    (&["--warn", "usage > 5"], Refused(DATA, "--sweep var:NAME")),
    (&["--info", "usage > 5"], Refused(DATA, "--sweep var:NAME")),
    (&["--every-alert"], Shows(DATA, "1970-01-01T00:00:03Z  CRITICAL")),
    (&["--every-alert"], Refused(&["alerts.tick", "--data", "data.lp"], ".stateChangesOnly()")),
    (
        &["--every-alert"],
        Refused(
            &["--data", "data.lp", "--sweep", "var:level=1.0,2.0"],
            "--sweep does not print alerts",
        ),
    ),
    (&["--each", "var:level=5.0,7.5"], Shows(DATA, "00:00:03Z  CRITICAL  7.5 task/a is CRITICAL")),
    (
        &["--each", "var:level=5.0,7.5"],
        Shows(&["--data", "data.lp", "--labels", "labels.json"], "alerts        2"),
    ),
    (
        &["--each", "var:level=5.0,7.5"],
        Shows(
            &["--data", "data.lp", "--sweep", "udf:double.factor=1,2"],
            "1                       2",
        ),
    ),
    (&["--labels", "labels.json"], Shows(DATA, "precision     1.000")),
    (&["--sweep", "var:level=5.0,7.5"], Shows(DATA, "var:level  alerts")),
    (&["--sweep", "udf:double.factor=1,2"], Shows(DATA, "udf:double.factor  alerts")),
    (&["--format", "json"], Shows(DATA, "\"message\":\"task/a is CRITICAL\"")),
    (&["--format", "lp"], Refused(&["alerts.tick", "--data", "data.lp"], "no |influxDBOut()")),
    (&["--format", "lp"], Refused(&["--data", "data.lp", "--out", "folder"], "--out")),
    (
        &["--output", "out.txt"],
        Writes(DATA, "out.txt", "cpu,host=a idle=3,twice=14,usage=7 2000000000"),
    ),
    (&["--output", "out.txt"], Refused(&["alerts.tick", "--data", "data.lp"], "no |influxDBOut()")),
    (&["--output", "out.txt"], Refused(&["--data", "data.lp", "--out", "folder"], "with --out")),
    (&["--watch"], Watches(DATA, "waiting for a change of task.tick")),
    (&["--strict"], Fails(&["--data", "data.lp", "--measurement", "disk"], "--strict is given")),
    (&["--shard", "1/2"], Hides(DATA, "00:00:02Z")),
    (&["--from", "1970-01-01T00:00:06Z"], Shows(DATA, "0 points in")),
    (&["--to", "1970-01-01"], Shows(DATA, "0 points in")),
    (&["--no-merge"], Refused(DATABASE, "give --start and --stop")),
    (&["--from-state", "data.lp"], Fails(DATA, "it is not a state of rhai-udf")),
    (&["--save-state", "left.rudt"], Writes(DATA, "left.rudt", "task.tick")),
    (&["--workers", "2"], Shows(DATA, "one worker is used instead of 2")),
    (&["--config", "skip.toml"], Shows(&["--data", "odd.lp"], "1 point out")),
    (&["--log-level", "debug"], Shows(DATA, "quiet")),
    (
        &["--udf", "triple=double.rhai"],
        Shows(&["triple.tick", "--data", "data.lp"], "\"twice\":14"),
    ),
    (&["--out", "folder"], Writes(DATA, "folder/alerts.log", "task/a is CRITICAL")),
    (
        &["--out", "folder"],
        Refused(&["quiet.tick", "--data", "data.lp"], "no node that writes files"),
    ),
    (&["--dbrp", "telegraf.autogen"], Shows(&["home.tick", "--data", "data.lp"], "mem,host=a")),
    (&["--var", "level=7.5"], Hides(DATA, "00:00:02Z")),
    (&["--task", "night"], Shows(DATA, "night/a")),
    (&["--replicas", "web=2"], Shows(&["scale.tick", "--data", "data.lp"], "web: 2 -> 9 replicas")),
    (&["--replicas", "web=2"], Refused(DATA, "no |k8sAutoscale()")),
    (DATABASE, Shows(&[], "usage=41")),
    (&["--influxdb", "URL"], Refused(DATA, "the data comes from --data")),
    (
        &["--past", "1h"],
        Asks(
            &["--influxdb", "URL", "--db", "d", "--stop", "2001-09-10T00:00:00Z"],
            "2001-09-09T23:00:00Z",
        ),
    ),
    (
        &["--start", "2001-09-09T12:00:00Z"],
        Asks(&["--influxdb", "URL", "--db", "d"], "2001-09-09T12:00:00Z"),
    ),
    (
        &["--stop", "2001-09-09T13:00:00Z"],
        Asks(&["--influxdb", "URL", "--db", "d", "--past", "1h"], "2001-09-09T13:00:00Z"),
    ),
    (&["--influxdb-api", "2"], Asks(DATABASE, "&db=d")),
    (&["--influxdb-api", "2"], Refused(DATA, "required arguments")),
    (&["--influxdb-token-file", "no-such"], Fails(DATABASE, "cannot be read")),
    (&["--influxdb-token-file", "no-such"], Refused(DATA, "required arguments")),
    (&["--influxdb-org", "o"], Refused(DATABASE, "required arguments")),
    (&["--ca", "no-such"], Refused(DATABASE, "is not encrypted")),
    (&["--insecure"], Refused(DATABASE, "is not encrypted")),
    (
        &["--sql", "SELECT usage FROM cpu WHERE time > $start AND time < $stop"],
        Refused(
            &["--influxdb", "URL", "--db", "d", "--past", "2m", "--period", "1m", "--every", "1m"],
            "the TICKscript defines its queries in |query()",
        ),
    ),
    (&["--db", "other"], Asks(&["--influxdb", "URL", "--past", "1h"], "FROM \"other\".")),
    (&["--rp", "second"], Asks(DATABASE, "\"d\".\"second\".\"cpu\"")),
    (
        &["--query", "SELECT usage FROM d.r.cpu"],
        Refused(
            &["--influxdb", "URL", "--past", "2m", "--period", "1m", "--every", "1m"],
            "|query()",
        ),
    ),
    (&["--save", "saved.srpl"], Writes(DATA, "saved.srpl", "cpu,host=a idle=9,usage=1 1000000000")),
    (&["--write"], Asks(&["--data", "data.lp", "--influxdb", "URL"], "idle=3,twice=14,usage=7")),
    (
        &["--write"],
        Refused(&["alerts.tick", "--data", "data.lp", "--influxdb", "URL"], "no |influxDBOut()"),
    ),
    (&["--plot", "picture.svg"], Writes(DATA, "picture.svg", "<svg")),
    (
        &["--plot-theme", "dark"],
        Refused(&["--data", "data.lp", "--plot", "picture.svg"], "it applies to .png"),
    ),
];
