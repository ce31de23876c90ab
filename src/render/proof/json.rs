//! Reads a JSON feed back: no key that we do not write, none twice, every value as it was meant.

use std::borrow::Cow;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Flaw, is_date};
use crate::render::feed::{Channel, Format, Shown};
use crate::render::json_feed;

/// Holds a document against what it was to say.
pub fn hold(document: &str, channel: &Channel, entries: &[Shown]) -> Result<(), Flaw> {
    let general = |what: String| Flaw { entry: None, what };
    let feed: Feed = serde_json::from_str(document).map_err(|error| general(error.to_string()))?;
    let own = |url: Option<&url::Url>| url.map(|url| url.as_str().to_owned());
    let head = [
        ("version", Some(feed.version), Some(json_feed::VERSION.to_owned())),
        ("title", Some(feed.title), Some(channel.title.clone())),
        ("home_page_url", Some(feed.home_page_url), Some(channel.home.to_string())),
        ("feed_url", feed.own_url, own(channel.place.own.of(Format::Json))),
        (
            "next_url",
            feed.next_url,
            own(channel.place.previous.as_ref().and_then(|place| place.of(Format::Json))),
        ),
    ];
    for (name, read, meant) in head {
        if read.as_deref() != meant.as_deref() {
            return Err(general(format!("its `{name}` is read back as {:?}", read.unwrap_or_default())));
        }
    }
    if feed.items.len() != entries.len() {
        let what = format!("{} entries are read back, not {}", feed.items.len(), entries.len());
        return Err(general(what));
    }
    for (at, (item, shown)) in feed.items.iter().zip(entries).enumerate() {
        if let Err(what) = item.hold(*shown) {
            return Err(Flaw { entry: Some(at), what });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feed<'a> {
    version: String,
    title: String,
    home_page_url: String,
    #[serde(rename = "feed_url")]
    own_url: Option<String>,
    next_url: Option<String>,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    #[serde(rename = "description")]
    _description: IgnoredAny,
    #[serde(rename = "icon")]
    _icon: Option<IgnoredAny>,
    #[serde(rename = "favicon")]
    _favicon: Option<IgnoredAny>,
    #[serde(rename = "authors")]
    _authors: IgnoredAny,
    #[serde(rename = "language")]
    _language: IgnoredAny,
    #[serde(rename = "_generator")]
    _generator: IgnoredAny,
    #[serde(rename = "hubs")]
    _hubs: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    content_html: Cow<'a, str>,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    image: Option<String>,
    #[serde(borrow)]
    date_published: Cow<'a, str>,
    #[serde(borrow)]
    date_modified: Cow<'a, str>,
    #[serde(borrow, default)]
    authors: Vec<Author<'a>>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(rename = "language")]
    _language: Option<IgnoredAny>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Author<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    url: String,
    #[serde(rename = "mime_type")]
    _mime_type: IgnoredAny,
    #[serde(rename = "size_in_bytes")]
    _size_in_bytes: u64,
}

impl Item<'_> {
    fn hold(&self, shown: Shown) -> Result<(), String> {
        let entry = shown.entry;
        let texts = [
            ("id", &self.id, entry.guid),
            ("url", &self.url, entry.link.as_str()),
            ("title", &self.title, &entry.title),
            ("summary", &self.summary, &entry.told().summary),
            ("content_html", &self.content_html, shown.html()),
        ];
        let wrong_text = texts.iter().find(|(_, read, meant)| read != meant);
        let dates = [
            ("date_published", &self.date_published, entry.published),
            ("date_modified", &self.date_modified, entry.updated),
        ];
        let is_it =
            |read: &str, date| DateTime::parse_from_rfc3339(read).is_ok_and(|read| is_date(&read, date));
        let wrong_date = dates.iter().find(|(_, read, date)| !is_it(read, date));
        let wrong = wrong_text.map(|(name, read, _)| (*name, &***read));
        if let Some((name, read)) = wrong.or(wrong_date.map(|(name, read, _)| (*name, &***read))) {
            let read: String = read.chars().take(120).collect();
            return Err(format!("its `{name}` is read back as {read:?}"));
        }
        let image = entry.told().image.as_ref().map(|image| image.url.as_str());
        let lists = [
            ("image", self.image.as_deref() == image),
            ("authors", self.authors.iter().map(|it| &*it.name).eq(entry.told().authors.iter())),
            ("tags", self.tags.iter().eq(entry.told().categories.iter().map(|category| &category.term))),
            ("attachments", self.attachments.iter().all(|it| Some(it.url.as_str()) == image)),
        ];
        match lists.iter().find(|(_, is_right)| !is_right) {
            Some((name, _)) => Err(format!("its `{name}` is read back as another one")),
            None => Ok(()),
        }
    }
}
