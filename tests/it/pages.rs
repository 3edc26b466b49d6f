//! Pages of the book as the tests read them: their blocks of code, the remarks above these, and the
//! comparison of an output with what a page shows.
//!
//! A remark is a comment on the line above a block:
//!
//! - `<!-- not run: it needs a daemon -->`: the block is not run, for this reason
//! - `<!-- exits with 1 -->`: the last command of the block ends with this code
//! - `<!-- runs until it is stopped -->`: the command serves; it is stopped where the next one begins to
//!   serve, or the page ends
//! - `<!-- printed by what runs -->`: the block shows lines that the serving command prints
//!
//! `<!-- prepare: COMMAND -->`, on a line of its own anywhere, runs a command that the reader does not see.

/// What a remark above a block says.
#[derive(Debug, PartialEq)]
pub(crate) enum Remark {
    NotRun(String),
    Exits(i32),
    Serves,
    PrintedByServer,
}

impl Remark {
    /// The remark on a line; an error where a comment is none.
    fn of(line: &str) -> Result<Option<Self>, ()> {
        let inside = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(inside) = inside.filter(|inside| !inside.starts_with("prepare: ")) else {
            return Ok(None);
        };
        let code = inside.strip_prefix("exits with ").and_then(|code| code.parse().ok());
        match (inside, inside.strip_prefix("not run: "), code) {
            (_, Some(reason), _) => Ok(Some(Self::NotRun(reason.to_owned()))),
            (_, _, Some(code)) => Ok(Some(Self::Exits(code))),
            ("runs until it is stopped", ..) => Ok(Some(Self::Serves)),
            ("printed by what runs", ..) => Ok(Some(Self::PrintedByServer)),
            _ => Err(()),
        }
    }
}

/// A block of code of a page, or a hidden command.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) line: usize,
    /// What follows the fence; `prepare` for a hidden command.
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) remark: Option<Remark>,
}

/// The file that a block is written to: the word after its language. A reader of the page does not see it.
pub(crate) fn file(label: &str) -> Option<&str> {
    let is_file = |word: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        word.contains('.') && word.chars().all(is_part)
    };
    label.split_once(' ').map(|(_, word)| word).filter(|word| is_file(word))
}

/// The blocks of a page, and what is wrong with how it shows code.
pub(crate) fn blocks(page: &str, text: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut faults) = (Vec::new(), Vec::new());
    let mut open: Option<(String, Block)> = None;
    let (mut before, mut list) = ("", false);
    let mut prose = String::new();
    for (line, text) in text.lines().enumerate().map(|(i, text)| (i + 1, text)) {
        let ticks: String = text.chars().take_while(|c| *c == '`').collect();
        if let Some((fence, block)) = &mut open {
            if text.trim_end() == fence {
                blocks.extend(open.take().map(|(_, block)| block));
            } else {
                block.text += &format!("{text}\n");
            }
        } else if ticks.len() >= 3 {
            let label = text[ticks.len()..].trim().to_owned();
            if label.is_empty() {
                faults.push(format!("{page}:{line}: a block says what it is: sh, text, rhai …"));
            }
            if let Some(file) = file(&label).filter(|file| !prose.contains(&format!("`{file}`"))) {
                faults.push(format!("{page}:{line}: the text above does not name {file}"));
            }
            prose.clear();
            let remark = Remark::of(before).unwrap_or_else(|()| {
                faults.push(format!("{page}:{line}: the remark above is none that is known"));
                None
            });
            open = Some((ticks, Block { line, label, text: String::new(), remark }));
        } else if let Some(rest) = text.strip_prefix("<!-- prepare: ") {
            let text = rest.trim_end_matches(" -->").to_owned();
            blocks.push(Block { line, label: "prepare".to_owned(), text, remark: None });
        } else if text.starts_with("    ") && !list {
            faults.push(format!("{page}:{line}: code stands in a block, not indented"));
        } else if !text.trim().is_empty() {
            list = text.starts_with("- ")
                || text.starts_with("  ")
                || text.starts_with(|c: char| c.is_ascii_digit());
        }
        if open.is_none() {
            prose += text;
        }
        if !text.trim().is_empty() {
            before = text;
        }
    }
    (blocks, faults)
}

/// Whether a line of the output is the line that a page shows, where `…` stands for anything.
pub(crate) fn is_line(shown: &str, line: &str) -> bool {
    let (shown, line) = (shown.trim_end(), line.trim_end());
    let mut parts = shown.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, inner)) = parts.split_last() else { return rest.is_empty() };
    for part in inner {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether an output is what a page shows, line for line; a line `…` stands for any lines.
pub(crate) fn is_output(shown: &[&str], output: &[&str]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((&"…", rest)) => (0..=output.len()).any(|from| is_output(rest, &output[from..])),
        Some((line, rest)) => {
            output.first().is_some_and(|first| is_line(line, first))
                && is_output(rest, &output[1..])
        }
    }
}

/// What the comparison would let pass, it finds.
#[test]
fn what_the_book_shows_wrongly_is_found() {
    let faults = |text: &str| blocks("p", text).1.len();
    assert_eq!(faults("a\n\n    rhai-udf check x.rhai\n"), 1);
    assert_eq!(faults("- a\n\n    b\n"), 0);
    assert_eq!(faults("```\na\n```\n"), 1);
    assert_eq!(faults("```sh\na\n```\n"), 0);
    assert_eq!(faults("Save it:\n```rhai a.rhai\n```\n"), 1);
    assert_eq!(faults("Save `a.rhai`:\n```rhai a.rhai\n```\n"), 0);
    assert_eq!(faults("<!-- not ran -->\n```sh\na\n```\n"), 1);
    let remark = |text: &str| blocks("p", text).0.remove(0).remark;
    let daemon = Some(Remark::NotRun("it needs a daemon".into()));
    assert_eq!(remark("<!-- not run: it needs a daemon -->\n```sh\na\n```\n"), daemon);
    assert_eq!(remark("<!-- exits with 2 -->\n```sh\na\n```\n"), Some(Remark::Exits(2)));
    assert!(is_line("a … c", "a b c") && is_line("a …", "a b") && is_line("…c", "a b c"));
    assert!(!is_line("a … c", "x a b c") && !is_line("c … a", "a b c") && !is_line("a", "a b"));
    let whole = |shown: &str, output: &str| {
        is_output(&shown.lines().collect::<Vec<_>>(), &output.lines().collect::<Vec<_>>())
    };
    assert!(whole("a\nb", "a\nb") && whole("a\n…\nd", "a\nb\nc\nd") && whole("…\nd", "d"));
    // A line too many, too few or in another place is an output that has changed.
    assert!(!whole("a", "a\nb") && !whole("a\nb", "a") && !whole("a\nb", "b\na"));
}
