//! Splits a text into blocks as kramdown's GFM parser does.
//!
//! Where CommonMark and kramdown differ, it is mostly here: attribute lists, HTML that ends with
//! its closing tag and not with a blank line, lists, lazy lines, tables without delimiters.
//! Each level of nesting reads its own copy of the text, so nesting is limited.

use std::collections::HashMap;

use super::attributes::AttributeList;
use super::lines::{self, ListKind};
use super::tag;
use super::tree::{Block, Document, Ended, Kind};

/// How deep blocks may be nested in one another.
pub const DEEPEST: usize = 60;

/// Reads a text; lines end in `\n`.
pub fn read(source: &str) -> Document {
    let mut reader = Reader {
        document: Document { auto_ids: true, ..Document::default() },
        abbreviations: HashMap::new(),
        html_blocks: false,
        last_link: None,
        depth: 0,
    };
    let mut scanner = Scanner::new(source, 0);
    let mut blocks = Vec::new();
    reader.blocks(&mut scanner, &mut blocks, None);
    let mut document = reader.document;
    document.blocks = blocks;
    document.abbreviations = reader.abbreviations.into_iter().collect();
    document.abbreviations.sort_unstable_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    document
}

/// A place in a text.
pub(super) struct Scanner<'t> {
    pub text: &'t str,
    pub at: usize,
    /// The line of the whole source, counted from 0.
    pub line: u32,
    /// The shortest fence of each kind known to have no closing in the rest of this text.
    pub(super) unclosed_fence: [usize; 2],
    /// Nothing in the rest of this text ends a comment.
    pub no_comment_ends: bool,
    /// Nothing in the rest of this text ends an extension.
    pub(super) no_extension_ends: bool,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str, line: u32) -> Self {
        let unclosed_fence = [usize::MAX; 2];
        Self { text, at: 0, line, unclosed_fence, no_comment_ends: false, no_extension_ends: false }
    }

    pub fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    pub fn take(&mut self, length: usize) -> &'t str {
        let taken = &self.rest()[..length];
        self.line += taken.bytes().filter(|&b| b == b'\n').count() as u32;
        self.at += length;
        taken
    }

    /// Takes the first line, and those after it until `ends` says stop.
    pub fn take_lines(&mut self, ends: impl Fn(&str) -> bool) -> &'t str {
        let rest = self.rest();
        let mut end = lines::line_end(rest);
        while end < rest.len() && !ends(&rest[end..]) {
            end += lines::line_end(&rest[end..]);
        }
        self.take(end)
    }

    /// The length of the comment that begins here.
    pub(super) fn comment(&mut self) -> Option<usize> {
        if self.no_comment_ends {
            return None;
        }
        let length = tag::comment(self.rest());
        self.no_comment_ends = length.is_none();
        length
    }

    pub(super) fn skip_trailing_blanks(&mut self) {
        let rest = self.rest();
        let spaces = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if rest.as_bytes().get(spaces) == Some(&b'\n') {
            self.take(spaces + 1);
        }
    }
}

pub(super) struct Reader {
    pub document: Document,
    pub(super) abbreviations: HashMap<String, String>,
    /// `{::options parse_block_html="true" /}`.
    pub(super) html_blocks: bool,
    /// The link that the definition just read was for: an attribute list below belongs to it.
    pub(super) last_link: Option<String>,
    pub(super) depth: usize,
}

/// The element that holds the blocks being read.
#[derive(Clone, Copy)]
pub(super) struct Parent<'p> {
    pub(super) name: &'p str,
}

impl Reader {
    /// Reads blocks to the end of the text, or to the closing tag of `parent`: then `true`.
    pub(super) fn blocks(
        &mut self,
        scanner: &mut Scanner,
        into: &mut Vec<Block>,
        parent: Option<Parent>,
    ) -> bool {
        if self.depth >= DEEPEST {
            self.document.limits.push((scanner.line, "blocks are nested more than 60 deep"));
            let line = scanner.line;
            let text = scanner.take(scanner.rest().len()).trim().to_owned();
            into.push(Block::new(Kind::Paragraph { text, bare: false }, line));
            return false;
        }
        self.depth += 1;
        let mut pending: Option<AttributeList> = None;
        let mut closed = false;
        while !scanner.is_done() {
            if let Some(parent) = parent
                && let Some(length) = closes(scanner.rest(), parent)
            {
                scanner.take(length);
                closed = true;
                break;
            }
            self.block(scanner, into, &mut pending);
        }
        self.depth -= 1;
        closed
    }

