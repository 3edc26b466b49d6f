//! Starts servers and workers, feeds them and compares.

use async_nats::jetstream;
use rhai_udf::replay::Player;
use rhai_udf::replay::effects::Show;
use rhai_udf::replay::format::Format;
use rhai_udf::replay::player::Writers;
use rhai_udf::replay::source::{self, Reading};
use rhai_udf::replay::task::{ScriptTask, Task, Use};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long something may take that should take seconds: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where nats-server is; `None` if it is not installed, which is said loudly.
pub(crate) fn nats_server() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/bin".into()]);
    let found = folders.map(|folder| folder.join("nats-server")).find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var("RHAI_UDF_FLEET").is_ok_and(|value| value == "required");
        assert!(!required, "nats-server is not installed: apt-get install nats-server");
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: nats-server is not installed (apt-get install nats-server), so this test shows nothing"
        );
    }
    found
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A process that is killed with its owner.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends it as a machine that loses power would.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits; returns the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With `RHAI_UDF_KEEP` set, keeps the folder of a test that fails, with all logs, and says where it is.
fn keep_if_failed(folder: &mut TempDir) {
    if std::thread::panicking() && std::env::var_os("RHAI_UDF_KEEP").is_some() {
        folder.disable_cleanup(true);
        let _ = writeln!(std::io::stderr(), "kept: {}", folder.path().display());
    }
}

/// One server, or three that are a cluster.
pub(crate) struct Servers {
    program: PathBuf,
    folder: TempDir,
    ports: Vec<u16>,
    running: Vec<Option<Process>>,
    /// What each is given besides ports.
    arguments: Vec<Vec<String>>,
}

impl Servers {
    pub(crate) fn start(count: usize) -> Option<Self> {
        Self::start_with(count, "")
    }

    /// Starts servers whose configuration has this text, too.
    pub(crate) fn start_with(count: usize, text: &str) -> Option<Self> {
        Self::start_on(count, text, None, "64GB")
    }

    /// Starts servers that store so many bytes at most, in a folder that is there.
    pub(crate) fn start_on(
        count: usize,
        text: &str,
        stores: Option<&Path>,
        most: &str,
    ) -> Option<Self> {
        let program = nats_server()?;
        let folder = tempfile::tempdir().unwrap();
        let (ports, routes) = (free_ports::<3>(), free_ports::<3>());
        let all: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut arguments = Vec::new();
        for i in 0..count {
            let store = stores.unwrap_or(folder.path()).join(format!("store{i}"));
            let config = folder.path().join(format!("{i}.conf"));
            let cluster = format!(
                "cluster {{ name: c, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                routes[i],
                all.iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ")
            );
            let own = format!(
                "server_name: n{i}\nlisten: \"127.0.0.1:{}\"\n\
                 jetstream {{ store_dir: \"{}\", max_file_store: {most} }}\n{}{text}",
                ports[i],
                store.display(),
                if count > 1 { cluster } else { String::new() }
            );
            std::fs::write(&config, own).unwrap();
            arguments.push(vec!["-c".to_owned(), config.to_string_lossy().into_owned()]);
        }
        let mut servers = Self {
            program,
            folder,
            ports: ports[..count].to_vec(),
            running: (0..count).map(|_| None).collect(),
            arguments,
        };
        (0..count).for_each(|i| servers.restart(i));
        Some(servers)
    }

    pub(crate) fn restart(&mut self, i: usize) {
        let log = self.folder.path().join(format!("{i}.log"));
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&log).unwrap();
        let child = Command::new(&self.program)
            .args(&self.arguments[i])
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        self.running[i] = Some(Process { child, log });
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports[i]));
        wait_for("a server", || TcpStream::connect(address).is_ok());
    }

    pub(crate) fn kill(&mut self, i: usize) {
        self.running[i].take().unwrap().kill();
    }

    pub(crate) fn signal(&self, i: usize, name: &str) {
        self.running[i].as_ref().unwrap().signal(name);
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        keep_if_failed(&mut self.folder);
    }
}

/// Waits until something holds.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A fleet on servers.
pub(crate) struct Fleet {
    pub(crate) folder: TempDir,
    urls: Vec<String>,
    pub(crate) name: String,
    /// What the configuration has besides the servers.
    pub(crate) rest: String,
    count: std::cell::Cell<u32>,
}

impl Fleet {
    /// Makes a fleet that numbers points; `rest` is more of its configuration.
    pub(crate) fn new(urls: Vec<String>, rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/count.rhai");
        std::fs::copy(script, folder.path().join("count.rhai")).unwrap();
        let fleet = Self { folder, urls, name: "t".into(), rest: rest.into(), count: 0.into() };
        fleet.configure("f.toml", "");
        fleet
    }

