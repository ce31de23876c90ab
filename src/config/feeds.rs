//! `feeds:`: which feeds there are, under which names, and what they hold.

use crate::render::feed::Settings;
use crate::render::host::Host;

/// What the feeds are made with.
#[derive(Debug, Clone)]
pub struct FeedsConfig {
    pub settings: Settings,
    /// The name of the list of all feeds; `None` for none.
    pub opml: Option<String>,
    pub hosts: Vec<Host>,
    /// Old feed names and the names that took their place.
    pub redirects: Vec<(String, String)>,
}

pub(super) fn check() -> FeedsConfig {
    FeedsConfig {
        settings: Settings::default(),
        opml: Some("feeds.opml".to_owned()),
        hosts: Vec::new(),
        redirects: Vec::new(),
    }
}
