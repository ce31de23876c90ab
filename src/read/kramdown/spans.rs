//! Reads the words of one block: emphasis, links, code, HTML, attribute lists, signs.
//!
//! The result is a row of pulldown-cmark's events, each perhaps with attributes. kramdown tries an
//! opening mark by reading on to its end, and takes it as text when there is none; so nothing here
//! recurses without a limit, and all reading is paid for from one purse: when it is empty, what
//! follows is text.

use std::borrow::Cow;
use std::cell::Cell;

use pulldown_cmark::{CowStr, Event, LinkType, Tag as Mark, TagEnd};

use super::attributes::{AttributeList, Attributes, is_space, name_length};
use super::extension::{self, Extension};
use super::quotes;
use super::tag::{self, Model, Tag};
use super::tree::{Document, link_name};

/// One event, and the attributes of what it opens.
///
/// HTML elements are `Event::InlineHtml` with their name, `/name` where they end; text in which
/// entities hold is `Event::Html`.
#[derive(Debug, Clone)]
pub struct Piece<'t> {
    pub event: Event<'t>,
    pub attached: Option<Box<Attached>>,
}

#[derive(Debug, Clone, Default)]
pub struct Attached {
    pub attributes: Attributes,
    pub list: AttributeList,
    /// An HTML element that has neither content nor end.
    pub is_void: bool,
}

/// How deep spans may be nested in one another.
pub const DEEPEST: usize = 30;

/// What reading may cost, shared by all blocks of a text.
#[derive(Debug)]
pub struct Purse(Cell<usize>);

impl Purse {
    /// Enough to read a text of that many octets some sixteen times; articles need it twice.
    pub fn for_text(length: usize) -> Self {
        Self(Cell::new(length * 16 + 65_536))
    }

    pub fn is_empty(&self) -> bool {
        self.0.get() == 0
    }

    /// Pays for reading; `false` when there is nothing left.
    pub fn pay(&self, price: usize) -> bool {
        self.0.set(self.0.get().saturating_sub(price));
        self.0.get() > 0
    }
}

/// Reads the words of a block.
pub fn read<'t>(text: &'t str, document: &Document, purse: &Purse) -> Vec<Piece<'t>> {
    read_as(text, document, purse, Context::default())
}

/// Reads raw HTML inside words.
fn read_raw<'t>(text: &'t str, document: &Document, purse: &Purse) -> Vec<Piece<'t>> {
    read_as(text, document, purse, Context { in_raw: true, in_html: true, ..Context::default() })
}

fn read_as<'t>(text: &'t str, document: &Document, purse: &Purse, context: Context) -> Vec<Piece<'t>> {
    let mut reader = Reader {
        text,
        begin: 0,
        end: text.len(),
        at: 0,
        pieces: Vec::with_capacity(4 + text.len() / 64),
        document,
        purse,
        depth: 0,
        run: None,
    };
    reader.spans(context, &mut Frame::default(), Stop::Never);
    reader.pieces
}

struct Reader<'t, 'd> {
    text: &'t str,
    /// Where the text begins and ends for now: a part of it may be read as a text of its own.
    begin: usize,
    end: usize,
    at: usize,
    pieces: Vec<Piece<'t>>,
    document: &'d Document,
    purse: &'d Purse,
    depth: usize,
    /// The piece of text that was taken last, with where it begins and ends.
    run: Option<(usize, usize, usize)>,
}

/// What surrounds the words being read.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may surround words")]
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    in_emphasis: bool,
    in_strong: bool,
    in_link: bool,
    in_html: bool,
    /// Only HTML is read.
    in_raw: bool,
    /// The innermost element is emphasis.
    directly_in_emphasis: bool,
}

/// What was read so far of one element.
#[derive(Debug, Default)]
struct Frame {
    first: usize,
    images: usize,
    last: Last,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Nothing,
    Text,
    /// An element, which opens with that piece.
    Element(usize),
    /// An element that shows no attribute: an entity, a quotation mark.
    Sign,
}

/// What ends an element.
#[derive(Debug, Clone, Copy)]
enum Stop<'n> {
    Never,
    Emphasis { mark: u8, length: usize },
    Bracket,
    Closing { name: &'n str, any_case: bool },
}

