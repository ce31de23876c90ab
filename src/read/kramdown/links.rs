//! Links and images inside words: `[words](address "title")`, `[words][name]`, `<address>`.

use std::borrow::Cow;

use pulldown_cmark::{CowStr, Event, LinkType, Tag as Mark, TagEnd};

use super::attributes::{AttributeList, is_space};
use super::spans::{Attached, Context, Frame, Last, Piece, Reader, Stop, is_escapable};
use super::tree::link_name;

impl<'t> Reader<'t, '_> {
    /// `<https://example.org>` and `<name@example.org>`.
    pub(super) fn automatic_link(&mut self, frame: &mut Frame) -> bool {
        let inner = &self.rest()[1..];
        let Some(end) = self.find(inner, &['>', '\n']).filter(|&end| inner.as_bytes()[end] == b'>') else {
            return false;
        };
        let address = &inner[..end];
        let is_url = ["mailto:", "http:", "https:", "ftp:", "ftps:"]
            .iter()
            .any(|scheme| address.len() > scheme.len() && address.starts_with(scheme));
        let in_address = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_mail = || {
            address.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && !host.is_empty()
                    && name.chars().all(in_address)
                    && host.chars().all(in_address)
            })
        };
        if !is_url && !is_mail() {
            return false;
        }
        let target: CowStr = if is_url { address.into() } else { format!("mailto:{address}").into() };
        frame.last = Last::Element(self.pieces.len());
        self.push(Event::Start(Mark::Link {
            link_type: LinkType::Autolink,
            dest_url: target,
            title: "".into(),
            id: "".into(),
        }));
        self.push(Event::Text(address.strip_prefix("mailto:").unwrap_or(address).into()));
        self.push(Event::End(TagEnd::Link));
        self.at += 1 + end + 1;
        true
    }

    pub(super) fn link(&mut self, context: Context, frame: &mut Frame) -> bool {
        let is_image = self.byte(self.at) == Some(b'!');
        let start = self.at;
        let opening = 1 + usize::from(is_image);
        if (is_image && self.byte(start + 1) != Some(b'['))
            || self.byte(start + opening).is_none_or(|b| b == b'^')
        {
            return false;
        }
        if (!is_image && context.in_link) || !self.linked(context, frame, is_image) {
            self.at = start;
            self.take_text(context, frame, opening);
        }
        true
    }

    /// Reads a whole link or image; the pieces are as before when it is none.
    fn linked(&mut self, context: Context, frame: &mut Frame, is_image: bool) -> bool {
        let pieces = self.pieces.len();
        self.at += 1 + usize::from(is_image);
        let words = self.at;
        self.push(Event::Start(Mark::Paragraph));
        let inner = Context { in_link: true, directly_in_emphasis: false, ..context };
        let target = if self.inside(inner, &mut Frame::default(), Stop::Bracket) {
            let text = &self.text[words..self.at];
            self.at += 1;
            self.target(text).map(|target| (text, target))
        } else {
            None
        };
        let Some((text, target)) = target else {
            self.pieces.truncate(pieces);
            return false;
        };
        let attached = target.list.map(|list| Box::new(Attached { list, ..Attached::default() }));
        let (link_type, dest_url, title) = (LinkType::Inline, target.address, target.title);
        let event = if is_image {
            frame.images += 1;
            self.pieces.truncate(pieces + 1);
            self.push(Event::Text(unescaped(text)));
            self.push(Event::End(TagEnd::Image));
            Event::Start(Mark::Image { link_type, dest_url, title, id: "".into() })
        } else {
            self.push(Event::End(TagEnd::Link));
            Event::Start(Mark::Link { link_type, dest_url, title, id: "".into() })
        };
        self.pieces[pieces] = Piece { event, attached };
        frame.last = Last::Element(pieces);
        true
    }

    /// Reads what stands behind the brackets: an address, or the name of a definition.
    fn target(&mut self, words: &'t str) -> Option<Target<'t>> {
        let rest = self.rest();
        let spaces = rest.bytes().take_while(|&b| is_space(b)).count();
        let named = rest[spaces..].strip_prefix('[').and_then(|inner| {
            let end = self.find(inner, &[']'])?;
            Some((&inner[..end], spaces + 1 + end + 1))
        });
        if named.is_some() || !rest.starts_with('(') {
            let (name, length) = named.unwrap_or(("", 0));
            let name = if name.is_empty() { link_name(&unescaped(words)) } else { link_name(name) };
            let definition = self.document.links.get(&name)?;
            // One definition may be used often: what it adds is paid for, too.
            self.purse.pay(definition.address.len() + definition.title.as_ref().map_or(0, String::len));
            self.at += length;
            return Some(Target {
                address: definition.address.clone().into(),
                title: definition.title.clone().unwrap_or_default().into(),
                list: definition.list.clone(),
            });
        }
        let found = address(rest);
        self.purse.pay(found.map_or(rest.len(), |(_, at, _)| at) / 4);
        let (address, at, complete) = found?;
        if complete {
            self.at += at;
            return Some(Target { address: address.into(), title: "".into(), list: None });
        }
        let found = title(&rest[at..]);
        self.purse.pay(found.map_or(rest.len() - at, |(_, length)| length) / 4);
        let (title, length) = found?;
        self.at += at + length;
        Some(Target { address: address.into(), title: title.into(), list: None })
    }
}

struct Target<'t> {
    address: CowStr<'t>,
    title: CowStr<'t>,
    list: Option<AttributeList>,
}

/// Reads `(address`: the address, how far it was read, and whether the closing parenthesis is in.
fn address(rest: &str) -> Option<(&str, usize, bool)> {
    if let Some(inner) = rest.strip_prefix("(<")
        && let Some(end) = inner.find(['>', '\n'])
        && inner.as_bytes()[end] == b'>'
    {
        let after = 2 + end + 1;
        let complete = rest[after..].starts_with(')');
        return Some((&inner[..end], after + usize::from(complete), complete));
    }
    let bytes = rest.as_bytes();
    let mut open = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => {
                open -= 1;
                if open == 0 {
                    return Some((rest[1..at].trim(), at + 1, true));
                }
            }
            b if is_space(b) && matches!(bytes.get(at + 1), Some(b'"' | b'\'')) => {
                return Some((rest[1..at].trim(), at + 1, false));
            }
            _ => {}
        }
    }
    None
}

/// Reads `"title")`: the title and the length of all.
fn title(rest: &str) -> Option<(&str, usize)> {
    let start = rest.bytes().take_while(|&b| is_space(b)).count();
    let quote = rest[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &rest[start + 1..];
    let first = inner.chars().next()?.len_utf8();
    let mut from = first;
    loop {
        let end = from + inner[from..].find(quote)?;
        let after = &inner[end + 1..];
        let spaces = after.bytes().take_while(|&b| is_space(b)).count();
        if after[spaces..].starts_with(')') {
            return Some((&inner[..end], start + 1 + end + 1 + spaces + 1));
        }
        from = end + 1;
    }
}

/// A text without the backslashes that escape.
fn unescaped(text: &str) -> CowStr<'_> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.as_bytes().get(1).copied().is_some_and(|b| b != b'~' && is_escapable(b)) {
            plain.push_str(&rest[1..2]);
            rest = &rest[2..];
        } else {
            plain.push('\\');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    Cow::<str>::Owned(plain).into()
}
