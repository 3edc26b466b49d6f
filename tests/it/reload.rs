//! Hot reload: a changed script takes over, or does not, and no point is lost or doubled.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::{BeginBatch, EndBatch};
use std::os::unix::fs::symlink;
use std::path::Path;

/// Counts the points of a group, and says its version.
fn counter(version: u32) -> String {
    format!(
        "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0.0 }} \
         }}\nfn point(p) {{\n    this.n += 1.0;\n    p.n = this.n;\n    p.version = {version}.0;\n    \
         emit(p);\n}}\n"
    )
}

fn start(folder: &Folder, text: &str) -> Daemon {
    let script = folder.write("script.rhai", text);
    let mut daemon = Daemon::run(&script, &["--watch"]);
    daemon.init(&[]);
    daemon
}

/// Sends a point and gives its number and the version that counted it.
fn count(daemon: &mut Daemon, group: &str) -> (f64, f64) {
    daemon.send(point(1, group, &[("x", 1.0)]));
    let point = daemon.point();
    (point.fields_double["n"], point.fields_double["version"])
}

#[test]
fn a_save_takes_effect_with_the_state_of_every_group() {
    let folder = Folder::new("reload-save");
    let mut daemon = start(&folder, &counter(1));
    assert_eq!(count(&mut daemon, "a"), (1.0, 1.0));
    assert_eq!(count(&mut daemon, "b"), (1.0, 1.0));
    folder.write("script.rhai", &counter(2));
    let line = daemon.log.wait("reload: version", 1);
    assert!(line.contains(" → ") && line.contains("the state of 2 groups"), "{line}");
    assert_eq!(count(&mut daemon, "a"), (2.0, 2.0));
    assert_eq!(count(&mut daemon, "b"), (2.0, 2.0));
}

#[test]
fn every_way_of_saving_works_and_is_one_reload() {
    let folder = Folder::new("reload-ways");
    let mut daemon = start(&folder, &counter(1));
    let path = folder.path("script.rhai");
    let rename = |version| {
        folder.write("script.rhai.swp", &counter(version));
        std::fs::rename(folder.path("script.rhai.swp"), &path).unwrap();
    };
    let recreate = |version| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, counter(version)).unwrap();
    };
    let link = |version: u32| {
        let target = folder.write(&format!("v{version}.rhai"), &counter(version));
        let _ = std::fs::remove_file(folder.path("link"));
        symlink(target, folder.path("link")).unwrap();
        std::fs::rename(folder.path("link"), &path).unwrap();
    };
    let ways: [(u32, &dyn Fn(u32)); 5] = [
        (2, &|version| std::fs::write(&path, counter(version)).unwrap()),
        (3, &rename),
        (4, &recreate),
        (5, &link),
        (6, &link),
    ];
    for (version, save) in ways {
        save(version);
        daemon.log.wait("the state of", version as usize - 1);
        assert_eq!(count(&mut daemon, "a").1, f64::from(version));
    }
    assert_eq!(count(&mut daemon, "a"), (6.0, 6.0));
    let (_, rest) = daemon.finish();
    assert!(rest.is_empty());
}

#[test]
fn a_kubernetes_config_map_is_switched_by_its_symlink() {
    let folder = Folder::new("reload-configmap");
    for (name, version) in [("..v1", 1), ("..v2", 2)] {
        std::fs::create_dir(folder.path(name)).unwrap();
        folder.write(&format!("{name}/script.rhai"), &counter(version));
    }
    symlink("..v1", folder.path("..data")).unwrap();
    symlink("..data/script.rhai", folder.path("script.rhai")).unwrap();
    let mut daemon = Daemon::run(&folder.path("script.rhai"), &["--watch"]);
    daemon.init(&[]);
    assert_eq!(count(&mut daemon, "a"), (1.0, 1.0));
    symlink("..v2", folder.path("..data_tmp")).unwrap();
    std::fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (2.0, 2.0));
}

