//! New DKIM keys, and the DNS records that publish them.
//!
//! Letters are signed by ring, which cannot make RSA keys; those come from the `rsa` crate, which is
//! used for nothing else. Its open advisory (RUSTSEC-2023-0071) is about the timing of private-key
//! operations seen over a network, and none happens here.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey};
use rsa::rand_core::{CryptoRng, Error as RandomError, RngCore};
use thiserror::Error;

/// The size of new RSA keys: more does not fit every DNS provider's record, less is refused.
const RSA_BITS: usize = 2048;
/// What stands before the 32 octets of an Ed25519 key in PKCS#8 (RFC 8410 7).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key and the record that publishes its public half.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    pub selector: String,
    /// PKCS#8, PEM.
    pub private_pem: String,
    /// The whole TXT value, `v=DKIM1; …`.
    pub txt: String,
}

/// The key could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no RSA key could be made: {0}")]
pub struct NoKey(String);

/// Makes an RSA key of 2,048 bits; `random` fills a slice with octets fit for keys.
///
/// # Errors
/// When the generator gives up, which only broken randomness brings about.
pub fn rsa(selector: &str, random: &mut dyn FnMut(&mut [u8])) -> Result<NewKey, NoKey> {
    let failed = |error: &dyn std::fmt::Display| NoKey(error.to_string());
    let key = rsa::RsaPrivateKey::new(&mut Random(random), RSA_BITS).map_err(|error| failed(&error))?;
    let private = key.to_pkcs8_der().map_err(|error| failed(&error))?;
    let public = key.to_public_key().to_public_key_der().map_err(|error| failed(&error))?;
    Ok(NewKey {
        selector: selector.to_owned(),
        private_pem: pem(private.as_bytes()),
        txt: format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_bytes())),
    })
}

/// Makes an Ed25519 key (RFC 8463) from 32 octets of randomness.
///
/// # Panics
/// Never: every 32 octets are a seed.
#[must_use]
pub fn ed25519(selector: &str, random: &mut dyn FnMut(&mut [u8])) -> NewKey {
    let mut seed = [0; 32];
    random(&mut seed);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed is 32 octets");
    NewKey {
        selector: selector.to_owned(),
        private_pem: pem(&[ED25519_PKCS8.as_slice(), &seed].concat()),
        txt: format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key())),
    }
}

impl NewKey {
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

/// The randomness that was handed down, as the `rsa` crate asks for it.
struct Random<'a>(&'a mut dyn FnMut(&mut [u8]));

impl RngCore for Random<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.fill_bytes(&mut octets);
        u32::from_le_bytes(octets)
    }

    fn next_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.fill_bytes(&mut octets);
        u64::from_le_bytes(octets)
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        (self.0)(octets);
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), RandomError> {
        (self.0)(octets);
        Ok(())
    }
}

impl CryptoRng for Random<'_> {}
