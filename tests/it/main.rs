//! What a user relies on, tested on the real binary. One module a behaviour:
//!
//! - `captures`: real sessions of the daemon give the answers that the official UDFs gave
//! - `restore`: a snapshot taken anywhere continues as if nothing had happened
//! - `contract`: callbacks, edges, options, state, emit
//! - `bad_input`: what is broken is named, and nothing is half-written

mod bad_input;
mod captures;
mod contract;
mod restore;
mod util;
