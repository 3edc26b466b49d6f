//! Replays that are left with `--save-state` and go on with `--from-state`: a cut anywhere changes
//! nothing, and a state that cannot be used is refused by name or starts fresh.

use crate::printer::MAIN_JOB;
use crate::replay::{replay, script, text};
use crate::util::*;

/// Plays lines in pieces of so many, each in a process of its own that goes on where the last was left;
/// returns the output of all. `{}` in an argument is the number of the piece.
fn in_pieces(folder: &Folder, lines: &[&str], piece: usize, arguments: &[&str]) -> String {
    let (data, state) = (text(folder.path("piece.lp")), text(folder.path("state.rudt")));
    let mut output = String::new();
    let last = lines.chunks(piece).count() - 1;
    for (i, lines) in lines.chunks(piece).enumerate() {
        std::fs::write(&data, lines.join("\n")).unwrap();
        let from = if i > 0 { &["--from-state", &*state][..] } else { &[] };
        let to = if i < last { &["--save-state", &*state][..] } else { &[] };
        output +=
            &replay(&[&[arguments[0], "--data", &data], from, to, &arguments[1..]].concat()).text();
    }
    output
}

fn check(name: &str, lines: &[&str], piece: usize, arguments: &[&str]) -> String {
    let folder = Folder::new(name);
    let data = text(folder.write("whole.lp", &lines.join("\n")));
    let whole = replay(&[&[arguments[0], "--data", &data], &arguments[1..]].concat()).text();
    assert!(!whole.is_empty(), "{name}");
    let pieces = in_pieces(&folder, lines, piece, arguments);
    for (whole, pieces) in whole.lines().zip(pieces.lines()) {
        assert_eq!(pieces, whole, "{name}");
    }
    assert_eq!(pieces.lines().count(), whole.lines().count(), "{name}");
    whole
}

