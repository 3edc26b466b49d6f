//! Parquet in and out, compared with pyarrow; the files are made by `tests/data/parquet/make.py`.

use crate::replay::{script, text};
use crate::util::*;

fn run(arguments: &[&str], code: i32) -> Run {
    let run = feed(binary().arg("replay").args(arguments), &[]);
    assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
    run
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_so() {
    let data = text(repo("tests/data/parquet/influx3.parquet"));
    let error = run(&[&script("mirror"), "--data", &data], 1).stderr;
    assert!(error.contains("influx3.parquet: this rhai-udf was built without Parquet"), "{error}");
    let folder = Folder::new("no-parquet");
    let lines = text(folder.write("a.lp", "m x=1 1500000000000000000\n"));
    let out = text(folder.path("out.parquet"));
    let error = run(&[&script("mirror"), "--data", &lines, "-o", &out], 1).stderr;
    assert!(error.contains("built without Parquet"), "{error}");
    assert!(!folder.path("out.parquet").exists());
}

#[cfg(feature = "parquet")]
mod with {
    use super::*;
    use crate::replay::replay;

    const TAGS: [&str; 4] = ["--tag-columns", "host,rack", "--measurement", "m"];

    fn file(name: &str) -> String {
        text(repo(&format!("tests/data/parquet/{name}")))
    }

    fn played(data: &str, arguments: &[&str]) -> String {
        let base = [&*script("mirror"), "--format", "lp", "--data", data];
        replay(&[&base[..], arguments].concat()).text()
    }

    #[test]
    fn files_are_read_as_pyarrow_reads_them() {
        let names =
            ["influx3", "marked", "telegraf", "time_s", "time_ms", "time_us", "int96", "seconds"];
        for name in names {
            let expected = played(&file(&format!("{name}.lp")), &[]);
            let read = played(&file(&format!("{name}.parquet")), &TAGS);
            assert!(expected.lines().count() > 40, "{name}");
            assert_eq!(read, expected, "{name}");
        }
    }

    #[test]
    fn the_tags_and_the_measurement_of_influxdb_need_no_option() {
        let data = file("marked.parquet");
        let expected = played(&file("marked.lp"), &[]);
        assert_eq!(played(&data, &[]), expected);
        // Options go before what the file says.
        let named = played(&data, &["--tag-columns", "rack", "--measurement", "other"]);
        assert!(
            named.contains("\nother,rack=r1 ") && named.contains(r#"host="host 1""#),
            "{named}"
        );
        let fields = played(&data, &["--field-columns", "usage,host"]);
        assert!(fields.contains("\nm,rack=r1 host="), "{fields}");
    }

    #[test]
    fn only_what_is_asked_for_is_read() {
        let data = file("influx3.parquet");
        let whole = played(&data, &TAGS);
        let part = played(&data, &[&TAGS[..], &["--field-columns", "count,up"]].concat());
        assert_eq!(
            part.lines().next().unwrap(),
            "m,host=host\\ 1,rack=r1 count=-99i,up=false 1700000010000000000"
        );
        let span = ["--from", "2023-11-14T22:18:20Z", "--to", "2023-11-14T22:20:00Z"];
        let within = played(&data, &[&TAGS[..], &span].concat());
        let times = |text: &str| -> Vec<i64> {
            text.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect()
        };
        let expected: Vec<i64> = times(&whole)
            .into_iter()
            .filter(|time| (1_700_000_300..1_700_000_400).contains(&(time / 1_000_000_000)))
            .collect();
        assert_eq!((times(&within), expected.len()), (expected, 10));
        // Without tags, all text is fields; without a name, the file's is the measurement.
        let plain = played(&data, &["--field-columns", "host"]);
        assert_eq!(plain.lines().next().unwrap(), "influx3 host=\"host 0\" 1700000000000000000");
        for (arguments, expected) in [
            (
                &["--tag-columns", "hots"][..],
                "there is no column 'hots'; there are host, rack, usage",
            ),
            (&["--time-column", "host"], "'host' is not a time"),
            (&["--time-column", "usage", "--field-columns", "nope"], "there is no column 'nope'"),
        ] {
            let error =
                run(&[&[&*script("mirror"), "--data", &data], arguments].concat(), 1).stderr;
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn damaged_files_are_refused_and_nothing_panics() {
        let folder = Folder::new("parquet-damage");
        let bytes = std::fs::read(repo("tests/data/parquet/telegraf.parquet")).unwrap();
        let path = folder.path("bad.parquet");
        std::fs::write(&path, "m x=1 1\n").unwrap();
        let bad = text(path);
        let error = run(&[&script("mirror"), "--data", &bad], 1).stderr;
        assert!(error.contains("bad.parquet: it is not a Parquet file: "), "{error}");
        for at in (0..bytes.len()).step_by(97) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&bad, &damaged).unwrap();
            let run = feed(binary().args(["replay", &script("mirror"), "--data", &bad]), &[]);
            assert!(matches!(run.code, Some(0 | 1)), "{at}: {:?} {}", run.code, run.stderr);
        }
        std::fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
        run(&[&script("mirror"), "--data", &bad], 1);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = Folder::new("parquet-out");
        let (out, again) = (text(folder.path("m.parquet")), text(folder.path("again.parquet")));
        let data = file("telegraf.lp");
        run(&[&script("mirror"), "--data", &data, "-o", &out], 0);
        assert_eq!(played(&out, &TAGS), played(&data, &[]));
        run(&[&[&script("mirror"), "--data", &out, "-o", &again], &TAGS[..]].concat(), 0);
        assert_eq!(played(&again, &TAGS), played(&data, &[]));
        // Ints and floats of one name are floats; several measurements are a column.
        let mixed = "a,t=1 x=1i,b=true 1500000000000000000\nb x=0.5,s=\"two\\nlines\" 1500000000000000001\n";
        let mixed = text(folder.write("mixed.lp", mixed));
        run(&[&script("mirror"), "--data", &mixed, "-o", &out], 0);
        let tags = ["--tag-columns", "measurement,t"];
        assert_eq!(
            played(&out, &tags),
            "m,measurement=a,t=1 b=true,x=1 1500000000000000000\n\
             m,measurement=b s=\"two\\\\nlines\",x=0.5 1500000000000000001\n"
        );
        let odd = text(
            folder.write("odd.lp", "a x=1i 1500000000000000000\na x=true 1500000000000000001\n"),
        );
        let error = run(&[&script("mirror"), "--data", &odd, "-o", &again], 1).stderr;
        assert!(error.contains("field 'x' is int in one point and bool in another"), "{error}");
        let kept = played(&again, &TAGS);
        assert_eq!(kept, played(&data, &[]), "a run that fails leaves the file as it was");
        let json = ["--format", "json"];
        let error =
            run(&[&[&script("mirror"), "--data", &data, "-o", &again], &json[..]].concat(), 2)
                .stderr;
        assert!(error.contains("-o FILE.parquet is written as Parquet"), "{error}");
        // Alerts stay on standard output.
        let alerts = ["--crit", "usage > 50", "--format", "json"];
        let run =
            run(&[&[&script("mirror"), "--data", &data, "-o", &again], &alerts[..]].concat(), 0);
        assert!(run.text().contains("CRITICAL"), "{}", run.text());
    }
}
