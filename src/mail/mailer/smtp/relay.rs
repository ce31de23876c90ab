//! A relay: where letters are handed over, and how safely.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// One SMTP server that relays for us.
#[derive(Debug, Clone)]
pub struct Relay {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// `user` and `password` are for XOAUTH2: the password is an access token.
    pub oauth: bool,
    /// Its share of the connections beside other relays; 0 keeps it for when the others are down.
    pub weight: u32,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tls {
    /// From the first octet (RFC 8314), `smtps://`.
    Implicit,
    /// By STARTTLS, without which nothing is said.
    StartTls,
    /// Not at all: only towards this very machine, and without a password.
    Plain,
}

/// A password or a token. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Why a text is no relay; never repeats the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotARelay(pub &'static str);

const NO_PORT: &str = "the port is no whole number from 1 to 65535";

impl Relay {
    /// Reads `smtps://user@host`, `smtp://user@host:587` (STARTTLS required) or, for this machine
    /// only, `smtp://localhost:25` (plain). A password has no place in it.
    pub fn parse(text: &str) -> Result<Self, NotARelay> {
        let url = Url::parse(text).map_err(|why| match why {
            url::ParseError::InvalidPort => NotARelay(NO_PORT),
            _ => NotARelay("it is not a URL"),
        })?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(NotARelay("it must begin with smtps:// or smtp://")),
        };
        if url.password().is_some() {
            return Err(NotARelay(
                "a password does not belong into the URL: use the environment or password_file",
            ));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(NotARelay("nothing may follow the port"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(NotARelay("the host is missing")),
        };
        // A scheme that the URL standard does not know leaves its host unchecked.
        let host = idna_host(&host).ok_or(NotARelay("the host is not a name or an address"))?;
        let user = match url.username() {
            "" => None,
            user => Some(
                percent_encoding::percent_decode_str(user)
                    .decode_utf8()
                    .ok()
                    .filter(|user| !user.chars().any(char::is_control))
                    .ok_or(NotARelay("the user is not text"))?
                    .into_owned(),
            ),
        };
        let tls = match (implicit, is_loopback(&host) && user.is_none()) {
            (true, _) => Tls::Implicit,
            (false, true) => Tls::Plain,
            (false, false) => Tls::StartTls,
        };
        if url.port() == Some(0) {
            return Err(NotARelay(NO_PORT));
        }
        let port = url.port().unwrap_or(match tls {
            Tls::Implicit => 465,
            Tls::StartTls => 587,
            Tls::Plain => 25,
        });
        Ok(Self { host, port, tls, user, password: None, oauth: false, weight: 1 })
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether it is this very machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn idna_host(host: &str) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() {
        return Some(host.to_owned());
    }
    match Host::parse(&percent_encoding::percent_decode_str(host).decode_utf8().ok()?) {
        Ok(Host::Domain(name)) => Some(name),
        Ok(Host::Ipv4(address)) => Some(address.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_host_port_user_and_protection() {
        for (text, name, user, tls) in [
            ("smtps://mail.example.org", "mail.example.org:465", None, Tls::Implicit),
            (
                "smtps://lettre%40example.org@mail.example.org:4465",
                "mail.example.org:4465",
                Some("lettre@example.org"),
                Tls::Implicit,
            ),
            ("smtp://lettre@mail.example.org", "mail.example.org:587", Some("lettre"), Tls::StartTls),
            ("smtp://mail.example.org:25", "mail.example.org:25", None, Tls::StartTls),
            ("smtp://localhost", "localhost:25", None, Tls::Plain),
            ("smtp://127.0.0.1:2525", "127.0.0.1:2525", None, Tls::Plain),
            ("smtp://[::1]:2525", "[::1]:2525", None, Tls::Plain),
            // A password is never said in the clear, not even to this machine.
            ("smtp://lettre@localhost:2525", "localhost:2525", Some("lettre"), Tls::StartTls),
            ("smtps://bücher.example", "xn--bcher-kva.example:465", None, Tls::Implicit),
        ] {
            let relay = Relay::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(
                (relay.name().as_str(), relay.user.as_deref(), relay.tls),
                (name, user, tls),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_relay_is_refused_without_repeating_it() {
        for text in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtps://user:geheim@host.example.org",
            "smtps://mail.example.org/inbox",
            "smtps://mail.example.org?tls=no",
            "smtp://a b",
            "smtps://u%0d%0aser@host.example.org",
            "smtps://host%0d%0aEHLO.example.org",
            "smtps://host.example.org:0",
            "smtps://host.example.org:-1",
            "smtps://host.example.org:25a",
            "smtps://host.example.org:70000",
        ] {
            let wrong = Relay::parse(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(!wrong.to_string().contains("geheim"));
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("geheim".into())), "Secret(hidden)");
    }
}
