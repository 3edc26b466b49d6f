//! `|window()`.

use super::*;

#[test]
fn windows_by_time_are_driven_by_the_data() {
    let lines: Vec<String> = (0..12).map(|t| format!("m v=1.0 {t}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let counts =
        |window: &str, expected: &[&str]| check(&format!("{window}|count('v')"), &lines, expected);
    counts("|window().period(5s).every(5s)", &["m count=5i 5", "m count=5i 10"]);
    counts("|window().period(10s).every(5s)", &["m count=5i 5", "m count=10i 10"]);
    counts("|window().period(10s).every(5s).fillPeriod()", &["m count=10i 10"]);
    counts("|window().period(3s).every(5s)", &["m count=3i 5", "m count=3i 10"]);
    let late: Vec<&str> = lines[3..].to_vec();
    check(
        "|window().period(5s).every(5s).align()|count('v')",
        &late,
        &["m count=2i 5", "m count=5i 10"],
    );
    check("|window().period(5s).every(5s)|count('v')", &late, &["m count=5i 8"]);
    // Without .every() each point makes a window of all that are not older than the period.
    check(
        "|window().period(2s)|count('v')",
        &lines[..4],
        &["m count=1i 0", "m count=2i 1", "m count=2i 2", "m count=2i 3"],
    );
}

#[test]
fn windows_by_count_are_driven_by_points() {
    let lines: Vec<String> = (0..7).map(|t| format!("m v=1.0 {t}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(
        "|window().periodCount(4).everyCount(2)|count('v')",
        &lines,
        &["m count=2i 1", "m count=4i 3", "m count=4i 5"],
    );
    check(
        "|window().periodCount(4).everyCount(2).fillPeriod()|count('v')",
        &lines,
        &["m count=4i 3", "m count=4i 5"],
    );
}
