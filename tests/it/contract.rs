//! What the host promises to a script: callbacks, edges, emit.

use crate::util::*;
use rhai_udf::protocol::message::{EdgeType, InfoRequest, KeepaliveRequest, ValueType};

const HEAD_SS: &str = r#"fn info() { #{ wants: "stream", provides: "stream" } }"#;
const HEAD_SB: &str = r#"fn info() { #{ wants: "stream", provides: "batch" } }"#;
const HEAD_BS: &str = r#"fn info() { #{ wants: "batch", provides: "stream" } }"#;
const HEAD_BB: &str = r#"fn info() { #{ wants: "batch", provides: "batch" } }"#;

/// Plays `data` through a script made of a declaration and a body.
fn check(name: &str, head: &str, body: &str, data: Vec<Request>, expected: &[&str]) {
    let got = play(name, &format!("{head}\n{body}"), data);
    assert_eq!(got, expected, "{body}");
}

fn points_of_x(values: &[f64]) -> Vec<Request> {
    values.iter().enumerate().map(|(i, x)| point(i as i64 + 1, "", &[("x", *x)])).collect()
}

#[test]
fn a_stream_becomes_a_stream() {
    let body = "fn point(p, opt) { if p.x > 1.5 { p.y = p.x * 2.0; emit(p); } }";
    check(
        "ss",
        HEAD_SS,
        body,
        points_of_x(&[1.0, 2.0, 3.0]),
        &["2 m x=2.0 y=4.0", "3 m x=3.0 y=6.0"],
    );
}

