//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files to what the system lets this process have. Each connection of a
/// server needs a few, and shells hand out 1,024.
pub(super) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::debug!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