impl<'t> Reader<'t, '_> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..self.end]
    }

    fn byte(&self, at: usize) -> Option<u8> {
        (at < self.end).then(|| self.text.as_bytes()[at])
    }

    /// Looks for one of some characters, and pays for it.
    fn find(&self, text: &str, wanted: &[char]) -> Option<usize> {
        let found = text.find(wanted);
        self.purse.pay(found.unwrap_or(text.len()) / 4);
        found
    }

    fn push(&mut self, event: Event<'t>) {
        self.pieces.push(Piece { event, attached: None });
    }

    /// Takes text as it is; in raw HTML its entities still hold.
    fn take_text(&mut self, context: Context, frame: &mut Frame, length: usize) {
        if length == 0 {
            return;
        }
        let mut start = self.at;
        self.at += length;
        // What follows on text is the same text.
        if let Some((piece, begin, end)) = self.run
            && end == start
            && piece + 1 == self.pieces.len()
        {
            start = begin;
            self.pieces.pop();
        }
        let text = &self.text[start..self.at];
        self.run = Some((self.pieces.len(), start, self.at));
        self.push(if context.in_raw { Event::Html(text.into()) } else { Event::Text(text.into()) });
        frame.last = Last::Text;
    }

    fn sign(&mut self, frame: &mut Frame, sign: &'static str, length: usize) {
        self.at += length;
        self.push(Event::Text(CowStr::Borrowed(sign)));
        frame.last = Last::Sign;
    }

    /// Reads up to `stop`, or to the end; `true` when `stop` was found, and not taken.
    fn spans(&mut self, context: Context, frame: &mut Frame, stop: Stop) -> bool {
        frame.first = self.pieces.len();
        let mut brackets = 1;
        while self.at < self.end {
            let next = self.next_stop(context, stop);
            if !self.purse.pay(next - self.at + 8) {
                if matches!(stop, Stop::Never) {
                    self.take_text(context, frame, self.end - self.at);
                }
                return false;
            }
            self.take_text(context, frame, next - self.at);
            let Some(byte) = self.byte(self.at) else { break };
            if self.stops(stop, byte, frame, &mut brackets) {
                return true;
            }
            self.one(context, frame, byte);
        }
        false
    }

    /// Where the next character is that may mean something.
    fn next_stop(&self, context: Context, stop: Stop) -> usize {
        let bytes = &self.text.as_bytes()[..self.end];
        let mut at = self.at;
        while at < bytes.len() {
            let next = || bytes.get(at + 1).copied();
            let means_something = match bytes[at] {
                b'<' => true,
                _ if context.in_raw => false,
                b'*' | b'_' | b'`' | b'[' | b'&' | b'\\' => true,
                b']' => matches!(stop, Stop::Bracket),
                b'!' => next() == Some(b'['),
                b'{' => next() == Some(b':'),
                b'$' => next() == Some(b'$'),
                b'-' => next() == Some(b'-'),
                b'.' => next() == Some(b'.'),
                b'~' => next() == Some(b'~'),
                b'>' => next() == Some(b'>'),
                b' ' => matches!(next(), Some(b' ' | b'>')),
                b'"' | b'\'' => {
                    // Its character before decides how a quote is set, if nobody took it yet.
                    return match self.text[self.at..at].chars().next_back() {
                        Some(before) if before != '\\' => at - before.len_utf8(),
                        _ => at,
                    };
                }
                _ => false,
            };
            if means_something {
                return at;
            }
            at += 1;
        }
        at
    }

    fn stops(&self, stop: Stop, byte: u8, frame: &Frame, brackets: &mut isize) -> bool {
        match stop {
            Stop::Never => false,
            Stop::Emphasis { mark, length } => self.ends_emphasis(mark, length, frame),
            Stop::Bracket => {
                match byte {
                    b']' => *brackets -= 1,
                    b'[' => *brackets += 1,
                    b'!' if self.byte(self.at + 1) == Some(b'[') => *brackets += 1,
                    _ => return false,
                }
                *brackets == frame.images as isize
            }
            Stop::Closing { name, any_case } => {
                byte == b'<'
                    && tag::closing(self.rest()).is_some_and(|(other, _)| {
                        other == name || (any_case && other.eq_ignore_ascii_case(name))
                    })
            }
        }
    }

    fn ends_emphasis(&self, mark: u8, length: usize, frame: &Frame) -> bool {
        let run = self.rest().bytes().take_while(|&b| b == mark).count();
        let behind = self.byte(self.at.wrapping_sub(1));
        if run < length || behind.is_none_or(is_space) || self.pieces.len() == frame.first {
            return false;
        }
        if length == 1 && run == 2 {
            return false;
        }
        let follows = self.text[self.at + length..self.end].chars().next();
        mark != b'_' || !follows.is_some_and(char::is_alphanumeric)
    }

    /// Reads one element, sign or character.
    fn one(&mut self, context: Context, frame: &mut Frame, byte: u8) {
        if context.in_raw {
            if byte != b'<' || !self.html(context, frame) {
                self.character(context, frame);
            }
            return;
        }
        let read = match byte {
            b'*' | b'_' => self.emphasis(context, frame, byte),
            b'`' => self.code(context, frame),
            b'<' => self.automatic_link(frame) || self.html(context, frame),
            b'[' => self.footnote(context, frame) || self.link(context, frame),
            b'!' => self.link(context, frame),
            _ => false,
        };
        if read || self.quote(context, frame, byte) {
            return;
        }
        let read = match byte {
            b'$' => self.math(frame),
            b'{' => self.extension(context, frame),
            b'&' => self.entity(frame),
            b'-' | b'.' | b'<' | b'>' => self.symbol(frame),
            b' ' => self.symbol(frame) || self.line_break(context, frame),
            b'\\' => self.symbol(frame) || self.line_break(context, frame) || self.escaped(context, frame),
            b'~' => self.deleted(context, frame),
            _ => false,
        };
        if !read {
            self.character(context, frame);
        }
    }

    fn character(&mut self, context: Context, frame: &mut Frame) {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        self.take_text(context, frame, length);
    }

    /// Reads the inside of an element, whose opening piece was just pushed; `false`, and nothing
    /// happened, when its end is missing.
    fn inside(&mut self, context: Context, frame: &mut Frame, stop: Stop) -> bool {
        if self.depth >= DEEPEST {
            return false;
        }
        self.depth += 1;
        let found = self.spans(context, frame, stop);
        self.depth -= 1;
        found
    }

    fn emphasis(&mut self, context: Context, frame: &mut Frame, mark: u8) -> bool {
        let start = self.at;
        let length = if self.byte(start + 1) == Some(mark) { 2 } else { 1 };
        let is_open = if length == 2 { context.in_strong } else { context.in_emphasis };
        let inside_word = mark == b'_' && ends_in_word(&self.text[self.begin..start]);
        let opens = !inside_word && !is_open && !self.byte(start + length).is_some_and(is_space);
        if opens
            && (self.emphasised(context, frame, mark, length)
                || (length == 2 && !context.directly_in_emphasis && self.emphasised(context, frame, mark, 1)))
        {
            return true;
        }
        self.take_text(context, frame, length);
        true
    }

    fn emphasised(&mut self, context: Context, frame: &mut Frame, mark: u8, length: usize) -> bool {
        let start = self.at;
        let pieces = self.pieces.len();
        let (opening, closing) = match length {
            1 => (Mark::Emphasis, TagEnd::Emphasis),
            _ => (Mark::Strong, TagEnd::Strong),
        };
        self.push(Event::Start(opening));
        self.at += length;
        let inner = Context {
            in_emphasis: context.in_emphasis || length == 1,
            in_strong: context.in_strong || length == 2,
            directly_in_emphasis: length == 1,
            ..context
        };
        if self.inside(inner, &mut Frame::default(), Stop::Emphasis { mark, length }) {
            self.at += length;
            self.push(Event::End(closing));
            frame.last = Last::Element(pieces);
            return true;
        }
        self.pieces.truncate(pieces);
        self.at = start;
        false
    }

    fn code(&mut self, context: Context, frame: &mut Frame) -> bool {
        let ticks = self.rest().bytes().take_while(|&b| b == b'`').count();
        let before = self.text[self.begin..self.at].bytes().next_back();
        let after = self.byte(self.at + ticks);
        let alone = ticks == 1 && before.is_none_or(is_space) && after.is_some_and(is_space);
        let start = self.at + ticks;
        let inner = &self.text[start..self.end];
        let end = if alone { None } else { inner.find(&self.rest()[..ticks]) };
        self.purse.pay(end.unwrap_or(inner.len()) / 4);
        let Some(end) = end else {
            self.take_text(context, frame, ticks);
            return true;
        };
        let mut code = &inner[..end];
        if ticks > 1 {
            code = code.strip_prefix(' ').unwrap_or(code);
            code = code.strip_suffix(' ').unwrap_or(code);
        }
        frame.last = Last::Element(self.pieces.len());
        self.push(Event::Code(code.into()));
        self.at = start + end + ticks;
        true
    }

    /// `<https://example.org>` and `<name@example.org>`.
    fn automatic_link(&mut self, frame: &mut Frame) -> bool {
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

    fn html(&mut self, context: Context, frame: &mut Frame) -> bool {
        let rest = self.rest();
        if let Some(inner) = rest.strip_prefix("<!--") {
            let end = inner.find("-->");
            self.purse.pay(end.unwrap_or(inner.len()) / 4);
            let Some(end) = end else { return false };
            self.at += 4 + end + 3;
            frame.last = Last::Sign;
            return true;
        }
        if let Some((_, length)) = tag::closing(rest) {
            self.take_text(context, frame, length);
            return true;
        }
        let Some(tag) = Tag::read(rest) else { return false };
        let name = tag.element();
        if tag::is_block(&name) {
            self.take_text(context, frame, tag.length);
            return true;
        }
        let mut attributes = tag.attributes();
        let mut is_raw = context.in_raw || tag::model(&name) == Model::Raw;
        match attributes.remove("markdown").as_deref() {
            Some("0") => is_raw = true,
            Some("span") => is_raw = false,
            Some("1") => is_raw = tag::model(&name) == Model::Raw,
            _ => {}
        }
        let is_void = tag::is_void(&name);
        self.at += tag.length;
        let opening = self.pieces.len();
        let attached = Attached { attributes, list: AttributeList::default(), is_void };
        frame.last = Last::Element(opening);
        let event = Event::InlineHtml(name.clone().into());
        self.pieces.push(Piece { event, attached: Some(Box::new(attached)) });
        if is_void {
            return true;
        }
        if !tag.closed {
            let inner = Context { in_html: true, in_raw: is_raw, directly_in_emphasis: false, ..context };
            let any_case = tag::ignores_case(&name);
            let mut inner_frame = Frame::default();
            if self.inside(inner, &mut inner_frame, Stop::Closing { name: &name, any_case }) {
                self.at += tag::closing(self.rest()).map_or(0, |(_, length)| length);
            } else {
                // What is never closed takes the rest.
                let length = self.end - self.at;
                self.take_text(inner, &mut inner_frame, length);
            }
        }
        self.push(Event::InlineHtml(format!("/{name}").into()));
        true
    }

    fn footnote(&mut self, context: Context, frame: &mut Frame) -> bool {
        let Some(inner) = self.rest().strip_prefix("[^") else { return false };
        let name = name_length(inner.as_bytes());
        if name == 0 || !inner[name..].starts_with(']') {
            return false;
        }
        if !self.document.footnotes.contains_key(&inner[..name]) {
            self.take_text(context, frame, 2 + name + 1);
            return true;
        }
        frame.last = Last::Element(self.pieces.len());
        self.push(Event::FootnoteReference(inner[..name].into()));
        self.at += 2 + name + 1;
        true
    }

    fn link(&mut self, context: Context, frame: &mut Frame) -> bool {
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

    fn quote(&mut self, context: Context, frame: &mut Frame, byte: u8) -> bool {
        let is_quote = |b: u8| matches!(b, b'"' | b'\'');
        let width = self.rest().chars().next().map_or(1, char::len_utf8);
        let behind = byte != b'\\' && self.byte(self.at + width).is_some_and(is_quote);
        if !is_quote(byte) && !behind {
            return false;
        }
        let set = quotes::quote(self.rest());
        self.take_text(context, frame, set.before);
        self.sign(frame, set.sign, set.length - set.before);
        true
    }

    fn math(&mut self, frame: &mut Frame) -> bool {
        let Some(inner) = self.rest().strip_prefix("$$") else { return false };
        let end = inner.find("$$");
        self.purse.pay(end.unwrap_or(inner.len()) / 4);
        let Some(end) = end else { return false };
        self.push(Event::Text(CowStr::Borrowed("\\(")));
        self.push(Event::Text(inner[..end].trim().into()));
        self.push(Event::Text(CowStr::Borrowed("\\)")));
        frame.last = Last::Sign;
        self.at += 2 + end + 2;
        true
    }

    /// An attribute list, or an extension inside words.
    fn extension(&mut self, _context: Context, frame: &mut Frame) -> bool {
        let rest = self.rest();
        if rest.starts_with("{::") {
            self.purse.pay(rest.len() / 4);
            let Some(extension) = Extension::read_span(rest) else {
                // Unknown or never ended: kramdown shows its tag to readers, we only what follows.
                let length = extension::opening_length(rest);
                self.at += length;
                return length > 0;
            };
            self.at += extension.length;
            frame.last = Last::Sign;
            if extension.name == "nomarkdown"
                && extension.is_html()
                && let Some(body) = extension.body
                && self.depth < DEEPEST
            {
                let mut inner = read_raw(body, self.document, self.purse);
                self.pieces.append(&mut inner);
            }
            return true;
        }
        if let Some(length) = extension::stray_stop(rest) {
            self.at += length;
            return true;
        }
        let Some(inner) = rest.strip_prefix("{:") else { return false };
        let Some(end) = super::lines::closing_brace(inner, 0) else { return false };
        let said = &inner[..end];
        let mut list = AttributeList::default();
        let is_readable = list.read(said);
        match frame.last {
            Last::Element(piece) => self.pieces[piece].attached.get_or_insert_default().list.add(&list),
            Last::Sign => {}
            // kramdown shows the list to readers here. Nobody ever meant that.
            Last::Text | Last::Nothing if is_readable || said.contains('=') || said.trim().is_empty() => {}
            Last::Text | Last::Nothing => return false,
        }
        self.at += 2 + end + 1;
        true
    }

    fn entity(&mut self, frame: &mut Frame) -> bool {
        let Some(length) = super::entities::length(self.rest()) else { return false };
        let entity = &self.rest()[..length];
        self.push(Event::Html(entity.into()));
        frame.last = Last::Sign;
        self.at += length;
        true
    }

    fn symbol(&mut self, frame: &mut Frame) -> bool {
        let Some((sign, length)) = quotes::symbol(self.rest()) else { return false };
        self.sign(frame, sign, length);
        true
    }

    /// Two blanks, two backslashes, or outside of HTML one, at the end of a line.
    fn line_break(&mut self, context: Context, frame: &mut Frame) -> bool {
        let rest = self.rest();
        let length = if rest.starts_with("  \n") || rest.starts_with("\\\\\n") {
            2
        } else if rest.starts_with("\\\n") && !context.in_html {
            1
        } else {
            return false;
        };
        self.at += length;
        frame.last = Last::Sign;
        // A lone backslash at the very end breaks nothing.
        if length == 2 || rest.len() > 2 {
            self.push(Event::HardBreak);
        }
        true
    }

    fn escaped(&mut self, context: Context, frame: &mut Frame) -> bool {
        if !self.byte(self.at + 1).is_some_and(is_escapable) {
            return false;
        }
        self.at += 1;
        self.take_text(context, frame, 1);
        true
    }

    fn deleted(&mut self, context: Context, frame: &mut Frame) -> bool {
        let Some(inner) = self.rest().strip_prefix("~~") else { return false };
        if self.depth >= DEEPEST
            || inner.starts_with('~')
            || inner.starts_with(|c: char| c.is_ascii_whitespace())
        {
            return false;
        }
        let mut from = 1;
        let end = loop {
            let Some(found) = inner.get(from..).and_then(|after| after.find("~~")) else {
                self.purse.pay(inner.len() / 4);
                return false;
            };
            let at = from + found;
            let before = inner.as_bytes()[at - 1];
            if before != b'~' && !is_space(before) {
                break at;
            }
            from = at + 1;
        };
        let pieces = self.pieces.len();
        self.push(Event::Start(Mark::Strikethrough));
        let (begin, outer_end) = (self.begin, self.end);
        self.begin = self.at + 2;
        self.at = self.begin;
        self.end = self.begin + end;
        let inner_context = Context { in_html: context.in_html, ..Context::default() };
        self.inside(inner_context, &mut Frame::default(), Stop::Never);
        let after = self.end + 2;
        (self.begin, self.end, self.at) = (begin, outer_end, after);
        self.push(Event::End(TagEnd::Strikethrough));
        frame.last = Last::Element(pieces);
        true
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

/// Whether a text ends in a word, or in a word and a hyphen.
fn ends_in_word(text: &str) -> bool {
    text.strip_suffix('-').unwrap_or(text).ends_with(char::is_alphabetic)
}

fn is_escapable(b: u8) -> bool {
    b"\\.*_+`<>()[]{}#!:|\"'$=-~".contains(&b)
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
