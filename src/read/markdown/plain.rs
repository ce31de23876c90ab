//! The words of sanitised HTML as plain text.

use crate::domain::Html;
use crate::read::kramdown::entities;

/// The words of a fragment: paragraphs separated by a blank line, list items begun with `- ` or
/// their number, lines broken where they are broken, French spacing kept; figures left out.
#[must_use]
pub fn plain_text(html: &Html) -> String {
    let mut page = Text { out: String::with_capacity(html.as_str().len()), ..Text::default() };
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = &rest[at + 1..];
        // The sanitiser escapes `>` in attributes, so the first one ends the tag.
        let end = rest.find('>').unwrap_or(rest.len());
        let name_end = rest[..end].find(|c: char| c != '/' && !c.is_ascii_alphanumeric()).unwrap_or(end);
        page.tag(&rest[..name_end]);
        rest = rest.get(end + 1..).unwrap_or("");
    }
    page.words(rest);
    page.out.truncate(page.out.trim_end_matches([' ', '\n']).len());
    page.out
}

#[derive(Default)]
struct Text {
    out: String,
    /// Line feeds to be written before the next word.
    breaks: usize,
    space: bool,
    /// How deep inside what is left out.
    left_out: usize,
    preformatted: usize,
    /// For each open list, the number of its next item, if it has numbers.
    lists: Vec<Option<u32>>,
    /// The mark of a list item, waiting for its first word.
    mark: Option<String>,
}

impl Text {
    fn tag(&mut self, name: &str) {
        let closing = name.strip_prefix('/');
        match closing.unwrap_or(name) {
            "figure" | "picture" if closing.is_none() => self.left_out += 1,
            "figure" | "picture" => self.left_out = self.left_out.saturating_sub(1),
            "ul" | "ol" => {
                match closing {
                    Some(_) => {
                        self.lists.pop();
                    }
                    None => self.lists.push((name == "ol").then_some(1)),
                }
                self.break_lines(if self.lists.len() > usize::from(closing.is_none()) { 1 } else { 2 });
            }
            "li" => {
                self.break_lines(1);
                if closing.is_none() {
                    let depth = self.lists.len().saturating_sub(1).min(8);
                    let mark = match self.lists.last_mut() {
                        Some(Some(number)) => {
                            *number += 1;
                            format!("{}. ", *number - 1)
                        }
                        _ => "- ".to_owned(),
                    };
                    self.mark = Some("  ".repeat(depth) + &mark);
                }
            }
            "pre" => {
                self.break_lines(2);
                self.preformatted = if closing.is_none() { self.preformatted + 1 } else { 0 };
            }
            "p" if !self.lists.is_empty() => self.break_lines(1),
            "p" | "blockquote" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "div" | "section" | "article"
            | "aside" | "header" | "footer" | "nav" | "main" | "address" | "hr" | "dl" | "details"
            | "table" | "center" => self.break_lines(2),
            "br" | "tr" | "dt" | "dd" | "caption" | "summary" => self.break_lines(1),
            "td" | "th" => self.space = true,
            _ => {}
        }
    }

    fn break_lines(&mut self, count: usize) {
        self.breaks = self.breaks.max(count);
    }

    fn words(&mut self, text: &str) {
        if self.left_out > 0 {
            return;
        }
        let text = entities::resolved(text);
        for c in text.chars() {
            match c {
                '\n' if self.preformatted > 0 => self.breaks += 1,
                ' ' | '\n' | '\t' | '\r' if self.preformatted == 0 => self.space = true,
                c => {
                    self.before_word();
                    self.out.push(c);
                }
            }
        }
    }

    fn before_word(&mut self) {
        if self.breaks > 0 || self.mark.is_some() {
            let wanted = self.breaks.max(1);
            if !self.out.is_empty() {
                self.out.extend(std::iter::repeat_n('\n', wanted));
            }
            if let Some(mark) = self.mark.take() {
                self.out.push_str(&mark);
            }
        } else if self.space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }
}
