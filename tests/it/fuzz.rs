//! The fuzz targets of `fuzz/`, on real bytes that were changed at random: no panic on any input.
//!
//! `RHAI_UDF_FUZZ=N` runs each target N times; the default is small enough for every run of the
//! suite. The seed is fixed, so what fails fails again.

use crate::util::*;
use rhai_udf::stats::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[path = "../../fuzz/targets.rs"]
mod targets;

/// Executions of each target, unless the environment says another number.
const EXECUTIONS: usize = 400;

/// Changes bytes as fuzzers do: flips, numbers at the edges, cuts, repeats, pieces of another seed.
pub(crate) fn mutate(random: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        let some = random.below(16);
        match random.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + some).min(bytes.len()))),
            4 => {
                let piece = bytes[at..(at + some).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let piece = other[from..(from + 4 * some).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let number = [u64::MAX, 1 << 63, 1 << 31, 0x7fff_ffff, 0][random.below(5)];
                bytes.splice(at..at, number.to_le_bytes());
            }
            _ => bytes.insert(at, random.bits() as u8),
        }
    }
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let captured = capture("moving_avg.requests");
    let some = |name: &str| frames(&capture(name)).into_iter().take(40);
    match target {
        "frames" | "sessions" => {
            vec![captured[..4000].to_vec(), stream(vec![init(&[]), point(1, "g", &[("x", 1.0)])])]
        }
        // Without the request around them.
        "points" => {
            some("moving_avg.requests").map(|frame| frame[4.min(frame.len())..].to_vec()).collect()
        }
        "options" => {
            some("ttest_hotend_30.requests").take(3).map(|f| f[2.min(f.len())..].to_vec()).collect()
        }
        "snapshots" => {
            let run = run_udf(
                &repo("scripts/mirror.rhai"),
                &stream(vec![
                    init(&[]),
                    point(1, "g", &[("x", 1.0)]),
                    Request::Snapshot(Default::default()),
                ]),
            );
            let Some(Answer::Snapshot(snapshot)) = run.answers().pop() else { panic!() };
            vec![
                snapshot.snapshot[9..].to_vec(),
                snapshot.snapshot,
                vec![3, b'a', b'b', b'c', 0, 1, 0, 2, 9, 3, 0, 1, b'k', 7, 2, 3, 8, 4],
            ]
        }
        "lines" | "recordings" => {
            let mut all: Vec<Vec<u8>> = [
                "cpu,host=a\\ b,cpu=cpu0 usage=1.5,n=3i,s=\"x\\\"y\",b=true 1469040000000000000\nm f=1\n",
                "\x01time,host,x\n2020-01-01T00:00:00Z,a,1.5\n1,b,\n",
                "\x02db\nrp\ncpu,host=a x=1 1\ndb\nrp\ncpu x=2 2\n",
                "# comment\n\nm,a=1 x=NaN,y=-1e400 -5\n",
            ]
            .map(|text| text.as_bytes().to_vec())
            .into();
            let brpl = std::fs::read(repo("tests/data/cpu_outliers.brpl")).unwrap();
            all.push([vec![3], brpl].concat());
            all.push([vec![4], captured[..2000].to_vec()].concat());
            all
        }
        "scripts" => ["moving_avg", "ttest", "outliers"]
            .map(|name| std::fs::read(repo(&format!("scripts/{name}.rhai"))).unwrap())
            .into(),
        "models" => {
            let folder = repo("tests/data/models");
            let names = ["svc2.onnx", "torch_lstm.onnx", "logreg_names.onnx", "cb_reg.cbm", "lgbm_reg.txt"];
            names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
        }
        "requests" => [
            "\x05GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /write?db=d&u=a&p=b \
             HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\nm x=1 1",
            "\x40POST /w HTTP/1.1\r\nHost: [::1]:80\r\nAuthorization: Basic \
             YTpi\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nm x=1\r\n2\r\n \
             1\r\n0\r\nA: b\r\n\r\nHEAD http://a/b?c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into(),
        "ticks" => {
            let folder = std::fs::read_dir(repo("src/tick/testdata")).unwrap();
            let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "tick"));
            paths.sort();
            paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
        }
        "templates" => [
            "{{ .ID }} {{ index .Fields \"value\" | printf \"%0.2f\" }}{{/* note */}} {{- .Time }}",
            "{{ range $k, $v := .Tags }}{{ if eq $k \"host\" }}{{ $v }}{{ else }}{{ len $k }}{{ end }}{{ end }}",
            "{{ with $x := .Fields }}{{ printf \"%5d|%v|%q\" $x.count . $.Name | html }}{{ end }}",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into(),
        "queries" => [
            "SELECT mean(x) AS \"a b\" FROM \"d\".\"r\".m WHERE y = 'it''s' AND z =~ /a\\/b/ GROUP BY * fill(0)",
            "SELECT x FROM (SELECT max(y) FROM m -- c\n WHERE a > 1) /* c */ ORDER BY time DESC LIMIT 3",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into(),
        other => panic!("no seeds for {other}"),
    }
}

#[test]
#[allow(clippy::print_stdout)] // the counts, for whoever asks for them
fn no_bytes_make_anything_panic() {
    let executions = std::env::var("RHAI_UDF_FUZZ").ok().and_then(|n| n.parse().ok());
    let executions = executions.unwrap_or(EXECUTIONS);
    // Calls of scripts can be nested deep.
    let thread = std::thread::Builder::new().stack_size(rhai_udf::agent::socket::STACK);
    let run = thread.spawn(move || {
        for (name, target) in targets::TARGETS {
            let seeds = seeds(name);
            let mut random = Rng::new(1);
            let started = std::time::Instant::now();
            for i in 0..executions {
                let bytes = mutate(&mut random, &seeds);
                if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                    panic!("{name}, execution {i}: {bytes:?}");
                }
            }
            println!("{name}: {executions} executions in {:.1?}", started.elapsed());
        }
    });
    run.unwrap().join().unwrap();
}
