//! The bounds on what a sender can use.

use std::time::Duration;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Bytes of a request line with its headers.
    pub head: usize,
    /// How long a head may take, and how long a connection may be silent in the middle of a request or
    /// of its answer.
    pub stall: Duration,
    /// How long a body or an answer may take besides what its size allows.
    pub transfer: Duration,
    /// The bytes that a body or an answer must move in a second, once `transfer` has passed.
    pub rate: u64,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// How long requests that are being sent may still take when the server ends.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head: 16 << 10,
            stall: Duration::from_secs(10),
            transfer: Duration::from_secs(30),
            rate: 32 << 10,
            idle: Duration::from_secs(300),
            farewell: Duration::from_secs(5),
        }
    }
}
