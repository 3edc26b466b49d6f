//! `points`: what comes out is what would come out if the points had come one by one.

use crate::util::*;

const MEAN: &str = r#"
fn info() { #{ wants: "stream", provides: "stream" } }
fn state() { moving_stats(10) }
fn points(chunk) {
    chunk.mean = this.push_each(chunk.x, "mean");
    emit(chunk);
}
"#;

/// Points of one group, a nanosecond after each other.
fn points(group: &str, start: i64, values: impl IntoIterator<Item = f64>) -> Vec<Request> {
    let values = values.into_iter().enumerate();
    values.map(|(i, x)| point(start + i as i64, group, &[("x", x)])).collect()
}

fn means(run: &Run) -> Vec<f64> {
    run.points().iter().map(|point| point.fields_double["mean"]).collect()
}

fn run(name: &str, config: &str, data: Vec<Request>) -> Run {
    let folder = Folder::new(name);
    folder.write("rhai-udf.toml", config);
    let script = folder.write("script.rhai", MEAN);
    run_udf(&script, &stream([vec![init(&[])], data].concat()))
}

#[test]
fn twenty_good_points_before_a_nan_come_out_of_a_burst_too() {
    let values = (0..20).map(f64::from).chain([f64::NAN, 1.0, 2.0]);
    let run = run("nan", "", points("a", 0, values));
    assert_eq!(run.points().len(), 20, "{}", run.stderr);
    assert!(run.error().contains("script.rhai:5:"), "{}", run.error());
    assert_eq!(run.code, Some(1));
}

#[test]
fn groups_that_came_before_a_failing_point_are_written_and_those_after_it_are_not() {
    let mut data = points("b", 0, [1.0, 2.0, 3.0]);
    data.extend(points("a", 3, [1.0, 2.0]));
    data.extend(points("lone", 5, [1.0]));
    data.extend(points("c", 6, [1.0]));
    data.extend(points("a", 7, [f64::NAN, 5.0]));
    data.extend(points("b", 9, [4.0]));
    data.extend(points("c", 10, [4.0]));
    data.extend(points("d", 11, [4.0]));
    let run = run("groups", "", data);
    let times: Vec<i64> = run.points().iter().map(|point| point.time).collect();
    assert_eq!(times, [0, 1, 2, 3, 4, 5, 6], "{}", run.stderr);
    assert!(run.error().contains("group 'a'"), "{}", run.error());
}

#[test]
fn a_gap_inside_a_burst_that_is_longer_than_group_ttl_starts_fresh() {
    let config = "[state]\ngroup_ttl = '100ns'";
    let data =
        [points("a", 0, [1.0, 3.0]), points("a", 1000, [100.0]), points("a", 2000, [50.0, 60.0])];
    assert_eq!(means(&run("gap", config, data.concat())), [1.0, 2.0, 100.0, 50.0, 55.0]);
}

#[test]
fn more_groups_in_a_burst_than_limits_groups_make_the_oldest_start_fresh() {
    let config = "[limits]\ngroups = 2";
    let data: Vec<Request> = ["a", "b", "a", "c", "b", "b", "a"]
        .iter()
        .enumerate()
        .map(|(i, group)| point(i as i64, group, &[("x", i as f64)]))
        .collect();
    let mut run = run("limit", config, data).points();
    run.sort_by_key(|point| point.time);
    let means: Vec<f64> = run.iter().map(|point| point.fields_double["mean"]).collect();
    // b is gone when c comes, and a when b comes back.
    assert_eq!(means, [0.0, 1.0, 1.0, 3.0, 4.0, 4.5, 6.0]);
}

#[test]
fn a_bad_point_in_a_burst_is_skipped_or_passed_on_alone() {
    let values = || (0..30).map(|i| if i % 10 == 5 { f64::INFINITY } else { 1.0 });
    for (rule, count) in [("skip", 27), ("pass", 30)] {
        let run = run(rule, &format!("on_error = '{rule}'"), points("a", 0, values()));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(run.points().len(), count);
        let means = run.points().into_iter().filter_map(|p| p.fields_double.get("mean").copied());
        assert!(means.eq([1.0; 27]), "{}", run.stderr);
        assert!(run.stderr.contains("3 errors did not stop the task"), "{}", run.stderr);
    }
}

#[test]
fn now_goes_on_between_messages() {
    let script = r#"
        fn info() { #{ wants: "stream", provides: "stream" } }
        fn point(p) {
            if "first" in this { if now() == this.first { return; } p.moved = true; emit(p); throw "done"; }
            this.first = now();
        }"#;
    let data: Vec<_> = (0..200_000).map(|i| point(i, "", &[("x", 1.0)])).collect();
    let (lines, error) = play_to_error("now", script, data);
    assert!(error.contains("done"), "{lines:?}");
}

/// A slow script takes fewer points at once; the order of the lines stays that of the data.
#[test]
fn the_order_of_lines_does_not_depend_on_how_fast_a_script_is() {
    let folder = Folder::new("slow-chunks");
    let script = folder.write(
        "slow.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ turns: \"int\" } } }\n\
         fn points(chunk, opt) { for i in 0..opt.turns { } chunk.turns = opt.turns; emit(chunk); }",
    );
    let data: String = (0..4000).map(|i| format!("m x={i} {i}\n")).collect();
    let data = folder.write("data.lp", &data);
    let mut command = binary();
    command.arg("replay").arg(script).arg("--data").arg(data);
    command.args(["--each", "turns=300000,0,100000", "--format", "lp"]);
    let run = feed(&mut command, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let expected: String = (0..4000)
        .flat_map(|i| [300_000, 0, 100_000].map(|turns| format!("m turns={turns}i,x={i} {i}\n")))
        .collect();
    assert!(
        run.text() == expected,
        "{}",
        run.text().lines().take(30).collect::<Vec<_>>().join("\n")
    );
}

/// The text of a script without its function `points`.
fn by_point(script: &str) -> String {
    let start = script.find("\nfn points(").expect("a function `points`");
    let end = start + script[start..].find("\n}\n").expect("its end") + 3;
    let rest = format!("{}\n{}", &script[..start], &script[end..]);
    if rest.contains("\nfn point(") { rest } else { rest + "fn point(p) { emit(p); }\n" }
}

/// Points of three groups that come in turns of 1 to 40, with integers, gaps, equal times, and levels and spikes.
fn many_points() -> String {
    let (mut text, mut time, mut i) = (String::new(), 1_767_571_200, 0_u64);
    for turn in 0_u64..400 {
        for _ in 0..turn * 7 % 40 + 1 {
            i += 1;
            time += [60, 60, 0, 60, 61][(i % 5) as usize] + if i % 900 == 0 { 90_000 } else { 0 };
            let noise = (i.wrapping_mul(2_654_435_761) % 1000) as f64 / 100.0;
            let value = noise + if i % 701 == 0 { 80.0 } else { 0.0 } + (i / 3000 * 20) as f64;
            let (group, flow) = (turn % 3, 60.0 + 4.0 * noise);
            text += &format!(
                "m,host=h{group} value={value},count={}i,pressure={},flow={flow},temperature=58,\
                 vibration=0.8,current=7.{} {time}\n",
                i % 17,
                noise / 2.0,
                i % 10,
            );
        }
    }
    text
}

#[test]
fn shipped_scripts_give_the_same_point_by_point_and_in_chunks() {
    let folder = Folder::new("by-point");
    let data = folder.write("data.lp", &many_points());
    std::fs::create_dir(folder.path("models")).unwrap();
    std::fs::copy(repo("scripts/models/pump.onnx"), folder.path("models/pump.onnx")).unwrap();
    for file in std::fs::read_dir(repo("scripts")).unwrap().map(|file| file.unwrap().path()) {
        let Some(name) = file.file_stem().filter(|_| file.is_file()) else { continue };
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.contains("\nfn points(") {
            continue;
        }
        let options: &[&[&str]] = match name.to_str() {
            Some("mirror") => &[&[]],
            Some("model") => &[&["model=pump.onnx", "as=state"]],
            Some("moving_avg") => {
                &[&["field=value", "size=10"], &["field=count", "size=3", "as=x", "keep=false"]]
            }
            Some("anomaly") => &[&["field=value", "per_week=50"], &["field=count", "prefix=x"]],
            _ => panic!("say with which options {} is tested", file.display()),
        };
        let copy = folder.write("copy.rhai", &by_point(&text));
        for options in options {
            let replayed = |script: &std::path::Path| {
                let mut command = binary();
                command.arg("replay").arg(script).arg("--data").arg(&data);
                command.args(["--precision", "s", "--group-by", "host", "--format", "lp"]);
                for option in *options {
                    command.args(["--set", option]);
                }
                let run = feed(&mut command, &[]);
                assert_eq!(run.code, Some(0), "{name:?} {options:?}: {}", run.stderr);
                run.text()
            };
            let (chunks, points) = (replayed(&file), replayed(&copy));
            assert!(chunks.lines().count() > 8_000, "{name:?}");
            let differs = chunks.lines().zip(points.lines()).find(|(a, b)| a != b);
            assert!(chunks == points, "{name:?} {options:?}: {differs:?}");
        }
    }
}
