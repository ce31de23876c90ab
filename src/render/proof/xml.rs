//! Reads an XML feed back in one pass, as strictly as the strictest reader would.
//!
//! A [`Dialect`] says where the entries of a format are and which of its elements and attributes
//! say something. Each of these must be met with the value that is expected next under its name,
//! and none may be left over; all else must be well-formed.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{Flaw, is_date, is_forbidden};

/// What is to be held in a format.
#[derive(Debug)]
pub struct Dialect {
    /// The elements around an entry, from the root on, and its own.
    pub path: &'static [&'static str],
    /// `element` or `element@attribute`, anywhere in an entry and right below the feed.
    pub held: &'static [&'static str],
}

/// What a reader is to see, by the names of a dialect; in the order of the document where a name
/// is there more than once.
pub type Fields<'a> = Vec<(&'static str, Value<'a>)>;

/// What a field is to say.
#[derive(Debug)]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    Rfc822(DateTime<FixedOffset>),
    Rfc3339(DateTime<FixedOffset>),
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for Value<'a> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Value<'_> {
    fn is(&self, octets: &[u8]) -> bool {
        let date = |read: fn(&str) -> chrono::ParseResult<DateTime<FixedOffset>>| {
            std::str::from_utf8(octets).ok().and_then(|text| read(text).ok())
        };
        match self {
            Self::Text(text) => text.as_bytes() == octets,
            Self::Rfc822(own) => date(DateTime::parse_from_rfc2822).is_some_and(|read| is_date(&read, own)),
            Self::Rfc3339(own) => date(DateTime::parse_from_rfc3339).is_some_and(|read| is_date(&read, own)),
        }
    }
}

/// Holds a document against what its head is to say, and each of its entries.
pub fn hold<'a>(
    document: &str,
    dialect: &Dialect,
    head: Fields<'a>,
    entries: impl ExactSizeIterator<Item = Fields<'a>>,
) -> Result<(), Flaw> {
    let wanted = entries.len();
    let mut proof = Proof {
        dialect,
        entries,
        begun: 0,
        head: Expected::of(head),
        entry: None,
        field: None,
        text: Vec::new(),
        depth: 0,
        prefixes: vec![b"xml".to_vec(), b"xmlns".to_vec()],
        is_over: false,
    };
    let mut reader = Reader::from_str(document);
    let found = loop {
        let step = match reader.read_event() {
            Ok(Event::Eof) => break proof.end(wanted),
            Ok(Event::Start(tag)) => proof.start(&tag),
            Ok(Event::Empty(tag)) => proof.start(&tag).and_then(|()| proof.close()),
            Ok(Event::End(_)) => proof.close(),
            Ok(Event::Text(text)) if text.contains(&b'>') => Err("a `>` stands in text".to_owned()),
            Ok(Event::Text(text)) => proof.text(&text),
            Ok(Event::CData(text)) if proof.depth > 0 => proof.text(&text),
            Ok(Event::GeneralRef(reference)) => proof.reference(&reference),
            Ok(Event::Decl(_)) if !proof.is_over => Ok(()),
            Ok(Event::PI(_)) if proof.depth == 0 => Ok(()),
            Ok(event) => Err(format!("it holds {event:?}")),
            Err(error) => Err(error.to_string()),
        };
        if let Err(what) = step {
            break Err(what);
        }
    };
    found.map_err(|what| Flaw { entry: proof.entry.as_ref().map(|_| proof.begun - 1), what })
}

struct Proof<'d, 'a, E> {
    dialect: &'d Dialect,
    entries: E,
    /// How many entries have begun.
    begun: usize,
    head: Expected<'a>,
    /// The entry that is open.
    entry: Option<Expected<'a>>,
    /// The place of the field that is open among those expected.
    field: Option<usize>,
    /// What it has said so far.
    text: Vec<u8>,
    depth: usize,
    /// All are declared by the root.
    prefixes: Vec<Vec<u8>>,
    is_over: bool,
}

