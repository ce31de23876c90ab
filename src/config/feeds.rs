//! `feeds:`: which feeds there are, under which names, and what they hold.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::{OneOrMore, Refusal, web_url};
use crate::render::feed::{Archives, FileNames, Full, Settings};
use crate::render::host::{Host, checked_redirect};

/// `feeds:` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    formats: Option<Vec<FormatWire>>,
    all: Option<NamesWire>,
    collections: Option<KindWire>,
    categories: Option<KindWire>,
    tags: Option<KindWire>,
    authors: Option<KindWire>,
    languages: Option<KindWire>,
    names: BTreeMap<String, NamesWire>,
    without: Vec<String>,
    limit: Option<usize>,
    archives: Option<ArchivesWire>,
    archive_entries: Option<usize>,
    text: Option<TextWire>,
    budget: Option<usize>,
    enclosures: bool,
    hubs: Option<OneOrMore>,
    author: Option<String>,
    rights: Option<String>,
    icon: Option<String>,
    favicon: Option<String>,
    logo: Option<String>,
    style: Option<bool>,
    opml: Option<bool>,
    servers: Vec<ServerWire>,
    redirects: BTreeMap<String, String>,
    id_base: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatWire {
    Rss,
    Atom,
    Json,
}

/// File names by format; a format that is not named is not written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NamesWire {
    rss: Option<String>,
    atom: Option<String>,
    json: Option<String>,
}

