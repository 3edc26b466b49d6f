//! A picture for a terminal, in braille: each letter has two columns of four dots.

use super::PlotError;
use super::picture::{Limits, Picture, Row};
use super::scale::{short, times};
use super::thin::{column, lines};
use crate::replay::quality::Interval;
use crate::replay::trace::Trace;
use crate::tick::alert::Level;
use std::fmt::Write as _;
use std::io::Write;

/// How much a terminal shows.
const LIMITS: Limits = Limits { panels: 4, rows: 8, total: 24 };

/// Lines of a row.
const LINES: usize = 5;

/// The fewest letters that a picture is wide.
const NARROWEST: usize = 40;

/// Where a picture is shown.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Letters in a line.
    pub width: usize,
    /// Whether letters have colours.
    pub colours: bool,
}

impl Screen {
    /// Columns of dots of a series.
    pub fn columns(self) -> usize {
        self.width.max(NARROWEST) * 2
    }

    /// Draws a trace.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn draw(self, trace: &Trace, out: &mut dyn Write) -> Result<(), PlotError> {
        let picture = Picture::of(trace, LIMITS);
        let mut text = String::new();
        let rows = || picture.panels.iter().flat_map(|panel| &panel.rows);
        let ticks = rows().flat_map(|row| row.scale.ticks(3));
        let margin = ticks.map(|(_, text)| text.chars().count()).max().unwrap_or(0).max(8) + 1;
        let width = self.width.max(NARROWEST).saturating_sub(margin + 1).max(10);
        let sheet = Sheet { screen: self, picture: &picture, margin, width };
        for panel in picture.panels.iter().filter(|panel| !panel.rows.is_empty()) {
            let _ = writeln!(text, "{}", sheet.cut(&panel.title, self.width));
            panel.rows.iter().for_each(|row| sheet.row(row, &mut text));
            sheet.marks(&mut text);
            sheet.axis(&mut text);
        }
        for note in &picture.notes {
            let _ = writeln!(text, "{note}");
        }
        Ok(out.write_all(text.as_bytes())?)
    }
}

struct Sheet<'p> {
    screen: Screen,
    picture: &'p Picture<'p>,
    /// Letters left of the axis.
    margin: usize,
    /// Letters right of it.
    width: usize,
}

