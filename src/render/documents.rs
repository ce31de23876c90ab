//! Which documents a feed has, and what a published one holds.

use std::collections::HashSet;

use url::Url;

use super::feed::{
    self, Addresses, Archives, Channel, Entry, Feed, FileNames, Format, Place, Seen, Settings, Shown,
    clean_line, paginate,
};
use super::{atom, json_feed, rss};
use crate::domain::Site;

/// One document of a feed, before it is written in its formats.
#[derive(Debug, Clone)]
pub struct Sheet<'a> {
    pub channel: Channel<'a>,
    pub names: FileNames,
    /// Archives are never compared with what was there before: their names are new.
    pub is_archive: bool,
}

/// The documents of one feed, the one that people subscribe to first, and how many of its entries
/// lost their full text to the size budget.
#[must_use]
pub fn sheets<'a>(
    site: &'a Site,
    settings: &'a Settings,
    stylesheet: Option<&'a Url>,
    feed: &Feed<'a>,
) -> (Vec<Sheet<'a>>, usize) {
    let keep_old = keeps_old(settings, feed);
    let base = settings.id_base.as_ref().unwrap_or(&site.url);
    let author = clean_line(settings.author.as_deref().unwrap_or(&site.title)).into_owned();
    let rights = settings.rights.as_deref().map(|rights| clean_line(rights).into_owned());
    let image = |reference: &Option<String>| site.resolve(&site.url, reference.as_deref()?);
    let channel = |entries: Vec<Shown<'a>>, place: Place| Channel {
        id: format!("{base}#{}", feed.key),
        title: feed.title.clone(),
        description: feed.description.clone(),
        home: &site.url,
        language: feed.language,
        author: author.clone(),
        rights: rights.clone(),
        icon: image(&settings.icon),
        favicon: image(&settings.favicon),
        logo: image(&settings.logo),
        hubs: &settings.hubs,
        stylesheet,
        updated: entries.iter().map(|shown| shown.entry.updated).max().unwrap_or_default(),
        entries,
        enclosures: settings.enclosures,
        place,
    };
    let own = feed.names.addresses(&site.url);
    let empty = channel(Vec::new(), Place { own: own.clone(), current: None, previous: None });
    let pages = paginate(&feed.entries, settings, keep_old, &format!("{empty:?}"));

    let mut previous: Option<Addresses> = None;
    let mut archives = Vec::new();
    for page in pages.archives {
        let names = feed.names.for_archive(&page.mark);
        let own_address = names.addresses(&site.url);
        let place = Place { own: own_address.clone(), current: Some(own.clone()), previous: previous.take() };
        previous = Some(own_address);
        archives.push(Sheet { channel: channel(page.entries, place), names, is_archive: true });
    }
    let place = Place { own, current: None, previous };
    let current =
        Sheet { channel: channel(pages.current, place), names: feed.names.clone(), is_archive: false };
    (std::iter::once(current).chain(archives).collect(), pages.shortened)
}

fn keeps_old(settings: &Settings, feed: &Feed) -> bool {
    match settings.archives {
        Archives::Nowhere => false,
        Archives::All => feed.is_all,
        Archives::Everywhere => true,
    }
}

/// The entries that some document shows and that were told nothing yet, each once; no other needs
/// its text.
#[must_use]
pub fn untold<'a>(settings: &Settings, feeds: &[Feed<'a>]) -> Vec<&'a Entry<'a>> {
    let mut seen = HashSet::new();
    let of_feed = |feed: &Feed<'a>| feed::shown(&feed.entries, settings, keeps_old(settings, feed));
    let shown = feeds.iter().flat_map(of_feed);
    shown.filter(|entry| !entry.is_told() && seen.insert(entry.guid)).collect()
}

/// The entries of a document that this program or another one wrote.
///
/// # Errors
/// What the parser says.
pub fn read(octets: &[u8], format: Format) -> Result<Vec<Seen>, String> {
    match format {
        Format::Rss => rss::read(octets),
        Format::Atom => atom::read(octets),
        Format::Json => json_feed::read(octets),
    }
}

/// What stands near the beginning of every document of ours, by format.
#[must_use]
pub fn mark(format: Format) -> &'static str {
    match format {
        Format::Rss | Format::Atom => "<generator>parution</generator>",
        Format::Json => "\"name\": \"parution\"",
    }
}
