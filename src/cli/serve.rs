//! `serve`: scripts on Unix sockets; each connection of the daemon is an instance of its own.

use super::run::{self, Host};
use super::signals::{self, Wish};
use super::{logging, usage};
use anyhow::Context;
use rhai_udf::agent::Control;
use rhai_udf::agent::socket::{Access, Sessions, bind};
use rhai_udf::protocol::duration;
use rhai_udf::script::Watcher;
use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How often the folder of `--dir` is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Serve scripts on Unix sockets, for all uses of the daemon
///
/// Each script has a socket of its own, and each connection is an instance of its own.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scripts
    #[arg(value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// The socket of each script, in their order; or one folder, for SCRIPT.sock in it
    #[arg(long, value_name = "PATH", required = true)]
    socket: Vec<PathBuf>,
    /// Serve every script in this folder; scripts may come and go
    #[arg(long, value_name = "DIR", conflicts_with = "scripts")]
    dir: Option<PathBuf>,
    /// Permissions of the sockets, in octal
    #[arg(long, default_value = "0600", value_parser = mode)]
    mode: u32,
    /// Owner of the sockets, as USER, USER:GROUP or :GROUP, by name or number
    #[arg(long, value_name = "USER:GROUP", value_parser = owner)]
    owner: Option<(Option<u32>, Option<u32>)>,
    /// How long sessions may take to end
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    stop_timeout: i64,
    #[command(flatten)]
    host: Host,
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("write permissions in octal, as in 0660".into()),
    }
}

type Owner = (Option<u32>, Option<u32>);

fn owner(text: &str) -> Result<Owner, String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let find = |name: &str, file: &str, what: &str| match name {
        "" => Ok(None),
        name => number(name, file).map(Some).ok_or_else(|| format!("there is no {what} '{name}'")),
    };
    Ok((find(user, "/etc/passwd", "user")?, find(group, "/etc/group", "group")?))
}

/// The number of a user or a group.
fn number(name: &str, file: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let first = args.scripts.first().cloned();
    let beside = first.or(args.dir.as_ref().map(|d| d.join("x"))).unwrap_or_default();
    let config = args.host.config(&beside);
    let log = config.as_ref().map_or_else(|_| Default::default(), |c| c.log.clone());
    logging::start(level, &log, log::LevelFilter::Info);
    let mut signals = signals::listen()?;
    let server = Server {
        host: args.host.clone(),
        access: Access { mode: args.mode, owner: args.owner },
        sessions: Sessions::default(),
        watcher: Watcher::start().context("scripts cannot be watched")?,
    };
    let mut inherited = inherited()?;
    let (stop, stopped) = mpsc::channel::<()>();
    let mut listeners = Listeners { server: server.clone(), running: BTreeMap::new() };
    match &args.dir {
        None => {
            for (script, socket) in pairs(&args.scripts, &args.socket)? {
                listeners.add(&script, &socket, &mut inherited)?;
            }
        }
        Some(dir) => {
            let [sockets] = args.socket.as_slice() else {
                return usage("with --dir, --socket names the one folder for the sockets");
            };
            dir.read_dir().with_context(|| format!("--dir {}", dir.display()))?;
            std::fs::create_dir_all(sockets)
                .with_context(|| format!("--socket {}", sockets.display()))?;
            listeners.follow(dir, sockets, &mut inherited);
        }
    }
    let folders = args.dir.clone().zip(args.socket.first().cloned());
    let thread = std::thread::Builder::new().name("listeners".into()).spawn(move || {
        keep(listeners, folders, &stopped);
    })?;
    notify(&[sd_notify::NotifyState::Ready]);
    for signal in signals.forever() {
        match signals::wish(signal) {
            Wish::Report => {
                log::info!("status: {} sessions", server.sessions.count());
                server.sessions.report();
            }
            Wish::Stop => break,
        }
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    drop(stop);
    let _ = thread.join();
    let patience = Duration::from_nanos(u64::try_from(args.stop_timeout).unwrap_or(0));
    log::info!("ending: {} sessions", server.sessions.count());
    match server.sessions.stop(patience) {
        0 => log::info!("ended"),
        // Their threads end with the process.
        n => log::warn!("ended with {n} sessions still busy after {patience:?}"),
    }
    Ok(())
}

/// Tells systemd, if it started us.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("systemd cannot be told: {error}");
    }
}

/// Scripts with their sockets.
fn pairs(scripts: &[PathBuf], sockets: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    if scripts.is_empty() {
        return usage("name a script, or a folder of scripts with --dir");
    }
    if let [folder] = sockets
        && folder.is_dir()
    {
        let socket = |script: &PathBuf| socket_of(script, folder);
        return Ok(scripts.iter().map(|s| (s.clone(), socket(s))).collect());
    }
    if scripts.len() != sockets.len() {
        return usage("name one --socket for each script, or one folder that exists");
    }
    Ok(scripts.iter().cloned().zip(sockets.iter().cloned()).collect())
}

fn socket_of(script: &Path, folder: &Path) -> PathBuf {
    let mut name = script.file_stem().unwrap_or_default().to_owned();
    name.push(".sock");
    folder.join(name)
}

