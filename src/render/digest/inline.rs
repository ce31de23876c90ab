//! Sanitised article HTML made fit for mail: the few elements every client shows, each with its
//! style on itself.
//!
//! Classes, ids, targets and widths of the site are dropped, since a letter has none of the site's
//! style sheet. Tables and embedded things give only their text. Images are shown where a prepared
//! picture exists; otherwise they and their captions are left out.

use std::fmt::Write;

use super::Theme;
use super::view::{ImageView, LinkView};

/// A fragment for the letter.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Inlined {
    pub html: String,
    /// The links in order, for the plain text.
    pub links: Vec<LinkView>,
}

/// Rewrites one fragment. `picture` gives the image to show for a URL, if any; `link` the address
/// that a link gets.
pub fn inline(
    fragment: &str,
    theme: &Theme,
    picture: &mut dyn FnMut(&str) -> Option<ImageView>,
    link: &dyn Fn(&str) -> String,
) -> Inlined {
    let mut walk = Walk { theme, out: Inlined::default(), open: Vec::new(), link_text: None, shown: false };
    let mut rest = fragment;
    while let Some(start) = rest.find('<') {
        walk.text(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = end_of_tag(rest) else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            walk.close(name.trim());
        } else if !tag.starts_with('!') {
            walk.open(tag.trim_end_matches('/'), picture, link);
        }
    }
    if !rest.starts_with('<') {
        walk.text(rest);
    }
    while let Some(last) = walk.open.last().map(|open| open.name.clone()) {
        walk.close(&last);
    }
    walk.tidy()
}

/// The position of the `>` that ends the tag, past any in an attribute.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, octet) in text.bytes().enumerate() {
        match (quote, octet) {
            (None, b'"' | b'\'') => quote = Some(octet),
            (Some(open), octet) if open == octet => quote = None,
            (None, b'>') => return Some(at),
            _ => {}
        }
    }
    None
}

struct Walk<'t> {
    theme: &'t Theme,
    out: Inlined,
    open: Vec<Open>,
    /// The text of the link that is open.
    link_text: Option<(String, String)>,
    /// Whether the last image was shown, and so its caption is.
    shown: bool,
}

struct Open {
    name: String,
    /// What closes it in the letter; empty for an element that gives only its text.
    end: &'static str,
    /// Where its contents begin, and what opened it: an empty block is taken back.
    from: usize,
    start: usize,
    /// Nothing inside is shown.
    hidden: bool,
}

