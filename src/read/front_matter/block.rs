//! Cuts a file into front matter and body, as Jekyll does (`YAML_FRONT_MATTER_REGEXP`).

/// The two parts of an article's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    pub yaml: &'a str,
    pub body: &'a str,
    /// The line on which the body begins, counted from 1; the YAML begins on line 2.
    pub body_line: u32,
}

/// What stands at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split<'a> {
    Found(Block<'a>),
    /// The file does not begin with `---`: a plain file for Jekyll.
    None,
    /// The second `---` is missing.
    Unclosed,
    /// The block is longer than [`MAX_BYTES`].
    TooLong(Block<'a>),
}

/// Octets of front matter that are given to the YAML parser.
pub const MAX_BYTES: usize = 32 * 1024;

/// The line of the file on which the YAML begins.
pub const YAML_LINE: u32 = 2;

/// Cuts at the first line that is `---` or `...` and nothing more.
pub fn split(text: &str) -> Split<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(after) = text.strip_prefix("---") else { return Split::None };
    let Some((first, rest)) = after.split_once('\n') else {
        return if after.trim().is_empty() { Split::Unclosed } else { Split::None };
    };
    if !first.trim().is_empty() {
        return Split::None;
    }
    let mut line = YAML_LINE;
    let mut at = 0;
    while at < rest.len() {
        let end = memchr::memchr(b'\n', &rest.as_bytes()[at..]).map_or(rest.len(), |i| at + i + 1);
        let this = &rest[at..end];
        if is_fence(this) {
            let block = Block { yaml: &rest[..at], body: &rest[end..], body_line: line + 1 };
            return if at > MAX_BYTES { Split::TooLong(block) } else { Split::Found(block) };
        }
        line += 1;
        at = end;
    }
    Split::Unclosed
}

/// A block that is too long only because of an endless list under one of `keys` (tags, categories),
/// with that list cut to its first items; `None` when it is too long for another reason.
///
/// Only the text is cut, before any parser sees it; the lines keep their numbers.
pub fn shortened(block: &Block<'_>, keys: &[&String]) -> Option<String> {
    /// More than any limit on the items themselves, so that it is the limit that speaks.
    const ITEMS: usize = 60;
    let mut out = String::with_capacity(MAX_BYTES);
    let mut items = None;
    for line in block.yaml.split_inclusive('\n') {
        if !line.starts_with([' ', '-']) {
            let of_list =
                keys.iter().any(|key| line.strip_prefix(key.as_str()).is_some_and(|l| l.starts_with(':')));
            items = of_list.then_some(0_usize);
            if of_list && let Some((head, list)) = line.split_once('[') {
                let mut commas = list.match_indices(',').skip(ITEMS - 1);
                if let Some((end, _)) = commas.next().filter(|_| list.trim_end().ends_with(']')) {
                    out.push_str(head);
                    out.push('[');
                    out.push_str(&list[..end]);
                    out.push_str("]\n");
                    continue;
                }
            }
        } else if let Some(count) = items.as_mut().filter(|_| line.trim_start().starts_with("- ")) {
            *count += 1;
            if *count > ITEMS {
                out.push('\n');
                continue;
            }
        }
        out.push_str(line);
    }
    (out.len() <= MAX_BYTES).then_some(out)
}

fn is_fence(line: &str) -> bool {
    (line.starts_with("---") || line.starts_with("...")) && line[3..].trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::{Split, shortened, split};

    fn parts(text: &str) -> Option<(&str, &str, u32)> {
        match split(text) {
            Split::Found(block) => Some((block.yaml, block.body, block.body_line)),
            _ => None,
        }
    }

    #[test]
    fn a_file_is_cut_at_the_second_fence() {
        assert_eq!(parts("---\na: b\n---\nbody\n---\nmore"), Some(("a: b\n", "body\n---\nmore", 4)));
        assert_eq!(parts("\u{feff}--- \na: b\n...\nbody"), Some(("a: b\n", "body", 4)));
        assert_eq!(parts("---\r\na: b\r\n---\r\nbody"), Some(("a: b\r\n", "body", 4)));
        assert_eq!(parts("---\n---\nbody"), Some(("", "body", 3)));
        assert_eq!(parts("---\na: b\n---"), Some(("a: b\n", "", 4)));
    }

    #[test]
    fn an_endless_list_of_tags_is_cut_and_nothing_else() {
        let tags: Vec<String> = (0..10_000).map(|i| format!("tag{i}")).collect();
        let keys = ["tags".to_owned()];
        let keys: Vec<&String> = keys.iter().collect();
        for yaml in [
            format!("title: a\ntags: [{}]\nb: c\n", tags.join(", ")),
            format!("title: a\ntags:\n- {}\nb: c\n", tags.join("\n- ")),
        ] {
            let text = format!("---\n{yaml}---\n");
            let Split::TooLong(block) = split(&text) else { panic!("{:?}", split(&text)) };
            let short = shortened(&block, &keys).unwrap();
            assert!(short.contains("tag59") && !short.contains("tag60") && short.contains("\nb: c"));
            assert_eq!(short.matches('\n').count(), yaml.matches('\n').count());
            let other = text.replace("tags:", "x:");
            let Split::TooLong(block) = split(&other) else { panic!() };
            assert_eq!(shortened(&block, &keys), None);
        }
    }

    #[test]
    fn a_line_that_only_begins_with_a_fence_is_text() {
        assert_eq!(parts("---\na: |\n---x\n ---\n---\nbody"), Some(("a: |\n---x\n ---\n", "body", 6)));
        assert_eq!(split("----\na: b\n---\n"), Split::None);
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(split("# Text\n"), Split::None);
        assert_eq!(split(""), Split::None);
        assert_eq!(split("---\ntitle: half an art"), Split::Unclosed);
        assert_eq!(split("---\rtitle: x\r---\r"), Split::None);
        let long = format!("---\na: {}\n---\nbody", "x".repeat(40_000));
        assert!(matches!(split(&long), Split::TooLong(_)));
    }
}
