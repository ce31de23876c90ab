//! An OPML 2.0 list of all feeds, and the tags that let browsers and readers discover them.

use std::fmt::Write;

use super::feed::{Feed, Format, clean_line, escaped};
use crate::domain::Site;

/// The list, one outline a feed, for import into a reader: its RSS, else its Atom document.
#[must_use]
pub fn write(site: &Site, feeds: &[Feed]) -> Vec<u8> {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n<head>\n");
    let _ = writeln!(out, "<title>{}</title>", escaped(&clean_line(&site.title)));
    let newest = feeds.iter().flat_map(|feed| &feed.entries).map(|entry| entry.updated).max();
    if let Some(date) = newest {
        let _ = writeln!(out, "<dateModified>{}</dateModified>", date.format("%a, %d %b %Y %H:%M:%S %z"));
    }
    out.push_str("</head>\n<body>\n");
    for feed in feeds {
        let addresses = feed.names.addresses(&site.url);
        let first = [(Format::Rss, "RSS2"), (Format::Atom, "ATOM1")]
            .into_iter()
            .find_map(|(format, version)| Some((addresses.of(format)?.to_string(), version)));
        let Some((url, version)) = first else { continue };
        let _ = writeln!(
            out,
            "<outline type=\"rss\" text=\"{title}\" title=\"{title}\" description=\"{description}\" \
             language=\"{language}\" version=\"{version}\" xmlUrl=\"{url}\" htmlUrl=\"{home}\"/>",
            title = escaped(&feed.title),
            description = escaped(&feed.description),
            language = feed.language.tag(),
            url = escaped(&url),
            home = escaped(site.url.as_str()),
        );
    }
    out.push_str("</body>\n</opml>\n");
    out.into_bytes()
}

/// `<link>` tags for the head of the site's pages, one a line.
#[must_use]
pub fn discovery(site: &Site, feeds: &[Feed]) -> String {
    let mut out = String::new();
    for feed in feeds {
        let addresses = feed.names.addresses(&site.url);
        for format in Format::ALL {
            let Some(url) = addresses.of(format) else { continue };
            let _ = writeln!(
                out,
                "<link rel=\"alternate\" type=\"{}\" title=\"{} ({})\" href=\"{}\">",
                format.media_type(),
                escaped(&feed.title),
                format.name(),
                escaped(url.as_str()),
            );
        }
    }
    out
}
