//! From a score to an event: when an alarm begins and when it ends; rates of change.

mod counter;
mod debounce;
mod hold;
mod hysteresis;
mod rate;
mod refractory;
mod timer;

pub use counter::{Counter, CounterStep};
pub use debounce::Debounce;
pub use hold::Hold;
pub use hysteresis::Hysteresis;
pub use rate::Rate;
pub use refractory::Refractory;
pub use timer::Timer;
