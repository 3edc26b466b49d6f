//! Colours: those of Okabe and Ito, which the colour-blind can tell apart, on light and on dark.

use crate::tick::alert::Level;

/// A colour.
pub(super) type Rgb = (u8, u8, u8);

/// The colours of a picture. No two parts of one theme have the same, so that one theme can be put in
/// place of the other by colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours {
    pub(super) background: Rgb,
    pub(super) text: Rgb,
    pub(super) faint: Rgb,
    pub(super) grid: Rgb,
    pub(super) frame: Rgb,
    pub(super) input: Rgb,
    pub(super) output: Rgb,
    pub(super) info: Rgb,
    pub(super) warning: Rgb,
    pub(super) critical: Rgb,
    pub(super) label: Rgb,
}

/// On white.
pub(super) const LIGHT: Colours = Colours {
    background: (0xff, 0xff, 0xff),
    text: (0x1f, 0x23, 0x28),
    faint: (0x59, 0x63, 0x6e),
    grid: (0xe4, 0xe7, 0xeb),
    frame: (0xaf, 0xb8, 0xc1),
    input: (0x00, 0x72, 0xb2),
    output: (0x00, 0x7d, 0x5a),
    info: (0x56, 0xb4, 0xe9),
    warning: (0xe6, 0x9f, 0x00),
    critical: (0xd5, 0x5e, 0x00),
    label: (0xcc, 0x79, 0xa7),
};

/// On nearly black.
pub(super) const DARK: Colours = Colours {
    background: (0x15, 0x1b, 0x23),
    text: (0xe6, 0xed, 0xf3),
    faint: (0x9d, 0xa7, 0xb3),
    grid: (0x2a, 0x31, 0x3a),
    frame: (0x4d, 0x57, 0x62),
    input: (0x6c, 0xc4, 0xf5),
    output: (0x2f, 0xc7, 0x9b),
    info: (0x56, 0xb4, 0xe9),
    warning: (0xe6, 0x9f, 0x00),
    critical: (0xe8, 0x6a, 0x10),
    label: (0xd6, 0x8a, 0xb4),
};

impl Colours {
    /// The colour of a level.
    pub(super) fn of(&self, level: Level) -> Rgb {
        match level {
            Level::Ok => self.frame,
            Level::Info => self.info,
            Level::Warning => self.warning,
            Level::Critical => self.critical,
        }
    }

    /// All colours with the names of their parts.
    pub(super) fn all(&self) -> [(&'static str, Rgb); 11] {
        [
            ("background", self.background),
            ("text", self.text),
            ("faint", self.faint),
            ("grid", self.grid),
            ("frame", self.frame),
            ("input", self.input),
            ("output", self.output),
            ("info", self.info),
            ("warning", self.warning),
            ("critical", self.critical),
            ("label", self.label),
        ]
    }
}

/// A colour as CSS writes it.
pub(super) fn css((r, g, b): Rgb) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}
