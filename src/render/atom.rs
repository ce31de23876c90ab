//! Atom 1.0 (RFC 4287), with archives (RFC 5005) and Media RSS for images.

use std::collections::BTreeMap;
use std::io::BufRead;

use atom::{Content, Entry, Feed, Generator, Link, Person, Text, WriteConfig};
use atom_syndication as atom;
use atom_syndication::extension::{Extension, ExtensionMap};

use super::draft::Frame;
use super::feed::{Channel, Format, Shown};
use super::proof::{Dialect, Fields, Value};
use super::xml;

/// The document around its entries, UTF-8, ending in a line feed.
#[must_use]
pub fn frame(channel: &Channel) -> Frame {
    let mut namespaces = BTreeMap::from([("media".to_owned(), xml::MEDIA.to_owned())]);
    let is_archive = channel.place.current.is_some();
    if is_archive {
        namespaces.insert("fh".to_owned(), xml::HISTORY.to_owned());
    }
    let feed = Feed {
        title: Text::plain(channel.title.as_str()),
        id: channel.id.clone(),
        updated: channel.updated,
        authors: vec![person(&channel.author)],
        generator: Some(Generator { value: xml::GENERATOR.to_owned(), uri: None, version: None }),
        icon: channel.icon.as_ref().map(ToString::to_string),
        links: links(channel),
        logo: channel.logo.as_ref().map(ToString::to_string),
        rights: channel.rights.as_deref().map(Text::plain),
        subtitle: Some(Text::plain(channel.description.as_str())),
        namespaces,
        lang: Some(channel.language.tag().to_owned()),
        ..Feed::default()
    };
    let mut octets = Vec::with_capacity(2_048);
    // Writing into memory cannot fail.
    feed.write_with_config(&mut octets, BARE).expect("a Vec takes every octet");
    xml::frame(channel, Format::Atom, &xml::text(&octets))
}

const BARE: WriteConfig = WriteConfig { write_document_declaration: false, indent_size: Some(0) };

/// One entry as it stands in a document of this language.
#[must_use]
pub fn piece(channel: &Channel, shown: Shown) -> String {
    let mut octets = Vec::with_capacity(shown.entry.told().weight(shown.full) + 1_024);
    // Writing into memory cannot fail.
    entry(channel, shown).write_with_config(&mut octets, BARE).expect("a Vec takes every octet");
    // Alone it says its vocabulary; in a feed, the feed does.
    let text = xml::text(&octets);
    let entry = text.strip_prefix("<entry xmlns=\"http://www.w3.org/2005/Atom\">");
    format!("<entry>{}", entry.expect("it says nothing else"))
}

/// Reads what another run wrote, or another program.
///
/// # Errors
/// What the parser says.
pub fn read(document: impl BufRead) -> Result<Vec<super::feed::Seen>, String> {
    let feed = Feed::read_from(document).map_err(|error| error.to_string())?;
    Ok(feed
        .entries
        .into_iter()
        .map(|entry| {
            let link = entry.links.iter().find(|link| link.rel == "alternate").or(entry.links.first());
            super::feed::Seen {
                link: link.map(|link| link.href.clone()).unwrap_or_default(),
                html: entry.content.and_then(|content| content.value).unwrap_or_default(),
                published: entry.published.map(|date| date.to_utc()),
                title: entry.title.value,
                guid: entry.id,
            }
        })
        .collect())
}

fn entry(channel: &Channel, shown: Shown) -> Entry {
    let entry = shown.entry;
    // The library has no `xml:lang` on entries: their texts carry it.
    let lang = (entry.language != channel.language).then(|| entry.language.tag().to_owned());
    let text = |value: &str| Text { lang: lang.clone(), ..Text::plain(value) };
    let mut links = vec![Link {
        href: entry.link.to_string(),
        rel: "alternate".to_owned(),
        mime_type: Some("text/html".to_owned()),
        ..Link::default()
    }];
    let mut extensions = ExtensionMap::new();
    if let Some(image) = &entry.told().image {
        if let (true, Some((media_type, bytes, ..))) = (channel.enclosures, image.file) {
            links.push(Link {
                href: image.url.to_string(),
                rel: "enclosure".to_owned(),
                mime_type: Some(media_type.to_owned()),
                length: Some(bytes.to_string()),
                ..Link::default()
            });
        }
        let media = xml::media(image);
        add(&mut extensions, "media", extension(&media));
    }
    Entry {
        title: text(&entry.title),
        id: entry.atom_id(channel.home),
        updated: entry.updated,
        authors: entry.told().authors.iter().map(|name| person(name)).collect(),
        categories: entry
            .told()
            .categories
            .iter()
            .map(|category| atom::Category {
                term: category.term.clone(),
                scheme: Some(category.scheme.iri(channel.home)),
                label: Some(category.term.clone()),
            })
            .collect(),
        links,
        published: Some(entry.published),
        summary: Some(text(&entry.told().summary)),
        content: Some(Content {
            lang: lang.clone(),
            value: Some(shown.html().to_owned()),
            content_type: Some("html".to_owned()),
            ..Content::default()
        }),
        extensions,
        ..Entry::default()
    }
}

