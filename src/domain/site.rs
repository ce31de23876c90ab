//! The site that the articles belong to.

use chrono_tz::Tz;
use url::Url;

use super::Language;

/// What `_config.yml` and `parution.yml` say of the site as a whole.
#[derive(Debug, Clone)]
pub struct Site {
    pub title: String,
    pub description: String,
    /// Where the site is published, `baseurl` included, always ending in `/`.
    pub url: Url,
    pub language: Language,
    /// The zone of dates written without one, and of dates shown to readers.
    pub timezone: Tz,
    /// Every collection that publishes documents, in the order of `_config.yml`.
    pub collections: Vec<Collection>,
}

/// A Jekyll collection: the articles of one folder, with one form of URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The key in `_config.yml`, and the folder's name without its underscore.
    pub name: String,
    /// What people call it (`title:`, else the name).
    pub title: String,
    /// The permalink template, such as `/actualites/:title/`.
    pub permalink: String,
}

impl Site {
    /// The collection of that name.
    #[must_use]
    pub fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|c| c.name == name)
    }

    /// Resolves a reference found on a page against that page, as a browser would: root-relative
    /// references against the site (Jekyll's `baseurl` is the writer's business, as on the site).
    #[must_use]
    pub fn resolve(&self, page: &Url, reference: &str) -> Option<Url> {
        page.join(reference).ok()
    }
}
