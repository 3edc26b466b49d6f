//! InfluxDB 1.x, 2.x and 3 written to, and lines that they refuse.

use crate::house::{House, Manners, certificate};
use crate::influx_versions::replay;
use crate::util::*;

fn text(path: std::path::PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

const OUT: &str = "stream|from()|influxDBOut().database('d').retentionPolicy('r').create()";

/// Writes two points; what happened, and the requests of writing.
fn write(folder: &Folder, manners: Manners, more: &[&str]) -> (Run, Vec<crate::house::Seen>) {
    let script = text(folder.write("out.tick", OUT));
    let data = text(folder.write("data.lp", "m,h=a x=1i,y=2 1500000000\nm x=2 2500000000\n"));
    let path = ["/write", "/write", "/api/v2/write", "/api/v3/write_lp"][usize::from(manners.api)];
    let house = House::new(manners);
    let arguments =
        [&[&*script, "--data", &data, "--influxdb", &house.url, "--write"], more].concat();
    let run = replay(folder, &arguments, &[("INFLUX_TOKEN", "t0ken-secret")]);
    (run, house.seen_at(path))
}

#[test]
fn each_version_is_written_to_in_its_own_way_and_again_while_it_is_busy() {
    let folder = Folder::new("influx-write");
    let ca = text(certificate("ca.pem"));
    for (api, query, authorization, more) in [
        (1, "db=d&precision=ns&rp=r", "Bearer t0ken-secret", &[][..]),
        (
            2,
            "org=my%20org&bucket=d%2Fr&precision=ns",
            "Token t0ken-secret",
            &["--influxdb-org", "my org"],
        ),
        (3, "db=d%2Fr&precision=nanosecond&accept_partial=true", "Bearer t0ken-secret", &[]),
    ] {
        let certificate = Some("server.pem");
        let manners = Manners { api, busy: 2, certificate, ..Manners::default() };
        let (run, seen) = write(&folder, manners, &[&["--ca", &ca], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("2 points written to InfluxDB, 0 failed"), "{}", run.stderr);
        assert_eq!(seen.len(), 3);
        assert_eq!((&*seen[2].query, &*seen[2].authorization), (query, authorization));
        assert_eq!(seen[2].body, "m,h=a x=1i,y=2 1500000000\nm x=2 2500000000\n");
    }
}

#[test]
fn a_bucket_is_created_where_it_is_missing_and_an_organization_is_wanted() {
    let folder = Folder::new("influx-bucket");
    let script = text(folder.write("out.tick", OUT));
    let data = text(folder.write("data.lp", "m x=1 1\n"));
    let house = House::new(Manners { api: 2, ..Manners::default() });
    let arguments = [&*script, "--data", &data, "--influxdb", &house.url, "--write"];
    let run = replay(&folder, &arguments, &[("INFLUX_ORG", "o")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let seen = house.seen();
    let created = seen.iter().find(|seen| seen.what == "POST /api/v2/buckets").unwrap();
    assert_eq!(created.body, "{\"orgID\":\"0rg\",\"name\":\"d/r\",\"retentionRules\":[]}");
    let run = replay(&folder, &arguments, &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("give --influxdb-org NAME, or set INFLUX_ORG"), "{}", run.stderr);
}

#[test]
fn lines_that_are_not_taken_are_told_one_by_one() {
    let folder = Folder::new("influx-partial");
    for (api, status, body, written, lines) in [
        (
            1,
            400,
            r#"{"error":"partial write: field type conflict: input field \"x\" on measurement \"m\" is type float, already exists as type integer dropped=1"}"#,
            1,
            &["answers 400: partial write: field type conflict: input field \"x\""][..],
        ),
        (
            1,
            400,
            r#"{"error":"partial write: unable to parse 'm x=2 2500000000': bad timestamp dropped=0"}"#,
            1,
            &["line 2 of the request: m x=2 2500000000: bad timestamp"],
        ),
        (
            2,
            400,
            r#"{"code":"invalid","message":"unable to parse 'm x=2 2500000000': bad timestamp"}"#,
            0,
            &["line 2 of the request: m x=2 2500000000: bad timestamp"],
        ),
        (
            2,
            422,
            r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=1"}"#,
            1,
            &["points beyond retention policy"],
        ),
        (
            3,
            400,
            r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"m,h=a x=1i","line_number":1,"error_message":"invalid column type for column 'x'"}]}"#,
            1,
            &[
                "line 1 of the request: m,h=a x=1i,y=2 1500000000: invalid column type for column 'x'",
            ],
        ),
    ] {
        let path = ["", "/write", "/api/v2/write", "/api/v3/write_lp"][usize::from(api)];
        let instead = vec![(path, status, body.to_owned())];
        let manners = Manners { api, instead, ..Manners::default() };
        let more = if api == 2 { &["--influxdb-org", "o"][..] } else { &[] };
        let (run, seen) = write(&folder, manners, more);
        assert_eq!((run.code, seen.len()), (Some(1), 1), "{}", run.stderr);
        let count = format!("{written} points written to InfluxDB, {} failed", 2 - written);
        assert!(run.stderr.contains(&count), "{body}: {}", run.stderr);
        for line in lines {
            assert!(run.stderr.contains(line), "{body}: {}", run.stderr);
        }
    }
}
