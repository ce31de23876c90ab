//! Turns a document into pulldown-cmark's events, and has them written as HTML.
//!
//! Every tag that an author's hand had a part in passes the [`Ink`], which may change its
//! attributes, or refuse it.

use std::borrow::Cow;
use std::collections::HashMap;

use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, Tag as Mark, TagEnd, html};

use super::attributes::{AttributeList, Attributes};
use super::entities;
use super::heading_id::{self, HeadingIds};
use super::lines::ListKind;
use super::spans::{self, Piece, Purse};
use super::tree::{Alignment, Block, Document, Kind};

/// Who decides what becomes of a tag.
pub trait Ink {
    /// Looks at an opening tag, and may change its attributes. `line` counts from 0.
    fn open(&mut self, name: &str, attributes: &mut Attributes, line: u32) -> Fate;

    /// Hears of a slip that was read as it was meant.
    fn slip(&mut self, _slip: Slip, _line: u32) {}
}

/// What kramdown shows to readers as it was typed, and no editor meant them to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// `<a href=https://example.org/>`: a value without quotes.
    UnquotedValue,
    /// `**bold **`.
    BlankInBold,
    /// `<p>[words](address)</p>`.
    MarkdownInHtml,
}

/// What becomes of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Keep,
    /// Only what it holds is kept.
    Unwrap,
    /// Gone with all that it holds.
    Drop,
    /// This HTML stands in its place.
    Replace(String),
}

/// Writes a document, whose HTML will be about so long.
pub fn write(document: &Document, purse: &Purse, about: usize, ink: &mut dyn Ink) -> String {
    let mut writer = Writer {
        document,
        purse,
        ink,
        out: String::with_capacity(about),
        events: Vec::new(),
        ids: HeadingIds::default(),
        footnotes: Vec::new(),
        numbers: HashMap::new(),
        footnotes_at: None,
        line: 0,
        verbatim: 0,
    };
    for block in &document.blocks {
        writer.block(block);
        writer.flush();
    }
    writer.write_footnotes();
    writer.out
}

pub(super) struct Writer<'d, 'i> {
    pub(super) document: &'d Document,
    pub(super) purse: &'d Purse,
    pub(super) ink: &'i mut dyn Ink,
    pub(super) out: String,
    /// What is not written yet.
    pub(super) events: Vec<Event<'d>>,
    pub(super) ids: HeadingIds,
    /// The footnotes in the order of their first mention, with how often each is mentioned.
    pub(super) footnotes: Vec<(&'d str, u32)>,
    /// Where each footnote stands among them.
    pub(super) numbers: HashMap<&'d str, usize>,
    /// Where a list with `{:footnotes}` asks for them.
    pub(super) footnotes_at: Option<usize>,
    pub(super) line: u32,
    /// How many elements are open in whose text every mark is meant.
    pub(super) verbatim: usize,
}

impl<'d> Writer<'d, '_> {
    pub(super) fn flush(&mut self) {
        html::push_html(&mut self.out, self.events.drain(..));
    }

    pub(super) fn html(&mut self, html: impl Into<CowStr<'d>>) {
        self.events.push(Event::Html(html.into()));
    }

    fn attributes(&self, block: &Block) -> Attributes {
        let mut attributes = block.attributes.clone();
        if let Some(list) = &block.list {
            self.apply(list, &mut attributes);
        }
        attributes
    }

    /// Applies a list. What named lists add is paid for: one may be referred to very often.
    pub(super) fn apply(&self, list: &AttributeList, attributes: &mut Attributes) {
        let named = &self.document.lists;
        let added: usize =
            list.references.iter().filter_map(|name| Some(named.get(name)?.attributes.length())).sum();
        if added == 0 || self.purse.pay(added) {
            attributes.apply(list, named);
        }
    }

    /// Opens an element: as an event when it has no attributes. `None` when it is not kept.
    pub(super) fn open(&mut self, block: &Block, name: &str, mark: Option<Mark<'d>>) -> bool {
        let mut attributes = self.attributes(block);
        if attributes.is_empty()
            && let Some(mark) = mark
        {
            self.events.push(Event::Start(mark));
            return true;
        }
        match self.ink.open(name, &mut attributes, block.line) {
            Fate::Keep => {}
            _ => return false,
        }
        self.html(start_tag(name, &attributes));
        false
    }