#[test]
fn a_module_that_changes_reloads_its_script() {
    let folder = Folder::new("reload-module");
    folder.write("lib.rhai", "fn version() { 1.0 }");
    let script = counter(1).replace("1.0;\n    emit", "lib::version();\n    emit");
    let mut daemon = start(&folder, &format!("import \"lib\" as lib;\n{script}"));
    assert_eq!(count(&mut daemon, "a"), (1.0, 1.0));
    folder.write("lib.rhai", "fn version() { 2.0 }");
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (2.0, 2.0));
    folder.write("lib.rhai", "fn version() { 2.0 ");
    let line = daemon.log.wait("is refused", 1);
    assert!(line.contains("lib.rhai:1:"), "{line}");
}

/// A change that must be refused with this text, while the old version goes on.
fn refused(name: &str, text: &str, expected: &[&str]) {
    let folder = Folder::new(name);
    let mut daemon = start(&folder, &counter(1));
    assert_eq!(count(&mut daemon, "a"), (1.0, 1.0));
    folder.write("script.rhai", text);
    let line = daemon.log.wait("is refused, version", 1);
    for part in expected {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(count(&mut daemon, "a"), (2.0, 1.0));
    folder.write("script.rhai", &counter(2));
    daemon.log.wait("the state of 1 groups", 1);
    assert_eq!(count(&mut daemon, "a"), (3.0, 2.0));
}

#[test]
fn a_script_that_does_not_compile_is_refused_with_its_place() {
    let broken = counter(2).replace("emit(p);", "emit(p;");
    refused("refuse-syntax", &broken, &["script.rhai:7:", "keeps running"]);
}

#[test]
fn a_script_that_fails_with_the_last_messages_is_refused() {
    let fails = counter(2).replace("emit(p);", "p.y.z();\n    emit(p);");
    refused("refuse-trial", &fails, &["it fails on the latest messages", "script.rhai:7:"]);
}

#[test]
fn a_changed_declaration_asks_for_a_restart_of_the_daemon() {
    let batch = counter(2).replace("provides: \"stream\"", "provides: \"batch\"");
    refused("refuse-edge", &batch, &["provides: stream → batch", "restart kapacitord"]);
    let option = counter(2).replace("\" }", "\", options: #{ size: \"int\" } }");
    refused("refuse-option", &option, &["option 'size' is new", "restart kapacitord"]);
}

#[test]
fn a_migrate_that_fails_is_refused_and_one_that_works_is_used() {
    let bad = format!("{}fn migrate(old) {{ throw \"cannot\"; }}\n", counter(2));
    refused("refuse-migrate", &bad, &["it cannot take over the state", "cannot (in migrate"]);
    let folder = Folder::new("migrate");
    let mut daemon = start(&folder, &counter(1));
    count(&mut daemon, "a");
    let script = format!("{}fn migrate(old) {{ old.n += 100.0; old }}\n", counter(2));
    folder.write("script.rhai", &script);
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (102.0, 2.0));
}

#[test]
fn the_trial_leaves_no_trace_in_the_state() {
    let folder = Folder::new("reload-trace");
    let script = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ w: \
                  moving_stats(1000) } }\nfn point(p) { p.n = this.w.push(p.x).count.to_float(); \
                  p.version = 1.0; emit(p); }\n";
    let mut daemon = start(&folder, script);
    for i in 1..=50 {
        assert_eq!(count(&mut daemon, "a"), (f64::from(i), 1.0));
    }
    folder.write("script.rhai", &script.replace("1.0;", "2.0;"));
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (51.0, 2.0));
}

#[test]
fn a_script_that_goes_away_or_becomes_a_folder_changes_nothing() {
    let folder = Folder::new("reload-gone");
    let mut daemon = start(&folder, &counter(1));
    let path = folder.path("script.rhai");
    count(&mut daemon, "a");
    std::fs::remove_file(&path).unwrap();
    let line = daemon.log.wait("is refused", 1);
    assert!(line.contains("cannot be read"), "{line}");
    assert_eq!(count(&mut daemon, "a"), (2.0, 1.0));
    std::fs::create_dir(&path).unwrap();
    assert_eq!(count(&mut daemon, "a"), (3.0, 1.0));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    daemon.log.wait("is refused", 2);
    assert_eq!(count(&mut daemon, "a"), (4.0, 1.0));
    std::fs::write(&path, counter(2)).unwrap();
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (5.0, 2.0));
}

