//! One article as all feeds tell it.

use std::fmt::Write;
use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::astray::first_relative;
use super::stamps::text_hash;
use super::{Full, Settings, clean_html, clean_text};
use crate::domain::{Article, Content, Guid, Image, KnownText, Language, Origin, Site, TextHash};
use crate::render::words::Words;

/// An article made ready for feeds, once for all of them: announced, then told where one shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What readers know it by; never changes.
    pub guid: String,
    pub link: Url,
    /// One line of plain text.
    pub title: String,
    /// Plain text, paragraphs separated by a line feed; never blank once told.
    pub summary: String,
    /// The whole article: its image, chapeau, body and files.
    pub content: String,
    /// The image, the chapeau and a link to the rest; for documents that must stay small.
    pub brief: String,
    pub published: DateTime<FixedOffset>,
    /// Never before `published`; see [`super::stamp`].
    pub updated: DateTime<FixedOffset>,
    /// May be empty: the channel's author then answers.
    pub authors: Vec<String>,
    pub categories: Vec<Category>,
    pub language: Language,
    pub image: Option<Picture>,
    /// The collection's name, for the feed of that collection.
    pub collection: String,
    /// An address in its texts that leads nowhere from a feed reader: there should be none.
    pub astray: Option<String>,
    /// Octets in the heaviest format, Atom, whose HTML is escaped once more: with its whole text,
    /// and with its chapeau only.
    weights: (usize, usize),
    /// What its words are known by; see [`super::stamp`].
    pub text_hash: TextHash,
    /// The article's file, for messages.
    pub source: PathBuf,
}

/// A category of an entry (RFC 4287 4.2.2; RSS 2.0 `category`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub scheme: Scheme,
    pub term: String,
}

/// What kind of topic a category is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Collection,
    Category,
    Tag,
}

impl Scheme {
    /// The IRI that identifies this scheme on a site.
    #[must_use]
    pub fn iri(self, home: &Url) -> String {
        let name = match self {
            Self::Collection => "collections",
            Self::Category => "categories",
            Self::Tag => "tags",
        };
        format!("{home}#{name}")
    }
}

/// The image that stands for an entry in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub url: Url,
    pub alt: String,
    /// Type, octets, width and height as the file says; `None` for an image on another host.
    pub file: Option<(&'static str, u64, u32, u32)>,
}

impl Entry {
    /// Announces an article to feeds, which need no more to know where it belongs; `None` when it has
    /// no date of publication. It says nothing yet: see [`Entry::tell`].
    ///
    /// `updated` is what the front matter says, or the publication; [`super::stamp`] refines it.
    #[must_use]
    pub fn of(site: &Site, article: &Article) -> Option<Self> {
        let here = |date: DateTime<FixedOffset>| date.with_timezone(&site.timezone).fixed_offset();
        let published = here(article.published?);
        let title = clean_line(&article.title);
        Some(Self {
            guid: article.guid.0.clone(),
            link: article.link.clone(),
            summary: String::new(),
            content: String::new(),
            brief: String::new(),
            published,
            updated: article.updated.map_or(published, |date| here(date).max(published)),
            authors: distinct(article.authors.iter().map(|name| clean_line(name))),
            categories: categories(site, article),
            language: article.language.as_ref().unwrap_or(&site.language).clone(),
            image: None,
            collection: article.collection.clone(),
            astray: None,
            weights: (0, 0),
            text_hash: text_hash(&title, article),
            source: article.source.clone(),
            title,
        })
    }

    /// Gives it what a document shows of its article: summary, text, image.
    pub fn tell(&mut self, settings: &Settings, article: &Article, content: &Content) {
        let words = Words::of_or_english(&self.language);
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
            None if whole.is_empty() => brief.push_str(&paragraph(&self.title)),
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

        let is_all = content.body.is_empty();
        self.summary = summary(content, is_all).unwrap_or_else(|| self.title.clone());
        let frame = 900
            + 2 * self.link.as_str().len()
            + weight(&self.title)
            + weight(&self.summary)
            + self.categories.iter().map(|category| 120 + 2 * category.term.len()).sum::<usize>();
        self.weights = (frame + weight(&whole), frame + weight(&brief));
        self.image = content.image().map(Picture::of);
        self.astray = first_relative(&whole).or_else(|| first_relative(&brief)).map(ToOwned::to_owned);
        self.content = whole;
        self.brief = brief;
    }

    /// What the ledger is to remember of its words.
    pub(super) fn known(&self) -> KnownText {
        KnownText {
            guid: Guid(self.guid.clone()),
            hash: Some(self.text_hash),
            updated: self.updated.to_utc(),
        }
    }

    /// Octets that it takes in the heaviest format.
    pub(in crate::render) fn weight(&self, full: bool) -> usize {
        if full { self.weights.0 } else { self.weights.1 }
    }

    /// Whether readers may take the guid for the address of the article.
    #[must_use]
    pub fn guid_is_permalink(&self) -> bool {
        self.guid == self.link.as_str()
    }

    /// The id as RFC 4287 wants it, an IRI: the guid, or for a guid that is none, one made of it.
    #[must_use]
    pub fn atom_id(&self, home: &Url) -> String {
        if Url::parse(&self.guid).is_ok() && !self.guid.contains(char::is_whitespace) {
            return self.guid.clone();
        }
        let mut id = home.clone();
        id.set_fragment(Some(&self.guid));
        id.into()
    }

    /// A digest of everything that any format prints of this entry, hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut context = Context::new(&SHA256);
        let mut add = |part: &str| {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        };
        for part in [&self.guid, self.link.as_str(), &self.title, &self.summary, &self.content, &self.brief] {
            add(part);
        }
        add(&self.published.to_rfc3339());
        add(&self.updated.to_rfc3339());
        add(self.language.tag());
        add(&format!("{:?}{:?}{:?}", self.authors, self.categories, self.image));
        hex(context.finish().as_ref())
    }
}

impl Picture {
    fn of(image: &Image) -> Self {
        Self {
            url: image.url.clone(),
            alt: clean_line(&image.alt),
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
    let lines: Vec<String> =
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

fn categories(site: &Site, article: &Article) -> Vec<Category> {
    let collection = site.collection(&article.collection).map(|c| (Scheme::Collection, c.title.as_str()));
    let written = article.categories.iter().map(|term| (Scheme::Category, term.as_str()));
    let tags = article.tags.iter().map(|term| (Scheme::Tag, term.as_str()));
    let mut out: Vec<Category> = Vec::new();
    for (scheme, term) in collection.into_iter().chain(written).chain(tags) {
        let term = clean_line(term);
        let key = term.to_lowercase();
        if !term.is_empty() && !out.iter().any(|known| known.term.to_lowercase() == key) {
            out.push(Category { scheme, term });
        }
    }
    out
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
    let lines: Vec<String> = [(words.digest.when, when), (words.digest.place, place)]
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

/// Text as HTML spells it, in an element or in a double-quoted attribute.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match from.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&quot;",
        });
        rest = &from[1..];
    }
    out.push_str(rest);
}

/// Plain text on one line, single blanks between words; no-break spaces stay.
pub(in crate::render) fn clean_line(text: &str) -> String {
    let text = clean_text(text);
    text.split([' ', '\t', '\n', '\u{2028}', '\u{2029}'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names {
        if !name.is_empty() && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
