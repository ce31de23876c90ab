//! An article as the ledger remembers it.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset, Utc};

use super::{ArticleId, Guid};

/// What the ledger knows of an article: enough to recognise it when its file has moved, and whether
/// readers have heard of it. A row stays for ever: a deleted article that comes back is an old
/// acquaintance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownArticle {
    /// The permalink path when last seen.
    pub id: ArticleId,
    /// The identity that never changes; one row for each.
    pub guid: Guid,
    /// The file when last seen, relative to the site's folder.
    pub source: PathBuf,
    pub collection: String,
    /// Stored as an instant; the offset is the site's business.
    pub published: Option<DateTime<FixedOffset>>,
    pub title: String,
    /// A similarity hash of the body: the fewer bits differ, the nearer two bodies are.
    pub fingerprint: u64,
    /// When a scheduled digest carried it or the baseline took it in; `None` while it is news.
    pub announced: Option<DateTime<Utc>>,
    /// Its path was not in the last scan. Deletions add up over the years; what vanishes *in one
    /// scan* is what a rename or a failed checkout looks like.
    pub gone: bool,
}
