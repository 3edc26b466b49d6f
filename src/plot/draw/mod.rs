//! Draws a picture with any backend of `plotters`. Lengths are in units of a pixel on an
//! ordinary screen, which a backend may have several pixels for.

mod elements;
mod row;

use elements::failed;

use super::PlotError;
use super::picture::{Panel, Picture, Row};
use super::scale::{TimeTick, short, times};
use super::theme::{Colours, Rgb};
use super::thin::{column, lines};
use crate::tick::alert::Level;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::sync::Once;

/// The width of a picture.
pub(super) const WIDTH: i32 = 1000;

const MARGIN: i32 = 14;
const TITLE: i32 = 26;
const LEGEND: i32 = 24;
const PANEL: i32 = 28;
const ROW_TITLE: i32 = 19;
const ROW: i32 = 78;
const AXIS: i32 = 40;
const NOTE: i32 = 18;
/// The width of an axis's tick.
const TICK: i32 = 6;
/// The least width of an alert, so that it is seen.
const BAND: i32 = 3;

/// The sizes of texts.
const LARGE: i32 = 17;
const MEDIUM: i32 = 15;
const SMALL: i32 = 13;

/// The name of the text's font in the library of fonts.
const FONT: &str = "sans-serif";

/// Registers the font that texts are measured with.
fn register_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let bytes = include_bytes!("../font/DejaVuSans.ttf");
        // The tests draw texts: the font can be read.
        let _ = register(bytes);
    });
}

fn register(bytes: &'static [u8]) -> Result<(), ()> {
    plotters::style::register_font(FONT, FontStyle::Normal, bytes).map_err(drop)
}

/// The height of a picture.
pub(super) fn height(picture: &Picture<'_>) -> i32 {
    let panels = picture.panels.iter().filter(|panel| !panel.rows.is_empty());
    let heights = panels.map(|panel| PANEL + panel.rows.len() as i32 * (ROW_TITLE + ROW) + AXIS);
    MARGIN + TITLE + LEGEND + heights.sum::<i32>() + picture.notes.len() as i32 * NOTE + MARGIN
}

/// Draws on an area that has `unit` pixels a unit.
pub(super) struct Canvas<'c, DB: DrawingBackend> {
    pub(super) area: &'c DrawingArea<DB, Shift>,
    pub(super) colours: Colours,
    pub(super) unit: i32,
    /// Whether it joins the parts of a line well; pixels do not, where a line turns back on itself.
    pub(super) joins: bool,
}

/// Where rows are, from left to right.
#[derive(Clone, Copy)]
struct Frame {
    left: i32,
    right: i32,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    /// Draws a picture.
    pub(super) fn picture(&self, picture: &Picture<'_>, title: &str) -> Result<(), PlotError> {
        register_font();
        let paper = (0, 0, WIDTH, height(picture));
        self.box_of(paper, self.colours.background, 1.0)?;
        let mut top = MARGIN;
        let title = self.fitted(title, LARGE, WIDTH - 2 * MARGIN)?;
        self.text(&title, LARGE, self.colours.text, (MARGIN, top, HPos::Left, VPos::Top))?;
        let place = (WIDTH - MARGIN, top + TITLE + 8, HPos::Right, VPos::Center);
        self.text("times are UTC", SMALL, self.colours.faint, place)?;
        top += TITLE;
        self.legend(picture, top)?;
        top += LEGEND;
        let frame = self.frame(picture)?;
        for panel in picture.panels.iter().filter(|panel| !panel.rows.is_empty()) {
            top = self.panel(picture, panel, frame, top)?;
        }
        for note in &picture.notes {
            let note = self.fitted(note, SMALL, WIDTH - 2 * MARGIN)?;
            self.text(&note, SMALL, self.colours.faint, (MARGIN, top, HPos::Left, VPos::Top))?;
            top += NOTE;
        }
        self.area.present().map_err(failed)
    }