#[test]
fn a_version_that_fails_where_the_old_does_not_is_rolled_back_and_loses_nothing() {
    let folder = Folder::new("rollback");
    let mut daemon = start(&folder, &counter(1));
    count(&mut daemon, "a");
    let fails =
        counter(2).replace("emit(p);", "if p.x > 5.0 { throw \"too much\"; }\n    emit(p);");
    folder.write("script.rhai", &fails);
    daemon.log.wait("reload: version", 1);
    assert_eq!(count(&mut daemon, "a"), (2.0, 2.0));
    assert_eq!(count(&mut daemon, "b"), (1.0, 2.0));
    daemon.send(point(1, "a", &[("x", 9.0)]));
    let point = daemon.point();
    assert_eq!((point.fields_double["n"], point.fields_double["version"]), (3.0, 1.0));
    let line = daemon.log.wait("so that version runs again", 1);
    assert!(
        line.contains("too much (in point, group 'a') (2 messages were handled again)"),
        "{line}"
    );
    assert_eq!(count(&mut daemon, "b"), (2.0, 1.0));
}

#[test]
fn a_burst_of_skipped_errors_rolls_back_too() {
    let folder = Folder::new("rollback-burst");
    folder.write("rhai-udf.toml", "on_error = 'skip'");
    let mut daemon = start(&folder, &counter(1));
    count(&mut daemon, "a");
    let fails =
        counter(2).replace("emit(p);", "if p.x > 5.0 { throw \"too much\"; }\n    emit(p);");
    folder.write("script.rhai", &fails);
    daemon.log.wait("reload: version", 1);
    daemon.send_all(vec![point(1, "a", &[("x", 9.0)]); 3]);
    let third = daemon.point();
    assert_eq!(third.fields_double["version"], 1.0);
    assert_eq!(third.fields_double["n"], 4.0, "the old version knows the two before");
    daemon.log.wait("so that version runs again", 1);
}

#[test]
fn an_error_of_both_versions_rolls_nothing_back() {
    let folder = Folder::new("rollback-both");
    let text = |version| {
        counter(version).replace("emit(p);", "if p.x > 5.0 { throw \"no\"; }\n    emit(p);")
    };
    let mut daemon = start(&folder, &text(1));
    count(&mut daemon, "a");
    folder.write("script.rhai", &text(2));
    daemon.log.wait("reload: version", 1);
    daemon.send(point(1, "a", &[("x", 9.0)]));
    let Answer::Error(error) = daemon.next() else { panic!() };
    assert!(error.error.contains("no (in point"), "{}", error.error);
    assert!(!daemon.log.text().contains("rolled back"));
}

fn open(group: &str) -> Request {
    Request::Begin(BeginBatch { group: group.into(), name: "m".into(), ..Default::default() })
}

fn close(group: &str) -> Request {
    Request::End(EndBatch { group: group.into(), name: "m".into(), tmax: 9, ..Default::default() })
}

#[test]
fn a_reload_in_the_middle_of_a_batch_waits_for_its_end() {
    let folder = Folder::new("reload-batch");
    let text = |version: u32| {
        format!(
            "fn info() {{ #{{ wants: \"batch\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0.0 }} \
             }}\nfn begin_batch(b) {{ this.begun = {version}.0; }}\nfn end_batch(b) {{ this.n += 1.0; \
             emit(b.point(#{{ n: this.n, begun: this.begun, version: {version}.0, len: b.len().to_float() \
             }})); }}\n"
        )
    };
    let mut daemon = start(&folder, &text(1));
    daemon.send_all(vec![open("a"), point(1, "a", &[("x", 1.0)])]);
    daemon.settle();
    folder.write("script.rhai", &text(2));
    // The watcher has seen the change when another follower of the file has.
    wait_for_watcher(&folder.path("script.rhai"));
    daemon.settle();
    assert!(!daemon.log.text().contains("reload: version"));
    daemon.send_all(vec![point(2, "a", &[("x", 1.0)]), close("a")]);
    let fields = daemon.point().fields_double;
    assert_eq!((fields["begun"], fields["version"], fields["len"]), (1.0, 1.0, 2.0));
    daemon.settle();
    daemon.log.wait("reload: version", 1);
    daemon.send_all(vec![open("a"), close("a")]);
    let fields = daemon.point().fields_double;
    assert_eq!((fields["begun"], fields["version"], fields["n"]), (2.0, 2.0, 2.0));
}

