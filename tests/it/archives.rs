//! Archives: many files as one, parts of their time, parts of their groups.

use crate::replay::{replay, script, text};
use crate::util::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest, Sha256};
use std::io::Write;

const FIRST: i64 = 1_500_000_000;

/// A line at a second of the test's time.
fn line(host: &str, second: i64) -> String {
    format!("m,host={host} x={second} {}\n", FIRST + second)
}

fn fails(arguments: &[&str], code: i32) -> String {
    let run = feed(binary().arg("replay").args(arguments), &[]);
    assert_eq!(run.code, Some(code), "{arguments:?}: {} {}", run.text(), run.stderr);
    run.stderr
}

/// Plays data through a script that changes nothing; returns the hosts and values in order.
fn played(data: &[&str], arguments: &[&str]) -> Vec<String> {
    let base = [&*script("mirror"), "--precision", "s", "--format", "lp", "--data"];
    let run = replay(&[&base[..], data, arguments].concat());
    let short = |line: &str| {
        let (head, _) = line.rsplit_once(' ').unwrap();
        head.replace("m,host=", "").replace(" x=", "")
    };
    run.text().lines().map(short).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

/// A folder of 40 days, each a file of some form, which overlap by half.
fn archive(name: &str) -> (Folder, Vec<String>) {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.path("data/more")).unwrap();
    let mut all = Vec::new();
    for day in 0..40i64 {
        let host = if day % 2 == 0 { "a" } else { "b" };
        let seconds = day * 10..day * 10 + 15;
        let lines: String = seconds.clone().map(|second| line(host, second)).collect();
        all.extend(seconds.map(|second| (second, day, format!("{host}{second}"))));
        // The names are not in the order of time.
        let (number, sub) = ((day * 7) % 40, if day > 30 { "more/" } else { "" });
        let (ending, bytes) = match day % 3 {
            0 => ("lp", lines.into_bytes()),
            1 => ("lp.gz", gzip(&lines)),
            _ => ("lp.zst", zstd(&lines)),
        };
        std::fs::write(folder.path(&format!("data/{sub}{number:02}.{ending}")), bytes).unwrap();
    }
    all.sort();
    (folder, all.into_iter().map(|(_, _, text)| text).collect())
}

#[test]
fn a_folder_and_a_pattern_are_one_source_in_the_order_of_time() {
    let (folder, expected) = archive("archive");
    std::fs::write(folder.path("data/README.md"), "what this is").unwrap();
    std::fs::write(folder.path("data/.hidden"), "what this is").unwrap();
    let by_time = |lines: &[String]| -> Vec<i64> {
        lines.iter().map(|line| line[1..].parse().unwrap()).collect()
    };
    let data = text(folder.path("data"));
    let output = played(&[&data], &[]);
    assert_eq!(by_time(&output), by_time(&expected));
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(output.clone()), sorted(expected.clone()));
    let base = [&*script("mirror"), "--precision", "s", "--data", &data];
    let run = replay(&base);
    assert!(run.stderr.contains("1 files are skipped"), "{}", run.stderr);
    assert!(run.stderr.contains("README.md") && !run.stderr.contains("hidden"), "{}", run.stderr);
    // Patterns find the same, and a few files are kept open where many are not.
    let (top, deep) = (format!("{data}/*.lp*"), format!("{data}/**/*.lp*"));
    assert_eq!(played(&[&deep], &[]), output);
    let more = text(folder.path("data/more"));
    let few = played(&[&more], &[]);
    assert_eq!(few.len(), 9 * 15);
    assert_eq!(played(&[&top, &more], &[]), output);
    // The same lines in one file.
    let lines: String = expected.iter().map(|l| line(&l[..1], l[1..].parse().unwrap())).collect();
    let one = text(folder.write("one.lp", &lines));
    assert_eq!(sorted(played(&[&one], &[])), sorted(output));
}

