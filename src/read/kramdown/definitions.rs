//! What is defined for use elsewhere and shows nothing where it stands: footnotes, links,
//! abbreviations, attribute lists; and extensions.

use super::attributes::AttributeList;
use super::blocks::{Reader, Scanner, add, indented_length};
use super::extension::Extension;
use super::lines;
use super::tree::{Block, Ended, Kind, LinkDefinition, link_name};

/// Every word is compared with every abbreviation.
const MOST_ABBREVIATIONS: usize = 200;

impl Reader {
    pub(super) fn footnote(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let rest = s.rest();
        let Some(spaces) = lines::indent(rest) else { return false };
        let Some(inner) = rest[spaces..].strip_prefix("[^") else { return false };
        let name = super::attributes::name_length(inner.as_bytes());
        let Some(contents) = inner[name..].strip_prefix("]:") else { return false };
        if name == 0 {
            return false;
        }
        let name = inner[..name].to_owned();
        let line = s.line;
        let first_line = lines::line_end(contents);
        let length = first_line + indented_length(&contents[first_line..], true);
        let mut text = String::with_capacity(length);
        for row in contents[..length].trim_start_matches([' ', '\t']).split_inclusive('\n') {
            text.push_str(&row[lines::code_indent(row)..]);
        }
        s.take(rest.len() - contents.len() + length);
        let blocks = self.nested(&text, line);
        self.document.footnotes.insert(name, blocks);
        self.last_link = None;
        add(into, pending, Block::new(Kind::End(Ended::ByDefinition), line));
        true
    }

    pub(super) fn link_definition(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let Some((name, definition, length)) = read_link_definition(s.rest()) else { return false };
        let line = s.line;
        s.take(length);
        self.last_link = Some(name.clone());
        self.document.links.insert(name, definition);
        add(into, pending, Block::new(Kind::End(Ended::ByDefinition), line));
        true
    }

    pub(super) fn abbreviation(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let rest = s.rest();
        let end = lines::line_end(rest);
        let Some(inner) = rest[..end].trim_start_matches(' ').strip_prefix("*[") else { return false };
        let Some(close) = inner.get(1..).and_then(|after| after.find("]:")).map(|at| at + 1) else {
            return false;
        };
        self.last_link = None;
        if self.abbreviations.len() >= MOST_ABBREVIATIONS {
            self.document.limits.push((s.line, "there are more than 200 abbreviations"));
        } else {
            self.abbreviations.insert(inner[..close].to_owned(), inner[close + 2..].trim().to_owned());
        }
        let line = s.line;
        s.take(end);
        add(into, pending, Block::new(Kind::End(Ended::ByDefinition), line));
        true
    }

    /// An attribute list, a named list, or an extension such as `{::comment}`.
    pub(super) fn extension(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let rest = s.rest();
        let line = s.line;
        if let Some((name, text, length)) = lines::named_list(rest) {
            self.document.lists.entry(name.to_owned()).or_default().read(text);
            s.take(length);
            add(into, pending, Block::new(Kind::End(Ended::ByList), line));
            return true;
        }
        if rest.trim_start_matches(' ').starts_with("{::") && !s.no_extension_ends {
            let Some(extension) = Extension::read_block(rest) else {
                s.no_extension_ends = !rest.contains("{:/");
                return false;
            };
            s.take(extension.length);
            match extension.name {
                "nomarkdown" if extension.is_html() => {
                    let mut inner = Scanner::new(extension.body.unwrap_or(""), line);
                    let mut block = Block::new(Kind::Verbatim, line);
                    self.raw_html(&mut inner, "", &mut block.children);
                    into.push(block);
                }
                "options" => {
                    if let Some(value) = extension.options.attributes.get("parse_block_html") {
                        self.html_blocks = value == "true";
                    }
                    if let Some(value) = extension.options.attributes.get("auto_ids") {
                        self.document.auto_ids = value != "false";
                    }
                    add(into, pending, Block::new(Kind::End(Ended::ByList), line));
                }
                _ => into.push(Block::new(Kind::RawText(String::new()), line)),
            }
            return true;
        }
        let Some((text, length)) = lines::attribute_list(rest) else { return false };
        s.take(length);
        match into.last_mut() {
            Some(block) if !matches!(block.kind, Kind::Blank(_) | Kind::End(Ended::Here | Ended::ByList)) => {
                block.list.get_or_insert_default().read(text);
                if block.kind == Kind::End(Ended::ByDefinition)
                    && let Some(name) = &self.last_link
                    && let Some(definition) = self.document.links.get_mut(name)
                {
                    definition.list.clone_from(&block.list);
                }
                if lines::attribute_list(s.rest()).is_none() {
                    add(into, pending, Block::new(Kind::End(Ended::ByList), line));
                }
            }
            _ => {
                pending.get_or_insert_default().read(text);
            }
        }
        true
    }
}

/// `[name]: address "title"`, the title perhaps on the next line.
fn read_link_definition(rest: &str) -> Option<(String, LinkDefinition, usize)> {
    let spaces = lines::indent(rest)?;
    let inner = rest[spaces..].strip_prefix('[')?;
    let close = inner.find([']', '\n'])?;
    let after = inner[close..].strip_prefix("]:")?;
    if close == 0 {
        return None;
    }
    let name = link_name(&inner[..close]);
    let length_to = |part: &str| part.as_ptr() as usize - rest.as_ptr() as usize;
    let end = after.find('\n')?;
    let line = after[..end].trim_matches([' ', '\t']);
    if line.is_empty() {
        return None;
    }
    let (address, tail) = match line.strip_prefix('<').and_then(|inner| inner.split_once('>')) {
        Some((address, tail)) => (address, tail),
        None => match line.find([' ', '\t']) {
            Some(space) if title(&line[space..]).is_some() => line.split_at(space),
            _ => (line, ""),
        },
    };
    let definition = |title: Option<&str>| LinkDefinition {
        address: address.to_owned(),
        title: title.map(str::to_owned),
        list: None,
    };
    if let Some(words) = title(tail) {
        return Some((name, definition(Some(words)), length_to(after) + end + 1));
    }
    if !tail.trim().is_empty() || [" \"", "\t\"", " '", "\t'"].iter().any(|quote| address.contains(quote)) {
        return None;
    }
    let next = &after[end + 1..];
    let next_end = next.find('\n').unwrap_or(next.len());
    if let Some(words) = title(&next[..next_end])
        && next_end < next.len()
    {
        return Some((name, definition(Some(words)), length_to(next) + next_end + 1));
    }
    Some((name, definition(None), length_to(after) + end + 1))
}

/// A quoted title and nothing else.
fn title(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\t']);
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let words = text[1..].strip_suffix(quote)?;
    (!words.is_empty()).then_some(words)
}
