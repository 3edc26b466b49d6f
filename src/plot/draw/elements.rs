//! Texts, lines, dots and boxes. They are in pixels, but for texts and boxes.

use super::*;

/// A place in units, and which part of a text is there.
pub(super) type Place = (i32, i32, HPos, VPos);

impl<DB: DrawingBackend> Canvas<'_, DB> {
    pub(super) fn style(&self, size: i32, colour: Rgb) -> TextStyle<'static> {
        let (r, g, b) = colour;
        let mut style = TextStyle::from((FONT, size * self.unit).into_font());
        style.color = RGBColor(r, g, b).to_backend_color();
        style
    }

    pub(super) fn text(
        &self,
        text: &str,
        size: i32,
        colour: Rgb,
        place: Place,
    ) -> Result<(), PlotError> {
        let (x, y, horizontal, vertical) = place;
        let style = self.style(size, colour).pos(Pos::new(horizontal, vertical));
        self.area.draw_text(text, &style, (x * self.unit, y * self.unit)).map_err(failed)
    }

    /// The width of a text in units, rounded up.
    pub(super) fn width(&self, text: &str, size: i32) -> Result<i32, PlotError> {
        let style = self.style(size, self.colours.text);
        let (width, _) = self.area.estimate_text_size(text, &style).map_err(failed)?;
        Ok((width as i32).div_euclid(self.unit) + 1)
    }

    /// A text that is not wider than so many units: its middle is left out.
    pub(super) fn fitted(&self, text: &str, size: i32, most: i32) -> Result<String, PlotError> {
        if self.width(text, size)? <= most {
            return Ok(text.to_owned());
        }
        let letters: Vec<char> = text.chars().collect();
        let mut kept = letters.len().min(most as usize);
        loop {
            let (head, tail) = (kept.div_ceil(2), kept / 2);
            let mut short: String = letters[..head].iter().collect();
            short.push('…');
            short.extend(&letters[letters.len() - tail..]);
            if kept < 4 || self.width(&short, size)? <= most {
                return Ok(short);
            }
            kept -= kept.div_ceil(20);
        }
    }

    pub(super) fn line(
        &self,
        points: &[(i32, i32)],
        colour: Rgb,
        width: i32,
    ) -> Result<(), PlotError> {
        let (r, g, b) = colour;
        let style = ShapeStyle::from(&RGBColor(r, g, b)).stroke_width(width.max(1) as u32);
        let whole = if self.joins { points.len() } else { 2 };
        let mut parts = points.windows(whole.clamp(1, points.len().max(1)));
        parts.try_for_each(|part| {
            self.area.draw(&PathElement::new(part.to_vec(), style)).map_err(failed)
        })
    }

    pub(super) fn dot(&self, at: (i32, i32), colour: Rgb) -> Result<(), PlotError> {
        let (r, g, b) = colour;
        let style = ShapeStyle::from(&RGBColor(r, g, b)).filled();
        self.area.draw(&Circle::new(at, 2 * self.unit, style)).map_err(failed)
    }

    pub(super) fn pixels(
        &self,
        ends: (i32, i32, i32, i32),
        colour: Rgb,
        alpha: f64,
    ) -> Result<(), PlotError> {
        let (left, upper, right, lower) = ends;
        let (r, g, b) = colour;
        let style = ShapeStyle::from(&RGBColor(r, g, b).mix(alpha)).filled();
        self.area.draw(&Rectangle::new([(left, upper), (right, lower)], style)).map_err(failed)
    }

    pub(super) fn box_of(
        &self,
        ends: (i32, i32, i32, i32),
        colour: Rgb,
        alpha: f64,
    ) -> Result<(), PlotError> {
        let (left, upper, right, lower) = ends;
        let unit = self.unit;
        self.pixels((left * unit, upper * unit, right * unit, lower * unit), colour, alpha)
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> PlotError {
    PlotError::Draw(error.to_string())
}
