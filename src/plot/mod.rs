//! Pictures of a replay: as SVG, PNG, a page of HTML that works offline, or braille for a terminal.
//!
//! A [`Trace`] holds everything that can be drawn; a [`Picture`] chooses what is drawn; each form draws it. `plotters`
//! draws SVG and PNG, `uPlot` the page. A group is a panel, a field a row; all share the time axis.

mod draw;
mod html;
mod picture;
mod png;
mod scale;
mod svg;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod thin;

pub use picture::{Limits, Panel, Picture, Row};
pub use terminal::Screen;

use crate::replay::trace::Trace;
use std::path::Path;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The library that draws fails.
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),
    /// The picture cannot be written.
    #[error("the picture cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// The form of a picture in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines and texts, light or dark as the reader wants it.
    Svg,
    /// Pixels.
    Png,
    /// A page that zooms, pans and shows values, light or dark as the reader wants it.
    Html,
}

/// Whether a picture of pixels is light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

impl Form {
    /// Tells the form of a file by its name; `None` for another ending.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_string_lossy().to_lowercase();
        match extension.as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }

    /// How many columns of pixels a series should be traced in.
    pub fn columns(self) -> usize {
        match self {
            Self::Svg | Self::Png => 1000,
            // A page can be zoomed.
            Self::Html => 8000,
        }
    }

    /// How much is drawn.
    pub fn limits(self) -> Limits {
        match self {
            Self::Svg | Self::Png => Limits { panels: 8, rows: 12, total: 30 },
            Self::Html => Limits { panels: 40, rows: 24, total: 200 },
        }
    }

    /// Draws a trace.
    ///
    /// # Errors
    /// As [`PlotError`] says.
    pub fn draw(self, trace: &Trace, title: &str, theme: Theme) -> Result<Vec<u8>, PlotError> {
        let picture = Picture::of(trace, self.limits());
        match self {
            Self::Svg => svg::draw(&picture, title).map(String::into_bytes),
            Self::Png => png::draw(&picture, title, theme),
            Self::Html => Ok(html::draw(&picture, title)?.into_bytes()),
        }
    }
}
