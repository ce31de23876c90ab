//! What feeds say of an article: its summary, its text and its image.

use std::borrow::Cow;
use std::fmt::Write;

use url::Url;

use super::astray::first_relative;
use super::entry::{self, clean_line, push_escaped};
use super::{Entry, Full, Scheme, Settings, clean_html, clean_text, escaped};
use crate::domain::{Article, Content, Image, Origin, Site};
use crate::render::words::Words;

/// What documents show of an entry, in all formats.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Plain text, paragraphs separated by a line feed; never blank.
    pub summary: String,
    /// The whole article: its image, chapeau, body and files.
    pub content: String,
    /// The image, the chapeau and a link to the rest; for documents that must stay small.
    pub brief: String,
    pub image: Option<Picture>,
    /// May be empty: the channel's author then answers.
    pub authors: Vec<String>,
    pub categories: Vec<Category>,
    /// An address in its texts that leads nowhere from a feed reader: there should be none.
    pub astray: Option<String>,
    /// Octets in the heaviest format, Atom, whose HTML is escaped once more: with its whole text,
    /// and with its chapeau only.
    weights: (usize, usize),
}

/// A category of an entry (RFC 4287 4.2.2; RSS 2.0 `category`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub scheme: Scheme,
    pub term: String,
}

/// The image that stands for an entry in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub url: Url,
    pub alt: String,
    /// Type, octets, width and height as the file says; `None` for an image on another host.
    pub file: Option<(&'static str, u64, u32, u32)>,
}

impl Told {
    /// What an announced article says.
    pub(super) fn of(entry: &Entry, site: &Site, settings: &Settings, content: &Content) -> Self {
        let article = entry.article;
        let words = Words::of_or_english(entry.language);
        let mut whole = String::with_capacity(content.body.as_str().len() + 512);
        if let Some(image) = &content.header_image {
            push_figure(&mut whole, image);
        }
        let mut brief = whole.clone();
        match &content.chapeau {
            Some(chapeau) => {
                brief.push_str(&clean_html(chapeau.html.as_str()));
                if chapeau.origin == Origin::Field {
                    whole.push_str(&clean_html(chapeau.html.as_str()));
                    whole.push('\n');
                }
            }
            None if whole.is_empty() => brief.push_str(&paragraph(&entry.title)),
            None => {}
        }
        push_event(&mut whole, article, words);
        whole.push_str(&clean_html(content.body.as_str()));
        push_files(&mut whole, article, words);
        push_read_on(&mut brief, &article.link, words);
        let has_more = !whole.trim().is_empty();
        if article.summary_only || settings.full == Full::Summary || !has_more {
            whole.clone_from(&brief);
        }

        let summary = summary(content, content.body.is_empty()).unwrap_or_else(|| entry.title.to_string());
        let named = entry::terms(site, article).into_iter();
        let categories: Vec<Category> =
            named.map(|(scheme, term)| Category { scheme, term: term.into_owned() }).collect();
        let frame = 900
            + 2 * entry.link.as_str().len()
            + weight(&entry.title)
            + weight(&summary)
            + categories.iter().map(|category| 120 + 2 * category.term.len()).sum::<usize>();
        Self {
            summary,
            weights: (frame + weight(&whole), frame + weight(&brief)),
            image: content.image().map(Picture::of),
            authors: entry::authors(article).into_iter().map(Cow::into_owned).collect(),
            categories,
            astray: first_relative(&whole).or_else(|| first_relative(&brief)).map(ToOwned::to_owned),
            content: whole,
            brief,
        }
    }

    /// Octets that it takes in the heaviest format.
    pub(in crate::render) fn weight(&self, full: bool) -> usize {
        if full { self.weights.0 } else { self.weights.1 }
    }
}

impl Picture {
    fn of(image: &Image) -> Self {
        Self {
            url: image.url.clone(),
            alt: clean_line(&image.alt).into_owned(),
            file: image
                .facts
                .as_ref()
                .map(|facts| (facts.format.media_type(), facts.bytes, facts.width, facts.height)),
        }
    }
}

