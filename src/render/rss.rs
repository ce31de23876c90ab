//! RSS 2.0 with the Advisory Board's profile, Dublin Core, `content:encoded`, Media RSS, Atom links.

use std::collections::BTreeMap;
use std::io::BufRead;

use chrono::{DateTime, FixedOffset};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Enclosure, Guid, Image, Item};

use super::draft::Frame;
use super::feed::{Channel, Format, Seen, Shown};
use super::proof::{Dialect, Fields, Value};
use super::xml;

/// Stand in for `&` and `<` of titles until the document is written: noncharacters, which cleaned
/// text never holds. The profile asks for `&#x26;` and `&#x3C;` there, because some readers
/// decode named references twice.
const AMPERSAND: char = '\u{fdd0}';
const LESS_THAN: char = '\u{fdd1}';

/// The document around its entries, UTF-8, ending in a line feed.
#[must_use]
pub fn frame(channel: &Channel) -> Frame {
    let mut namespaces = BTreeMap::from([
        ("atom".to_owned(), "http://www.w3.org/2005/Atom".to_owned()),
        ("media".to_owned(), xml::MEDIA.to_owned()),
    ]);
    if !channel.entries.is_empty() {
        namespaces.insert("content".to_owned(), "http://purl.org/rss/1.0/modules/content/".to_owned());
    }
    let mut extensions = ExtensionMap::new();
    for (rel, url) in channel.relations(Format::Rss) {
        let mut attributes = vec![("href", url.to_string()), ("rel", rel.to_owned())];
        if rel != "hub" {
            attributes.push(("type", Format::Rss.media_type().to_owned()));
        }
        let link = xml::Element { name: "atom:link", attributes, text: None, children: Vec::new() };
        add(&mut extensions, &link);
    }
    let is_archive = channel.place.current.is_some();
    if is_archive {
        namespaces.insert("fh".to_owned(), xml::HISTORY.to_owned());
        let mark =
            xml::Element { name: "fh:archive", attributes: Vec::new(), text: None, children: Vec::new() };
        add(&mut extensions, &mark);
    }
    let document = rss::Channel {
        title: title(&channel.title),
        link: channel.home.to_string(),
        description: channel.description.clone(),
        language: Some(channel.language.tag().to_owned()),
        copyright: channel.rights.clone(),
        last_build_date: (!channel.entries.is_empty()).then(|| rfc_822(&channel.updated)),
        generator: Some(xml::GENERATOR.to_owned()),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        image: channel.logo.as_ref().map(|url| Image {
            url: url.to_string(),
            title: title(&channel.title),
            link: channel.home.to_string(),
            ..Image::default()
        }),
        dublin_core_ext: Some(DublinCoreExtension {
            creators: vec![channel.author.clone()],
            ..DublinCoreExtension::default()
        }),
        extensions,
        namespaces,
        ..rss::Channel::default()
    };
    let octets = written(&document, 1_024);
    let text = xml::text(&octets);
    let body = text.split_once("?>").map_or(&*text, |(_, body)| body).trim_start();
    xml::frame(channel, Format::Rss, &body.replace(AMPERSAND, "&#x26;").replace(LESS_THAN, "&#x3C;"))
}

/// One entry as it stands in a document of this language.
#[must_use]
pub fn piece(channel: &Channel, shown: Shown) -> String {
    let document = rss::Channel { items: vec![item(channel, shown)], ..rss::Channel::default() };
    let octets = written(&document, shown.html().len() + 4_096);
    let text = xml::text(&octets);
    let (begin, end) = (text.find("<item>"), text.rfind("</item>"));
    let item = &text[begin.expect("it begins")..end.expect("it ends") + "</item>".len()];
    if shown.entry.title.contains(['&', '<']) {
        item.replace(AMPERSAND, "&#x26;").replace(LESS_THAN, "&#x3C;")
    } else {
        item.to_owned()
    }
}

fn written(document: &rss::Channel, about: usize) -> Vec<u8> {
    // Writing into memory cannot fail.
    document.pretty_write_to(Vec::with_capacity(about), b' ', 0).expect("a Vec takes every octet")
}

/// Reads what another run wrote, or another program.
///
/// # Errors
/// What the parser says.
pub fn read(document: impl BufRead) -> Result<Vec<Seen>, String> {
    let channel = rss::Channel::read_from(document).map_err(|error| error.to_string())?;
    Ok(channel
        .items
        .into_iter()
        .map(|item| {
            let guid = item.guid.map(|guid| guid.value.trim().to_owned());
            let link =
                item.link.map(|link| link.trim().to_owned()).or_else(|| guid.clone()).unwrap_or_default();
            Seen {
                guid: guid.unwrap_or_else(|| link.clone()),
                link,
                title: item.title.unwrap_or_default(),
                html: item.content.or(item.description).unwrap_or_default(),
                published: item
                    .pub_date
                    .and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok())
                    .map(|date| date.to_utc()),
            }
        })
        .collect())
}

