//! Versions: they are tried on the state of a partition, and taken over between two messages.

use super::Owner;
use crate::error::FleetError;
use crate::error::Result;
use crate::session::Session;
use crate::task::Version;
use std::sync::{Arc, PoisonError};

impl Owner<'_> {
    /// Tries a version on the present state.
    pub(super) fn prove(&mut self, version: Arc<Version>) -> std::result::Result<Session, String> {
        let state = self.session.state().map_err(|error| error.to_string())?;
        let mut tried = Session::start(version, Some(&state)).map_err(|error| error.to_string())?;
        tried.state().map_err(|error| error.to_string())?;
        Ok(tried)
    }

    /// Takes over the current version between two messages, with a checkpoint, so that a takeover continues with the
    /// version that was used.
    pub(super) fn follow_version(&mut self) -> Result<()> {
        let wanted = self.ground.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(wanted) = wanted.filter(|wanted| *wanted != self.session.version.hash) else {
            return Ok(());
        };
        if self.refused.as_ref() == Some(&wanted) || !self.caught_up() {
            return Ok(());
        }
        self.write()?;
        let version = self.ground.meta.version(&wanted).and_then(|version| {
            version.ok_or_else(|| FleetError::nats(&wanted, "the version is not stored"))
        });
        let proved =
            version.map_err(|error| error.to_string()).and_then(|version| self.prove(version));
        match proved {
            Ok(session) => {
                let bad_lines = self.session.bad_lines;
                let before = std::mem::replace(&mut self.session, session);
                self.session.bad_lines = bad_lines;
                self.keep()?;
                let now = &self.session.version.hash;
                log::info!("{}: version {} → {now}", self.of.label(), before.version.hash);
                let mut status = self.shared.status();
                status.version.clone_from(now);
                status.refused = None;
            }
            Err(why) => {
                log::error!("{}: version {wanted} is refused: {why}", self.of.label());
                self.shared.status().refused = Some((wanted.clone(), why));
                self.refused = Some(wanted);
            }
        }
        Ok(())
    }
}
