//! The functions given from outside: `--udf NAME=…`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::agent::Pulse;
use crate::protocol::message::{InfoResponse, InitRequest};
use crate::replay::udfs::external::External;
use crate::replay::udfs::local::{InMemory, declaration};
use crate::script::ScriptHandler;
use crate::script::config::Config;
use crate::tick::error::{Result, TickError};
use crate::tick::udf::{Udf, Udfs};

/// What stands behind a function's name.
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
    programs: BTreeMap<String, UdfCommand>,
    config: Config,
    declared: BTreeMap<String, InfoResponse>,
}

impl UdfRegistry {
    /// Makes a registry whose scripts run within the limits of a configuration.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Adds a function.
    pub fn add(&mut self, name: &str, program: UdfCommand) {
        self.programs.insert(name.to_owned(), program);
    }

    fn load(&self, name: &str, path: &Path) -> Result<ScriptHandler> {
        let handler = ScriptHandler::load(path, self.config.clone(), &Pulse::default());
        if let Err(error) = handler.program() {
            return Err(TickError::Udf { name: name.to_owned(), message: error.to_string() });
        }
        Ok(handler)
    }
}

impl Udfs for UdfRegistry {
    fn info(&mut self, name: &str) -> Result<Option<InfoResponse>> {
        if let Some(info) = self.declared.get(name) {
            return Ok(Some(info.clone()));
        }
        let info = match self.programs.get(name) {
            None => return Ok(None),
            Some(UdfCommand::Script(path)) => declaration(&mut self.load(name, path)?),
            Some(UdfCommand::Exec(command)) => External::process(name, command)?.info()?,
            Some(UdfCommand::Socket(path)) => External::socket(name, path)?.info()?,
        };
        self.declared.insert(name.to_owned(), info.clone());
        Ok(Some(info))
    }

    fn start(&mut self, name: &str, init: InitRequest) -> Result<Box<dyn Udf>> {
        let mut external = match self.programs.get(name) {
            None => {
                let message = "it is not given".to_owned();
                return Err(TickError::Udf { name: name.to_owned(), message });
            }
            Some(UdfCommand::Script(path)) => {
                return Ok(Box::new(InMemory::start(name, self.load(name, path)?, init)?));
            }
            Some(UdfCommand::Exec(command)) => External::process(name, command)?,
            Some(UdfCommand::Socket(path)) => External::socket(name, path)?,
        };
        external.init(init)?;
        Ok(Box::new(external))
    }
}
