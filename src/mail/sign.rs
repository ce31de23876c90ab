//! DKIM: each letter signed with every key there is, RSA and Ed25519 side by side.
//!
//! Follows RFC 6376, RFC 8301 (rsa-sha256, 2,048 bits at least) and RFC 8463 (ed25519-sha256, sent
//! beside RSA because many receivers cannot read it yet), relaxed/relaxed, the whole body (no `l=`).
//! `From` is named twice, so that a second one added on the way breaks the signature, and so is
//! every field that says how to leave the list (RFC 8058 4). There is no `t=`: a letter signed again
//! has the same octets.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::canonical;

/// The fields that are signed where the letter has them, in this order; `From` twice.
const SIGNED: [&str; 22] = [
    "from",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "sender",
    "mime-version",
    "content-type",
    "content-language",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-archive",
    "list-subscribe",
    "list-help",
    "list-owner",
    "list-post",
    "feedback-id",
    "auto-submitted",
    "precedence",
];

/// RFC 8301 3.2.
const LEAST_RSA_BITS: usize = 2048;

/// Signs letters of one domain.
pub struct Signer {
    domain: String,
    keys: Vec<Key>,
    random: SystemRandom,
}

struct Key {
    selector: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// Why letters cannot be signed with this key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadKey {
    #[error("the DKIM key `{0}` is not a PEM private key")]
    NotPem(String),
    #[error("the DKIM key `{0}` is neither RSA nor Ed25519")]
    UnknownKind(String),
    #[error("the DKIM key `{0}` is shorter than the {LEAST_RSA_BITS} bits that receivers want (RFC 8301)")]
    TooShort(String),
    #[error("`{0}` is not a DKIM selector or domain: letters, digits, hyphens and dots")]
    BadName(String),
    #[error("there is no DKIM key")]
    None,
}

/// The system refused the randomness that guards an RSA operation against timing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the letter could not be signed with the DKIM key `{0}`", .selector)]
pub struct CannotSign<'a> {
    pub selector: &'a str,
}

impl Signer {
    /// Reads the private keys of a domain, each with its selector: PKCS#8 or PKCS#1 as PEM.
    ///
    /// # Errors
    /// Names the selector whose key cannot be used; never prints a key.
    pub fn new(domain: &str, keys: &[(String, String)]) -> Result<Self, BadKey> {
        if !is_dns_name(domain) || !domain.contains('.') {
            return Err(BadKey::BadName(domain.to_owned()));
        }
        if keys.is_empty() {
            return Err(BadKey::None);
        }
        let keys = keys.iter().map(|(selector, pem)| Key::read(selector, pem)).collect::<Result<_, _>>()?;
        Ok(Self { domain: domain.to_ascii_lowercase(), keys, random: SystemRandom::new() })
    }

    /// Whether receivers will see this domain as that of the address in `From` (DMARC, relaxed): the
    /// same, or one above or below the other.
    #[must_use]
    pub fn is_aligned_with(&self, from_domain: &str) -> bool {
        let (a, b) = (self.domain.as_str(), from_domain);
        a == b || a.ends_with(&format!(".{b}")) || b.ends_with(&format!(".{a}"))
    }

    /// Writes the letter with one `DKIM-Signature` field for each key before it. `out` is cleared
    /// first and keeps its capacity.
    ///
    /// # Errors
    /// Only when the system has no randomness left for RSA.
    pub fn sign(&self, letter: &[u8], out: &mut Vec<u8>) -> Result<(), CannotSign<'_>> {
        let (head, body) = split(letter);
        let mut body_hash = digest::Context::new(&SHA256);
        canonical::body(body, &mut |octets| body_hash.update(octets));
        let body_hash = STANDARD.encode(body_hash.finish());

