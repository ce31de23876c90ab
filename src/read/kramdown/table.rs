//! Tables: rows of cells between bars, with or without a line of dashes.

use super::attributes::AttributeList;
use super::blocks::{Reader, Scanner, add, at_boundary, before_boundary};
use super::lines;
use super::tag::{self, Tag};
use super::tree::{Alignment, Block, Kind};

impl Reader {
    #[expect(clippy::unused_self, reason = "read like its brothers")]
    pub(super) fn table(
        &mut self,
        s: &mut Scanner,
        into: &mut Vec<Block>,
        pending: &mut Option<AttributeList>,
    ) -> bool {
        let rest = s.rest();
        if !has_bar(&rest[..lines::line_end(rest)]) || !at_boundary(into, pending.as_ref()) {
            return false;
        }
        let Some((sections, alignments, length)) = rows(rest, s.line) else { return false };
        let line = s.line;
        s.take(length);
        let mut table = Block::new(Kind::Table(alignments), line);
        table.children = sections;
        add(into, pending, table);
        true
    }
}

/// Reads the rows of a table: its sections, its alignments and its length.
fn rows(rest: &str, first_line: u32) -> Option<(Vec<Block>, Vec<Alignment>, usize)> {
    let leading_bar = rest.trim_start().starts_with('|');
    let mut sections: Vec<Block> = Vec::new();
    let mut alignments: Vec<Alignment> = Vec::new();
    let mut rows: Vec<Block> = Vec::new();
    let mut has_foot = false;
    let mut columns = 0;
    let mut at = 0;
    let mut line = first_line;
    let close = |rows: &mut Vec<Block>, sections: &mut Vec<Block>, kind: Kind, skip: bool| {
        if !skip {
            let line = rows.first().map_or(first_line, |row| row.line);
            let mut section = Block::new(kind, line);
            section.children = std::mem::take(rows);
            sections.push(section);
        }
    };
    let mut is_first = true;
    while at < rest.len() {
        let end = at + lines::line_end(&rest[at..]);
        let row = &rest[at..end];
        let separates = is_separator(row);
        if is_first && separates {
            // A line of dashes above the first row.
        } else if !has_bar(row) {
            break;
        } else if separates {
            if rows.is_empty() {
                // Several in a row are one.
            } else if alignments.is_empty() && !has_foot {
                close(&mut rows, &mut sections, Kind::TableHead, false);
                alignments = read_alignments(row);
            } else {
                close(&mut rows, &mut sections, Kind::TableBody, has_foot);
            }
        } else if row.trim().bytes().all(|b| b"+|: \t=".contains(&b)) && row.contains('=') {
            if !rows.is_empty() {
                close(&mut rows, &mut sections, Kind::TableBody, false);
            }
            has_foot = true;
        } else {
            let cells = cells(row.trim_end_matches(['\n', ' ', '\t']), leading_bar);
            columns = columns.max(cells.len());
            let mut block = Block::new(Kind::Row, line);
            block.children = cells.into_iter().map(|text| Block::new(Kind::Cell(text), line)).collect();
            rows.push(block);
        }
        is_first = false;
        at = end;
        line += 1;
    }
    if !before_boundary(&rest[at..]) || !every_line_has_a_bar(&rest[..at]) {
        return None;
    }
    if !rows.is_empty() {
        close(&mut rows, &mut sections, if has_foot { Kind::TableFoot } else { Kind::TableBody }, false);
    }
    if !sections.iter().any(|section| section.kind == Kind::TableBody) {
        return None;
    }
    let mut filling = MOST_FILLED;
    for row in sections.iter_mut().flat_map(|section| &mut section.children) {
        while row.children.len() < columns && filling > 0 {
            let line = row.line;
            row.children.push(Block::new(Kind::Cell(String::new()), line));
            filling -= 1;
        }
    }
    alignments.resize(columns, Alignment::None);
    Some((sections, alignments, at))
}

/// So many cells are added to short rows: one very wide row must not widen thousands of others.
const MOST_FILLED: usize = 10_000;

/// A bar that is not the line's last unescaped character alone: what makes a line a row.
fn has_bar(row: &str) -> bool {
    let bytes = row.as_bytes();
    bytes.first() == Some(&b'|') || (1..bytes.len()).any(|at| bytes[at] == b'|' && bytes[at - 1] != b'\\')
}

fn is_separator(row: &str) -> bool {
    row.contains('-') && row.trim_end().bytes().all(|b| b"+|: \t-".contains(&b))
}

