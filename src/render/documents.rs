//! Every document of a feed in every format, checked by reading it back.

use std::collections::BTreeSet;

use url::Url;

use super::feed::{
    self, Addresses, Archives, Channel, Feed, FileNames, Format, Place, Seen, Settings, Shown, paginate,
};
use super::{atom, json_feed, rss};
use crate::domain::{Gravity, Problem, Site};

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
    let author = settings.author.as_deref().unwrap_or(&site.title);
    let image = |reference: &Option<String>| site.resolve(&site.url, reference.as_deref()?);
    let channel = |entries: Vec<Shown<'a>>, place: Place| Channel {
        id: format!("{base}#{}", feed.key),
        title: feed.title.clone(),
        description: feed.description.clone(),
        home: &site.url,
        language: feed.language,
        author,
        rights: settings.rights.as_deref(),
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

/// The guids of the entries that some document shows; no other needs its text.
#[must_use]
pub fn shown<'a>(settings: &Settings, feeds: &[Feed<'a>]) -> BTreeSet<&'a str> {
    let of_feed = |feed: &Feed<'a>| feed::shown(&feed.entries, settings, keeps_old(settings, feed));
    feeds.iter().flat_map(of_feed).map(|entry| entry.guid.as_str()).collect()
}

/// The octets of a document.
#[must_use]
pub fn write(channel: &Channel, format: Format) -> Vec<u8> {
    match format {
        Format::Rss => rss::write(channel),
        Format::Atom => atom::write(channel),
        Format::Json => json_feed::write(channel),
    }
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

/// The first control character but line feed and tab. Looks at octets first, and at all of a part
/// before it decides, because sound documents are the rule and processors then take many at a
/// time. C1 controls are C2 80 to C2 9F.
fn first_control(text: &str) -> Option<char> {
    let is_c0 = |octet: u8| (octet < b' ' && octet != b'\n' && octet != b'\t') || octet == 0x7f;
    let octets = text.as_bytes();
    let c0 = octets.chunks(4096).any(|part| part.iter().fold(false, |found, octet| found | is_c0(*octet)));
    let c1 = || memchr::memchr_iter(0xc2, octets).any(|at| octets[at + 1] < 0xa0);
    if !c0 && !c1() {
        return None;
    }
    text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Reads a document back and holds it against what it was to say. Nothing is published that fails
/// here; a failure names the article whose entry is at fault where there is one.
///
/// # Errors
/// The first fault.
pub fn check(channel: &Channel, format: Format, octets: &[u8]) -> Result<(), Box<Problem>> {
    let fault = |source: Option<&std::path::Path>, what: String| {
        Box::new(Problem {
            path: source.map_or_else(|| "_config.yml".into(), ToOwned::to_owned),
            line: None,
            gravity: Gravity::Error,
            what: format!("the {} feed «{}» would be faulty: {what}", format.name(), channel.title),
            remedy: "nothing was published and the old feeds stay; simplify this text, and report the \
                     fault to the makers of parution"
                .to_owned(),
        })
    };
    let text = std::str::from_utf8(octets).map_err(|error| fault(None, error.to_string()))?;
    if let Some(c) = first_control(text) {
        return Err(fault(None, format!("it holds the control character U+{:04X}", u32::from(c))));
    }
    let seen = read(octets, format).map_err(|error| fault(None, error))?;
    if seen.len() != channel.entries.len() {
        let what = format!("{} entries are read back, not {}", seen.len(), channel.entries.len());
        return Err(fault(None, what));
    }
    for (seen, shown) in seen.iter().zip(&channel.entries) {
        let entry = shown.entry;
        let source = Some(entry.source.as_path());
        let guid = if format == Format::Atom { entry.atom_id(channel.home) } else { entry.guid.clone() };
        if seen.guid != guid {
            return Err(fault(source, format!("its id {guid:?} is read back as {:?}", seen.guid)));
        }
        if seen.title != entry.title {
            return Err(fault(source, format!("its title is read back as {:?}", seen.title)));
        }
        if seen.link != entry.link.as_str() || !matches!(entry.link.scheme(), "http" | "https") {
            return Err(fault(source, format!("its link is read back as {:?}", seen.link)));
        }
        if seen.html.trim() != shown.html().trim() {
            return Err(fault(source, "its text is read back as another one".to_owned()));
        }
    }
    Ok(())
}
