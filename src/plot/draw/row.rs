//! A row: bands, grid, thresholds, the line, and its name.

use super::*;

impl<DB: DrawingBackend> Canvas<'_, DB> {
    /// Draws a row: bands, grid, thresholds, the line, and its name.
    pub(super) fn row(
        &self,
        picture: &Picture<'_>,
        row: &Row<'_>,
        frame: Frame,
        (top, ticks): (i32, &[TimeTick]),
        x: &dyn Fn(i64) -> i32,
    ) -> Result<(), PlotError> {
        let (upper, lower) = (top + ROW_TITLE, top + ROW_TITLE + ROW);
        let title = if row.scale.is_log {
            format!("{}, logarithmic", row.title)
        } else {
            row.title.clone()
        };
        let title = self.fitted(&title, SMALL, frame.right - frame.left)?;
        self.text(
            &title,
            SMALL,
            self.colours.text,
            (frame.left, upper - 3, HPos::Left, VPos::Bottom),
        )?;
        self.bands(picture, row, (upper, lower), x)?;
        for tick in ticks {
            let at = x(tick.time);
            self.line(&[(at, upper * self.unit), (at, lower * self.unit)], self.colours.grid, 1)?;
        }
        let y = |value: f64| {
            let place = row.scale.place(value) * f64::from(ROW * self.unit);
            lower * self.unit - place.round() as i32
        };
        let (left, right) = (frame.left * self.unit, frame.right * self.unit);
        for (value, text) in row.scale.ticks(4) {
            let at = y(value);
            self.line(&[(left, at), (right, at)], self.colours.grid, 1)?;
            let place = (frame.left - TICK, at / self.unit, HPos::Right, VPos::Center);
            self.text(&text, SMALL, self.colours.faint, place)?;
        }
        let corners =
            [(left, upper * self.unit), (left, lower * self.unit), (right, lower * self.unit)];
        self.line(&corners, self.colours.frame, 1)?;
        let notes = self.thresholds(row, frame, (upper, lower), &y)?;
        let colour = if row.is_output { self.colours.output } else { self.colours.input };
        let columns = (frame.right - frame.left) as usize;
        let lines = lines(&row.field.samples, picture.span, columns);
        let few = lines.iter().map(Vec::len).sum::<usize>() < columns / 12;
        for line in lines {
            let mut points: Vec<(i32, i32)> =
                line.iter().map(|(t, value)| (x(*t), y(*value))).collect();
            points.dedup();
            if few || points.len() == 1 {
                points.iter().try_for_each(|point| self.dot(*point, colour))?;
            }
            if points.len() > 1 {
                self.line(&points, colour, 5 * self.unit / 4)?;
            }
        }
        self.notes(notes, frame.right)
    }

    /// Draws alerts and labels behind a row.
    fn bands(
        &self,
        picture: &Picture<'_>,
        row: &Row<'_>,
        (upper, lower): (i32, i32),
        x: &dyn Fn(i64) -> i32,
    ) -> Result<(), PlotError> {
        let unit = self.unit;
        let span = picture.span;
        let within = |from: i64, to: i64| to >= span.from && from <= span.to;
        for label in picture.labels.iter().filter(|label| within(label.from, label.to)) {
            let (from, to) = (x(label.from), x(label.to).max(x(label.from) + BAND * unit));
            self.pixels((from, upper * unit, to, lower * unit), self.colours.label, 0.16)?;
            self.pixels((from, (lower - 6) * unit, to, lower * unit), self.colours.label, 1.0)?;
        }
        // A second element at the same place is left out.
        let mut drawn: Vec<(Level, i32, i32)> = Vec::new();
        for band in &row.bands {
            let (from, to) = (x(band.from), x(band.to).max(x(band.from) + BAND * unit));
            match drawn.last_mut() {
                Some((level, _, end)) if *level == band.level && from <= *end + unit => {
                    *end = to.max(*end)
                }
                _ => drawn.push((band.level, from, to)),
            }
        }
        drawn.sort_by_key(|(level, from, _)| (*level, *from));
        for (level, from, to) in drawn {
            let thick = match level {
                Level::Critical => 7,
                Level::Warning => 5,
                _ => 3,
            };
            let colour = self.colours.of(level);
            self.pixels((from, upper * unit, to, lower * unit), colour, 0.22)?;
            self.pixels((from, upper * unit, to, (upper + thick) * unit), colour, 1.0)?;
        }
        Ok(())
    }

    fn thresholds(
        &self,
        row: &Row<'_>,
        frame: Frame,
        (upper, lower): (i32, i32),
        y: &dyn Fn(f64) -> i32,
    ) -> Result<Vec<(String, i32, VPos)>, PlotError> {
        let mut notes = Vec::new();
        for (level, value) in &row.thresholds {
            let colour = self.colours.of(*level);
            let name = format!("{} {}", level.name().to_lowercase(), short(*value));
            if row.scale.holds(*value) {
                let at = y(*value);
                let ends = [(frame.left * self.unit, at), (frame.right * self.unit, at)];
                self.line(&ends, colour, self.unit)?;
                let above = at / self.unit > upper + 18;
                let (at, anchor) = if above {
                    (at / self.unit - 1, VPos::Bottom)
                } else {
                    (at / self.unit + 2, VPos::Top)
                };
                notes.push((name, at, anchor));
            } else {
                let (arrow, at, anchor) = match row.scale.is_below(*value) {
                    true => ("↑", upper + 8, VPos::Top),
                    false => ("↓", lower - 2, VPos::Bottom),
                };
                let text = format!("{name} {arrow}");
                notes.push((text, at, anchor));
            }
        }
        Ok(notes)
    }

    /// Writes texts at the right end of a row; those of the same height stand beside each other.
    fn notes(&self, notes: Vec<(String, i32, VPos)>, end: i32) -> Result<(), PlotError> {
        let mut placed: Vec<(i32, i32)> = Vec::new();
        for (text, at, anchor) in notes {
            let middle = if matches!(anchor, VPos::Top) { at + 7 } else { at - 7 };
            let beside = placed.iter().filter(|(other, _)| middle.abs_diff(*other) < 16);
            let right = beside.map(|(_, left)| *left).min().unwrap_or(end) - 4;
            self.note(&text, right, at, anchor)?;
            placed.push((middle, right - self.width(&text, SMALL)? - 6));
        }
        Ok(())
    }

    /// Writes a text at the right end of a row, so that it can be read above a line.
    fn note(&self, text: &str, right: i32, at: i32, anchor: VPos) -> Result<(), PlotError> {
        let width = self.width(text, SMALL)?;
        let upper = if matches!(anchor, VPos::Top) { at - 1 } else { at - 14 };
        let ends = (right - width - 3, upper, right + 1, upper + 15);
        self.box_of(ends, self.colours.background, 0.75)?;
        self.text(text, SMALL, self.colours.faint, (right, at, HPos::Right, anchor))
    }
}