fn item(channel: &Channel, shown: Shown) -> Item {
    let entry = shown.entry;
    let mut extensions = ExtensionMap::new();
    let updated = xml::Element {
        name: "atom:updated",
        attributes: Vec::new(),
        text: Some(entry.updated.to_rfc3339()),
        children: Vec::new(),
    };
    add(&mut extensions, &updated);
    if let Some(image) = &entry.told().image {
        add(&mut extensions, &xml::media(image));
    }
    let enclosure = entry.told().image.as_ref().filter(|_| channel.enclosures).and_then(|image| {
        let (media_type, bytes, ..) = image.file?;
        Some(Enclosure {
            url: image.url.to_string(),
            length: bytes.to_string(),
            mime_type: media_type.to_owned(),
        })
    });
    let language = (entry.language != channel.language).then(|| entry.language.tag().to_owned());
    let dublin_core = DublinCoreExtension {
        creators: entry.told().authors.clone(),
        languages: language.into_iter().collect(),
        ..DublinCoreExtension::default()
    };
    let says_something = !dublin_core.creators.is_empty() || !dublin_core.languages.is_empty();
    Item {
        title: Some(title(&entry.title)),
        link: Some(entry.link.to_string()),
        // Readers take a description for HTML: the same words as elsewhere, escaped.
        description: Some(super::feed::escaped(&entry.told().summary)),
        categories: entry
            .told()
            .categories
            .iter()
            .map(|category| Category {
                name: category.term.clone(),
                domain: Some(category.scheme.iri(channel.home)),
            })
            .collect(),
        enclosure,
        guid: Some(Guid { value: entry.guid.to_owned(), permalink: entry.guid_is_permalink() }),
        pub_date: Some(rfc_822(&entry.published)),
        content: Some(shown.html().to_owned()),
        extensions,
        dublin_core_ext: says_something.then_some(dublin_core),
        ..Item::default()
    }
}

/// What the self-check holds.
pub const DIALECT: Dialect = Dialect {
    path: &["rss", "channel", "item"],
    held: &[
        "title",
        "link",
        "description",
        "guid",
        "pubDate",
        "atom:updated",
        "content:encoded",
        "category",
        "dc:creator",
        "atom:link@href",
        "enclosure@url",
        "media:content@url",
        "media:thumbnail@url",
    ],
};

/// What the document itself is to say.
#[must_use]
pub fn said<'a>(channel: &'a Channel) -> Fields<'a> {
    let mut fields: Fields = vec![
        ("title", channel.title.as_str().into()),
        ("link", channel.home.as_str().into()),
        ("description", channel.description.as_str().into()),
        ("dc:creator", channel.author.as_str().into()),
    ];
    let links = channel.relations(Format::Rss).into_iter();
    fields.extend(links.map(|(_, url)| ("atom:link@href", url.as_str().into())));
    fields
}

/// What an entry is to say.
#[must_use]
pub fn said_by<'a>(channel: &Channel, shown: Shown<'a>) -> Fields<'a> {
    let entry = shown.entry;
    let mut fields: Fields = vec![
        ("title", entry.title.as_ref().into()),
        ("link", entry.link.as_str().into()),
        ("description", super::feed::escaped(&entry.told().summary).into()),
        ("guid", entry.guid.into()),
        ("pubDate", Value::Rfc822(entry.published)),
        ("atom:updated", Value::Rfc3339(entry.updated)),
        ("content:encoded", shown.html().into()),
    ];
    fields.extend(entry.told().categories.iter().map(|category| ("category", category.term.as_str().into())));
    fields.extend(entry.told().authors.iter().map(|name| ("dc:creator", name.as_str().into())));
    fields.extend(xml::media_said(channel, shown, "enclosure@url"));
    fields
}

fn title(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => AMPERSAND,
            '<' => LESS_THAN,
            _ => c,
        })
        .collect()
}

/// `Mon, 15 Jun 2026 16:00:00 +0200`: RFC 822 as RSS means it, four-digit years, English names.
fn rfc_822(date: &DateTime<FixedOffset>) -> String {
    date.format("%a, %d %b %Y %H:%M:%S %z").to_string()
}

fn add(map: &mut ExtensionMap, element: &xml::Element) {
    let (prefix, local) = element.name.split_once(':').unwrap_or(("", element.name));
    map.entry(prefix.to_owned()).or_default().entry(local.to_owned()).or_default().push(extension(element));
}

fn extension(element: &xml::Element) -> Extension {
    let mut out = Extension {
        name: element.name.to_owned(),
        value: element.text.clone(),
        attrs: element.attributes.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        ..Extension::default()
    };
    for child in &element.children {
        let child = extension(child);
        out.children.entry(child.name.clone()).or_default().push(child);
    }
    out
}
