//! Lines of the log that belong to a case. A case runs on a thread of its own; the logger of the
//! program asks [`take`] before it writes a line.

use std::cell::RefCell;

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Collects the lines of this thread from now on.
pub fn begin() {
    LINES.with_borrow_mut(|lines| *lines = Some(Vec::new()));
}

/// Ends the collection, and returns its lines: the level and the text.
pub fn end() -> Vec<String> {
    LINES.with_borrow_mut(Option::take).unwrap_or_default()
}

/// Takes a line if this thread collects them.
pub fn take(record: &log::Record<'_>) -> bool {
    LINES.with_borrow_mut(|lines| match lines {
        Some(lines) => {
            lines.push(format!("{} {}", record.level(), record.args()));
            true
        }
        None => false,
    })
}
