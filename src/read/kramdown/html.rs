//! HTML between blocks: elements, and whether Markdown is read in them.
//!
//! An element ends with its closing tag, and not with a blank line; what follows on the same line is
//! Markdown again. One that nothing closes takes the rest of the text.

use super::attributes::AttributeList;
use super::blocks::{DEEPEST, Parent, Reader, Scanner};
use super::lines;
use super::tag::{self, Model, Tag};
use super::tree::{Block, Kind};

impl Reader {
    pub(super) fn html(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let rest = s.rest();
        if rest.starts_with("<!--") {
            let Some(length) = s.comment() else { return false };
            s.take(length);
            s.skip_trailing_blanks();
            // A comment is no blank: what follows it is not after a block boundary.
            into.push(Block::new(Kind::RawText(String::new()), s.line));
            return true;
        }
        let Some(spaces) = lines::indent(rest) else { return false };
        let Some(tag) = Tag::read(&rest[spaces..]) else { return false };
        if tag::is_span(&tag.name.to_ascii_lowercase()) {
            return false;
        }
        let line = s.line;
        s.take(spaces + tag.length);
        let element = self.element(s, &tag, pending.take(), line, false);
        into.push(element);
        true
    }

    /// Reads an element whose opening tag was just taken.
    pub(super) fn element(
        &mut self,
        s: &mut Scanner,
        tag: &Tag,
        list: Option<AttributeList>,
        line: u32,
        in_raw: bool,
    ) -> Block {
        let name = tag.element();
        let mut attributes = tag.attributes();
        let by_default = if self.html_blocks && !in_raw { tag::model(&name) } else { Model::Raw };
        let model = match attributes.remove("markdown").as_deref() {
            Some("0") => Model::Raw,
            Some("1") => tag::model(&name),
            Some("span") => Model::Span,
            Some("block") => Model::Block,
            _ => by_default,
        };
        let mut children = Vec::new();
        if name == "script" || name == "style" {
            skip_past_closing(s, &name);
        } else {
            if model == Model::Block {
                s.skip_trailing_blanks();
            }
            if !tag.closed && !tag::is_void(&name) {
                match model {
                    Model::Block => {
                        self.blocks(s, &mut children, Some(Parent { name: &name }));
                    }
                    Model::Span => {
                        let start = s.line;
                        let rest = s.rest();
                        let (end, length) = tag::find_closing(rest, &name, true).unwrap_or((rest.len(), 0));
                        let text = s.take(end).to_owned();
                        s.take(length);
                        children.push(Block::new(Kind::Words(text), start));
                    }
                    Model::Raw => self.raw_html(s, &name, &mut children),
                }
                if !in_raw {
                    s.skip_trailing_blanks();
                }
            }
        }
        let kind = Kind::Element { name, raw: model == Model::Raw, lenient: tag.lenient };
        Block { kind, attributes, list, children, line }
    }

    /// Reads raw HTML up to the closing tag of `name`, or to the end of the text.
    pub(super) fn raw_html(&mut self, s: &mut Scanner, name: &str, into: &mut Vec<Block>) {
        let too_deep = self.depth >= DEEPEST;
        self.depth += 1;
        let mut no_instruction_ends = false;
        while !s.is_done() {
            let rest = s.rest();
            let start = s.line;
            let Some(text) = rest.find('<') else {
                raw_text(into, s.take(rest.len()), start);
                break;
            };
            raw_text(into, s.take(text), start);
            let rest = s.rest();
            let line = s.line;
            if rest.starts_with("<!--")
                && let Some(length) = s.comment()
            {
                s.take(length);
            } else if rest.starts_with("<?") && !no_instruction_ends {
                let end = rest.find("?>");
                no_instruction_ends = end.is_none();
                s.take(end.map_or(0, |end| end + 2));
            } else if let Some(tag) = Tag::read(rest) {
                s.take(tag.length);
                if too_deep {
                    self.document.limits.push((line, "elements are nested more than 60 deep"));
                } else {
                    let element = self.element(s, &tag, None, line, true);
                    into.push(element);
                }
            } else if let Some((closed, length)) = tag::closing(rest) {
                let taken = s.take(length);
                if closed == name || (tag::ignores_case(name) && closed.eq_ignore_ascii_case(name)) {
                    break;
                }
                if !too_deep {
                    raw_text(into, taken, line);
                }
            } else {
                raw_text(into, s.take(1), line);
            }
        }
        self.depth -= 1;
    }
}

fn skip_past_closing(s: &mut Scanner, name: &str) {
    let rest = s.rest();
    let (at, length) = tag::find_closing(rest, name, true).unwrap_or((rest.len(), 0));
    s.take(at + length);
}

fn raw_text(into: &mut Vec<Block>, text: &str, line: u32) {
    if text.is_empty() {
        return;
    }
    match into.last_mut() {
        Some(Block { kind: Kind::RawText(before), .. }) => before.push_str(text),
        _ => into.push(Block::new(Kind::RawText(text.to_owned()), line)),
    }
}