impl Sheet<'_> {
    fn row(&self, row: &Row<'_>, out: &mut String) {
        let thresholds = row
            .thresholds
            .iter()
            .map(|(level, value)| format!(", {} {}", level.name().to_lowercase(), short(*value)));
        let log = if row.scale.is_log { ", logarithmic" } else { "" };
        let title =
            format!("{}: {}{}{log}", row.title, row.range(), thresholds.collect::<String>());
        let margin = self.margin;
        let _ = writeln!(out, "{:margin$} {}", "", self.cut(&title, self.width));
        let mut dots = Dots::new(self.width);
        let span = self.picture.span;
        let y = |value: f64| {
            let place = row.scale.place(value) * (LINES * 4 - 1) as f64;
            LINES * 4 - 1 - place.round() as usize
        };
        for line in lines(&row.field.samples, span, self.width * 2) {
            let points =
                line.iter().map(|(time, value)| (column(*time, span, self.width * 2), y(*value)));
            dots.line(points);
        }
        let ticks = row.scale.ticks(3);
        let held = row.thresholds.iter().filter(|(_, value)| row.scale.holds(*value));
        let lines: Vec<(usize, Level)> =
            held.map(|(level, value)| (y(*value) / 4, *level)).collect();
        for line in 0..LINES {
            let tick = ticks.iter().find(|(value, _)| y(*value) / 4 == line);
            let text = tick.map_or("", |(_, text)| text.as_str());
            let _ = write!(out, "{text:>margin$}{}", if tick.is_some() { '┤' } else { '│' });
            let threshold = lines.iter().find(|(at, _)| *at == line).map(|(_, level)| *level);
            let letters: String =
                (0..self.width).map(|x| dots.letter(x, line, threshold.is_some())).collect();
            let letters = letters.trim_end();
            out.push_str(&self.painted(letters, if row.is_output { "32" } else { "36" }));
            out.push('\n');
        }
        self.alerts(row, out);
    }

    /// A line with the alerts of a row, if it has any.
    fn alerts(&self, row: &Row<'_>, out: &mut String) {
        if row.bands.is_empty() {
            return;
        }
        let mut levels = vec![Level::Ok; self.width];
        for band in &row.bands {
            let at = |time: i64| column(time, self.picture.span, self.width);
            for level in &mut levels[at(band.from)..=at(band.to)] {
                *level = (*level).max(band.level);
            }
        }
        let margin = self.margin;
        let _ = write!(out, "{:>margin$} ", "alerts");
        let mut line = String::new();
        for part in levels.chunk_by(|a, b| a == b) {
            let (letter, colour) = match part[0] {
                Level::Ok => ("·", "2"),
                Level::Info => ("i", "34"),
                Level::Warning => ("w", "33"),
                Level::Critical => ("C", "31"),
            };
            line.push_str(&self.painted(&letter.repeat(part.len()), colour));
        }
        let _ = writeln!(out, "{line}");
    }

    /// A line with the labels, if there are any.
    fn marks(&self, out: &mut String) {
        let Interval { from, to } = self.picture.span;
        let mut labels =
            self.picture.labels.iter().filter(|l| l.to >= from && l.from <= to).peekable();
        if labels.peek().is_none() {
            return;
        }
        let mut line = vec!['·'; self.width];
        for label in labels {
            let at = |time: i64| column(time, self.picture.span, self.width);
            line[at(label.from)..=at(label.to)].fill('▀');
        }
        let margin = self.margin;
        let _ = writeln!(out, "{:>margin$} {}", "labels", line.into_iter().collect::<String>());
    }

    fn axis(&self, out: &mut String) {
        let mut line = vec!['─'; self.width];
        let mut texts: Vec<char> = Vec::new();
        let mut days: Vec<char> = Vec::new();
        for tick in times(self.picture.span, (self.width / 12).max(2)) {
            let at = column(tick.time, self.picture.span, self.width);
            line[at] = '┬';
            put(&mut texts, self.width, at, &tick.text);
            if let Some(day) = &tick.day {
                put(&mut days, self.width, at, day);
            }
        }
        let margin = self.margin;
        let _ = writeln!(out, "{:margin$}└{}", "", line.into_iter().collect::<String>());
        let _ = writeln!(out, "{:margin$} {}", "", texts.into_iter().collect::<String>());
        let days: String = days.into_iter().collect();
        if days.trim().is_empty() {
            let _ = writeln!(out, "{:>margin$}", "UTC");
        } else {
            let _ = writeln!(out, "{:>margin$} {days}", "UTC");
        }
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        match self.screen.colours && !text.is_empty() {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// A text of at most so many letters.
    fn cut(&self, text: &str, most: usize) -> String {
        match text.chars().count() > most {
            true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
            false => text.to_owned(),
        }
    }
}

/// Writes a text into a line where nothing is yet, its middle at a place.
fn put(line: &mut Vec<char>, width: usize, at: usize, text: &str) {
    let letters = text.chars().count();
    let start = at.saturating_sub(letters / 2).min(width.saturating_sub(letters));
    if !line.is_empty() && start < line.len() + 1 {
        return;
    }
    line.resize(start, ' ');
    line.extend(text.chars());
}

/// Dots of a row, two columns and four lines a letter.
struct Dots {
    width: usize,
    letters: Vec<u8>,
}

/// The bits of a letter by column and line, as Unicode numbers them.
const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Dots {
    fn new(width: usize) -> Self {
        Self { width, letters: vec![0; width * LINES] }
    }

    fn set(&mut self, x: usize, y: usize) {
        if let Some(letter) = self.letters.get_mut(y / 4 * self.width + x / 2) {
            *letter |= BITS[x % 2][y % 4];
        }
    }

    /// Draws a line through points.
    fn line(&mut self, points: impl Iterator<Item = (usize, usize)>) {
        let mut before: Option<(usize, usize)> = None;
        for (x, y) in points {
            let (x0, y0) = before.unwrap_or((x, y));
            let steps = x.abs_diff(x0).max(y.abs_diff(y0)).max(1);
            for step in 0..=steps {
                let between = |a: usize, b: usize| {
                    let part = (b as f64 - a as f64) * step as f64 / steps as f64;
                    (a as f64 + part).round() as usize
                };
                self.set(between(x0, x), between(y0, y));
            }
            before = Some((x, y));
        }
    }

    fn letter(&self, x: usize, line: usize, threshold: bool) -> char {
        match (self.letters[line * self.width + x], threshold) {
            (0, true) => '╌',
            (0, false) => ' ',
            (bits, _) => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
        }
    }
}
