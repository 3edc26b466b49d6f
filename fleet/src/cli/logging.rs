//! Logging to standard error.

use log::LevelFilter;
use simplelog::{ColorChoice, ConfigBuilder, TermLogger, TerminalMode};
use std::io::Write;

/// Starts logging.
pub(super) fn start(level: LevelFilter) {
    let mut config = ConfigBuilder::new();
    config
        .set_time_format_rfc3339()
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_ignore_str("async_nats");
    if level <= LevelFilter::Info {
        // It tells versions and folders of the unpacked script, which are not those of the fleet.
        config.add_filter_ignore_str("rhai_udf::script::host::handler::bound");
    }
    let config = config.build();
    // It fails only where logging was started before.
    let _ = TermLogger::init(level, config, TerminalMode::Stderr, ColorChoice::Never);
}

/// Writes a line for people.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