/// Waits for as long as a watcher needs to notice a save, by noticing another one.
fn wait_for_watcher(near: &Path) {
    let other = near.with_extension("other");
    std::fs::write(&other, "1").unwrap();
    let follow =
        rhai_udf::script::Watcher::start().unwrap().follow(&[(other.clone(), "1".into())], || {});
    for text in ["2", "3", "4"] {
        std::fs::write(&other, text).unwrap();
        assert!(follow.wait(crate::daemon::NEVER));
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_and_double_no_point() {
    let folder = Folder::new("reload-load");
    let mut daemon = start(&folder, &counter(0));
    let mut sent = 0.0;
    for version in 1..=100u32 {
        folder.write("next", &counter(version));
        std::fs::rename(folder.path("next"), folder.path("script.rhai")).unwrap();
        let done = |daemon: &Daemon| daemon.log.text().matches("reload: version").count();
        while done(&daemon) < version as usize {
            sent += 1.0;
            assert_eq!(count(&mut daemon, "a").0, sent);
        }
        sent += 1.0;
        assert_eq!(count(&mut daemon, "a"), (sent, f64::from(version)));
    }
    assert_eq!(count(&mut daemon, "a"), (sent + 1.0, 100.0));
}

/// A line without what differs from session to session: numbers, versions and the script's path.
fn masked(line: &str) -> String {
    let mut before = "";
    let words = line.split_whitespace().map(|word| {
        let (open, word) = word.strip_prefix('(').map_or(("", word), |word| ("(", word));
        let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
        let end = &word[bare.len()..];
        let what = match std::mem::replace(&mut before, bare) {
            "version" | "→" => "VERSION",
            "script" => "PATH",
            _ if bare.contains(".rhai:") => "PLACE",
            _ if bare.starts_with(|c: char| c.is_ascii_digit()) => "NUMBER",
            _ => return format!("{open}{word}"),
        };
        format!("{open}{what}{end}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The lines of the block of the operations page that begins with these words; a line goes on where it
/// is indented.
fn page_lines(begin: &str) -> Vec<String> {
    let page = std::fs::read_to_string(repo("docs/operations.md")).unwrap();
    let start = page.find(&format!("```text\n{begin}")).expect("the page has the block") + 8;
    let block = &page[start..start + page[start..].find("```").unwrap()];
    let mut lines: Vec<String> = Vec::new();
    for line in block.lines() {
        match lines.last_mut() {
            Some(last) if begin == "status:" || line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.into()),
        }
    }
    lines
}

#[test]
fn the_operations_page_shows_the_lines_of_the_log() {
    let folder = Folder::new("reload-page");
    let mut daemon = start(&folder, &counter(1));
    count(&mut daemon, "a");
    daemon.signal("USR1");
    let mut seen = vec![daemon.log.wait("status:", 1)];
    folder.write("script.rhai", &counter(2));
    seen.push(daemon.log.wait("with the state of", 1));
    folder.write("script.rhai", &counter(3).replace("+= 1.0;", "+= (1.0;"));
    seen.push(daemon.log.wait("is refused", 1));
    let option = counter(3).replace("\" }", "\", options: #{ size: \"int\" } }");
    folder.write("script.rhai", &option);
    seen.push(daemon.log.wait("is refused", 2));
    let fails =
        counter(3).replace("emit(p);", "if p.x > 5.0 { throw \"too much\"; }\n    emit(p);");
    folder.write("script.rhai", &fails);
    daemon.log.wait("with the state of", 2);
    daemon.send(point(1, "a", &[("x", 9.0)]));
    seen.push(daemon.log.wait("so that version runs again", 1));
    let shown = [page_lines("status:"), page_lines("reload:")].concat();
    assert_eq!(shown.len(), seen.len());
    for (shown, seen) in shown.iter().zip(&seen) {
        let seen = masked(seen);
        let mut rest = seen.as_str();
        for part in shown.split('…').map(masked) {
            let found = rest.find(&part);
            let at = found.unwrap_or_else(|| panic!("the page has\n{part}\nthe log has\n{seen}"));
            rest = &rest[at + part.len()..];
        }
    }
}