/// The sockets that systemd hands over, by their path.
fn inherited() -> anyhow::Result<BTreeMap<PathBuf, UnixListener>> {
    let mut all = BTreeMap::new();
    let mut fds = listenfd::ListenFd::from_env();
    for i in 0..fds.len() {
        let listener = fds.take_unix_listener(i).context("a socket from systemd")?;
        let Some(listener) = listener else { continue };
        let address = listener.local_addr().context("a socket from systemd")?;
        match address.as_pathname() {
            Some(path) => drop(all.insert(path.to_path_buf(), listener)),
            None => log::warn!("a socket from systemd has no path and is not used"),
        }
    }
    Ok(all)
}

/// What sessions are made from.
#[derive(Clone)]
struct Server {
    host: Host,
    access: Access,
    sessions: Sessions,
    watcher: Watcher,
}

/// The sockets that are listened on, by their scripts.
struct Listeners {
    server: Server,
    running: BTreeMap<PathBuf, Listening>,
}

struct Listening {
    socket: PathBuf,
    /// systemd made the socket, and keeps it.
    inherited: bool,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Listeners {
    fn add(
        &mut self,
        script: &Path,
        socket: &Path,
        inherited: &mut BTreeMap<PathBuf, UnixListener>,
    ) -> anyhow::Result<()> {
        let absolute = std::path::absolute(socket)?;
        let (listener, from_systemd) = match inherited.remove(&absolute) {
            Some(listener) => (listener, true),
            None => (bind(socket, self.server.access)?, false),
        };
        log::info!("script {}: served on {}", script.display(), socket.display());
        let stop = Arc::new(AtomicBool::new(false));
        let (server, path, stops) = (self.server.clone(), script.to_path_buf(), stop.clone());
        let thread = std::thread::Builder::new().name("listener".into()).spawn(move || {
            accept(&listener, &server, &path, &stops);
        })?;
        let socket = socket.to_path_buf();
        let listening = Listening { socket, inherited: from_systemd, stop, thread: Some(thread) };
        self.running.insert(script.to_path_buf(), listening);
        Ok(())
    }

    /// Serves the scripts that are in the folder now, and no others.
    fn follow(
        &mut self,
        dir: &Path,
        sockets: &Path,
        inherited: &mut BTreeMap<PathBuf, UnixListener>,
    ) {
        let Ok(entries) = dir.read_dir() else { return };
        let there: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "rhai") && path.is_file())
            .collect();
        self.running.retain(|script, listening| {
            let stays = there.contains(script);
            if !stays {
                log::info!("script {}: gone, no longer served", script.display());
                listening.end();
            }
            stays
        });
        for script in there {
            if self.running.contains_key(&script) || !declares(&script) {
                continue;
            }
            let socket = socket_of(&script, sockets);
            if let Err(error) = self.add(&script, &socket, inherited) {
                log::error!("script {}: cannot be served: {error:#}", script.display());
            }
        }
    }
}

/// Modules lie beside scripts and have no `info`.
fn declares(script: &Path) -> bool {
    std::fs::read_to_string(script).is_ok_and(|text| text.contains("fn info"))
}

impl Listening {
    /// Ends listening; sessions go on.
    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Whoever waits for a connection gets one.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if !self.inherited {
            let _ = std::fs::remove_file(&self.socket);
        }
    }
}

/// Keeps the listeners until `stopped` closes; follows the folder, if there is one.
fn keep(
    mut listeners: Listeners,
    folders: Option<(PathBuf, PathBuf)>,
    stopped: &mpsc::Receiver<()>,
) {
    while stopped.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
        if let Some((dir, sockets)) = &folders {
            listeners.follow(dir, sockets, &mut BTreeMap::new());
        }
    }
    listeners.running.values_mut().for_each(Listening::end);
}

/// Takes connections, each as a session of its own.
fn accept(listener: &UnixListener, server: &Server, script: &Path, stop: &AtomicBool) {
    loop {
        let accepted = listener.accept();
        if stop.load(Ordering::Acquire) {
            return;
        }
        let started = accepted.and_then(|(stream, _)| {
            let (server, script) = (server.clone(), script.to_path_buf());
            let name = "session".to_owned();
            let sessions = server.sessions.clone();
            sessions.spawn(name, move |control| session(&server, &script, control, stream))
        });
        if let Err(error) = started {
            // No descriptors or threads are left; some will be given back.
            log::error!("script {}: a connection is refused: {error}", script.display());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
}

/// One connection, from its beginning to its end.
fn session(server: &Server, script: &Path, control: &Control, stream: UnixStream) {
    let config = server.host.config(script);
    let watch = config.as_ref().is_ok_and(|config| config.reload.watch);
    let watcher = watch.then_some(&server.watcher);
    let ended = stream
        .try_clone()
        .context("the connection cannot be used")
        .and_then(|writer| run::converse(script, config, watcher, control, stream, writer));
    match ended {
        Ok(counts) => {
            log::info!("script {}: session ended: {}", script.display(), run::summary(&counts));
        }
        Err(error) => log::error!("script {}: session failed: {error:#}", script.display()),
    }
}
