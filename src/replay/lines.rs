//! Lines of output, each with the item of the data that it belongs to. Functions that take
//! points by the chunk, and engines on several threads, write their lines out of turn; here they are
//! brought back into the order of the data.

use std::io::Write;

/// Where a line belongs: the item of the data, and within it the use of a script, in the order of the
/// uses. One use may handle an item at once, and another later with the whole chunk.
pub type Turn = (u64, usize);

/// Lines of one engine.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    /// Where each line belongs, and where it ends.
    ends: Vec<(Turn, usize)>,
    unordered: bool,
}

impl Lines {
    /// Appends a line, which `write` puts into the text without its end; nothing if it returns false.
    pub fn push(&mut self, turn: Turn, write: impl FnOnce(&mut String) -> bool) {
        let start = self.text.len();
        if !write(&mut self.text) {
            self.text.truncate(start);
            return;
        }
        self.text.push('\n');
        match self.ends.last_mut() {
            Some((last, end)) if *last == turn => *end = self.text.len(),
            last => {
                self.unordered |= last.is_some_and(|(last, _)| *last > turn);
                self.ends.push((turn, self.text.len()));
            }
        }
    }

    /// Removes all lines.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.unordered = false;
    }

    /// Removes the lines of later items.
    pub fn cut_after(&mut self, item: u64) {
        let mut kept = Self::default();
        for (turn, piece) in self.pieces().filter(|((of, _), _)| *of <= item) {
            kept.push(turn, |out| {
                out.push_str(piece.trim_end_matches('\n'));
                true
            });
        }
        *self = kept;
    }

    /// The lines in the order of the data; lines of the same item and use keep the order in which they were written.
    fn pieces(&self) -> impl Iterator<Item = (Turn, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |(turn, end)| {
            let piece = &self.text[start..*end];
            start = *end;
            (*turn, piece)
        })
    }
}

/// Writes the lines of several engines in the order of the data, and removes them. Lines of the same
/// turn come in the order of the engines.
///
/// # Errors
/// An output that cannot be written.
pub fn write_all(engines: &mut [&mut Lines], out: &mut dyn Write) -> std::io::Result<()> {
    let mut busy = engines.iter().filter(|lines| !lines.ends.is_empty());
    let written = match (busy.next(), busy.next()) {
        (None, _) => return Ok(()),
        (Some(only), None) if !only.unordered => out.write_all(only.text.as_bytes()),
        _ if engines.iter().all(|lines| !lines.unordered) => merge(engines, out),
        _ => {
            let mut pieces: Vec<_> = engines.iter().flat_map(|lines| lines.pieces()).collect();
            pieces.sort_by_key(|(turn, _)| *turn);
            pieces.iter().try_for_each(|(_, piece)| out.write_all(piece.as_bytes()))
        }
    };
    engines.iter_mut().for_each(|lines| lines.clear());
    written
}

/// Writes lines that are already in order, always those of the engine whose next line is first.
fn merge(engines: &[&mut Lines], out: &mut dyn Write) -> std::io::Result<()> {
    let mut queues: Vec<_> = engines.iter().map(|lines| lines.pieces().peekable()).collect();
    loop {
        let firsts = queues.iter_mut().enumerate();
        let turns = firsts.filter_map(|(i, queue)| queue.peek().map(|(turn, _)| (*turn, i)));
        let Some((_, first)) = turns.min() else { return Ok(()) };
        if let Some((_, piece)) = queues[first].next() {
            out.write_all(piece.as_bytes())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(written: &[(u64, &str)]) -> Lines {
        let mut lines = Lines::default();
        for (item, text) in written {
            lines.push((*item, 0), |out| {
                out.push_str(text);
                true
            });
        }
        lines
    }

    #[test]
    fn lines_come_in_the_order_of_the_data() {
        let mut a = lines(&[(1, "a1"), (2, "a2"), (2, "a2b"), (1, "a1b")]);
        let mut b = lines(&[(1, "b1"), (3, "b3")]);
        let mut out = Vec::new();
        write_all(&mut [&mut a, &mut b], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a1\na1b\nb1\na2\na2b\nb3\n");
        let mut again = Vec::new();
        write_all(&mut [&mut a, &mut b], &mut again).unwrap();
        assert!(again.is_empty());
    }

    #[test]
    fn uses_take_their_turns_within_an_item() {
        let (mut a, mut b) = (Lines::default(), Lines::default());
        for (lines, turn, text) in [(&mut a, (1, 1), "second"), (&mut b, (1, 2), "third")] {
            lines.push(turn, |out| {
                out.push_str(text);
                true
            });
        }
        a.push((1, 0), |out| {
            out.push_str("first");
            true
        });
        let mut out = Vec::new();
        write_all(&mut [&mut a, &mut b], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "first\nsecond\nthird\n");
    }
}
