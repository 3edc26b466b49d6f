//! The functions of a task by name: `--udf NAME=…`, or the one script of a plain replay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::agent::{Control, Pulse};
use crate::protocol::message::{InfoResponse, InitRequest};
use crate::replay::ReplayError;
use crate::replay::udfs::external::External;
use crate::replay::udfs::local::{LocalUdf, declaration};
use crate::script::config::Config;
use crate::script::{ScriptHandler, StateScope};
use crate::tick::error::{Result, TickError};
use crate::tick::udf::{Udf, Udfs};

/// What a function's name runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UdfCommand {
    /// A script, run here.
    Script(PathBuf),
    /// A command, run for each use as the daemon does.
    Exec(String),
    /// The socket of a server.
    Socket(PathBuf),
}

impl UdfCommand {
    /// Reads `script.rhai`, `exec: command` or `socket: path`.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':').map(|(scheme, rest)| (scheme.trim(), rest.trim())) {
            Some(("exec", command)) => Self::Exec(command.to_owned()),
            Some(("socket", path)) => Self::Socket(path.into()),
            _ => Self::Script(text.into()),
        }
    }
}

/// Functions by name.
#[derive(Debug, Default)]
pub struct UdfRegistry {
    commands: BTreeMap<String, UdfCommand>,
    config: Config,
    declared: BTreeMap<String, InfoResponse>,
    /// Scripts that were loaded to be asked and not started yet.
    loaded: BTreeMap<String, ScriptHandler>,
    /// Errors do not name the function, because there is one script and no TICKscript.
    plain: bool,
    /// A captured session brings the options.
    captured: bool,
    /// Ends calls of scripts that still run after it was asked to stop.
    control: Control,
    /// The groups are spread over processes.
    spread: bool,
}

impl UdfRegistry {
    /// Makes a registry whose scripts run within the limits of a configuration.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Makes a registry for a script alone. With `captured`, a captured session brings its options.
    pub fn plain(config: Config, captured: bool) -> Self {
        Self { config, plain: true, captured, ..Self::default() }
    }

    /// Lets another thread end the calls of the scripts.
    #[must_use]
    pub fn controlled(self, control: &Control) -> Self {
        Self { control: control.clone(), ..self }
    }

    /// Refuses scripts whose groups share a state: the groups are spread over processes.
    pub fn spread(&mut self) {
        self.spread = true;
    }

    /// Adds a function.
    pub fn add(&mut self, name: &str, command: UdfCommand) {
        self.commands.insert(name.to_owned(), command);
    }

    /// Loads a script, or takes the one that was loaded to be asked.
    ///
    /// # Errors
    /// A script that cannot be used.
    fn load(&mut self, name: &str, path: &Path) -> Result<ScriptHandler> {
        if let Some(handler) = self.loaded.remove(name) {
            return Ok(handler);
        }
        let handler = ScriptHandler::load(path, self.config.clone(), &Pulse::default());
        match handler.program() {
            Ok(_) => Ok(handler),
            Err(error) if self.plain => {
                Err(TickError::Outside(Box::new(ReplayError::Script(error.clone()))))
            }
            Err(error) => Err(TickError::Udf { name: name.into(), message: error.to_string() }),
        }
    }

    /// Returns a loaded script.
    ///
    /// # Errors
    /// A script that cannot be used.
    pub fn script(&mut self, name: &str, path: &Path) -> Result<&mut ScriptHandler> {
        let handler = self.load(name, path)?;
        Ok(self.loaded.entry(name.to_owned()).or_insert(handler))
    }
}

impl Udfs for UdfRegistry {
    fn info(&mut self, name: &str) -> Result<Option<InfoResponse>> {
        if let Some(info) = self.declared.get(name) {
            return Ok(Some(info.clone()));
        }
        let info = match self.commands.get(name).cloned() {
            None => return Ok(None),
            Some(UdfCommand::Script(path)) => declaration(self.script(name, &path)?),
            Some(UdfCommand::Exec(command)) => External::process(name, &command)?.info()?,
            Some(UdfCommand::Socket(path)) => External::socket(name, &path)?.info()?,
        };
        self.declared.insert(name.to_owned(), info.clone());
        Ok(Some(info))
    }

    fn start(&mut self, name: &str, init: InitRequest) -> Result<Box<dyn Udf>> {
        let mut external = match self.commands.get(name).cloned() {
            None => {
                let message = "it is not given: add --udf NAME=SCRIPT".to_owned();
                return Err(TickError::Udf { name: name.to_owned(), message });
            }
            Some(UdfCommand::Script(path)) => {
                let handler = self.load(name, &path)?;
                let scope = handler.program().map(|program| program.declaration().scope);
                if self.spread && matches!(scope, Ok(StateScope::Task)) {
                    let why = format!(
                        "--shard does not apply: all groups share one state in {} (scope: \"task\")",
                        path.display()
                    );
                    return Err(TickError::Outside(Box::new(ReplayError::Usage(why))));
                }
                let init = (!self.captured).then_some(init);
                let shown = (!self.plain).then_some(name);
                let origin = (path, self.config.clone());
                let control = self.control.clone();
                return Ok(Box::new(LocalUdf::start(shown, handler, origin, init, control)?));
            }
            Some(UdfCommand::Exec(command)) => External::process(name, &command)?,
            Some(UdfCommand::Socket(path)) => External::socket(name, &path)?,
        };
        external.init(init)?;
        Ok(Box::new(external))
    }
}