/// The words of the chapeau; cut at the end of a sentence where they are the whole article, because
/// a summary as long as its text tells readers nothing.
fn summary(content: &Content, is_all: bool) -> Option<String> {
    const LONGEST_WHEN_ALL: usize = 280;
    let text = clean_text(&content.chapeau.as_ref()?.text);
    let lines: Vec<_> =
        text.split("\n\n").map(clean_line).filter(|paragraph| !paragraph.is_empty()).collect();
    let mut joined = lines.join("\n");
    if is_all && joined.chars().count() > LONGEST_WHEN_ALL {
        joined = cut_at_sentence(&joined, LONGEST_WHEN_ALL);
    }
    (!joined.is_empty()).then_some(joined)
}

/// The longest run of whole sentences within `most` characters, or of whole words and an ellipsis.
fn cut_at_sentence(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most - 1).map_or(text.len(), |(at, _)| at);
    let head = &text[..end];
    let sentence = head.char_indices().rfind(|(at, c)| {
        let after = at + c.len_utf8();
        matches!(c, '.' | '!' | '?' | '…') && text[after..].starts_with(char::is_whitespace)
    });
    match sentence {
        Some((at, c)) if at > most / 4 => head[..at + c.len_utf8()].to_owned(),
        _ => {
            let words = head.rfind(char::is_whitespace).unwrap_or(head.len());
            format!("{}…", head[..words].trim_end_matches([' ', ',', ';', ':', '\u{a0}', '\n']))
        }
    }
}

fn push_figure(out: &mut String, image: &Image) {
    out.push_str("<figure><img src=\"");
    push_escaped(out, image.url.as_str());
    out.push_str("\" alt=\"");
    push_escaped(out, &clean_line(&image.alt));
    out.push('"');
    if let Some(facts) = &image.facts {
        let _ = write!(out, " width=\"{}\" height=\"{}\"", facts.width, facts.height);
    }
    out.push('>');
    let caption = clean_line(&image.caption);
    if !caption.is_empty() {
        out.push_str("<figcaption>");
        push_escaped(out, &caption);
        out.push_str("</figcaption>");
    }
    out.push_str("</figure>\n");
}

/// When and where the announced event takes place.
fn push_event(out: &mut String, article: &Article, words: &Words) {
    let Some(event) = &article.event else { return };
    let when = event.start.map(|start| words.dates.event(start, event.end));
    let place = Some(clean_line(&event.place)).filter(|place| !place.is_empty());
    let lines: Vec<String> = [(words.digest.when, when.map(Into::into)), (words.digest.place, place)]
        .into_iter()
        .filter_map(|(label, text)| {
            Some(format!("<strong>{}{}</strong>{}", escaped(label), words.digest.colon, escaped(&text?)))
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", lines.join("<br>"));
    }
}

/// The files that the article offers and its text does not link already.
fn push_files(out: &mut String, article: &Article, words: &Words) {
    let linked = |url: &Url| {
        let mut href = String::from("href=\"");
        push_escaped(&mut href, url.as_str());
        href.push('"');
        href
    };
    let files: Vec<_> = article.attachments.iter().filter(|file| !out.contains(&linked(&file.url))).collect();
    if files.is_empty() {
        return;
    }
    out.push_str("\n<p>");
    push_escaped(out, words.digest.files);
    out.push_str("</p>\n<ul>");
    for file in files {
        out.push_str("<li><a ");
        out.push_str(&linked(&file.url));
        out.push('>');
        push_escaped(out, &clean_line(&file.name));
        out.push_str("</a></li>");
    }
    out.push_str("</ul>");
}

fn push_read_on(out: &mut String, link: &Url, words: &Words) {
    out.push_str("\n<p><a href=\"");
    push_escaped(out, link.as_str());
    out.push_str("\">");
    push_escaped(out, words.feeds.read_on);
    out.push_str("</a></p>");
}

fn paragraph(text: &str) -> String {
    let mut out = String::from("<p>");
    push_escaped(&mut out, text);
    out.push_str("</p>");
    out
}

/// Octets of a text, escaped for XML.
fn weight(text: &str) -> usize {
    // What an octet becomes longer by. Parts are so short that one octet holds their sum.
    let longer = |octet: u8| match octet {
        b'&' => 4,
        b'<' | b'>' => 3,
        b'"' | b'\'' => 5,
        _ => 0_u8,
    };
    let part = |part: &[u8]| part.iter().fold(0_u8, |sum, octet| sum.wrapping_add(longer(*octet)));
    text.len() + text.as_bytes().chunks(32).map(|octets| usize::from(part(octets))).sum::<usize>()
}
