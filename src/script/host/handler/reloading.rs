//! A new version of the script takes over.

use super::bound::Bound;
use crate::script::host::guard::Guard;
use crate::script::host::instance::Instance;
use crate::script::host::reload::Follow;
use crate::script::host::succession::{self, Refused, Unproven};
use std::time::Instant;

impl Bound {
    /// A new version takes over if it proves itself. No points may wait.
    pub(super) fn reload(&mut self, follow: &Follow) {
        let began = Instant::now();
        let hash = self.instance.program.hash().to_owned();
        match self.try_change() {
            Ok(new) => {
                log::info!(
                    "reload: version {hash} → {}, with the state of {} groups, in {} ms",
                    new.program.hash(),
                    new.groups.len(),
                    began.elapsed().as_millis()
                );
                self.replace(new, Some(follow), true);
            }
            Err(Refused { why: Unproven::Same, .. }) => {
                log::debug!("reload: the script is version {hash} again, which is already running");
            }
            Err(refused) => log::error!("{}", self.refusal(refused)),
        }
    }

    /// Tries the changed script; this version keeps running.
    pub(super) fn try_change(&mut self) -> Result<Box<Instance>, Refused> {
        let config = &self.config;
        let guard = self.guard.get_or_insert_with(|| Guard::new(config, None, true));
        succession::succeed(&self.instance, &self.request, config, &guard.journal)
    }

    /// The line that says why a version does not take over.
    pub(super) fn refusal(&self, refused: Refused) -> String {
        let new = refused.hash.map_or_else(String::new, |new| format!(" {new}"));
        let hash = self.instance.program.hash();
        format!(
            "reload: the new version{new} is refused, version {hash} keeps running: {}",
            refused.why
        )
    }

    /// A version that was tried takes over. `whole`: the script and its modules are followed, not only
    /// its models.
    pub(super) fn replace(&mut self, new: Box<Instance>, follow: Option<&Follow>, whole: bool) {
        if let Some(follow) = follow {
            let texts = if whole { new.program.texts() } else { Vec::new() };
            follow.refollow(&texts);
            new.program.follow_models(follow);
        }
        if let Some(store) = &self.store {
            let source = &new.program.source().path;
            let _ = store.declared(source, &new.program.declaration().info());
        }
        let config = &self.config;
        let guard = self.guard.get_or_insert_with(|| Guard::new(config, None, true));
        let old = std::mem::replace(&mut self.instance, new);
        guard.replaced(old, config.reload.probation);
    }
}
