//! What a line can be the beginning of: the questions that the block reader asks of the rest of a
//! text, which always begins where a line does.

use super::attributes::{is_space, name_length};
use super::tag;

/// The end of the first line, its line feed included.
pub fn line_end(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |at| at + 1)
}

/// The length of the blank lines at the beginning.
pub fn blank(rest: &str) -> usize {
    let spaces = rest.bytes().take_while(|&b| is_space(b)).count();
    rest[..spaces].rfind('\n').map_or(0, |at| at + 1)
}

pub fn is_blank(line: &str) -> bool {
    line.bytes().all(is_space)
}

/// How many blanks stand before the first character, if they are no more than three.
pub fn indent(rest: &str) -> Option<usize> {
    let spaces = rest.bytes().take(4).take_while(|&b| b == b' ').count();
    (spaces < 4).then_some(spaces)
}

/// The length of the four blanks or the tab that make a line code.
pub fn code_indent(rest: &str) -> usize {
    if rest.starts_with('\t') {
        1
    } else if rest.starts_with("    ") {
        4
    } else {
        0
    }
}

/// `^` alone on its line: the end of a block.
pub fn end_of_block(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('^')?;
    blank_to_line_end(after).map(|length| 1 + length)
}

/// The length of the blanks up to and with the line feed, when nothing else stands there.
pub fn blank_to_line_end(rest: &str) -> Option<usize> {
    let end = rest.find('\n')?;
    is_blank(&rest[..end]).then_some(end + 1)
}

/// The longest attribute list that is recognised, in octets: it may span lines, and text with many
/// unclosed `{:` must not be searched to its end for each.
const LONGEST_LIST: usize = 1024;

/// The end of what `{` opens: the first `}` that no backslash escapes, looked for from `from`.
pub fn closing_brace(rest: &str, from: usize) -> Option<usize> {
    let bytes = rest.as_bytes();
    let bytes = &bytes[..bytes.len().min(from + LONGEST_LIST)];
    let mut at = from;
    loop {
        at += bytes[at..].iter().position(|&b| b == b'}')?;
        if at == from || bytes[at - 1] != b'\\' {
            return Some(at);
        }
        at += 1;
    }
}

/// A block attribute list: what it says, and its length to the end of the line.
pub fn attribute_list(rest: &str) -> Option<(&str, usize)> {
    let spaces = indent(rest)?;
    let list = rest[spaces..].strip_prefix("{:")?;
    if list.starts_with([':', '/', '}']) {
        return None;
    }
    let end = closing_brace(list, 0)?;
    let length = blank_to_line_end(&list[end + 1..])?;
    Some((&list[..end], spaces + 2 + end + 1 + length))
}

/// `{:name: …}`: the name, what it says, and its length to the end of the line.
pub fn named_list(rest: &str) -> Option<(&str, &str, usize)> {
    let spaces = indent(rest)?;
    let list = rest[spaces..].strip_prefix("{:")?;
    let name = name_length(list.as_bytes());
    if name == 0 || !list[name..].starts_with(':') || list[name + 1..].starts_with('}') {
        return None;
    }
    let end = closing_brace(list, name + 1)?;
    let length = blank_to_line_end(&list[end + 1..])?;
    Some((&list[..name], &list[name + 1..end], spaces + 2 + end + 1 + length))
}

/// A tag at the beginning of a line that ends a paragraph: any that is not a span element's.
pub fn block_tag(rest: &str) -> bool {
    let Some(spaces) = indent(rest) else { return false };
    let Some(inner) = rest[spaces..].strip_prefix('<') else { return false };
    let (name_at, closing) = match inner.strip_prefix('/') {
        Some(after) => (after, true),
        None => (inner, false),
    };
    let length = tag::name_length(name_at);
    if length == 0 || begins_with_span_element(name_at) {
        return false;
    }
    !closing || tag::closing(&rest[spaces..]).is_some()
}

/// Whether a span element's name, or `script`, stands here as a whole word. As kramdown has it,
/// `<b-x>` counts as `b`, and `<B>` does not.
fn begins_with_span_element(name: &str) -> bool {
    let word = name.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if name[word..].starts_with(char::is_alphanumeric) {
        return false;
    }
    tag::is_span(&name[..word]) || &name[..word] == "script"
}

/// What ends a lazy line: whatever cannot be the continuation of a paragraph anywhere.
pub fn ends_lazy(rest: &str) -> bool {
    match rest.trim_start_matches(' ').as_bytes().first() {
        None => true,
        Some(b'{') => attribute_list(rest).is_some(),
        Some(b'<') => block_tag(rest),
        Some(b'^') => end_of_block(rest).is_some(),
        Some(&b) if is_space(b) => blank(rest) > 0,
        Some(_) => false,
    }
}

