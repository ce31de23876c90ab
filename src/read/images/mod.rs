//! Which images an article has, and what their first octets say.
//!
//! Nothing is opened here: the folder brings the octets, [`facts`] reads them. An alternative text
//! is one that an editor wrote; a file's name never becomes one.

mod header;
mod tags;

use std::path::Path;

use percent_encoding::percent_decode_str;
use url::Url;

pub use header::{HEAD_BYTES, LONG_HEAD_BYTES, NotAnImage, facts};
pub use tags::{ImageTag, Verdict, rewrite};

use crate::domain::{Gravity, Problem, Site, SitePath};
use crate::read::front_matter::{Block, Fields, line_of, one_line};
use crate::yaml::{Map, Node};

/// An image that the front matter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub reference: String,
    pub alt: String,
    pub caption: String,
    /// The line of its key.
    pub line: Option<u32>,
}

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub url: Url,
    /// The file below the site's folder, when the reference is to the site itself.
    pub path: Option<SitePath>,
}

/// Octets of an image file that parution is willing to handle.
pub const MAX_BYTES: u64 = 20 * 1024 * 1024;

const MAX_IMAGES: usize = 50;
const MAX_ALT: usize = 1_000;

/// The images of the header: `une-ou-diaporama` and its like, in order.
pub fn named(
    map: &Map,
    block: &Block<'_>,
    fields: &Fields,
    source: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<Named> {
    fn first<'m>(map: &'m Map, keys: &[String]) -> &'m str {
        keys.iter().find_map(|key| map.text(key)).unwrap_or_default()
    }
    let mut images: Vec<Named> = Vec::new();
    for key in &fields.images {
        let Some(node) = map.get(key) else { continue };
        let line = line_of(block, key);
        for item in node.list().unwrap_or(std::slice::from_ref(node)) {
            match item {
                // `image: /a.jpg` alone: its texts are fields of the article beside it.
                Node::Text(reference) if node.list().is_none() => {
                    let (alt, caption) = (first(map, &fields.image_alt), first(map, &fields.image_caption));
                    push(&mut images, reference, alt, caption, line);
                }
                Node::Text(reference) => push(&mut images, reference, "", "", line),
                Node::Map(about) => {
                    let (alt, caption) =
                        (first(about, &fields.image_alt), first(about, &fields.image_caption));
                    let reference = first(about, &fields.image_path);
                    if !reference.trim().is_empty() {
                        push(&mut images, reference, alt, caption, line);
                    } else if let Some(last) = images.last_mut().filter(|last| last.alt.is_empty()) {
                        // A stray map that only holds the text of the image before it.
                        last.alt = one_line(alt, MAX_ALT);
                    }
                }
                _ => {}
            }
        }
        if images.len() >= MAX_IMAGES {
            images.truncate(MAX_IMAGES);
            let mut problem = Problem::new(
                Gravity::Warning,
                source,
                format!("there are over {MAX_IMAGES} images in `{key}`; the rest is left out"),
                "keep those that readers need",
            );
            problem.line = line;
            problems.push(problem);
            break;
        }
    }
    images
}

fn push(images: &mut Vec<Named>, reference: &str, alt: &str, caption: &str, line: Option<u32>) {
    let reference = reference.trim();
    if reference.is_empty() {
        return;
    }
    images.push(Named {
        reference: reference.to_owned(),
        alt: written_alt(alt, reference),
        caption: one_line(caption, MAX_ALT),
        line,
    });
}

/// The alternative text, unless it is only the file's name.
pub fn written_alt(alt: &str, reference: &str) -> String {
    let alt = one_line(alt, MAX_ALT);
    if is_file_name(&alt, reference) { String::new() } else { alt }
}

/// An alternative text as one clean line.
pub fn one_line_alt(alt: &str) -> String {
    one_line(alt, MAX_ALT)
}

/// A reference as it may be printed in a message.
pub fn shown(reference: &str) -> String {
    let decoded = percent_decode_str(reference).decode_utf8_lossy();
    one_line(&decoded, 120)
}

/// Whether a text is the name of the file, with or without its extension.
pub fn is_file_name(text: &str, reference: &str) -> bool {
    let plain = |text: &str| {
        let text = percent_decode_str(text).decode_utf8_lossy().to_lowercase();
        text.rsplit('/').next().unwrap_or_default().replace(['_', ' ', '%'], "-")
    };
    let reference = reference.split(['?', '#']).next().unwrap_or_default();
    let name = plain(reference);
    let text = plain(text);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    !text.is_empty() && (text == name || (text == stem && stem.contains(['-', '.'])))
}

/// Resolves a reference of the front matter: an address, or a path from the site's root, with or
/// without its first `/`. `None` for anything that is neither (`data:`, `file:`, a way up).
pub fn target(site: &Site, reference: &str) -> Option<Target> {
    let reference = reference.trim();
    let scheme = reference.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    let url = if scheme || reference.starts_with("//") {
        site.url.join(reference).ok()?
    } else {
        let decoded = percent_decode_str(reference).decode_utf8().ok()?;
        SitePath::parse(&decoded)?;
        site.url.join(&format!("/{}", reference.trim_start_matches('/'))).ok()?
    };
    of_url(site, url)
}

/// The same for an address that is absolute already.
pub fn of_url(site: &Site, url: Url) -> Option<Target> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let path = below_site(site, &url).and_then(|path| {
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        SitePath::parse(&decoded)
    });
    Some(Target { url, path })
}

/// The path of an address below the site's own, still encoded; `None` for another host. `http` and
/// `https` are one site.
pub fn below_site<'a>(site: &Site, url: &'a Url) -> Option<&'a str> {
    if url.host_str() != site.url.host_str() || url.port() != site.url.port() {
        return None;
    }
    let path = url.path();
    path.strip_prefix(site.url.path()).or_else(|| path.strip_prefix('/'))
}

#[cfg(test)]
mod tests {
    use super::is_file_name;

    #[test]
    fn a_file_name_is_no_alternative_text() {
        for text in ["bandeau-ogp_0.jpg", "Bandeau-OGP_0", "bandeau ogp 0.jpg"] {
            assert!(is_file_name(text, "/uploads/bandeau-ogp_0.jpg"), "{text}");
        }
        assert!(is_file_name("H.VERDIER -2", "assets/H.VERDIER%20-2.jpg"));
        assert!(!is_file_name("Paris", "/uploads/paris.jpg"), "one word may well be a description");
        assert!(!is_file_name("", "/uploads/a.jpg"));
    }
}
