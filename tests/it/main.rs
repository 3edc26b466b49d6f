//! What a user relies on, tested on the real binary. One module a behaviour:
//!
//! - `captures`: real sessions of the daemon give the answers that the official UDFs gave
//! - `restore`: a snapshot taken anywhere continues as if nothing had happened
//! - `contract`: callbacks, edges, emit
//! - `state`: `this`, values, snapshots, versions
//! - `options`: types, defaults, ranges, what is refused
//! - `fields`: points as a script sees them
//! - `surroundings`: modules, logging, the config file, broken scripts
//! - `influxdb`: a database read and written
//! - `listen`: points that arrive over HTTP
//! - `tutorial`: the commands of the book's tutorial do what it says
//! - `replay`: recorded data through a script
//! - `examples`: each shipped script does what its example shows
//! - `bad_input`: what is broken is named, and nothing is half-written

mod bad_input;
mod captures;
mod contract;
mod examples;
mod fields;
mod influxdb;
mod listen;
mod options;
mod replay;
mod restore;
mod state;
mod surroundings;
mod tutorial;
mod util;
