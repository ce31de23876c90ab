//! New DKIM keys, and the DNS records that publish them.
//!
//! The keys are drawn by the library that signs with them, from the system's randomness.

use std::fmt::Write;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// A private key and the record that publishes its public half.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    pub selector: String,
    /// PKCS#8, PEM.
    pub private_pem: String,
    /// The whole TXT value, `v=DKIM1; …`.
    pub txt: String,
}

/// The system had no randomness for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no key could be made: the system has no randomness")]
pub struct NoKey;

impl From<Unspecified> for NoKey {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// Makes an RSA key of 2,048 bits: more does not fit every DNS provider's record, less is refused.
///
/// # Errors
/// When the system has no randomness.
pub fn rsa(selector: &str) -> Result<NewKey, NoKey> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let private: Pkcs8V1Der = pair.as_der()?;
    let public: PublicKeyX509Der = pair.public_key().as_der()?;
    Ok(NewKey::new(selector, "rsa", private.as_ref(), public.as_ref()))
}

/// Makes an Ed25519 key (RFC 8463).
///
/// # Errors
/// When the system has no randomness.
pub fn ed25519(selector: &str) -> Result<NewKey, NoKey> {
    let pair = Ed25519KeyPair::generate()?;
    Ok(NewKey::new(selector, "ed25519", pair.to_pkcs8v1()?.as_ref(), pair.public_key().as_ref()))
}

impl NewKey {
    fn new(selector: &str, kind: &str, private: &[u8], public: &[u8]) -> Self {
        Self {
            selector: selector.to_owned(),
            private_pem: pem(private),
            txt: format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(public)),
        }
    }

    /// The record as a zone file writes it, in strings of at most 255 octets (RFC 1035 3.3).
    #[must_use]
    pub fn zone_record(&self, domain: &str) -> String {
        let mut record = format!("{}._domainkey.{domain}. IN TXT (", self.selector);
        for piece in self.txt.as_bytes().chunks(250) {
            let _ = write!(record, " \"{}\"", String::from_utf8_lossy(piece));
        }
        record.push_str(" )");
        record
    }
}

fn pem(der: &[u8]) -> String {
    let mut out = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END PRIVATE KEY-----\n");
    out
}
