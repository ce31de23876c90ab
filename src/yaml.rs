//! The only room that names the YAML crate: a block of YAML to a tree of plain values.
//!
//! Every scalar keeps the text that the editor wrote (`007`, `1.10` and `No` stay what they are on
//! the page); what it means is decided where it is used. A key given twice is an error, never a
//! choice. Merge keys (`<<`) are followed as Ruby's Psych does, since Jekyll reads them so.
//!
//! Hostile input: `serde_yaml` is quadratic in unclosed `[` and `{`, so a scan refuses more than
//! 100 of them before the parser sees anything; callers cap the length. Aliases and depth are
//! limited by the parser itself.

mod plain;
mod raw;

use std::borrow::Cow;
use std::fmt;

use serde::de;

/// A value as it was written, borrowed from the text where nothing had to be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node<'t> {
    /// Nothing, `~` or `null`.
    Null,
    /// Any scalar, quotes and folding undone.
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    Map(Map<'t>),
}

/// Keys and values in the order of the file, each key once. Keys that are not scalars are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Map<'t>(pub Vec<(Cow<'t, str>, Node<'t>)>);

/// Why a text is not the YAML that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Counted from 1 at the beginning of the text handed in.
    pub line: Option<u32>,
    /// Lower case, without a full stop, without a position.
    pub what: String,
}

/// How many `[` and `{` may be open at once.
pub const OPEN_BRACKETS: usize = 100;

/// Reads one YAML document whose top is a mapping; an empty document is an empty mapping.
pub fn parse(text: &str) -> Result<Map<'_>, YamlError> {
    match plain::read(text) {
        Some(map) => Ok(map),
        None => full(text),
    }
}

/// Everything that YAML is, through the crate.
fn full(text: &str) -> Result<Map<'static>, YamlError> {
    refuse_deep_brackets(text)?;
    match raw::read(text).map_err(|error| explain(&error, text))? {
        Node::Map(map) => Ok(map),
        Node::Null => Ok(Map::default()),
        Node::Text(_) => Err(YamlError::at(1, "it is a bare text, not a list of `key: value`")),
        Node::List(_) => Err(YamlError::at(1, "it is a list, not a list of `key: value`")),
    }
}

/// Reads a whole document into the shape of `T`, for settings: an unknown key is an error there.
pub fn settings<T: de::DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    refuse_deep_brackets(text)?;
    T::deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let mut error = explain(&error, text);
        for number in ["usize", "u32", "u8"] {
            error.what =
                error.what.replace(&format!("expected {number}"), "expected a whole number, 0 or more");
        }
        error
    })
}

/// The line, counted from 1, that writes the setting `key`, such as `smtp.time_outs.dot`; of a key
/// inside brackets or a list, the line of the innermost mapping above it. `None` if it is not written.
pub fn line_of(text: &str, key: &str) -> Option<u32> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut found, mut deeper) = (None, 0);
    for name in key.split(['.', '[']) {
        let from = found.map_or(0, |at: usize| at + 1);
        // A section ends where a line is no deeper than its name.
        let section = lines[from..].iter().take_while(|line| {
            let line = line.trim_end();
            line.is_empty() || line.trim_start().starts_with('#') || indent(line) >= deeper
        });
        let Some(at) = section.into_iter().position(|line| names_key(line, name)) else { break };
        found = Some(from + at);
        deeper = indent(lines[from + at]) + 1;
    }
    found.and_then(|at| u32::try_from(at + 1).ok())
}

impl Node<'_> {
    /// The scalar's text; `None` for nothing, lists and mappings.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    fn into_owned(self) -> Node<'static> {
        match self {
            Self::Null => Node::Null,
            Self::Text(text) => Node::Text(text.into_owned().into()),
            Self::List(items) => Node::List(items.into_iter().map(Self::into_owned).collect()),
            Self::Map(map) => Node::Map(map.into_owned()),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What the value is, in the words of a message to an editor.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl<'t> Node<'t> {
    pub fn map(&self) -> Option<&Map<'t>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl<'t> Map<'t> {
    /// The same, whatever becomes of the text it was read from.
    pub fn into_owned(self) -> Map<'static> {
        Map(self.0.into_iter().map(|(key, value)| (key.into_owned().into(), value.into_owned())).collect())
    }

    /// The value of `key`, unless it is absent or null (which Jekyll treats alike).
    pub fn get(&self, key: &str) -> Option<&Node<'t>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value).filter(|v| !v.is_null())
    }

    /// The scalar text of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// Whether `key` is written at all, be it with nothing after it.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }
}

