//! The page at the head of a feed for people who open it in a browser.
//!
//! Browsers show XML with a CSS style sheet, and treat elements of XHTML in it as what they are:
//! headings, lists, links that can be followed. XSLT, which feeds were once styled with, is being
//! removed from browsers; this needs none, and no script. Feed readers pass over it. A browser that
//! gets the feed as `application/rss+xml` shows its source all the same: serve it as
//! `application/xml` (see `render::host`).

use std::fmt::Write;

use url::Url;

use super::feed::{Channel, escaped};
use super::words::Words;

/// The style sheet that goes with the page.
pub const STYLE: &str = include_str!("../../templates/feed.css");

/// The page as one element of an XML feed, ending in a line feed.
pub fn page(channel: &Channel, own: &Url) -> String {
    let words = &Words::of_or_english(channel.language).feeds;
    let language = channel.language.tag();
    let title = escaped(&channel.title);
    let mut out = format!(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"{language}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n\
         <main>\n\
         <h1>{title}</h1>\n\
         <aside><p><strong>{heading}</strong> {what}</p>\n\
         <p>{how}</p>\n\
         <p><code>{own}</code></p></aside>\n\
         <p><a href=\"{home}\">{to_site}</a></p>\n",
        heading = escaped(words.page_heading),
        what = escaped(words.page_what),
        how = escaped(words.page_how),
        own = escaped(own.as_str()),
        home = escaped(channel.home.as_str()),
        to_site = escaped(words.page_to_site),
    );
    if !channel.entries.is_empty() {
        let _ = write!(out, "<h2>{}</h2>\n<ul>\n", escaped(words.page_entries));
        for shown in &channel.entries {
            let entry = shown.entry;
            let lang = if entry.language == channel.language {
                String::new()
            } else {
                format!(" xml:lang=\"{}\"", entry.language.tag())
            };
            let _ = writeln!(
                out,
                "<li><a href=\"{}\"{lang}>{}</a></li>",
                escaped(entry.link.as_str()),
                escaped(&entry.title)
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</main>\n</div>\n");
    out
}
