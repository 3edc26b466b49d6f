//! Output that an earlier owner has written into the journal is not written again.

use crate::journal::{Kind, Lines};

/// Counts the lines from `from` on, and removes those that were written before; `None` if they are not the
/// same lines.
pub(super) fn take(
    kind: Kind,
    mut lines: Lines,
    before: &Lines,
    output: &mut Vec<u8>,
    from: usize,
) -> Option<Lines> {
    if lines.count >= before.count {
        lines.add(kind, &output[from..]);
        return Some(lines);
    }
    let mut known = from;
    let mut rest = &output[from..];
    for line in kind.each(&output[from..]) {
        if lines.count == before.count {
            break;
        }
        lines.add(kind, line);
        known += line.len();
        rest = &output[known..];
    }
    if lines.count == before.count && lines.crc != before.crc {
        return None;
    }
    lines.add(kind, rest);
    output.drain(from..known);
    Some(lines)
}
