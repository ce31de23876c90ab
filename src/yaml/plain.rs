//! The YAML that editing tools write, read in one pass.
//!
//! A site of ten thousand articles is ten thousand blocks of `key: value`; the full parser needs
//! longer for them than everything else together. [`read`] understands block mappings and lists,
//! plain, quoted and literal scalars, and gives up (`None`) at the first thing that it is not sure
//! of: flow collections, anchors, tags, remarks, tabs, folded blocks, anything malformed. The full
//! parser then has the word. A property test holds that the two never differ.

use std::borrow::Cow;

use super::{Map, Node};

/// Reads a document whose top is a block mapping; `None` when it takes the full parser to know.
pub fn read(text: &str) -> Option<Map<'_>> {
    if !text.ends_with('\n') || is_odd(text.as_bytes()) {
        return None;
    }
    let mut lines = Lines::of(text);
    let map = map(&mut lines, 0, None, 0)?;
    lines.skip_blank();
    lines.peek().is_none().then_some(map)
}

/// How deep lists and mappings may lie in one another.
const DEPTH: usize = 8;

/// Whether there is an octet at which the full parser breaks lines, complains, or looks twice:
/// controls (tabs and carriage returns too), C1, U+2028 and U+2029, the byte order mark,
/// non-characters.
fn is_odd(text: &[u8]) -> bool {
    // Without a way out, so that the processor takes many octets at a time.
    let is_control = |octet: u8| (octet < b' ' && octet != b'\n') || octet == 0x7f;
    text.iter().fold(false, |odd, octet| odd | is_control(*octet))
        || memchr::memchr3_iter(0xc2, 0xe2, 0xef, text).any(|at| match text[at..] {
            [0xc2, next, ..] => next < 0xa0,
            [0xe2, 0x80, last, ..] => matches!(last, 0xa8 | 0xa9),
            [0xef, 0xbb, last, ..] => last == 0xbf,
            [0xef, 0xbf, last, ..] => matches!(last, 0xbe | 0xbf),
            _ => false,
        })
}

/// The lines that are left.
struct Lines<'a> {
    rest: &'a str,
    /// The next line: its indentation, and its text to the line's end.
    next: Option<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut lines = Self { rest: text, next: None };
        lines.advance();
        lines
    }

    fn peek(&self) -> Option<(usize, &'a str)> {
        self.next
    }

    fn advance(&mut self) {
        self.next = memchr::memchr(b'\n', self.rest.as_bytes()).map(|end| {
            let line = &self.rest[..end];
            self.rest = &self.rest[end + 1..];
            let text = line.trim_start_matches(' ');
            (line.len() - text.len(), text)
        });
    }

    fn skip_blank(&mut self) {
        while matches!(self.next, Some((_, ""))) {
            self.advance();
        }
    }

    /// The next line that is not blank, the blank ones before it passed over.
    fn peek_text(&mut self) -> Option<(usize, &'a str)> {
        self.skip_blank();
        self.next
    }
}

/// A mapping whose keys stand at `indent`; `first` is the rest of a line that was begun by `- `.
fn map<'a>(lines: &mut Lines<'a>, indent: usize, first: Option<&'a str>, depth: usize) -> Option<Map<'a>> {
    if depth > DEPTH {
        return None;
    }
    let mut map = Map::default();
    let mut pending = first;
    loop {
        let entry = match pending.take() {
            Some(entry) => entry,
            None => match lines.peek_text() {
                Some((at, entry)) if at == indent && !entry.starts_with("- ") => entry,
                Some((at, _)) if at > indent => return None,
                _ => return Some(map),
            },
        };
        let (key, value) = key_of(entry)?;
        if map.has(key) {
            return None;
        }
        lines.advance();
        let value = node(lines, value, indent, depth)?;
        map.0.push((key.into(), value));
    }
}

