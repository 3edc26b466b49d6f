//! Verdicts for people, as TAP and as JUnit XML.

use super::verdict::Verdict;
use std::fmt::Write;
use std::time::Duration;

/// Lines of the log that are shown with a failure.
const LOG_LINES: usize = 10;

/// One verdict for people, followed by its failures.
pub fn line(verdict: &Verdict) -> String {
    let Verdict { file, line, name, .. } = verdict;
    let word = match (verdict.passed(), verdict.blessed) {
        (true, true) => "bless",
        (true, false) => "ok",
        (false, _) => "FAIL",
    };
    let took = verdict.took.as_secs_f64();
    let mut text = format!("{word:<5} {}:{line}  {name}  ({took:.2} s)\n", file.display());
    for failure in &verdict.failures {
        indented(&mut text, failure);
    }
    if !verdict.passed() && !verdict.log.is_empty() {
        indented(&mut text, "the last lines of the log:");
        for line in &verdict.log[verdict.log.len().saturating_sub(LOG_LINES)..] {
            indented(&mut text, &format!("  {line}"));
        }
    }
    text
}

fn indented(text: &mut String, part: &str) {
    for line in part.lines() {
        // A String takes everything.
        let _ = writeln!(text, "        {line}");
    }
}

/// How many passed and failed.
pub fn summary(verdicts: &[Verdict], took: Duration) -> String {
    let failed = verdicts.iter().filter(|verdict| !verdict.passed()).count();
    let passed = verdicts.len() - failed;
    format!("{passed} passed, {failed} failed in {:.2} s\n", took.as_secs_f64())
}

/// All verdicts in the form of the Test Anything Protocol, version 13.
pub fn tap(verdicts: &[Verdict]) -> String {
    let mut text = format!("TAP version 13\n1..{}\n", verdicts.len());
    for (i, verdict) in verdicts.iter().enumerate() {
        let word = if verdict.passed() { "ok" } else { "not ok" };
        let name = verdict.name.replace('#', "\\#");
        let _ = writeln!(text, "{word} {} - {}: {name}", i + 1, verdict.file.display());
        if !verdict.passed() {
            text.push_str("  ---\n  message: |\n");
            for line in verdict.failures.iter().flat_map(|failure| failure.lines()) {
                let _ = writeln!(text, "    {line}");
            }
            let _ = writeln!(text, "  at: {}:{}\n  ...", verdict.file.display(), verdict.line);
        }
    }
    text
}

/// All verdicts in the form that JUnit writes, a suite for each file.
pub fn junit(verdicts: &[Verdict], took: Duration) -> String {
    let failed = |all: &[&Verdict]| all.iter().filter(|verdict| !verdict.passed()).count();
    let all: Vec<&Verdict> = verdicts.iter().collect();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        all.len(),
        failed(&all),
        took.as_secs_f64()
    );
    let mut files: Vec<_> = verdicts.iter().map(|verdict| &verdict.file).collect();
    files.dedup();
    for file in files {
        let of_file: Vec<_> = all.iter().copied().filter(|v| v.file == *file).collect();
        let seconds: f64 = of_file.iter().map(|v| v.took.as_secs_f64()).sum();
        let name = escaped(&file.to_string_lossy());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" \
             time=\"{seconds:.3}\">",
            of_file.len(),
            failed(&of_file)
        );
        of_file.iter().for_each(|verdict| case(&mut text, &name, verdict));
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, file: &str, verdict: &Verdict) {
    let _ = write!(
        text,
        "    <testcase classname=\"{file}\" name=\"{}\" file=\"{file}\" line=\"{}\" time=\"{:.3}\"",
        escaped(&verdict.name),
        verdict.line,
        verdict.took.as_secs_f64()
    );
    if verdict.passed() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    let all = verdict.failures.join("\n");
    let first = all.lines().next().unwrap_or_default();
    let _ =
        writeln!(text, "      <failure message=\"{}\">{}</failure>", escaped(first), escaped(&all));
    if !verdict.log.is_empty() {
        let _ =
            writeln!(text, "      <system-err>{}</system-err>", escaped(&verdict.log.join("\n")));
    }
    text.push_str("    </testcase>\n");
}

/// Text as XML holds it; characters that XML has not become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
