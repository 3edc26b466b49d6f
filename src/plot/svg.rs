//! SVG that is light or dark as the reader wants it: colours are attributes, and a style sheet puts
//! others in their place where dark is preferred.

use super::PlotError;
use super::draw::{Canvas, WIDTH, height};
use super::picture::Picture;
use super::theme::{DARK, LIGHT, css};
use plotters::prelude::{IntoDrawingArea, SVGBackend};
use std::fmt::Write;

/// The library draws on whole pixels, several of which make a unit.
const UNIT: i32 = 8;

/// Draws a picture.
pub(super) fn draw(picture: &Picture<'_>, title: &str) -> Result<String, PlotError> {
    let mut drawn = String::new();
    let size = ((WIDTH * UNIT) as u32, (height(picture) * UNIT) as u32);
    {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        Canvas { area: &area, colours: LIGHT, unit: UNIT, joins: true }.picture(picture, title)?;
    }
    // The first line is the opening of the document.
    let body = drawn.split_once('\n').map_or("", |(_, body)| body);
    let mut out = String::with_capacity(drawn.len() + 2048);
    let (width, height) = (WIDTH, height(picture));
    let _ = writeln!(
        out,
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         xmlns=\"http://www.w3.org/2000/svg\">",
        size.0, size.1
    );
    out.push_str("<style>\npolyline { stroke-linejoin: round; }\ntext { white-space: pre; }\n");
    out.push_str("@media (prefers-color-scheme: dark) {\n");
    for ((_, light), (_, dark)) in LIGHT.all().into_iter().zip(DARK.all()) {
        if light != dark {
            let (light, dark) = (css(light), css(dark));
            let _ = writeln!(out, "[fill=\"{light}\"] {{ fill: {dark}; }}");
            let _ = writeln!(out, "[stroke=\"{light}\"] {{ stroke: {dark}; }}");
        }
    }
    out.push_str("}\n</style>\n");
    out.push_str(body);
    Ok(out)
}
