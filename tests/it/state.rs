//! `this`: one state for each group or for the task, values that stay apart, snapshots, versions.

use crate::util::*;
use rhai_udf::protocol::message::SnapshotRequest;

const HEAD: &str = r#"fn info() { #{ wants: "stream", provides: "stream" } }"#;

fn xs(group: &str, values: &[f64]) -> Vec<Request> {
    values.iter().enumerate().map(|(i, x)| point(i as i64, group, &[("x", *x)])).collect()
}

/// A point of the group of a host, with its tag.
fn of_host(time: i64, host: &str, x: f64) -> Request {
    let mut request = point(time, &format!("host={host}"), &[("x", x)]);
    if let Request::Point(p) = &mut request {
        p.tags.insert("host".into(), host.into());
        p.dimensions.push("host".into());
    }
    request
}

#[test]
fn each_group_has_a_state_of_its_own() {
    let script = format!(
        "{HEAD}\nfn state() {{ #{{ n: 0 }} }}\n\
         fn point(p) {{ this.n += 1; p.n = this.n; emit(p); }}"
    );
    let data = vec![of_host(1, "a", 1.0), of_host(2, "b", 1.0), of_host(3, "a", 1.0)];
    assert_eq!(
        play("groups", &script, data),
        ["1 m,host=a n=1i x=1.0", "2 m,host=b n=1i x=1.0", "3 m,host=a n=2i x=1.0"]
    );
}

