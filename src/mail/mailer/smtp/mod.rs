//! Letters over SMTP (RFC 5321), with STARTTLS or implicit TLS (RFC 3207, RFC 8314), AUTH (RFC
//! 4954), SIZE (RFC 1870) and PIPELINING (RFC 2920) up to DATA.
//!
//! From lettre come the credentials and the answers of the AUTH mechanisms. The conversation is
//! ours because lettre cannot have it the way the ledger needs: its client sends body and final dot
//! in one call, where we must write something down in between; it has one time-out for all stages,
//! reads replies of any length, gives up the connection on any refusal, and (0.11.23) does not
//! stuff dots behind a bare LF.

mod relay;
mod reply;
mod session;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use relay::{NotARelay, Relay, Secret, Tls};
pub use session::Session;

use crate::domain::Outcome;
use crate::mail::outcome::Answer;

/// The relays of one sender, and how to speak with them.
pub struct Smtp {
    pub relays: Vec<Relay>,
    /// What we call ourselves in EHLO: a domain, or an address literal in brackets.
    pub hello: String,
    pub time_outs: TimeOuts,
    /// Letters before a connection is closed in good manners; some servers insist.
    pub per_connection: u32,
    tls: Arc<rustls::ClientConfig>,
}

/// How long each stage may take (RFC 5321 4.5.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOuts {
    pub connect: Duration,
    pub banner: Duration,
    /// EHLO, STARTTLS with its handshake, AUTH, RSET.
    pub hello: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data: Duration,
    /// Without one octet of progress while the letter is written.
    pub block: Duration,
    /// A short one makes duplicates.
    pub dot: Duration,
}

impl Default for TimeOuts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            banner: Duration::from_mins(5),
            hello: Duration::from_mins(5),
            mail: Duration::from_mins(5),
            rcpt: Duration::from_mins(5),
            data: Duration::from_mins(2),
            block: Duration::from_mins(3),
            dot: Duration::from_mins(10),
        }
    }
}

/// Certificates cannot be read or used.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    #[error("smtp.ca_file: {path}: {what}")]
    CaFile { path: String, what: String },
    #[error("TLS cannot be set up: {0}")]
    SetUp(#[from] rustls::Error),
}

impl Smtp {
    /// A sender for these relays. Certificates are checked against the system's authorities and
    /// those of `ca_file` (PEM).
    pub fn new(relays: Vec<Relay>, hello: String, ca_file: Option<&std::path::Path>) -> Result<Self, NoTls> {
        let mut roots = rustls::RootCertStore::empty();
        // A host without authorities may still speak to its own relay on loopback.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let wrong = |what: String| NoTls::CaFile { path: path.display().to_string(), what };
            let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
            let mut added = 0;
            for certificate in
                <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(
                    &pem,
                )
            {
                let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
                roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
                added += 1;
            }
            if added == 0 {
                return Err(wrong("no certificate in it (PEM is expected)".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { relays, hello, time_outs: TimeOuts::default(), per_connection: 100, tls: Arc::new(tls) })
    }

    pub(super) fn open<'m>(&'m self, relay: usize, hurry: &'m AtomicBool) -> Result<Session<'m>, Answer> {
        match self.relays.get(relay) {
            Some(relay) => Session::open(self, relay, hurry),
            None => Err(Answer {
                outcome: Outcome::Misconfigured("no SMTP server is configured".to_owned()),
                bounce: None,
                slow_down: false,
            }),
        }
    }
}