/// `key: value`, for keys that can be nothing but text.
fn key_of(entry: &str) -> Option<(&str, &str)> {
    let end = entry.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    let (key, rest) = entry.split_at(end);
    let value = rest.strip_prefix(':')?;
    let sound = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["null", "true", "false"].iter().any(|word| key.eq_ignore_ascii_case(word))
        && (value.is_empty() || value.starts_with(' '));
    sound.then(|| (key, value.trim_start_matches(' ')))
}

/// The value of a key at `parent`, whose line is passed already; `text` is what stood on it.
fn node<'a>(lines: &mut Lines<'a>, text: &'a str, parent: usize, depth: usize) -> Option<Node<'a>> {
    if !text.is_empty() {
        return scalar(lines, text, parent);
    }
    match lines.peek_text() {
        Some((at, next)) if at >= parent && next.starts_with("- ") => list(lines, at, depth + 1),
        Some((at, _)) if at > parent => Some(Node::Map(map(lines, at, None, depth + 1)?)),
        _ => Some(Node::Null),
    }
}

/// A list whose dashes stand at `indent`.
fn list<'a>(lines: &mut Lines<'a>, indent: usize, depth: usize) -> Option<Node<'a>> {
    if depth > DEPTH {
        return None;
    }
    let mut items = Vec::new();
    while let Some((at, text)) = lines.peek_text() {
        let Some(item) = text.strip_prefix("- ").filter(|_| at == indent) else {
            // What follows belongs to the parent, or is something that is not sure.
            return (at < indent || at == indent && !text.starts_with('-')).then_some(Node::List(items));
        };
        if item.starts_with([' ', '-']) || item.is_empty() {
            return None;
        }
        if key_of(item).is_some() {
            items.push(Node::Map(map(lines, indent + 2, Some(item), depth + 1)?));
        } else {
            lines.advance();
            items.push(scalar(lines, item, indent)?);
        }
    }
    Some(Node::List(items))
}

/// A scalar that begins with `text`, its line passed; its other lines are indented beyond `parent`.
fn scalar<'a>(lines: &mut Lines<'a>, text: &'a str, parent: usize) -> Option<Node<'a>> {
    match text.as_bytes()[0] {
        b'\'' => quoted(lines, &text[1..], parent, '\'').map(Node::Text),
        b'"' => quoted(lines, &text[1..], parent, '"').map(Node::Text),
        b'|' => literal(lines, text, parent).map(|text| Node::Text(text.into())),
        b'-' | b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'>' | b'%'
        | b'@' | b'`' => None,
        _ => plain(lines, text, parent),
    }
}

fn plain<'a>(lines: &mut Lines<'a>, first: &'a str, parent: usize) -> Option<Node<'a>> {
    let mut text = Cow::Borrowed(plain_line(first)?);
    while let Some((at, more)) = lines.peek() {
        if more.is_empty() {
            // A blank line inside would be a line break; one at the end is nothing.
            match lines.peek_text() {
                Some((at, _)) if at > parent => return None,
                _ => break,
            }
        }
        if at <= parent {
            break;
        }
        if more.starts_with(['#', '-', '?', ':']) {
            return None;
        }
        let folded = text.to_mut();
        folded.push(' ');
        folded.push_str(plain_line(more)?);
        lines.advance();
    }
    if matches!(text, Cow::Borrowed("~" | "null" | "Null" | "NULL")) {
        return Some(Node::Null);
    }
    Some(Node::Text(text))
}

/// One line of a plain scalar, unless something in it may end it or be an error.
fn plain_line(line: &str) -> Option<&str> {
    let line = line.trim_end_matches(' ');
    let octets = line.as_bytes();
    let ends = |at: usize| match octets[at] {
        b':' => octets.get(at + 1).is_none_or(|next| *next == b' '),
        _ => at > 0 && octets[at - 1] == b' ',
    };
    (!memchr::memchr2_iter(b':', b'#', octets).any(ends)).then_some(line)
}

