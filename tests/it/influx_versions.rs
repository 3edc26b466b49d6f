//! InfluxDB 1.x, 2.x and 3, with and without TLS, read; and secrets, which nothing shows.

use crate::house::{House, Manners, certificate};
use crate::util::*;
use std::io::{Read, Write};
use std::process::Command;

pub(crate) fn replay(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = binary();
    command.arg("replay").args(arguments).current_dir(folder.path("."));
    feed(command.envs(variables.iter().copied()), &[])
}

fn text(path: std::path::PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

const SPAN: [&str; 4] = ["--start", "1970-01-01T00:00:00Z", "--stop", "1970-01-01T01:00:00Z"];
const POINTS: &str = "m,host=a n=1i,x=1 1000000000\nm,host=b x=2.5 2000000000\n";

fn mirror() -> String {
    text(repo("scripts/mirror.rhai"))
}

#[test]
fn each_version_is_read_over_tls_by_whoever_it_knows() {
    let folder = Folder::new("influx-versions");
    let ca = text(certificate("ca.pem"));
    // As Windows' editors write it.
    let file = text(folder.write("token", "\u{feff}\r\n  t0ken-secret \r\n"));
    let basic = "Basic YW5uOnMzY3JldA==";
    let by_file = ["--token-file", &file];
    for (api, authorization, arguments, variables) in [
        (1, basic, &[][..], &[("INFLUX_USERNAME", "ann"), ("INFLUX_PASSWORD", "s3cret")][..]),
        (1, "Bearer t0ken-secret", &[], &[("INFLUX_TOKEN", "t0ken-secret")]),
        (
            2,
            "Token t0ken-secret",
            &[],
            &[("INFLUX_TOKEN", "t0ken-secret"), ("INFLUX_USERNAME", "ann")],
        ),
        (2, "Token t0ken-secret", &by_file[..], &[]),
        (3, "Bearer t0ken-secret", &by_file[..], &[("INFLUX_TOKEN", "another")]),
        (3, basic, &[], &[("INFLUX_USERNAME", "ann"), ("INFLUX_PASSWORD", "s3cret")]),
    ] {
        for certificate in [None, Some("server.pem")] {
            let authorization = Some(authorization.into());
            let house =
                House::new(Manners { api, authorization, certificate, ..Manners::default() });
            let script = mirror();
            let mut all =
                vec![script.as_str(), "--influxdb", &house.url, "--db", "d", "--format", "lp"];
            all.extend(SPAN);
            all.extend(arguments);
            if certificate.is_some() {
                all.extend(["--ca", &ca]);
            }
            let run = replay(&folder, &all, variables);
            assert_eq!((run.text().as_str(), run.code), (POINTS, Some(0)), "{api} {}", run.stderr);
        }
    }
}

#[test]
fn a_version_that_is_said_is_not_asked_for() {
    let folder = Folder::new("influx-said");
    let (script, house) = (mirror(), House::new(Manners { api: 3, ..Manners::default() }));
    let arguments =
        [&[&*script, "--influxdb", &house.url, "--db", "d", "--influxdb-api", "3"], &SPAN[..]];
    let run = replay(&folder, &arguments.concat(), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(house.seen_at("/ping").is_empty());
    // Who says nothing is taken for one of the old ones, and that is told.
    let instead = vec![("/ping", 200, String::new()), ("/health", 404, String::new())];
    let house = House::new(Manners { api: 1, instead, ..Manners::default() });
    let run = replay(
        &folder,
        &[&[&*script, "--influxdb", &house.url, "--db", "d"], &SPAN[..]].concat(),
        &[],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("does not tell its version: 1.x is assumed"), "{}", run.stderr);
}

#[test]
fn batches_are_asked_for_in_sql() {
    let folder = Folder::new("influx-sql");
    let script = folder.write(
        "count.rhai",
        "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\n\
         fn end_batch(batch, opt) { emit(batch.point(#{ n: batch.len, x: batch.column(\"x\").mean })); }",
    );
    let script = text(script);
    let sql = "SELECT time, host, x FROM m WHERE time >= $start AND time < $stop";
    let house =
        House::new(Manners { api: 3, certificate: Some("server.pem"), ..Manners::default() });
    let ca = text(certificate("ca.pem"));
    let arguments =
        ["--influxdb", &house.url, "--ca", &ca, "--db", "d", "--period", "1m", "--every", "30m"];
    let all =
        [&[&*script, "--sql", sql, "--group-by", "host", "--format", "lp"], &arguments[..], &SPAN]
            .concat();
    let run = replay(&folder, &all, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = "m,host=a n=1i,x=1 1800000000000\nm,host=b n=1i,x=2.5 1800000000000\n";
    assert!(run.text().starts_with(lines), "{}", run.text());
    let seen = house.seen_at("/api/v3/query_sql");
    assert_eq!(seen.len(), 2);
    assert!(seen[0].body.contains(
        "time >= '1970-01-01T00:29:00Z' AND time < '1970-01-01T00:30:00Z'\",\"format\":\"jsonl\""
    ), "{}", seen[0].body);
    // Another version has no SQL, and a query has to say for which time it asks.
    let house = House::new(Manners { api: 2, ..Manners::default() });
    let common = ["--influxdb", &house.url, "--db", "d", "--period", "1m", "--every", "30m"];
    for (sql, code, why) in [
        (sql, 1, "--sql is for InfluxDB 3, and this is version 2"),
        ("SELECT x FROM m", 2, "WHERE time >= $start AND time < $stop"),
        ("DELETE FROM m WHERE time > $start AND time < $stop", 2, "not a SELECT"),
    ] {
        let run = replay(&folder, &[&[&*script, "--sql", sql], &common[..], &SPAN].concat(), &[]);
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
}

#[test]
fn rows_of_sql_that_are_odd_are_named() {
    let folder = Folder::new("influx-sql-odd");
    let script = folder.write(
        "b.rhai",
        "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\nfn end_batch(batch, opt) { }",
    );
    let script = text(script);
    let sql = "SELECT * FROM m WHERE time >= $start AND time < $stop";
    for (body, why) in [
        ("{\"x\":1}\n", "row 1: it has no column 'time'"),
        ("{\"time\":1}\n{\"time\":\"noon\"}\n", "row 2: 'time' holds \"noon\""),
        ("<html>\n", "row 1 is not a JSON object"),
        ("{\"time\":1,\"x\":", "row 1 is not a JSON object"),
        ("{\"time\":1,\"x\":[1]}\n", "column 'x' holds [1]"),
    ] {
        let instead = vec![("/api/v3/query_sql", 200, body.to_owned())];
        let house = House::new(Manners { api: 3, instead, ..Manners::default() });
        let common = ["--influxdb", &house.url, "--db", "d", "--period", "1m", "--every", "30m"];
        let run = replay(&folder, &[&[&*script, "--sql", sql], &common[..], &SPAN].concat(), &[]);
        assert_eq!(run.code, Some(1), "{body}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{body}: {}", run.stderr);
    }
}

#[test]
fn an_answer_that_was_cut_short_is_an_error() {
    let folder = Folder::new("influx-partial");
    let script =
        folder.write("b.tick", "batch|query('SELECT x FROM d.r.m').period(1h).every(1h)|log()");
    let batch = text(script);
    let stream = mirror();
    let rows = "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"x\"],\"values\":[[1,1]],\"partial\":true}]}]}";
    let house = House::new(Manners { api: 1, ..Manners::default() });
    for (script, instead, why) in [
        (&batch, rows, "the server has left out rows beyond its limit"),
        (&stream, "", "the answer ends before all rows have come"),
    ] {
        house.answer_instead("/query", 200, instead.to_owned());
        if instead.is_empty() {
            house.cut_short();
        }
        let arguments = [&[script, "--influxdb", &*house.url, "--db", "d"], &SPAN[..]].concat();
        let run = replay(&folder, &arguments, &[]);
        assert!(run.code == Some(1) && run.stderr.contains(why), "{}", run.stderr);
    }
}

/// A server that answers anything with these bytes and closes.
fn blunt(bytes: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        }
    });
    format!("127.0.0.1:{}", address.port())
}

#[test]
fn whoever_cannot_be_believed_is_not_asked_and_the_reason_is_said() {
    let folder = Folder::new("influx-trust");
    let (script, ca) = (mirror(), text(certificate("ca.pem")));
    let house = |certificate| House::new(Manners { api: 1, certificate, ..Manners::default() });
    let run = |url: &str, more: &[&str]| {
        let arguments = [&[&*script, "--influxdb", url, "--db", "d"], more, &SPAN].concat();
        replay(
            &folder,
            &arguments,
            &[("INFLUX_TOKEN", "t0ken-secret"), ("SSL_CERT_FILE", "empty.pem")],
        )
    };
    folder.write("empty.pem", "");
    folder.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (certificate, why) in [
        (Some("expired.pem"), "its certificate is not accepted: "),
        (Some("other-host.pem"), "its certificate is not accepted: "),
        (None, "this port does not use TLS"),
    ] {
        let house = house(certificate);
        let url = house.url.replace("http://", "https://");
        let run = run(&url, &["--ca", &ca]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{certificate:?} {}", run.stderr);
        assert!(
            house.seen().iter().all(|seen| seen.authorization.is_empty()),
            "{:?}",
            house.seen()
        );
    }
    let good = house(Some("server.pem"));
    let wrong = certificate("other-host.pem");
    for (more, code, why) in [
        (
            &["--ca", wrong.to_str().unwrap()][..],
            1,
            "give the certificate of its authority by --ca",
        ),
        (&["--ca", "no-such.pem"], 1, "--ca no-such.pem: cannot be read"),
        (&["--ca", "empty.pem"], 1, "it holds no certificate"),
        (&["--ca", "garbage.pem"], 1, "a certificate cannot be used"),
        (&[], 1, "give the certificate of its authority by --ca"),
        (&["--ca", &ca, "--insecure"], 2, "cannot be used with"),
    ] {
        let run = run(&good.url, more);
        assert_eq!(run.code, Some(code), "{more:?} {}", run.stderr);
        assert!(run.stderr.contains(why), "{more:?} {}", run.stderr);
    }
    assert!(good.seen().is_empty(), "{:?}", good.seen());
    let run_anyway = run(&good.url, &["--insecure"]);
    assert_eq!(run_anyway.code, Some(0), "{}", run_anyway.stderr);
    assert!(run_anyway.stderr.contains("--insecure: the certificate of"), "{}", run_anyway.stderr);
    let plain = house(None);
    for option in [&["--insecure"][..], &["--ca", &ca]] {
        let run = run(&plain.url, option);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("is not encrypted"), "{}", run.stderr);
    }
}

/// Runs a command at the most talkative level and makes sure that it shows no secret.
fn silent(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command: Command = binary();
    command.args(arguments).args(["--log-level", "trace"]).current_dir(folder.path("."));
    let run = feed(command.envs(variables.iter().copied()), &[]);
    for secret in ["s3cret", "s3%", "YW5uOnMzY3JldC13b3Jk", "t0ken"] {
        assert!(!run.stderr.contains(secret), "{arguments:?}: {}", run.stderr);
        assert!(!run.text().contains(secret), "{arguments:?}: {}", run.text());
    }
    run
}

#[test]
fn no_failure_shows_a_password_or_a_token() {
    let folder = Folder::new("influx-secrets");
    let (script, ca) = (mirror(), text(certificate("ca.pem")));
    folder.write("two", "t0ken-one\nt0ken-two\n");
    folder.write("odd", "t0kén\n");
    folder.write("out.tick", "stream|from()|influxDBOut().database('d').create()");
    folder.write("data.lp", "m x=1 1\n");
    let tokens = &[("INFLUX_TOKEN", "s3cret-word")][..];
    let nobody = &[][..];
    // What a server says may hold what it was sent.
    let echo = "{\"error\":\"bad: s3cret-word, s3cret%2Dword\"}";
    let basic = "{\"error\":\"bad: ann:s3cret-word as Basic YW5uOnMzY3JldC13b3Jk\"}";
    let with = |url: &str| url.replacen("://", "://ann:s3cret-word@", 1);
    for api in [1, 2, 3] {
        for (path, status, headers) in [
            ("/ping", 401, vec![]),
            ("/query", 400, vec![]),
            ("/query", 401, vec![]),
            ("/query", 403, vec![]),
            ("/query", 302, vec![("Location", "http://127.0.0.1:1/?p=s3cret-word".to_owned())]),
            ("/query", 200, vec![]),
            ("/write", 400, vec![]),
            ("/api/v2/write", 422, vec![]),
            ("/api/v2/buckets", 401, vec![]),
            ("/api/v2/orgs", 200, vec![]),
            ("/api/v3/write_lp", 400, vec![]),
        ] {
            for (is_user, echo) in [(true, basic), (true, echo), (false, echo)] {
                let (instead, headers) = (vec![(path, status, echo.to_owned())], headers.clone());
                let house = House::new(Manners { api, instead, headers, ..Manners::default() });
                let url = if is_user { with(&house.url) } else { house.url.clone() };
                let variables = if is_user { nobody } else { tokens };
                let common = ["--influxdb", &*url];
                let read =
                    [&["replay", &script, "--db", "d", "--save", "saved.srpl"], &common[..], &SPAN];
                silent(&folder, &read.concat(), variables);
                if let Ok(saved) = std::fs::read(folder.path("saved.srpl")) {
                    let saved = String::from_utf8_lossy(&saved).into_owned();
                    assert!(!saved.contains("s3cret") && !saved.contains("t0ken"));
                }
                let write = [
                    &["replay", "out.tick", "--data", "data.lp", "--write", "--influxdb-org", "o"],
                    &common[..],
                ];
                silent(&folder, &write.concat(), variables);
            }
        }
    }
    let half = blunt(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"results\":[");
    let garbage = blunt(b"\x00\xff garbage\r\n\r\n");
    let chunks = blunt(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    let good =
        House::new(Manners { api: 1, certificate: Some("server.pem"), ..Manners::default() });
    let (secure, file) =
        (good.url.replacen("https://", "https://ann:s3cret-word@", 1), "--token-file");
    for (url, more) in [
        ("http://ann:s3cret-word@127.0.0.1:1", &[][..]),
        ("http://ann:s3cret-word@no-such-host.invalid", &[]),
        ("http://ann:s3cret-word@", &[]),
        ("http://ann:s3cret-word@host:port", &[]),
        ("http://ann:s3cret-word@host?u=x", &[]),
        ("ftp://ann:s3cret-word@host", &[]),
        ("ann:s3cret-word@host", &[]),
        ("http://ann:s3cret-word@host", &["--past", "x"]),
        ("http://ann:s3cret-word@host", &["--influxdb-api", "4"]),
        ("http://ann:s3cret-word@host", &["--influxdbb", "http://ann:s3cret-word@host"]),
        ("http://ann:s3cret-word@host", &["http://ann:s3cret-word@host"]),
        ("http://ann:s3cret-word@host", &[file, "two"]),
        ("http://host", &[file, "two"]),
        ("http://host", &[file, "odd"]),
        ("http://host", &[file, "no-such"]),
        (&format!("http://ann:s3cret-word@{half}"), &[]),
        (&format!("http://ann:s3cret-word@{garbage}"), &[]),
        (&format!("http://ann:s3cret-word@{chunks}"), &["--influxdb-api", "1"]),
        (&format!("https://ann:s3cret-word@{garbage}"), &["--ca", &ca]),
        (&secure, &[]),
    ] {
        let arguments =
            [&["replay", &script, "--db", "d", "--influxdb", url], more, &SPAN].concat();
        let run = silent(&folder, &arguments, nobody);
        assert!(matches!(run.code, Some(1 | 2)), "{url} {more:?}: {:?} {}", run.code, run.stderr);
        assert!(
            !run.stderr.trim().is_empty() && !run.stderr.contains("panicked"),
            "{}",
            run.stderr
        );
    }
    // What succeeds shows none, either.
    let read =
        ["replay", &script, "--db", "d", "--influxdb", &secure, "--ca", &ca, "--format", "lp"];
    assert_eq!(silent(&folder, &[&read[..], &SPAN].concat(), nobody).text(), POINTS);
}

#[test]
fn what_is_said_twice_or_by_halves_is_refused() {
    let folder = Folder::new("influx-login");
    let script = mirror();
    folder.write("token", "t");
    for (url, more, variables, why) in [
        ("http://a:b@h", &["--token-file", "token"][..], &[][..], "leave out one of them"),
        ("http://h", &[], &[("INFLUX_PASSWORD", "p")], "INFLUX_USERNAME is not"),
        ("http://h", &[], &[("INFLUX_TOKEN", "a\nb")], "cannot be sent in a header"),
        ("http://h", &["--influxdb-org", "o"], &[], "--write"),
    ] {
        let run = replay(
            &folder,
            &[&[&*script, "--db", "d", "--influxdb", url], more, &SPAN].concat(),
            variables,
        );
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
}
