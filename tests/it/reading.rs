//! Files as programs really write them: times in another unit, byte order marks, line ends, empty files.

use crate::util::*;
use std::path::Path;

fn mirror(data: &Path, arguments: &[&str]) -> Run {
    let script = repo("scripts/mirror.rhai");
    feed(binary().arg("replay").arg(script).arg("--data").arg(data).args(arguments), &[])
}

#[test]
fn a_wrong_precision_is_suspected() {
    let folder = Folder::new("suspect");
    let told = |name: &str, content: &str, arguments: &[&str]| {
        mirror(&folder.write(name, content), arguments).stderr
    };
    // Seconds, milliseconds and microseconds, each read as something else.
    for (time, precision, read, better) in [
        ("1451606400", "ns", "1970-01-01T00:00:01.4516064Z, if it is in ns", "s"),
        ("1451606400", "ms", "1970-01-17T19:13:26.4Z, if it is in ms", "s"),
        ("1451606400000", "u", "1970-01-17T19:13:26.4Z, if it is in u", "ms"),
        ("1451606400000000", "ns", "1970-01-17T19:13:26.4Z, if it is in ns", "u"),
        ("24193440", "s", "1970-10-08T00:24:00Z, if it is in s", "m"),
        ("1451606400000", "s", "is out of range; is --precision right?", "ms"),
        ("1451606400000000000", "ms", "is out of range; is --precision right?", "ns"),
    ] {
        let line = format!("m x=1 {time}\n");
        let err = told("data.lp", &line, &["--precision", precision]);
        let better = format!("ith --precision {better} it is 2016-01-01T00:00:00Z");
        assert!(err.contains(read) && err.contains(&better), "{time} in {precision}: {err}");
    }
    let err = told("data.csv", "time,x\n24193440,1\n", &[]);
    assert!(err.contains("with --precision m it is 2016-01-01T00:00:00Z"), "{err}");
    let err = told("data.srpl", "db\nrp\nm x=1 1451606400\n", &[]);
    assert!(err.contains("in s it would be 2016-01-01T00:00:00Z"), "{err}");
    let err = told("data.lp", "m x=1 1451606400\n", &["--precision", "s"]);
    assert!(!err.contains("precision"), "{err}");
}

#[test]
fn an_empty_file_is_told() {
    let folder = Folder::new("empty");
    for (name, content, what) in [
        ("empty.lp", "", "it has no points: it is empty"),
        ("comments.lp", "# nothing\n\n", "it has no points: it is empty, or has comments"),
        ("names.csv", "time,x\n", "it has no points: it has a line with names, but no rows"),
        ("empty.srpl", "", "it has no points: the recording is empty"),
        ("empty.bin", "", "it has no points: it is empty"),
    ] {
        let run = mirror(&folder.write(name, content), &[]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("{name}: {what}")), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data() {
    let folder = Folder::new("mark");
    let line = "m x=1 1451606400000000000";
    for (name, content) in [
        ("mark.lp", format!("\u{feff}{line}\n{line}\n")),
        ("windows.lp", format!("{line}\r\n{line}\r\n")),
        ("both.srpl", format!("\u{feff}db\r\nrp\r\n{line}\r\ndb\r\nrp\r\n{line}\r\n")),
        ("m.csv", "\u{feff}time,x\r\n2016-01-01,1\r\n2016-01-01,1\r\n".to_owned()),
    ] {
        let run = mirror(&folder.write(name, &content), &["--format", "lp"]);
        assert_eq!(run.text(), format!("{line}\n{line}\n"), "{name}: {}", run.stderr);
    }
    std::fs::write(folder.path("wide.lp"), b"\xff\xfem\0 \0x\0=\x001\0").unwrap();
    let run = mirror(&folder.path("wide.lp"), &[]);
    assert!(run.stderr.contains("seems to be UTF-16: save it as UTF-8"), "{}", run.stderr);
}
