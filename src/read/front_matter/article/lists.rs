//! What an article lists: categories, tags, authors, files, and the day that it announces.

use percent_encoding::percent_decode_str;
use url::Url;

use super::super::{label, one_line};
use super::Keys;
use crate::domain::{Attachment, Event, SitePath};
use crate::yaml::Node;

/// Limits that keep one article from filling a feed or a letter.
const MAX_TAGS: usize = 50;
const MAX_TAG: usize = 100;
const MAX_ATTACHMENTS: usize = 50;

impl<'a> Keys<'a, '_> {
    pub(super) fn categories(&mut self) -> Vec<String> {
        let mut all: Vec<String> =
            self.place.above.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        // Jekyll reads `category: One two` as one and `categories: one two` as two.
        let singular = self.map.text("category").map(str::to_owned);
        all.extend(singular);
        let (found, key) = self.words(&self.reader.fields.categories);
        all.extend(found);
        self.tidy(all, key)
    }

    pub(super) fn tags(&mut self) -> Vec<String> {
        let mut all: Vec<String> = self.map.text("tag").map(str::to_owned).into_iter().collect();
        let (found, key) = self.words(&self.reader.fields.tags);
        all.extend(found);
        self.tidy(all, key)
    }

    fn words(&self, keys: &'a [String]) -> (Vec<String>, &'a str) {
        match self.first_or_default(keys) {
            Some((key, Node::Text(text))) => (text.split_whitespace().map(str::to_owned).collect(), key),
            Some((key, Node::List(items))) => {
                (items.iter().filter_map(Node::text).map(str::to_owned).collect(), key)
            }
            Some((key, _)) => (Vec::new(), key),
            None => (Vec::new(), &keys[0]),
        }
    }

    fn tidy(&mut self, words: Vec<String>, key: &str) -> Vec<String> {
        let mut tidy: Vec<String> = Vec::with_capacity(words.len().min(MAX_TAGS));
        for word in words {
            let word = label(&word, MAX_TAG);
            if word.is_empty() || tidy.iter().any(|old| old.eq_ignore_ascii_case(&word)) {
                continue;
            }
            if tidy.len() == MAX_TAGS {
                self.warn(
                    key,
                    format!("there are over {MAX_TAGS} {key}; the rest is left out"),
                    "keep those that help a reader find the article",
                );
                break;
            }
            tidy.push(word);
        }
        tidy
    }

    pub(super) fn authors(&mut self) -> Vec<String> {
        let name = |node: &Node| match node {
            Node::Text(text) => Some(label(text, MAX_TAG)),
            Node::Map(map) => map.text("name").map(|text| label(text, MAX_TAG)),
            _ => None,
        };
        let names: Vec<String> = match self.first_or_default(&self.reader.fields.authors) {
            Some((_, Node::List(items))) => items.iter().filter_map(name).take(MAX_TAGS).collect(),
            Some((_, node)) => name(node).into_iter().collect(),
            None => Vec::new(),
        };
        names.into_iter().filter(|name| !name.is_empty()).collect()
    }

    pub(super) fn event(&mut self) -> Option<Event> {
        let fields = self.reader.fields;
        let start = self.optional_date(&fields.event_start);
        let end = self.optional_date(&fields.event_end);
        if start.is_none() && end.is_none() {
            return None;
        }
        let place = self.first(&fields.event_place).and_then(Node::text).unwrap_or_default();
        Some(Event { start, end, place: label(place, 200) })
    }

    pub(super) fn attachments(&mut self) -> Vec<Attachment> {
        let mut all: Vec<Attachment> = Vec::new();
        for key in &self.reader.fields.attachments {
            let Some(node) = self.map.get(key) else { continue };
            let items = node.list().unwrap_or(std::slice::from_ref(node));
            for item in items.iter().take(MAX_ATTACHMENTS) {
                let (target, name) = match item {
                    Node::Text(path) => (Some(path.as_ref()), None),
                    Node::Map(map) => (map.text("file").or_else(|| map.text("lien")), map.text("nom")),
                    _ => (None, None),
                };
                let Some(target) = target.map(str::trim).filter(|t| !t.is_empty()) else { continue };
                match self.file_url(target) {
                    Some(url) => {
                        let name = name.map(|n| label(n, 200)).filter(|n| !n.is_empty());
                        let name = name.unwrap_or_else(|| file_name(&url));
                        if !all.iter().any(|old| old.url == url) {
                            all.push(Attachment { name, url });
                        }
                    }
                    None => self.warn(
                        key,
                        format!(
                            "the attachment `{}` is neither a web address nor a file of the site",
                            one_line(target, 80)
                        ),
                        "write `https://…` or a path such as `/uploads/document.pdf`",
                    ),
                }
            }
        }
        all
    }

    fn file_url(&self, target: &str) -> Option<Url> {
        if target.starts_with("https://") || target.starts_with("http://") {
            return Url::parse(target).ok();
        }
        let decoded = percent_decode_str(target).decode_utf8().ok()?;
        if target.contains(':') || target.starts_with("//") {
            return None;
        }
        SitePath::parse(&decoded)?;
        self.reader.site.url.join(&format!("/{}", target.trim_start_matches('/'))).ok()
    }
}

fn file_name(url: &Url) -> String {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    one_line(&percent_decode_str(last).decode_utf8_lossy(), 200)
}
