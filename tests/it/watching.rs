//! `replay --watch`: a save replays the data, and what changed is shown.

use crate::util::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SCRIPT: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                      fn point(p) { p.y = p.x * 2.0; emit(p); }\n";

/// A replay that goes on until this is dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(folder: &Folder) -> Self {
        let mut child = binary()
            .arg("replay")
            .arg(folder.path("script.rhai"))
            .arg("--data")
            .arg(folder.path("data.lp"))
            .arg("--watch")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let forward = |reader: Box<dyn BufRead + Send>| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in reader.lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        };
        let stdout: ChildStdout = child.stdout.take().unwrap();
        forward(Box::new(BufReader::new(stdout)));
        forward(Box::new(BufReader::new(child.stderr.take().unwrap())));
        Self { child, lines }
    }

    /// Waits for a line that has this part.
    fn wait_for(&self, part: &str) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(part) => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with '{part}' in {seen:#?}"),
            }
        }
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
    let watching = Watching::start(&folder);
    watching.wait_for("x=1.0 y=2.0");
    watching.wait_for("waiting for a change");
    folder.write("script.rhai", &SCRIPT.replace("* 2.0", "* 3.0"));
    watching.wait_for("2 lines went (-), 2 came (+)");
    watching.wait_for("+ 2020-09-13T12:26:41Z  m  x=2.0 y=6.0");
    watching.wait_for("waiting for a change");
    folder.write("script.rhai", "fn info() { broken");
    watching.wait_for("script.rhai:1:");
    watching.wait_for("waiting for a change");
    folder.write("script.rhai", &SCRIPT.replace("* 2.0", "* 3.0 "));
    watching.wait_for("the output is the same");
}
