//! One connection: requests come in, answers go out in their order.

use super::body::Body;
use super::places::{Place, State};
use super::wire::{Link, Wire};
use super::{Head, Limits, Refusal, Request, Response, Service};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Serves a connection of any kind until it ends.
pub fn serve_link(link: &mut dyn Link, service: &dyn Service, limits: Limits) {
    serve(link, service, limits, None);
}

/// Serves a connection that has a place among those of a server.
pub(super) fn serve(
    link: &mut dyn Link,
    service: &dyn Service,
    limits: Limits,
    place: Option<&Place>,
) {
    let mut wire = Wire::new(link, limits, place);
    // The first request must come soon; later ones may come at any time.
    let mut patience = limits.stall;
    while turn(&mut wire, service, place, patience) {
        patience = limits.idle;
    }
}

/// Takes one request and answers it; tells whether another may follow.
fn turn(
    wire: &mut Wire<'_>,
    service: &dyn Service,
    place: Option<&Place>,
    patience: std::time::Duration,
) -> bool {
    wire.is_now(State::Idle);
    let head = match receive(wire, patience) {
        Ok(Some(head)) => head,
        Ok(None) => return false,
        Err(refusal) => {
            let response = service.refuse(&refusal);
            answer(wire, &response, false, true);
            return false;
        }
    };
    let refused = |refusal: &Refusal| (service.refuse(refusal), false);
    let (response, finished) = match head.expects_continue() {
        Err(refusal) => refused(&refusal),
        Ok(asked) => {
            let mut request = Request { head: &head, body: Body::new(wire, head.framing, asked) };
            // A service must not panic; if it does, one request fails and not the server.
            match catch_unwind(AssertUnwindSafe(|| service.respond(&mut request))) {
                Ok(response) => (response, request.body.finish()),
                Err(_) => refused(&Refusal::new(500, "the server has failed")),
            }
        }
    };
    let closes = !finished || !head.keeps_alive() || place.is_some_and(Place::is_ending);
    wire.is_now(State::Answering);
    answer(wire, &response, head.method == "HEAD", closes)
}

/// Waits for a head; `None` where the connection ends without one.
fn receive(wire: &mut Wire<'_>, patience: std::time::Duration) -> Result<Option<Head>, Refusal> {
    if wire.peek().is_empty() {
        wire.allow(patience);
        match wire.fill() {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
    }
    wire.is_now(State::Receiving);
    wire.allow(wire.limits().stall);
    loop {
        if let Some((head, length)) = Head::parse(wire.peek())? {
            wire.consume(length);
            return Ok(Some(head));
        }
        if wire.peek().len() >= wire.limits().head {
            let most = wire.limits().head;
            return Err(Refusal::new(431, format!("the head is longer than {most} bytes")));
        }
        match wire.fill() {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(Refusal::new(408, "the request did not come in time"));
            }
            Err(_) => return Ok(None),
        }
    }
}

/// Sends an answer; tells whether the connection stays open.
fn answer(wire: &mut Wire<'_>, response: &Response, head_only: bool, closes: bool) -> bool {
    wire.allow_transfer();
    let sent: io::Result<()> = wire.send(&response.encode(head_only, closes));
    if closes && sent.is_ok() {
        wire.close();
    }
    sent.is_ok() && !closes
}
