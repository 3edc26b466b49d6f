//! `replay --watch`: a save replays the data, and what changed is shown.

use crate::daemon::Log;
use crate::util::*;
use std::process::{Child, Stdio};

const SCRIPT: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                      fn point(p) { p.y = p.x * 2.0; emit(p); }\n";

/// A replay that runs until this is dropped. What it writes is kept by stream: the order of lines
/// on standard output and standard error is known within a stream only.
struct Watching {
    child: Child,
    stdout: Log,
    stderr: Log,
}

impl Watching {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut child = binary()
            .current_dir(folder.path(""))
            .arg("replay")
            .args(arguments)
            .args(["--data", "data.lp", "--watch"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Log::of(child.stdout.take().unwrap());
        let stderr = Log::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_save_replays_and_shows_what_changed() {
    let folder = Folder::new("watching");
    folder.write("data.lp", "m x=1 1600000000000000000\nm x=2 1600000001000000000\n");
    folder.write("script.rhai", SCRIPT);
    let watching = Watching::start(&folder, &["script.rhai"]);
    watching.stdout.wait("x=1.0 y=2.0", 1);
    watching.stderr.wait("waiting for a change", 1);
    folder.write("script.rhai", &SCRIPT.replace("* 2.0", "* 3.0"));
    watching.stdout.wait("output: 2 of 4 values differ, 0 only in the old, 0 only in the new", 1);
    watching.stdout.wait("  2020-09-13T12:26:41Z  m  y: 4.0 -> 6.0", 1);
    watching.stderr.wait("waiting for a change", 2);
    folder.write("script.rhai", "fn info() { broken");
    watching.stderr.wait("script.rhai:1:", 1);
    watching.stderr.wait("waiting for a change", 3);
    folder.write("script.rhai", &SCRIPT.replace("* 2.0", "* 3.0 "));
    watching.stdout.wait("the output is the same", 1);
}

/// A TICKscript is followed, and so are the scripts that it calls, with their modules.
#[test]
fn a_save_of_a_task_or_of_what_it_calls_replays_too() {
    let folder = Folder::new("watching-tick");
    folder.write("data.lp", "m x=1 1600000000000000000\nm x=2 1600000001000000000\n");
    folder.write("task.tick", "stream|from()@scaled()|log()");
    folder.write("scale.rhai", "fn factor() { 2.0 }");
    let script = "import \"scale\" as scale;\n\
        fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
        fn point(p) { p.y = p.x * scale::factor(); emit(p); }\n";
    folder.write("scaled.rhai", script);
    let watching = Watching::start(&folder, &["task.tick", "--udf", "scaled=scaled.rhai"]);
    watching.stdout.wait("\"y\":4", 1);
    watching.stderr.wait("waiting for a change", 1);
    folder.write("task.tick", "stream|from()@scaled()|log().level('WARN')");
    watching.stdout.wait("+ WARN", 2);
    watching.stderr.wait("waiting for a change", 2);
    folder.write("scaled.rhai", &script.replace("p.x *", "10.0 * p.x *"));
    watching.stdout.wait("\"y\":40", 1);
    watching.stderr.wait("waiting for a change", 3);
    folder.write("scale.rhai", "fn factor() { 3.0 }");
    watching.stdout.wait("\"y\":60", 1);
}
