//! Checks one function of kapacitor.conf as the daemon will start it.

use super::super::run::{HostArgs, Hosted};
use super::super::{Cli, Command as CliCommand};
use super::conf::{Function, KapacitorConf, Place};
use super::peer;
use super::rights::{Denied, User, Want};
use super::{Findings, Level};
use clap::Parser;
use clap::error::ErrorKind;
use rhai_udf::agent::Pulse;
use rhai_udf::protocol::duration;
use rhai_udf::script::config::Config;
use rhai_udf::script::{Program, ScriptText};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments that work.
const EXAMPLE: &str = r#"args = ["run", "/etc/rhai-udf/SCRIPT.rhai"]"#;

/// Below this the daemon refuses a timeout.
const SHORTEST: i64 = 1_000_000;

/// Checks a function.
pub(super) fn check(
    function: &Function,
    conf: &KapacitorConf,
    user: &User,
    run: bool,
    findings: &mut Findings,
) {
    let about = function.about();
    timeout(function, findings);
    match (&function.prog, &function.socket) {
        (Some(prog), None) if is_ours(&prog.value) => {
            program(function, &prog.value, &prog.place, user, findings);
        }
        (Some(prog), None) => {
            peer::program(function, &prog.value, &prog.place, user, run, findings);
        }
        (None, Some(socket)) => {
            peer::socket(function, Path::new(&socket.value), &socket.place, user, findings);
        }
        (Some(_), Some(socket)) => drop(
            findings
                .error(
                    &about,
                    "it has both prog and socket, and the daemon accepts only one of them",
                )
                .at(&socket.place)
                .fix("remove the line of one of the two"),
        ),
        (None, None) => drop(
            findings
                .error(&about, "it has neither prog nor socket, so the daemon does not start")
                .at(&function.place)
                .fix("rhai-udf conf SCRIPT prints the lines to write"),
        ),
    }
    if let Some(socket) = &function.socket
        && !function.args.is_empty()
        && function.prog.is_none()
    {
        findings
            .error(&about, "it has args and socket, and the daemon does not start with both")
            .at(&socket.place)
            .fix("remove the line of args: arguments belong to the server that listens on the socket");
    }
    let same = conf.functions.iter().filter(|other| {
        other.socket.is_some()
            && other.name < function.name
            && other.socket.as_ref().map(|s| &s.value) == function.socket.as_ref().map(|s| &s.value)
    });
    for other in same {
        findings
            .warning(
                &about,
                format!("it has the same socket as {}, so both run the same script", other.name),
            )
            .at(&function.place);
    }
}

/// The daemon needs a timeout that is long enough.
fn timeout(function: &Function, findings: &mut Findings) {
    let about = function.about();
    match &function.timeout {
        None if function.told.contains(&"timeout") => {}
        None => drop(
            findings
                .error(&about, "it has no timeout, and the daemon does not start without one")
                .at(&function.place)
                .fix("timeout = \"10s\""),
        ),
        Some(timeout) if timeout.value <= SHORTEST => drop(
            findings
                .error(&about, "its timeout is too small: the daemon needs more than 1ms")
                .at(&timeout.place)
                .fix("timeout = \"10s\""),
        ),
        Some(_) => {}
    }
}

/// Tells whether a program is this one, by its name.
fn is_ours(prog: &str) -> bool {
    let own = std::env::current_exe().ok();
    Path::new(prog).file_name().is_some_and(|name| name == "rhai-udf")
        || own.is_some_and(|own| own.as_path() == Path::new(prog))
}

/// Tells that a user may not do something; true if it may.
pub(super) fn may(
    user: &User,
    path: &Path,
    want: Want,
    about: &str,
    place: &Place,
    findings: &mut Findings,
) -> bool {
    let Err(denied) = user.may(path, want) else { return true };
    let finding = findings.error(about, denied.why(user, want)).at(place);
    if let Some(fix) = denied.fix(want) {
        finding.fix(fix);
    }
    false
}

/// The daemon's program is found as by a shell, where its path has no slash.
pub(super) fn found(prog: &str) -> PathBuf {
    let path = Path::new(prog);
    if prog.contains('/') {
        return path.into();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&folders).map(|folder| folder.join(prog));
    all.find(|path| path.is_file()).unwrap_or_else(|| path.into())
}

