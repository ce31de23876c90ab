//! HTML as kramdown sees it: which text is a tag, and what an element may hold.

use super::attributes::{Attributes, is_space};

/// An opening tag at the beginning of a text.
pub struct Tag<'t> {
    /// As written.
    pub name: &'t str,
    /// What stands between the name and the end.
    attributes: &'t str,
    /// `<br/>`.
    pub closed: bool,
    /// Read as a browser reads it: kramdown takes it for text, since a value that is no word has no
    /// quotes.
    pub lenient: bool,
    /// The length of the whole tag.
    pub length: usize,
}

/// What an element's content is when `markdown="1"` asks for Markdown in it, and in spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Block,
    Span,
    Raw,
}

impl<'t> Tag<'t> {
    /// Reads `<name attribute="value" …>`. Values without quotes are words; with anything else it is
    /// a tag only if HTML knows the name and all that is wrong are missing quotes.
    pub fn read(text: &'t str) -> Option<Self> {
        Self::read_with(text, value_length, false).or_else(|| {
            Self::read_with(text, bare_value_length, true).filter(|tag| {
                let name = tag.name.to_ascii_lowercase();
                is_known(&name) || matches!(name.as_str(), "svg" | "video" | "audio" | "picture" | "canvas")
            })
        })
    }

    fn read_with(text: &'t str, value_length: fn(&str) -> usize, lenient: bool) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&b'<') {
            return None;
        }
        let name = name_length(&text[1..]);
        if name == 0 {
            return None;
        }
        let start = 1 + name;
        let mut at = start;
        loop {
            let spaces = bytes[at..].iter().take_while(|&&b| is_space(b)).count();
            let word = name_length(&text[at + spaces..]);
            if spaces == 0 || word == 0 {
                let attributes = &text[start..at];
                at += spaces;
                let closed = bytes.get(at) == Some(&b'/');
                at += usize::from(closed);
                return (bytes.get(at) == Some(&b'>')).then(|| Tag {
                    name: &text[1..start],
                    attributes,
                    closed,
                    lenient,
                    length: at + 1,
                });
            }
            at += spaces + word;
            at += value_length(&text[at..]);
        }
    }

    /// The element's name, lower case where HTML knows it.
    pub fn element(&self) -> String {
        let lower = self.name.to_ascii_lowercase();
        if is_known(&lower) { lower } else { self.name.to_owned() }
    }

    pub fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::default();
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
            let name = name_length(rest);
            if name == 0 {
                return attributes;
            }
            let length_of = if self.lenient { bare_value_length } else { value_length };
            let value = length_of(&rest[name..]);
            let written =
                rest[name..name + value].trim_start_matches(|c: char| c == '=' || c.is_whitespace());
            let unquoted = written
                .strip_prefix('"')
                .and_then(|w| w.strip_suffix('"'))
                .or_else(|| written.strip_prefix('\'').and_then(|w| w.strip_suffix('\'')))
                .unwrap_or(written);
            attributes.set(&rest[..name].to_ascii_lowercase(), unquoted.to_owned());
            rest = &rest[name + value..];
        }
    }
}

/// The length of `= value` at the beginning, 0 when there is none.
fn value_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let spaces = |from: usize| bytes[from..].iter().take_while(|&&b| is_space(b)).count();
    let equals = spaces(0);
    if bytes.get(equals) != Some(&b'=') {
        return 0;
    }
    let start = equals + 1 + spaces(equals + 1);
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(start) {
        return bytes[start + 1..].iter().position(|&b| b == quote).map_or(0, |end| start + 1 + end + 1);
    }
    let word = text[start..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
    match word.unwrap_or(text.len() - start) {
        0 => 0,
        length => start + length,
    }
}

/// The same where a value without quotes goes on to the next blank or to the end of the tag.
fn bare_value_length(text: &str) -> usize {
    let strict = value_length(text);
    let ends = |rest: &str| rest.starts_with(|c: char| c == '>' || c.is_ascii_whitespace());
    if strict > 0 && (ends(&text[strict..]) || text[strict..].starts_with("/>")) {
        return strict;
    }
    let Some(value) = text.strip_prefix('=').filter(|value| !value.starts_with(['"', '\''])) else {
        return strict;
    };
    value.find(|c: char| c == '>' || c == '<' || c.is_ascii_whitespace()).map_or(0, |end| 1 + end)
}

/// The length of an element's or attribute's name, with at most one prefix.
pub fn name_length(text: &str) -> usize {
    let simple = |text: &str| {
        if !text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return 0;
        }
        text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))).unwrap_or(text.len())
    };
    let first = simple(text);
    if first > 0 && text.as_bytes().get(first) == Some(&b':') {
        let second = simple(&text[first + 1..]);
        if second > 0 {
            return first + 1 + second;
        }
    }
    first
}

