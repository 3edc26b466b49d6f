//! The address of a database, the credentials for it, and the certificates that are trusted.

use super::InfluxError;
use super::hide::hide;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;

/// A generation of InfluxDB, which says how it is written to and which tokens it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// 1.x: `/write`, users with passwords.
    One,
    /// 2.x and the clouds that speak like it: `/api/v2/write` with an organization and a bucket.
    Two,
    /// 3: `/api/v3/write_lp` and SQL.
    Three,
}

impl Api {
    /// Returns the API of a number.
    pub fn by_number(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Self::One),
            "2" => Some(Self::Two),
            "3" => Some(Self::Three),
            _ => None,
        }
    }

    /// Returns the API of a version as a server says it: `1.8.10`, `v2.7.1`, `3.0.1`.
    pub fn of_version(version: &str) -> Option<Self> {
        let (major, _) = version.trim().trim_start_matches(['v', 'V']).split_once('.')?;
        Self::by_number(major)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        })
    }
}

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, to be sent.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// No credentials.
    #[default]
    Nobody,
    /// A user with a password.
    User(String, Hidden),
    /// The holder of a token.
    Token(Hidden),
}

/// The authorities that are trusted to certify a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities that the system trusts.
    #[default]
    System,
    /// The certificates in a file, in place of the system's.
    File(PathBuf),
    /// None: every certificate is accepted.
    Blindly,
}

/// How a database is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The address, without a user and without a slash at the end.
    url: String,
    /// The credentials.
    pub login: Login,
    /// The version of the server, if it was given.
    pub api: Option<Api>,
    /// The authorities that are trusted.
    pub trust: Trust,
    /// The organization of an InfluxDB 2.
    pub organization: Option<String>,
}

impl Access {
    /// Reads `http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]`.
    ///
    /// # Errors
    /// Any other address.
    pub fn parse(url: &str) -> Result<Self, InfluxError> {
        let refuse = || InfluxError::Url(without_login(url).into());
        let (scheme, rest) = ["https://", "http://"]
            .iter()
            .find_map(|scheme| Some((*scheme, url.strip_prefix(scheme)?)))
            .ok_or_else(refuse)?;
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = place.trim_end_matches('/');
        let odd = |c: char| matches!(c, '?' | '#' | '\\') || c.is_whitespace() || c.is_control();
        let host = place.split('/').next().unwrap_or_default();
        if !is_host(host) || place.contains(odd) {
            return Err(refuse());
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = user.map_or(Login::Nobody, |user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            Login::User(decode(name), Hidden(decode(password)))
        });
        Ok(Self {
            url: format!("{scheme}{place}"),
            login,
            api: None,
            trust: Trust::System,
            organization: None,
        })
    }

    /// Returns the address, without a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Removes the secret from a text of a server or a library, which may contain it.
    pub fn scrub(&self, text: &str) -> String {
        let (secret, basic) = match &self.login {
            Login::Nobody => return text.to_owned(),
            Login::User(name, secret) => (secret.reveal(), basic(name, secret)),
            Login::Token(secret) => (secret.reveal(), String::new()),
        };
        // A secret of one or two letters is not replaced, because it would damage ordinary words.
        if secret.len() < 3 {
            return text.to_owned();
        }
        let text = hide(text, secret);
        if basic.is_empty() { text } else { hide(&text, &basic) }
    }
}

/// A user and a password as basic authorization sends them.
pub(super) fn basic(name: &str, password: &Hidden) -> String {
    STANDARD.encode(format!("{name}:{}", password.reveal()))
}

/// Tells whether this is a host, or the address of one, perhaps with a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            (address.parse::<std::net::Ipv6Addr>().map_or("", |_| address), port.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && !host.contains('[') && port.is_none_or(is_port)
}

/// An address as it may be shown, though it cannot be read.
fn without_login(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_passwords_kept_out_of_sight() {
        let access = Access::parse("http://ann:p%40ss@db:8086/").unwrap();
        assert_eq!(access.url(), "http://db:8086");
        assert_eq!(access.login, Login::User("ann".into(), Hidden("p@ss".into())));
        assert!(!format!("{access:?}").contains("p@ss"));
        for url in
            ["http://[::1]", "http://[::1]:8086", "http://db.example:1/a", "http://10.0.0.1:65535"]
        {
            assert_eq!(Access::parse(url).unwrap().url(), url);
        }
        let access = Access::parse("https://example.org/influx/").unwrap();
        assert_eq!((access.url(), access.is_encrypted()), ("https://example.org/influx", true));
        for url in [
            "ftp://ann:secret@db",
            "db:8086",
            "http://",
            "https://:80",
            "http://ann:secret@",
            "http://db/?u=x",
            "http://d b",
            "http://db:99999",
            "http://db:",
            "http://db:0",
            "http://db:80:80",
            "http://[::1",
            "http://[db]:80",
            "http://::1",
            "ann:secret@db",
        ] {
            let error = Access::parse(url).unwrap_err().to_string();
            assert!(error.contains("write http://") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_comes_back_is_shown_without_the_secret() {
        let mut access = Access::parse("http://db").unwrap();
        access.login = Login::Token(Hidden("a+b/c==".into()));
        let text = access.scrub("the token a+b/c== (a%2Bb%2fc==) has expired");
        assert_eq!(text, "the token *** (***) has expired");
    }

    #[test]
    fn versions_name_their_api() {
        for (version, api) in [
            ("1.8.10", Some(Api::One)),
            ("v2.7.1", Some(Api::Two)),
            ("3.0.1", Some(Api::Three)),
            ("rhai-udf-0.1.0", None),
            ("10.1", None),
            ("", None),
        ] {
            assert_eq!(Api::of_version(version), api, "{version}");
        }
    }
}
