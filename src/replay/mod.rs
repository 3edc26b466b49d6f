//! Recorded data through a script or a TICKscript, with no daemon.

pub mod tick;