/// Reads `</name>`: the name as written and the length of the whole.
pub fn closing(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("</")?;
    let name = name_length(rest);
    if name == 0 {
        return None;
    }
    let spaces = rest.as_bytes()[name..].iter().take_while(|&&b| is_space(b)).count();
    (rest.as_bytes().get(name + spaces) == Some(&b'>')).then(|| (&rest[..name], 2 + name + spaces + 1))
}

/// Where `</name>` next begins, and its length.
pub fn find_closing(text: &str, name: &str, any_case: bool) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("</") {
        let at = from + found;
        if let Some((other, length)) = closing(&text[at..])
            && (other == name || (any_case && other.eq_ignore_ascii_case(name)))
        {
            return Some((at, length));
        }
        from = at + 2;
    }
    None
}

/// The length of the comment at the beginning.
pub fn comment(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("<!--")?;
    rest.find("-->").map(|end| 4 + end + 3)
}

pub fn is_span(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "b"
            | "big"
            | "bdo"
            | "br"
            | "button"
            | "cite"
            | "code"
            | "del"
            | "dfn"
            | "em"
            | "i"
            | "img"
            | "input"
            | "ins"
            | "kbd"
            | "label"
            | "mark"
            | "option"
            | "q"
            | "rb"
            | "rbc"
            | "rp"
            | "rt"
            | "rtc"
            | "ruby"
            | "samp"
            | "select"
            | "small"
            | "span"
            | "strong"
            | "sub"
            | "sup"
            | "tt"
            | "u"
            | "var"
    )
}

pub fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "applet"
            | "body"
            | "blockquote"
            | "caption"
            | "col"
            | "colgroup"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "head"
            | "iframe"
            | "legend"
            | "menu"
            | "li"
            | "main"
            | "map"
            | "nav"
            | "ol"
            | "optgroup"
            | "p"
            | "pre"
            | "section"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "th"
            | "thead"
            | "tfoot"
            | "tr"
            | "ul"
    )
}

/// Elements that have no content and no closing tag.
pub fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "command"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Whether HTML knows an element, as far as kramdown does.
pub fn is_known(name: &str) -> bool {
    is_span(name)
        || is_block(name)
        || is_void(name)
        || model(name) != Model::Raw
        || matches!(name, "script" | "style" | "math" | "textarea" | "pre" | "kbd" | "samp" | "var")
}

/// Whether names of this element are compared without regard to case.
pub fn ignores_case(name: &str) -> bool {
    is_known(name)
}

pub fn model(name: &str) -> Model {
    match name {
        "address" | "applet" | "article" | "aside" | "blockquote" | "body" | "dd" | "details" | "div"
        | "dl" | "fieldset" | "figure" | "figcaption" | "footer" | "form" | "header" | "hgroup"
        | "iframe" | "li" | "main" | "map" | "menu" | "nav" | "noscript" | "object" | "section"
        | "summary" | "td" => Model::Block,
        "a" | "abbr" | "acronym" | "b" | "bdo" | "big" | "button" | "cite" | "caption" | "del" | "dfn"
        | "dt" | "em" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "i" | "ins" | "label" | "legend"
        | "optgroup" | "p" | "q" | "rb" | "rbc" | "rp" | "rt" | "rtc" | "ruby" | "select" | "small"
        | "span" | "strong" | "sub" | "sup" | "th" | "tt" => Model::Span,
        _ => Model::Raw,
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn what_is_not_quite_a_tag_is_text() {
        for (text, length) in [
            ("<b>x", Some(3)),
            ("<a href='x y' alt=\"z\" >x", Some(23)),
            ("<img src=\"a\"/>", Some(14)),
            ("<a href=http://example.org>x", Some(27)),
            ("<a href=http://example.org/ class=b >x", Some(37)),
            ("<x-y href=http://example.org>", None),
            ("<a href=x>", Some(10)),
            ("<a href=\"x>", None),
            ("<a href=\"x\"y>", None),
            ("<a\nhref = \"x\"\n>", Some(15)),
            ("<1>", None),
            ("<br", None),
        ] {
            assert_eq!(Tag::read(text).map(|t| t.length), length, "{text:?}");
        }
        let tag = Tag::read("<A HREF='x y' Class=b checked>").unwrap();
        let attributes = tag.attributes();
        let said: Vec<_> = attributes.iter().collect();
        assert_eq!(said, [("href", "x y"), ("class", "b"), ("checked", "")]);
        assert_eq!(tag.element(), "a");
        let tag = Tag::read("<a href=/x?y=z&a class=b-c d='e'>").unwrap();
        let attributes = tag.attributes();
        let said: Vec<_> = attributes.iter().collect();
        assert_eq!(said, [("href", "/x?y=z&a"), ("class", "b-c"), ("d", "e")]);
    }
}
