//! JSON Feed 1.1.

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::draft::Frame;
use super::feed::{Channel, Format, Seen, Shown};

/// The document around its entries, UTF-8, ending in a line feed.
#[must_use]
pub fn frame(channel: &Channel) -> Frame {
    let document = Document {
        version: VERSION,
        title: &channel.title,
        home_page_url: channel.home.as_str(),
        feed_url: channel.place.own.of(Format::Json).map(url::Url::as_str),
        description: &channel.description,
        next_url: channel.place.previous.as_ref().and_then(|it| it.of(Format::Json)).map(url::Url::as_str),
        icon: channel.icon.as_ref().map(url::Url::as_str),
        favicon: channel.favicon.as_ref().map(url::Url::as_str),
        authors: vec![Author { name: &channel.author }],
        language: channel.language.tag(),
        generator: Generator { name: super::xml::GENERATOR },
        hubs: channel.hubs.iter().map(|hub| Hub { r#type: "WebSub", url: hub.as_str() }).collect(),
        items: Vec::new(),
    };
    let text = written(&document);
    // The list is its last part.
    let head = text.strip_suffix("]\n}").expect("it ends in an empty list").to_owned();
    let (before, behind) = if channel.entries.is_empty() { ("", "") } else { ("\n    ", "\n  ") };
    Frame { head: head + before, between: ",\n    ", tail: format!("{behind}]\n}}\n") }
}

/// One entry as it stands in a document of this language.
#[must_use]
pub fn piece(channel: &Channel, shown: Shown) -> String {
    #[derive(Serialize)]
    struct Alone<'a> {
        items: [JsonItem<'a>; 1],
    }
    let text = written(&Alone { items: [item(channel, shown)] });
    let item = text.strip_prefix("{\n  \"items\": [\n    ").and_then(|text| text.strip_suffix("\n  ]\n}"));
    item.expect("it stands alone in its list").to_owned()
}

/// What a document says of its own format.
pub(super) const VERSION: &str = "https://jsonfeed.org/version/1.1";

fn written(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("strings, numbers and lists are always JSON")
}

/// Reads what another run wrote, or another program.
///
/// # Errors
/// What the parser says.
pub fn read(document: &[u8]) -> Result<Vec<Seen>, String> {
    let feed: Read = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    Ok(feed
        .items
        .into_iter()
        .map(|item| Seen {
            link: if item.url.is_empty() { item.id.clone() } else { item.url },
            guid: item.id,
            title: item.title,
            html: item.content_html,
            published: item
                .date_published
                .and_then(|date| DateTime::parse_from_rfc3339(&date).ok())
                .map(|date| date.to_utc()),
        })
        .collect())
}

fn item<'a>(channel: &Channel, shown: Shown<'a>) -> JsonItem<'a> {
    let entry = shown.entry;
    let told = entry.told();
    let attachment = told.image.as_ref().filter(|_| channel.enclosures).and_then(|image| {
        let (mime_type, size_in_bytes, ..) = image.file?;
        Some(Attachment { url: image.url.as_str(), mime_type, size_in_bytes })
    });
    JsonItem {
        id: entry.guid,
        url: entry.link.as_str(),
        title: &entry.title,
        content_html: shown.html(),
        summary: &told.summary,
        image: told.image.as_ref().map(|image| image.url.as_str()),
        date_published: entry.published.to_rfc3339(),
        date_modified: entry.updated.to_rfc3339(),
        authors: entry.told().authors.iter().map(|name| Author { name }).collect(),
        tags: entry.told().categories.iter().map(|category| category.term.as_str()).collect(),
        language: (entry.language != channel.language).then(|| entry.language.tag()),
        attachments: attachment.into_iter().collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_url: Option<&'a str>,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favicon: Option<&'a str>,
    authors: Vec<Author<'a>>,
    language: &'a str,
    /// JSON Feed has no place for it but an extension.
    #[serde(rename = "_generator")]
    generator: Generator,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
    items: Vec<JsonItem<'a>>,
}

#[derive(Serialize)]
struct JsonItem<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a str,
    content_html: &'a str,
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
}

#[derive(Serialize)]
struct Generator {
    name: &'static str,
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Hub<'a> {
    r#type: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a str,
    mime_type: &'static str,
    size_in_bytes: u64,
}

#[derive(Deserialize)]
struct Read {
    items: Vec<ReadItem>,
}

#[derive(Deserialize)]
struct ReadItem {
    id: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    content_html: String,
    date_published: Option<String>,
}
