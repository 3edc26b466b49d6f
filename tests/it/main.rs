//! What a user relies on, tested on the real binary. One module a behaviour:
//!
//! - `captures`: real sessions of the daemon give the answers that the official UDFs gave
//! - `restore`: a snapshot taken anywhere continues as if nothing had happened
//! - `contract`: callbacks, edges, options, state, emit
//! - `bad_input`: what is broken is named, and nothing is half-written
//! - `on_error`, `limits`: scripts that fail, never end, or take everything
//! - `reload`: a changed script takes over, or does not, and nothing is lost
//! - `state`: snapshots, groups that go, the state folder, broken scripts at the daemon's start
//! - `sockets`: many uses on sockets, scripts that come and go
//! - `night`: signals, full disks, the flight recorder
//! - `trials`: faults of every kind, with a driver that plays the daemon (`daemon`)

mod bad_input;
mod captures;
mod contract;
mod daemon;
mod limits;
mod night;
mod on_error;
mod reload;
mod restore;
mod sockets;
mod state;
mod util;