    /// Makes and creates a fleet.
    pub(crate) fn create(urls: Vec<String>, rest: &str) -> Self {
        let fleet = Self::new(urls, rest);
        // A cluster that has just begun has no leader yet.
        let began = Instant::now();
        loop {
            let made = fleet.run(&["create"]);
            if made.status.success() {
                return fleet;
            }
            assert!(began.elapsed() < PATIENCE, "{}", text(&made.stderr));
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Writes a configuration; `more` comes at its end.
    pub(crate) fn configure(&self, name: &str, more: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let has_script = self.rest.contains("script = ");
        let script = if has_script { "" } else { "script = \"count.rhai\"\n" };
        let text = format!(
            "name = {:?}\nservers = {:?}\n{script}{}\n{more}",
            self.name, self.urls, self.rest
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let built = || env!("CARGO_BIN_EXE_rhai-udf-nats").into();
        // Another build of the program, such as the optimized one.
        let program = std::env::var_os("RHAI_UDF_NATS").unwrap_or_else(built);
        let mut command = Command::new(program);
        command.args(arguments).args(["-c", "f.toml"]).current_dir(self.folder.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; returns what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn start(&self, arguments: &[&str], name: &str) -> Process {
        self.count.set(self.count.get() + 1);
        let log = self.folder.path().join(format!("{name}-{}.log", self.count.get()));
        let file = std::fs::File::create(&log).unwrap();
        let out = file.try_clone().unwrap();
        let child = self.command(arguments).stdout(out).stderr(file).spawn().unwrap();
        Process { child, log }
    }

    /// Starts a command that may be killed.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Process {
        self.start(arguments, arguments[0])
    }

    pub(crate) fn worker(&self, id: &str) -> Process {
        self.start(&["worker", "--id", id], id)
    }

    pub(crate) fn feed(&self) -> Feed {
        self.feed_with(&[])
    }

    pub(crate) fn feed_with(&self, more: &[&str]) -> Feed {
        let process = self.start(&[&["feed", "--bind", "127.0.0.1:0"], more].concat(), "feed");
        let mut address = None;
        wait_for("the feed", || {
            let log = process.log();
            let line =
                log.lines().find_map(|line| line.split_once("listening on ")?.1.split_once("://"));
            address = line.and_then(|(_, text)| text.trim().parse().ok());
            address.is_some()
        });
        Feed { process, address: address.unwrap() }
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.ok(&["status", "--format", "json"])).unwrap()
    }

    /// Waits until each partition is at work somewhere.
    pub(crate) fn wait_until_running(&self) {
        wait_for("an owner of each partition", || {
            let Ok(output) = self.command(&["status", "--format", "json"]).output() else {
                return false;
            };
            let Ok(status) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else {
                return false;
            };
            let rows = status["partitions"].as_array().unwrap().clone();
            rows.iter().all(|row| row["stage"] == "running" && !row["worker"].is_null())
        });
    }

    /// The output, as soon as it has as many lines.
    pub(crate) fn output(&self, lines: usize) -> String {
        let began = Instant::now();
        loop {
            let shown = self.run(&["tail", "--all", "--idle", "1"]);
            let shown = text(&shown.stdout);
            let count = shown.lines().count();
            if count >= lines {
                return shown;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{count} of {lines} lines: {}",
                text(&self.run(&["status"]).stdout)
            );
        }
    }

    pub(crate) fn script(&self) -> PathBuf {
        self.folder.path().join("count.rhai")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        keep_if_failed(&mut self.folder);
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port for line protocol.
pub(crate) struct Feed {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Feed {
    /// Sends lines; returns the status.
    pub(crate) fn send(&self, lines: &str) -> u16 {
        self.send_with("", lines)
    }

    /// Sends lines with more headers, each with its end.
    pub(crate) fn send_with(&self, headers: &str, lines: &str) -> u16 {
        let answer = || -> std::io::Result<u16> {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            write!(
                stream,
                "POST /write?db=d HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{lines}",
                lines.len()
            )?;
            let mut line = String::new();
            let mut reader = BufReader::new(stream);
            reader.read_line(&mut line)?;
            let _ = reader.read_to_end(&mut Vec::new());
            Ok(line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0))
        };
        answer().unwrap_or(0)
    }

    /// Sends lines until they are acknowledged, as Telegraf does.
    pub(crate) fn send_until_taken(&self, lines: &str) {
        wait_for("an acknowledgement", || self.send(lines) == 204);
    }
}

/// Points `from..to` of so many groups, a line each.
pub(crate) fn points(from: u64, to: u64, groups: u64) -> String {
    (from..to)
        .map(|i| {
            let group = i % groups;
            let x = i.wrapping_mul(2_654_435_761) % 1000;
            format!("m,host=h{group} x={x} {}\n", 1_700_000_000_000_000_000 + i * 1_000_000)
        })
        .collect()
}

/// What a replay makes of lines.
pub(crate) fn replayed(script: &Path, lines: &str) -> String {
    let task = ScriptTask {
        script: script.to_owned(),
        group_by: vec!["*".into()],
        uses: vec![Use::default()],
        output: true,
        show: Show { format: Some(Format::LineProtocol), ..Show::default() },
        ..ScriptTask::default()
    };
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let shown = Shared::default();
    let writers = Writers { shown: Box::new(shown.clone()), points: None };
    let mut player = Player::start_on(Task::Script(task), writers, 1).unwrap();
    let mut source = source::of_text(lines.to_owned(), Path::new("fed"), &Reading::default());
    player.play(&mut *source, &mut |_| {}).unwrap();
    player.finish(&[]).unwrap();
    player.flush().unwrap();
    let bytes = shown.0.lock().unwrap().clone();
    text(&bytes)
}

/// The lines of each group, in their order.
pub(crate) fn by_group(lines: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines.lines() {
        let group = line.split(' ').next().unwrap_or_default();
        groups.entry(group).or_default().push(line);
    }
    groups
}

/// Compares line for line in each group.
pub(crate) fn assert_same(output: &str, expected: &str) {
    let (output, expected) = (by_group(output), by_group(expected));
    assert_eq!(output.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (group, lines) in &expected {
        let out = &output[group];
        for (i, line) in lines.iter().enumerate() {
            assert_eq!(out.get(i), Some(line), "{group}, line {i} of {}", lines.len());
        }
        assert_eq!(out.len(), lines.len(), "{group} has lines twice");
    }
}

/// A client of the servers.
pub(crate) struct Client {
    runtime: tokio::runtime::Runtime,
    pub(crate) context: jetstream::Context,
}

impl Client {
    pub(crate) fn new(urls: &[String]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async_nats::connect(urls)).unwrap();
        let context = {
            let _guard = runtime.enter();
            jetstream::new(client)
        };
        Self { runtime, context }
    }

    pub(crate) fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The messages of a stream that are there.
    pub(crate) fn messages(&self, stream: &str) -> Vec<jetstream::message::StreamMessage> {
        self.block(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            let state = stream.cached_info().state.clone();
            let mut all = Vec::new();
            for sequence in state.first_sequence..=state.last_sequence {
                // In a cluster that was killed, a leader may be on its way.
                let message = loop {
                    match stream.get_raw_message(sequence).await {
                        Ok(message) => break message,
                        Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                    }
                };
                all.push(message);
            }
            all
        })
    }

    /// The names of all streams.
    pub(crate) fn streams(&self) -> Vec<String> {
        use futures_util::TryStreamExt;
        self.block(self.context.stream_names().try_collect()).unwrap_or_default()
    }

    /// All lines of the inputs of a layout, partition after partition.
    pub(crate) fn fed(&self, generation: u64, partitions: u32) -> String {
        let mut lines = String::new();
        for number in 0..partitions {
            for message in self.messages(&format!("t_IN_{generation}_{number}")) {
                lines.push_str(&text(&message.payload));
            }
        }
        lines
    }
}

/// What is stored in the inputs and what came out, as soon as both are the same number of lines twice in a row: what a
/// sender was refused may be stored after all, while servers find together again. `before` is how many lines of the
/// output belong to inputs that are gone.
pub(crate) fn settled(
    fleet: &Fleet,
    client: &Client,
    (generation, partitions): (u64, u32),
    before: usize,
) -> (String, String) {
    let mut changed = Instant::now();
    let mut last = (0, 0);
    loop {
        let fed = client.fed(generation, partitions);
        let output = text(&fleet.run(&["tail", "--all", "--idle", "1"]).stdout);
        let (stored, out) = (before + fed.lines().count(), output.lines().count());
        if stored == out && last == (stored, out) {
            return (fed, output);
        }
        if last != (stored, out) {
            (changed, last) = (Instant::now(), (stored, out));
        }
        let status = || text(&fleet.run(&["status"]).stdout);
        assert!(changed.elapsed() < PATIENCE, "{out} lines of {stored} are out: {}", status());
    }
}
