//! The blocks of a text, their words not yet read.

use std::collections::HashMap;

use super::attributes::{AttributeList, Attributes};
use super::lines::ListKind;

/// One block.
#[derive(Debug, Clone)]
pub struct Block {
    pub kind: Kind,
    pub attributes: Attributes,
    /// The attribute list that a line of its own gave to this block.
    pub list: Option<AttributeList>,
    pub children: Vec<Block>,
    /// The line of the source on which it begins, counted from 0.
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `true` for one empty line.
    Blank(bool),
    /// What ends a block and shows nothing; `true` for the lone `^`, and `Definition` where a
    /// following attribute list still belongs to what was defined.
    End(Ended),
    /// Words; `bare` when the list item around it is enough.
    Paragraph {
        text: String,
        bare: bool,
    },
    Heading {
        level: usize,
        text: String,
    },
    Quote,
    List(ListKind),
    Item,
    DefinitionList,
    Term(String),
    Definition {
        first_as_paragraph: bool,
    },
    Code {
        text: String,
        language: Option<String>,
    },
    Rule,
    Math(String),
    Table(Vec<Alignment>),
    TableHead,
    TableBody,
    TableFoot,
    Row,
    Cell(String),
    /// An element written in HTML; `raw` when no Markdown is read in it, `lenient` when kramdown
    /// takes its tag for text.
    Element {
        name: String,
        raw: bool,
        lenient: bool,
    },
    /// Raw HTML in whose words every mark is meant.
    Verbatim,
    /// Words inside raw HTML: entities hold, nothing else does.
    RawText(String),
    /// Words inside `markdown="span"`.
    Words(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `^`.
    Here,
    /// By an attribute list, a named list or an extension.
    ByList,
    /// By the definition of a link, a footnote or an abbreviation.
    ByDefinition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    None,
    Left,
    Right,
    Center,
}

/// A whole text: its blocks, and what they refer to by name.
#[derive(Debug, Default)]
pub struct Document {
    pub blocks: Vec<Block>,
    pub lists: HashMap<String, AttributeList>,
    pub links: HashMap<String, LinkDefinition>,
    pub footnotes: HashMap<String, Vec<Block>>,
    /// Longest first.
    pub abbreviations: Vec<(String, String)>,
    pub auto_ids: bool,
    /// What was cut short, and on which line, counted from 0.
    pub limits: Vec<(u32, &'static str)>,
}

/// Where `[name]: address "title"` points.
#[derive(Debug, Clone, Default)]
pub struct LinkDefinition {
    pub address: String,
    pub title: Option<String>,
    /// The attribute list on the line below it.
    pub list: Option<AttributeList>,
}

impl Block {
    pub fn new(kind: Kind, line: u32) -> Self {
        Self { kind, attributes: Attributes::default(), list: None, children: Vec::new(), line }
    }

    pub fn is_blank(&self) -> bool {
        matches!(self.kind, Kind::Blank(_))
    }

    pub fn is_paragraph(&self) -> bool {
        matches!(self.kind, Kind::Paragraph { .. })
    }
}

/// The name of a link as it is compared.
pub fn link_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut in_space = false;
    for c in name.chars() {
        if c.is_ascii_whitespace() {
            if !in_space {
                plain.push(' ');
            }
            in_space = true;
        } else {
            in_space = false;
            plain.extend(c.to_lowercase());
        }
    }
    plain
}
