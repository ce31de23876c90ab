//! What the ledger remembers of an article's words, so that feeds can tell a revision.

use chrono::{DateTime, Utc};

use super::Guid;

/// The words of a published article as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownText {
    pub guid: Guid,
    /// A digest of its words without their markup; 32 hexadecimal digits.
    pub hash: String,
    /// The date of revision that readers were given for these words.
    pub updated: DateTime<Utc>,
}
