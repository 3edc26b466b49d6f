//! From a score to an event: when to raise an alarm, and when to let go; rates of change.

mod counter;
mod debounce;
mod hysteresis;
mod rate;
mod refractory;

pub use counter::{Counter, CounterStep};
pub use debounce::Debounce;
pub use hysteresis::Hysteresis;
pub use rate::Rate;
pub use refractory::Refractory;
