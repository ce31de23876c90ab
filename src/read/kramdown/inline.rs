//! Writes the words of a block: attributes settled, footnotes numbered, abbreviations marked.

use pulldown_cmark::{CowStr, Event, Tag as Mark};

use super::attributes::Attributes;
use super::entities;
use super::spans::{Attached, Piece};
use super::write::{Fate, Writer, start_tag};

impl<'d> Writer<'d, '_> {
    /// Passes what was read in words on, attributes settled and footnotes numbered.
    pub(super) fn pieces(&mut self, pieces: Vec<Piece<'d>>) {
        let mut open: Vec<Closing> = Vec::new();
        let mut pieces = pieces.into_iter();
        let mut in_code = 0_usize;
        while let Some(Piece { event, attached }) = pieces.next() {
            match event {
                Event::Text(text) if in_code == 0 => self.text(text),
                Event::Html(text) => {
                    let mut escaped = String::with_capacity(text.len());
                    entities::escape(&text, &mut escaped);
                    self.events.push(Event::InlineHtml(escaped.into()));
                }
                Event::FootnoteReference(name) => self.footnote(&name),
                Event::Code(text) => self.code_span(text, attached),
                Event::Start(Mark::Image { dest_url, title, .. }) => {
                    let alt = match pieces.next() {
                        Some(Piece { event: Event::Text(alt), .. }) => alt,
                        _ => "".into(),
                    };
                    pieces.next();
                    self.image(&dest_url, &alt, &title, attached);
                }
                Event::Start(Mark::Link { dest_url, title, .. }) => {
                    let mut attributes = Attributes::default();
                    attributes.set("href", entities::resolved(&dest_url).into_owned());
                    if !title.is_empty() {
                        attributes.set("title", entities::resolved(&title).into_owned());
                    }
                    let closing = self.span_element("a", attributes, attached, &mut pieces);
                    open.extend(closing);
                }
                Event::Start(mark) => {
                    let name = match mark {
                        Mark::Emphasis => "em",
                        Mark::Strong => "strong",
                        _ => "del",
                    };
                    if attached.is_none() {
                        self.events.push(Event::Start(mark));
                        open.push(Closing::Native);
                    } else {
                        let closing = self.span_element(name, Attributes::default(), attached, &mut pieces);
                        open.extend(closing);
                    }
                }
                Event::End(end) => match open.pop() {
                    Some(Closing::Native) => self.events.push(Event::End(end)),
                    Some(closing) => self.close_span(closing, &mut in_code),
                    None => {}
                },
                Event::InlineHtml(name) if name.starts_with('/') => {
                    if let Some(closing) = open.pop() {
                        self.close_span(closing, &mut in_code);
                    }
                }
                Event::InlineHtml(name) => {
                    let is_void = attached.as_ref().is_some_and(|attached| attached.is_void);
                    let closing = self.span_element(&name, Attributes::default(), attached, &mut pieces);
                    if !is_void {
                        if matches!(&closing, Some(Closing::Tag { is_code: true, .. })) {
                            in_code += 1;
                        }
                        open.extend(closing);
                    }
                }
                event => self.events.push(event),
            }
        }
    }

    fn close_span(&mut self, closing: Closing, in_code: &mut usize) {
        if let Closing::Tag { name, is_code } = closing {
            *in_code -= usize::from(is_code);
            self.events.push(Event::InlineHtml(format!("</{name}>").into()));
        }
    }

    /// Opens an element inside words; `None` when nothing is left to be closed.
    fn span_element(
        &mut self,
        name: &str,
        mut attributes: Attributes,
        attached: Option<Box<Attached>>,
        pieces: &mut std::vec::IntoIter<Piece<'d>>,
    ) -> Option<Closing> {
        let is_void = attached.as_ref().is_some_and(|attached| attached.is_void);
        if let Some(slip) = attached.as_ref().and_then(|attached| attached.slip) {
            self.ink.slip(slip, self.line);
        }
        self.attach(&mut attributes, attached);
        match self.ink.open(name, &mut attributes, self.line) {
            Fate::Keep => {
                self.events.push(Event::InlineHtml(start_tag(name, &attributes).into()));
                Some(Closing::Tag { name: name.to_owned(), is_code: name == "code" })
            }
            Fate::Unwrap => Some(Closing::Nothing),
            fate => {
                if let Fate::Replace(html) = fate {
                    self.events.push(Event::InlineHtml(html.into()));
                }
                if !is_void {
                    skip_element(pieces);
                }
                None
            }
        }
    }

    fn attach(&self, attributes: &mut Attributes, attached: Option<Box<Attached>>) {
        if let Some(attached) = attached {
            for (key, value) in attached.attributes.iter() {
                attributes.set(key, entities::resolved(value).into_owned());
            }
            // The address stands in the text: a list cannot change it.
            let kept: Vec<_> = ["href", "src", "alt"]
                .iter()
                .filter_map(|key| Some((*key, attributes.get(key)?.to_owned())))
                .collect();
            self.apply(&attached.list, attributes);
            for (key, value) in kept {
                attributes.set(key, value);
            }
        }
    }

    fn image(&mut self, address: &str, alt: &str, title: &str, attached: Option<Box<Attached>>) {
        let mut attributes = Attributes::default();
        attributes.set("src", entities::resolved(address).into_owned());
        attributes.set("alt", entities::resolved(alt).into_owned());
        if !title.is_empty() {
            attributes.set("title", entities::resolved(title).into_owned());
        }
        self.attach(&mut attributes, attached);
        match self.ink.open("img", &mut attributes, self.line) {
            Fate::Keep => self.events.push(Event::InlineHtml(start_tag("img", &attributes).into())),
            Fate::Replace(html) => self.events.push(Event::InlineHtml(html.into())),
            Fate::Unwrap => self.events.push(Event::Text(alt.to_owned().into())),
            Fate::Drop => {}
        }
    }

    fn code_span(&mut self, text: CowStr<'d>, attached: Option<Box<Attached>>) {
        let Some(attached) = attached else {
            self.events.push(Event::Code(text));
            return;
        };
        let mut attributes = Attributes::default();
        self.attach(&mut attributes, Some(attached));
        self.ink.open("code", &mut attributes, self.line);
        self.events.push(Event::InlineHtml(start_tag("code", &attributes).into()));
        self.events.push(Event::Text(text));
        self.events.push(Event::InlineHtml("</code>".into()));
    }

    /// Text, in which abbreviations are marked.
    fn text(&mut self, text: CowStr<'d>) {
        if self.document.abbreviations.is_empty() {
            self.events.push(Event::Text(text));
            return;
        }
        let mut from = 0;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let begins_word = text[..at].bytes().next_back().is_none_or(|b| !is_word(b));
            let found = self.document.abbreviations.iter().filter(|_| begins_word).find(|(name, _)| {
                rest.starts_with(name.as_str()) && !rest[name.len()..].bytes().next().is_some_and(is_word)
            });
            if let Some((name, meaning)) = found {
                self.events.push(Event::Text(text[from..at].to_owned().into()));
                let mut attributes = Attributes::default();
                if !meaning.is_empty() && self.purse.pay(meaning.len()) {
                    attributes.set("title", meaning.clone());
                }
                self.events.push(Event::InlineHtml(start_tag("abbr", &attributes).into()));
                self.events.push(Event::Text(name.as_str().into()));
                self.events.push(Event::InlineHtml("</abbr>".into()));
                at += name.len();
                from = at;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.events.push(Event::Text(text[from..].to_owned().into()));
    }
}

/// How an element inside words is closed.
enum Closing {
    /// By pulldown-cmark.
    Native,
    Tag {
        name: String,
        is_code: bool,
    },
    Nothing,
}

/// Skips to behind the end of an element whose opening was just taken.
fn skip_element(pieces: &mut std::vec::IntoIter<Piece>) {
    let mut depth = 1;
    for piece in pieces {
        match &piece.event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::InlineHtml(name) if name.starts_with('/') => depth -= 1,
            Event::InlineHtml(_) if !piece.attached.is_some_and(|a| a.is_void) => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}
