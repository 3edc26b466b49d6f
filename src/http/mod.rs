//! A small HTTP/1.1 server of blocking threads, for machines on a network and for pages on loopback.
//!
//! A [`Server`] accepts connections and gives each a thread, up to a bound; a [`Service`] answers
//! requests. [`Limits`] bounds everything that a sender can do: the size of a head, the time
//! that a request may take, the number of connections. When all places are taken, the connection that has kept the
//! server waiting longest loses its place, so that slow senders cannot block others.
//!
//! Served are keep-alive, pipelined requests, bodies with a length and in chunks, `Expect:
//! 100-continue`, `HEAD`, all of it also over TLS. Not served are upgrades, compression of answers and HTTP/2. This
//! module uses no other; a [`Link`] carries the bytes (TCP or TLS).
//!
//! Written against RFC 9110 and RFC 9112; where they leave a choice about malformed requests, the strict one is
//! taken, because lenience makes request smuggling possible.

mod body;
mod connection;
mod credentials;
mod doorkeeper;
mod head;
mod limits;
mod places;
mod response;
mod server;
mod tls;
mod wire;

pub use body::Body;
pub use connection::serve_link;
pub use credentials::{Credentials, Secret};
pub use doorkeeper::Doorkeeper;
pub use head::{Framing, Head, Refusal, parameter};
pub use limits::Limits;
pub use response::Response;
pub use server::{Server, Stopper};
pub use tls::{Identity, IdentityError};
pub use wire::Link;

/// A request: its head, and its body that is read from the connection on demand.
#[derive(Debug)]
pub struct Request<'a> {
    /// The request line and the headers.
    pub head: &'a Head,
    /// The body.
    pub body: Body<'a>,
}

/// Answers requests; it is called from many threads at once.
pub trait Service: Send + Sync {
    /// Answers a request.
    fn respond(&self, request: &mut Request<'_>) -> Response;

    /// The answer to a request that cannot be read, or that is refused before it is looked at.
    fn refuse(&self, refusal: &Refusal) -> Response {
        Response::text(refusal.status, &refusal.reason)
    }

    /// Called when the last request has been answered.
    fn ended(&self) {}
}

#[cfg(test)]
mod tests;
