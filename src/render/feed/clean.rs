//! Characters that no feed may carry, taken out of text and of HTML.
//!
//! One vertical tab pasted from a PDF makes a whole XML feed unreadable, and some are legal in XML
//! 1.0 and still choke readers. What is left is NFC, without C0 and C1 controls but line feed and
//! tab, without U+FFFD, byte order marks and noncharacters.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Plain text for one field: forbidden characters gone, surrounding white space and combining marks
/// that have nothing to combine with gone.
#[must_use]
pub fn clean_text(text: &str) -> Cow<'_, str> {
    if is_plainly_clean(text) {
        return Cow::Borrowed(text.trim());
    }
    let kept = without_forbidden(text);
    let trimmed = kept.trim_start_matches(|c: char| c.is_whitespace() || is_combining_mark(c)).trim_end();
    Cow::Owned(trimmed.nfc().collect())
}

/// A fragment of HTML: the same characters gone, its markup intact.
#[must_use]
pub fn clean_html(html: &str) -> Cow<'_, str> {
    if is_plainly_clean(html) {
        return Cow::Borrowed(html);
    }
    let kept = without_forbidden(html);
    if is_nfc_quick(kept.chars()) == IsNormalized::Yes {
        return kept;
    }
    // U+0338 composes with `<`, `>` and `=` into another character, which would eat a tag's edge.
    let mut safe = String::with_capacity(kept.len());
    for c in kept.chars() {
        if !(c == '\u{338}' && safe.ends_with(['<', '>', '='])) {
            safe.push(c);
        }
    }
    Cow::Owned(safe.nfc().collect())
}

/// Whether a glance at the octets is enough: ASCII, the Latin letters below U+0300 and general
/// punctuation from U+2002 on, which no rule here touches. That is nearly all text in French.
fn is_plainly_clean(text: &str) -> bool {
    let octets = text.as_bytes();
    // One question of all octets of a part, so that processors take many at a time.
    let is_odd = |octet: u8| matches!(octet, 0..=8 | 11..=31 | 0x7f | 0xcc..=0xe1 | 0xe3..);
    if octets.chunks(4096).any(|part| part.iter().fold(false, |found, octet| found | is_odd(*octet))) {
        return false;
    }
    // U+00A0 to U+00BF: controls share their first octet.
    memchr::memchr2_iter(0xc2, 0xe2, octets).all(|at| match octets[at] {
        0xc2 => octets[at + 1] >= 0xa0,
        _ => matches!(octets[at + 1..at + 3], [0x80, 0x82..=0xbf] | [0x81 | 0x82, _]),
    })
}

fn without_forbidden(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_forbidden) {
        Cow::Owned(text.chars().filter(|c| !is_forbidden(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_forbidden(c: char) -> bool {
    match c {
        '\n' | '\t' | ' '..='~' | '\u{a0}'..='\u{fdcf}' => false,
        '\u{0}'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fffd}' => true,
        _ => u32::from(c) & 0xfffe == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::{clean_html, clean_text};

    #[test]
    fn what_kills_a_feed_is_gone() {
        assert_eq!(clean_text("a\u{b}b\u{8}c\u{80}d\u{fffd}e\u{fdd0}f\u{1ffff}g\u{feff}h\r\n"), "abcdefgh");
        assert_eq!(clean_text("e\u{301}t\u{e9}"), "\u{e9}t\u{e9}");
        assert_eq!(clean_text(" \u{338}x\tl’été\u{a0}!"), "x\tl’été\u{a0}!");
        assert_eq!(clean_text("🇫🇷"), "🇫🇷");
    }

    #[test]
    fn composing_never_eats_a_tag() {
        assert_eq!(clean_html("<p>\u{338}e\u{301}</p>"), "<p>\u{e9}</p>");
        assert!(matches!(clean_html("<p>l’été</p>"), std::borrow::Cow::Borrowed(_)));
    }

    #[test]
    fn the_glance_agrees_with_the_rules() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii()) {
            let text = c.to_string();
            if super::is_plainly_clean(&text) {
                assert_eq!(super::without_forbidden(&text), text, "U+{:04X}", u32::from(c));
                assert_eq!(text.nfc().collect::<String>(), text, "U+{:04X}", u32::from(c));
            }
        }
        assert!(super::is_plainly_clean("« L’été », dit-on\u{a0}: œuvre – 3\u{202f}%…\n"));
        assert!(!super::is_plainly_clean("\u{80}") && !super::is_plainly_clean("\u{2001}"));
    }
}
