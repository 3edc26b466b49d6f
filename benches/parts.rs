//! The parts of the path of a message: cutting, indexing, reading, editing, writing, columns; and of a
//! line of line protocol.

#![allow(missing_docs)] // the macros of criterion make items of their own

#[path = "common/data.rs"]
mod data;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rhai_udf::protocol::frame::split_first;
use rhai_udf::protocol::line::{Cut, Precision, Reader, Writer, cut};
use rhai_udf::protocol::number::put_debug;
use rhai_udf::protocol::time::{put_rfc3339, read_utc, rfc3339};
use rhai_udf::protocol::{Batch, Frames, Point};
use std::hint::black_box;

const POINTS: usize = 300;

fn frames(c: &mut Criterion) {
    let bytes = data::frames(POINTS, 8);
    let mut group = c.benchmark_group("frame");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("read", |b| {
        b.iter(|| {
            let mut frames = Frames::new(&bytes[..]);
            while let Ok(Some(frame)) = frames.next() {
                black_box(frame);
            }
        });
    });
    group.bench_function("split", |b| {
        b.iter(|| {
            let mut rest = &bytes[..];
            while let Some((frame, after)) = split_first(rest) {
                black_box(frame);
                rest = after;
            }
        });
    });
    group.finish();
}

fn points(c: &mut Criterion) {
    let original = data::point(0, 0);
    let mut message = Vec::new();
    original.put_message(&mut message);
    let mut point = original.clone();
    let mut group = c.benchmark_group("point");
    group.bench_function("parse", |b| b.iter(|| point.parse(black_box(&message))));
    group.bench_function("read a field", |b| {
        b.iter(|| black_box(original.field(black_box("usage_idle"))));
    });
    let mut out = Vec::new();
    group.bench_function("write unchanged", |b| {
        b.iter(|| {
            out.clear();
            original.put_frame(&mut out);
        });
    });
    group.bench_function("parse, patch a field, write", |b| {
        b.iter(|| {
            out.clear();
            let _ = point.parse(black_box(&message));
            point.set_field("usage_idle", 1.5);
            point.put_frame(&mut out);
        });
    });
    group.bench_function("parse, add a field, write", |b| {
        b.iter(|| {
            out.clear();
            let _ = point.parse(black_box(&message));
            point.set_field("cpu_avg", 1.5);
            point.put_frame(&mut out);
        });
    });
    group.finish();
}

fn batches(c: &mut Criterion) {
    let points: Vec<Point> = (0..POINTS).map(|i| data::point(i, 0)).collect();
    let mut full = Batch::default();
    points.iter().for_each(|point| full.push(point));
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("push", |b| {
        let mut batch = Batch::default();
        b.iter(|| {
            batch.clear_points();
            points.iter().for_each(|point| batch.push(point));
        });
    });
    group.bench_function("column", |b| b.iter(|| black_box(full.column("usage_idle"))));
    group.bench_function("set a column", |b| {
        b.iter_batched_ref(
            || full.clone(),
            |batch| batch.set_column("cpu_avg", |i| Some((i as f64).into())),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn lines(c: &mut Criterion) {
    let points: Vec<Point> = (0..POINTS).map(|i| data::point(i / 8, i % 8)).collect();
    let mut writer = Writer::default();
    let mut text = String::new();
    for point in &points {
        writer.write(point, "", &mut text);
        text.push('\n');
    }
    let mut group = c.benchmark_group("line");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("cut", |b| {
        b.iter(|| {
            let mut rest = text.as_bytes();
            while let Cut::Line { end, .. } = cut(rest, 100) {
                rest = black_box(&rest[end..]);
            }
        });
    });
    group.bench_function("read", |b| {
        let lines: Vec<&str> = text.lines().collect();
        let mut reader = Reader::new(Precision::Nanoseconds);
        let mut point = Point::default();
        b.iter(|| {
            for line in &lines {
                let _ = black_box(reader.read(line.as_bytes(), &mut point));
            }
        });
    });
    group.bench_function("write", |b| {
        let mut out = String::new();
        b.iter(|| {
            out.clear();
            for point in &points {
                writer.write(point, "", &mut out);
            }
        });
    });
    group.finish();
}

fn texts(c: &mut Criterion) {
    const TIME: i64 = 1_767_225_600_123_456_789;
    let mut group = c.benchmark_group("text");
    let mut out = String::new();
    group.bench_function("write a time", |b| {
        b.iter(|| {
            out.clear();
            put_rfc3339(&mut out, black_box(TIME));
        });
    });
    let text = rfc3339(TIME);
    group.bench_function("read a time", |b| b.iter(|| read_utc(black_box(&text))));
    group.bench_function("write a double", |b| {
        b.iter(|| {
            out.clear();
            put_debug(&mut out, black_box(78.427_787_762_551_35));
        });
    });
    group.finish();
}

criterion_group!(parts, frames, points, batches, lines, texts);
criterion_main!(parts);
