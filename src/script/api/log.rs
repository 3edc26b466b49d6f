//! `log_debug` … `log_error`, `print` and `debug`: lines on standard error, with the script's name.

use crate::script::host::Host;
use log::Level;
use rhai::{Dynamic, Engine};
use std::rc::Rc;

/// The target of the lines that scripts log, which tells them apart from the host's.
pub const TARGET: &str = "script";

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    for (name, level) in [
        ("log_debug", Level::Debug),
        ("log_info", Level::Info),
        ("log_warn", Level::Warn),
        ("log_error", Level::Error),
    ] {
        let host = host.clone();
        engine.register_fn(name, move |value: Dynamic| write(&host, level, &value.to_string()));
    }
    let h = host.clone();
    engine.on_print(move |text| write(&h, Level::Info, text));
    let h = host.clone();
    engine.on_debug(move |text, _, place| {
        let line = place.line().map_or_else(String::new, |line| format!("line {line}: "));
        write(&h, Level::Debug, &format!("{line}{text}"));
    });
}

fn write(host: &Host, level: Level, text: &str) {
    let name = host.script.file_name().unwrap_or_default().to_string_lossy();
    log::log!(target: TARGET, level, "{name}: {text}");
}