/// Three functions with their windows and alerts, and what else a TICKscript may remember.
const DAY: &str = "
var data = stream|from().measurement('temperatures')
var windows = data|window().period(5m).every(5m)
windows@tTest().field('hotend').size(3600).alpha(0.001)
    |alert().id('hotend').crit(lambda: \"pvalue\" < 0.001).stateChangesOnly().levelField('level').durationField('for')
    |influxDBOut().database('hotend')
windows@tTest().field('bed').size(3600).alpha(0.001)
    |alert().id('bed').crit(lambda: \"pvalue\" < 0.001).history(5).flapping(0.3, 0.8)
data|eval(lambda: sigma(\"air\")).as('sigma').keep()
    |stateDuration(lambda: \"sigma\" > 2.0).unit(1s)
    |where(lambda: \"state_duration\" >= 0.0)
    |sample(7)
    |influxDBOut().database('air')
windows|mean('hotend').as('mean')|derivative('mean').unit(1m)|movingAverage('mean', 3)
    |influxDBOut().database('mean')
var slow = data|sample(60)|shift(10m)
data|sample(60)|join(slow).as('now', 'then').tolerance(1m)|influxDBOut().database('join')
";

#[test]
fn the_printers_day_cut_at_every_1000th_point() {
    let day = String::from_utf8(gunzip(&repo("examples/printer/printer.lp.gz"))).unwrap();
    let lines: Vec<&str> = day.lines().collect();
    let folder = Folder::new("day-tick");
    let tick = text(folder.write("day.tick", DAY));
    let ttest = format!("tTest={}", script("ttest"));
    let output = check(
        "day-tick",
        &lines,
        1000,
        &[&tick, "--udf", &ttest, "--precision", "s", "--format", "json"],
    );
    assert!(output.contains("\"level\":\"CRITICAL\"") && output.contains("now.hotend"), "{output}");
    let ttest = script("ttest");
    let plain = [&[&*ttest, "--precision", "s", "--format", "json"], &MAIN_JOB[..]].concat();
    check("day-plain", &lines, 1000, &plain);
}

/// What nodes keep for each group, where the groups can be spread.
const HOSTS: &str = "
var data = stream|from().measurement('m').groupBy('host', 'disk')
data@avg().field('x').size(5)
    |alert().crit(lambda: \"avg\" > 6.0).stateChangesOnly().levelField('level').durationField('for').history(5)
    |influxDBOut().database('avg')
data|eval(lambda: sigma(\"x\")).as('sigma').keep()
    |stateDuration(lambda: \"sigma\" > 0.5).unit(1s)
    |sample(2)
    |influxDBOut().database('sigma')
data|window().period(20s).every(10s)|mean('x').as('mean')|derivative('mean').unit(1s)
    |influxDBOut().database('mean')
data|changeDetect('x')|where(lambda: count() % 2 == 0)|influxDBOut().database('changes')
";

/// A state that so many workers keep goes on in any other number of them.
#[test]
fn states_go_from_any_number_of_workers_to_any_other() {
    let folder = Folder::new("states-by-workers");
    let tick = text(folder.write("hosts.tick", HOSTS));
    let udf = format!("avg={}", script("moving_avg"));
    let average = script("moving_avg");
    let sums = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\n\
        fn state(opt) { #{ sum: 0.0, from: now() } }\n\
        fn end_batch(b) { this.sum += b.column(\"x\").mean; emit(b.point(#{ sum: this.sum, from: this.from })); }\n";
    let sums = text(folder.write("sums.rhai", sums));
    let line = |i: i64| {
        let (host, disk) = ((i * i + 3 * i) % 7, i % 2);
        // Names of groups that could be read in several ways, and one that comes late.
        let host = if i > 150 && host == 1 { "h,disk\\=0".into() } else { format!("h{host}") };
        format!("m,host={host},disk={disk} x={} {i}", i * 7 % 11)
    };
    let lines: Vec<String> = (0..240).map(line).collect();
    let whole = text(folder.write("whole.lp", &lines.join("\n")));
    let field = ["--set", "field=x", "--group-by", "host,disk"];
    let sizes = ["--set", "size=4", "--crit", "avg > 6", "--every-alert"];
    let windows = ["--group-by", "host,disk", "--period", "20s", "--every", "10s"];
    let tasks: [Vec<&str>; 3] = [
        vec![&tick, "--udf", &udf],
        [&[&*average][..], &field, &sizes].concat(),
        [&[&*sums][..], &windows].concat(),
    ];
    let (data, state) = (text(folder.path("piece.lp")), text(folder.path("state.rudt")));
    for task in tasks {
        let common = ["--precision", "s", "--format", "json"];
        let play = |more: &[&str]| replay(&[&task[..], &common, more].concat()).text();
        let expected = play(&["--data", &whole, "--workers", "1"]);
        assert!(expected.lines().count() > 20, "{expected}");
        for (workers, piece) in
            [(&["1", "2", "4"][..], 17), (&["4", "1"], 50), (&["2", "1"], 50), (&["2", "3"], 1)]
        {
            // A cut at every line takes a process for each; a part of the data is enough.
            let lines = if piece == 1 { &lines[..40] } else { &lines };
            let count = lines.chunks(piece).count();
            let mut output = String::new();
            for (i, lines) in lines.chunks(piece).enumerate() {
                std::fs::write(&data, lines.join("\n")).unwrap();
                let from = if i > 0 { &["--from-state", &*state][..] } else { &[] };
                let to =
                    if i + 1 < count || piece == 1 { &["--save-state", &*state][..] } else { &[] };
                let of = ["--data", &*data, "--workers", workers[i % workers.len()]];
                output += &play(&[&of[..], from, to].concat());
            }
            let wanted = if piece == 1 { &expected[..output.len()] } else { &expected };
            for (got, wanted) in output.lines().zip(wanted.lines()) {
                assert_eq!(got, wanted, "{workers:?}, {} ", task[0]);
            }
            assert_eq!(output.len(), wanted.len(), "{workers:?}, {}", task[0]);
            assert!(!output.is_empty(), "{workers:?}, {}", task[0]);
        }
    }
}

/// `now()`, groups that go by `group_ttl`, and states that count what they have seen.
#[test]
fn now_and_the_groups_that_go_are_as_if_there_had_been_no_cut() {
    let folder = Folder::new("ttl");
    let counting = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
        fn state(opt) { #{ n: 0, born: now() } }\n\
        fn point(p) { this.n += 1; p.n = this.n; p.born = this.born; p.now = now(); emit(p); }\n";
    let counting = text(folder.write("counting.rhai", counting));
    let config =
        text(folder.write("rhai-udf.toml", "[state]\ngroup_ttl = '20s'\n[limits]\ngroups = 5\n"));
    let mut lines = Vec::new();
    for i in 0..120 {
        let time = i * 2 - 9 * i64::from(i % 13 == 0);
        lines.push(format!("m,host=h{} x={i} {time}", (i * i) % 9));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let arguments = [
        &*counting,
        "--config",
        &config,
        "--group-by",
        "host",
        "--precision",
        "s",
        "--format",
        "json",
    ];
    let output = check("ttl", &lines, 1, &arguments);
    assert!(
        output.contains("\"n\":1,") && output.contains("\"n\":3,"),
        "groups come and go: {output}"
    );
}

/// A function that is another program gives its state as the daemon asks for it.
#[test]
fn a_function_that_is_another_program_goes_on_too() {
    let folder = Folder::new("external");
    let tick =
        "stream|from().measurement('m').groupBy('host')@avg().field('x').size(5)|influxDBOut()";
    let tick = text(folder.write("avg.tick", tick));
    let program = env!("CARGO_BIN_EXE_rhai-udf");
    let udf = format!("avg=exec: {program} run {}", script("moving_avg"));
    let lines: Vec<String> =
        (0..60).map(|i| format!("m,host=h{} x={} {i}", i % 3, i * 7 % 11)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check("external", &lines, 13, &[&tick, "--udf", &udf, "--precision", "s"]);
}

/// A task, its data and a state of it.
struct Left {
    folder: Folder,
    avg: String,
    data: String,
    state: String,
}

fn left(name: &str) -> Left {
    let folder = Folder::new(name);
    let lines: String =
        (0..50).map(|i| format!("m,host=a x={i} {}\n", 1_500_000_000 + i)).collect();
    let data = text(folder.write("data.lp", &lines));
    let (avg, state) = (script("moving_avg"), text(folder.path("state.rudt")));
    let left = Left { folder, avg, data, state };
    left.run(&["--set", "size=5", "--crit", "avg > 90", "--save-state", &left.state], 0);
    left
}

impl Left {
    fn run(&self, arguments: &[&str], code: i32) -> Run {
        self.with(&self.avg, &[&["--set", "field=x"], arguments].concat(), code)
    }

    fn with(&self, script: &str, arguments: &[&str], code: i32) -> Run {
        let base = ["replay", script, "--data", &self.data, "--precision", "s"];
        let run = feed(binary().args([&base[..], arguments].concat()), &[]);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
        run
    }
}

/// A detector is told by its properties, which the page of functions explains, and not by what it is made of.
#[test]
fn a_state_is_told_in_words_that_scripts_know() {
    let folder = Folder::new("state-words");
    let lines = |i: u64| format!("m x={} {}", i * 7919 % 101, 1_500_000_000 + i);
    let data = folder.write("d.lp", &(0..200).map(lines).collect::<Vec<_>>().join("\n"));
    let state = folder.path("words.rudt").to_string_lossy().into_owned();
    let script = repo("scripts/level_shift.rhai");
    let mut replay = binary();
    replay.arg("replay").arg(script).args([
        "--set",
        "field=x",
        "--precision",
        "s",
        "--save-state",
        &state,
    ]);
    assert_eq!(feed(replay.arg("--data").arg(data), b"").code, Some(0));
    let text = feed(binary().args(["state", &state]), b"").text();
    assert!(
        text.contains("budget: alarm_budget: (alarms: ") && text.contains("threshold: "),
        "{text}"
    );
    assert!(
        text.contains("change: level_change: (baseline: ") && text.contains("ready: yes"),
        "{text}"
    );
    for internal in ["cluster", "recent", "deviation", "episodes"] {
        assert!(!text.contains(internal), "{internal}: {text}");
    }
    // For programs there is all of it.
    let json = feed(binary().args(["state", "--format", "json", &state]), b"").text();
    assert!(json.contains("\"cluster\""), "{json}");
}

#[test]
fn what_a_state_is_shown_as() {
    let left = left("state-shown");
    let run = feed(binary().args(["state", &left.state]), &[]);
    let shown = run.text();
    for part in [
        "moving_avg.rhai at 2017-07-14T02:40:49Z, after 50 points, by rhai-udf ",
        "alert3  |alert().crit(avg > 90).stateChangesOnly()",
        "(no group), levels: history: OK, OK, OK, OK, … (21 in all); flapping: no",
        "moving_stats: count: 5; is_full: yes; ",
        "; max: 49; mean: 47; min: 45; ",
        "; values: 45, 46, 47, 48, … (5 in all); ",
        "udf2  @udf().field('x').size(5)",
        "(no group), last seen ",
        "moving_stats",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let run = feed(binary().args(["state", "--format", "json", &left.state]), &[]);
    let shown: serde_json::Value = serde_json::from_str(&run.text()).unwrap();
    assert_eq!(shown["points"], 50);
    let nodes = shown["variants"][0]["nodes"].as_array().unwrap();
    let function = nodes.iter().find(|node| node["node"] == "udf2").unwrap();
    assert_eq!(function["function"]["groups"].as_array().unwrap().len(), 1);
}

#[test]
fn another_script_other_options_and_other_nodes_start_fresh_or_are_refused() {
    let left = left("state-other");
    let state = ["--from-state", &*left.state];
    let from = |more: &[&str], code| left.run(&[&state[..], more].concat(), code).stderr;
    assert_eq!(from(&["--set", "size=5", "--crit", "avg > 90"], 0).lines().count(), 1);
    let other = from(&["--set", "size=6"], 0);
    assert!(other.contains("made with options") && other.contains("starts fresh"), "{other}");
    let conditions = from(&["--set", "size=5", "--crit", "avg > 8"], 0);
    assert!(
        conditions.contains("alert3: the state is that of")
            && conditions.contains("it starts fresh"),
        "{conditions}"
    );
    from(&["--set", "size=5", "--sweep", "crit=avg > 3; avg > 8"], 0);
    let config = text(left.folder.write("strict.toml", "[state]\non_snapshot = 'refuse'\n"));
    let refused = from(&["--set", "size=5", "--crit", "avg > 8", "--config", &config], 1);
    assert!(refused.contains("on_snapshot = \"refuse\""), "{refused}");
    let script =
        left.with(&script("sigma"), &[&state[..], &["--set", "field=x"]].concat(), 0).stderr;
    assert!(
        script.contains("it was made by moving_avg.rhai, and this script is sigma.rhai"),
        "{script}"
    );
    let tick = text(left.folder.write("t.tick", "stream|from()|alert().crit(lambda: TRUE)"));
    let task = left.with(&tick, &state, 1).stderr;
    assert!(
        task.contains("state.rudt: it is the state of another task (moving_avg.rhai): "),
        "{task}"
    );
}

#[test]
fn files_that_are_no_state_are_refused() {
    let left = left("state-files");
    let bytes = std::fs::read(&left.state).unwrap();
    let mut flipped = bytes.clone();
    flipped[40] ^= 1;
    let mut newer = bytes.clone();
    newer[4] = 9;
    for (bytes, expected) in [
        (b"m x=1 1\n".to_vec(), "it is not a state of rhai-udf (8 bytes)"),
        (Vec::new(), "it is not a state of rhai-udf (0 bytes)"),
        (bytes[..bytes.len() - 1].to_vec(), "it is damaged: its checksum is wrong"),
        (flipped, "it is damaged: its checksum is wrong"),
        (newer, "it has version 9; this rhai-udf reads version 1"),
    ] {
        let path = left.folder.path("bad.rudt");
        std::fs::write(&path, bytes).unwrap();
        let bad = text(&path);
        let error = left.run(&["--set", "size=5", "--from-state", &bad], 1).stderr;
        assert!(error.contains(&format!("bad.rudt: {expected}")), "{error}");
    }
    let error = left.run(&["--set", "size=5", "--from-state", "/nope"], 1).stderr;
    assert!(error.contains("/nope: cannot be read: "), "{error}");
    // A file that is read is not written over, and a run that fails keeps no state.
    let error = left.run(&["--set", "size=5", "--save-state", &left.data], 1).stderr;
    assert!(error.contains("the replay reads this file"), "{error}");
    std::fs::write(left.folder.path("data.lp"), "m x=1 1\nm x= 2\n").unwrap();
    let none = text(left.folder.path("none.rudt"));
    left.run(&["--set", "size=5", "--save-state", &none], 1);
    assert!(!left.folder.path("none.rudt").exists());
}

/// A snapshot of the script, as the daemon keeps it, is a state too.
#[test]
fn a_snapshot_of_the_script_is_taken() {
    let left = left("state-snapshot");
    let options =
        [("field", &[OptionArgument::Text("x")][..]), ("size", &[OptionArgument::Int(5)])];
    let mut requests = vec![init(&options)];
    requests.extend((0..9).map(|i| point(i, "", &[("x", 1000.0)])));
    let snapshot = text(left.folder.path("daemon.rudf"));
    std::fs::write(&snapshot, snapshot_of(&repo("scripts/moving_avg.rhai"), requests)).unwrap();
    let run = left.run(&["--set", "size=5", "--from-state", &snapshot, "--format", "json"], 0);
    assert!(run.text().lines().next().unwrap().contains("\"avg\":800"), "{}", run.text());
    let each = ["--each", "size=5,6", "--from-state", &snapshot];
    let error = left.run(&each, 1).stderr;
    assert!(error.contains("it is the snapshot of one function"), "{error}");
}

/// It has one part, which is cut for the workers by group as the state of a task is.
#[test]
fn a_snapshot_of_the_script_is_spread_over_any_number_of_workers() {
    let folder = Folder::new("snapshot-by-workers");
    let count = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ n: 0 } }\n\
        fn point(p) { this.n += 1; p.n = this.n; emit(p); }\n";
    let script = folder.write("count.rhai", count);
    // Group i of 23 has i points before the cut.
    let before = (0..23).flat_map(|group| (0..group).map(move |_| group));
    let requests = before.map(|group| point(1, &format!("host=h{group}"), &[("x", 1.0)])).collect();
    let (snapshot, state) = (text(folder.path("daemon.rudf")), text(folder.path("state.rudt")));
    std::fs::write(&snapshot, snapshot_of(&script, requests)).unwrap();
    let line = |i: i64| format!("m,host=h{} x={i} {i}\n", i % 25);
    let data = text(folder.write("data.lp", &(0..75).map(line).collect::<String>()));
    let task = text(script);
    let base = [&*task, "--data", &data, "--group-by", "host", "--format", "json"];
    let play = |more: &[&str]| replay(&[&base[..], more].concat()).text();
    let expected = play(&["--from-state", &snapshot, "--workers", "1"]);
    for (i, line) in expected.lines().enumerate() {
        let (group, round) = (i % 25, i / 25 + 1);
        let had = if group < 23 { group } else { 0 };
        assert!(line.contains(&format!("\"n\":{},", had + round)), "{line}");
    }
    assert_eq!(expected.lines().count(), 75);
    for workers in ["2", "3", "4", "7"] {
        let from = ["--from-state", &*snapshot, "--workers", workers];
        assert_eq!(play(&[&from[..], &["--save-state", &state]].concat()), expected, "{workers}");
        // What they leave is the state of all groups.
        let again = play(&["--from-state", &state, "--workers", "1"]);
        assert!(again.lines().next().unwrap().contains("\"n\":4,"), "{again}");
        assert!(again.lines().last().unwrap().contains("\"n\":6,"), "{again}");
        assert!(again.lines().nth(22).unwrap().contains("\"n\":26,"), "{again}");
    }
}

#[test]
fn where_there_is_no_state_the_options_are_refused_by_name() {
    let left = left("state-refused");
    let capture = text(repo("tests/data/captures/moving_avg.requests.bin.gz"));
    let base = ["replay", &*left.avg, "--set", "field=x", "--set", "size=5"];
    let data = ["--data", &*left.data, "--precision", "s"];
    let (from, save) = (["--from-state", &*left.state], ["--save-state", "/tmp/never"]);
    let batch = "batch|query('SELECT mean(x) FROM m').period(5s).every(5s)|httpOut('a')";
    let batch = text(left.folder.write("batch.tick", batch));
    let run = left.with(&batch, &save, 2);
    assert!(run.stderr.contains("do not apply: the queries of a batch script"), "{}", run.stderr);
    for (arguments, expected) in [
        (
            [&["--data", &capture], &save[..]].concat(),
            "--save-state does not apply: captured requests",
        ),
        (
            [&data[..], &save, &["--sweep", "crit=avg > 1; avg > 2"]].concat(),
            "--save-state does not apply: --sweep",
        ),
        (
            [&data[..], &from, &["--crit", "avg > 3", "--sweep", "size=5,6"]].concat(),
            "--from-state does not apply: --sweep",
        ),
        ([&data[..], &save, &["--watch"]].concat(), "--save-state does not apply: --watch"),
    ] {
        let run = feed(binary().args([&base[..], &arguments].concat()), &[]);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
}
