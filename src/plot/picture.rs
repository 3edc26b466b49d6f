//! The content of a picture: the panels of the worst groups, the rows of the important fields, and a sentence about
//! what is left out.

use super::scale::{Scale, short};
use crate::replay::quality::Interval;
use crate::replay::trace::{LevelInterval, Trace, TracedField, TracedGroup};
use crate::tick::alert::Level;

/// How much is drawn at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Groups.
    pub panels: usize,
    /// Fields of a group.
    pub rows: usize,
    /// Fields of all groups, but for those of the first.
    pub total: usize,
}

/// A picture of a trace.
#[derive(Debug)]
pub struct Picture<'t> {
    /// The groups, the worst first.
    pub panels: Vec<Panel<'t>>,
    /// The time axis; not empty.
    pub span: Interval,
    /// Whether there is anything to draw.
    pub is_empty: bool,
    /// True anomalies.
    pub labels: &'t [Interval],
    /// What is left out, in words.
    pub notes: Vec<String>,
}

/// A group.
#[derive(Debug)]
pub struct Panel<'t> {
    /// The group's name, and how many alerts it has.
    pub title: String,
    /// Its fields.
    pub rows: Vec<Row<'t>>,
}

/// A field.
#[derive(Debug)]
pub struct Row<'t> {
    /// Its label.
    pub title: String,
    /// Its values.
    pub field: &'t TracedField,
    /// Whether a function gave it.
    pub is_output: bool,
    /// The thresholds of conditions on it.
    pub thresholds: Vec<(Level, f64)>,
    /// When alerts were not OK, in the order of their begin.
    pub bands: Vec<LevelInterval>,
    /// Its axis.
    pub scale: Scale,
}

impl<'t> Picture<'t> {
    /// Chooses what is drawn of a trace.
    pub fn of(trace: &'t Trace, limits: Limits) -> Self {
        let found = trace.span();
        let mut notes = Vec::new();
        let mut fields_left_out = 0;
        let mut panels: Vec<Panel<'_>> = Vec::new();
        let mut rows = 0;
        for group in trace.groups.iter().take(limits.panels) {
            let (panel, left_out) = Panel::of(group, trace, limits.rows);
            rows += panel.rows.len();
            if rows > limits.total && !panels.is_empty() {
                break;
            }
            fields_left_out += left_out;
            panels.push(panel);
        }
        let groups = trace.groups.len() as u64 + trace.groups_left_out;
        let hidden = groups - panels.len() as u64;
        if hidden > 0 {
            let alerts: u64 =
                trace.groups.iter().skip(panels.len()).map(|group| group.badness().1).sum();
            let whose = match alerts {
                0 => "none of them with an alert".to_owned(),
                1 => "with 1 alert".to_owned(),
                alerts => format!("with {alerts} alerts"),
            };
            notes.push(format!(
                "{} of {groups} groups are shown, the worst first; {hidden} are not, {whose}",
                panels.len()
            ));
        }
        if fields_left_out > 0 {
            notes.push(format!("{} not shown", many(fields_left_out, "field is", "fields are")));
        }
        let is_empty = panels.iter().all(|panel| panel.rows.is_empty());
        if is_empty {
            notes
                .push("there is nothing to draw: no point with a number reached the script".into());
        }
        Self { panels, span: widened(found), is_empty, labels: &trace.labels, notes }
    }

