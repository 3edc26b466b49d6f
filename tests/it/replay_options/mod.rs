//! Every option of `replay`, with a plain script and with a TICKscript: it changes what comes out, or it
//! is refused by its name with exit code 2. None is ignored, and the help lists no option that is
//! missing here.

mod plain;
mod tick;

use crate::daemon::Log;
use crate::influxdb::Fake;
use crate::util::*;
use Effect::{Asks, Fails, Hides, Refused, Shows, Takes, Watches, Writes};
use plain::PLAIN;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tick::TICK;

type Arguments = &'static [&'static str];

/// What an option does, beside these other arguments.
enum Effect {
    /// A text is shown that is not shown without it.
    Shows(Arguments, &'static str),
    /// A text is no longer shown.
    Hides(Arguments, &'static str),
    /// The replay fails with a text.
    Fails(Arguments, &'static str),
    /// A file appears and holds a text.
    Writes(Arguments, &'static str, &'static str),
    /// The database is asked with a text.
    Asks(Arguments, &'static str),
    /// The replay takes at least so long.
    Takes(Arguments, Duration),
    /// The replay goes on, and says so.
    Watches(Arguments, &'static str),
    /// It is refused by name; the message holds a text.
    Refused(Arguments, &'static str),
}

const LINES: &str = "cpu,host=a usage=1,idle=9 1000000000\ncpu,host=a usage=7,idle=3 2000000000\n\
                     cpu,host=a usage=8,idle=2 3000000000\ncpu,host=b usage=2,idle=8 4000000000\n\
                     mem,host=a usage=3,idle=7 5200000000\n";
const CSV: &str =
    "host,when,then,usage,idle\na,1000000000,1100000000,7,9\nb,1000000001,1100000001,8,3\n";
const DOUBLE: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\",
        options: #{ factor: #{ type: \"double\", default: 2.0 } } } }
    fn point(p, opt) { log_debug(\"quiet\"); p.twice = p.usage * opt.factor; emit(p); }";
const LARGEST: &str = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }
    fn end_batch(b) { emit(b.point(#{ largest: b.column(\"usage\").max })); }";
const TASK: &str = "var level = 5.0
    stream|from().groupBy('host')@double()
    |alert().id('{{ .TaskName }}/{{ index .Tags \"host\" }}')
        .crit(lambda: \"usage\" > level).stateChangesOnly().log('/var/alerts.log')
    |influxDBOut().database('d').retentionPolicy('r')";
const SCALE: &str = "stream|from()|swarmAutoscale().serviceName('web').replicas(lambda: 9)";
const HOME: &str = "stream|from().database('telegraf')|influxDBOut()";
const ALERTS: &str = "stream|from().groupBy('host')@double()|alert().crit(lambda: \"usage\" > 5.0)";

const DATA: Arguments = &["--data", "data.lp"];
const BAD: Arguments = &["--data", "bad.lp"];
const FEW: Arguments = &["--data", "cpu.csv", "--field-columns", "usage,idle"];
const TAGGED: Arguments =
    &["--data", "cpu.csv", "--time-column", "when", "--field-columns", "usage"];
const CRIT: Arguments = &["--data", "data.lp", "--crit", "usage > 5"];
const WINDOWS: Arguments = &["--data", "data.lp", "--period", "2s", "--every", "2s"];
const DATABASE: Arguments = &[
    "--influxdb",
    "URL",
    "--db",
    "d",
    "--start",
    "2001-09-09T00:00:00Z",
    "--stop",
    "2001-09-10T00:00:00Z",
];

/// A folder with scripts and data, and a database.
struct Place {
    folder: Folder,
    database: Fake,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new("replay-options");
        for (name, text) in [
            ("double.rhai", DOUBLE),
            ("largest.rhai", LARGEST),
            ("task.tick", TASK),
            ("home.tick", HOME),
            ("alerts.tick", ALERTS),
            ("quiet.tick", "stream|from()@double()|log()"),
            ("triple.tick", "stream|from()@triple()|log()"),
            ("scale.tick", SCALE),
            ("data.lp", LINES),
            ("cpu.csv", CSV),
            ("bad.lp", "cpu,host=a usage=7 1000000000\ncpu usage=\n"),
            ("odd.lp", "cpu,host=a usage=7 1000000000\ncpu,host=a idle=9 2000000000\n"),
            ("pace.lp", "cpu,host=a usage=7 1000000000\ncpu,host=a usage=8 1200000000\n"),
            ("unnamed", LINES),
            ("skip.toml", "on_error = \"skip\"\n"),
            ("labels.json", "[[\"1970-01-01 00:00:01\", \"1970-01-01 00:00:03\"]]"),
        ] {
            folder.write(name, text);
        }
        Self { folder, database: Fake::new(|path, body| (status(path), answer(body))) }
    }

    /// The arguments of a replay; a script among them takes the place of the usual one.
    fn arguments(&self, is_tick: bool, arguments: &[&str]) -> Vec<String> {
        let text = |text: &&str| match *text {
            "URL" => self.database.url.clone(),
            text => text.to_owned(),
        };
        let named = arguments.first().filter(|first| first.ends_with(".tick"));
        let batches = arguments.iter().any(|a| matches!(*a, "--period" | "--align" | "--query"));
        let script = match named {
            Some(script) => script,
            None if is_tick => "task.tick",
            None if batches => "largest.rhai",
            None => "double.rhai",
        };
        let rest = &arguments[usize::from(named.is_some())..];
        let calls = is_tick && !matches!(script, "triple.tick" | "home.tick" | "scale.tick");
        let udf = if calls { &["--udf", "double=double.rhai"][..] } else { &[] };
        [&["replay", script][..], rest, udf].concat().iter().map(text).collect()
    }

    fn replay(&self, is_tick: bool, arguments: &[&[&str]]) -> Run {
        let arguments = self.arguments(is_tick, &arguments.concat());
        feed(binary().current_dir(self.folder.path("")).args(arguments), b"")
    }

    /// Returns what is wrong with an option.
    fn complaint(&self, is_tick: bool, option: Arguments, effect: &Effect) -> Option<String> {
        let shown = |arguments: &[&[&str]]| {
            let run = self.replay(is_tick, arguments);
            let text = format!("{}{}", run.text(), run.stderr);
            (run.code, text)
        };
        let (right, seen) = match effect {
            Shows(base, text) => {
                let ((code, with), (_, without)) = (shown(&[base, option]), shown(&[base]));
                let right = code == Some(0) && with.contains(text) && !without.contains(text);
                (right, format!("'{text}' in\n{with}and not in\n{without}"))
            }
            Hides(base, text) => {
                let ((code, with), (_, without)) = (shown(&[base, option]), shown(&[base]));
                let right = code == Some(0) && !with.contains(text) && without.contains(text);
                (right, format!("'{text}' not in\n{with}but in\n{without}"))
            }
            Fails(base, text) => {
                let ((code, with), (without, _)) = (shown(&[base, option]), shown(&[base]));
                let right = without == Some(0) && code == Some(1) && with.contains(text);
                (right, format!("exit code 1 and '{text}' in\n{with}"))
            }
            Writes(base, file, text) => {
                let (code, with) = shown(&[base, option]);
                let written = unpacked(&self.folder.path(file));
                let right = code == Some(0) && written.contains(text);
                (right, format!("'{text}' in {file}:\n{written}\nafter\n{with}"))
            }
            Asks(base, text) => {
                let before = self.database.seen().len();
                let (code, with) = shown(&[base, option]);
                let asked = &self.database.seen()[before..];
                let right = code == Some(0) && asked.iter().any(|(_, body)| body.contains(text));
                (right, format!("'{text}' in {asked:#?} after\n{with}"))
            }
            Takes(base, least) => {
                let began = Instant::now();
                let (code, with) = shown(&[base, option]);
                (code == Some(0) && began.elapsed() >= *least, format!("{least:?} for\n{with}"))
            }
            Watches(base, text) => {
                let arguments = self.arguments(is_tick, &[base, option].concat());
                let mut command = binary();
                command.current_dir(self.folder.path("")).args(arguments).stdin(Stdio::null());
                let mut child =
                    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
                Log::of(child.stderr.take().unwrap()).wait(text, 1);
                child.kill().unwrap();
                child.wait().unwrap();
                (true, String::new())
            }
            Refused(base, text) => {
                let (code, with) = shown(&[base, option]);
                let name = if option[0] == "--output" { "-o" } else { option[0] };
                // An option of the script is named as the script knows it.
                let named = with.contains(name) || option[0] == "--set";
                let right = code == Some(2) && named && with.contains(text);
                (right, format!("exit code 2, the option's name and '{text}' in\n{with}"))
            }
        };
        (!right).then(|| format!("{option:?}: expected {seen}"))
    }

    fn check(&self, is_tick: bool, table: &[(Arguments, Effect)]) {
        let complaint =
            |(option, effect): &(Arguments, Effect)| self.complaint(is_tick, option, effect);
        let complaints: Vec<_> = table.iter().filter_map(complaint).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    }
}

/// The text of a file, unpacked if it is packed; empty if there is no file.
fn unpacked(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut text = String::new();
    let read = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text);
    if read.is_ok() { text } else { String::from_utf8_lossy(&bytes).into_owned() }
}

fn status(path: &str) -> u16 {
    if path.starts_with("/write") { 204 } else { 200 }
}

/// What the database answers.
fn answer(query: &str) -> String {
    let table = |columns: &str, rows: &str| {
        let series = format!("{{\"name\":\"cpu\",\"columns\":[{columns}],\"values\":[{rows}]}}");
        format!("{{\"results\":[{{\"series\":[{series}]}}]}}")
    };
    for (question, columns, rows) in [
        ("RETENTION", "\"name\",\"default\"", "[\"first\",true],[\"second\",false]"),
        ("MEASUREMENTS", "\"name\"", "[\"cpu\"]"),
        ("FIELD KEYS", "\"fieldKey\",\"fieldType\"", "[\"usage\",\"float\"]"),
        ("TAG KEYS", "\"tagKey\"", "[\"host\"]"),
        ("SELECT", "\"time\",\"host\",\"usage\"", "[1000000000000000000,\"a\",41]"),
    ] {
        if query.contains(question) {
            return table(columns, rows);
        }
    }
    "{\"results\":[{}]}".into()
}

#[test]
fn every_option_has_its_effect_on_a_plain_script_or_is_refused() {
    Place::new().check(false, PLAIN);
}

#[test]
fn every_option_has_its_effect_on_a_tickscript_or_is_refused() {
    Place::new().check(true, TICK);
}

/// An option that is new is checked here too, in both modes.
#[test]
fn no_option_is_left_out_of_these_tables() {
    let help = feed(binary().args(["replay", "--help"]), b"").text();
    let listed = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.split_once(", ").map_or(line, |(short, line)| match short.len() {
            2 => line,
            _ => short,
        });
        // Every command has it.
        let is_option = line.starts_with("--") && line != "--help";
        is_option.then(|| {
            let name = line.split_whitespace().next().unwrap_or(line);
            // One that can be written several times.
            name.trim_end_matches("...")
        })
    });
    let listed: Vec<_> = listed.collect();
    assert!(listed.len() > 40, "{listed:?}");
    for name in listed {
        for (mode, table) in [("plain script", PLAIN), ("TICKscript", TICK)] {
            assert!(table.iter().any(|(option, _)| option.contains(&name)), "{mode}: {name}");
        }
    }
}
