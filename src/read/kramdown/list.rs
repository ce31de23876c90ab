//! Lists and definition lists.
//!
//! An item takes its indented lines and the lazy ones after it, blanks removed, and is then read as
//! a text of its own. Whether its first paragraph shows as `<p>` depends on blank lines around it
//! and on the other items.

use super::attributes::{AttributeList, is_space};
use super::blocks::{Reader, Scanner, add};
use super::lines::{self, ListKind};
use super::tree::{Block, Kind};

/// A list item being gathered: its text is read in parts, so that a nested list may begin in a
/// second part without a blank line before it.
struct Gathered {
    list: Option<AttributeList>,
    parts: Vec<String>,
    line: u32,
}

impl Reader {
    pub(super) fn list(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let Some((kind, _)) = lines::list_marker(s.rest(), None, 3) else { return false };
        let line = s.line;
        let (items, ended_here) = gather(s, kind);
        let mut block = Block::new(Kind::List(kind), line);
        let mut last_blank = None;
        let count = items.len();
        let mut any_has_paragraph_or_none = false;
        let mut is_task_list = false;
        for (number, gathered) in items.into_iter().enumerate() {
            let is_last = number + 1 == count;
            let mut item = Block::new(Kind::Item, gathered.line);
            item.list = gathered.list;
            let mut part_line = gathered.line;
            for part in &gathered.parts {
                let mut scanner = Scanner::new(part, part_line);
                self.blocks(&mut scanner, &mut item.children, None);
                part_line = scanner.line;
            }
            let children = &mut item.children;
            if children.is_empty() {
                any_has_paragraph_or_none = true;
                block.children.push(item);
                continue;
            }
            if children.len() >= 2
                && children[0].is_paragraph()
                && children[0].list.is_some()
                && matches!(children[1].kind, Kind::End(_))
            {
                children.remove(1);
            }
            let tight = children.len() < 2
                || !children[1].is_blank()
                || (is_last && children.len() == 2 && !ended_here);
            let is_paragraph = children[0].is_paragraph();
            let has_more = children.get(1).is_some_and(|next| !next.is_blank());
            let becomes_bare = is_paragraph && tight && (!is_last || count == 1 || any_has_paragraph_or_none);
            if let Kind::Paragraph { text, bare } = &mut children[0].kind {
                if let Some(words) = task(text) {
                    *text = words;
                    is_task_list = true;
                }
                *bare = becomes_bare;
                if becomes_bare && has_more {
                    text.push('\n');
                }
            }
            if is_task_list && is_paragraph {
                item.attributes.set("class", "task-list-item".to_owned());
            }
            any_has_paragraph_or_none |= !is_paragraph || becomes_bare;
            last_blank = item.children.pop_if(|last| last.is_blank());
            block.children.push(item);
        }
        if is_task_list {
            block.attributes.set("class", "task-list".to_owned());
        }
        add(into, pending, block);
        if !ended_here {
            into.extend(last_blank);
        }
        true
    }

    pub(super) fn definition_list(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        if lines::definition_marker(s.rest(), 3).is_none() {
            return false;
        }
        let first_as_paragraph = match into.as_slice() {
            [.., Block { kind: Kind::Paragraph { .. }, .. }] => false,
            [.., Block { kind: Kind::Paragraph { .. }, .. }, Block { kind: Kind::Blank(true), .. }] => true,
            _ => return false,
        };
        if first_as_paragraph {
            into.pop();
        }
        let Some(Block { kind: Kind::Paragraph { text, .. }, list, line, .. }) = into.pop() else {
            return false;
        };
        let mut block = Block::new(Kind::DefinitionList, line);
        block.list = list;
        pending.take();
        for (number, row) in text.split('\n').enumerate() {
            let mut list = None;
            let words = without_item_list(row, &mut list);
            let mut term = Block::new(Kind::Term(words), line + number as u32);
            term.list = list;
            block.children.push(term);
        }
        let mut last_blank = None;
        for (gathered, as_paragraph) in gather_definitions(s, first_as_paragraph) {
            let kind = Kind::Definition { first_as_paragraph: as_paragraph };
            let mut definition = Block::new(kind, gathered.line);
            definition.list = gathered.list;
            definition.children = self.nested(&gathered.parts.concat(), gathered.line);
            if definition.children.is_empty() {
                block.children.push(definition);
                continue;
            }
            last_blank = definition.children.pop_if(|last| last.is_blank());
            if let Some(Block { kind: Kind::Paragraph { bare, .. }, .. }) = definition.children.first_mut() {
                *bare = !as_paragraph;
            }
            block.children.push(definition);
        }
        // A list of definitions goes on after one blank line.
        let after_blank = matches!(into.as_slice(), [.., before, blank] if before.kind == Kind::DefinitionList && blank.is_blank());
        if after_blank {
            into.pop();
        }
        match into.last_mut() {
            Some(before) if before.kind == Kind::DefinitionList => {
                before.children.append(&mut block.children);
            }
            _ => into.push(block),
        }
        into.extend(last_blank);
        true
    }
}