    /// Reads the blocks of a text of its own.
    pub(super) fn nested(&mut self, text: &str, line: u32) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.blocks(&mut Scanner::new(text, line), &mut blocks, None);
        blocks
    }

    /// Reads one block. The first character tells which kinds are worth trying, in kramdown's order.
    fn block(&mut self, s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) {
        let rest = s.rest();
        let blank = lines::blank(rest);
        if blank > 0 {
            let one_empty_line = s.take(blank) == "\n";
            match into.last_mut() {
                Some(Block { kind: Kind::Blank(single), .. }) => *single = false,
                _ => add(into, pending, Block::new(Kind::Blank(one_empty_line), s.line)),
            }
            return;
        }
        let Some(spaces) = lines::indent(rest).filter(|_| !rest.starts_with('\t')) else {
            return self.code_block(s, into, pending);
        };
        let read = match rest.as_bytes()[spaces] {
            b'`' | b'~' => Self::fenced_code(s, into, pending),
            b'>' => {
                self.quote(s, into, pending);
                true
            }
            b'#' => Self::heading(s, into, pending),
            b'*' => {
                rule(s, into, pending) || self.list(s, into, pending) || self.abbreviation(s, into, pending)
            }
            b'-' | b'_' => rule(s, into, pending) || self.list(s, into, pending),
            b'+' | b'0'..=b'9' => self.list(s, into, pending),
            b':' => self.definition_list(s, into, pending),
            b'<' => self.html(s, into, pending),
            _ => false,
        };
        let read = read
            || underlined_heading(s, into, pending)
            || match rest.as_bytes()[spaces] {
                b'$' | b'\\' => math(s, into, pending),
                _ => false,
            }
            || self.table(s, into, pending)
            || match rest.as_bytes()[spaces] {
                b'[' => self.footnote(s, into, pending) || self.link_definition(s, into, pending),
                b'{' => self.extension(s, into, pending),
                b'^' => end_of_block(s, into, pending),
                _ => false,
            };
        if !read {
            paragraph(s, into, pending);
        }
    }

    #[expect(clippy::unused_self, reason = "read like its brothers")]
    fn code_block(&mut self, s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) {
        let line = s.line;
        let taken = s.take(indented_length(s.rest(), false));
        let mut text = String::with_capacity(taken.len());
        for row in taken.split_inclusive('\n') {
            let indent = lines::code_indent(row);
            if indent == 0 && !lines::is_blank(row) && text.ends_with('\n') {
                // A lazy line goes on where the one above it ended.
                text.pop();
                text.push(' ');
            }
            text.push_str(&row[indent..]);
        }
        add(into, pending, Block::new(Kind::Code { text, language: None }, line));
    }

    fn fenced_code(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
        let rest = s.rest();
        let Some((mark, count, opening)) = lines::fence(rest) else { return false };
        let memory = usize::from(mark == b'~');
        if count >= s.unclosed_fence[memory] {
            return false;
        }
        let first_line = lines::line_end(rest);
        let language = rest[opening..first_line].trim();
        if language.contains(char::is_whitespace) {
            return false;
        }
        let mut at = first_line;
        while at < rest.len() {
            let length = lines::line_end(&rest[at..]);
            let row = &rest[at..at + length];
            if let Some((other, marks, end)) = lines::fence(row)
                && other == mark
                && marks >= count
                && lines::is_blank(&row[end..])
            {
                let text = rest[first_line..at].to_owned();
                let line = s.line;
                s.take(at + length);
                let name = language.split('?').next().unwrap_or("");
                let language = (!name.is_empty()).then(|| name.to_owned());
                add(into, pending, Block::new(Kind::Code { text, language }, line));
                return true;
            }
            at += length;
        }
        s.unclosed_fence[memory] = count;
        false
    }

    fn quote(&mut self, s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) {
        let line = s.line;
        let taken = s.take_lines(lines::ends_lazy);
        let mut text = String::with_capacity(taken.len());
        for row in taken.split_inclusive('\n') {
            let inner = lines::indent(row).and_then(|spaces| row[spaces..].strip_prefix('>'));
            text.push_str(inner.map_or(row, |inner| inner.strip_prefix(' ').unwrap_or(inner)));
        }
        let mut block = Block::new(Kind::Quote, line);
        block.list = pending.take();
        block.children = self.nested(&text, line);
        into.push(block);
    }

    fn heading(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
        let Some((level, contents)) = lines::heading(s.rest()) else { return false };
        let (text, id) = heading_words(contents);
        let marks = text.trim_end_matches('#');
        let text = match marks.strip_suffix([' ', '\t']) {
            Some(words) if marks.len() < text.len() => words.trim_end(),
            _ => text,
        };
        if text.is_empty() {
            return false;
        }
        add_heading(s, into, pending, (level, text, id), 1);
        true
    }
}

/// Adds a block, giving it the attribute list that waits for one.
pub(super) fn add(into: &mut Vec<Block>, pending: &mut Option<AttributeList>, mut block: Block) {
    if let Some(list) = pending.take() {
        block.list = Some(list);
    }
    into.push(block);
}

/// Whether a block may begin here that does not interrupt others.
pub(super) fn at_boundary(into: &[Block], pending: Option<&AttributeList>) -> bool {
    pending.is_some()
        || into.last().is_none_or(|last| matches!(last.kind, Kind::Blank(_) | Kind::End(Ended::Here)))
}

