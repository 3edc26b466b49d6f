//! The head of a request: the request line and the headers.

use percent_encoding::percent_decode_str;
use std::fmt;

/// Headers of a request at most.
const HEADERS: usize = 64;

/// Why a request is refused: a status of HTTP and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The reason, for people.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

/// How the end of a body is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// By its length in bytes.
    Length(u64),
    /// It comes in chunks, of which the last is empty.
    Chunked,
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The method, as `GET`.
    pub method: String,
    /// The path, as `/write`.
    pub path: String,
    /// What follows the question mark, as it came.
    pub query: String,
    /// How the end of the body is determined.
    pub framing: Framing,
    /// HTTP/1.0, which has no chunks and no `100 Continue`.
    pub old: bool,
    headers: Vec<(String, String)>,
}

/// Queries and headers may hold passwords: only the method, the path and the names of headers are shown.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        write!(f, "{} {} {names:?}", self.method, self.path)
    }
}

impl Head {
    /// Reads a head from the start of `bytes`, and says how many bytes it has; `None` if they hold only
    /// a part of it.
    ///
    /// # Errors
    /// Bytes that are not HTTP, or whose end could be understood in two ways.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::new(431, format!("more than {HEADERS} headers")));
            }
            Err(httparse::Error::Version) => {
                return Err(Refusal::new(505, "only HTTP 1.0 and 1.1 are supported"));
            }
            Err(error) => {
                return Err(Refusal::new(400, format!("the request is not HTTP: {error}")));
            }
        };
        let headers = request.headers.iter().map(|header| {
            // Bytes that are not UTF-8 have no meaning here, but must not end the header.
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned())
        });
        let old = request.version == Some(0);
        let mut head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            path: String::new(),
            query: String::new(),
            framing: Framing::Empty,
            old,
            headers: headers.collect(),
        };
        head.check_host()?;
        head.set_target(request.path.unwrap_or_default())?;
        head.framing = head.find_framing()?;
        Ok(Some((head, length)))
    }

    /// Returns the first header of a name, which is written in lower case.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the value of a parameter of the query, decoded; the first, if there are several.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.query, name)
    }

    /// Tells whether the sender waits for a `100 Continue` before it sends the body.
    ///
    /// # Errors
    /// It expects something else.
    pub fn expects_continue(&self) -> Result<bool, Refusal> {
        match self.header("expect") {
            None => Ok(false),
            Some(_) if self.old => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("100-continue") => Ok(true),
            Some(_) => Err(Refusal::new(417, "Expect can only be '100-continue'")),
        }
    }

    /// Tells whether the connection stays open for another request.
    pub fn keeps_alive(&self) -> bool {
        let has = |token: &str| {
            let mut tokens = self.all("connection").flat_map(|value| value.split(','));
            tokens.any(|each| each.trim().eq_ignore_ascii_case(token))
        };
        !has("close") && (!self.old || has("keep-alive"))
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let of_name = self.headers.iter().filter(move |(each, _)| each == name);
        of_name.map(|(_, value)| &**value)
    }

    fn check_host(&self) -> Result<(), Refusal> {
        match self.all("host").count() {
            1 => Ok(()),
            0 if self.old => Ok(()),
            0 => Err(Refusal::new(400, "the header Host is missing")),
            _ => Err(Refusal::new(400, "there is more than one header Host")),
        }
    }

    /// Takes the path and the query from what follows the method.
    fn set_target(&mut self, target: &str) -> Result<(), Refusal> {
        let absolute = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
        let target = match absolute {
            Some(rest) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
            None => target,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') && path != "*" && absolute.is_none() {
            return Err(Refusal::new(400, "the path must begin with '/'"));
        }
        (self.path, self.query) = (path.to_owned(), query.to_owned());
        Ok(())
    }

    /// Finds where the body ends. Whatever two readers could understand in two ways is refused (RFC
    /// 9112, section 6.3).
    fn find_framing(&self) -> Result<Framing, Refusal> {
        let refuse = |reason: &str| Err(Refusal::new(400, reason));
        let mut lengths = self.all("content-length");
        let mut codings = self.all("transfer-encoding");
        let (length, coding) = (lengths.next(), codings.next());
        if lengths.next().is_some() {
            return refuse("there is more than one Content-Length");
        }
        if coding.is_some() && length.is_some() {
            return refuse("there are both a Content-Length and a Transfer-Encoding");
        }
        match (length, coding) {
            (None, None) => Ok(Framing::Empty),
            (Some(length), _) => {
                if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
                    return refuse("Content-Length must be a number of bytes");
                }
                match length.parse() {
                    Ok(0) => Ok(Framing::Empty),
                    Ok(length) => Ok(Framing::Length(length)),
                    Err(_) => refuse("Content-Length is larger than any body can be"),
                }
            }
            (None, Some(_)) if self.old => refuse("HTTP/1.0 has no Transfer-Encoding"),
            (None, Some(_)) if codings.next().is_some() => {
                refuse("there is more than one Transfer-Encoding")
            }
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (None, Some(_)) => Err(Refusal::new(501, "Transfer-Encoding can only be 'chunked'")),
        }
    }
}