/// What ends a paragraph.
pub fn ends_paragraph(rest: &str) -> bool {
    if ends_lazy(rest) {
        return true;
    }
    let Some(spaces) = indent(rest) else { return false };
    match rest.as_bytes()[spaces] {
        b'*' | b'+' | b'-' | b'0'..=b'9' => list_marker(rest, None, 3).is_some(),
        b'#' => spaces == 0 && heading(rest).is_some(),
        b':' => definition_marker(rest, 3).is_some(),
        b'>' => true,
        b'`' | b'~' => fence(rest).is_some(),
        _ => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Bulleted,
    Numbered,
}

/// A list marker behind at most `room` blanks: its kind and its length, blanks included.
pub fn list_marker(rest: &str, kind: Option<ListKind>, room: usize) -> Option<(ListKind, usize)> {
    let spaces = indent(rest).filter(|&spaces| spaces <= room)?;
    let bytes = &rest.as_bytes()[spaces..];
    let (found, length) = match bytes.first()? {
        b'*' | b'+' | b'-' => (ListKind::Bulleted, 1),
        b'0'..=b'9' => {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            if bytes.get(digits) != Some(&b'.') {
                return None;
            }
            (ListKind::Numbered, digits + 1)
        }
        _ => return None,
    };
    let sound = tail_follows(&bytes[length..]) && kind.is_none_or(|kind| kind == found);
    sound.then_some((found, spaces + length))
}

/// The marker of a definition: its length, blanks included.
pub fn definition_marker(rest: &str, room: usize) -> Option<usize> {
    let spaces = indent(rest).filter(|&spaces| spaces <= room)?;
    let after = rest[spaces..].strip_prefix(':')?;
    tail_follows(after.as_bytes()).then_some(spaces + 1)
}

/// What must follow a marker: a blank, or a bar.
fn tail_follows(rest: &[u8]) -> bool {
    matches!(rest.first(), Some(b' ' | b'\t' | b'|'))
}

/// `## Words`: the level and what stands after the blank.
pub fn heading(rest: &str) -> Option<(usize, &str)> {
    let level = rest.bytes().take_while(|&b| b == b'#').count();
    let contents = &rest[level..line_end(rest)];
    let sound = (1..=6).contains(&level) && contents.starts_with([' ', '\t']);
    sound.then(|| (level, contents.trim_start_matches([' ', '\t'])))
}

/// A line of `-` or `=` below a heading: its level.
pub fn underline(rest: &str) -> Option<(usize, usize)> {
    let level = match rest.as_bytes().first()? {
        b'-' => 2,
        b'=' => 1,
        _ => return None,
    };
    let end = rest.find('\n')?;
    let marks = rest[..end].trim_end_matches(|c: char| c.is_ascii() && is_space(c as u8));
    marks.bytes().all(|b| b == b'-' || b == b'=').then_some((level, end + 1))
}

/// A rule of three or more `*`, `-` or `_`.
pub fn rule(rest: &str) -> Option<usize> {
    let spaces = indent(rest)?;
    let end = line_end(rest);
    let line = &rest[spaces..end];
    let mark = line.bytes().next().filter(|b| matches!(b, b'*' | b'-' | b'_'))?;
    let sound = line.bytes().all(|b| b == mark || matches!(b, b' ' | b'\t' | b'\n'));
    (sound && line.bytes().filter(|&b| b == mark).nth(2).is_some()).then_some(end)
}

/// The opening of a fenced code block: the character, how many, and the length up to its last.
pub fn fence(rest: &str) -> Option<(u8, usize, usize)> {
    let spaces = indent(rest)?;
    let bytes = &rest.as_bytes()[spaces..];
    let mark = *bytes.first().filter(|b| matches!(b, b'`' | b'~'))?;
    let count = bytes.iter().take_while(|&&b| b == mark).count();
    (count >= 3).then_some((mark, count, spaces + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_ends_where_kramdown_ends_it() {
        for (line, ends) in [
            ("text\n", false),
            ("\n", true),
            ("  \t\n", true),
            ("* a\n", true),
            ("*a*\n", false),
            ("-\n", false),
            ("12. a\n", true),
            ("12.a\n", false),
            ("# a\n", true),
            (" # a\n", false),
            ("#a\n", false),
            (": a\n", true),
            (":a\n", false),
            ("> a\n", true),
            (">a\n", true),
            ("    > a\n", false),
            ("```\n", true),
            ("``\n", false),
            ("{: .a}\n", true),
            ("{: .a} x\n", false),
            ("{:.a\n  .b}  \n", true),
            ("{::comment}\n", false),
            ("<div>\n", true),
            ("<figure\n", true),
            ("</div>\n", true),
            ("</div\n", false),
            ("<b>\n", false),
            ("</b>\n", false),
            ("<br-x>\n", false),
            ("^\n", true),
            ("---\n", false),
            ("", true),
        ] {
            assert_eq!(ends_paragraph(line), ends, "{line:?}");
        }
    }
}