    /// The levels that alerts have, the lowest first.
    pub fn levels(&self) -> Vec<Level> {
        let rows = self.panels.iter().flat_map(|panel| &panel.rows);
        let mut levels: Vec<Level> =
            rows.flat_map(|row| row.bands.iter().map(|band| band.level)).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// Whether a line of a threshold is drawn.
    pub fn has_thresholds(&self) -> bool {
        self.panels.iter().flat_map(|panel| &panel.rows).any(|row| !row.thresholds.is_empty())
    }
}

/// An axis that is not empty.
fn widened(span: Option<Interval>) -> Interval {
    const SECOND: i64 = 1_000_000_000;
    match span {
        None => Interval { from: 0, to: SECOND },
        Some(Interval { from, to }) if from == to => {
            Interval { from: from.saturating_sub(SECOND), to: to.saturating_add(SECOND) }
        }
        Some(span) => span,
    }
}

/// A number with its noun.
pub(super) fn many(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

impl<'t> Panel<'t> {
    /// Chooses the fields of a group; returns how many there was no room for.
    fn of(group: &'t TracedGroup, trace: &Trace, most: usize) -> (Self, u64) {
        let names_some = group.inputs.iter().any(|field| field.named);
        let inputs = group.inputs.iter().filter(|field| field.named || !names_some);
        // Fields of conditions come before others.
        let watched = |field: &TracedField| {
            trace.thresholds.iter().any(|t| t.field == field.field && t.udf == field.udf)
        };
        let (first, then): (Vec<_>, Vec<_>) =
            group.outputs.iter().partition(|field| field.named || watched(field));
        let all: Vec<(&TracedField, bool)> = inputs
            .map(|field| (field, false))
            .chain(first.into_iter().chain(then).map(|field| (field, true)))
            .collect();
        let mut chosen: Vec<_> = all.iter().copied().take(most).collect();
        // At least as much of the output as of the input, if there is so much.
        let outputs: Vec<_> = all.iter().copied().filter(|(_, is_output)| *is_output).collect();
        let shown = chosen.iter().filter(|(_, is_output)| *is_output).count();
        let wanted = outputs.len().min(most / 2);
        if shown < wanted {
            chosen.truncate(most - wanted);
            chosen.extend(outputs.iter().take(wanted));
        }
        let left_out = (all.len() - chosen.len()) as u64 + group.fields_left_out;
        let title = match (group.title(), group.badness().1) {
            (title, 0) => title,
            (title, alerts) => format!("{title}  ({})", many(alerts, "alert", "alerts")),
        };
        let rows =
            chosen.into_iter().map(|(field, is_output)| Row::of(group, trace, field, is_output));
        (Self { title: plain(&title), rows: rows.collect() }, left_out)
    }
}

impl<'t> Row<'t> {
    fn of(group: &'t TracedGroup, trace: &Trace, field: &'t TracedField, is_output: bool) -> Self {
        let compared = trace.thresholds.iter().filter(|threshold| {
            threshold.field == field.field && (!is_output || threshold.udf == field.udf)
        });
        let mut thresholds: Vec<(Level, f64)> = compared.map(|t| (t.level, t.value)).collect();
        thresholds.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        thresholds.dedup();
        let inputs = &group.inputs;
        let concerns = |udf: &str| match is_output {
            true => udf == field.udf,
            // A use whose label is the name of a field belongs to that field.
            false => match udf.rsplit(' ').next() {
                Some(last) if inputs.iter().any(|input| input.field == last) => last == field.field,
                _ => true,
            },
        };
        let alerts = group.alerts.iter().filter(|alert| concerns(&alert.udf));
        let mut bands: Vec<LevelInterval> =
            alerts.flat_map(|alert| alert.intervals.iter().copied()).collect();
        bands.sort_by_key(|band| (band.from, band.level));
        let title = match (field.udf.as_str(), is_output) {
            ("", false) => field.field.clone(),
            ("", true) => format!("{} (output)", field.field),
            (udf, _) => format!("{udf}: {} (output)", field.field),
        };
        let numbers = thresholds.iter().map(|(_, value)| *value);
        let scale = Scale::of(field.samples.iter().map(|(_, value)| *value), numbers);
        Self { title: plain(&title), field, is_output, thresholds, bands, scale }
    }

    /// The range of its values, in words.
    pub fn range(&self) -> String {
        let numbers =
            || self.field.samples.iter().map(|(_, value)| *value).filter(|v| v.is_finite());
        let (low, high) =
            (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
        match low <= high {
            true if low == high => short(low),
            true => format!("{} to {}", short(low), short(high)),
            false => "no number".to_owned(),
        }
    }

    /// The text for readers who cannot see the row.
    pub fn summary(&self) -> String {
        let alerts = many(self.bands.len() as u64, "alert", "alerts");
        format!("{}: {}, {alerts}", self.title, self.range())
    }
}

/// A text without characters that control something, which no picture can show.
fn plain(text: &str) -> String {
    text.chars()
        .map(
            |c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c },
        )
        .collect()
}
