//! What two texts differ in, line by line.

use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, Token, UnifiedDiffConfig};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in both texts.
    Kept,
    /// It is in the first text only.
    Removed,
    /// It is in the second text only.
    Added,
}

/// The lines of two texts, and which of them differ.
pub struct LineDiff<'t> {
    input: InternedInput<&'t str>,
    diff: Diff,
}

impl<'t> LineDiff<'t> {
    /// Compares two texts; lines keep their ends.
    pub fn of_texts(before: &'t str, after: &'t str) -> Self {
        Self::new(InternedInput::new(before, after))
    }

    /// Compares two lists of lines.
    pub fn of_lines(before: &'t [String], after: &'t [String]) -> Self {
        let mut input = InternedInput::default();
        input.update_before(before.iter().map(String::as_str));
        input.update_after(after.iter().map(String::as_str));
        Self::new(input)
    }

    fn new(input: InternedInput<&'t str>) -> Self {
        let mut diff = Diff::compute(Algorithm::Myers, &input);
        diff.postprocess_no_heuristic(&input);
        Self { input, diff }
    }

    /// Returns all lines in order, removed ones before those that were added in their place.
    pub fn all(&self) -> Vec<(Fate, &'t str)> {
        let InternedInput { before, after, interner } = &self.input;
        let mut all = Vec::with_capacity(before.len().max(after.len()));
        let mut push = |fate, tokens: &[Token]| {
            all.extend(tokens.iter().map(|token| (fate, interner[*token])));
        };
        let mut next = 0;
        for hunk in self.diff.hunks() {
            let (removed, added) = (range(&hunk.before), range(&hunk.after));
            push(Fate::Kept, &before[next..removed.start]);
            next = removed.end;
            push(Fate::Removed, &before[removed]);
            push(Fate::Added, &after[added]);
        }
        push(Fate::Kept, &before[next..]);
        all
    }

    /// Returns the lines that differ.
    pub fn changed(&self) -> Vec<(Fate, &'t str)> {
        let mut changed = self.all();
        changed.retain(|(fate, _)| *fate != Fate::Kept);
        changed
    }

    /// Returns the difference as `diff -u` writes it, under this name of the file; empty if there is none.
    pub fn unified(&self, name: &str) -> String {
        let printer = BasicLineDiffPrinter(&self.input.interner);
        let diff = self.diff.unified_diff(&printer, UnifiedDiffConfig::default(), &self.input);
        let text = diff.to_string();
        if text.is_empty() { text } else { format!("--- {name}\n+++ {name}\n{text}") }
    }
}

/// Returns places as they count in a slice.
fn range(range: &std::ops::Range<u32>) -> std::ops::Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let diff = LineDiff::of_texts("a\nb\nc\n", "a\nx\ny\nc\nd\n");
        let all = diff.all();
        let expected = [
            (Fate::Kept, "a\n"),
            (Fate::Removed, "b\n"),
            (Fate::Added, "x\n"),
            (Fate::Added, "y\n"),
            (Fate::Kept, "c\n"),
            (Fate::Added, "d\n"),
        ];
        assert_eq!(all, expected);
        assert_eq!(diff.changed().len(), 4);
        assert!(LineDiff::of_texts("a\n", "a\n").changed().is_empty());
        let (before, after) = (["a".to_owned()], ["b".to_owned(), "a".to_owned()]);
        let lists = LineDiff::of_lines(&before, &after);
        assert_eq!(lists.all(), [(Fate::Added, "b"), (Fate::Kept, "a")]);
    }

    #[test]
    fn a_unified_difference_names_the_file_and_the_places() {
        let unified = |before, after| LineDiff::of_texts(before, after).unified("x.rhai");
        assert_eq!(
            unified("a\nb\nc\n", "a\nx\nc\n"),
            "--- x.rhai\n+++ x.rhai\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
        );
        assert_eq!(unified("a\n", "a\n"), "");
    }

    /// Long texts that have nothing in common take no quadratic time, and nothing is lost.
    #[test]
    fn long_texts_are_compared_in_a_moment() {
        let text =
            |from: usize| (from..from + 200_000).map(|i| format!("{i}\n")).collect::<String>();
        let (before, after) = (text(0), text(1_000_000));
        let changed = LineDiff::of_texts(&before, &after).changed();
        assert_eq!(changed.len(), 400_000);
    }
}
