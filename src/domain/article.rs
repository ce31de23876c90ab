//! One Markdown file of the site, seen as its readers see it.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, FixedOffset};
use url::Url;

use super::Language;

/// The identity of an article: its permalink path on the site, percent-encoded, such as
/// `/actualites/acc-eig5/`. The file may move; the URL is what readers hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArticleId(pub String);

impl fmt::Display for ArticleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What feed readers know an article by (RSS `guid`, RFC 4287 `id`, JSON Feed `id`): the permalink
/// when first seen, or `guid:`/`id:` of the front matter. Once published it never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub String);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the front matter says of an article; the body stays in its file until an output needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Article {
    pub id: ArticleId,
    pub guid: Guid,
    /// `true` when `guid` comes from the front matter, and so outranks the ledger's alias.
    pub guid_is_declared: bool,
    /// The collection's name; `posts` for `_posts`, empty for a plain folder.
    pub collection: String,
    /// One line of plain text, entities resolved, NFC, never blank.
    pub title: String,
    /// The article's own page on the site.
    pub url: Url,
    /// Where readers are sent: `url`, or the target of a redirecting stub.
    pub link: Url,
    /// The instant of publication with the site's offset on that day; `None` keeps an article out.
    pub published: Option<DateTime<FixedOffset>>,
    /// A later date the front matter declares for its last revision.
    pub updated: Option<DateTime<FixedOffset>>,
    pub status: Status,
    pub tags: Vec<String>,
    pub categories: Vec<String>,
    pub authors: Vec<String>,
    /// The article's own language where it differs from the site's.
    pub language: Option<Language>,
    /// Present for announcements of something that happens on a day of its own.
    pub event: Option<Event>,
    pub attachments: Vec<Attachment>,
    /// `feed: false` keeps an article out of every feed.
    pub in_feeds: bool,
    /// `feed: summary` keeps its full text out of the feeds.
    pub summary_only: bool,
    /// What its words are known by, markup aside; see `read::words`.
    pub words: u128,
    /// The file, relative to the site's folder.
    pub source: PathBuf,
    /// The line of the file on which the body begins, counted from 1.
    pub body_line: u32,
}

/// Whether an article may be shown, before the clock and the ledger are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Published,
    /// `published: false`.
    Unpublished,
    /// `draft: true`, or a file in a draft folder.
    Draft,
}

/// When and where an announced event takes place.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub start: Option<DateTime<FixedOffset>>,
    pub end: Option<DateTime<FixedOffset>>,
    /// The place, one line of plain text; may be empty.
    pub place: String,
}

/// A file that an article offers for download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub url: Url,
}
