//! What the two XML formats share: the lines before the root, and the elements of other
//! vocabularies.

use std::fmt::Write;

use url::Url;

use super::feed::Picture;

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

/// The declaration, and the style sheet for people who open the feed in a browser.
/// Its address is relative, so that a copy on a preview server or on disk looks the same.
pub fn prologue(own: Option<&Url>, stylesheet: Option<&Url>) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    if let Some(url) = stylesheet {
        let near = own.and_then(|own| own.make_relative(url)).unwrap_or_else(|| url.to_string());
        let href = near.replace('&', "&amp;").replace('"', "&quot;").replace("?>", "%3F>");
        let _ = writeln!(out, "<?xml-stylesheet type=\"text/css\" href=\"{href}\"?>");
    }
    out.into_bytes()
}

/// Puts an element before the first of the given tags that is there. Only the head of a document
/// stands before them, whose text holds no `<`, so that the first one found is the tag itself.
pub fn insert_before(document: &mut Vec<u8>, tags: &[&str], element: &str) {
    let at =
        tags.iter().find_map(|tag| document.windows(tag.len()).position(|window| window == tag.as_bytes()));
    if let Some(at) = at {
        document.splice(at..at, element.bytes());
    }
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
