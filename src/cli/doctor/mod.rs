//! `doctor`: finds what prevents the daemon from running the scripts, and names the line to change.
//!
//! `conf.rs` reads kapacitor.conf, `function.rs` checks one function of it, `rights.rs` checks the rights of the
//! daemon's user.

mod conf;
mod function;
mod peer;
mod rights;

use super::stdout;
use anyhow::bail;
use conf::KapacitorConf;
use rights::User;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Where Kapacitor's packages put the configuration.
const CONF: &str = "/etc/kapacitor/kapacitor.conf";

/// Check kapacitor.conf, scripts, rights, sockets, state folders and versions
///
/// The doctor reads what the daemon would read, and tries what the daemon would try. For each problem it names the
/// line to change. The exit code is 1 if something prevents the daemon or a task from starting.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The daemon's configuration; default: KAPACITOR_CONFIG_PATH, else /etc/kapacitor/kapacitor.conf
    conf: Option<PathBuf>,
    /// The user that the daemon runs as; default: kapacitor if that user exists, otherwise the current user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The daemon's program, which is asked for its version
    #[arg(long, value_name = "PATH", default_value = "kapacitord")]
    kapacitord: PathBuf,
    /// Do not start functions that are other programs. (The daemon starts them to ask for their declaration.)
    #[arg(long)]
    no_run: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object with a list of findings
    Json,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warning,
    /// The daemon or a task does not start.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was checked.
#[derive(Debug)]
struct Finding {
    level: Level,
    /// The thing that was checked, as in `udf.functions.ttest`.
    about: String,
    message: String,
    /// The place in a file.
    place: Option<(PathBuf, usize)>,
    /// What to write or to run.
    fix: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, level: Level, about: &str, message: impl Into<String>) -> &mut Finding {
        let message = message.into();
        self.0.push(Finding { level, about: about.into(), message, place: None, fix: None });
        self.0.last_mut().expect("it was added")
    }

    fn ok(&mut self, about: &str, message: impl Into<String>) {
        self.add(Level::Ok, about, message);
    }

    fn warning(&mut self, about: &str, message: impl Into<String>) -> &mut Finding {
        self.add(Level::Warning, about, message)
    }

    fn error(&mut self, about: &str, message: impl Into<String>) -> &mut Finding {
        self.add(Level::Error, about, message)
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

impl Finding {
    /// The line of a file that must be changed.
    fn at(&mut self, place: &(PathBuf, usize)) -> &mut Self {
        self.place = Some(place.clone());
        self
    }

    fn fix(&mut self, fix: impl Into<String>) -> &mut Self {
        self.fix = Some(fix.into());
        self
    }

    fn text(&self) -> String {
        let mut text = format!("{:7}  {}: {}\n", self.level.name(), self.about, self.message);
        if let Some((file, line)) = &self.place {
            let _ = writeln!(text, "         at {}:{line}", file.display());
        }
        if let Some(fix) = &self.fix {
            for (i, line) in fix.lines().enumerate() {
                let _ = writeln!(text, "         {}{line}", if i == 0 { "→ " } else { "  " });
            }
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "level": self.level.name(),
            "about": self.about,
            "message": self.message,
            "file": self.place.as_ref().map(|(file, _)| file.display().to_string()),
            "line": self.place.as_ref().map(|(_, line)| line),
            "fix": self.fix,
        })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let user = User::find(args.user.as_deref())?;
    let mut findings = Findings::default();
    versions(args, &mut findings);
    if !user.known {
        findings
            .warning(
                "user",
                "this machine has no user kapacitor, so rights are checked for the current user",
            )
            .fix("name the user that the daemon runs as: rhai-udf doctor --user NAME");
    }
    let named =
        args.conf.clone().or_else(|| std::env::var_os("KAPACITOR_CONFIG_PATH").map(Into::into));
    let path = named.unwrap_or_else(|| CONF.into());
    if let Some(conf) = KapacitorConf::read(&path, &mut findings) {
        for function in &conf.functions {
            function::check(function, &conf, &user, !args.no_run, &mut findings);
        }
    }
    match args.format {
        Format::Text => stdout::print(&text(&findings))?,
        Format::Json => {
            let all: Vec<Value> = findings.0.iter().map(Finding::json).collect();
            let value = json!({
                "version": env!("CARGO_PKG_VERSION"),
                "errors": findings.count(Level::Error),
                "warnings": findings.count(Level::Warning),
                "findings": all,
            });
            stdout::print(&format!("{}\n", serde_json::to_string_pretty(&value)?))?;
        }
    }
    match findings.count(Level::Error) {
        0 => Ok(()),
        n => bail!("{}", counted(n, "error")),
    }
}

fn text(findings: &Findings) -> String {
    let mut text: String = findings.0.iter().map(Finding::text).collect();
    let (errors, warnings) = (findings.count(Level::Error), findings.count(Level::Warning));
    if errors + warnings == 0 {
        text.push_str("nothing is wrong\n");
    } else {
        let _ = writeln!(text, "{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    }
    text
}

/// A number with its noun, as in `2 errors`.
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The versions of this program and of the daemon.
fn versions(args: &Args, findings: &mut Findings) {
    let own = std::env::current_exe().unwrap_or_else(|_| "rhai-udf".into());
    findings.ok("rhai-udf", format!("version {}, {}", env!("CARGO_PKG_VERSION"), own.display()));
    let shown = args.kapacitord.display();
    match Command::new(&args.kapacitord).arg("version").output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            // "Kapacitor OSS 1.6.2 (git: …)"; a build of one's own may not know its version.
            let number = |word: &&str| {
                word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
            };
            match said.split_whitespace().find(number) {
                Some(version) if version.trim_start_matches('v').starts_with("1.") => {
                    findings.ok("kapacitord", format!("version {version}"));
                }
                None if said.contains("Kapacitor") => {
                    findings.ok("kapacitord", format!("'{}'", said.trim()));
                }
                _ => drop(findings.warning(
                    "kapacitord",
                    format!("'{}' is not a version of Kapacitor 1, which UDFs need", said.trim()),
                )),
            }
        }
        Ok(output) => drop(findings.warning(
            "kapacitord",
            format!("{shown} version fails: {}", String::from_utf8_lossy(&output.stderr).trim()),
        )),
        Err(error) => {
            findings.warning("kapacitord", format!("{shown} cannot be run: {error}")).fix(
                "if it is installed elsewhere, give its path: rhai-udf doctor --kapacitord PATH",
            );
        }
    }
}
