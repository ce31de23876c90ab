//! The feeds of a site, before any format: which there are, and what each entry says.
//!
//! One model serves RSS 2.0, Atom 1.0 and JSON Feed 1.1, so that a reader who changes format finds
//! the same ids, dates, order, titles and summaries. An article becomes an [`Entry`] once, whatever
//! the number of feeds it appears in; [`plan()`] decides which feeds show it; `render::rss`, `atom`
//! and `json_feed` put a [`Channel`] into words of their format and nothing else.
//!
//! Everything here is a function of its arguments: two builds of the same articles give the same
//! octets.

mod archive;
mod astray;
mod changes;
mod clean;
mod entry;
mod names;
mod plan;
mod settings;
mod slug;
mod stamps;
mod told;

pub use archive::{Page, Pages, paginate, shown};
pub use changes::objections;
pub use clean::{clean_html, clean_text};
pub(super) use entry::clean_line;
pub use entry::{Entry, Scheme, escaped};
pub use names::{FileNames, NameError};
pub use plan::{Feed, plan};
pub use settings::{Archives, Full, Settings};
pub use slug::{Slugs, slug};
pub use stamps::stamp;
pub use told::{Category, Picture, Told};

use chrono::{DateTime, FixedOffset, Utc};
use url::Url;

use crate::domain::Language;

/// The three formats, in the order in which they are offered to browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Rss,
    Atom,
    Json,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Rss, Self::Atom, Self::Json];

    /// The registered media type (RFC 4287 7; JSON Feed 1.1; RSS Advisory Board profile).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml",
            Self::Atom => "application/atom+xml",
            Self::Json => "application/feed+json",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Atom => "Atom",
            Self::Json => "JSON Feed",
        }
    }
}

/// One document of a feed, ready to be written in any format.
#[derive(Debug, Clone)]
pub struct Channel<'a> {
    /// Never changes, whatever the files are called: an IRI of the site (RFC 4287 4.2.6).
    pub id: String,
    pub title: String,
    pub description: String,
    /// The page that the feed follows.
    pub home: &'a Url,
    pub language: &'a Language,
    /// Who answers for entries that name nobody.
    pub author: String,
    pub rights: Option<String>,
    /// Square, at least 512 pixels (JSON Feed 1.1).
    pub icon: Option<Url>,
    /// Square, at least 64 pixels (JSON Feed 1.1).
    pub favicon: Option<Url>,
    /// Twice as wide as high (RFC 4287 4.2.8); JPEG, PNG or GIF.
    pub logo: Option<Url>,
    /// WebSub hubs.
    pub hubs: &'a [Url],
    /// The style sheet that makes the XML formats readable in a browser.
    pub stylesheet: Option<&'a Url>,
    /// The newest `updated` of its entries.
    pub updated: DateTime<FixedOffset>,
    /// Newest first.
    pub entries: Vec<Shown<'a>>,
    /// Whether the page has the article's image as an enclosure too.
    pub enclosures: bool,
    pub place: Place,
}

/// An entry in one document: with its full text, or with its chapeau only.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub entry: &'a Entry<'a>,
    pub full: bool,
}

impl<'a> Shown<'a> {
    /// The HTML of this entry here.
    #[must_use]
    pub fn html(&self) -> &'a str {
        let told = self.entry.told();
        if self.full { &told.content } else { &told.brief }
    }
}

impl<'a> Channel<'a> {
    /// The links of the document to others of its feed, by relation.
    #[must_use]
    pub fn relations(&'a self, format: Format) -> Vec<(&'static str, &'a Url)> {
        let at = |addresses: &'a Option<Addresses>| addresses.as_ref().and_then(|it| it.of(format));
        let own = self.place.own.of(format);
        let mut links: Vec<(&'static str, &'a Url)> = own.map(|url| ("self", url)).into_iter().collect();
        links.extend(at(&self.place.current).map(|url| ("current", url)));
        links.extend(at(&self.place.previous).map(|url| ("prev-archive", url)));
        // An archive never changes: there is nothing to be told about it.
        if self.place.current.is_none() {
            links.extend(self.hubs.iter().map(|hub| ("hub", hub)));
        }
        links
    }
}

/// An entry as somebody's parser reads it back from a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    pub guid: String,
    pub link: String,
    pub title: String,
    pub html: String,
    pub published: Option<DateTime<Utc>>,
}

/// Where a document stands among those of its feed (RFC 5005 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document itself, by format.
    pub own: Addresses,
    /// The document that readers subscribe to, when this is not it: an archive.
    pub current: Option<Addresses>,
    /// The archive with the entries before those of this document.
    pub previous: Option<Addresses>,
}

/// The public URL of a document in each format that it is published in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    pub rss: Option<Url>,
    pub atom: Option<Url>,
    pub json: Option<Url>,
}

impl Addresses {
    #[must_use]
    pub fn of(&self, format: Format) -> Option<&Url> {
        match format {
            Format::Rss => self.rss.as_ref(),
            Format::Atom => self.atom.as_ref(),
            Format::Json => self.json.as_ref(),
        }
    }
}
