//! What a script costs: a call, each shipped script on a small stream, snapshots.

#![allow(missing_docs)] // the macros of criterion make items of their own

#[path = "common/data.rs"]
mod data;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rhai_udf::agent::Handler;
use std::hint::black_box;
use std::time::Duration;

const POINTS: usize = 2400;
const WINDOW: usize = 300;
const GROUPS: usize = 10_000;

/// The calls hold a parse, and where they emit, a write.
fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("call");
    for (name, body) in [
        ("empty", ""),
        ("read a field", "p.usage_idle"),
        ("write a field", "p.cpu_avg = 1.5;"),
        ("emit", "emit(p);"),
        ("count in the state", "this.n = (this.n ?? 0) + 1;"),
    ] {
        let info = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }";
        let mut session = data::text(&format!("{info} fn point(p) {{ {body} }}"));
        let frame = data::frames(1, 1);
        group.bench_function(name, |b| b.iter(|| data::feed(&mut session, &frame)));
    }
    group.finish();
}

fn shipped(c: &mut Criterion) {
    let mut group = c.benchmark_group("script");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    let field = ("field", "usage_idle");
    let streams: [(&str, &[(&str, &str)]); 13] = [
        ("mirror.rhai", &[]),
        ("moving_avg.rhai", &[field, ("size", "10")]),
        ("anomaly.rhai", &[field]),
        ("change_likelihood.rhai", &[field]),
        ("correlation_break.rhai", &[("fields", "usage_idle,usage_user")]),
        ("dead_man.rhai", &[]),
        ("ewma.rhai", &[field]),
        ("forecast.rhai", &[field, ("limit", "99.0")]),
        ("level_shift.rhai", &[field]),
        ("rate_of_change.rhai", &[field]),
        ("seasonal.rhai", &[field]),
        ("sigma.rhai", &[field]),
        ("stuck.rhai", &[field]),
    ];
    group.throughput(Throughput::Elements(POINTS as u64));
    let stream = data::frames(POINTS, 8);
    for (name, options) in streams {
        let mut session = data::shipped(name, options);
        group.bench_function(name, |b| b.iter(|| data::feed(&mut session, &stream)));
    }
    let batches: [(&str, &[(&str, &str)]); 6] = [
        ("ttest.rhai", &[field, ("size", "3600")]),
        ("ttest_fields.rhai", &[("field", "usage_idle,usage_user,usage_irq"), ("size", "3600")]),
        ("ttest_guarded.rhai", &[field]),
        ("outliers.rhai", &[field]),
        ("outlier_points.rhai", &[field]),
        ("shesd.rhai", &[field, ("period", "24")]),
    ];
    group.throughput(Throughput::Elements(WINDOW as u64));
    let window = data::window(WINDOW);
    for (name, options) in batches {
        let mut session = data::shipped(name, options);
        group.bench_function(name, |b| b.iter(|| data::feed(&mut session, &window)));
    }
    group.finish();
}

fn snapshots(c: &mut Criterion) {
    let mut session = data::shipped("moving_avg.rhai", &[("field", "usage_idle"), ("size", "10")]);
    data::feed(&mut session, &data::frames(GROUPS * 2, GROUPS));
    let snapshot = session.handler().snapshot().expect("the state can be stored");
    let mut group = c.benchmark_group("10,000 groups");
    group.sample_size(20);
    group.bench_function("snapshot", |b| b.iter(|| black_box(session.handler().snapshot())));
    group.bench_function("restore", |b| {
        b.iter(|| session.handler().restore(black_box(&snapshot)).expect("it is its own"));
    });
    group.finish();
}

criterion_group!(scripts, calls, shipped, snapshots);
criterion_main!(scripts);