#[test]
fn a_stream_becomes_batches() {
    let body = r#"
        fn state() { #{ points: [] } }
        fn point(p) {
            this.points.push(p);
            if this.points.len() == 2 {
                emit(new_batch(#{ name: "pairs", tmax: p.time + 10 }, this.points));
                this.points.clear();
            }
        }"#;
    check(
        "sb",
        HEAD_SB,
        body,
        points_of_x(&[1.0, 2.0, 3.0, 4.0, 5.0]),
        &[
            "begin pairs 2",
            "1 m x=1.0",
            "2 m x=2.0",
            "end pairs 12",
            "begin pairs 2",
            "3 m x=3.0",
            "4 m x=4.0",
            "end pairs 14",
        ],
    );
}

/// What `new_batch` is not told, it takes from the points.
#[test]
fn a_new_batch_takes_its_place_from_its_points() {
    let mut first = point(5, "host=a", &[("x", 1.0)]);
    if let Request::Point(p) = &mut first {
        p.tags = [("host".into(), "a".into()), ("rack".into(), "r".into())].into();
        p.dimensions = vec!["host".into()];
    }
    let body = "fn point(p) { let later = p; later.time = 9; emit(new_batch([p, later])); }";
    check(
        "new_batch",
        HEAD_SB,
        body,
        vec![first],
        &[
            "begin m,host=a 2",
            "5 m,host=a,rack=r x=1.0",
            "9 m,host=a,rack=r x=1.0",
            "end m,host=a 9",
        ],
    );
}

#[test]
fn batches_become_a_stream() {
    let body =
        "fn end_batch(batch, opt) { emit(batch.point(#{ mean: batch.column(\"x\").mean })); }";
    let data = [batch("a", &[1.0, 2.0]), batch("b", &[5.0])].concat();
    check("bs", HEAD_BS, body, data, &["100 m,host=a mean=1.5", "100 m,host=b mean=5.0"]);
}

/// The points of a batch have neither name nor dimensions; in a stream they get the batch's.
#[test]
fn points_of_a_batch_get_its_name_and_dimensions_in_a_stream() {
    let script = format!("{HEAD_BS}\nfn end_batch(batch) {{ emit(batch.points()); }}");
    let run = run_text("members", &script, [vec![init(&[])], batch("a", &[1.0])].concat());
    let point = &run.points()[0];
    assert_eq!((point.name.as_str(), point.group.as_str()), ("m", "host=a"));
    assert_eq!(point.dimensions, ["host"]);
    assert_eq!(point.tags["host"], "a");
}

#[test]
fn batches_become_batches() {
    let body = r#"fn end_batch(batch) { emit(batch.select(batch.column("x") > 1.5)); }"#;
    check(
        "bb",
        HEAD_BB,
        body,
        batch("a", &[1.0, 2.0, 3.0]),
        &["begin m,host=a 2", "2 ,host=a x=2.0", "3 ,host=a x=3.0", "end m,host=a 100"],
    );
}

/// Bare points of `point` and `end_batch` lie between one begin and one end.
#[test]
fn bare_points_lie_between_the_begin_and_the_end_of_their_batch() {
    let body = r#"
        fn begin_batch(batch) { this.n = 0; }
        fn point(p) { this.n += 1; if p.x > 1.5 { emit(p); } }
        fn end_batch(batch) { emit(batch.point(#{ n: this.n })); }"#;
    let data = [batch("a", &[1.0, 2.0]), batch("b", &[])].concat();
    check(
        "bare",
        HEAD_BB,
        body,
        data,
        &[
            "begin m,host=a 2",
            "2 ,host=a x=2.0",
            "100 m,host=a n=2i",
            "end m,host=a 100",
            "begin m,host=b 1",
            "100 m,host=b n=0i",
            "end m,host=b 100",
        ],
    );
}

#[test]
fn a_batch_without_emit_gives_nothing_and_an_empty_array_an_empty_batch() {
    let nothing = "fn end_batch(batch) {}";
    check("silent", HEAD_BB, nothing, batch("a", &[1.0]), &[]);
    let empty = "fn end_batch(batch) { emit([]); }";
    check("empty", HEAD_BB, empty, batch("a", &[1.0]), &["begin m,host=a 0", "end m,host=a 100"]);
    check("empty_stream", HEAD_BS, empty, batch("a", &[1.0]), &[]);
}

#[test]
fn emit_takes_arrays_and_several_batches() {
    let body = r#"
        fn point(p) {
            let q = p;
            q.x += 0.5;
            emit([p, q]);
            emit([]);
        }"#;
    check("array", HEAD_SS, body, points_of_x(&[1.0]), &["1 m x=1.0", "1 m x=1.5"]);
    let body = r#"
        fn end_batch(batch) {
            let x = batch.column("x");
            emit([batch.select(x < 2), batch.select(x >= 2)]);
        }"#;
    check(
        "batches",
        HEAD_BB,
        body,
        batch("", &[1.0, 2.0]),
        &["begin m 1", "1  x=1.0", "end m 100", "begin m 1", "2  x=2.0", "end m 100"],
    );
}

#[test]
fn what_does_not_fit_the_edge_says_what_to_do() {
    for (name, head, body, data, part) in [
        (
            "bare_point",
            HEAD_SB,
            "fn point(p) { emit(p); }",
            points_of_x(&[1.0]),
            "script.rhai:2:15: this script provides batches: emit a batch, made with new_batch",
        ),
        (
            "batch_on_stream",
            HEAD_BS,
            "fn end_batch(b) { emit(b); }",
            batch("", &[1.0]),
            "script.rhai:2:19: this script provides a stream: emit points",
        ),
        (
            "emit_text",
            HEAD_SS,
            "fn point(p) { emit(\"x\"); }",
            points_of_x(&[1.0]),
            "emit needs a point, an array of points or a batch, not the string 'x'",
        ),
        (
            "emit_in_state",
            HEAD_SS,
            "fn state() { emit([]); }\nfn point(p) {}",
            points_of_x(&[1.0]),
            "script.rhai:2:14: emit can be called in point, points, begin_batch and end_batch only (in state)",
        ),
    ] {
        let (before, error) = play_to_error(name, &format!("{head}\n{body}"), data);
        assert_eq!(before, ["init"], "{name}");
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn every_callback_is_called_in_its_turn() {
    let script = r#"
        fn info() { #{ wants: "batch", provides: "stream" } }
        fn init(opt) { log_info("init"); }
        fn state(opt) { log_info("state"); #{ seen: [] } }
        fn begin_batch(batch, opt) { this.seen.push(`begin ${batch.name} ${batch.size}`); }
        fn point(p, opt) { this.seen.push(`point ${p.time}`); }
        fn end_batch(batch, opt) {
            this.seen.push(`end ${batch.tmax} ${batch.len}`);
            for line in this.seen { log_info(line); }
        }"#;
    let run = run_text("callbacks", script, [vec![init(&[])], batch("a", &[1.0, 2.0])].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let logged: Vec<&str> = run
        .stderr
        .lines()
        .filter_map(|l| l.split_once("] script.rhai: ").map(|(_, t)| t))
        .collect();
    let calls = ["init", "state", "begin m 2", "point 1", "point 2", "end 100 0"];
    assert_eq!(logged, calls, "{}", run.stderr);
}

#[test]
fn opt_may_be_left_out_of_every_callback() {
    let script = r#"
        fn info() { #{ wants: "batch", provides: "batch" } }
        fn init() {}
        fn state() { #{ n: 0 } }
        fn begin_batch(batch) { this.n += 1; }
        fn point(p) { this.n += 1; }
        fn end_batch(batch) { emit(batch.point(#{ n: this.n })); }
        fn migrate(old) { old }"#;
    assert_eq!(play("no_opt", script, batch("", &[1.0]))[1], "100 m n=2i");
}

#[test]
fn init_may_refuse_the_task() {
    let script =
        format!("{HEAD_SS}\nfn init(opt) {{ throw \"not on Sundays\"; }}\nfn point(p) {{}}");
    let run = run_text("refuse", &script, vec![init(&[])]);
    let lines = lines(&run.answers());
    assert!(lines[0].starts_with("init refused: /"), "{lines:?}");
    assert!(lines[0].ends_with("script.rhai:2:16: not on Sundays (in init)"), "{lines:?}");
}

#[test]
fn keepalives_are_echoed_between_the_points_of_a_batch_too() {
    let keepalive = |time| Request::Keepalive(KeepaliveRequest { time });
    let mut data = batch("", &[1.0, 2.0]);
    data.insert(2, keepalive(42));
    data.push(keepalive(-7));
    let body = "fn point(p) { emit(p); }";
    check(
        "keepalive",
        HEAD_BB,
        body,
        data,
        &["keepalive 42", "begin m 2", "1  x=1.0", "2  x=2.0", "end m 100", "keepalive -7"],
    );
}

/// With `point`, a batch is not kept: a million points need no more memory than ten.
#[test]
fn a_batch_that_is_read_point_by_point_takes_constant_memory() {
    let script = r#"
        fn info() { #{ wants: "batch", provides: "stream" } }
        fn begin_batch(batch) { this.sum = 0.0; this.n = 0; }
        fn point(p) { this.sum += p.x; this.n += 1; }
        fn end_batch(batch) {
            emit(batch.point(#{ sum: this.sum, n: this.n, kept: batch.len }));
        }"#;
    let values = vec![1.0; 20_000];
    assert_eq!(
        play("constant", script, batch("", &values)),
        ["100 m kept=0i n=20000i sum=20000.0"]
    );
}

#[test]
fn a_batch_may_be_empty_and_its_size_unknown() {
    let body = r#"fn end_batch(batch) { emit(batch.point(#{ size: batch.size, n: batch.len })); }"#;
    let mut unknown = batch("", &[1.0]);
    unknown[0] = begin("", 0);
    check(
        "sizes",
        HEAD_BS,
        body,
        [batch("", &[]), unknown].concat(),
        &["100 m n=0i size=0i", "100 m n=1i size=0i"],
    );
}

#[test]
fn info_is_answered_with_edges_and_options() {
    let script = r#"
        fn info() {
            #{
                wants: "batch",
                provides: "stream",
                options: #{
                    field: "string",
                    between: ["double", "double"],
                    hold: #{ type: "duration", default: "1m" },
                },
            }
        }
        fn end_batch(batch) {}"#;
    let run = run_text("info", script, vec![Request::Info(InfoRequest {})]);
    let [Answer::Info(info)] = &run.answers()[..] else { panic!("{}", run.stderr) };
    assert_eq!((info.wants(), info.provides()), (EdgeType::Batch, EdgeType::Stream));
    let types = |name: &str| info.options[name].value_types().collect::<Vec<_>>();
    assert_eq!(types("field"), [ValueType::String]);
    assert_eq!(types("between"), [ValueType::Double, ValueType::Double]);
    assert_eq!(types("hold"), [ValueType::Duration]);
}

/// `points` gets what has arrived of a group; order and groups stay, however it was cut.
#[test]
fn points_are_handed_over_by_the_chunk() {
    let body = r#"
        fn state() { running_stats() }
        fn points(chunk, opt) {
            chunk["mean"] = this.push_each(chunk["x"], "mean");
            emit(chunk);
        }"#;
    check(
        "chunks",
        HEAD_SS,
        body,
        points_of_x(&[1.0, 2.0, 6.0]),
        &["1 m mean=1.0 x=1.0", "2 m mean=1.5 x=2.0", "3 m mean=3.0 x=6.0"],
    );
}