#[test]
fn a_part_of_the_time_is_played() {
    let (folder, all) = archive("span");
    let data = text(folder.path("data"));
    let time = |second: i64| rhai_udf::protocol::time::rfc3339((FIRST + second) * 1_000_000_000);
    let (from, to) = (time(100), time(205));
    let within = |line: &String| (100..205).contains(&line[1..].parse::<i64>().unwrap());
    let expected = all.iter().filter(|line| within(line)).count();
    let merged = played(&[&data], &["--from", &from, "--to", &to]);
    assert_eq!(merged.len(), expected);
    assert!(merged.iter().all(within));
    // One file, and files one after the other.
    let lines: String = all.iter().map(|l| line(&l[..1], l[1..].parse().unwrap())).collect();
    let one = text(folder.write("one.lp", &lines));
    assert_eq!(played(&[&one], &["--from", &from, "--to", &to]).len(), expected);
    let apart = played(&[&data], &["--from", &from, "--to", &to, "--no-merge"]);
    assert_eq!(apart.len(), expected);
    assert_ne!(apart, merged, "one after the other");
    assert_eq!(played(&[&one], &["--from", "2017-07-15"]).len(), 0);
    assert_eq!(played(&[&one], &["--to", "2017-07-15"]).len(), all.len());
    // CSV and recordings too.
    let csv = text(folder.write("t.csv", "time,host,x\n1500000100,a,1\n1500000300,a,2\n"));
    assert_eq!(played(&[&csv], &["--tag-columns", "host", "--to", &to]), ["t,host=a1"]);
    let srpl =
        format!("d\nr\nm,host=a x=1 {0}00000000100\nd\nr\nm,host=a x=2 {0}00000000300\n", 15);
    let srpl = text(
        folder.write(
            "t.srpl",
            &srpl
                .replace("00000000100", "00000100000000000")
                .replace("00000000300", "00000300000000000"),
        ),
    );
    let run = replay(&[&script("mirror"), "--data", &srpl, "--from", &to, "--format", "lp"]);
    assert_eq!(run.text(), "m,host=a x=2 1500000300000000000\n");
    let brpl = text(repo("tests/data/cpu_outliers.brpl"));
    let base = [
        "replay",
        &*script("outliers"),
        "--data",
        &brpl,
        "--set",
        "field=usage_idle",
        "--set",
        "scale=1.5",
    ];
    let count = |arguments: &[&str]| {
        let run = feed(binary().args([&base[..], arguments].concat()), &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.lines().last().unwrap().split(' ').nth(3).unwrap().parse::<usize>().unwrap()
    };
    assert_eq!((count(&["--to", "2000-01-01"]), count(&["--from", "2000-01-01"])), (0, count(&[])));
}

#[test]
fn what_cannot_be_merged_is_told() {
    let folder = Folder::new("unmerged");
    let (a, b) = (
        text(folder.write("a.lp", &[line("a", 5), line("a", 3)].concat())),
        text(folder.write("b.lp", &line("b", 4))),
    );
    let mirror = script("mirror");
    let error = fails(&[&mirror, "--precision", "s", "--data", &a, &b], 1);
    assert!(error.contains("a.lp: files are merged by time, but the times of this one go back: 2017-07-14T02:40:03Z comes after"), "{error}");
    assert_eq!(played(&[&a, &b], &["--no-merge"]), ["a5", "a3", "b4"]);
    assert_eq!(played(&[&a], &[]), ["a5", "a3"], "one file is played as it is");
    let empty = text(folder.path("empty"));
    std::fs::create_dir(&empty).unwrap();
    for (data, code, expected) in [
        (&*empty, 1, "there is no data in this folder"),
        ("/nope/*.lp", 1, "no file matches this pattern"),
        ("/nope/a.lp", 1, "cannot be read"),
        ("/nope/[.lp", 1, "this is not a valid pattern"),
    ] {
        let error = fails(&[&mirror, "--data", data], code);
        assert!(error.contains(expected), "{data}: {error}");
    }
    let capture = text(repo("tests/data/captures/moving_avg.requests.bin.gz"));
    for (arguments, expected) in [
        (
            &["--data", &*b, "--from", "2020-01-01", "--to", "2019-01-01"][..],
            "--from is not before --to",
        ),
        (&["--data", &b, "--from", "soon"], "write a time as in"),
        (&["--data", &capture, "--from", "2019-01-01"], "captured requests are replayed unchanged"),
        (&["--data", &a, &b, "--no-merge", "--save", "x.srpl"], "--save writes one recording"),
        (
            &["--influxdb", "http://localhost", "--past", "1h", "--db", "d", "--to", "2020-01-01"],
            "give --start and --stop",
        ),
    ] {
        let error = fails(&[&[&*mirror], arguments].concat(), 2);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn zstd_files_are_read_as_programs_write_them() {
    let folder = Folder::new("zstd");
    let real = text(repo("tests/data/archive/lines.lp.zst"));
    let lines = played(&[&real], &[]);
    assert_eq!((lines.len(), &*lines[0], &*lines[599]), (600, "a1", "b600"));
    let mut damaged = std::fs::read(&real).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(folder.path("damaged.lp.zst"), damaged).unwrap();
    let damaged = text(folder.path("damaged.lp.zst"));
    let error = fails(&[&script("mirror"), "--precision", "s", "--data", &damaged], 1);
    assert!(error.contains("the checksum of a zstd frame is wrong"), "{error}");
    // Two frames with a frame between them that is to be skipped, under a name that does not say so.
    let mut bytes = zstd(&line("a", 1));
    bytes.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    bytes.extend(zstd(&(2..5000).map(|i| line("a", i)).collect::<String>()));
    std::fs::write(folder.path("a.lp"), &bytes).unwrap();
    assert_eq!(played(&[&text(folder.path("a.lp"))], &[]).len(), 4999);
    std::fs::write(folder.path("cut.lp.zst"), &bytes[..bytes.len() - 30]).unwrap();
    let error = fails(
        &[&script("mirror"), "--precision", "s", "--data", &text(folder.path("cut.lp.zst"))],
        1,
    );
    assert!(error.contains("cut.lp.zst: cannot be read: "), "{error}");
}

const TASK: &str = "stream|from().measurement('m').groupBy('host')@avg().field('x').size(3)
    |alert().id('{{ .Group }}').crit(lambda: \"avg\" > 12.0).stateChangesOnly()
    |influxDBOut().database('d')";

/// Values of 23 hosts in turn.
fn hosts(folder: &Folder, seconds: std::ops::Range<i64>) -> String {
    let name = format!("hosts{}-{}.lp", seconds.start, seconds.end);
    let lines = seconds.flat_map(|s| {
        (0..23).map(move |h| format!("m,host=h{h} x={} {}\n", (s * 7 + h * 3) % 19, FIRST + s))
    });
    text(folder.write(&name, &lines.collect::<String>()))
}

fn digest(outputs: &[String]) -> Vec<u8> {
    let mut lines: Vec<&str> = outputs.iter().flat_map(|output| output.lines()).collect();
    lines.sort_unstable();
    Sha256::digest(lines.join("\n")).to_vec()
}

#[test]
fn the_sum_of_the_parts_is_the_whole() {
    let folder = Folder::new("shards");
    let (data, first, second) =
        (hosts(&folder, 0..50), hosts(&folder, 0..20), hosts(&folder, 20..50));
    let tick = text(folder.write("t.tick", TASK));
    let udf = format!("avg={}", script("moving_avg"));
    let plain = script("moving_avg");
    let tasks: [&[&str]; 2] = [
        &[&tick, "--udf", &udf, "--format", "json"],
        &[
            &plain,
            "--group-by",
            "host",
            "--set",
            "field=x",
            "--set",
            "size=3",
            "--crit",
            "avg > 12",
            "--format",
            "json",
        ],
    ];
    for task in tasks {
        let task = [task, &["--precision", "s"]].concat();
        let whole = replay(&[&task[..], &["--data", &data]].concat()).text();
        for of in [1, 2, 5] {
            let mut parts = Vec::new();
            let mut cut = Vec::new();
            for i in 0..of {
                let shard = format!("{i}/{of}");
                parts.push(
                    replay(&[&task[..], &["--data", &data, "--shard", &shard]].concat()).text(),
                );
                let state = text(folder.path(&format!("state{i}")));
                let part = [&task[..], &["--shard", &shard]].concat();
                cut.push(
                    replay(&[&part[..], &["--data", &first, "--save-state", &state]].concat())
                        .text(),
                );
                cut.push(
                    replay(&[&part[..], &["--data", &second, "--from-state", &state]].concat())
                        .text(),
                );
            }
            assert_eq!(digest(&parts), digest(std::slice::from_ref(&whole)), "{of}");
            assert_eq!(digest(&cut), digest(std::slice::from_ref(&whole)), "{of}, with states");
            let largest = parts.iter().map(|part| part.lines().count()).max().unwrap();
            assert!(of == 1 || largest < whole.lines().count() * 4 / 5, "{of}: spread");
        }
    }
}

#[test]
fn parts_that_are_none_are_refused() {
    let folder = Folder::new("no-shard");
    let data = hosts(&folder, 0..5);
    let avg = script("moving_avg");
    let options = ["--data", &data, "--precision", "s", "--set", "field=x", "--set", "size=3"];
    let grouped = [&[&*avg][..], &options, &["--group-by", "host"]].concat();
    for shard in ["2/2", "0/0", "-1/2", "1", "a/b"] {
        let error = fails(&[&grouped[..], &[&format!("--shard={shard}")]].concat(), 2);
        assert!(error.contains("write I/N with I from 0 to N - 1"), "{error}");
    }
    let shard = ["--shard", "0/2"];
    let error = fails(&[&[&*avg][..], &options, &shard].concat(), 2);
    assert!(error.contains("the data is one group"), "{error}");
    let state = text(folder.path("state"));
    replay(&[&grouped[..], &shard, &["--save-state", &state]].concat());
    let error = fails(&[&grouped[..], &["--shard", "1/2", "--from-state", &state]].concat(), 1);
    assert!(error.contains("it was saved by shard 0/2, and this is shard 1/2"), "{error}");
    let shared = "fn info() { #{ wants: \"stream\", provides: \"stream\", scope: \"task\" } }\nfn point(p) { emit(p); }";
    let shared = text(folder.write("shared.rhai", shared));
    let error = fails(&[&shared, "--data", &data, "--group-by", "host", "--shard", "0/2"], 2);
    assert!(error.contains("all groups share one state in"), "{error}");
    for (middle, expected) in [
        ("|httpOut('a')", "|httpOut() shows all groups"),
        ("|groupBy('rack')", "|groupBy() puts groups together"),
        ("|delete().tag('host')", "|delete() changes the tag 'host'"),
        ("|alert().crit(lambda: sigma(\"x\") > 3.0)", "whose state all groups share"),
        ("|union(stream|from().groupBy('rack'))", "grouped by different tags"),
    ] {
        let tick = format!("stream|from().groupBy('host'){middle}");
        let tick = text(folder.write("t.tick", &tick));
        let error = fails(&[&tick, "--data", &data, "--precision", "s", "--shard", "0/2"], 2);
        assert!(error.contains("--shard does not apply: ") && error.contains(expected), "{error}");
    }
}
