//! ASCII file names for topics in any script, no two alike.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::entry::hex;

/// The readable part of a topic's file name: lower-case ASCII letters and digits joined by single
/// hyphens, accents dropped; empty when nothing of the topic can be written so.
#[must_use]
pub fn slug(topic: &str) -> String {
    let mut out = String::new();
    for c in topic.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        let letters = match c {
            'a'..='z' | '0'..='9' => {
                out.push(c);
                continue;
            }
            'œ' => "oe",
            'æ' => "ae",
            'ß' => "ss",
            'ø' => "o",
            'ł' => "l",
            'đ' | 'ð' => "d",
            'þ' => "th",
            'ı' => "i",
            _ => {
                if !out.is_empty() && !out.ends_with('-') {
                    out.push('-');
                }
                continue;
            }
        };
        out.push_str(letters);
    }
    out.truncate(60);
    out.trim_end_matches('-').to_owned()
}

/// Gives each topic a slug of its own.
///
/// The first topic to ask for a slug keeps it plain; one that comes later and would share it (`C`
/// and `C++`, `pêche` and `péché`) gets eight digits of its own hash behind it, as does a topic that
/// has no ASCII letter at all. Asked in the order in which topics first appeared on the site, a
/// new topic therefore never takes the file of an old one.
#[derive(Debug, Default)]
pub struct Slugs {
    taken: BTreeMap<String, String>,
}

impl Slugs {
    /// The slug of a topic; the same topic always gets the same one.
    pub fn of(&mut self, topic: &str) -> String {
        let plain = slug(topic);
        if !plain.is_empty() {
            match self.taken.get(&plain) {
                Some(owner) if owner == topic => return plain,
                Some(_) => {}
                None => {
                    self.taken.insert(plain.clone(), topic.to_owned());
                    return plain;
                }
            }
        }
        let hash = digest(&SHA256, topic.as_bytes());
        let mark = hex(&hash.as_ref()[..4]);
        if plain.is_empty() { mark } else { format!("{plain}-{mark}") }
    }
}

#[cfg(test)]
mod tests {
    use super::{Slugs, slug};

    #[test]
    fn topics_become_readable_ascii() {
        for (topic, expected) in [
            ("Économie sociale", "economie-sociale"),
            ("  Œuvres & cætera ", "oeuvres-caetera"),
            ("l’État", "l-etat"),
            ("R&D", "r-d"),
            ("50 %", "50"),
            ("Straße", "strasse"),
            ("ＡＢＣ", "abc"),
            ("日本", ""),
            ("+++", ""),
            ("../../etc", "etc"),
        ] {
            assert_eq!(slug(topic), expected, "{topic:?}");
        }
    }

    #[test]
    fn no_two_topics_share_a_file() {
        let topics = ["pêche", "péché", "peche", "C", "C++", "日本", "中国", "!!!"];
        let mut slugs = Slugs::default();
        let given: std::collections::BTreeSet<String> = topics.iter().map(|t| slugs.of(t)).collect();
        assert_eq!(given.len(), topics.len());
        assert_eq!(slugs.of("pêche"), "peche");
        assert_eq!(slugs.of("péché"), slugs.of("péché"));
        assert!(given.iter().all(|s| !s.is_empty() && s.is_ascii()));
    }
}
