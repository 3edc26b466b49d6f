//! Golden files: the expected points, one object on each line.

use super::expect::same;
use serde_json::Value;
use std::path::Path;

/// Differences that are shown.
const SHOWN: usize = 5;

/// Writes the output as the expected output.
pub(super) fn bless(path: &Path, points: &[Value]) -> std::io::Result<()> {
    let lines: String = points.iter().map(|point| format!("{point}\n")).collect();
    std::fs::write(path, lines)
}

/// Says how the points differ from a golden file; `None` if they do not.
pub(super) fn compare(path: &Path, points: &[Value], tolerance: f64) -> Option<String> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Some(format!(
                "{shown}: cannot be read: {error}; run the test with --bless to write it"
            ));
        }
    };
    let mut expected = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(value) => expected.push((i + 1, value)),
            Err(error) => return Some(format!("{shown}:{}: the line is not JSON: {error}", i + 1)),
        }
    }
    let mut differences = Vec::new();
    let pairs = expected.iter().zip(points);
    let differing = pairs.filter(|((_, expected), got)| !same(expected, got, tolerance));
    let mut count = 0;
    for ((line, expected), got) in differing {
        count += 1;
        if count <= SHOWN {
            differences.push(format!("{shown}:{line}\n  - {expected}\n  + {got}"));
        }
    }
    if count > SHOWN {
        differences.push(format!("… and {} more points differ", count - SHOWN));
    }
    if expected.len() != points.len() {
        let first = match expected.get(points.len()) {
            Some((line, point)) => format!("\n  - {point} (line {line} is missing)"),
            None => format!("\n  + {}", points[expected.len()]),
        };
        differences.push(format!(
            "{} points came out, {shown} has {}{first}",
            points.len(),
            expected.len()
        ));
    }
    (!differences.is_empty()).then(|| differences.join("\n"))
}
