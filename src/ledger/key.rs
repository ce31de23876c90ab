//! The ledger's secret, and the tokens that derive from it.
//!
//! Nothing here depends on a clock or on chance: the same (digest, subscriber) has the same
//! Message-ID in every try, on every machine, in every version.

use std::fmt;

use aws_lc_rs::{digest, hmac};

use crate::domain::{DigestId, EmailAddress, SubscriberId};

/// 32 random octets, made once with the ledger. Never printed.
#[derive(Clone)]
pub struct LedgerKey([u8; 32]);

/// Lower-case base32 (RFC 4648 section 6), the alphabet of every token.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl LedgerKey {
    #[must_use]
    pub fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// A subscriber's own token for one purpose (`unsubscribe`): 32 characters, 160 bits. It does
    /// not expire, and nobody can make one without the key.
    #[must_use]
    pub fn subscriber_token(&self, purpose: &str, subscriber: SubscriberId) -> String {
        let tag = self.mac(purpose, &subscriber.0.to_be_bytes());
        base32(&tag[..20])
    }

    /// What is kept of an address that must not come back: the same however it is spelt, and of no
    /// use to anyone without the key.
    #[must_use]
    pub fn fingerprint(&self, email: &EmailAddress) -> [u8; 32] {
        self.mac("fingerprint", email.key().as_bytes())
    }

    /// What is stored of a token, to look it up: its SHA-256.
    #[must_use]
    pub fn token_hash(token: &str) -> [u8; 32] {
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        hash.as_ref().try_into().expect("SHA-256 has 32 octets")
    }

    /// The name of one delivery, 32 characters: the local part of its Message-ID and the token of
    /// its return address. Sealed as in SIV (RFC 5297): a tag of 80 bits over digest and subscriber,
    /// then both hidden under a stream that the tag chooses; so it can be opened again without a
    /// table, and cannot be forged or counted.
    #[must_use]
    pub fn delivery_token(&self, digest: DigestId, subscriber: SubscriberId) -> String {
        let mut plain = [0_u8; 10];
        plain[..4].copy_from_slice(&digest.0.to_be_bytes()[4..]);
        plain[4..].copy_from_slice(&subscriber.0.to_be_bytes()[2..]);
        let tag = self.mac("delivery tag", &plain);
        let stream = self.mac("delivery stream", &tag[..10]);
        let mut sealed = [0_u8; 20];
        sealed[..10].copy_from_slice(&tag[..10]);
        for (i, octet) in plain.iter().enumerate() {
            sealed[10 + i] = octet ^ stream[i];
        }
        base32(&sealed)
    }

    /// Opens a [`delivery_token`](Self::delivery_token); `None` when this ledger never made it.
    /// Case is ignored: mail servers change it.
    #[must_use]
    pub fn open_delivery_token(&self, token: &str) -> Option<(DigestId, SubscriberId)> {
        let sealed = unbase32(token)?;
        let stream = self.mac("delivery stream", &sealed[..10]);
        let mut plain = [0_u8; 10];
        for (i, octet) in plain.iter_mut().enumerate() {
            *octet = sealed[10 + i] ^ stream[i];
        }
        let tag = self.mac("delivery tag", &plain);
        // Every octet is compared, so that time tells nothing of how many agree.
        if tag[..10].iter().zip(&sealed[..10]).fold(0, |differ, (a, b)| differ | (a ^ b)) != 0 {
            return None;
        }
        let mut digest = [0_u8; 8];
        digest[4..].copy_from_slice(&plain[..4]);
        let mut subscriber = [0_u8; 8];
        subscriber[2..].copy_from_slice(&plain[4..]);
        Some((DigestId(i64::from_be_bytes(digest)), SubscriberId(i64::from_be_bytes(subscriber))))
    }

    fn mac(&self, purpose: &str, about: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(purpose.as_bytes());
        // No purpose contains a zero octet, so the two can never run into each other.
        context.update(&[0]);
        context.update(about);
        context.sign().as_ref().try_into().expect("HMAC-SHA256 has 32 octets")
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(hidden)")
    }
}

/// 20 octets as 32 characters.
fn base32(octets: &[u8]) -> String {
    debug_assert_eq!(octets.len(), 20);
    let mut text = String::with_capacity(32);
    for five in octets.chunks_exact(5) {
        let bits = five.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        for i in (0..8).rev() {
            text.push(char::from(BASE32[(bits >> (5 * i)) as usize & 31]));
        }
    }
    text
}

/// 32 characters as 20 octets.
fn unbase32(text: &str) -> Option<[u8; 20]> {
    if text.len() != 32 {
        return None;
    }
    let mut octets = [0_u8; 20];
    for (eight, five) in text.as_bytes().chunks_exact(8).zip(octets.chunks_exact_mut(5)) {
        let mut bits = 0_u64;
        for character in eight {
            let value = BASE32.iter().position(|c| *c == character.to_ascii_lowercase())?;
            bits = bits << 5 | value as u64;
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_token_opens_to_what_it_was_made_of() {
        let key = LedgerKey::new([7; 32]);
        let token = key.delivery_token(DigestId(12), SubscriberId(1_000_000));
        assert_eq!(token.len(), 32);
        assert!(token.bytes().all(|b| BASE32.contains(&b)), "{token}");
        let opened = Some((DigestId(12), SubscriberId(1_000_000)));
        assert_eq!(key.open_delivery_token(&token), opened);
        assert_eq!(key.open_delivery_token(&token.to_uppercase()), opened);
    }

    #[test]
    fn a_token_that_was_touched_or_made_elsewhere_opens_to_nothing() {
        let key = LedgerKey::new([7; 32]);
        let token = key.delivery_token(DigestId(1), SubscriberId(2));
        assert_eq!(LedgerKey::new([8; 32]).open_delivery_token(&token), None);
        for i in 0..32 {
            let mut touched = token.clone().into_bytes();
            touched[i] = if touched[i] == b'a' { b'b' } else { b'a' };
            let touched = String::from_utf8(touched).unwrap();
            assert_eq!(key.open_delivery_token(&touched), None, "{touched}");
        }
        for text in ["", "a", &"é".repeat(16), &"1".repeat(32)] {
            assert_eq!(key.open_delivery_token(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_differ_by_purpose_and_person_and_never_by_time() {
        let key = LedgerKey::new([7; 32]);
        let token = key.subscriber_token("unsubscribe", SubscriberId(1));
        assert_eq!(token.len(), 32);
        assert_eq!(token, key.subscriber_token("unsubscribe", SubscriberId(1)));
        assert_ne!(token, key.subscriber_token("confirm", SubscriberId(1)));
        assert_ne!(token, key.subscriber_token("unsubscribe", SubscriberId(2)));
    }

    #[test]
    fn the_key_does_not_print() {
        assert_eq!(format!("{:?}", LedgerKey::new([7; 32])), "LedgerKey(hidden)");
    }
}
