//! Every command of the book runs, and prints what the book shows: all lines, in their order.
//!
//! A block `sh` is run by bash in a folder that holds what the book uses; the block `text` below it shows
//! its standard output, its standard error, or first the one and then the other. `…` stands for anything,
//! as a line for any lines. A block whose label ends with a file's name (`rhai jump.rhai`) is written to that
//! file. Blocks of a page run in their order, in one folder. Folders of the system stand for folders
//! in it, and the port 9092 for one that is free. [`pages`](crate::pages) tells of the remarks above blocks.

use crate::pages::{Block, Remark, blocks, file, is_line, is_output};
use crate::util::*;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Folders of the system that a page names; in the tests they are below the page's folder.
const SYSTEM: [&str; 7] = [
    "/etc/rhai-udf",
    "/etc/kapacitor",
    "/var/lib/rhai-udf",
    "/var/lib/kapacitor",
    "/run/rhai-udf",
    "/usr/share/rhai-udf",
    "/usr/local/bin",
];

/// What no command of the book does while it is tested.
const CHANGES: [&str; 11] = [
    "sudo ",
    "apt",
    "dpkg",
    "systemctl",
    "podman",
    "docker",
    "cargo ",
    "npm ",
    "/etc/",
    "/usr/",
    "/var/",
];

/// How long a serving command may take to print what the page shows.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that serves, and what it has printed.
struct Server {
    child: Child,
    lines: Receiver<String>,
    printed: Vec<String>,
    port: String,
}

impl Server {
    /// Starts a command in a process group of its own.
    fn start(mut command: Command) -> Self {
        command.process_group(0).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self { child, lines, printed: Vec::new(), port: "9092".to_owned() }
    }

    /// Waits for the lines that a page shows; what is wrong if they do not come.
    fn wait(&mut self, shown: &str, place: &Place) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let printed = |line: &str| {
                self.printed.iter().any(|got| is_line(line, &place.shown(got, &self.port)))
            };
            let missing = shown.lines().find(|line| *line != "…" && !printed(line));
            let Some(missing) = missing.map(str::to_owned) else { return Ok(()) };
            let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
            else {
                return Err(format!("not printed: {missing}\nbut:\n{}", self.printed.join("\n")));
            };
            if let Some((_, address)) = line.split_once("listening on http")
                && let Some((_, port)) = address.rsplit_once(':')
            {
                self.port = port.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
            }
            self.printed.push(line);
        }
    }

    /// Stops it as Ctrl-C does; what is wrong if it fails then.
    fn stop(mut self) -> Result<(), String> {
        let group = format!("-{}", self.child.id());
        Command::new("kill").args(["-INT", "--", &group]).status().unwrap();
        let status = self.child.wait().unwrap();
        self.printed.extend(self.lines.iter());
        match status.code() {
            Some(0) => Ok(()),
            code => Err(format!("it ended with {code:?}:\n{}", self.printed.join("\n"))),
        }
    }
}

/// A folder with what the commands of the book name, and the program on the path.
struct Place {
    folder: Folder,
    path: String,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new("book");
        for name in ["scripts", "examples", "tests"] {
            std::os::unix::fs::symlink(repo(name), folder.path(name)).unwrap();
        }
        for name in SYSTEM {
            std::fs::create_dir_all(folder.path(&name[1..])).unwrap();
        }
        let program = binary().get_program().to_owned();
        let bin = Path::new(&program).parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Self { folder, path }
    }

    /// A command as it can be run here.
    fn here(&self, text: &str, port: &str) -> String {
        let mut text = text.replace(":9092", &format!(":{port}"));
        for name in SYSTEM {
            let here = self.folder.path(&name[1..]);
            text = text.replace(name, &here.display().to_string());
        }
        text
    }

    /// An output as a page shows it.
    fn shown(&self, output: &str, port: &str) -> String {
        let folder = self.folder.path("");
        let folder = folder.display().to_string();
        let text = output.replace(&format!("{}/", folder.trim_end_matches('/')), "/");
        text.replace(&format!(":{port}"), ":9092")
    }

    fn bash(&self, text: &str) -> Command {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", text]).current_dir(self.folder.path(""));
        bash.env("PATH", &self.path).env_remove("KAPACITOR_LOGGING_LEVEL");
        bash
    }

    fn run(&self, text: &str) -> Run {
        feed(&mut self.bash(text), b"")
    }
}

/// A page that is being run.
struct Page {
    name: String,
    place: Place,
    /// The last command: its standard output and standard error.
    last: Option<(String, String)>,
    server: Option<Server>,
    /// The server has been started, and what it shows of itself has not been read yet.
    starting: bool,
    count: usize,
}

