//! Reads what stands between marks: emphasis, bold, and text that was struck out.

use pulldown_cmark::{Event, Tag as Mark, TagEnd};

use super::attributes::is_space;
use super::spans::{Attached, Context, DEEPEST, Frame, Last, Piece, Reader, Stop};
use super::write::Slip;

impl Reader<'_, '_> {
    pub(super) fn emphasis(&mut self, context: Context, frame: &mut Frame, mark: u8) -> bool {
        let start = self.at;
        let length = if self.byte(start + 1) == Some(mark) { 2 } else { 1 };
        let is_open = if length == 2 { context.in_strong } else { context.in_emphasis };
        let inside_word = mark == b'_' && ends_in_word(&self.text[self.begin..start]);
        let opens = !inside_word && !is_open && !self.byte(start + length).is_some_and(is_space);
        if opens
            && (self.emphasised(context, frame, mark, length)
                || (length == 2 && !context.directly_in_emphasis && self.emphasised(context, frame, mark, 1))
                || (length == 2 && mark == b'*' && self.bold_with_blank(context, frame)))
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

    /// `**bold **`, which kramdown shows as typed: nothing else can have been meant where the marks
    /// stand on one line and no mark is between them.
    fn bold_with_blank(&mut self, context: Context, frame: &mut Frame) -> bool {
        let inner = &self.rest()[2..];
        let end = self.find(inner, &['*', '\n']).filter(|&end| inner[end..].starts_with("**"));
        let Some(end) = end.filter(|&end| inner[..end].ends_with(' ')) else { return false };
        let is_more = inner[end + 2..].starts_with(|c: char| c == '*' || c.is_alphanumeric());
        if is_more || self.depth >= DEEPEST {
            return false;
        }
        let opening = self.pieces.len();
        let attached = Attached { slip: Some(Slip::BlankInBold), ..Attached::default() };
        self.pieces.push(Piece { event: Event::Start(Mark::Strong), attached: Some(Box::new(attached)) });
        self.part(Context { in_strong: true, directly_in_emphasis: false, ..context }, 2, end);
        self.push(Event::End(TagEnd::Strong));
        frame.last = Last::Element(opening);
        true
    }

    /// Reads the next `length` octets behind a mark of `mark` octets as a text of its own, and goes
    /// on behind a second mark.
    fn part(&mut self, context: Context, mark: usize, length: usize) {
        let (begin, end) = (self.begin, self.end);
        self.begin = self.at + mark;
        self.at = self.begin;
        self.end = self.begin + length;
        self.inside(context, &mut Frame::default(), Stop::Never);
        self.at = self.end + mark;
        (self.begin, self.end) = (begin, end);
    }

    pub(super) fn ends_emphasis(&self, mark: u8, length: usize, frame: &Frame) -> bool {
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

    pub(super) fn deleted(&mut self, context: Context, frame: &mut Frame) -> bool {
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
        self.part(Context { in_html: context.in_html, ..Context::default() }, 2, end);
        self.push(Event::End(TagEnd::Strikethrough));
        frame.last = Last::Element(pieces);
        true
    }
}

/// Whether a text ends in a word, or in a word and a hyphen.
fn ends_in_word(text: &str) -> bool {
    text.strip_suffix('-').unwrap_or(text).ends_with(char::is_alphabetic)
}
