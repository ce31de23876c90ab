//! One article as all feeds know it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::stamps::text_hash;
use super::told::Told;
use super::{Settings, clean_text};
use crate::domain::{Article, Content, Guid, KnownText, Language, Site, TextHash};

/// An article announced to feeds, once for all of them. Ten thousand of these are made to find the
/// fifty that a feed shows, so they borrow what the article has; only those say more: see
/// [`Entry::told`].
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// What readers know it by; never changes.
    pub guid: &'a str,
    pub link: &'a Url,
    /// One line of plain text.
    pub title: Cow<'a, str>,
    pub published: DateTime<FixedOffset>,
    /// Never before `published`; see [`super::stamp`].
    pub updated: DateTime<FixedOffset>,
    pub language: &'a Language,
    /// The collection's name, for the feed of that collection.
    pub collection: &'a str,
    /// What its words are known by; see [`super::stamp`].
    pub text_hash: TextHash,
    /// The article's file, for messages.
    pub source: &'a Path,
    pub article: &'a Article,
    told: OnceLock<Box<Told>>,
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

impl<'a> Entry<'a> {
    /// Announces an article to feeds, which need no more to know where it belongs; `None` when it has
    /// no date of publication.
    ///
    /// `updated` is what the front matter says, or the publication; [`super::stamp`] refines it.
    #[must_use]
    pub fn of(site: &'a Site, article: &'a Article) -> Option<Self> {
        let published = article.published?;
        let title = clean_line(&article.title);
        Some(Self {
            guid: &article.guid.0,
            link: &article.link,
            published,
            updated: article.updated.map_or(published, |date| date.max(published)),
            language: article.language.as_ref().unwrap_or(&site.language),
            collection: &article.collection,
            text_hash: text_hash(&title, article),
            source: &article.source,
            title,
            article,
            told: OnceLock::new(),
        })
    }

    /// Gives it what a document shows of its article: summary, text, image. What was told stays.
    pub fn tell(&self, site: &Site, settings: &Settings, content: &Content) {
        self.told.get_or_init(|| Box::new(Told::of(self, site, settings, content)));
    }

    /// Whether it was told, and so can be shown.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told.get().is_some()
    }

    /// What documents show of it.
    ///
    /// # Panics
    /// When nobody told it anything: no document may show it then.
    #[must_use]
    pub fn told(&self) -> &Told {
        self.told.get().expect("what a document shows was told")
    }

    /// What the ledger is to remember of its words.
    pub(super) fn known(&self) -> KnownText {
        KnownText {
            guid: Guid(self.guid.to_owned()),
            hash: Some(self.text_hash),
            updated: self.updated.to_utc(),
        }
    }

    /// Whether readers may take the guid for the address of the article.
    #[must_use]
    pub fn guid_is_permalink(&self) -> bool {
        self.guid == self.link.as_str()
    }

    /// The id as RFC 4287 wants it, an IRI: the guid, or for a guid that is none, one made of it.
    #[must_use]
    pub fn atom_id(&self, home: &Url) -> String {
        if Url::parse(self.guid).is_ok() && !self.guid.contains(char::is_whitespace) {
            return self.guid.to_owned();
        }
        let mut id = home.clone();
        id.set_fragment(Some(self.guid));
        id.into()
    }

    /// A digest of everything that any format prints of this entry, hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let told = self.told();
        let mut context = Context::new(&SHA256);
        let mut add = |part: &str| {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        };
        let texts = [&told.summary, &told.content, &told.brief];
        for part in [self.guid, self.link.as_str(), &self.title].into_iter().chain(texts.map(String::as_str))
        {
            add(part);
        }
        add(&self.published.to_rfc3339());
        add(&self.updated.to_rfc3339());
        add(self.language.tag());
        add(&format!("{:?}{:?}{:?}", told.authors, told.categories, told.image));
        hex(context.finish().as_ref())
    }
}

/// The names under which an article is filed, each spelling once.
pub(super) fn terms<'a>(site: &'a Site, article: &'a Article) -> Vec<(Scheme, Cow<'a, str>)> {
    let collection = site.collection(&article.collection).map(|c| (Scheme::Collection, &c.title));
    let written = article.categories.iter().map(|term| (Scheme::Category, term));
    let tags = article.tags.iter().map(|term| (Scheme::Tag, term));
    let mut out: Vec<(Scheme, Cow<str>)> = Vec::new();
    for (scheme, term) in collection.into_iter().chain(written).chain(tags) {
        let term = clean_line(term);
        if !term.is_empty() && !out.iter().any(|(_, known)| is_spelt_alike(known, &term)) {
            out.push((scheme, term));
        }
    }
    out
}

/// Whether two topics differ in nothing but the case of their letters.
fn is_spelt_alike(one: &str, other: &str) -> bool {
    one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

/// Text as HTML spells it, in an element or in a double-quoted attribute.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

pub(super) fn push_escaped(out: &mut String, text: &str) {
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
pub(in crate::render) fn clean_line(text: &str) -> Cow<'_, str> {
    let text = clean_text(text);
    // Most lines are one already.
    if !text.contains("  ") && !text.contains(['\t', '\n', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let words = text.split([' ', '\t', '\n', '\u{2028}', '\u{2029}']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").into()
}

/// Who wrote an article, each once.
pub(super) fn authors(article: &Article) -> Vec<Cow<'_, str>> {
    let mut out: Vec<Cow<str>> = Vec::new();
    for name in article.authors.iter().map(|name| clean_line(name)) {
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
