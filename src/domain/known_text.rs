//! What the ledger remembers of an article's words, so that feeds can tell a revision.

use std::fmt;

use chrono::{DateTime, Utc};

use super::Guid;

/// The words of a published article as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownText {
    pub guid: Guid,
    /// `None` when an earlier version wrote it in a way of its own: nothing can be held against it.
    pub hash: Option<TextHash>,
    /// The date of revision that readers were given for these words.
    pub updated: DateTime<Utc>,
}

/// What the words of an article are known by, without their markup: the same for the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextHash(pub u128);

impl TextHash {
    /// Says how the number was made. Another way of counting words gets another mark: it must not
    /// make a revision of every article.
    const MARK: &str = "xxh3-";

    /// What a ledger holds; `None` for the hash of another version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text.strip_prefix(Self::MARK)?, 16).ok().map(Self)
    }
}

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:032x}", Self::MARK, self.0)
    }
}