#[test]
fn a_task_may_have_one_state_for_all_groups() {
    let script = r#"
        fn info() { #{ wants: "stream", provides: "stream", scope: "task" } }
        fn state() { #{ n: 0 } }
        fn point(p) { this.n += 1; p.n = this.n; emit(p); }"#;
    let data = vec![of_host(1, "a", 1.0), of_host(2, "b", 1.0)];
    assert_eq!(play("task", script, data), ["1 m,host=a n=1i x=1.0", "2 m,host=b n=2i x=1.0"]);
}

#[test]
fn without_state_this_is_an_empty_map() {
    let script = format!(
        "{HEAD}\nfn point(p) {{\n\
           if !this.contains(\"n\") {{ this.n = 0; }}\n\
           this.n += 1; p.n = this.n; emit(p);\n}}"
    );
    assert_eq!(play("no_state", &script, xs("", &[1.0, 1.0]))[1], "1 m n=2i x=1.0");
}

#[test]
fn state_may_be_a_native_object_itself() {
    let script = format!(
        "{HEAD}\nfn state() {{ moving_stats(2) }}\n\
         fn point(p) {{ p.mean = this.push(p.x).mean; emit(p); }}"
    );
    assert_eq!(
        play("native", &script, xs("", &[1.0, 2.0, 4.0])),
        ["0 m mean=1.0 x=1.0", "1 m mean=1.5 x=2.0", "2 m mean=3.0 x=4.0"]
    );
}

/// Changing a copy never changes the original: assigned, in an array, in a map, in `this`.
#[test]
fn points_are_values() {
    let script = format!(
        r#"{HEAD}
        fn point(p) {{
            if "kept" in this {{
                let old = this.kept;
                old.x += 100.0;
                p.old = this.kept.x;
                p.listed = this.list[0].x;
            }}
            this.kept = p;
            this.list = [p];
            let copy = p;
            copy.x = -1.0;
            copy.tags = #{{ t: "copy" }};
            p.x += 0.5;
            emit([p, this.kept, this.list[0], copy]);
        }}"#
    );
    let got = play("values", &script, xs("", &[1.0, 2.0]));
    let first = ["0 m x=1.5", "0 m x=1.0", "0 m x=1.0", "0 m,t=copy x=-1.0"];
    assert_eq!(got[..4], first);
    assert_eq!(got[4], "1 m listed=1.0 old=1.0 x=2.5");
    assert_eq!(got[5], "1 m listed=1.0 old=1.0 x=2.0");
}

#[test]
fn batches_and_native_objects_are_values() {
    let script = r#"
        fn info() { #{ wants: "batch", provides: "stream" } }
        fn state() { #{ stats: running_stats() } }
        fn end_batch(batch) {
            let copy = batch;
            copy.name = "copy";
            let stats = this.stats;
            stats.push(1.0);
            let x = batch.column("x");
            let y = x;
            y[0] = -1.0;
            if "kept" in this { emit(this.kept.point(#{ n: this.kept.len })); }
            this.kept = batch;
            emit(batch.point(#{ name: batch.name, count: this.stats.count, x: x[0], y: y[0] }));
        }"#;
    assert_eq!(
        play("batch_values", script, [batch("", &[1.0, 2.0]), batch("", &[3.0])].concat()),
        [
            "100 m count=0i name=\"m\" x=1.0 y=-1.0",
            "100 m n=2i",
            "100 m count=0i name=\"m\" x=3.0 y=-1.0"
        ]
    );
}

/// Everything that `this` can hold is there again in a new process.
#[test]
fn what_this_holds_survives_a_snapshot() {
    let script = r#"
        fn info() { #{ wants: "batch", provides: "stream" } }
        fn end_batch(batch) {
            if "batch" in this {
                emit(this.batch.point(#{
                    mean: this.x.mean,
                    over: this.mask.count,
                    len: this.batch.len,
                    first: this.point.x,
                    moving: this.moving.mean,
                    running: this.running.stddev,
                    nested: this.nested.list[1].deep,
                    letter: this.nested.letter,
                    blob: this.nested.blob[0],
                    none: this.nested.none == (),
                }));
            }
            this.batch = batch;
            this.x = batch.column("x");
            this.mask = this.x > 1;
            this.point = batch[0];
            this.moving = moving_stats(2).extend(this.x);
            this.running = running_stats().extend(this.x);
            this.nested = #{ list: [1, #{ deep: true }], letter: 'c', blob: blob(1, 7), none: () };
        }"#;
    let data = |tail: &[f64]| [batch("a", &[1.0, 2.0, 3.0]), batch("a", tail)].concat();
    let whole = play("whole", script, data(&[9.0]));
    let expected = "100 m,host=a blob=7i first=1.0 len=3i letter=\"c\" mean=2.0 moving=2.5 \
                    nested=true none=true over=2i running=1.0";
    assert_eq!(whole, [expected]);
    let folder = Folder::new("survives");
    let path = folder.write("script.rhai", script);
    let snapshot = snapshot_of(&path, batch("a", &[1.0, 2.0, 3.0]));
    let input = [vec![init(&[]), restore(snapshot)], batch("a", &[9.0])].concat();
    let run = run_udf(&path, &stream(input));
    assert_eq!(lines(&run.answers()), ["init", "restore", expected], "{}", run.stderr);
}

#[test]
fn what_cannot_be_stored_is_named_when_the_snapshot_is_asked_for() {
    let script = format!("{HEAD}\nfn point(p) {{ this.f = |x| x; }}");
    let data = [xs("", &[1.0]), vec![Request::Snapshot(SnapshotRequest {})]].concat();
    let (_, error) = play_to_error("unstorable", &script, data);
    assert!(error.starts_with("the state cannot be saved: a Fn cannot be stored; keep"), "{error}");
}

fn restored(name: &str, old: &str, new: &str, config: &str) -> (Vec<String>, String) {
    let folder = Folder::new(name);
    let path = folder.write("script.rhai", &format!("{HEAD}\n{old}"));
    let snapshot = snapshot_of(&path, xs("", &[1.0, 2.0]));
    folder.write("script.rhai", &format!("{HEAD}\n{new}"));
    folder.write("rhai-udf.toml", config);
    let input = [vec![init(&[]), restore(snapshot)], xs("", &[5.0])].concat();
    let run = run_udf(&path, &stream(input));
    (lines(&run.answers()), run.stderr)
}

const COUNTER: &str = "fn state() { #{ n: 0 } }\nfn point(p) { this.n += 1; }";

#[test]
fn a_snapshot_of_another_version_goes_through_migrate() {
    let new = r#"
        fn state() { #{ seen: 0, version: 2 } }
        fn migrate(old, opt) { let next = state(); next.seen = old.n; next }
        fn point(p) { this.seen += 1; emit(new_point(#{ fields: this })); }"#;
    let (lines, stderr) = restored("migrate", COUNTER, new, "");
    assert_eq!(lines, ["init", "restore", "0  seen=3i version=2i"], "{stderr}");
}

#[test]
fn without_migrate_another_version_takes_the_state_as_it_is() {
    let new = "fn point(p) { p.n = this.n; emit(p); }";
    let (lines, stderr) = restored("as_it_is", COUNTER, new, "");
    assert_eq!(lines[2], "0 m n=2i x=5.0", "{stderr}");
    assert!(stderr.contains("snapshot: made by version "), "{stderr}");
}

#[test]
fn where_migrate_fails_the_group_starts_fresh_or_the_snapshot_is_refused() {
    let new = "fn migrate(old) { throw \"cannot\"; }\nfn point(p) {}";
    let place = "script.rhai:2:19: cannot (in migrate)";
    let (lines, stderr) = restored("migrate_fails", COUNTER, new, "");
    assert_eq!(lines, ["init", "restore"], "{stderr}");
    assert!(stderr.contains(&format!("{place}; such groups start fresh")), "{stderr}");
    let config = "[state]\non_snapshot = \"refuse\"";
    let (lines, stderr) = restored("migrate_refused", COUNTER, new, config);
    assert!(lines[1].starts_with("restore refused: /"), "{lines:?} {stderr}");
    assert!(lines[1].ends_with(place), "{lines:?}");
}

#[test]
fn damaged_and_foreign_snapshots_start_fresh_or_are_refused_by_config() {
    let folder = Folder::new("damaged");
    let path = folder.write("script.rhai", &format!("{HEAD}\n{COUNTER}"));
    let good = snapshot_of(&path, xs("", &[1.0]));
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut newer = good;
    newer[4] = 9;
    for (snapshot, why) in [
        (damaged, "it is damaged: its checksum is wrong"),
        (newer, "it has version 9; this rhai-udf reads version 3"),
        (b"gob".to_vec(), "it is not a snapshot of rhai-udf (3 bytes)"),
        (Vec::new(), "it is not a snapshot of rhai-udf (0 bytes)"),
    ] {
        let input = stream(vec![init(&[]), restore(snapshot)]);
        let fresh = run_udf(&path, &input);
        assert_eq!(lines(&fresh.answers()), ["init", "restore"]);
        assert!(
            fresh.stderr.contains(&format!("{why}; the task starts fresh")),
            "{}",
            fresh.stderr
        );
        let config = folder.write("strict.toml", "[state]\non_snapshot = 'refuse'");
        let strict = feed(binary().arg("run").arg(&path).arg("--config").arg(config), &input);
        let got = lines(&strict.answers());
        assert_eq!(got[1], format!("restore refused: snapshot: {why}"), "{}", strict.stderr);
    }
}