impl<'a, E: Iterator<Item = Fields<'a>>> Proof<'_, 'a, E> {
    fn start(&mut self, tag: &BytesStart) -> Result<(), String> {
        let name = tag.name();
        let name = name.as_ref();
        if self.is_over || self.field.is_some() {
            return Err(format!("the element `{}` is out of place", shown(name)));
        }
        self.depth += 1;
        let path = self.dialect.path;
        let is_entry = path.last().is_some_and(|entry| entry.as_bytes() == name);
        if self.depth < path.len() && path[self.depth - 1].as_bytes() != name
            || is_entry && self.depth != path.len()
        {
            return Err(format!("the element `{}` is out of place", shown(name)));
        }
        if is_entry {
            let fields = self.entries.next().ok_or("an entry too many is read back")?;
            self.entry = Some(Expected::of(fields));
            self.begun += 1;
        }
        if tag.len() > name.len() {
            self.attributes(tag, name)?;
        }
        self.prefix(name)?;
        if self.is_heard() && self.dialect.held.iter().any(|held| held.as_bytes() == name) {
            self.field = Some(self.expected().next(name, b"")?);
            self.text.clear();
        }
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart, element: &[u8]) -> Result<(), String> {
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let key = attribute.key.as_ref();
            let value = std::str::from_utf8(&attribute.value).map_err(|error| error.to_string())?;
            if value.contains('<') {
                return Err(format!("a `<` stands in the attribute `{}`", shown(key)));
            }
            let value = unescape(value).map_err(|error| error.to_string())?;
            if self.depth == 1
                && let Some(prefix) = key.strip_prefix(b"xmlns:")
            {
                self.prefixes.push(prefix.to_vec());
            }
            self.prefix(key)?;
            let is_held = |held: &&str| {
                let held = held.as_bytes();
                let at = element.len();
                held.len() == at + 1 + key.len()
                    && held.starts_with(element)
                    && held[at] == b'@'
                    && held.ends_with(key)
            };
            if self.is_heard() && self.dialect.held.iter().any(is_held) {
                let expected = self.expected();
                let at = expected.next(element, key)?;
                expected.met(at, value.as_bytes())?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        if let Some(at) = self.field.take() {
            let text = std::mem::take(&mut self.text);
            self.expected().met(at, &text)?;
            self.text = text;
        }
        if self.depth == self.dialect.path.len()
            && let Some(entry) = &self.entry
        {
            entry.all_met()?;
            self.entry = None;
        }
        self.depth -= 1;
        self.is_over = self.depth == 0;
        Ok(())
    }

    fn text(&mut self, octets: &[u8]) -> Result<(), String> {
        if self.field.is_some() {
            self.text.extend_from_slice(octets);
        } else if self.depth == 0 && !octets.trim_ascii().is_empty() {
            return Err("text stands outside of the feed".to_owned());
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef) -> Result<(), String> {
        let unknown = || format!("the reference `&{};` is unknown", shown(reference));
        if self.depth == 0 {
            return Err(unknown());
        }
        if reference.starts_with(b"#") {
            let c = reference.resolve_char_ref().ok().flatten().filter(|c| !is_forbidden(*c));
            return self.text(c.ok_or_else(unknown)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        let name = std::str::from_utf8(reference).ok();
        self.text(name.and_then(resolve_predefined_entity).ok_or_else(unknown)?.as_bytes())
    }

    fn end(&mut self, wanted: usize) -> Result<(), String> {
        if !self.is_over {
            return Err("it ends too early".to_owned());
        }
        if self.begun != wanted {
            return Err(format!("{} entries are read back, not {wanted}", self.begun));
        }
        self.head.all_met()
    }

    /// Whether what stands here is said by an entry, or by the feed itself.
    fn is_heard(&self) -> bool {
        self.entry.is_some() || self.depth == self.dialect.path.len()
    }

    fn expected(&mut self) -> &mut Expected<'a> {
        self.entry.as_mut().unwrap_or(&mut self.head)
    }

    fn prefix(&self, name: &[u8]) -> Result<(), String> {
        match memchr::memchr(b':', name) {
            Some(colon) if !self.prefixes.iter().any(|known| *known == name[..colon]) => {
                Err(format!("the prefix of `{}` is not declared", shown(name)))
            }
            _ => Ok(()),
        }
    }
}

/// What is to be met, and what of it was.
struct Expected<'a> {
    fields: Fields<'a>,
    met: Vec<bool>,
}

impl<'a> Expected<'a> {
    fn of(fields: Fields<'a>) -> Self {
        Self { met: vec![false; fields.len()], fields }
    }

    /// The first field under this name that was not met yet.
    fn next(&self, element: &[u8], attribute: &[u8]) -> Result<usize, String> {
        let is_it = |name: &str| match name.split_once('@') {
            Some((own, of)) => own.as_bytes() == element && of.as_bytes() == attribute,
            None => name.as_bytes() == element && attribute.is_empty(),
        };
        let mut open = self.fields.iter().zip(&self.met);
        open.position(|((name, _), met)| !met && is_it(name))
            .ok_or_else(|| format!("a `{}` too many is read back", shown(element)))
    }

    fn met(&mut self, at: usize, octets: &[u8]) -> Result<(), String> {
        let (name, value) = &self.fields[at];
        if !value.is(octets) {
            return Err(format!("its `{name}` is read back as {:?}", shown(octets)));
        }
        self.met[at] = true;
        Ok(())
    }

    fn all_met(&self) -> Result<(), String> {
        match self.fields.iter().zip(&self.met).find(|(_, met)| !**met) {
            Some(((name, _), _)) => Err(format!("its `{name}` is not read back")),
            None => Ok(()),
        }
    }
}

/// For a message: not all of a long text.
fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).chars().take(120).collect()
}
