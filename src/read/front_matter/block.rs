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
        let end = rest[at..].find('\n').map_or(rest.len(), |i| at + i + 1);
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

fn is_fence(line: &str) -> bool {
    (line.starts_with("---") || line.starts_with("...")) && line[3..].trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::{Split, split};

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