fn read_alignments(row: &str) -> Vec<Alignment> {
    let mut alignments = Vec::new();
    let bytes = row.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'-' {
            at += 1;
            continue;
        }
        let left = at > 0 && bytes[at - 1] == b':';
        while at < bytes.len() && bytes[at] == b'-' {
            at += 1;
        }
        let right = bytes.get(at) == Some(&b':');
        at += usize::from(right);
        alignments.push(match (left, right) {
            (false, false) => Alignment::None,
            (true, false) => Alignment::Left,
            (false, true) => Alignment::Right,
            (true, true) => Alignment::Center,
        });
    }
    alignments
}

/// Splits a row at its bars, but not inside code.
fn cells(row: &str, leading_bar: bool) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut no_code_ends = false;
    let mut at = 0;
    let bytes = row.as_bytes();
    while at < bytes.len() {
        let length = match bytes[at] {
            b'`' => code_length(row, at),
            b'<' if row[at..].starts_with("<code") && !no_code_ends => {
                let length = row[at..].find("</code>").map_or(0, |end| end + 7);
                no_code_ends = length == 0;
                length
            }
            b'\\' if bytes.get(at + 1) == Some(&b'|') => {
                push(&mut cells, "|");
                at += 2;
                continue;
            }
            b'|' => {
                cells.push(String::new());
                at += 1;
                continue;
            }
            _ => 0,
        };
        let length = if length > 0 { length } else { row[at..].chars().next().map_or(1, char::len_utf8) };
        push(&mut cells, &row[at..at + length]);
        at += length;
    }
    if leading_bar && cells.first().is_some_and(|cell| cell.trim().is_empty()) {
        cells.remove(0);
    }
    cells.pop_if(|cell| cell.trim().is_empty());
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    cells
}

fn push(cells: &mut [String], text: &str) {
    if let Some(cell) = cells.last_mut() {
        cell.push_str(text);
    }
}

/// The length of the code span at `at`, or of its backticks when nothing closes it.
fn code_length(row: &str, at: usize) -> usize {
    let ticks = row[at..].bytes().take_while(|&b| b == b'`').count();
    let before = row[..at].chars().next_back();
    let after = row.as_bytes().get(at + ticks);
    let lone = ticks == 1
        && before.is_none_or(|c| c.is_ascii_whitespace())
        && after.is_some_and(u8::is_ascii_whitespace);
    if lone {
        return 1;
    }
    match row[at + ticks..].find(&row[at..at + ticks]) {
        Some(length) => ticks + length + ticks,
        None => ticks,
    }
}

/// A table is one only if its lines have bars outside of code and of other HTML elements.
///
/// As in kramdown, only the first and the last line of each stretch of text between such elements is
/// looked at: the others were when the rows were read.
fn every_line_has_a_bar(text: &str) -> bool {
    let mut bar_on_line = false;
    let mut at = 0;
    let mut from = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let (length, is_code) = match bytes[at] {
            b'`' => {
                let length = code_length(text, at);
                let ticks = text[at..].bytes().take_while(|&b| b == b'`').count();
                (length, length > ticks)
            }
            b'<' => (span_element_length(&text[at..]), false),
            _ => (0, false),
        };
        if length == 0 || (bytes[at] == b'`' && !is_code) {
            at += length.max(1);
            continue;
        }
        if !check_text(&text[from..at], &mut bar_on_line) {
            return false;
        }
        if is_code {
            match text[at..at + length].split('\n').count() {
                1 => {}
                2 if bar_on_line => bar_on_line = false,
                _ => return bar_on_line,
            }
        }
        at += length;
        from = at;
    }
    check_text(&text[from..], &mut bar_on_line) && bar_on_line
}

/// Follows a stretch of text; `false` when one of its lines ended without a bar.
fn check_text(text: &str, bar_on_line: &mut bool) -> bool {
    let text = text.trim_end_matches('\n');
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or("");
    let last = lines.next_back();
    if text.is_empty() {
        return true;
    }
    if last.is_some() && !*bar_on_line && !has_bar(first) {
        return false;
    }
    *bar_on_line = (last.is_none() && *bar_on_line) || has_bar(last.unwrap_or(first));
    true
}

/// The length of a span element with all it holds, 0 when none begins here.
fn span_element_length(text: &str) -> usize {
    let Some(tag) = Tag::read(text) else { return 0 };
    let name = tag.element();
    if tag::is_block(&name) {
        return 0;
    }
    if tag.closed || tag::is_void(&name) {
        return tag.length;
    }
    let inner = &text[tag.length..];
    tag::find_closing(inner, &name, tag::ignores_case(&name))
        .map_or(text.len(), |(at, length)| tag.length + at + length)
}
