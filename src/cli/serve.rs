//! `serve`: scripts on Unix sockets; each connection of the daemon is an instance of its own.

use super::run::{self, HostArgs, Hosted, Setup};
use super::signals::{self, Wish};
use super::{files, logging, usage};
use anyhow::Context;
use rhai_udf::agent::socket::{Accepted, Acceptor, Access, Sessions, SocketFile};
use rhai_udf::agent::{Control, Pulse};
use rhai_udf::protocol::duration;
use rhai_udf::script::folder::{Edges, Entry, declares};
use rhai_udf::script::{Program, ScriptText, Watcher};
use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the folder of `--dir` and the files of the sockets are checked.
const LOOK: Duration = Duration::from_secs(1);

/// How long no connection is accepted after the system had no threads or files left for one.
const PAUSE: Duration = Duration::from_millis(100);

/// Serve scripts on Unix sockets, for all uses of the daemon
///
/// Each script has a socket of its own, and each connection is a session of its own. With --dir there are also
/// sockets for the whole folder, one for each pair of edges (stream-to-stream.sock, …); a task that uses them names
/// the script with .script('NAME').
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scripts
    #[arg(value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// The socket of each script, in the same order; or one folder, in which each script gets SCRIPT.sock
    #[arg(long, value_name = "PATH", required = true)]
    socket: Vec<PathBuf>,
    /// Serve every script in this folder; scripts can be added and removed while the server runs
    #[arg(long, value_name = "DIR", conflicts_with = "scripts")]
    dir: Option<PathBuf>,
    /// Permissions of the sockets, in octal
    #[arg(long, default_value = "0600", value_parser = mode)]
    mode: u32,
    /// Owner of the sockets, as USER, USER:GROUP or :GROUP, by name or number
    #[arg(long, value_name = "USER:GROUP", value_parser = owner)]
    owner: Option<(Option<u32>, Option<u32>)>,
    /// How long the server waits for its sessions when it ends
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    stop_timeout: i64,
    #[command(flatten)]
    host: HostArgs,
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
    logging::start_for_many(level, &log, log::LevelFilter::Info);
    files::allow_many();
    let mut signals = signals::listen()?;
    let (acceptor, stopper) = Acceptor::new().context("connections cannot be waited for")?;
    let sessions = Sessions::default();
    let listeners = listeners(args, &sessions)?;
    let folders = args.dir.clone().zip(args.socket.first().cloned());
    let thread = std::thread::Builder::new()
        .name("listeners".into())
        .spawn(move || keep(listeners, folders, &acceptor))?;
    notify(&[sd_notify::NotifyState::Ready]);
    for signal in signals.forever() {
        match signals::wish(signal) {
            Wish::Report => {
                log::info!("status: {} sessions", sessions.count());
                sessions.report();
            }
            Wish::Stop => break,
        }
    }
    signals::end_at_once(signals)?;
    notify(&[sd_notify::NotifyState::Stopping]);
    stopper.stop();
    let _ = thread.join();
    let patience = Duration::from_nanos(u64::try_from(args.stop_timeout).unwrap_or(0));
    log::info!("ending: {} sessions", sessions.count());
    match sessions.stop(patience) {
        0 => log::info!("ended"),
        // Their threads end with the process.
        n => log::warn!("ended with {n} sessions still busy after {patience:?}"),
    }
    Ok(())
}

/// Listens on the sockets that the arguments name.
fn listeners(args: &Args, sessions: &Sessions) -> anyhow::Result<Listeners> {
    let server = Server {
        host: args.host.clone(),
        access: Access { mode: args.mode, owner: args.owner },
        sessions: sessions.clone(),
        watcher: Watcher::start().context("scripts cannot be watched")?,
    };
    let mut listeners = Listeners { server, running: BTreeMap::new(), inherited: inherited()? };
    match &args.dir {
        None => {
            for (script, socket) in pairs(&args.scripts, &args.socket)? {
                listeners.add(Hosted::Script(script), &socket)?;
            }
        }
        Some(dir) => {
            let [sockets] = args.socket.as_slice() else {
                return usage("with --dir, --socket is one folder for the sockets");
            };
            dir.read_dir().with_context(|| format!("--dir {}", dir.display()))?;
            std::fs::create_dir_all(sockets)
                .with_context(|| format!("--socket {}", sockets.display()))?;
            listeners.follow(dir, sockets);
            for edges in Edges::ALL {
                let socket = sockets.join(format!("{edges}.sock"));
                listeners.add(Hosted::Folder(Entry::new(dir, edges)), &socket)?;
            }
        }
    }
    Ok(listeners)
}

/// Notifies systemd, if systemd has started the process.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("systemd cannot be notified: {error}");
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
        return usage("give one --socket for each script, or one folder that exists");
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
    host: HostArgs,
    access: Access,
    sessions: Sessions,
    watcher: Watcher,
}

/// The sockets that are listened on, by what is behind them.
struct Listeners {
    server: Server,
    running: BTreeMap<Hosted, Listening>,
    /// Sockets of systemd that no script has yet.
    inherited: BTreeMap<PathBuf, UnixListener>,
}

struct Listening {
    socket: SocketFile,
    /// Whether the log says already that no daemon can connect.
    lost: bool,
}

