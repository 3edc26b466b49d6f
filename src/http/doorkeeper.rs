//! Keeps web pages out.
//!
//! A page of any site may let the browser send requests to a port of the user's own machine. Browsers
//! say where a page comes from (`Origin`); and a page that has made its own name lead to 127.0.0.1 (DNS
//! rebinding) is known by that name in `Host`.

use super::{Head, Refusal};
use std::net::IpAddr;

/// Refuses requests that come from web pages.
#[derive(Clone, Debug, Default)]
pub struct Doorkeeper {
    /// The server is on a loopback address, so its users call it by a name for that.
    pub loopback: bool,
    /// Other names that it may be called by, without a port.
    pub names: Vec<String>,
    /// The server has pages itself, and these may send requests.
    pub own_pages: bool,
}

impl Doorkeeper {
    /// Checks a request.
    ///
    /// # Errors
    /// It comes from a web page, or calls this machine by a name that is not its own.
    pub fn check(&self, head: &Head) -> Result<(), Refusal> {
        let host = head.header("host").unwrap_or_default();
        if self.loopback && !head.old && !self.knows(host) {
            return Err(Refusal::new(
                403,
                format!(
                    "the header Host says '{host}', which is not a name of the loopback address; \
                     allow it with --allow-host if it is yours"
                ),
            ));
        }
        match head.header("origin") {
            None => Ok(()),
            Some(origin) if self.own_pages && is_at(origin, host) => Ok(()),
            Some(_) => Err(Refusal::new(403, "requests from web pages are refused")),
        }
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.is_ok_and(|address| address.is_loopback())
            || name.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // The colons of a bare IPv6 address separate no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// Tells whether an origin, as `http://127.0.0.1:8080`, is that host.
fn is_at(origin: &str, host: &str) -> bool {
    let scheme = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    scheme.is_some_and(|at| at.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(doorkeeper: &Doorkeeper, headers: &str) -> bool {
        let text = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
        let (head, _) = Head::parse(text.as_bytes()).unwrap().unwrap();
        doorkeeper.check(&head).is_ok()
    }

    #[test]
    fn names_of_the_loopback_address_are_known_and_no_others() {
        let doorkeeper =
            Doorkeeper { loopback: true, names: vec!["box".into()], ..Default::default() };
        for host in [
            "localhost",
            "LOCALHOST:9092",
            "127.0.0.1:9092",
            "127.1.2.3",
            "[::1]:9092",
            "[::1]",
            "::1",
            "box",
            "box:80",
        ] {
            assert!(check(&doorkeeper, &format!("Host: {host}")), "{host}");
        }
        for host in ["evil.example", "evil.example:9092", "localhost.evil.example", "10.0.0.1", ""]
        {
            assert!(!check(&doorkeeper, &format!("Host: {host}")), "{host}");
        }
        let open = Doorkeeper::default();
        assert!(check(&open, "Host: anything"));
    }

    #[test]
    fn an_origin_is_refused_unless_it_is_our_own_page() {
        let plain = Doorkeeper { loopback: true, ..Default::default() };
        let own = Doorkeeper { own_pages: true, ..plain.clone() };
        let same = "Host: 127.0.0.1:80\r\nOrigin: http://127.0.0.1:80";
        assert!(!check(&plain, same));
        assert!(check(&own, same));
        for origin in ["null", "http://evil.example", "http://127.0.0.1:81", "127.0.0.1:80"] {
            assert!(!check(&own, &format!("Host: 127.0.0.1:80\r\nOrigin: {origin}")), "{origin}");
        }
    }
}
