//! The ids that headings get, so that links to them hold in every output.

use std::collections::HashMap;

use pulldown_cmark::Event;
use unicode_normalization::char::is_combining_mark;

use super::entities;
use super::spans::Piece;

/// Ids given so far in one text.
#[derive(Debug, Default)]
pub struct HeadingIds(HashMap<String, u32>);

impl HeadingIds {
    /// The id of a heading: its words in lower case, accents kept, blanks as `-`, all other signs
    /// gone; the second of a name gets `-1`.
    pub fn id(&mut self, words: &str) -> String {
        let mut id = String::with_capacity(words.len());
        for c in words.chars().flat_map(char::to_lowercase) {
            match c {
                ' ' | '\t' => id.push('-'),
                '-' | '_' | '0'..='9' => id.push(c),
                c if c.is_alphabetic() || is_combining_mark(c) => id.push(c),
                _ => {}
            }
        }
        let count = self.0.entry(id.clone()).or_insert(0);
        if *count > 0 {
            id.push('-');
            id.push_str(&count.to_string());
        }
        *count += 1;
        id
    }
}

/// The words of a heading as they are read, without its marks.
pub fn words(pieces: &[Piece]) -> String {
    let mut words = String::new();
    let mut in_image = false;
    for piece in pieces {
        match &piece.event {
            Event::Start(pulldown_cmark::Tag::Image { .. }) => in_image = true,
            Event::End(pulldown_cmark::TagEnd::Image) => in_image = false,
            Event::Text(text) if !in_image => words.push_str(text),
            Event::Code(text) => words.push_str(text),
            Event::Html(text) => words.push_str(&entities::resolved(text)),
            _ => {}
        }
    }
    words
}