/// A function that is this program: its arguments are read as it would read them itself.
fn program(function: &Function, prog: &str, place: &Place, user: &User, findings: &mut Findings) {
    let about = function.about();
    let path = found(prog);
    if !may(user, &path, Want::Execute, &about, place, findings) {
        return;
    }
    same_version(&path, &about, place, findings);
    if function.told.contains(&"args") {
        return;
    }
    let line = function.args.first().map_or(place, |argument| &argument.place);
    if function.args.is_empty() {
        findings
            .error(&about, "it has no args, and rhai-udf needs a command")
            .at(place)
            .fix(EXAMPLE);
        return;
    }
    let words = std::iter::once(prog).chain(function.args.iter().map(|a| a.value.as_str()));
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let finding = findings
                .error(&about, format!("rhai-udf does not start with these args: {said}"))
                .at(line);
            // The message about a value already says what to write.
            if error.kind() != ErrorKind::ValueValidation {
                finding.fix(EXAMPLE);
            }
            return;
        }
    };
    let CliCommand::Run(args) = &cli.command else {
        findings
            .error(&about, "its args name another command: the daemon can talk to run only")
            .at(line)
            .fix(EXAMPLE);
        return;
    };
    let hosted = match args.hosted() {
        Ok(hosted) => hosted,
        Err(error) => {
            findings.error(&about, error.to_string()).at(line).fix(EXAMPLE);
            return;
        }
    };
    let before = findings.count(Level::Error);
    let config = configured(&args.host, &hosted, &about, findings);
    hosted_files(&hosted, &config, user, function, findings);
    folders(&config, user, &about, line, findings);
    keepalive(&config, function, findings);
    if findings.count(Level::Error) == before {
        findings.ok(&about, format!("{hosted} can be run by {}", user.name));
    }
}

/// The version of another copy of this program.
fn same_version(path: &Path, about: &str, place: &Place, findings: &mut Findings) {
    let own = format!("rhai-udf {}", env!("CARGO_PKG_VERSION"));
    let said = Command::new(path).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match said {
        Ok(said) if said == own => {}
        Ok(said) => drop(
            findings
                .warning(about, format!("{} is version '{said}', and this doctor is version '{own}'", path.display()))
                .at(place)
                .fix("run the doctor of the program that the daemon runs, or install the same version in both places"),
        ),
        Err(error) => {
            findings.error(about, format!("{} cannot be run: {error}", path.display())).at(place);
        }
    }
}

/// The configuration of the script, or the defaults if it is broken, which is reported.
fn configured(host: &HostArgs, hosted: &Hosted, about: &str, findings: &mut Findings) -> Config {
    host.config(&hosted.path()).unwrap_or_else(|error| {
        findings.error(about, format!("every task is refused: {error}"));
        Config::default()
    })
}

