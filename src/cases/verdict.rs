//! Runs a case in all manners, and lists the differences to the expectations.

use super::expect;
use super::file::{Case, CaseFile};
use super::run::{Manner, Outcome, run};
use std::path::PathBuf;
use std::time::Duration;

/// Restarts of the functions in the middle of a case.
const RESTARTS: u64 = 7;

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The file.
    pub file: PathBuf,
    /// The line of the file that the case stands on.
    pub line: usize,
    /// The case.
    pub name: String,
    /// The differences to the expectations; empty if there are none.
    pub failures: Vec<String>,
    /// Lines that the script logged, to be shown with a failure.
    pub log: Vec<String>,
    /// How many times it ran.
    pub runs: usize,
    /// How long all that took.
    pub took: Duration,
    /// Whether its golden file was written.
    pub blessed: bool,
}

impl Verdict {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs a case; with `bless`, its golden file is written and not compared.
pub fn judge(file: &CaseFile, case: &Case, bless: bool) -> Verdict {
    let straight = run(file, case, Manner::Straight);
    let mut took = straight.took;
    let judged = expect::judge(file, case, &straight, bless);
    let (mut failures, blessed) = (judged.failures, judged.blessed);
    let restarts = Manner::Restarted((straight.items / (RESTARTS + 1)).max(1));
    let manners = [
        (restarts, "with the functions restarted from snapshots in the middle"),
        (Manner::Single, "with the data handed over point by point"),
    ];
    for (manner, words) in manners {
        let other = run(file, case, manner);
        took += other.took;
        if let Some(difference) = difference(&straight, &other) {
            failures.push(format!("{words}, {difference}"));
        }
    }
    Verdict {
        file: file.path.clone(),
        line: case.line,
        name: case.name.clone(),
        failures,
        log: straight.log,
        runs: 1 + manners.len(),
        took,
        blessed,
    }
}

/// Says how another run of the same case differs.
fn difference(first: &Outcome, other: &Outcome) -> Option<String> {
    if first.error != other.error {
        let text = |error: &Option<String>| error.clone().unwrap_or_else(|| "no error".into());
        return Some(format!(
            "the run ends with another result: {}; a plain run: {}",
            text(&other.error),
            text(&first.error)
        ));
    }
    let lists = [("alert", &first.alerts, &other.alerts), ("point", &first.points, &other.points)];
    for (what, first, other) in lists {
        if let Some(at) = (0..first.len().max(other.len())).find(|i| first.get(*i) != other.get(*i))
        {
            let show = |value: Option<&serde_json::Value>| {
                value.map_or_else(|| "nothing".into(), ToString::to_string)
            };
            return Some(format!(
                "{what} {} differs:\n  {}\n  in a plain run: {}",
                at + 1,
                show(other.get(at)),
                show(first.get(at))
            ));
        }
    }
    if first.texts != other.texts {
        return Some("the lines of the output differ from those of a plain run".into());
    }
    let states = |outcome: &Outcome| serde_json::to_value(&outcome.states).unwrap_or_default();
    (states(first) != states(other))
        .then(|| "the states at the end differ from those of a plain run".into())
}