/// Takes the items of a list; `true` when a lone `^` ended it.
fn gather(s: &mut Scanner, kind: ListKind) -> (Vec<Gathered>, bool) {
    let mut items: Vec<Gathered> = Vec::new();
    let mut indentation = 0;
    let mut room = 3;
    let mut nested_list_found = false;
    let mut last_is_blank = false;
    while !s.is_done() {
        let rest = s.rest();
        if last_is_blank && lines::rule(rest).is_some() {
            break;
        }
        if let Some(length) = lines::end_of_block(rest) {
            s.take(length);
            return (items, true);
        }
        if let Some((_, marker)) = lines::list_marker(rest, Some(kind), room) {
            let line = s.line;
            s.take(marker);
            let tail = s.take(lines::line_end(s.rest()));
            let (content, indent) = first_line(marker, tail);
            indentation = indent;
            room = indentation.clamp(1, 4) - 1;
            let mut list = None;
            let content = without_item_list(&content, &mut list);
            nested_list_found = super::blocks::list_kind(&content).is_some();
            last_is_blank = false;
            items.push(Gathered { list, parts: vec![content], line });
            continue;
        }
        let Some(item) = items.last_mut() else { break };
        let end = lines::line_end(rest);
        let row = &rest[..end];
        if !lines::is_blank(row)
            && (is_content(row, indentation) || (!last_is_blank && is_lazy(rest, indentation)))
        {
            s.take(end);
            let mut text = expand_leading_tabs(row);
            let indented = text.bytes().take_while(|&b| b == b' ').count() >= indentation;
            if indented {
                text.drain(..indentation);
            }
            let begins_list = super::blocks::list_kind(&text).is_some();
            if begins_list && indented && !nested_list_found {
                item.parts.push(String::new());
                nested_list_found = true;
            } else if begins_list && !indented && nested_list_found {
                text.insert_str(0, &" ".repeat(indentation + 4));
            }
            if let Some(part) = item.parts.last_mut() {
                part.push_str(&text);
            }
            last_is_blank = false;
        } else {
            let length = lines::blank(rest);
            if length == 0 {
                break;
            }
            let blanks = s.take(length);
            nested_list_found = true;
            last_is_blank = true;
            if let Some(part) = item.parts.last_mut() {
                part.push_str(blanks);
            }
        }
    }
    (items, false)
}

