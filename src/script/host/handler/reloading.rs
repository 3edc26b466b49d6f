//! A new version of the script takes over.

use super::bound::Bound;
use crate::script::host::guard::Guard;
use crate::script::host::reload::Follow;
use crate::script::host::succession::{self, Unproven};
use std::time::Instant;

impl Bound {
    /// A new version takes over if it proves itself. No points may wait.
    pub(super) fn reload(&mut self, follow: &Follow) {
        let began = Instant::now();
        let old = &mut self.instance;
        let hash = old.program.hash().to_owned();
        let config = &self.config;
        let guard = self.guard.get_or_insert_with(|| Guard::new(config, None, true));
        match succession::succeed(old, &self.request, config, &guard.journal) {
            Ok(new) => {
                log::info!(
                    "reload: version {hash} → {}, with the state of {} groups, in {} ms",
                    new.program.hash(),
                    new.groups.len(),
                    began.elapsed().as_millis()
                );
                follow.refollow(&new.program.texts());
                new.program.follow_models(follow);
                if let Some(store) = &self.store {
                    let source = &new.program.source().path;
                    let _ = store.declared(source, &new.program.declaration().info());
                }
                let old = std::mem::replace(old, new);
                guard.replaced(old, config.reload.probation);
            }
            Err(refused) if matches!(refused.why, Unproven::Same) => {
                log::debug!("reload: the script is version {hash} again, which runs");
            }
            Err(refused) => {
                let new = refused.hash.map_or_else(String::new, |new| format!(" {new}"));
                log::error!(
                    "reload: version{new} is refused, version {hash} goes on: {}",
                    refused.why
                );
            }
        }
    }
}
