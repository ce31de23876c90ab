//! Footnotes: the mark in the text, the note at the end, the ways back.
//!
//! Their ids are those of the site's own page, so that links to them hold there.

use std::fmt::Write as _;

use pulldown_cmark::{Event, Tag as Mark, TagEnd};

use super::attributes::Attributes;
use super::tree::Kind;
use super::write::{Writer, start_tag};

impl Writer<'_, '_> {
    pub(super) fn footnote(&mut self, name: &str) {
        let Some((name, _)) = self.document.footnotes.get_key_value(name) else { return };
        let next = self.footnotes.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.footnotes.push((name, 0));
        } else {
            self.footnotes[number].1 += 1;
        }
        let repeat = match self.footnotes[number].1 {
            0 => String::new(),
            count => format!(":{count}"),
        };
        let mut attributes = Attributes::default();
        attributes.set("href", format!("#fn:{name}"));
        attributes.set("class", "footnote".to_owned());
        attributes.set("rel", "footnote".to_owned());
        self.ink.open("a", &mut attributes, self.line);
        let link = start_tag("a", &attributes);
        let number = number + 1;
        self.events.push(Event::InlineHtml(
            format!("<sup id=\"fnref:{name}{repeat}\">{link}{number}</a></sup>").into(),
        ));
    }

    /// The footnotes that are mentioned, each with its ways back.
    pub(super) fn write_footnotes(&mut self) {
        if self.footnotes.is_empty() {
            return;
        }
        let at = self.footnotes_at.unwrap_or(self.out.len());
        let after = self.out.split_off(at);
        self.html("<div class=\"footnotes\">\n<ol>\n");
        let mut number = 0;
        // A footnote may mention others, which come after all.
        while let Some(&(name, _)) = self.footnotes.get(number) {
            number += 1;
            self.html(format!("<li id=\"fn:{name}\">\n"));
            let blocks = &self.document.footnotes[name];
            let last = blocks.iter().rposition(|block| !matches!(block.kind, Kind::Blank(_) | Kind::End(_)));
            for (index, block) in blocks.iter().enumerate() {
                match &block.kind {
                    Kind::Paragraph { text, .. } if Some(index) == last => {
                        let native = self.open(block, "p", Some(Mark::Paragraph));
                        self.words(text);
                        self.ways_back(name, number, true);
                        self.close(native, "p", TagEnd::Paragraph);
                    }
                    _ => self.block(block),
                }
            }
            if !last.is_some_and(|last| blocks[last].is_paragraph()) {
                self.html("<p>");
                self.ways_back(name, number, false);
                self.html("</p>\n");
            }
            self.html("</li>\n");
        }
        self.html("</ol>\n</div>\n");
        self.flush();
        self.out.push_str(&after);
    }

    pub(super) fn ways_back(&mut self, name: &str, number: usize, behind_words: bool) {
        let repeats = self.footnotes[number - 1].1;
        let mut html = String::new();
        for repeat in 0..=repeats {
            let mut attributes = Attributes::default();
            let which = if repeat == 0 { String::new() } else { format!(":{repeat}") };
            attributes.set("href", format!("#fnref:{name}{which}"));
            attributes.set("class", "reversefootnote".to_owned());
            self.ink.open("a", &mut attributes, self.line);
            if behind_words || repeat > 0 {
                html.push('\u{a0}');
            }
            html.push_str(&start_tag("a", &attributes));
            html.push('↩');
            if repeat > 0 {
                let _ = write!(html, "<sup>{}</sup>", repeat + 1);
            }
            html.push_str("</a>");
        }
        self.events.push(Event::InlineHtml(html.into()));
    }
}
