//! Markdown that editors leave inside raw HTML: links, images, bold words and headings.
//!
//! kramdown shows `<p>[words](address)</p>` as typed, and so does the site; a `<div>` that nothing
//! closes does so with the rest of an article. Readers of a feed or of a letter get what was meant,
//! and `check` names the place. Everything else in raw HTML stays text.

use super::attributes::{AttributeList, Attributes};
use super::entities;
use super::lines;
use super::write::{Fate, Slip, Writer, start_tag};

impl Writer<'_, '_> {
    /// Writes the text between the tags of raw HTML.
    pub(super) fn raw_text(&mut self, text: &str) {
        if self.verbatim > 0 || !["](", "**", "# "].iter().any(|mark| text.contains(mark)) {
            return self.escaped(text);
        }
        let first_line = self.line;
        let mut from = 0;
        let mut at = 0;
        while let Some(found) = text[at..].find(['[', '*', '#']) {
            at += found;
            let begins_line = text[..at].is_empty() || text[..at].ends_with('\n');
            let Some(mark) = Mark::read(&text[at..], begins_line) else {
                at += 1;
                continue;
            };
            let is_image = mark.is_link() && text[..at].ends_with('!');
            self.escaped(&text[from..at - usize::from(is_image)]);
            self.line = first_line + text[..at].bytes().filter(|&b| b == b'\n').count() as u32;
            at += self.mark(&mark, is_image, &text[at..]);
            from = at;
        }
        self.escaped(&text[from..]);
        self.line = first_line;
    }

    fn escaped(&mut self, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        entities::escape(text, &mut escaped);
        self.html(escaped);
    }

    /// Writes what was meant; gives the length of the mark, and of the attribute list behind it.
    fn mark(&mut self, mark: &Mark, is_image: bool, text: &str) -> usize {
        self.ink.slip(Slip::MarkdownInHtml, self.line);
        let (words, address, title, length) = match *mark {
            Mark::Bold { words, length } => {
                self.html("<strong>");
                self.raw_text(words);
                self.html("</strong>");
                return length;
            }
            Mark::Heading { level, words, length } => {
                self.html(format!("<h{level}>"));
                self.raw_text(words);
                self.html(format!("</h{level}>"));
                return length;
            }
            Mark::Link { words, address, title, length } => (words, address, title, length),
        };
        let mut attributes = Attributes::default();
        let mut list_length = 0;
        if let Some(inner) = text[length..].strip_prefix("{:")
            && let Some(end) = lines::closing_brace(inner, 0)
        {
            let mut list = AttributeList::default();
            list.read(&inner[..end]);
            self.apply(&list, &mut attributes);
            list_length = 2 + end + 1;
        }
        let (name, key) = if is_image { ("img", "src") } else { ("a", "href") };
        attributes.set(key, entities::resolved(address).into_owned());
        if is_image {
            attributes.set("alt", entities::resolved(words).into_owned());
        }
        if !title.is_empty() {
            attributes.set("title", entities::resolved(title).into_owned());
        }
        let is_kept = self.ink.open(name, &mut attributes, self.line) == Fate::Keep;
        if is_kept {
            self.html(start_tag(name, &attributes));
        }
        if !is_image {
            self.raw_text(words);
        }
        if is_kept && !is_image {
            self.html("</a>");
        }
        length + list_length
    }
}

/// Marks at the beginning of a text.
enum Mark<'t> {
    Link { words: &'t str, address: &'t str, title: &'t str, length: usize },
    Bold { words: &'t str, length: usize },
    Heading { level: usize, words: &'t str, length: usize },
}

/// The longest words of a mark, in octets: each opening is looked for its end, and no further.
const LONGEST: usize = 2_000;

impl<'t> Mark<'t> {
    fn read(text: &'t str, begins_line: bool) -> Option<Self> {
        match text.as_bytes()[0] {
            b'[' => Self::link(&text[1..]),
            b'#' => Self::heading(text).filter(|_| begins_line),
            _ => Self::bold(text.strip_prefix("**")?),
        }
    }

    fn is_link(&self) -> bool {
        matches!(self, Mark::Link { .. })
    }

    /// `words](address "title")`, on one line or two.
    fn link(inner: &'t str) -> Option<Self> {
        let end = end_of(inner, &['[', ']'])?;
        let rest = inner[end..].strip_prefix("](")?;
        let close = end_of(rest, &['(', ')', '\n']).filter(|&at| rest[at..].starts_with(')'))?;
        let (address, title) = match rest[..close].split_once(' ') {
            Some((address, title)) => (address, title.trim().strip_prefix('"')?.strip_suffix('"')?),
            None => (&rest[..close], ""),
        };
        let leads = ["http://", "https://", "mailto:", "tel:", "/", "#", "./", "../", "www."];
        let is_sound = !inner[..end].trim().is_empty()
            && !inner[..end].contains("\n\n")
            && leads.iter().any(|lead| address.starts_with(lead));
        is_sound.then(|| Mark::Link { words: &inner[..end], address, title, length: 1 + end + 2 + close + 1 })
    }

    /// `## words`, a whole line.
    fn heading(text: &'t str) -> Option<Self> {
        let length = text.find('\n')?;
        let words = text[..length].trim_start_matches('#');
        let level = length - words.len();
        let is_sound = (1..=6).contains(&level) && words.starts_with(' ') && !words.trim().is_empty();
        let words = words.trim().trim_end_matches('#').trim_end();
        is_sound.then_some(Mark::Heading { level, words, length })
    }

    /// `words**`, on one line.
    fn bold(inner: &'t str) -> Option<Self> {
        let end = end_of(inner, &['*', '\n'])?;
        let words = inner[end..].strip_prefix("**").map(|_| &inner[..end])?;
        let is_sound = !words.trim().is_empty() && !words.starts_with(char::is_whitespace);
        is_sound.then_some(Mark::Bold { words, length: 2 + end + 2 })
    }
}

/// Where the first of some characters is, if it is near.
fn end_of(text: &str, wanted: &[char]) -> Option<usize> {
    text.char_indices()
        .take_while(|(at, _)| *at < LONGEST)
        .find(|(_, c)| wanted.contains(c))
        .map(|(at, _)| at)
}
