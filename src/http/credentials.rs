//! Who may send requests: users with passwords, and tokens, as InfluxDB knows them.

use super::Head;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use std::hint::black_box;

/// A secret, kept as its digest: it can be compared, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Compares, in a time that does not depend on where the two differ.
    pub fn is(&self, text: &str) -> bool {
        let other = Self::new(text);
        let different = self.0.iter().zip(&other.0).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
        different == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The users and tokens that are accepted; if there are none, everybody is.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Users, as `NAME:PASSWORD`.
    pub users: Vec<Secret>,
    /// Tokens.
    pub tokens: Vec<Secret>,
}

impl Credentials {
    /// Tells whether everybody is accepted.
    pub fn admit_everybody(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// Tells whether a request is accepted: by basic authorization, the parameters `u` and `p`, or a
    /// token, `Authorization: Token …` or `Bearer …`. As InfluxDB has it, a token may also be a user's
    /// `NAME:PASSWORD`.
    pub fn admit(&self, head: &Head) -> bool {
        if self.admit_everybody() {
            return true;
        }
        if let Some(value) = head.header("authorization") {
            let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
            let rest = rest.trim();
            return match scheme.to_ascii_lowercase().as_str() {
                "basic" => {
                    let bytes = STANDARD.decode(rest).unwrap_or_default();
                    String::from_utf8(bytes).is_ok_and(|text| any(&self.users, &text))
                }
                "token" | "bearer" => any(&self.tokens, rest) | any(&self.users, rest),
                _ => false,
            };
        }
        match (head.parameter("u"), head.parameter("p")) {
            (Some(user), Some(password)) => any(&self.users, &format!("{user}:{password}")),
            _ => false,
        }
    }
}

/// Compares with all, so that the time does not tell which one it was.
fn any(secrets: &[Secret], text: &str) -> bool {
    secrets.iter().fold(false, |found, secret| found | secret.is(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_tokens_are_let_in_and_nobody_else() {
        let credentials = Credentials {
            users: vec![Secret::new("ann:p:w d")],
            tokens: vec![Secret::new("t0ken")],
        };
        let admit = |query: &str, header: &str| {
            let text = format!("POST /write?{query} HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n");
            let head = Head::parse(text.trim_start().as_bytes()).unwrap().unwrap().0;
            credentials.admit(&head)
        };
        let basic = |text: &str| format!("Authorization: Basic {}", STANDARD.encode(text));
        assert!(admit("", &basic("ann:p:w d")));
        assert!(admit("u=ann&p=p%3Aw+d", "X: y"));
        for header in ["Token t0ken", "Bearer t0ken", "token  t0ken", "Token ann:p:w d"] {
            assert!(admit("", &format!("Authorization: {header}")), "{header}");
        }
        assert!(!admit("", "X: y"));
        assert!(!admit("u=ann&p=wrong", "X: y"));
        assert!(!admit("u=ann", "X: y"));
        assert!(!admit("u=ann&p=p%3Aw+d", &basic("ann:wrong")), "the header counts");
        for header in ["Token t0ke", "Token", "Basic ====", "Basic YQ", "Digest t0ken", "t0ken"] {
            assert!(!admit("", &format!("Authorization: {header}")), "{header}");
        }
        assert!(!format!("{credentials:?}").contains("t0ken"));
    }
}
