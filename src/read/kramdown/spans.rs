//! Reads the words of one block: emphasis, links, code, HTML, attribute lists, signs.
//!
//! The result is a row of pulldown-cmark's events, each perhaps with attributes. kramdown tries an
//! opening mark by reading on to its end, and takes it as text when there is none; so nothing here
//! recurses without a limit, and all reading is paid for from one purse: when it is empty, what
//! follows is text.

use std::cell::Cell;

use pulldown_cmark::{CowStr, Event};

use super::attributes::{AttributeList, Attributes, is_space, name_length};
use super::extension::{self, Extension};
use super::quotes;
use super::tag::{self, Model, Tag};
use super::tree::Document;
use super::write::Slip;

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
    pub slip: Option<Slip>,
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

pub(super) struct Reader<'t, 'd> {
    pub(super) text: &'t str,
    /// Where the text begins and ends for now: a part of it may be read as a text of its own.
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) at: usize,
    pub(super) pieces: Vec<Piece<'t>>,
    pub(super) document: &'d Document,
    pub(super) purse: &'d Purse,
    pub(super) depth: usize,
    /// The piece of text that was taken last, with where it begins and ends.
    pub(super) run: Option<(usize, usize, usize)>,
}

/// What surrounds the words being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    pub(super) in_emphasis: bool,
    pub(super) in_strong: bool,
    pub(super) in_link: bool,
    pub(super) in_html: bool,
    /// Only HTML is read.
    pub(super) in_raw: bool,
    /// The innermost element is emphasis.
    pub(super) directly_in_emphasis: bool,
}

/// What was read so far of one element.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) first: usize,
    pub(super) images: usize,
    pub(super) last: Last,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Last {
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
pub(super) enum Stop<'n> {
    Never,
    Emphasis { mark: u8, length: usize },
    Bracket,
    Closing { name: &'n str, any_case: bool },
}

impl<'t> Reader<'t, '_> {
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..self.end]
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        (at < self.end).then(|| self.text.as_bytes()[at])
    }

    /// Looks for one of some characters, and pays for it.
    pub(super) fn find(&self, text: &str, wanted: &[char]) -> Option<usize> {
        let found = text.find(wanted);
        self.purse.pay(found.unwrap_or(text.len()) / 4);
        found
    }

    pub(super) fn push(&mut self, event: Event<'t>) {
        self.pieces.push(Piece { event, attached: None });
    }

    /// Takes text as it is; in raw HTML its entities still hold.
    pub(super) fn take_text(&mut self, context: Context, frame: &mut Frame, length: usize) {
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
    pub(super) fn inside(&mut self, context: Context, frame: &mut Frame, stop: Stop) -> bool {
        if self.depth >= DEEPEST {
            return false;
        }
        self.depth += 1;
        let found = self.spans(context, frame, stop);
        self.depth -= 1;
        found
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
        let slip = tag.lenient.then_some(Slip::UnquotedValue);
        let attached = Attached { attributes, is_void, slip, ..Attached::default() };
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
}

pub(super) fn is_escapable(b: u8) -> bool {
    b"\\.*_+`<>()[]{}#!:|\"'$=-~".contains(&b)
}
