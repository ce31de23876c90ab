//! What the two XML formats share: the lines before the root, and the elements of other
//! vocabularies.

use std::borrow::Cow;
use std::fmt::Write;

use url::Url;

use super::draft::Frame;
use super::feed::{Channel, Format, Picture, Shown};
use super::proof::Fields;
use super::reading_page;

/// RFC 5005.
pub const HISTORY: &str = "http://purl.org/syndication/history/1.0";
/// Media RSS 1.5.1.
pub const MEDIA: &str = "http://search.yahoo.com/mrss/";
/// Without a version: an upgrade must not change every feed.
pub const GENERATOR: &str = "parution";

/// An element of another vocabulary, before it meets a library's own type.
pub struct Element {
    pub name: &'static str,
    pub attributes: Vec<(&'static str, String)>,
    pub text: Option<String>,
    pub children: Vec<Element>,
}

/// The frame that a library's document without entries makes: the declaration, the style sheet for
/// people who open the feed in a browser and the page for them, and where the entries go. RFC 4287
/// allows nothing behind the first entry, where the library writes foreign elements.
pub fn frame(channel: &Channel, format: Format, document: &str) -> Frame {
    let end = match format {
        Format::Rss => "</channel>",
        Format::Atom => "</feed>",
        Format::Json => unreachable!("it is no XML"),
    };
    let (own, is_archive) = (channel.place.own.of(format), channel.place.current.is_some());
    let stylesheet = channel.stylesheet.filter(|_| !is_archive);
    let (before, behind) = document.split_at(document.rfind(end).expect("every document ends"));
    let mut head = prologue(own, stylesheet);
    head.push_str(before);
    if let (Some(_), Some(own)) = (stylesheet, own) {
        head.push_str(&reading_page::page(channel, own));
    } else if is_archive && format == Format::Atom {
        head.push_str("<fh:archive/>\n");
    }
    let line = if channel.entries.is_empty() { "" } else { "\n" };
    Frame { head, between: "\n", tail: format!("{line}{behind}\n") }
}

/// What a library wrote. Its octets are looked at many at a time, as the standard library does not.
pub fn text(octets: &[u8]) -> Cow<'_, str> {
    let text = encoding_rs::UTF_8.decode_without_bom_handling_and_without_replacement(octets);
    text.expect("the libraries write UTF-8")
}

/// The declaration, and the style sheet. Its address is relative, so that a copy on a preview server
/// or on disk looks the same.
fn prologue(own: Option<&Url>, stylesheet: Option<&Url>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    if let Some(url) = stylesheet {
        let near = own.and_then(|own| own.make_relative(url)).unwrap_or_else(|| url.to_string());
        let href = near.replace('&', "&amp;").replace('"', "&quot;").replace("?>", "%3F>");
        let _ = writeln!(out, "<?xml-stylesheet type=\"text/css\" href=\"{href}\"?>");
    }
    out
}

/// The image of an entry: `media:content` with what its file says, and a thumbnail in it; the
/// thumbnail alone for an image whose file was never seen, because readers want true sizes.
pub fn media(image: &Picture) -> Element {
    let url = image.url.to_string();
    let Some((media_type, bytes, width, height)) = image.file else {
        return Element {
            name: "media:thumbnail",
            attributes: vec![("url", url)],
            text: None,
            children: Vec::new(),
        };
    };
    let size = || vec![("height", height.to_string()), ("url", url.clone()), ("width", width.to_string())];
    let mut attributes = size();
    attributes.extend([
        ("fileSize", bytes.to_string()),
        ("medium", "image".to_owned()),
        ("type", media_type.to_owned()),
    ]);
    let mut children = Vec::new();
    if !image.alt.is_empty() {
        children.push(Element {
            name: "media:description",
            attributes: vec![("type", "plain".to_owned())],
            text: Some(image.alt.clone()),
            children: Vec::new(),
        });
    }
    children.push(Element { name: "media:thumbnail", attributes: size(), text: None, children: Vec::new() });
    Element { name: "media:content", attributes, text: None, children }
}

/// What an entry is to say of its image: what [`media`] writes, and under the name that the format
/// gives it, the enclosure.
pub fn media_said<'a>(channel: &Channel, shown: Shown<'a>, enclosure: &'static str) -> Fields<'a> {
    let Some(image) = &shown.entry.told().image else { return Fields::new() };
    let is_seen = image.file.is_some();
    let names = [
        is_seen.then_some("media:content@url"),
        (is_seen && channel.enclosures).then_some(enclosure),
        Some("media:thumbnail@url"),
    ];
    names.into_iter().flatten().map(|name| (name, image.url.as_str().into())).collect()
}