/// Whether a block that must stand alone may end here.
pub(super) fn before_boundary(rest: &str) -> bool {
    rest.is_empty()
        || lines::blank(rest) > 0
        || lines::end_of_block(rest).is_some()
        || lines::attribute_list(rest).is_some()
}

fn closes(rest: &str, parent: Parent) -> Option<usize> {
    let spaces = lines::indent(rest)?;
    let (name, length) = tag::closing(&rest[spaces..])?;
    let lower = name.to_ascii_lowercase();
    (lower == parent.name && !tag::is_span(&lower)).then_some(spaces + length)
}

fn rule(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
    let Some(length) = lines::rule(s.rest()) else { return false };
    let line = s.line;
    s.take(length);
    add(into, pending, Block::new(Kind::Rule, line));
    true
}

fn end_of_block(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
    let Some(length) = lines::end_of_block(s.rest()) else { return false };
    s.take(length);
    add(into, pending, Block::new(Kind::End(Ended::Here), s.line));
    true
}

fn underlined_heading(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
    let rest = s.rest();
    let first_line = lines::line_end(rest);
    let Some((level, length)) = lines::underline(&rest[first_line..]) else { return false };
    if !at_boundary(into, pending.as_ref()) {
        return false;
    }
    let _ = length;
    let (text, id) = heading_words(rest[..first_line].trim_start_matches(' '));
    if text.is_empty() {
        return false;
    }
    add_heading(s, into, pending, (level, text, id), 2);
    true
}

/// The words of a heading without `{#id}`, and the id.
fn heading_words(contents: &str) -> (&str, Option<&str>) {
    let text = contents.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    if let Some(inner) = text.strip_suffix('}')
        && let Some(at) = inner.rfind("{#")
    {
        let id = &inner[at + 2..];
        let sound = id.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':')
            && id.chars().all(|c| c.is_alphanumeric() || "-_.:·".contains(c));
        if sound && text[..at].ends_with([' ', '\t']) {
            return (text[..at].trim_end(), Some(id));
        }
    }
    (text, None)
}

fn add_heading(
    s: &mut Scanner,
    into: &mut Vec<Block>,
    pending: &mut Option<AttributeList>,
    (level, text, id): (usize, &str, Option<&str>),
    line_count: usize,
) {
    let mut block = Block::new(Kind::Heading { level, text: text.to_owned() }, s.line);
    if let Some(id) = id {
        block.attributes.set("id", id.to_owned());
    }
    add(into, pending, block);
    for _ in 0..line_count {
        s.take(lines::line_end(s.rest()));
    }
}

fn math(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) -> bool {
    let rest = s.rest();
    if !at_boundary(into, pending.as_ref()) {
        return false;
    }
    let Some(spaces) = lines::indent(rest) else { return false };
    let Some(inner) = rest[spaces..].strip_prefix("$$") else { return false };
    let Some(end) = inner.find("$$") else { return false };
    let mut length = spaces + 2 + end + 2;
    length += lines::blank_to_line_end(&rest[length..]).unwrap_or(0);
    if !before_boundary(&rest[length..]) {
        return false;
    }
    let line = s.line;
    s.take(length);
    add(into, pending, Block::new(Kind::Math(inner[..end].trim().to_owned()), line));
    true
}

fn paragraph(s: &mut Scanner, into: &mut Vec<Block>, pending: &mut Option<AttributeList>) {
    let line = s.line;
    let before = &s.text[..s.at];
    let taken = s.take_lines(lines::ends_paragraph);
    let taken = taken.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\0' || c == '\x0b');
    if let Some(Block { kind: Kind::Paragraph { text, .. }, .. }) = into.last_mut() {
        // Something that looked like another block and was none: the paragraph goes on.
        text.push_str(if before.ends_with("  \n") { "  \n" } else { "\n" });
        text.push_str(taken);
        return;
    }
    let text = taken.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b').to_owned();
    add(into, pending, Block::new(Kind::Paragraph { text, bare: false }, line));
}

/// The length of indented lines with their lazy followers; after a footnote's own first line they
/// may also be none.
pub(super) fn indented_length(rest: &str, _may_be_none: bool) -> usize {
    let mut length = 0;
    loop {
        let mut at = length + lines::blank(&rest[length..]);
        let mut found = false;
        while lines::code_indent(&rest[at..]) > 0 {
            let end = at + lines::line_end(&rest[at..]);
            if lines::is_blank(&rest[at..end]) {
                break;
            }
            found = true;
            at = end;
        }
        if !found {
            return length;
        }
        while at < rest.len() && !lines::ends_lazy(&rest[at..]) {
            at += lines::line_end(&rest[at..]);
        }
        length = at;
    }
}

/// The kind of list a text begins with.
pub(super) fn list_kind(rest: &str) -> Option<ListKind> {
    lines::list_marker(rest, None, 3).map(|(kind, _)| kind)
}