/// What the self-check holds.
pub const DIALECT: Dialect = Dialect {
    path: &["feed", "entry"],
    held: &[
        "title",
        "id",
        "updated",
        "published",
        "summary",
        "content",
        "subtitle",
        "name",
        "link@href",
        "category@term",
        "category@label",
        "media:content@url",
        "media:thumbnail@url",
    ],
};

/// What the document itself is to say.
#[must_use]
pub fn said<'a>(channel: &'a Channel) -> Fields<'a> {
    let mut fields: Fields = vec![
        ("title", channel.title.as_str().into()),
        ("id", channel.id.as_str().into()),
        ("updated", Value::Rfc3339(channel.updated)),
        ("subtitle", channel.description.as_str().into()),
        ("link@href", channel.home.as_str().into()),
    ];
    let links = channel.relations(Format::Atom).into_iter();
    fields.extend(links.map(|(_, url)| ("link@href", url.as_str().into())));
    fields
}

/// What an entry is to say.
#[must_use]
pub fn said_by<'a>(channel: &Channel, shown: Shown<'a>) -> Fields<'a> {
    let entry = shown.entry;
    let mut fields: Fields = vec![
        ("title", entry.title.as_ref().into()),
        ("id", entry.atom_id(channel.home).into()),
        ("updated", Value::Rfc3339(entry.updated)),
        ("published", Value::Rfc3339(entry.published)),
        ("summary", entry.told().summary.as_str().into()),
        ("content", shown.html().into()),
        ("link@href", entry.link.as_str().into()),
    ];
    for category in &entry.told().categories {
        let term = category.term.as_str();
        fields.extend([("category@term", term.into()), ("category@label", term.into())]);
    }
    fields.extend(entry.told().authors.iter().map(|name| ("name", name.as_str().into())));
    fields.extend(xml::media_said(channel, shown, "link@href"));
    fields
}

fn links(channel: &Channel) -> Vec<Link> {
    let mut links = vec![Link {
        href: channel.home.to_string(),
        rel: "alternate".to_owned(),
        hreflang: Some(channel.language.tag().to_owned()),
        mime_type: Some("text/html".to_owned()),
        ..Link::default()
    }];
    for (rel, url) in channel.relations(Format::Atom) {
        links.push(Link {
            href: url.to_string(),
            rel: rel.to_owned(),
            mime_type: (rel != "hub").then(|| Format::Atom.media_type().to_owned()),
            ..Link::default()
        });
    }
    links
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned(), ..Person::default() }
}

fn add(map: &mut ExtensionMap, prefix: &str, extension: Extension) {
    let local = extension.name.rsplit(':').next().unwrap_or_default().to_owned();
    map.entry(prefix.to_owned()).or_default().entry(local).or_default().push(extension);
}

fn extension(element: &xml::Element) -> Extension {
    let mut out = Extension {
        name: element.name.to_owned(),
        value: element.text.clone(),
        // The library writes these octets as they are: an `&` in an image's address must not end the feed.
        attrs: element
            .attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), super::feed::escaped(value)))
            .collect(),
        ..Extension::default()
    };
    for child in &element.children {
        let child = extension(child);
        out.children.entry(child.name.clone()).or_default().push(child);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{extension, xml};

    #[test]
    fn an_ampersand_in_an_attribute_is_escaped() {
        let element = xml::Element {
            name: "media:thumbnail",
            attributes: vec![("url", "https://example.org/?a=1&b=2".to_owned())],
            text: None,
            children: Vec::new(),
        };
        assert_eq!(extension(&element).attrs["url"], "https://example.org/?a=1&amp;b=2");
    }
}
