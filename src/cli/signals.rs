//! Signals: `SIGTERM` and `SIGINT` end cleanly, `SIGUSR1` asks for a status report.

use anyhow::Context;
use rhai_udf::agent::Control;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End.
    Stop,
    /// Report.
    Report,
}

/// The signals that concern us.
pub(super) fn listen() -> anyhow::Result<Signals> {
    Signals::new([SIGTERM, SIGINT, SIGUSR1]).context("signals cannot be handled")
}

/// What a signal asks for.
pub(super) fn wish(signal: i32) -> Wish {
    if signal == SIGUSR1 { Wish::Report } else { Wish::Stop }
}

/// Ends the process at the next request to end.
pub(super) fn end_at_once(mut signals: Signals) -> anyhow::Result<()> {
    let thread = std::thread::Builder::new().name("signals".into());
    thread
        .spawn(move || {
            if signals.forever().any(|signal| wish(signal) == Wish::Stop) {
                log::warn!("asked to end a second time: the process ends at once");
                std::process::exit(1);
            }
        })
        .context("the thread for signals cannot be started")?;
    Ok(())
}

/// Hands the signals on to one session; a second request to end ends at once.
pub(super) fn hand_on(control: Control) -> anyhow::Result<()> {
    let reporter = control.clone();
    answer(listen()?, move || reporter.report(), move || control.stop())
}

/// Stops at the first request to end; a second one ends the process at once.
pub(super) fn stop_at_first(
    signals: Signals,
    stop: impl FnMut() + Send + 'static,
) -> anyhow::Result<()> {
    answer(signals, || {}, stop)
}

fn answer(
    mut signals: Signals,
    mut report: impl FnMut() + Send + 'static,
    mut stop: impl FnMut() + Send + 'static,
) -> anyhow::Result<()> {
    let thread = std::thread::Builder::new().name("signals".into());
    let follow = move || {
        let mut stopped = false;
        for signal in signals.forever() {
            match wish(signal) {
                Wish::Report => report(),
                Wish::Stop if stopped => std::process::exit(1),
                Wish::Stop => {
                    stopped = true;
                    stop();
                }
            }
        }
    };
    thread.spawn(follow).context("the thread for signals cannot be started")?;
    Ok(())
}
