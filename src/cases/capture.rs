//! Lines of the log that belong to a case. A case runs on a thread of its own; the logger of the
//! program asks [`take`] before it writes a line.

use std::cell::RefCell;

thread_local! {
    static LINES: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

struct Collected {
    lines: Vec<String>,
    most: usize,
}

/// Collects the lines of this thread from now on.
pub fn begin() {
    begin_at_most(usize::MAX);
}

/// Collects the first so many lines of this thread from now on, and drops the others.
pub fn begin_at_most(most: usize) {
    LINES.with_borrow_mut(|lines| *lines = Some(Collected { lines: Vec::new(), most }));
}

/// Ends the collection, and returns its lines: the level and the text.
pub fn end() -> Vec<String> {
    LINES.with_borrow_mut(Option::take).map_or_else(Vec::new, |collected| collected.lines)
}

/// Takes a line if this thread collects them.
pub fn take(record: &log::Record<'_>) -> bool {
    LINES.with_borrow_mut(|collected| match collected {
        Some(Collected { lines, most }) => {
            if lines.len() < *most {
                lines.push(format!("{} {}", record.level(), record.args()));
            }
            true
        }
        None => false,
    })
}