/// A feed for each topic of a kind: yes under the usual names, no, or yes under other names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum KindWire {
    Wanted(bool),
    Named(NamesWire),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ArchivesWire {
    None,
    All,
    Everywhere,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TextWire {
    Full,
    Summary,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ServerWire {
    Nginx,
    Apache,
    Netlify,
}

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

/// More entries than this in one document serve nobody: archives hold the rest.
const MOST_ENTRIES: usize = 1_000;

/// The fewest octets that hold a chapeau or two.
const SMALLEST_BUDGET: usize = 20_000;

pub(super) fn check(wire: Wire) -> Result<FeedsConfig, Refusal> {
    let plain = Settings::default();
    let formats = wire.formats.unwrap_or_else(|| vec![FormatWire::Rss, FormatWire::Atom, FormatWire::Json]);
    if formats.is_empty() {
        return Err(Refusal::of(
            "feeds.formats",
            "it names none",
            "write rss, atom or json, or leave it out",
        ));
    }
    let wanted = |names: FileNames| FileNames {
        rss: names.rss.filter(|_| formats.contains(&FormatWire::Rss)),
        atom: names.atom.filter(|_| formats.contains(&FormatWire::Atom)),
        json: names.json.filter(|_| formats.contains(&FormatWire::Json)),
    };
    let kind = |key: &str, wire: Option<KindWire>, usual: Option<FileNames>, names: FileNames| match wire {
        None => Ok(usual.map(wanted)),
        Some(KindWire::Wanted(yes)) => Ok(yes.then(|| wanted(names))),
        Some(KindWire::Named(named)) => file_names(key, named, true).map(Some),
    };
    let usual = plain.collections.clone();
    let settings = Settings {
        all: match wire.all {
            Some(names) => file_names("feeds.all", names, false)?,
            None => wanted(plain.all),
        },
        collections: kind("feeds.collections", wire.collections, usual.clone(), usual.unwrap_or_default())?,
        categories: kind("feeds.categories", wire.categories, None, Settings::in_folder("categories"))?,
        tags: kind("feeds.tags", wire.tags, None, Settings::in_folder("tags"))?,
        authors: kind("feeds.authors", wire.authors, None, Settings::in_folder("authors"))?,
        languages: kind("feeds.languages", wire.languages, None, Settings::in_folder("languages"))?,
        named: wire
            .names
            .into_iter()
            .map(|(name, names)| {
                let checked = file_names(&format!("feeds.names.{name}"), names, false)?;
                Ok((name, checked))
            })
            .collect::<Result<_, Refusal>>()?,
        without: wire.without,
        limit: between("feeds.limit", wire.limit, plain.limit, 1, MOST_ENTRIES)?,
        archives: wire.archives.map_or(plain.archives, |archives| match archives {
            ArchivesWire::None => Archives::Nowhere,
            ArchivesWire::All => Archives::All,
            ArchivesWire::Everywhere => Archives::Everywhere,
        }),
        archive_entries: between(
            "feeds.archive_entries",
            wire.archive_entries,
            plain.archive_entries,
            1,
            MOST_ENTRIES,
        )?,
        full: wire.text.map_or(plain.full, |text| match text {
            TextWire::Full => Full::Full,
            TextWire::Summary => Full::Summary,
        }),
        budget: between("feeds.budget", wire.budget, plain.budget, SMALLEST_BUDGET, 100_000_000)?,
        enclosures: wire.enclosures,
        hubs: wire
            .hubs
            .map(OneOrMore::into_vec)
            .unwrap_or_default()
            .iter()
            .map(|hub| web_url("feeds.hubs", hub))
            .collect::<Result<_, _>>()?,
        author: one_line("feeds.author", wire.author)?,
        rights: one_line("feeds.rights", wire.rights)?,
        icon: image("feeds.icon", wire.icon)?,
        favicon: image("feeds.favicon", wire.favicon)?,
        logo: image("feeds.logo", wire.logo)?,
        stylesheet: plain.stylesheet.filter(|_| wire.style != Some(false)),
        id_base: wire.id_base.as_deref().map(|text| web_url("feeds.id_base", text)).transpose()?,
    };
    let redirects = wire
        .redirects
        .iter()
        .map(|(old, new)| {
            checked_redirect(old, new).map_err(|error| {
                Refusal::of("feeds.redirects", error.to_string(), "write `old.xml: feed.xml`")
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(FeedsConfig {
        settings,
        opml: (wire.opml != Some(false)).then(|| "feeds.opml".to_owned()),
        hosts: wire
            .servers
            .iter()
            .map(|server| match server {
                ServerWire::Nginx => Host::Nginx,
                ServerWire::Apache => Host::Apache,
                ServerWire::Netlify => Host::Netlify,
            })
            .collect(),
        redirects,
    })
}

fn file_names(key: &str, wire: NamesWire, per_topic: bool) -> Result<FileNames, Refusal> {
    let names = FileNames { rss: wire.rss, atom: wire.atom, json: wire.json };
    if names.written().next().is_none() {
        return Err(Refusal::of(key, "it names no file", "write at least one of rss, atom and json"));
    }
    let example = if per_topic { "{ rss: feeds/{}.xml }" } else { "{ rss: feed.xml }" };
    names.checked(per_topic).map_err(|error| {
        Refusal::of(key, error.to_string(), format!("write a path below the published folder: {example}"))
    })
}

fn between(
    key: &str,
    value: Option<usize>,
    usual: usize,
    least: usize,
    most: usize,
) -> Result<usize, Refusal> {
    match value {
        None => Ok(usual),
        Some(value) if (least..=most).contains(&value) => Ok(value),
        Some(_) => {
            let what = format!("it must be between {least} and {most}");
            Err(Refusal::of(key, what, format!("write {usual}, say")))
        }
    }
}

fn one_line(key: &str, text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if text.trim().is_empty() || text.chars().any(char::is_control) => {
            Err(Refusal::of(key, "it must be one line of text", "write it without a line break"))
        }
        text => Ok(text.map(|text| text.trim().to_owned())),
    }
}

/// A path on the site, or an address of the web.
fn image(key: &str, reference: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(reference) = reference else { return Ok(None) };
    let site = Url::parse("https://www.example.org/").ok();
    let resolved = site.and_then(|site| site.join(&reference).ok());
    if reference.trim().is_empty() || !resolved.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
        let what = format!("`{}` is no image of the web", reference.escape_debug());
        return Err(Refusal::of(key, what, "write a path on the site, such as /uploads/icon-512.png"));
    }
    Ok(Some(reference))
}
