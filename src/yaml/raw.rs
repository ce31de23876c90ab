//! What the YAML crate hands over: a tree of texts, in one pass or two.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Map, Node, TWICE};

/// The tree of a whole document.
///
/// # Errors
/// What the crate says.
pub fn read(text: &str) -> Result<Node<'static>, serde_yaml::Error> {
    let tree = Raw::deserialize(serde_yaml::Deserializer::from_str(text))?;
    let tree = if tree.holds_literal() {
        // Numbers and booleans lost their spelling; a second pass, which knows the shape, asks
        // the parser for text wherever the first one met a literal.
        Spelled(&tree).deserialize(serde_yaml::Deserializer::from_str(text))?
    } else {
        tree
    };
    Ok(tree.finish())
}

/// The tree during parsing: literals are marked, keys that are not scalars are still there.
#[derive(Debug)]
enum Raw {
    Null,
    Text(String),
    /// A number or a boolean, whose spelling the first pass does not see.
    Literal,
    List(Vec<Raw>),
    Map(Vec<(Option<String>, Raw)>),
}

impl Raw {
    fn holds_literal(&self) -> bool {
        match self {
            Self::Literal => true,
            Self::Null | Self::Text(_) => false,
            Self::List(items) => items.iter().any(Self::holds_literal),
            Self::Map(entries) => entries.iter().any(|(_, value)| value.holds_literal()),
        }
    }

    fn finish(self) -> Node<'static> {
        match self {
            Self::Null => Node::Null,
            Self::Text(text) => Node::Text(text.into()),
            Self::Literal => unreachable!("the second pass leaves no literal"),
            Self::List(items) => Node::List(items.into_iter().map(Self::finish).collect()),
            Self::Map(entries) => Node::Map(merge(entries)),
        }
    }
}

/// Drops keys that are not scalars and follows `<<`: a merged value never replaces a written one.
fn merge(entries: Vec<(Option<String>, Raw)>) -> Map<'static> {
    let mut map = Map::default();
    let mut merged = Vec::new();
    for (key, value) in entries {
        match key {
            Some(key) if key == "<<" => match value.finish() {
                Node::Map(Map(more)) => merged.extend(more),
                Node::List(maps) => {
                    merged.extend(
                        maps.into_iter()
                            .filter_map(|m| match m {
                                Node::Map(Map(more)) => Some(more),
                                _ => None,
                            })
                            .flatten(),
                    );
                }
                _ => {}
            },
            Some(key) => map.0.push((key.into(), value.finish())),
            None => {}
        }
    }
    for (key, value) in merged {
        if !map.has(&key) {
            map.0.push((key, value));
        }
    }
    map
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Literal)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map: Vec<(Option<String>, Raw)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(Key(key)) = entries.next_key()? {
            if let Some(key) = &key
                && !seen.insert(key.clone())
            {
                return Err(de::Error::custom(format_args!("the key `{key}{TWICE}")));
            }
            map.push((key, entries.next_value()?));
        }
        Ok(Raw::Map(map))
    }
}

/// A key as text; `None` for lists and mappings in the place of a key.
struct Key(Option<String>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_unit<E>(self) -> Result<Key, E> {
                Ok(Key(None))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Key, E> {
                Ok(Key(Some(value.to_string())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Key, E> {
                Ok(Key(Some(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Key, E> {
                Ok(Key(Some(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Key, E> {
                Ok(Key(Some(value.to_string())))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(Key(Some(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Key, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Key(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Key, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Key(None))
            }
        }
        deserializer.deserialize_any(KeyVisitor)
    }
}

/// The second pass over a document whose shape is known.
struct Spelled<'a>(&'a Raw);

impl<'de> DeserializeSeed<'de> for Spelled<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        match self.0 {
            Raw::Null => IgnoredAny::deserialize(deserializer).map(|_| Raw::Null),
            Raw::Text(text) => IgnoredAny::deserialize(deserializer).map(|_| Raw::Text(text.clone())),
            Raw::Literal => String::deserialize(deserializer).map(Raw::Text),
            Raw::List(_) | Raw::Map(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Spelled<'_> {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same document a second time")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let Raw::List(shapes) = self.0 else { return Err(de::Error::custom("the shape changed")) };
        let mut list = Vec::with_capacity(shapes.len());
        for shape in shapes {
            list.extend(items.next_element_seed(Spelled(shape))?);
        }
        // The parser wants to be told that the end was seen.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let Raw::Map(shapes) = self.0 else { return Err(de::Error::custom("the shape changed")) };
        let mut map = Vec::with_capacity(shapes.len());
        for (key, shape) in shapes {
            entries.next_key::<IgnoredAny>()?;
            map.push((key.clone(), entries.next_value_seed(Spelled(shape))?));
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Raw::Map(map))
    }
}
