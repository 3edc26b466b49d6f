//! Batch recordings: what the daemon wrote is read as the daemon reads it.

use crate::util::{Folder, Run, binary, feed, repo};
use std::io::Write;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// Writes a batch recording with these entries.
fn recording(folder: &Folder, name: &str, entries: &[&str]) -> PathBuf {
    let path = folder.path(name);
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (i, entry) in entries.iter().enumerate() {
        zip.start_file(i.to_string(), SimpleFileOptions::default()).unwrap();
        zip.write_all(entry.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn replay(script: &Path, data: &Path, more: &[&str]) -> Run {
    feed(binary().arg("replay").arg(script).arg("--data").arg(data).args(more), b"")
}

/// A batch with one point.
fn batch(name: &str, second: u32, field: &str, value: f64) -> String {
    format!(
        "{{\"name\":\"{name}\",\"tags\":{{\"host\":\"a\"}},\"points\":[{{\"time\":\
         \"2026-01-01T00:00:{second:02}Z\",\"fields\":{{\"{field}\":{value}}}}}]}}\n"
    )
}

const JOINED: &str = "
    var errors = batch|query('SELECT * FROM x.y.errors').period(10s).every(10s).groupBy('host')
    var views = batch|query('SELECT * FROM x.y.views').period(10s).every(10s).groupBy('host')
    errors|join(views).as('errors', 'views')|httpOut('joined')
";

/// The daemon's first entry belongs to the script's last query.
#[test]
fn a_join_of_two_recorded_queries_does_not_swap_them() {
    let folder = Folder::new("recordings");
    let script = folder.write("join.tick", JOINED);
    let (first, last) = (batch("views", 1, "value", 700.0), batch("errors", 1, "value", 7.0));
    let data = recording(&folder, "two.brpl", &[&first, &last]);
    let out = folder.path("out");
    let run = replay(&script, &data, &["--out", out.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let joined = std::fs::read_to_string(out.join("joined.json")).unwrap();
    assert!(joined.contains("\"columns\":[\"time\",\"errors.value\",\"views.value\"]"), "{joined}");
    assert!(joined.contains("7,700]"), "{joined}");
    assert!(joined.contains("\"name\":\"errors\""), "{joined}");
}

/// Entries are played side by side, so that what is joined does not wait for the end of the recording.
#[test]
fn recorded_queries_are_played_in_the_order_of_their_times() {
    let folder = Folder::new("recordings");
    let script = folder.write(
        "two.tick",
        "batch|query('SELECT * FROM x.y.u').period(1s).every(1s)|alert().id('u').crit(lambda: TRUE)
             .all()
         batch|query('SELECT * FROM x.y.v').period(1s).every(1s)|alert().id('v').crit(lambda: TRUE)
             .all()",
    );
    let of = |name: &str, seconds: [u32; 2]| {
        seconds.map(|second| batch(name, second, name, 1.0)).concat()
    };
    let data = recording(&folder, "two.brpl", &[&of("v", [2, 4]), &of("u", [1, 3])]);
    let run = replay(&script, &data, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let times: Vec<_> =
        run.text().lines().map(|l| l.split('Z').next().unwrap().to_owned()).collect();
    assert_eq!(times.len(), 4, "{}", run.text());
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_recording_of_another_number_of_queries_is_refused() {
    let folder = Folder::new("recordings");
    let script = folder.write("join.tick", JOINED);
    let data = recording(&folder, "one.brpl", &[&batch("views", 1, "value", 700.0)]);
    let run = replay(&script, &data, &[]);
    assert_eq!(run.code, Some(1));
    let expected = "the data has batches of 1 queries, but the script has 2";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

/// Kapacitor's own test recordings look like this: no group, no tmax, points without tags.
#[test]
fn series_without_group_and_tmax_stay_apart() {
    let folder = Folder::new("recordings");
    let series = |cpu: &str, values: [u32; 2]| {
        format!(
            "{{\"name\":\"cpu\",\"tags\":{{\"cpu\":\"{cpu}\"}},\"points\":[\
             {{\"fields\":{{\"x\":{}}},\"time\":\"2026-01-01T00:00:00Z\"}},\
             {{\"fields\":{{\"x\":{}}},\"time\":\"2026-01-01T00:00:05Z\"}}]}}\n",
            values[0], values[1]
        )
    };
    let empty = "{\"name\":\"cpu\",\"tags\":{\"cpu\":\"c\"}}\n";
    let entry = [&series("a", [1, 2]), empty, &series("b", [10, 20])].concat();
    let data = recording(&folder, "own.brpl", &[&entry]);
    let script = folder.write(
        "mean.rhai",
        "fn info() { #{ wants: \"batch\", provides: \"stream\" } }
         fn end_batch(batch) { emit(batch.point(#{ mean: batch.column(\"x\").mean })); }",
    );
    let run = replay(&script, &data, &["--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let expected = [("a", 1.5), ("b", 15.0)].map(|(cpu, mean)| {
        format!(
            "{{\"time\":\"2026-01-01T00:00:05Z\",\"name\":\"cpu\",\"group\":\"cpu={cpu}\",\
             \"tags\":{{\"cpu\":\"{cpu}\"}},\"fields\":{{\"mean\":{mean:?}}}}}\n"
        )
    });
    assert_eq!(run.text(), expected.concat());
}

#[test]
fn a_broken_batch_is_told_with_its_entry_and_place() {
    let folder = Folder::new("recordings");
    let good = batch("m", 1, "x", 1.0);
    let bad = good.replace("1}", "[1]}");
    let data = recording(&folder, "bad.brpl", &[&format!("{good}{bad}")]);
    let run = replay(&repo("scripts/outliers.rhai"), &data, &["--set", "field=x"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("bad.brpl: entry '0', batch 2: not a batch: point 1: field 'x'"));
}

/// Half a megabyte of zip may be a batch of a million points; it is read without a copy of its JSON.
/// The limit counts addresses, of which the stack of each further worker reserves many.
#[test]
fn a_batch_of_very_many_points_is_read_in_little_memory() {
    const POINTS: usize = 300_000;
    let folder = Folder::new("recordings");
    let point = "{\"time\":\"2026-01-01T00:00:00Z\",\"fields\":{\"x\":1}}";
    let points = vec![point; POINTS].join(",");
    let entry = format!("{{\"name\":\"m\",\"points\":[{points}]}}\n");
    let data = recording(&folder, "large.brpl", &[&entry]);
    let script = folder.write(
        "count.rhai",
        "fn info() { #{ wants: \"batch\", provides: \"stream\" } }
         fn state() { #{ n: 0 } }
         fn point(p) { this.n += 1; }
         fn end_batch(batch) { emit(batch.point(#{ n: this.n })); }",
    );
    let command = format!(
        "ulimit -v 700000; exec '{}' replay '{}' --data '{}' --format lp --workers 1",
        env!("CARGO_BIN_EXE_rhai-udf"),
        script.display(),
        data.display()
    );
    let run = feed(std::process::Command::new("sh").args(["-c", &command]), b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().starts_with(&format!("m n={POINTS}i ")), "{}", run.text());
}