impl YamlError {
    fn at(line: u32, what: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into() }
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for YamlError {}

fn refuse_deep_brackets(text: &str) -> Result<(), YamlError> {
    let mut open = 0_usize;
    let mut line = 1;
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > OPEN_BRACKETS {
            return Err(YamlError::at(line, format!("more than {OPEN_BRACKETS} open [ or {{")));
        }
    }
    Ok(())
}

/// Strips the positions that the parser mixes into its sentences; the line is told apart.
fn explain(error: &serde_yaml::Error, text: &str) -> YamlError {
    let mut line = error.location().map(|at| u32::try_from(at.line()).unwrap_or(u32::MAX));
    let mut what = error.to_string();
    if let Some(key) = what.split_once(TWICE).and_then(|(before, _)| before.rsplit_once("the key `")) {
        // The parser only knows where the mapping begins.
        let second = text.lines().enumerate().filter(|(_, line)| names_key(line, key.1)).nth(1);
        line = second.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)).or(line);
    }
    while let Some(from) = what.find(" at line ") {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let mut end = from + " at line ".len();
        end += digits(&what[end..]);
        if what[end..].starts_with(" column ") {
            end += " column ".len();
            end += digits(&what[end..]);
        }
        what.replace_range(from..end, "");
    }
    if what.contains("more than one document") {
        // A key that is not in the column of the others ends the mapping, and so the document.
        "a key stands in another column than the first one".clone_into(&mut what);
    }
    YamlError { line, what }
}

const TWICE: &str = "` is given twice";

fn names_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches([' ', '-', '"', '\'']);
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::{Node, parse};

    fn text(source: &str, key: &str) -> String {
        parse(source).unwrap().text(key).unwrap().to_owned()
    }

    #[test]
    fn a_scalar_keeps_its_spelling() {
        for spelled in ["007", "1.10", "No", "1e999", "0x1F", "+5", "TRUE", "2026-11-22", ".5"] {
            assert_eq!(text(&format!("a: {spelled}\n"), "a"), spelled);
        }
        assert_eq!(text("a: [x, 1.50, {b: 1}]\nc: True", "c"), "True");
        assert_eq!(text("a: 'it''s'", "a"), "it's");
    }

    #[test]
    fn nothing_is_null_and_a_quoted_null_is_text() {
        let map = parse("a:\nb: ~\nc: null\nd: 'null'\n").unwrap();
        for key in ["a", "b", "c"] {
            assert!(map.get(key).is_none() && map.has(key), "{key}");
        }
        assert_eq!(map.text("d"), Some("null"));
    }

    #[test]
    fn a_key_given_twice_is_refused_with_its_line() {
        let error = parse("title: a\nb: 1\ntitle: c\n").unwrap_err();
        assert!(error.what.contains("`title` is given twice"), "{error}");
        assert_eq!(error.line, Some(3));
    }

    #[test]
    fn errors_name_the_line_once() {
        let error = parse("title: x\ntags:\n\t- a\n").unwrap_err();
        assert_eq!(error.line, Some(3));
        assert!(!error.what.contains("line"), "{error}");
    }

    #[test]
    fn keys_that_are_not_scalars_are_dropped() {
        let map = parse("? [a, b]\n: 1\n12: x\nnull: z\ntitle: t\n").unwrap();
        assert_eq!(map.text("title"), Some("t"));
        assert_eq!(map.text("12"), Some("x"));
        assert_eq!(map.0.len(), 2);
    }

    #[test]
    fn merged_keys_never_replace_written_ones() {
        let map = parse("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\n").unwrap();
        let more = map.get("more").and_then(Node::map).unwrap();
        assert_eq!((more.text("x"), more.text("y")), (Some("1"), Some("3")));
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let alias = |i: usize| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","));
        let laughs: Vec<String> = (1..12).map(alias).collect();
        let deep: Vec<String> = (0..300).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
        for bomb in [
            format!("a0: &a0 [lol]\n{}", laughs.concat()),
            "title: &t [*t]\n".to_owned(),
            format!("x: {}{}\n", "[".repeat(30_000), "]".repeat(2_000)),
            deep.concat(),
            "t: !ruby/object:Gem::Requirement [x]\n".to_owned(),
        ] {
            assert!(parse(&bomb).is_err(), "{}", bomb.chars().take(40).collect::<String>());
        }
    }

    #[test]
    fn only_a_mapping_is_taken() {
        assert!(parse("just a text\n").is_err());
        assert!(parse("- a\n- b\n").is_err());
        assert!(parse("").unwrap().0.is_empty());
        assert!(parse("# a remark\n").unwrap().0.is_empty());
    }
}
