//! Reads a server's reply out of octets, within bounds: a line of 4 KiB, 100 lines, 64 KiB in all.
//! Pure; feed it what arrived, and it says when the reply is whole.

use crate::mail::outcome::Reply;

const LONGEST_LINE: usize = 4 * 1024;
const MOST_LINES: usize = 100;
const MOST_OCTETS: usize = 64 * 1024;
/// What is kept of the words, in octets: enough for a queue number or a reason.
const KEPT: usize = 200;

/// A reply in the making.
#[derive(Debug, Default)]
pub struct Reading {
    code: Option<u16>,
    lines: Vec<String>,
    octets: usize,
}

/// What is not an SMTP reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    #[error("the server's line is over 4 KiB")]
    LongLine,
    #[error("the server's reply does not end")]
    Endless,
    #[error("the server's answer is not SMTP")]
    NotSmtp,
    #[error("the server's lines contradict each other")]
    Contradiction,
}

impl Reading {
    /// Takes whole lines from the front of `arrived`; gives the reply, with its lines apart, once
    /// the last one is there.
    pub fn take(&mut self, arrived: &mut Vec<u8>) -> Result<Option<(Reply, Vec<String>)>, Nonsense> {
        let mut taken = 0;
        let result = loop {
            let rest = &arrived[taken..];
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
                break if rest.len() > LONGEST_LINE { Err(Nonsense::LongLine) } else { Ok(None) };
            };
            // A bare LF ends a line too: refusing it after the dot would make a copy.
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            match self.line(line) {
                Ok(last) => {
                    taken += end + 1;
                    if last {
                        break Ok(Some(self.finish()));
                    }
                }
                Err(nonsense) => break Err(nonsense),
            }
        };
        arrived.drain(..taken);
        result
    }

    /// Whether this was the last line.
    fn line(&mut self, line: &[u8]) -> Result<bool, Nonsense> {
        if line.len() > LONGEST_LINE {
            return Err(Nonsense::LongLine);
        }
        self.octets += line.len();
        if self.octets > MOST_OCTETS || self.lines.len() >= MOST_LINES {
            return Err(Nonsense::Endless);
        }
        let (code, rest) = line.split_at_checked(3).ok_or(Nonsense::NotSmtp)?;
        if !code.iter().all(u8::is_ascii_digit) {
            return Err(Nonsense::NotSmtp);
        }
        let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        if self.code.is_some_and(|first| first != code) {
            return Err(Nonsense::Contradiction);
        }
        self.code = Some(code);
        let (last, text) = match rest {
            [] => (true, &[][..]),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(Nonsense::NotSmtp),
        };
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        Ok(last)
    }

    fn finish(&mut self) -> (Reply, Vec<String>) {
        let lines = std::mem::take(&mut self.lines);
        let code = self.code.take().unwrap_or(0);
        self.octets = 0;
        let enhanced = lines.first().and_then(|line| enhanced(line, code));
        let mut text = String::new();
        for line in &lines {
            // The enhanced code stands on every line; once is enough.
            let words = match enhanced {
                Some((a, b, c)) => line.strip_prefix(&format!("{a}.{b}.{c}")).unwrap_or(line),
                None => line,
            };
            let words = words.trim();
            if !text.is_empty() && !words.is_empty() {
                text.push(' ');
            }
            text.push_str(words);
        }
        (Reply { code, enhanced, text: clean(&text) }, lines)
    }
}

/// `5.1.1` at the start of a text, if its class is the code's (RFC 2034).
fn enhanced(line: &str, code: u16) -> Option<(u8, u16, u16)> {
    let word = line.split([' ', '\t']).next()?;
    let mut numbers = word.split('.');
    let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
    if numbers.next().is_some() {
        return None;
    }
    let class: u8 = class.parse().ok()?;
    (u16::from(class) == code / 100).then_some(())?;
    Some((class, subject.parse().ok()?, detail.parse().ok()?))
}

/// Foreign words made fit for a terminal and a log: no control characters, no direction marks, at
/// most 200 octets.
pub fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(KEPT));
    for character in text.chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        let shown = if hidden { '\u{fffd}' } else { character };
        if kept.len() + shown.len_utf8() > KEPT {
            break;
        }
        kept.push(shown);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the octets in pieces of one size; the answer must not depend on it.
    fn read(octets: &[u8], piece: usize) -> Result<Option<String>, Nonsense> {
        let (mut reading, mut arrived) = (Reading::default(), Vec::new());
        for octets in octets.chunks(piece.max(1)) {
            arrived.extend_from_slice(octets);
            if let Some((reply, _)) = reading.take(&mut arrived)? {
                return Ok(Some(reply.to_string()));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_reply_is_the_same_however_it_arrives() {
        for (octets, words) in [
            (&b"250 2.0.0 queued as 4F\r\n"[..], Some("250 2.0.0 queued as 4F")),
            (b"250\r\n", Some("250")),
            (b"250 \r\n", Some("250")),
            (b"250-2.0.0 one\r\n250-2.0.0\r\n250 2.0.0 two\r\n", Some("250 2.0.0 one two")),
            (b"250 2.0.0 by LF\n", Some("250 2.0.0 by LF")),
            (b"550 4.1.1 another class is text\r\n", Some("550 4.1.1 another class is text")),
            (b"250-not the end\r\n", None),
            (b"250 not the end", None),
            (b"999 odd\r\n", Some("999 odd")),
            ("250 \u{1b}[31m red\u{202e}\u{0}\r\n".as_bytes(), Some("250 \u{fffd}[31m red\u{fffd}\u{fffd}")),
        ] {
            for piece in [1, 2, 7, octets.len()] {
                assert_eq!(read(octets, piece).unwrap().as_deref(), words, "{octets:?} by {piece}");
            }
        }
    }

    #[test]
    fn nonsense_is_recognised_within_bounds() {
        let endless = b"250-on and on\r\n".repeat(200);
        let heavy = [b"250-".as_slice(), &[b'x'; 4000], b"\r\n"].concat().repeat(50);
        for (octets, nonsense) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Nonsense::NotSmtp),
            (b"\x16\x03\x01\r\n", Nonsense::NotSmtp),
            (b"25\r\n", Nonsense::NotSmtp),
            (b"250?what\r\n", Nonsense::NotSmtp),
            (b"250-a\r\n451 b\r\n", Nonsense::Contradiction),
            (&[b'2'; 5000], Nonsense::LongLine),
            (&endless, Nonsense::Endless),
            (&heavy, Nonsense::Endless),
        ] {
            assert_eq!(read(octets, 1000).unwrap_err(), nonsense);
        }
    }

    #[test]
    fn what_follows_a_reply_stays_for_the_next() {
        let mut arrived = b"250 one\r\n354 two\r\n".to_vec();
        let mut reading = Reading::default();
        assert_eq!(reading.take(&mut arrived).unwrap().unwrap().0.code, 250);
        assert_eq!(arrived, b"354 two\r\n");
        assert_eq!(reading.take(&mut arrived).unwrap().unwrap().0.code, 354);
        assert!(arrived.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_it_panic(octets: Vec<u8>, piece in 1_usize..50) {
            let _ = read(&octets, piece);
        }
    }
}