/// Returns the value of a parameter of a query or a form, decoded; the first, if there are several.
pub fn parameter(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let decoded =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    pairs.find(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str) -> Result<Head, u16> {
        let bytes = format!("{head}\r\n\r\n");
        match Head::parse(bytes.as_bytes()) {
            Ok(Some((head, length))) => {
                assert_eq!(length, bytes.len());
                Ok(head)
            }
            Ok(None) => panic!("not whole"),
            Err(refusal) => Err(refusal.status),
        }
    }

    #[test]
    fn paths_and_parameters_are_decoded() {
        let head = parsed("GET /write?db=d+b&rp=%72p&flag HTTP/1.1\r\nHost: a").unwrap();
        assert_eq!((&*head.method, &*head.path), ("GET", "/write"));
        assert_eq!(head.parameter("db").as_deref(), Some("d b"));
        assert_eq!(head.parameter("rp").as_deref(), Some("rp"));
        assert_eq!(head.parameter("flag").as_deref(), Some(""));
        assert_eq!(head.parameter("no"), None);
        let head = parsed("POST http://x:1/a?b HTTP/1.1\r\nHost: x:1").unwrap();
        assert_eq!((&*head.path, &*head.query), ("/a", "b"));
        assert_eq!(parsed("GET a HTTP/1.1\r\nHost: a"), Err(400));
    }

    #[test]
    fn a_body_whose_end_is_not_certain_is_refused() {
        let of = |headers: &str| {
            parsed(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}")).map(|head| head.framing)
        };
        assert_eq!(of("Content-Length: 12"), Ok(Framing::Length(12)));
        assert_eq!(of("Content-Length: 0"), Ok(Framing::Empty));
        assert_eq!(of("transfer-encoding: Chunked"), Ok(Framing::Chunked));
        for bad in [
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 0x10",
            "Content-Length: 1, 1",
            "Content-Length: ",
            "Content-Length: 1 2",
            "Content-Length: 18446744073709551616",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length : 1",
            "Content-Length: 1\r\n folded: x",
            "Host: b",
        ] {
            assert_eq!(of(bad), Err(400), "{bad}");
        }
        assert_eq!(of("Transfer-Encoding: gzip, chunked"), Err(501));
        assert_eq!(parsed("POST / HTTP/1.0\r\nTransfer-Encoding: chunked"), Err(400));
        assert_eq!(parsed("POST / HTTP/1.1\r\nX: y"), Err(400), "no Host");
        assert_eq!(parsed("POST / HTTP/2.0\r\nHost: a"), Err(505));
        let many = "X: y\r\n".repeat(100);
        assert_eq!(parsed(&format!("POST / HTTP/1.1\r\n{many}Host: a")), Err(431));
    }

    #[test]
    fn passwords_are_not_shown() {
        let head = parsed("GET /ping?p=secret HTTP/1.1\r\nHost: a\r\nAuthorization: Token secret");
        assert!(!format!("{head:?}").contains("secret"));
    }
}
