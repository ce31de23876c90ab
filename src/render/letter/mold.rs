//! A letter composed and encoded once, and filled for each reader by splicing a few octets.
//!
//! A mold is the finished MIME message in which three octets, impossible in a letter, stand for
//! what differs: 1 the recipient's address, 2 the Message-ID, 3 the reader's token. A token is
//! always 32 letters long, so the lines around it were broken for the width they will have.

use thiserror::Error;

use crate::domain::EmailAddress;

use super::{TOKEN_LENGTH, TOKEN_OCTET};

pub(super) const TO_OCTET: u8 = 1;
pub(super) const MESSAGE_ID_OCTET: u8 = 2;

/// What differs from one reader's letter to the next.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub to: &'a EmailAddress,
    /// The stable unsubscribe token: 32 lower-case base32 characters.
    pub token: &'a str,
    /// Without angle brackets; the same for every copy of this reader's letter.
    pub message_id: &'a str,
}

/// A mold ready to be filled.
#[derive(Debug, Clone)]
pub struct Mold {
    pieces: Vec<Piece>,
    /// Octets of all that is the same for everyone.
    fixed: usize,
}

#[derive(Debug, Clone)]
enum Piece {
    Same(Vec<u8>),
    To,
    MessageId,
    Token,
}

/// The octets in the ledger are no mold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the stored letter is damaged: {0}")]
pub struct NotAMold(&'static str);

impl Mold {
    /// Takes a mold apart, once for all its readers.
    ///
    /// # Errors
    /// When it does not name its recipient and its Message-ID exactly once each.
    pub fn parse(mold: &[u8]) -> Result<Self, NotAMold> {
        let mut pieces = Vec::new();
        let mut rest = mold;
        while let Some(at) = rest.iter().position(|octet| slot(*octet).is_some()) {
            if at > 0 {
                pieces.push(Piece::Same(rest[..at].to_vec()));
            }
            pieces.extend(slot(rest[at]));
            rest = &rest[at + 1..];
        }
        pieces.push(Piece::Same(rest.to_vec()));
        let count = |wanted: fn(&Piece) -> bool| pieces.iter().filter(|piece| wanted(piece)).count();
        if count(|piece| matches!(piece, Piece::To)) != 1 {
            return Err(NotAMold("it does not name its recipient once"));
        }
        if count(|piece| matches!(piece, Piece::MessageId)) != 1 {
            return Err(NotAMold("it does not name its Message-ID once"));
        }
        let fixed =
            pieces.iter().map(|piece| if let Piece::Same(same) = piece { same.len() } else { 0 }).sum();
        Ok(Self { pieces, fixed })
    }

    /// Writes one reader's letter: CRLF octets, ready to be signed and guarded. `out` is cleared
    /// first and keeps its capacity, so that one buffer serves a whole run.
    ///
    /// # Panics
    /// When the token or the Message-ID are not of their form: both are our own making, and a
    /// letter with a broken link must not leave.
    pub fn fill(&self, reader: &Reader<'_>, out: &mut Vec<u8>) {
        assert!(is_token(reader.token), "a token is 32 lower-case base32 characters");
        assert!(is_message_id(reader.message_id), "a Message-ID is one dot-atom, an @ and a domain");
        out.clear();
        out.reserve(self.fixed + 512);
        for piece in &self.pieces {
            match piece {
                Piece::Same(same) => out.extend_from_slice(same),
                // The header stays ASCII whoever reads, so that every server on the way takes it.
                Piece::To if reader.to.is_ascii() => out.extend_from_slice(reader.to.as_str().as_bytes()),
                Piece::To => out.extend_from_slice(b"undisclosed-recipients:;"),
                Piece::MessageId => out.extend_from_slice(reader.message_id.as_bytes()),
                Piece::Token => out.extend_from_slice(reader.token.as_bytes()),
            }
        }
    }

    /// How many octets a letter has, but for the address and the Message-ID of its reader.
    #[must_use]
    pub fn size(&self) -> usize {
        let tokens = self.pieces.iter().filter(|piece| matches!(piece, Piece::Token)).count();
        self.fixed + tokens * TOKEN_LENGTH
    }
}

fn slot(octet: u8) -> Option<Piece> {
    match octet {
        TO_OCTET => Some(Piece::To),
        MESSAGE_ID_OCTET => Some(Piece::MessageId),
        TOKEN_OCTET => Some(Piece::Token),
        _ => None,
    }
}

/// RFC 4648 6, lower case, without padding.
fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

fn is_message_id(text: &str) -> bool {
    let sound = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+=".contains(&b))
    };
    text.len() <= 200 && text.split_once('@').is_some_and(|(local, domain)| sound(local) && sound(domain))
}