/// A quoted scalar after its opening quote, folded as YAML 1.2, 7.3 says.
fn quoted<'a>(lines: &mut Lines<'a>, first: &'a str, parent: usize, quote: char) -> Option<Cow<'a, str>> {
    // Most end on their line, with nothing to undo.
    let mut odd = memchr::memchr2_iter(quote as u8, b'\\', first.as_bytes());
    if let Some(at) = odd.next()
        && first[at..].starts_with(quote)
        && first[at + 1..].bytes().all(|after| after == b' ')
    {
        return Some(Cow::Borrowed(&first[..at]));
    }
    let mut text = String::with_capacity(first.len());
    let mut line = first;
    loop {
        if let Some(after) = quoted_line(line, quote, &mut text)? {
            return after.trim_start_matches(' ').is_empty().then_some(Cow::Owned(text));
        }
        // The line ends inside: its last blanks go, and one break is a blank.
        text.truncate(text.trim_end_matches(' ').len());
        let mut breaks = 0;
        loop {
            let (at, more) = lines.peek()?;
            breaks += 1;
            lines.advance();
            if !more.is_empty() {
                if at <= parent {
                    return None;
                }
                line = more;
                break;
            }
        }
        if breaks == 1 {
            text.push(' ');
        } else {
            text.extend(std::iter::repeat_n('\n', breaks - 1));
        }
    }
}

/// Reads one line into `text`; the inner `Some` is what follows the closing quote.
fn quoted_line<'a>(line: &'a str, quote: char, text: &mut String) -> Option<Option<&'a str>> {
    let mut rest = line;
    while let Some(at) = rest.find([quote, '\\']) {
        text.push_str(&rest[..at]);
        let special = &rest[at..];
        if let Some(after) = special.strip_prefix('\\') {
            let (c, length) = if quote == '\'' { ('\\', 0) } else { escape(after)? };
            text.push(c);
            rest = &after[length..];
        } else if quote == '\'' && special.starts_with("''") {
            text.push('\'');
            rest = &special[2..];
        } else {
            return Some(Some(&special[1..]));
        }
    }
    text.push_str(rest);
    Some(None)
}

/// The character of an escape in double quotes and the length of its text; the rare ones, and those
/// that would be blanks at a line's end, are left to the full parser.
fn escape(text: &str) -> Option<(char, usize)> {
    let hex = |length: usize| {
        let code = u32::from_str_radix(text.get(1..=length)?, 16).ok()?;
        let plain = text[1..=length].bytes().all(|b| b.is_ascii_hexdigit());
        Some((char::from_u32(code).filter(|c| plain && *c > ' ')?, 1 + length))
    };
    match text.as_bytes().first()? {
        b'"' => Some(('"', 1)),
        b'\\' => Some(('\\', 1)),
        b'/' => Some(('/', 1)),
        b'n' => Some(('\n', 1)),
        b'x' => hex(2),
        b'u' => hex(4),
        b'U' => hex(8),
        _ => None,
    }
}

