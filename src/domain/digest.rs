//! One numbered letter to all readers, frozen when it is cut.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{ArticleId, Language};

/// The number of a digest in its ledger, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigestId(pub i64);

impl fmt::Display for DigestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a digest was cut. An article enters one scheduled digest only; a manual name exists once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Occasion {
    Scheduled,
    Manual(String),
}

/// A digest with its frozen parts: retries and late recipients get the same octets, whatever
/// happens afterwards to files, templates or configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub occasion: Occasion,
    pub cut_at: DateTime<Utc>,
    /// Everything this digest announces, the lead first.
    pub articles: Vec<ArticleId>,
    /// One for each distinct selection of articles and language among its readers.
    pub editions: Vec<Edition>,
}

/// The letter as one group of readers gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    pub language: Language,
    pub articles: Vec<ArticleId>,
    pub subject: String,
    /// The page of the archive: the same digest without anything personal, images linked.
    pub html: String,
    /// The plain text, without anything personal.
    pub text: String,
    /// The whole MIME message, encoded, with the slots that `render::letter` fills for each reader.
    pub mold: Vec<u8>,
}

/// An image that travels inside the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineImage {
    /// The Content-ID without angle brackets (RFC 2392); the same for every reader.
    pub content_id: String,
    pub file_name: String,
    /// `image/jpeg` or `image/png`.
    pub media_type: String,
    pub bytes: Vec<u8>,
    /// The size at which it is shown, CSS pixels.
    pub width: u32,
    pub height: u32,
}