impl Page {
    fn block(&mut self, block: &Block) -> Result<(), String> {
        let Block { label, text, remark, .. } = block;
        if let Some(file) = file(label) {
            self.place.folder.write(file, &self.place.here(text, "9092"));
        }
        let port = self.server.as_ref().map_or("9092", |server| &server.port).to_owned();
        let command = self.place.here(text, &port);
        match (&**label, remark) {
            (_, Some(Remark::NotRun(reason))) => {
                self.last = None;
                if reason.trim().len() < 10 { Err("why not?".into()) } else { Ok(()) }
            }
            ("prepare", _) => self.run(&command, 0),
            ("sh", _) if changes(text) => {
                Err("it would change the machine, so it is marked as not run".into())
            }
            ("sh", Some(Remark::Serves)) => {
                self.stop()?;
                let command = command.replace("--port 9092", "");
                let command = command.replace("rhai-udf listen ", "rhai-udf listen --port 0 ");
                let command = command.replace(" --live ", " --live --port 0 ");
                self.server = Some(Server::start(self.place.bash(&command)));
                self.count += 1;
                self.starting = true;
                Ok(())
            }
            ("sh", Some(Remark::Exits(code))) => self.run(&command, *code),
            ("sh", _) => self.run(&command, 0),
            ("text", remark) => self.text(text, matches!(remark, Some(Remark::PrintedByServer))),
            _ => Ok(()),
        }
    }

    /// Runs a command that ends.
    fn run(&mut self, command: &str, code: i32) -> Result<(), String> {
        if std::mem::take(&mut self.starting) {
            return Err("no block shows what the command before prints when it serves".into());
        }
        let run = self.place.run(command);
        self.count += 1;
        let port = self.server.as_ref().map_or("9092", |server| &server.port);
        let output = self.place.shown(&run.text(), port);
        self.last = Some((output, self.place.shown(&run.stderr, port)));
        match run.code == Some(code) {
            true => Ok(()),
            false => Err(format!("it ended with {:?}\n{}{}", run.code, run.text(), run.stderr)),
        }
    }

    /// Compares what is shown with what was printed.
    fn text(&mut self, shown: &str, by_server: bool) -> Result<(), String> {
        if std::mem::take(&mut self.starting) || by_server {
            let server = self.server.as_mut().ok_or("nothing runs")?;
            return server.wait(shown, &self.place);
        }
        let (out, err) = self.last.as_ref().ok_or("no command that is run stands before it")?;
        let lines = |text: &'_ str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let candidates = [lines(out), lines(err), [lines(out), lines(err)].concat()];
        let shown: Vec<&str> = shown.lines().collect();
        let is_shown = |lines: &Vec<String>| {
            is_output(&shown, &lines.iter().map(String::as_str).collect::<Vec<_>>())
        };
        match candidates.iter().any(is_shown) {
            true => Ok(()),
            false => Err(format!("the output is another:\n{out}-- standard error:\n{err}")),
        }
    }

    fn stop(&mut self) -> Result<(), String> {
        self.starting = false;
        self.server.take().map_or(Ok(()), Server::stop)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.child.kill();
        }
    }
}

/// Whether a command would change the machine.
fn changes(text: &str) -> bool {
    let text = SYSTEM.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
    CHANGES.iter().any(|word| text.contains(word))
}

/// Runs a page; returns how many commands ran, and what is wrong.
fn page(name: &str) -> (usize, Vec<String>) {
    let (blocks, mut faults) = blocks(name, &std::fs::read_to_string(repo(name)).unwrap());
    let (name, place) = (name.to_owned(), Place::new());
    let mut page = Page { name, place, last: None, server: None, starting: false, count: 0 };
    for block in blocks {
        let fault = page.block(&block).err();
        faults.extend(fault.map(|why| format!("{}:{}: {why}", page.name, block.line)));
    }
    faults.extend(page.stop().err().map(|why| format!("{}: {why}", page.name)));
    (page.count, faults)
}

#[test]
fn every_command_of_the_book_prints_what_the_book_shows() {
    let only = std::env::var("RHAI_UDF_PAGE").ok();
    let mut names: Vec<String> = std::fs::read_dir(repo("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        // functions.md is generated; reference::tests runs its examples.
        .filter(|name| name.ends_with(".md") && name != "docs/functions.md")
        .filter(|name| only.as_ref().is_none_or(|only| name.contains(only)))
        .collect();
    names.sort();
    let (one, two) = names.split_at(names.len() / 2);
    let half = |names: &[String]| names.iter().map(|name| page(name)).collect::<Vec<_>>();
    let results = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(two));
        let mut results = half(one);
        results.extend(other.join().unwrap());
        results
    });
    let faults: Vec<String> = results.iter().flat_map(|(_, faults)| faults.clone()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let count: usize = results.iter().map(|(count, _)| count).sum();
    assert!(only.is_some() || count >= 60, "{count}");
}

/// The commands of the examples run as they stand, in a shell at the top of the repository.
#[test]
fn the_examples_of_the_scripts_run_as_they_stand() {
    let place = Place::new();
    for entry in std::fs::read_dir(repo("scripts/examples")).unwrap() {
        let file = entry.unwrap().path().join("command");
        let command = std::fs::read_to_string(&file).unwrap();
        let run = place.run(&command);
        assert_eq!(run.code, Some(0), "{}: {}", file.display(), run.stderr);
        assert!(!run.stdout.is_empty(), "{}: {}", file.display(), run.stderr);
    }
}