    fn nested(&mut self, block: &'d Block, name: &'static str, mark: Option<(Mark<'d>, TagEnd)>) {
        let (start, end) = mark.unzip();
        let native = self.open(block, name, start);
        for child in &block.children {
            self.block(child);
        }
        match end {
            Some(end) if native => self.events.push(Event::End(end)),
            _ => self.html(format!("</{name}>\n")),
        }
    }

    pub(super) fn block(&mut self, block: &'d Block) {
        self.line = block.line;
        match &block.kind {
            Kind::Paragraph { text, bare: true } | Kind::Words(text) => self.words(text),
            Kind::Paragraph { text, .. } => self.paragraph(block, text),
            Kind::Heading { level, text } => self.heading(block, *level, text),
            Kind::Quote => {
                let mark = (Mark::BlockQuote(None::<BlockQuoteKind>), TagEnd::BlockQuote(None));
                self.nested(block, "blockquote", Some(mark));
            }
            Kind::List(kind) => self.list(block, *kind),
            Kind::Item => self.nested(block, "li", Some((Mark::Item, TagEnd::Item))),
            Kind::DefinitionList => self.nested(block, "dl", None),
            Kind::Term(text) => self.leaf(block, "dt", text),
            Kind::Definition { .. } => self.nested(block, "dd", None),
            Kind::Code { text, language } => self.code(block, text, language.as_deref()),
            Kind::Rule => {
                if self.open(block, "hr", Some(Mark::Paragraph)) {
                    self.events.pop();
                    self.events.push(Event::Rule);
                }
            }
            Kind::Math(text) => {
                let native = self.open(block, "div", Some(Mark::Paragraph));
                if native {
                    self.events.pop();
                }
                self.events.push(Event::Text(format!("\\[{text}\\]\n").into()));
                if !native {
                    self.html("</div>\n");
                }
            }
            Kind::Table(alignments) => self.table(block, alignments),
            // These show nothing, or are written by their table.
            Kind::Blank(_)
            | Kind::End(_)
            | Kind::TableHead
            | Kind::TableBody
            | Kind::TableFoot
            | Kind::Row
            | Kind::Cell(_) => {}
            Kind::Element { name, raw, lenient } => {
                if *lenient {
                    self.ink.slip(Slip::UnquotedValue, block.line);
                }
                self.element(block, name, *raw);
            }
            Kind::Verbatim => {
                self.verbatim += 1;
                for child in &block.children {
                    self.block(child);
                }
                self.verbatim -= 1;
            }
            Kind::RawText(text) => self.raw_text(text),
        }
    }

    fn paragraph(&mut self, block: &'d Block, text: &'d str) {
        let pieces = self.read(text);
        if let Some(caption) = standalone(&pieces) {
            return self.figure(block, caption, pieces);
        }
        if pieces.is_empty() {
            return;
        }
        let native = self.open(block, "p", Some(Mark::Paragraph));
        self.pieces(pieces);
        self.close(native, "p", TagEnd::Paragraph);
    }

    /// An image alone in its paragraph that asks to be a figure: its class and id become those of
    /// the figure, its alternative text is the caption.
    fn figure(&mut self, block: &'d Block, caption: String, mut pieces: Vec<Piece<'d>>) {
        let mut attributes = self.attributes(block);
        if let Some(attached) = pieces[0].attached.as_mut() {
            for key in ["class", "id"] {
                if attributes.get(key).is_none()
                    && let Some(value) = attached.list.attributes.remove(key)
                {
                    attributes.set(key, value);
                }
            }
        }
        self.ink.open("figure", &mut attributes, block.line);
        self.html(start_tag("figure", &attributes));
        self.pieces(pieces);
        self.html("<figcaption>");
        self.events.push(Event::Text(caption.into()));
        self.html("</figcaption></figure>\n");
    }

    pub(super) fn close(&mut self, native: bool, name: &str, end: TagEnd) {
        if native {
            self.events.push(Event::End(end));
        } else {
            self.html(format!("</{name}>\n"));
        }
    }

    fn leaf(&mut self, block: &'d Block, name: &str, text: &'d str) {
        self.open(block, name, None);
        self.words(text);
        self.html(format!("</{name}>\n"));
    }

    fn heading(&mut self, block: &'d Block, level: usize, text: &'d str) {
        let pieces = self.read(text);
        let mut attributes = self.attributes(block);
        if self.document.auto_ids && attributes.get("id").is_none() {
            let id = self.ids.id(&heading_id::words(&pieces));
            attributes.set("id", id);
        }
        let name = format!("h{level}");
        let only_id = attributes.iter().all(|(key, _)| key == "id");
        // A heading is always kept: the ink has a say in its attributes only.
        self.ink.open(&name, &mut attributes, block.line);
        if only_id {
            let level = HeadingLevel::try_from(level).unwrap_or(HeadingLevel::H6);
            let id = attributes.remove("id").filter(|id| !id.trim().is_empty()).map(CowStr::from);
            self.events.push(Event::Start(Mark::Heading { level, id, classes: vec![], attrs: vec![] }));
            self.pieces(pieces);
            self.events.push(Event::End(TagEnd::Heading(level)));
        } else {
            self.html(start_tag(&name, &attributes));
            self.pieces(pieces);
            self.html(format!("</{name}>\n"));
        }
    }

    fn list(&mut self, block: &'d Block, kind: ListKind) {
        if let Some(list) = &block.list {
            if list.refers_to("toc") {
                return;
            }
            if list.refers_to("footnotes") && self.footnotes_at.is_none() {
                self.flush();
                self.footnotes_at = Some(self.out.len());
                return;
            }
        }
        match kind {
            ListKind::Bulleted => self.nested(block, "ul", Some((Mark::List(None), TagEnd::List(false)))),
            ListKind::Numbered => self.nested(block, "ol", Some((Mark::List(Some(1)), TagEnd::List(true)))),
        }
    }

    fn code(&mut self, block: &'d Block, text: &'d str, language: Option<&'d str>) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let kind = language.map_or(CodeBlockKind::Indented, |name| CodeBlockKind::Fenced(name.into()));
        let attributes = self.attributes(block);
        let from_class = attributes
            .get("class")
            .and_then(|classes| classes.split_whitespace().find_map(|class| class.strip_prefix("language-")));
        let kind = match from_class {
            Some(name) => CodeBlockKind::Fenced(name.to_owned().into()),
            None => kind,
        };
        if from_class.is_none() && !attributes.is_empty() {
            let mut attributes = attributes;
            self.ink.open("pre", &mut attributes, block.line);
            self.html(start_tag("pre", &attributes));
            self.html("<code>");
            self.events.push(Event::Text(text.into()));
            self.html("\n</code></pre>\n");
            return;
        }
        self.events.push(Event::Start(Mark::CodeBlock(kind)));
        self.events.push(Event::Text(text.into()));
        self.events.push(Event::Text("\n".into()));
        self.events.push(Event::End(TagEnd::CodeBlock));
    }

    fn table(&mut self, block: &'d Block, alignments: &[Alignment]) {
        self.open(block, "table", None);
        for section in &block.children {
            let (name, cell_name) = match section.kind {
                Kind::TableHead => ("thead", "th"),
                Kind::TableFoot => ("tfoot", "td"),
                _ => ("tbody", "td"),
            };
            self.html(format!("<{name}>\n"));
            for row in &section.children {
                self.html("<tr>\n");
                for (cell, alignment) in row.children.iter().zip(alignments) {
                    let Kind::Cell(text) = &cell.kind else { continue };
                    let align = match alignment {
                        Alignment::None => "",
                        Alignment::Left => " align=\"left\"",
                        Alignment::Right => " align=\"right\"",
                        Alignment::Center => " align=\"center\"",
                    };
                    self.html(format!("<{cell_name}{align}>"));
                    if text.is_empty() {
                        self.html("\u{a0}");
                    }
                    self.words(text);
                    self.html(format!("</{cell_name}>\n"));
                }
                self.html("</tr>\n");
            }
            self.html(format!("</{name}>\n"));
        }
        self.html("</table>\n");
    }

    fn element(&mut self, block: &'d Block, name: &'d str, raw: bool) {
        let mut attributes = Attributes::default();
        for (key, value) in self.attributes(block).iter() {
            attributes.set(key, entities::resolved(value).into_owned());
        }
        let fate = self.ink.open(name, &mut attributes, block.line);
        match fate {
            Fate::Keep => self.html(start_tag(name, &attributes)),
            Fate::Unwrap => {}
            Fate::Drop => return,
            Fate::Replace(html) => return self.html(html),
        }
        let is_verbatim = matches!(name, "a" | "code" | "kbd" | "pre" | "samp" | "textarea");
        self.verbatim += usize::from(is_verbatim);
        for child in &block.children {
            self.block(child);
        }
        self.verbatim -= usize::from(is_verbatim);
        if fate == Fate::Keep && !super::tag::is_void(name) {
            self.html(format!("</{name}>"));
        }
        if !raw || matches!(fate, Fate::Unwrap) {
            self.html("\n");
        }
    }

    fn read(&self, text: &'d str) -> Vec<Piece<'d>> {
        spans::read(text, self.document, self.purse)
    }

    pub(super) fn words(&mut self, text: &'d str) {
        let pieces = self.read(text);
        self.pieces(pieces);
    }
}

/// The alternative text of an image that is alone in its paragraph and asks to be a figure.
fn standalone(pieces: &[Piece]) -> Option<String> {
    match pieces {
        [image, Piece { event: Event::Text(alt), .. }, _]
            if matches!(image.event, Event::Start(Mark::Image { .. }))
                && image.attached.as_ref().is_some_and(|a| a.list.refers_to("standalone")) =>
        {
            Some(alt.to_string())
        }
        _ => None,
    }
}

pub(super) fn start_tag(name: &str, attributes: &Attributes) -> String {
    let mut tag = String::with_capacity(name.len() + 2);
    tag.push('<');
    tag.push_str(name);
    for (key, value) in attributes.iter() {
        tag.push(' ');
        tag.push_str(key);
        tag.push_str("=\"");
        tag.push_str(&escape_attribute(value));
        tag.push('"');
    }
    tag.push('>');
    tag
}

fn escape_attribute(value: &str) -> Cow<'_, str> {
    if !value.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"))
}