        let fields = canonical::fields(head);
        let mut names = Vec::new();
        let mut signed = Vec::with_capacity(2048);
        for name in SIGNED {
            // The second `from` finds nothing, which is what it says: there is no other.
            let already = names.iter().filter(|n| **n == name).count();
            let found = fields.iter().rev().filter(|field| field.name == name).nth(already);
            if found.is_none() && name != "from" {
                continue;
            }
            names.push(name);
            if let Some(field) = found {
                signed.extend_from_slice(&field.line);
                signed.extend_from_slice(b"\r\n");
            }
        }

        out.clear();
        for key in &self.keys {
            let bare = self.bare_field(key, &names, &body_hash);
            let start = signed.len();
            signed.extend_from_slice(&canonical::field(bare.as_bytes()).line);
            let signature = key.sign(&signed, &self.random).ok_or(CannotSign { selector: &key.selector })?;
            signed.truncate(start);
            out.extend_from_slice(bare.as_bytes());
            for (index, line) in STANDARD.encode(signature).as_bytes().chunks(72).enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b"\r\n  " });
                out.extend_from_slice(line);
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(letter);
        Ok(())
    }

    /// The field up to its still empty signature, folded.
    fn bare_field(&self, key: &Key, names: &[&str], body_hash: &str) -> String {
        let mut field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n d={}; s={};\r\n bh={body_hash};\r\n h=",
            key.algorithm(),
            self.domain,
            key.selector,
        );
        let mut used = 3;
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                field.push(':');
                used += 1;
            }
            if used + name.len() > 74 {
                field.push_str("\r\n  ");
                used = 2;
            }
            field.push_str(name);
            used += name.len();
        }
        field.push_str(";\r\n b=");
        field
    }
}

impl Key {
    fn read(selector: &str, pem: &str) -> Result<Self, BadKey> {
        if !is_dns_name(selector) {
            return Err(BadKey::BadName(selector.to_owned()));
        }
        let der = from_pem(pem).ok_or_else(|| BadKey::NotPem(selector.to_owned()))?;
        let rsa = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        let pair = match rsa {
            Ok(pair) => {
                if pair.public_modulus_len() * 8 < LEAST_RSA_BITS {
                    return Err(BadKey::TooShort(selector.to_owned()));
                }
                Pair::Rsa(Box::new(pair))
            }
            // The library itself refuses RSA keys under 2,047 bits.
            Err(error) if error.to_string() == "TooSmall" => {
                return Err(BadKey::TooShort(selector.to_owned()));
            }
            Err(_) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
                .map(Pair::Ed25519)
                .map_err(|_| BadKey::UnknownKind(selector.to_owned()))?,
        };
        Ok(Self { selector: selector.to_owned(), pair })
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, message: &[u8], random: &SystemRandom) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, message, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 8463 3: Ed25519 signs the hash, not the message.
            Pair::Ed25519(pair) => {
                Some(pair.sign(digest::digest(&SHA256, message).as_ref()).as_ref().to_vec())
            }
        }
    }
}

/// The header with its last CRLF, and the body.
fn split(letter: &[u8]) -> (&[u8], &[u8]) {
    match letter.windows(4).position(|octets| octets == b"\r\n\r\n") {
        Some(at) => (&letter[..at + 2], &letter[at + 4..]),
        None => (letter, b""),
    }
}

fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let mut lines = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN "));
    if !lines.next()?.ends_with("PRIVATE KEY-----") {
        return None;
    }
    let encoded: String = lines.take_while(|line| !line.starts_with("-----END ")).collect();
    STANDARD.decode(encoded).ok()
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::signature::{
        ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{BadKey, Signer};
    use crate::mail::keygen::{self, NewKey};

    const LETTER: &[u8] = b"From: Halage <lettre@example.org>\r\nTo: a@example.org\r\nSubject: un\r\n deux\r\n\
        List-Unsubscribe: <https://example.org/x>,\r\n <mailto:x@example.org>\r\nX-Other: free\r\n\r\nBonjour  \
        \r\n\r\n";

    fn keys() -> [NewKey; 2] {
        [keygen::rsa("r1").unwrap(), keygen::ed25519("e1").unwrap()]
    }

    fn signed(keys: &[NewKey]) -> String {
        let keys: Vec<_> = keys.iter().map(|key| (key.selector.clone(), key.private_pem.clone())).collect();
        let mut out = Vec::new();
        Signer::new("example.org", &keys).unwrap().sign(LETTER, &mut out).unwrap();
        assert!(out.ends_with(LETTER));
        String::from_utf8(out).unwrap()
    }

    /// The value of a tag, blanks taken away.
    fn tag(field: &str, name: &str) -> String {
        let bare: String = field.chars().filter(|c| !c.is_whitespace()).collect();
        let tags = bare.split_once(':').unwrap().1.to_owned();
        let found = tags.split(';').find_map(|tag| tag.strip_prefix(&format!("{name}=")).map(str::to_owned));
        found.unwrap()
    }

    #[test]
    fn both_signatures_verify_over_the_fields_they_name() {
        let keys = keys();
        let letter = signed(&keys);
        let starts: Vec<_> = letter.match_indices("DKIM-Signature:").map(|(at, _)| at).collect();
        let end = letter.find("From: Halage").unwrap();
        let fields = [&letter[starts[0]..starts[1]], &letter[starts[1]..end]];
        for (field, key) in fields.iter().zip(&keys) {
            assert!(field.lines().all(|line| line.len() <= 78), "{field}");
            assert_eq!(tag(field, "h"), "from:from:to:subject:list-unsubscribe");
            assert_eq!(tag(field, "bh"), STANDARD.encode(digest(&SHA256, b"Bonjour\r\n")));
            let unsigned: String = {
                let at = field.rfind("b=").unwrap() + 2;
                field[..at].split_whitespace().collect::<Vec<_>>().join(" ")
            };
            let message = format!(
                "from:Halage <lettre@example.org>\r\nto:a@example.org\r\nsubject:un deux\r\n\
                 list-unsubscribe:<https://example.org/x>, <mailto:x@example.org>\r\n{}",
                unsigned.replacen("DKIM-Signature: ", "dkim-signature:", 1)
            );
            let public = STANDARD.decode(key.txt.rsplit("p=").next().unwrap()).unwrap();
            let signature = STANDARD.decode(tag(field, "b")).unwrap();
            let hash = digest(&SHA256, message.as_bytes());
            let (algorithm, public, message): (&dyn VerificationAlgorithm, &[u8], &[u8]) =
                if key.selector == "r1" {
                    // The library wants the RSAPublicKey inside the SubjectPublicKeyInfo of the record.
                    (&RSA_PKCS1_2048_8192_SHA256, &public[24..], message.as_bytes())
                } else {
                    (&ED25519, &public, hash.as_ref())
                };
            UnparsedPublicKey::new(algorithm, public).verify(message, &signature).unwrap();
        }
    }

    #[test]
    fn signing_again_gives_the_same_octets() {
        let keys = keys();
        assert_eq!(signed(&keys), signed(&keys));
    }

    #[test]
    fn a_key_that_is_none_is_named_by_its_selector() {
        let bad = |pem: &str| Signer::new("example.org", &[("s1".to_owned(), pem.to_owned())]).err().unwrap();
        assert_eq!(bad("no key"), BadKey::NotPem("s1".to_owned()));
        let other = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(bad(other), BadKey::UnknownKind("s1".to_owned()));
        assert_eq!(Signer::new("example.org", &[]).err(), Some(BadKey::None));
    }

    #[test]
    fn a_record_is_split_into_strings_that_dns_can_hold() {
        let [rsa, _] = keys();
        let record = rsa.zone_record("example.org");
        assert!(record.starts_with("r1._domainkey.example.org. IN TXT ( \"v=DKIM1; k=rsa; p="));
        let pieces: Vec<_> = record.split('"').skip(1).step_by(2).collect();
        assert!(pieces.iter().all(|piece| piece.len() <= 255));
        assert_eq!(pieces.concat(), rsa.txt);
    }
}