/// The script, or the folder of scripts.
fn hosted_files(
    hosted: &Hosted,
    config: &Config,
    user: &User,
    function: &Function,
    findings: &mut Findings,
) {
    let about = function.about();
    // The argument that names it.
    let named = |path: &Path| {
        let argument = function.args.iter().find(|argument| Path::new(&argument.value) == path);
        argument.map_or_else(|| function.place.clone(), |argument| argument.place.clone())
    };
    let (path, want) = match hosted {
        Hosted::Script(path) => (path.clone(), Want::Read),
        Hosted::Folder(entry) => (entry.folder.path().to_path_buf(), Want::Read),
    };
    let place = named(&path);
    if path.is_relative() {
        findings
            .warning(
                &about,
                format!(
                    "{} is looked up from the folder in which the daemon is started",
                    path.display()
                ),
            )
            .at(&place)
            .fix(format!(
                "write the absolute path: {:?}",
                std::path::absolute(&path).unwrap_or_else(|_| path.clone())
            ));
    }
    if !may(user, &path, want, &about, &place, findings) {
        return;
    }
    let scripts = match hosted {
        Hosted::Script(path) if path.is_dir() => {
            findings
                .error(
                    &about,
                    format!("{} is a folder, which run accepts with --dir only", path.display()),
                )
                .at(&place)
                .fix(format!(r#"args = ["run", "--dir", "{}"]"#, path.display()));
            return;
        }
        Hosted::Script(path) => vec![path.clone()],
        Hosted::Folder(entry) => match entry.folder.scripts() {
            Ok(scripts) => scripts.into_values().collect(),
            Err(error) => {
                findings.error(&about, error.to_string()).at(&place);
                return;
            }
        },
    };
    if scripts.is_empty() {
        findings
            .warning(&about, format!("there is no script in {}", path.display()))
            .at(&place)
            .fix("cp /usr/share/rhai-udf/scripts/NAME.rhai there; it is served at once");
    }
    let whole = matches!(hosted, Hosted::Folder(_));
    for script in scripts {
        if whole && !may(user, &script, Want::Read, &about, &place, findings) {
            continue;
        }
        compiled(&script, config, user, &about, &place, findings);
    }
}

/// Whether a script compiles, and its modules can be read.
fn compiled(
    script: &Path,
    config: &Config,
    user: &User,
    about: &str,
    place: &Place,
    findings: &mut Findings,
) {
    let loaded = ScriptText::read(script)
        .and_then(|text| Program::load(text, &config.limits, &Pulse::default()));
    match loaded {
        Ok(program) => {
            let denied = program
                .files()
                .into_iter()
                .skip(1)
                .find_map(|module| user.may(&module, Want::Read).err());
            if let Some(denied) = denied {
                denied_module(about, &denied, user, place, findings);
            }
        }
        Err(error) => drop(
            findings
                .error(about, format!("tasks are refused: {error}"))
                .fix(format!("rhai-udf check {} shows the line", script.display())),
        ),
    }
}

fn denied_module(
    about: &str,
    denied: &Denied,
    user: &User,
    place: &Place,
    findings: &mut Findings,
) {
    let finding =
        findings.error(about, format!("a module: {}", denied.why(user, Want::Read))).at(place);
    if let Some(fix) = denied.fix(Want::Read) {
        finding.fix(fix);
    }
}

/// The folders that are written to: the state and the recordings. A missing folder will be created by rhai-udf, in
/// the nearest folder that exists.
fn folders(config: &Config, user: &User, about: &str, place: &Place, findings: &mut Findings) {
    for (what, dir) in [("state", &config.state.dir), ("record", &config.record.dir)] {
        let Some(dir) = dir else { continue };
        let there = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        if dir.exists() && !dir.is_dir() {
            findings
                .error(about, format!("[{what}] dir: {} is not a folder", dir.display()))
                .at(place)
                .fix(
                    "name a folder, such as /var/lib/kapacitor/rhai-udf; it is created if it does not exist",
                );
        } else if let Err(denied) = user.may(there, Want::Write) {
            let owner = if user.known { user.name.as_str() } else { "$USER" };
            let fix = match user.may(there, Want::Execute) {
                Ok(()) => format!("install -d -o {owner} {}", dir.display()),
                Err(_) => format!(
                    "choose a folder that {} can reach, such as /var/lib/kapacitor/rhai-udf",
                    user.name
                ),
            };
            findings
                .error(
                    about,
                    format!("[{what}] dir {}: {}", dir.display(), denied.why(user, Want::Write)),
                )
                .at(place)
                .fix(fix);
        }
    }
}

/// Keepalives must be sent more often than the daemon expects them.
fn keepalive(config: &Config, function: &Function, findings: &mut Findings) {
    let Some(timeout) = function.timeout.as_ref().filter(|t| t.value > SHORTEST) else { return };
    let keepalive = i64::try_from(config.limits.keepalive.as_nanos()).unwrap_or(i64::MAX);
    if keepalive >= timeout.value / 2 {
        findings
            .warning(
                &function.about(),
                format!(
                    "rhai-udf sends a keepalive every {}, but the daemon waits for {} only: it may end the process during a slow call",
                    duration::Display(keepalive),
                    duration::Display(timeout.value)
                ),
            )
            .at(&timeout.place)
            .fix("timeout = \"10s\", or a shorter [limits] keepalive in rhai-udf.toml");
    }
}
