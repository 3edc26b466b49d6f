//! `replay --plot`: a picture of what happened, in a file or on the terminal.

use super::manner::Stream;
use super::plan::Input;
use super::{stdout, usage};
use clap::ValueEnum;
use rhai_udf::plot::{Form, Screen, Theme};
use rhai_udf::replay::Player;
use rhai_udf::replay::output_file::OutputFile;
use rhai_udf::replay::trace::TraceSettings;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is drawn.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Pictures")]
pub(super) struct PlotArgs {
    /// Draw the input, the output and the alerts of the worst groups into a file: .svg, .png or .html
    /// (which zooms, pans and shows values); or - for the terminal
    #[arg(long = "plot", value_name = "FILE")]
    pub(super) plot: Option<PathBuf>,
    /// The colours of a .png; .svg and .html follow the setting of the reader's system
    #[arg(long = "plot-theme", value_enum, value_name = "THEME", requires = "plot")]
    pub(super) theme: Option<ThemeName>,
}

/// A theme by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ThemeName {
    /// Dark on white
    Light,
    /// Light on nearly black
    Dark,
}

/// Where a picture goes.
#[derive(Clone, Debug)]
pub(super) enum Drawing {
    /// Into a file.
    File {
        /// The file.
        path: PathBuf,
        /// Its form.
        form: Form,
        /// Its colours, if it is of pixels.
        theme: Theme,
    },
    /// To standard output.
    Terminal(Screen),
}

/// The width of a terminal in letters, if it is not known.
const WIDTH: usize = 100;

impl Drawing {
    /// Reads the arguments.
    pub(super) fn of(args: &PlotArgs) -> anyhow::Result<Option<Self>> {
        let Some(path) = &args.plot else { return Ok(None) };
        if path == Path::new("-") {
            return Ok(Some(Self::Terminal(screen())));
        }
        let Some(form) = Form::of(path) else {
            return usage(&format!(
                "--plot {}: write a name that ends in .svg, .png or .html, or - for the terminal",
                path.display()
            ));
        };
        let theme = match args.theme {
            Some(ThemeName::Dark) => Theme::Dark,
            Some(ThemeName::Light) | None => Theme::Light,
        };
        Ok(Some(Self::File { path: path.clone(), form, theme }))
    }

    /// The resolution of the trace for the picture.
    pub(super) fn trace(&self) -> TraceSettings {
        let columns = match self {
            Self::File { form, .. } => form.columns(),
            Self::Terminal(screen) => screen.columns(),
        };
        TraceSettings { columns, ..TraceSettings::default() }
    }

    /// Creates the file, so that an error is reported before the replay.
    pub(super) fn begin(&self, reads: &[PathBuf]) -> anyhow::Result<Option<OutputFile>> {
        match self {
            Self::File { path, .. } => {
                Ok(Some(OutputFile::create(path, reads.iter().map(PathBuf::as_path))?))
            }
            Self::Terminal(_) => Ok(None),
        }
    }

    /// Draws what a player traced.
    pub(super) fn draw(
        &self,
        player: &mut Player,
        title: &str,
        file: Option<OutputFile>,
    ) -> anyhow::Result<()> {
        let trace = player.take_trace().unwrap_or_default();
        match (self, file) {
            (Self::File { form, theme, .. }, Some(mut file)) => {
                let drawn = form.draw(&trace, title, *theme)?;
                let written = file.write_all(&drawn).and_then(|()| file.flush());
                written.map_err(|error| file.failed(error))?;
                file.keep()?;
            }
            (Self::Terminal(screen), _) => {
                let mut drawn = Vec::new();
                screen.draw(&trace, &mut drawn)?;
                stdout::print(&String::from_utf8_lossy(&drawn))?;
            }
            (Self::File { .. }, None) => {}
        }
        Ok(())
    }
}

/// The title of a picture: the script and its data.
pub(super) fn title(script: &Path, input: &Input) -> String {
    let name =
        |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let names = input.names();
    let data = match names.as_slice() {
        [] => String::new(),
        [one] => format!(", {}", name(one)),
        [first, others @ ..] => format!(", {} and {} more", name(first), others.len()),
    };
    format!("{}{data}", name(script))
}

/// The terminal's width, or what COLUMNS says, and whether it has colours.
fn screen() -> Screen {
    let output = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&output).ok().map(|size| usize::from(size.ws_col));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = size.filter(|width| *width > 0).or_else(said).unwrap_or(WIDTH).min(1000);
    Screen { width, colours: Stream::Out.has_colours() }
}
