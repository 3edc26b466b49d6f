//! `execd`: a driver that plays Telegraf.

use crate::daemon::{Log, NEVER};
use crate::util::*;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// Numbers the points of a group.
const COUNT: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ by: #{ type: \"double\", \
                     default: 1.0 } } } }\nfn state() { #{ n: 0.0 } }\nfn point(p, opt) {\n    this.n += \
                     opt.by;\n    p.n = this.n;\n    emit(p);\n}\n";

/// The mean of a window.
const MEAN: &str = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\nfn end_batch(b) { emit(b.point(#{ mean: \
                    b.column(\"x\").mean(), n: b.len() })); }\n";

/// A process, and what it writes.
struct Telegraf {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<(Instant, String)>,
    log: Log,
}

impl Telegraf {
    fn start(script: &Path, arguments: &[&str]) -> Self {
        let mut child = binary()
            .arg("execd")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let stdout = child.stdout.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { input: child.stdin.take(), child, lines, log }
    }

    fn send(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn line(&self) -> String {
        let line = self.lines.recv_timeout(NEVER);
        line.unwrap_or_else(|e| panic!("{e}; log:\n{}", self.log.text())).1
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success()
        );
    }

    /// Closes the input and waits for the end: the exit code, and the lines that still came.
    fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        self.input = None;
        let rest = self.lines.iter().map(|(_, line)| line).collect();
        let code = self.child.wait().unwrap().code();
        (code, rest, self.log.text())
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Feeds all lines at once; gives what comes out.
fn execd(script: &Path, arguments: &[&str], input: &str) -> Run {
    feed(binary().arg("execd").arg(script).args(arguments), input.as_bytes())
}

#[test]
fn lines_come_out_with_what_the_script_adds_and_nothing_else_does() {
    let folder = Folder::new("execd");
    let script = folder.write("s.rhai", COUNT);
    let input = "cpu,host=a x=1.5,i=3i,t=\"a \\\"b\\\"\nc\",b=true 10\ncpu,host=b x=2 11\ncpu,host=a x=3 12";
    let run = execd(&script, &["--group-by", "host", "--set", "by=2.0"], input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.text(),
        "cpu,host=a b=true,i=3i,n=2,t=\"a \\\"b\\\"\nc\",x=1.5 10\ncpu,host=b n=2,x=2 11\ncpu,host=a n=4,x=3 12\n"
    );
    assert!(run.stderr.lines().all(|line| line.starts_with("I! ")), "{}", run.stderr);
    assert!(
        run.stderr.contains("3 points in, 0 bad lines skipped, 3 points out"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_has_arrived_comes_out_at_once_though_the_input_stays_open() {
    let folder = Folder::new("execd-dry");
    let script = folder.write("s.rhai", COUNT);
    for workers in ["1", "2"] {
        let mut telegraf = Telegraf::start(&script, &["--group-by", "host", "--workers", workers]);
        telegraf.send("cpu,host=a x=1 1\n");
        telegraf.line();
        for i in 2..20 {
            // The line before comes out while half of the next one is waited for.
            telegraf.send(&format!("cpu,host=a x=1 {i}\ncpu,host=b x="));
            assert_eq!(telegraf.line(), format!("cpu,host=a n={i},x=1 {i}"));
            telegraf.send("1 1\n");
            assert_eq!(telegraf.line(), format!("cpu,host=b n={},x=1 1", i - 1));
        }
        assert_eq!(telegraf.end().0, Some(0));
    }
}

#[test]
fn bad_lines_cost_nothing_but_themselves() {
    let folder = Folder::new("execd-bad");
    let script = folder.write("s.rhai", COUNT);
    let input = "cpu,host=a x=1 1\nnonsense\ncpu,host=a u=18446744073709551615u,x=1 2\ncpu,host=a u=7u,x=1 \
                 3\n\u{0}\u{1}\ncpu,host=a s=\"open,x=1 4\ncpu,host=a x=1 5\n\n# comment\ncpu,host=a x=1 6\n";
    let mut bytes = input.as_bytes().to_vec();
    bytes.extend(b"\xff\xfe\ncpu,host=a x=1 7\n");
    let run = feed(binary().arg("execd").arg(&script).args(["--group-by", "host"]), &bytes);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let times: Vec<String> =
        run.text().lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(times, ["1", "3", "5", "6", "7"], "{}", run.stderr);
    assert!(run.text().contains("u=7i"), "{}", run.text());
    let told = |text: &str| run.stderr.lines().any(|l| l.starts_with("E! ") && l.contains(text));
    assert!(told("nonsense"), "{}", run.stderr);
    assert!(run.stderr.contains("5 bad lines skipped"), "{}", run.stderr);
    assert!(run.stderr.lines().all(|l| l.get(1..3) == Some("! ")), "{}", run.stderr);
}

#[test]
fn a_nan_is_left_out_and_a_point_of_nothing_else_too() {
    let folder = Folder::new("execd-nan");
    let text = COUNT.replace(
        "p.n = this.n;",
        "p.n = if p.x > 1.0 { 0.0 / 0.0 } else { this.n };\n    if p.x > 2.0 { \
                                              p.x = 0.0 / 0.0; }",
    );
    let script = folder.write("s.rhai", &text);
    let run = execd(&script, &["--group-by", "host"], "m x=1 1\nm x=2 2\nm x=3 3\nm x=1 4\n");
    assert_eq!(run.text(), "m n=1,x=1 1\nm x=2 2\nm n=4,x=1 4\n", "{}", run.stderr);
    assert!(run.stderr.contains("1 points had no field"), "{}", run.stderr);
}

/// Points of three hosts, one a second.
fn lines(range: std::ops::Range<i64>) -> String {
    let line = |i: i64| format!("m,host=h{} x={} {}\n", i * 7 % 3, i % 11, i * 1_000_000_000);
    range.map(line).collect()
}

fn sorted(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text.lines().map(Into::into).collect();
    all.sort();
    all
}

#[test]
fn windows_are_made_on_the_time_of_the_data_and_end_with_the_input() {
    let folder = Folder::new("execd-windows");
    let script = folder.write("mean.rhai", MEAN);
    let shape = ["--group-by", "host", "--period", "10s", "--every", "10s"];
    let run = execd(&script, &shape, &lines(0..95));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let field = |line: &str| {
        line.split_once(",n=").or_else(|| line.split_once(" n=")).unwrap().1.to_owned()
    };
    let number = |line: &str| field(line).split_once('i').unwrap().0.parse::<i64>().unwrap();
    let counts: i64 = run.text().lines().map(number).sum();
    // A point at a window's end is in the next one too, as in the daemon; every point is in one at least.
    assert!(counts >= 95, "{counts}\n{}", run.text());
    let last =
        run.text().lines().map(|l| l.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).max();
    assert!(last.unwrap() >= 94_000_000_000, "{}", run.text());
    // The same lines by workers, but for their order.
    let two = execd(&script, &[&shape[..], &["--workers", "2"]].concat(), &lines(0..95));
    assert_eq!(sorted(&two.text()), sorted(&run.text()));
}

#[test]
fn the_state_goes_on_with_any_number_of_workers() {
    let folder = Folder::new("execd-state");
    let script = folder.write("s.rhai", COUNT);
    let mean = folder.write("mean.rhai", MEAN);
    let state = folder.path("kept.rudt");
    let state = state.to_str().unwrap();
    for (script, shape) in [
        (&script, &["--group-by", "host"][..]),
        (&mean, &["--group-by", "host", "--period", "10s", "--every", "10s"]),
    ] {
        let _ = std::fs::remove_file(state);
        let whole = execd(script, &[shape, &["--state", state]].concat(), &lines(0..300));
        let _ = std::fs::remove_file(state);
        let mut pieces = String::new();
        for (range, workers) in [(0..101, "1"), (101..102, "2"), (102..207, "4"), (207..300, "1")] {
            let arguments = [shape, &["--state", state, "--workers", workers]].concat();
            let run = execd(script, &arguments, &lines(range));
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            pieces.push_str(&run.text());
        }
        assert_eq!(sorted(&pieces), sorted(&whole.text()));
        assert!(whole.text().lines().count() > 50, "{}", whole.text());
    }
    let shown = feed(binary().args(["state", state]), b"");
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    // A state that is damaged, or another's, is refused before anything is read.
    std::fs::write(state, b"RUDT\x01garbage").unwrap();
    let run = execd(&script, &["--state", state], "m x=1 1\n");
    assert_eq!((run.code, run.text().len()), (Some(1), 0), "{}", run.stderr);
    assert!(run.stderr.starts_with("E! ") && run.stderr.contains("damaged"), "{}", run.stderr);
}

#[test]
fn a_request_to_end_keeps_the_state_and_a_kill_leaves_the_last_one_whole() {
    let folder = Folder::new("execd-term");
    let script = folder.write("s.rhai", COUNT);
    let path = folder.path("kept.rudt");
    let state = path.to_str().unwrap();
    for workers in ["1", "2"] {
        let _ = std::fs::remove_file(state);
        let arguments = ["--group-by", "host", "--state", state, "--workers", workers];
        let mut telegraf = Telegraf::start(&script, &arguments);
        telegraf.send(&lines(0..30));
        (0..30).for_each(|_| drop(telegraf.line()));
        // Half a line is none, and the input stays open.
        telegraf.send("m,host=h0 x=1");
        telegraf.signal("TERM");
        let began = Instant::now();
        let code = telegraf.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", telegraf.log.text());
        assert!(began.elapsed() < NEVER);
        telegraf.log.wait("30 points in, 0 bad lines", 1);
        let run = execd(&script, &arguments, &lines(30..33));
        assert!(run.text().contains("n=11"), "{}", run.text());
        // The state is written again and again; whenever the process is killed, it can be read.
        for _ in 0..5 {
            let quick = [&arguments[..], &["--state-every", "1ms"]].concat();
            let mut telegraf = Telegraf::start(&script, &quick);
            telegraf.send(&lines(0..300));
            (0..200).for_each(|_| drop(telegraf.line()));
            telegraf.child.kill().unwrap();
            telegraf.child.wait().unwrap();
            let shown = feed(binary().args(["state", state]), b"");
            assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        }
    }
}

/// What Telegraf does when it ends: SIGTERM, and it does not close the pipe.
#[test]
fn the_states_of_a_hundred_thousand_groups_survive_a_request_to_end() {
    let folder = Folder::new("execd-many");
    let script = folder.write("s.rhai", COUNT);
    let path = folder.path("kept.rudt");
    let arguments = ["--group-by", "host", "--state", path.to_str().unwrap()];
    let line = |i: i64| format!("m,host=h{i} x=1 {i}\n");
    let all: String = (0..100_000).map(line).collect();
    let mut telegraf = Telegraf::start(&script, &[&arguments[..], &["--workers", "2"]].concat());
    telegraf.send(&all);
    (0..100_000).for_each(|_| drop(telegraf.line()));
    telegraf.signal("TERM");
    assert_eq!(telegraf.child.wait().unwrap().code(), Some(0), "{}", telegraf.log.text());
    telegraf.log.wait("100000 points in, 0 bad lines", 1);
    let run = execd(&script, &[&arguments[..], &["--workers", "3"]].concat(), &all);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text().lines().filter(|line| line.contains(" n=2,x=1 ")).count(), 100_000);
}

/// Groups are on both workers; the one whose call is stuck does not keep the other's lines back.
#[test]
fn a_call_that_is_stuck_ends_in_time_with_two_workers_and_the_state_is_kept() {
    let folder = Folder::new("execd-stuck-two");
    let text = COUNT.replace("p.n = this.n;", "p.n = this.n;\n    while p.x < 0.0 { }");
    let script = folder.write("s.rhai", &text);
    let config = "on_error = 'skip'\n[limits]\noperations = 0\ncall_timeout = '0s'";
    folder.write("rhai-udf.toml", config);
    let path = folder.path("kept.rudt");
    let arguments = ["--group-by", "host", "--state", path.to_str().unwrap(), "--workers", "2"];
    let mut telegraf = Telegraf::start(&script, &arguments);
    telegraf.send("m,host=a x=1 1\nm,host=b x=1 1\n");
    (0..2).for_each(|_| drop(telegraf.line()));
    telegraf.send("m,host=a x=-1 2\n");
    for i in 3..6 {
        telegraf.send(&format!("m,host=b x=1 {i}\n"));
        assert_eq!(telegraf.line(), format!("m,host=b n={},x=1 {i}", i - 1));
    }
    telegraf.signal("TERM");
    assert_eq!(telegraf.child.wait().unwrap().code(), Some(0), "{}", telegraf.log.text());
    telegraf.log.wait("6 points in, 0 bad lines", 1);
    let run = execd(&script, &arguments, "m,host=a x=1 9\nm,host=b x=1 9\n");
    assert_eq!(sorted(&run.text()), ["m,host=a n=2,x=1 9", "m,host=b n=5,x=1 9"], "{}", run.stderr);
}

#[test]
fn the_state_is_kept_while_the_input_is_quiet() {
    let folder = Folder::new("execd-every");
    let script = folder.write("s.rhai", COUNT);
    let path = folder.path("kept.rudt");
    let arguments =
        ["--group-by", "host", "--state", path.to_str().unwrap(), "--state-every", "50ms"];
    let mut telegraf =
        Telegraf::start(&script, &[&arguments[..], &["--log-level", "debug"]].concat());
    telegraf.send(&lines(0..3));
    (0..3).for_each(|_| drop(telegraf.line()));
    let kept = telegraf.log.text().matches("the state is saved in").count();
    telegraf.log.wait("D! the state is saved in", kept + 2);
    telegraf.child.kill().unwrap();
    telegraf.child.wait().unwrap();
    let run = execd(&script, &arguments, &lines(3..6));
    assert_eq!(run.text().matches("n=2").count(), 3, "{}", run.text());
}

#[test]
fn a_call_that_is_stuck_does_not_keep_the_process_from_ending() {
    let folder = Folder::new("execd-stuck");
    let text = COUNT.replace("p.n = this.n;", "while p.x < 0.0 { }");
    let script = folder.write("s.rhai", &text);
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '0s'");
    let mut telegraf = Telegraf::start(&script, &["--group-by", "host"]);
    telegraf.send("m x=1 1\n");
    telegraf.line();
    telegraf.send("m x=-1 2\n");
    telegraf.signal("TERM");
    let code = telegraf.child.wait().unwrap().code();
    assert!(code.is_some(), "it ends by itself");
}

#[test]
fn a_script_that_fails_says_so_to_telegraf() {
    let folder = Folder::new("execd-error");
    let script = folder.write("s.rhai", &COUNT.replace("emit(p);", "p.y.z();"));
    let run = execd(&script, &[], "m x=1 1\n");
    assert_eq!(run.code, Some(1));
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("E! ") && last.contains("s.rhai:6"), "{}", run.stderr);
    folder.write("rhai-udf.toml", "on_error = 'pass'");
    let run = execd(&script, &[], "m x=1 1\nm x=2 2\n");
    assert_eq!((run.code, run.text().as_str()), (Some(0), "m x=1 1\nm x=2 2\n"), "{}", run.stderr);
}

#[test]
fn wrong_usage_is_refused_before_anything_is_read() {
    let folder = Folder::new("execd-usage");
    let stream = folder.write("s.rhai", COUNT);
    let batch = folder.write("mean.rhai", MEAN);
    for (script, arguments, why) in [
        (&batch, vec![], "make windows with --period"),
        (&stream, vec!["--period", "1m", "--every", "1m"], "wants a stream"),
        (&stream, vec!["--set", "buy=2"], "option 'buy' is unknown"),
        (&stream, vec!["--state-every", "0s"], "--state-every: write a duration"),
    ] {
        let run = execd(script, &arguments, "m x=1 1\n");
        assert_eq!((run.code, run.text().len()), (Some(2), 0), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
    let picky =
        folder.write("picky.rhai", &format!("{COUNT}fn init(opt) {{ throw \"not today\"; }}\n"));
    let run = execd(&picky, &[], "m x=1 1\n");
    assert_eq!((run.code, run.text().len()), (Some(1), 0), "{}", run.stderr);
    assert!(run.stderr.contains("E! the script refuses its options"), "{}", run.stderr);
    assert!(run.stderr.contains("not today"), "{}", run.stderr);
}

#[test]
fn the_section_for_telegraf_starts_the_script() {
    let folder = Folder::new("execd-conf");
    for (name, windows) in [("moving_avg", false), ("ttest", true)] {
        let script = repo(&format!("scripts/{name}.rhai"));
        let run = feed(binary().args(["conf", "--telegraf"]).arg(&script), b"");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let section: toml::Table = run.text().parse().unwrap();
        assert_eq!(section["agent"]["skip_processors_after_aggregators"].as_bool(), Some(true));
        let command = section["processors"]["execd"][0]["command"].as_array().unwrap();
        let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words.contains(&"--period"), windows, "{words:?}");
        // It is taken as it is, but for the folder of the state.
        let state = folder.path(&format!("{name}.rudt"));
        let words = words.iter().map(|word| match word.starts_with("/var/lib") {
            true => state.to_str().unwrap(),
            false => word,
        });
        let words: Vec<&str> = words.skip(1).collect();
        let run = feed(binary().args(words), b"");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(state.exists());
    }
}