impl Walk<'_> {
    fn text(&mut self, text: &str) {
        if text.is_empty() || self.open.iter().any(|open| open.hidden) {
            return;
        }
        // Source line ends are blanks here; controls have no place in a letter.
        let clean: String = text
            .chars()
            .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        if clean.trim().is_empty() && self.between_blocks() {
            return;
        }
        if let Some((_, label)) = &mut self.link_text {
            label.push_str(&clean);
        }
        self.out.html.push_str(&clean);
    }

    /// Whether blanks here would only stand between blocks.
    fn between_blocks(&self) -> bool {
        let html = &self.out.html;
        html.is_empty()
            || ["</p>", "</ul>", "</ol>", "</li>"].iter().any(|end| html.ends_with(end))
            || self.open.last().is_some_and(|open| matches!(open.name.as_str(), "ul" | "ol" | "figure"))
    }

    fn open(
        &mut self,
        tag: &str,
        picture: &mut dyn FnMut(&str) -> Option<ImageView>,
        link: &dyn Fn(&str) -> String,
    ) {
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let name = name.to_ascii_lowercase();
        let start = self.out.html.len();
        let muted = format!(
            "<p class=\"mute\" style=\"margin:0 0 10px;font-size:14px;line-height:20px;color:{}\">",
            self.theme.light.muted
        );
        let (opening, end): (String, &'static str) = match name.as_str() {
            "br" => {
                self.out.html.push_str("<br>");
                return;
            }
            "img" => {
                self.image(attributes, picture);
                return;
            }
            "hr" | "wbr" | "input" | "col" => return,
            "p" => ("<p style=\"margin:0 0 10px\">".to_owned(), "</p>"),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                ("<p style=\"margin:0 0 10px\"><strong>".to_owned(), "</strong></p>")
            }
            "figcaption" if self.shown => (muted, "</p>"),
            "ul" => ("<ul style=\"margin:0 0 10px;padding:0 0 0 24px\">".to_owned(), "</ul>"),
            "ol" => ("<ol style=\"margin:0 0 10px;padding:0 0 0 24px\">".to_owned(), "</ol>"),
            "li" => ("<li style=\"margin:0 0 4px\">".to_owned(), "</li>"),
            "strong" | "b" => ("<strong>".to_owned(), "</strong>"),
            "em" | "i" | "cite" => ("<em>".to_owned(), "</em>"),
            "sup" => ("<sup>".to_owned(), "</sup>"),
            "sub" => ("<sub>".to_owned(), "</sub>"),
            "a" => match attribute(attributes, "href") {
                Some(href) if self.link_text.is_none() => {
                    let href = link(&unescape(href));
                    let opening =
                        format!("<a href=\"{}\" style=\"color:{}\">", escape(&href), self.theme.light.accent);
                    self.link_text = Some((href, String::new()));
                    (opening, "</a>")
                }
                _ => (String::new(), ""),
            },
            "tr" | "dt" | "dd" => (String::new(), "<br>"),
            "td" | "th" => (String::new(), " "),
            _ => (String::new(), ""),
        };
        let hidden = name == "figcaption" && !self.shown;
        if !hidden {
            self.out.html.push_str(&opening);
        }
        self.open.push(Open { name, end, from: self.out.html.len(), start, hidden });
    }

    fn close(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else { return };
        for open in self.open.drain(at..).rev() {
            if open.hidden {
                continue;
            }
            let empty = self.out.html[open.from..].trim().is_empty();
            if open.name == "a" && !open.end.is_empty() {
                let link = self.link_text.take().filter(|_| !empty);
                self.out
                    .links
                    .extend(link.map(|(url, label)| LinkView { text: unescape(label.trim()), url }));
            }
            if empty && open.end.starts_with("</") {
                self.out.html.truncate(open.start);
            } else {
                self.out.html.push_str(open.end);
            }
        }
    }

    fn image(&mut self, attributes: &str, picture: &mut dyn FnMut(&str) -> Option<ImageView>) {
        let source = attribute(attributes, "src").map(unescape).unwrap_or_default();
        let found = picture(&source);
        self.shown = found.is_some();
        let Some(image) = found else { return };
        let alt = attribute(attributes, "alt")
            .map(unescape)
            .filter(|alt| !alt.trim().is_empty())
            .unwrap_or_else(|| image.alt.clone());
        let _ = write!(
            self.out.html,
            "<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\" \
             style=\"display:block;max-width:100%;height:auto;margin:0 0 10px;border-radius:{}px\">",
            escape(&image.src),
            image.width,
            image.height,
            escape(alt.trim()),
            self.theme.radius,
        );
        self.out.links.extend(ImageView { alt: alt.trim().to_owned(), ..image }.link());
    }

    /// The last block needs no margin below it.
    fn tidy(mut self) -> Inlined {
        const MARGIN: &str = "<p style=\"margin:0 0 10px";
        if let Some(at) = self.out.html.rfind(MARGIN).filter(|at| !self.out.html[*at..].contains("</ul>")) {
            let last_ends = self.out.html.trim_end().ends_with("</p>");
            if last_ends {
                self.out.html.replace_range(at + "<p style=\"margin:0".len()..at + MARGIN.len(), "");
            }
        }
        let trimmed = self.out.html.trim().len();
        if trimmed != self.out.html.len() {
            self.out.html = self.out.html.trim().to_owned();
        }
        self.out
    }
}

/// The raw value of an attribute, between its quotes.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start();
        let equals = rest.find('=')?;
        let key = rest[..equals].trim();
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        let end = value[1..].find(quote)? + 1;
        // `disabled src="…"`: only the last word before the sign is the key.
        if key.rsplit(char::is_whitespace).next().is_some_and(|key| key.eq_ignore_ascii_case(name)) {
            return Some(&value[1..end]);
        }
        rest = &value[end + 1..];
    }
}

/// Resolves what the sanitiser's serialiser escapes.
pub fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

/// Escapes text for HTML, in an attribute or outside.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
    out
}