/// `|` and `|-`.
fn literal(lines: &mut Lines<'_>, header: &str, parent: usize) -> Option<String> {
    let clip = match header {
        "|" => true,
        "|-" => false,
        _ => return None,
    };
    let (indent, first) = lines.peek()?;
    if indent <= parent || first.is_empty() {
        return None;
    }
    let mut text = String::new();
    let mut blank = 0;
    while let Some((at, line)) = lines.peek() {
        if line.is_empty() {
            if at > indent {
                return None;
            }
            blank += 1;
        } else if at < indent {
            if at > parent {
                return None;
            }
            break;
        } else {
            text.extend(std::iter::repeat_n('\n', blank));
            blank = 0;
            text.extend(std::iter::repeat_n(' ', at - indent));
            text.push_str(line);
            text.push('\n');
        }
        lines.advance();
    }
    if !clip {
        text.truncate(text.trim_end_matches('\n').len());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::yaml::full;

    const WRITTEN_BY_TOOLS: &str = "\
title: 'L’État recherche des profils : rejoignez les
  équipes '
date: 2021-03-01 10:10:00 +01:00
published: false
categories:
- Article
tags:
  - Open data
  - \"Entrepreneurs d'Intérêt \\u00e9 \\\" Général\"
chapeau-text: |-
  <figure class='x'>
    deux

  Texte [x](y){: .a}
plain: Il était une fois
  un texte plié, et
  encore une ligne
une-ou-diaporama:
- image: \"/uploads/a.jpg\"
  alternative-textuelle: |
    Une vue
- image:
  legende: ~
une:
  image: /uploads/b.png

acces:
- type: Métro
  lignes:
  - nom: 'Ligne 1'
  - nom: 22
last:
";

    #[test]
    fn what_tools_write_is_read_without_the_full_parser() {
        assert_eq!(read(WRITTEN_BY_TOOLS), Some(full(WRITTEN_BY_TOOLS).unwrap()));
    }

    #[test]
    fn what_is_not_sure_is_left_to_the_full_parser() {
        for text in [
            "a: [b]\n",
            "a: &x b\n",
            "a: b # c\n",
            "a: b\na: c\n",
            "a: b: c\n",
            "a: >\n  b\n",
            "a: |+\n  b\n\n",
            "a:\tb\n",
            "a: 'b\n",
            "a: 'b' c\n",
            "a: \"\\a\"\n",
            "a: \"b \\\n  c\"\n",
            "a: b\n\n  c\n",
            "- a\n",
            "a: b",
            "'a': b\n",
            "null: b\n",
            "a: b\r\n",
            "a: b\u{2028}c\n",
            "a:\n    b: c\n  d: e\n",
            "# x\na: b\n",
            "a: b\n  - c\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    mod property {
        use proptest::prelude::*;

        use super::{WRITTEN_BY_TOOLS, read};
        use crate::yaml::full;

        /// Scraps that are likely to matter, and scraps of free text.
        fn scrap() -> impl Strategy<Value = String> {
            prop_oneof![
                6 => prop::sample::select(vec![
                    "a", "b:", "key: ", "- ", "-", ": ", " #", "#", "'", "''", "\"", "\\", "\\n", "\\u00e9", "|",
                    "|-", "|+", ">", "\n", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "\nc: ", "\nd:\n", " ",
                    "  ", "~", "null", "true", "007", "1.5", "[", "]", "{", "}", ",", "&a", "*a", "!t", "%", "@",
                    "`", "?", "? ", "---", "...", "é", "\u{a0}", "\u{85}", "\u{2028}", "\t", "\r\n", "<<: ",
                ]).prop_map(str::to_owned),
                1 => "[a-z :'\"#-]{0,6}",
            ]
        }

        fn agree(text: &str) -> Result<(), TestCaseError> {
            if let Some(map) = read(text) {
                let full = full(text);
                prop_assert_eq!(Ok(map), full, "{:?}", text);
            }
            Ok(())
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(4_000))]

            #[test]
            fn the_two_parsers_never_differ(scraps in prop::collection::vec(scrap(), 0..24)) {
                agree(&format!("k: {}\n", scraps.concat()))?;
            }

            #[test]
            fn nor_on_what_tools_write_with_a_slip_in_it(at in 0..WRITTEN_BY_TOOLS.len(), cut in 0..4_usize, scrap in scrap()) {
                let whole = |mut at: usize| {
                    while !WRITTEN_BY_TOOLS.is_char_boundary(at) { at -= 1; }
                    at
                };
                let (from, to) = (whole(at), whole((at + cut).min(WRITTEN_BY_TOOLS.len())));
                agree(&format!("{}{scrap}{}", &WRITTEN_BY_TOOLS[..from], &WRITTEN_BY_TOOLS[to..]))?;
            }
        }
    }
}
