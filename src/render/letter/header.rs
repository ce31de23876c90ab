//! Header fields as octets: folded at 76, encoded words that each decode alone.
//!
//! Everything here takes text of any kind and gives printable ASCII, blanks and CRLF-blank folds;
//! a CR or LF that comes in goes out as a blank, so no value can start a field of its own.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_normalization::UnicodeNormalization;

/// The longest line with an encoded word (RFC 2047 2), kept for all folded lines.
const LINE: usize = 76;
/// The longest encoded word (RFC 2047 2).
const WORD: usize = 75;

/// A field of free text: `Subject`.
#[must_use]
pub fn text(name: &str, value: &str) -> String {
    Field::new(name).words(&one_line(value), Place::Text).end()
}

/// A field whose value is a display name and what stands in angle brackets: `From`, `List-ID`.
#[must_use]
pub fn named(name: &str, phrase: &str, bracketed: &str) -> String {
    let phrase = one_line(phrase);
    let field = Field::new(name);
    let field = if phrase.is_empty() {
        field
    } else if phrase.is_ascii() && !phrase.contains("=?") && phrase.len() < WORD {
        field.token(&format!("\"{}\"", phrase.replace('\\', "\\\\").replace('"', "\\\"")))
    } else {
        field.words(&phrase, Place::Phrase)
    };
    field.token(&format!("<{bracketed}>")).end()
}

/// A field of tokens that may stand on lines of their own but are never broken or encoded, since
/// an encoded URI is no URI any more (RFC 2369 2).
#[must_use]
pub fn tokens(name: &str, values: &[String]) -> String {
    let mut field = Field::new(name);
    let last = values.len().saturating_sub(1);
    for (index, value) in values.iter().enumerate() {
        let comma = if index < last { "," } else { "" };
        field = field.token(&format!("{value}{comma}"));
    }
    field.end()
}

/// Text on one line: NFC, every run of blanks and controls a single blank.
#[must_use]
pub fn one_line(value: &str) -> String {
    let spaced: String = value.nfc().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // No-break spaces are letters here; only what could break or fold is squeezed.
    spaced.split([' ', '\u{2028}', '\u{2029}']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Text,
    Phrase,
}

struct Field {
    out: String,
    /// Octets on the current line.
    used: usize,
}

impl Field {
    fn new(name: &str) -> Self {
        Self { out: format!("{name}:"), used: name.len() + 1 }
    }

    /// Appends a blank and the token, on a line of its own where it would not fit. The first token
    /// folds only when a line of its own helps.
    fn token(mut self, token: &str) -> Self {
        let length = width(token);
        if self.used + 1 + length > LINE && 1 + length < self.used + 1 + length && !self.at_line_start() {
            self.out.push_str("\r\n");
            self.used = 0;
        }
        self.out.push(' ');
        self.out.push_str(token);
        self.used += 1 + length;
        self
    }

    fn at_line_start(&self) -> bool {
        self.used <= 1
    }

    /// Appends free text: plain words plain, everything from the first to the last word that needs
    /// it as encoded words, so that the blanks between them survive (RFC 2047 6.2).
    fn words(mut self, value: &str, place: Place) -> Self {
        let words: Vec<&str> = value.split(' ').collect();
        let foreign = |word: &&str| {
            !word.is_ascii() || word.contains("=?") || word.contains("?=") || word.len() > LINE - 2
        };
        let (first, last) = match place {
            Place::Phrase => (Some(0), Some(words.len() - 1)),
            Place::Text => (words.iter().position(foreign), words.iter().rposition(foreign)),
        };
        let (Some(first), Some(last)) = (first, last) else {
            return words.into_iter().fold(self, Field::token);
        };
        for word in &words[..first] {
            self = self.token(word);
        }
        self = self.encoded(&words[first..=last].join(" "));
        for word in &words[last + 1..] {
            self = self.token(word);
        }
        self
    }

    /// Appends encoded words, each made of whole characters.
    fn encoded(mut self, text: &str) -> Self {
        let encoding = Encoding::shorter_for(text);
        let mut rest = text;
        while !rest.is_empty() {
            let here = LINE.saturating_sub(self.used + 1).min(WORD);
            let full = (LINE - 1).min(WORD);
            let mut room = here;
            // Starting a new line is better than a word of a few letters.
            if encoding.fitting(rest, room) < rest.len().min(8) {
                room = full;
            }
            let taken = encoding.fitting(rest, room);
            self = self.token(&encoding.word(&rest[..taken]));
            rest = &rest[taken..];
        }
        self
    }

    fn end(mut self) -> String {
        self.out.push_str("\r\n");
        self.out
    }
}

/// The octets a token takes on the wire; a slot is as wide as what will fill it.
fn width(token: &str) -> usize {
    token.chars().map(|c| if c == super::TOKEN { super::TOKEN_LENGTH } else { c.len_utf8() }).sum()
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Q,
    B,
}

impl Encoding {
    fn shorter_for(text: &str) -> Self {
        if Self::Q.length(text) <= Self::B.length(text) + 8 { Self::Q } else { Self::B }
    }

    /// The length of the encoded word that holds this text.
    fn length(self, text: &str) -> usize {
        "=?utf-8?q??=".len()
            + match self {
                Self::Q => text.bytes().map(|b| if q_safe(b) || b == b' ' { 1 } else { 3 }).sum(),
                Self::B => text.len().div_ceil(3) * 4,
            }
    }

    /// How many octets of `text`, in whole characters and at least one, fit in a word of `room`.
    fn fitting(self, text: &str, room: usize) -> usize {
        let mut fit = 0;
        for (at, letter) in text.char_indices() {
            let end = at + letter.len_utf8();
            if self.length(&text[..end]) > room {
                break;
            }
            fit = end;
        }
        fit
    }

    fn word(self, text: &str) -> String {
        match self {
            Self::B => format!("=?utf-8?b?{}?=", STANDARD.encode(text)),
            Self::Q => {
                let mut payload = String::new();
                for byte in text.bytes() {
                    match byte {
                        b' ' => payload.push('_'),
                        byte if q_safe(byte) => payload.push(char::from(byte)),
                        byte => {
                            let _ = write!(payload, "={byte:02X}");
                        }
                    }
                }
                format!("=?utf-8?q?{payload}?=")
            }
        }
    }
}

/// The octets that stand for themselves even inside a phrase (RFC 2047 5(3)).
fn q_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}
