//! Which task and node the lines in the log are about.
//!
//! A session runs in one thread, which remembers its task and node from `init` on. The logger of a
//! process with many sessions puts them before each line.

use std::cell::RefCell;

thread_local! {
    static LABEL: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sets the task and node for which this thread works.
pub(super) fn set(task: &str, node: &str) {
    LABEL.with_borrow_mut(|label| *label = Some(format!("task '{task}', node '{node}'")));
}

/// Passes on the task and node for which this thread works, as `task 'NAME', node 'NAME'`, if they are known.
pub fn with<R>(use_it: impl FnOnce(Option<&str>) -> R) -> R {
    LABEL.with(|label| match label.try_borrow() {
        Ok(label) => use_it(label.as_deref()),
        Err(_) => use_it(None),
    })
}
