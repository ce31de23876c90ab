//! Attribute lists: `{: .class #id key="value" reference}`.
//!
//! A list that holds nothing readable gives no attribute; it is never an error.

use std::collections::HashMap;

/// More attributes than an element ever has: looking one up stays cheap.
const MOST_ATTRIBUTES: usize = 64;

/// Attributes of an element, in the order in which they were first given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Gives an attribute, in place of the value it had.
    pub fn set(&mut self, name: &str, value: String) {
        if let Some((_, old)) = self.0.iter_mut().find(|(key, _)| key == name) {
            *old = value;
        } else if self.0.len() < MOST_ATTRIBUTES {
            self.0.push((name.to_owned(), value));
        }
    }

    /// How many octets all values take.
    pub fn length(&self) -> usize {
        self.0.iter().map(|(_, value)| value.len()).sum()
    }

    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Adds to the classes.
    pub fn add_class(&mut self, class: &str) {
        match self.0.iter_mut().find(|(key, _)| key == "class") {
            Some((_, old)) => {
                old.push(' ');
                old.push_str(class);
            }
            None => self.0.push(("class".to_owned(), class.to_owned())),
        }
    }

    /// Takes over what a list says, the lists it refers to first; classes add up.
    pub fn apply(&mut self, list: &AttributeList, named: &HashMap<String, AttributeList>) {
        // A named list may refer to others, or to itself: one level is what people write.
        for reference in &list.references {
            if let Some(other) = named.get(reference) {
                self.take_over(&other.attributes);
            }
        }
        self.take_over(&list.attributes);
    }

    fn take_over(&mut self, other: &Attributes) {
        for (key, value) in other.iter() {
            if key == "class" {
                self.add_class(value);
            } else {
                self.set(key, value.to_owned());
            }
        }
    }
}

/// An attribute list as written, its references to named lists not yet resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeList {
    pub attributes: Attributes,
    pub references: Vec<String>,
}

impl AttributeList {
    /// Reads what stands between `{:` and `}` and adds it; `false` when nothing in it is readable.
    ///
    /// The list is a row of words; a word that is neither `key="value"`, nor `.class` and `#id` in
    /// any number, nor the name of another list, is skipped, as in kramdown.
    pub fn read(&mut self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut found = false;
        let mut at = 0;
        loop {
            while at < bytes.len() && is_space(bytes[at]) {
                at += 1;
            }
            if at >= bytes.len() {
                return found;
            }
            if let Some(end) = self.word(text, at) {
                found = true;
                at = end;
            } else {
                while at < bytes.len() && !is_space(bytes[at]) {
                    at += 1;
                }
            }
        }
    }

    pub fn refers_to(&self, name: &str) -> bool {
        self.references.iter().any(|r| r == name)
    }

    /// Adds another list to this one.
    pub fn add(&mut self, other: &AttributeList) {
        self.references.extend(other.references.iter().cloned());
        self.attributes.take_over(&other.attributes);
    }

    /// Reads the word at `at`; gives its end.
    fn word(&mut self, text: &str, at: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let ends = |end: usize| end == bytes.len() || is_space(bytes[end]);
        let name = name_length(&bytes[at..]);
        if name > 0 {
            let key = &text[at..at + name];
            if let [b'=', quote @ (b'"' | b'\''), ..] = bytes[at + name..] {
                let start = at + name + 2;
                let end = (start..bytes.len()).find(|&end| {
                    bytes[end] == quote && ends(end + 1) && (end == start || bytes[end - 1] != b'\\')
                })?;
                let quote = char::from(quote);
                let value =
                    text[start..end].replace("\\}", "}").replace(&format!("\\{quote}"), &quote.to_string());
                self.attributes.set(key, value);
                return Some(end + 1);
            }
            return ends(at + name).then(|| {
                self.references.push(key.to_owned());
                at + name
            });
        }
        let end = (at..bytes.len()).find(|&end| is_space(bytes[end])).unwrap_or(bytes.len());
        let parts = marks(&text[at..end])?;
        for (mark, value) in parts {
            if mark == b'#' {
                self.attributes.set("id", value.to_owned());
            } else {
                self.attributes.add_class(value);
            }
        }
        Some(end)
    }
}

/// Splits `.one#two.three`; `None` when any part is not well formed.
fn marks(word: &str) -> Option<Vec<(u8, &str)>> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(&mark) = rest.as_bytes().first() {
        if !matches!(mark, b'.' | b'#') {
            return None;
        }
        let body = &rest[1..];
        let length = body.find(['.', '#']).unwrap_or(body.len());
        let value = &body[..length];
        let sound = if mark == b'.' {
            !value.is_empty()
        } else {
            value.starts_with(|c: char| c.is_ascii_alphabetic())
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))
        };
        if !sound {
            return None;
        }
        parts.push((mark, value));
        rest = &body[length..];
    }
    Some(parts)
}

/// The length of a name: a letter, digit or `_`, then also `-`.
pub fn name_length(bytes: &[u8]) -> usize {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !bytes.first().is_some_and(|&b| word(b)) {
        return 0;
    }
    bytes.iter().position(|&b| !word(b) && b != b'-').unwrap_or(bytes.len())
}

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::AttributeList;

    fn read(text: &str) -> String {
        let mut list = AttributeList::default();
        list.read(text);
        let mut said: Vec<String> = list.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
        said.extend(list.references.iter().map(|r| format!("&{r}")));
        said.join(" ")
    }

    #[test]
    fn words_that_are_not_attributes_are_skipped() {
        for (text, said) in [
            (" .a .b", "class=a b"),
            (".a.b#c", "class=a b id=c"),
            ("target=\"_blank\" .x", "target=_blank class=x"),
            ("target=_\"blank\"", ""),
            (" : .noir .encadré", "class=noir encadré"),
            ("toc", "&toc"),
            ("title='l\\'une'", "title=l'une"),
            ("a=\"b\"c", ""),
            ("\n  target=\"_blank\"", "target=_blank"),
        ] {
            assert_eq!(read(text), said, "{text:?}");
        }
    }
}
