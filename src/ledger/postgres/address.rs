//! Where a PostgreSQL ledger is: `postgres://user@host:port/database?schema=parution`.
//!
//! Understood beside what every PostgreSQL client understands: `schema` (where the tables live),
//! `sslmode=verify-full` and `sslrootcert=FILE`. A host on another machine is spoken to over TLS
//! with its name checked, unless the address says `sslmode=disable`. A password is never printed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use postgres::{Client, Config, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ledger::LedgerError;

/// How long one attempt to connect may take; for a host with several addresses, each.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection that stays silent for so long while data is under way is dead.
const SILENCE: Duration = Duration::from_secs(30);

/// Where the tables live, unless the address names another place.
const USUAL_SCHEMA: &str = "parution";

/// A checked address.
#[derive(Clone)]
pub struct Address {
    config: Config,
    schema: String,
    encrypted: bool,
    authorities: Option<PathBuf>,
}

impl Address {
    /// Understands an address; opens nothing.
    ///
    /// # Errors
    /// Says what is wrong with it, without repeating what could be a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = USUAL_SCHEMA.to_owned();
        let mut authorities = None;
        let mut mode = None;
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name {
                "schema" => schema = value.into_owned(),
                "sslrootcert" => authorities = Some(PathBuf::from(value.into_owned())),
                "sslmode" => mode = Some(value.into_owned()),
                _ => kept.push(pair),
            }
        }
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 63 || !schema.chars().all(sound) {
            return Err("`schema` takes small letters, digits and `_`".to_owned());
        }
        let plain = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = plain.parse().map_err(|_| {
            "it is not understood; write postgres://user@host:5432/database (a password with `/`, `@` or `:` in it \
             percent-encoded)"
                .to_owned()
        })?;
        let hosts = config.get_hosts();
        if hosts.is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_dbname().is_none() {
            return Err("it names no database".to_owned());
        }
        let far = hosts.iter().any(is_elsewhere)
            || hosts.is_empty() && !config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
        let encrypted = match mode.as_deref() {
            None | Some("prefer" | "allow") => far,
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => return Err("`sslmode` is `disable` or `verify-full`".to_owned()),
        };
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 3).keepalives_retries(3);
        config.tcp_user_timeout(SILENCE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("parution");
        }
        Ok(Self { config, schema, encrypted, authorities })
    }

    /// Uses this password, when the address has none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// Whether it has a password: in itself, or given to it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Where the tables live; small letters, digits and `_` only.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// What is needed to open connections: reads the authorities that are trusted.
    pub(super) fn dialer(&self) -> Result<Dialer, LedgerError> {
        let unsuitable = |why: String| LedgerError::Unsuitable { ledger: self.to_string(), why };
        if !self.encrypted {
            return Ok(Dialer { config: self.config.clone(), trust: None });
        }
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(file) => {
                let wrong = |what: &dyn fmt::Display| unsuitable(format!("{}: {what}", file.display()));
                for certificate in CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))? {
                    roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            let why = "no certificate authority is known here; name one with sslrootcert=FILE";
            return Err(unsuitable(why.to_owned()));
        }
        let trust =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|e| unsuitable(e.to_string()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
        Ok(Dialer { config: self.config.clone(), trust: Some(trust) })
    }
}

/// Opens connections to one address.
pub(super) struct Dialer {
    config: Config,
    trust: Option<ClientConfig>,
}

impl Dialer {
    pub(super) fn connect(&self) -> Result<Client, postgres::Error> {
        match &self.trust {
            None => self.config.connect(NoTls),
            Some(trust) => self.config.connect(MakeRustlsConnect::new(trust.clone())),
        }
    }
}

impl fmt::Display for Address {
    /// `host/database`; never a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(name_of).collect();
        let numbers: Vec<String> = self.config.get_hostaddrs().iter().map(ToString::to_string).collect();
        let names = if hosts.is_empty() { numbers } else { hosts };
        write!(f, "{}", names.join(","))?;
        if let Some(port) = self.config.get_ports().first().filter(|port| **port != 5432) {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())?;
        if self.schema != USUAL_SCHEMA {
            write!(f, "?schema={}", self.schema)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn name_of(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

/// Whether what is said to this host crosses a network.
fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Unix(_) => false,
        Host::Tcp(name) => {
            let number = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            !number.map_or(name == "localhost", |number| number.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_its_place_and_never_its_password() {
        for (url, name) in [
            ("postgres://u:s3cret@db.example.org/lettre", "db.example.org/lettre"),
            (
                "postgresql://u:s3cret@db.example.org:6432/lettre?schema=eau",
                "db.example.org:6432/lettre?schema=eau",
            ),
            ("postgres://u:s3cret@a.example.org,b.example.org/l", "a.example.org,b.example.org/l"),
            ("postgres://u:s3cret@%2Frun%2Fpostgresql/lettre", "/run/postgresql/lettre"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.to_string(), name);
            assert!(!format!("{address:?}").contains("s3cret"));
            assert!(address.has_password());
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "postgres://u:s3cret@/lettre",
            "postgres://u:s3cret@db.example.org",
            "postgres://u:s3cret@db.example.org/l?schema=A;drop",
            "postgres://u:s3cret@db.example.org/l?sslmode=perhaps",
            "postgres://u:s3cret@db.example.org/l?port=s3cret",
            "postgres://u:s3cret@db.example.org:s3cret/l",
        ] {
            let what = Address::parse(url).map(|_| ()).expect_err(url);
            assert!(!what.contains("s3cret"), "{what}");
        }
    }

    #[test]
    fn another_machine_is_spoken_to_over_tls_unless_the_address_says_otherwise() {
        for (url, encrypted) in [
            ("postgres://db.example.org/l", true),
            ("postgres://192.0.2.1/l", true),
            ("postgres://localhost,db.example.org/l", true),
            ("postgres://db.example.org/l?sslmode=prefer", true),
            ("postgres://db.example.org/l?sslmode=disable", false),
            ("postgres://127.0.0.1/l", false),
            ("postgres://[::1]/l", false),
            ("postgres://localhost/l?sslmode=verify-full", true),
            ("postgres://%2Frun%2Fpostgresql/l", false),
        ] {
            assert_eq!(Address::parse(url).unwrap().encrypted, encrypted, "{url}");
        }
    }
}