    /// Leaves room for the widest number beside an axis, and for half a time at the right.
    fn frame(&self, picture: &Picture<'_>) -> Result<Frame, PlotError> {
        let mut widest = 30;
        for row in picture.panels.iter().flat_map(|panel| &panel.rows) {
            for (_, text) in row.scale.ticks(4) {
                widest = widest.max(self.width(&text, SMALL)?);
            }
        }
        Ok(Frame { left: MARGIN + widest + TICK + 4, right: WIDTH - MARGIN - 30 })
    }

    /// Says what the colours mean, as far as they are used.
    fn legend(&self, picture: &Picture<'_>, top: i32) -> Result<(), PlotError> {
        let rows = || picture.panels.iter().flat_map(|panel| &panel.rows);
        let mut entries = Vec::new();
        for (is_output, name, colour) in
            [(false, "input", self.colours.input), (true, "output", self.colours.output)]
        {
            if rows().any(|row| row.is_output == is_output) {
                entries.push((name.to_owned(), colour, 3));
            }
        }
        if picture.has_thresholds() {
            entries.push(("threshold".to_owned(), self.colours.faint, 1));
        }
        for level in picture.levels() {
            entries.push((level.name().to_lowercase(), self.colours.of(level), 10));
        }
        if !picture.labels.is_empty() {
            entries.push(("labelled anomaly".to_owned(), self.colours.label, 6));
        }
        let mut left = MARGIN;
        let middle = top + 8;
        for (name, colour, thick) in entries {
            let half = thick / 2;
            self.box_of((left, middle - half, left + 18, middle - half + thick), colour, 1.0)?;
            self.text(
                &name,
                SMALL,
                self.colours.text,
                (left + 24, middle, HPos::Left, VPos::Center),
            )?;
            left += 24 + self.width(&name, SMALL)? + 22;
        }
        Ok(())
    }

    /// Draws a panel; returns where it ends.
    fn panel(
        &self,
        picture: &Picture<'_>,
        panel: &Panel<'_>,
        frame: Frame,
        mut top: i32,
    ) -> Result<i32, PlotError> {
        let title = self.fitted(&panel.title, MEDIUM, WIDTH - 2 * MARGIN)?;
        self.text(&title, MEDIUM, self.colours.text, (MARGIN, top + 6, HPos::Left, VPos::Top))?;
        top += PANEL;
        let ticks = times(picture.span, ((frame.right - frame.left) / 90) as usize);
        let x = |time: i64| {
            let width = frame.right - frame.left;
            frame.left * self.unit + column(time, picture.span, (width * self.unit) as usize) as i32
        };
        for row in &panel.rows {
            self.row(picture, row, frame, (top, &ticks), &x)?;
            top += ROW_TITLE + ROW;
        }
        self.time_axis(&ticks, top, &x)?;
        Ok(top + AXIS)
    }

    fn time_axis(
        &self,
        ticks: &[TimeTick],
        top: i32,
        x: &dyn Fn(i64) -> i32,
    ) -> Result<(), PlotError> {
        let mut days_end = 0;
        for tick in ticks {
            let at = x(tick.time);
            let unit = self.unit;
            self.line(&[(at, top * unit), (at, (top + 4) * unit)], self.colours.frame, 1)?;
            let half = self.width(&tick.text, SMALL)? / 2;
            let middle = (at / unit).clamp(half + 2, WIDTH - half - 2);
            self.text(
                &tick.text,
                SMALL,
                self.colours.faint,
                (middle, top + 6, HPos::Center, VPos::Top),
            )?;
            if let Some(day) = &tick.day {
                let half = self.width(day, SMALL)? / 2;
                let middle = (at / unit).clamp(half + 2, WIDTH - half - 2);
                if middle - half > days_end {
                    days_end = middle + half + 8;
                    let place = (middle, top + 21, HPos::Center, VPos::Top);
                    self.text(day, SMALL, self.colours.faint, place)?;
                }
            }
        }
        Ok(())
    }
}