impl Listeners {
    fn add(&mut self, hosted: Hosted, path: &Path) -> anyhow::Result<()> {
        let socket = match self.inherited.remove(&std::path::absolute(path)?) {
            Some(listener) => SocketFile::inherited(listener, path)
                .with_context(|| format!("socket {}", path.display()))?,
            None => SocketFile::bind(path, self.server.access)?,
        };
        match self.server.problem(&hosted) {
            None => log::info!("{hosted}: served on {}", path.display()),
            Some(problem) => log::error!(
                "{problem}; the socket {} exists, but every task that uses it is refused until the script is corrected",
                path.display()
            ),
        }
        self.running.insert(hosted, Listening { socket, lost: false });
        Ok(())
    }

    /// Serves the scripts that are in the folder now, and no others.
    fn follow(&mut self, dir: &Path, sockets: &Path) {
        let Ok(entries) = dir.read_dir() else { return };
        let there: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "rhai") && path.is_file())
            .collect();
        // Sessions that run go on.
        self.running.retain(|hosted, _| {
            let Hosted::Script(script) = hosted else { return true };
            let stays = there.contains(script);
            if !stays {
                log::info!("script {}: it was removed and is no longer served", script.display());
            }
            stays
        });
        for script in there {
            let socket = socket_of(&script, sockets);
            let hosted = Hosted::Script(script.clone());
            if self.running.contains_key(&hosted) || !declares(&script) {
                continue;
            }
            if let Err(error) = self.add(hosted, &socket) {
                log::error!("script {}: cannot be served: {error:#}", script.display());
            }
        }
    }

    /// Takes the connections that come within `time`; false when it is time to stop.
    fn accept(&self, acceptor: &Acceptor, time: Duration) -> bool {
        let sockets: Vec<&SocketFile> = self.running.values().map(|l| &l.socket).collect();
        let accepted = match acceptor.wait(&sockets, time) {
            Ok(Accepted::Connections(accepted)) => accepted,
            Ok(Accepted::Stopped) => return false,
            Err(error) => {
                log::error!("connections cannot be waited for: {error}");
                acceptor.pause(PAUSE);
                return true;
            }
        };
        let all: Vec<&Hosted> = self.running.keys().collect();
        for (i, connection) in accepted {
            let hosted = all[i];
            let started = connection.and_then(|stream| self.server.start(hosted, stream));
            if let Err(error) = started {
                // No descriptors or threads are left at the moment.
                log::error!("{hosted}: a connection is refused: {error}");
                acceptor.pause(PAUSE);
            }
        }
        true
    }

    /// Logs once if the file of a socket was removed.
    fn look_for_files(&mut self) {
        for (hosted, listening) in &mut self.running {
            let lost = !listening.socket.is_reachable();
            if lost && !listening.lost {
                log::warn!(
                    "{hosted}: the file of its socket {} was removed, so no daemon can connect; the open sessions continue. Restart this server to create the file again",
                    listening.socket.path().display()
                );
            }
            listening.lost = lost;
        }
    }
}

/// Keeps the listeners until it is time to stop; follows the folder, if there is one.
fn keep(mut listeners: Listeners, folders: Option<(PathBuf, PathBuf)>, acceptor: &Acceptor) {
    let mut looked = Instant::now();
    while listeners.accept(acceptor, LOOK.saturating_sub(looked.elapsed())) {
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        if let Some((dir, sockets)) = &folders {
            listeners.follow(dir, sockets);
        }
        listeners.look_for_files();
    }
}

impl Server {
    /// The problem of a script, if it has one; a broken script is served too, so that it can be corrected without a
    /// restart of the daemon.
    fn problem(&self, hosted: &Hosted) -> Option<String> {
        // The scripts of a folder are loaded when they are named.
        let Hosted::Script(script) = hosted else { return None };
        let config = match self.host.config(script) {
            Ok(config) => config,
            Err(error) => return Some(format!("script {}: {error}", script.display())),
        };
        let program = ScriptText::read(script)
            .and_then(|text| Program::load(text, &config.limits, &Pulse::default()));
        program.err().map(|error| error.to_string())
    }

    /// Serves a connection in a thread of its own.
    fn start(&self, hosted: &Hosted, stream: UnixStream) -> std::io::Result<()> {
        let (server, hosted) = (self.clone(), hosted.clone());
        self.sessions.spawn("session".into(), move |control| {
            session(&server, hosted, control, stream);
        })
    }
}

/// One connection, from its beginning to its end.
fn session(server: &Server, hosted: Hosted, control: &Control, stream: UnixStream) {
    let config = server.host.config(&hosted.path());
    let watch = config.as_ref().is_ok_and(|config| config.reload.watch);
    let watcher = watch.then(|| server.watcher.clone());
    let setup = Setup { hosted, config, watcher, workers: server.host.workers };
    let ended = stream
        .try_clone()
        .context("the connection cannot be used")
        .and_then(|writer| run::converse(&setup, control, stream, writer));
    match ended {
        Ok(counts) => {
            log::info!("{}: session ended: {}", setup.hosted, run::summary(&counts));
        }
        Err(error) => log::error!("{}: session failed: {error:#}", setup.hosted),
    }
}