/// Takes definitions, each with whether its first paragraph shows as one.
fn gather_definitions(s: &mut Scanner, mut as_paragraph: bool) -> Vec<(Gathered, bool)> {
    let mut items: Vec<(Gathered, bool)> = Vec::new();
    let mut indentation = 0;
    let mut room = 3;
    let mut last_is_blank = false;
    while !s.is_done() {
        let rest = s.rest();
        if let Some(marker) = lines::definition_marker(rest, room) {
            let line = s.line;
            s.take(marker);
            let tail = s.take(lines::line_end(s.rest()));
            let (content, indent) = first_line(marker, tail);
            indentation = indent;
            room = indentation.clamp(1, 4) - 1;
            let mut list = None;
            let content = without_item_list(&content, &mut list);
            items.push((Gathered { list, parts: vec![content], line }, as_paragraph));
            as_paragraph = false;
            last_is_blank = false;
            continue;
        }
        if lines::end_of_block(rest).is_some() {
            break;
        }
        let Some((item, _)) = items.last_mut() else { break };
        let end = lines::line_end(rest);
        let row = &rest[..end];
        if !lines::is_blank(row)
            && (is_content(row, indentation) || (!last_is_blank && is_lazy(rest, indentation)))
        {
            s.take(end);
            let mut text = expand_leading_tabs(row);
            if text.bytes().take_while(|&b| b == b' ').count() >= indentation {
                text.drain(..indentation);
            }
            item.parts.push(text);
            as_paragraph = false;
            last_is_blank = false;
        } else {
            let length = lines::blank(rest);
            if length == 0 {
                break;
            }
            item.parts.push(s.take(length).to_owned());
            as_paragraph = true;
            last_is_blank = true;
        }
    }
    items
}

/// What stands behind a marker, and the indentation that lines of the same item need.
fn first_line(marker: usize, tail: &str) -> (String, usize) {
    let content = tail.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8) && c != '\n');
    let mut ignored = None;
    if lines::is_blank(&without_item_list(tail, &mut ignored)) {
        return (content.trim_start_matches('\n').to_owned(), 4);
    }
    // A tab reaches to the next multiple of four of the line.
    let mut blanks = 0;
    for byte in tail.bytes() {
        match byte {
            b' ' => blanks += 1,
            b'\t' => blanks += 4 - (marker + blanks) % 4,
            _ => break,
        }
    }
    (content.to_owned(), marker + blanks)
}

/// Takes an attribute list off the beginning of an item's text.
fn without_item_list(text: &str, list: &mut Option<AttributeList>) -> String {
    let begin = text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
    let Some(inner) = begin.strip_prefix("{:") else { return text.to_owned() };
    let name = super::attributes::name_length(inner.as_bytes());
    if inner.starts_with([':', '/', '}']) || inner[name..].starts_with(':') {
        return text.to_owned();
    }
    let Some(end) = lines::closing_brace(inner, 0) else { return text.to_owned() };
    list.get_or_insert_default().read(&inner[..end]);
    inner[end + 1..].trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8)).to_owned()
}

/// Whether a line is indented enough to belong to the item.
fn is_content(row: &str, indentation: usize) -> bool {
    let bytes = row.as_bytes();
    let mut at = 0;
    for _ in 0..indentation / 4 {
        match lines::code_indent(&row[at..]) {
            0 => return false,
            length => at += length,
        }
    }
    let spaces = bytes[at..].iter().take_while(|&&b| b == b' ').count();
    spaces >= indentation % 4 || lines::code_indent(&row[at..]) > 0
}

/// Whether a line that is not indented still belongs to the item.
fn is_lazy(rest: &str, indentation: usize) -> bool {
    let spaces = rest.bytes().take_while(|&b| b == b' ').count();
    if spaces > indentation.min(3) {
        return true;
    }
    match rest.as_bytes()[spaces] {
        b'{' => lines::attribute_list(rest).is_none(),
        b'<' => !lines::block_tag(rest),
        _ => true,
    }
}

fn expand_leading_tabs(row: &str) -> String {
    let tabs = row.bytes().take_while(|&b| b == b'\t').count();
    let mut text = String::with_capacity(row.len() + tabs * 3);
    text.push_str(&"    ".repeat(tabs));
    text.push_str(&row[tabs..]);
    text
}

/// `[ ] words` and `[x] words` with the box as a character: letters have no check boxes.
fn task(text: &str) -> Option<String> {
    let inner = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let (mark, words) = match inner.get(..3)? {
        "[ ]" => ('☐', &inner[3..]),
        "[x]" | "[X]" => ('☑', &inner[3..]),
        _ => return None,
    };
    let trimmed = words.trim_start_matches(|c: char| c.is_ascii_whitespace());
    (trimmed.len() < words.len()).then(|| format!("{mark} {trimmed}"))
}
