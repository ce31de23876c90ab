//! Extensions: `{::comment}…{:/comment}`, `{::nomarkdown}…{:/}`, `{::options … /}`.

use super::attributes::{AttributeList, name_length};
use super::lines;

/// An extension and what stands between its two tags.
pub struct Extension<'t> {
    pub name: &'t str,
    pub options: AttributeList,
    /// `None` when it closes itself.
    pub body: Option<&'t str>,
    /// Its whole length.
    pub length: usize,
}

impl<'t> Extension<'t> {
    /// Reads an extension that takes whole lines.
    pub fn read_block(rest: &'t str) -> Option<Self> {
        let spaces = lines::indent(rest)?;
        let (name, options, closed, length) = opening(&rest[spaces..])?;
        let start = spaces + length;
        let body_at = start + lines::blank_to_line_end(&rest[start..])?;
        if closed {
            return Some(Self { name, options, body: None, length: body_at });
        }
        let mut at = body_at;
        while at < rest.len() {
            let line = &rest[at..];
            if let Some(spaces) = lines::indent(line)
                && let Some(length) = stop(&line[spaces..], name)
                && let Some(tail) = lines::blank_to_line_end(&line[spaces + length..])
            {
                let body = &rest[body_at..at];
                return Some(Self { name, options, body: Some(body), length: at + spaces + length + tail });
            }
            at += lines::line_end(line);
        }
        None
    }

    /// Reads an extension inside a paragraph.
    pub fn read_span(rest: &'t str) -> Option<Self> {
        let (name, options, closed, start) = opening(rest)?;
        if closed {
            return Some(Self { name, options, body: None, length: start });
        }
        let mut at = start;
        while let Some(found) = rest[at..].find("{:/") {
            at += found;
            if let Some(length) = stop(&rest[at..], name) {
                return Some(Self { name, options, body: Some(&rest[start..at]), length: at + length });
            }
            at += 3;
        }
        None
    }

    /// Whether a `nomarkdown` body is meant for HTML.
    pub fn is_html(&self) -> bool {
        self.options.attributes.get("type").is_none_or(|kinds| {
            kinds.trim().is_empty() || kinds.split_whitespace().any(|kind| kind == "html")
        })
    }
}

/// `{::name options}` or `{::name options /}`, for the names there are.
fn opening(text: &str) -> Option<(&str, AttributeList, bool, usize)> {
    let inner = text.strip_prefix("{::")?;
    let name_end = inner.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_')?;
    let name = &inner[..name_end];
    if !matches!(name, "comment" | "nomarkdown" | "options") {
        return None;
    }
    let end = lines::closing_brace(inner, name_end)?;
    let said = &inner[name_end..end];
    let (said, closed) = match said.strip_suffix('/') {
        Some(said) => (said, true),
        None => (said, false),
    };
    if !said.is_empty() && !said.starts_with(|c: char| c.is_ascii_whitespace()) {
        return None;
    }
    let mut options = AttributeList::default();
    options.read(said);
    Some((name, options, closed, 3 + end + 1))
}

/// The length of `{::name …}`, whatever the name; 0 when there is none here.
pub fn opening_length(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("{::") else { return 0 };
    let name = inner.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if name == 0 || !inner[name..].starts_with([' ', '/', '}']) {
        return 0;
    }
    lines::closing_brace(inner, name).map_or(0, |end| 3 + end + 1)
}

/// The length of `{:/}` or `{:/name}`.
fn stop(text: &str, name: &str) -> Option<usize> {
    let inner = text.strip_prefix("{:/")?;
    let rest = inner.strip_prefix(name).unwrap_or(inner);
    rest.starts_with('}').then(|| text.len() - rest.len() + 1)
}

/// The length of a stray `{:/}` or `{:/name}`.
pub fn stray_stop(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("{:/")?;
    let name = name_length(inner.as_bytes());
    inner[name..].starts_with('}').then_some(3 + name + 1)
}
