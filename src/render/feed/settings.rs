//! What a site may decide about its feeds.

use std::collections::BTreeMap;

use url::Url;

use super::FileNames;

/// How the feeds are to be built; `parution.yml` under `feeds:`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The feed of everything.
    pub all: FileNames,
    /// One feed a collection, unless [`Settings::named`] says otherwise; `None` for none.
    pub collections: Option<FileNames>,
    /// One feed a category, a tag, an author, a language; `None` for none.
    pub categories: Option<FileNames>,
    pub tags: Option<FileNames>,
    pub authors: Option<FileNames>,
    pub languages: Option<FileNames>,
    /// File names for single collections, by the collection's name.
    pub named: BTreeMap<String, FileNames>,
    /// Collections whose articles are in no feed at all.
    pub without: Vec<String>,
    /// The most entries a reader gets at once.
    pub limit: usize,
    /// Where older entries stay reachable.
    pub archives: Archives,
    /// The most entries in an archive document; never more than `limit`.
    pub archive_entries: usize,
    /// Whether entries carry the whole article.
    pub full: Full,
    /// Octets that a document should not exceed; its oldest entries lose their full text first.
    pub budget: usize,
    /// Whether the article's image is an enclosure too. Thunderbird shows those as attachments.
    pub enclosures: bool,
    /// WebSub hubs to announce and to ping.
    pub hubs: Vec<Url>,
    /// The name of the author of articles that name none; the site's title when `None`.
    pub author: Option<String>,
    pub rights: Option<String>,
    /// Images that stand for the site: paths on it, or whole addresses. See [`super::Channel`].
    pub icon: Option<String>,
    pub favicon: Option<String>,
    pub logo: Option<String>,
    /// The file name of the style sheet for browsers; `None` for none.
    pub stylesheet: Option<String>,
    /// The base of feed ids when the site has moved since; its present URL when `None`.
    pub id_base: Option<Url>,
}

/// Which feeds keep their older entries in archive documents (RFC 5005) and pages (`next_url`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Archives {
    Nowhere,
    /// The feed of everything, where every entry is.
    #[default]
    All,
    Everywhere,
}

/// Whether entries carry the whole article or its chapeau.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Full {
    #[default]
    Full,
    Summary,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            all: FileNames::of("feed.xml", "atom.xml", "feed.json"),
            collections: Some(FileNames::of("feed.{}.xml", "atom.{}.xml", "feed.{}.json")),
            categories: None,
            tags: None,
            authors: None,
            languages: None,
            named: BTreeMap::new(),
            without: Vec::new(),
            limit: 50,
            archives: Archives::default(),
            archive_entries: 50,
            full: Full::default(),
            budget: 250_000,
            enclosures: false,
            hubs: Vec::new(),
            author: None,
            rights: None,
            icon: None,
            favicon: None,
            logo: None,
            stylesheet: Some("feed.css".to_owned()),
            id_base: None,
        }
    }
}

impl Settings {
    /// The usual file names of the feeds of one kind of topic, such as `tags`.
    #[must_use]
    pub fn in_folder(folder: &str) -> FileNames {
        FileNames::of(
            &format!("feeds/{folder}/{{}}.xml"),
            &format!("feeds/{folder}/{{}}.atom.xml"),
            &format!("feeds/{folder}/{{}}.json"),
        )
    }
}
