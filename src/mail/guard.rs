//! The last look at a letter before the socket.
//!
//! Whatever built it, a letter leaves only as CRLF-ended lines of 7-bit octets, at most 998 long.
//! A bare LF is how messages are smuggled behind a final dot (CVE-2023-51764), and an SMTP library
//! need not stuff a dot after one.

use thiserror::Error;

/// The longest line, without its CRLF (RFC 5321 4.5.3.1.6, RFC 5322 2.1.1).
const LONGEST_LINE: usize = 998;

/// Why a letter may not go on the wire; lines are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    #[error("line {0} of the letter ends in a bare LF")]
    BareLf(usize),
    #[error("line {0} of the letter holds a bare CR")]
    BareCr(usize),
    #[error("line {0} of the letter is over 998 octets long")]
    LongLine(usize),
    #[error("line {0} of the letter holds a control character or an octet above 126")]
    Octet(usize),
    #[error("the letter does not end with CRLF")]
    NoLastLineEnd,
    #[error("the letter has no empty line between header and body")]
    NoBody,
}

/// Passes only what every server takes unchanged.
///
/// # Errors
/// Names the first thing that is wrong and its line.
pub fn check(letter: &[u8]) -> Result<(), Unfit> {
    if !letter.ends_with(b"\r\n") {
        return Err(Unfit::NoLastLineEnd);
    }
    let mut body_found = false;
    let (mut start, mut lines) = (0, 0);
    for end in memchr::memchr_iter(b'\n', letter) {
        lines += 1;
        let Some(line) = letter[start..end].strip_suffix(b"\r") else { return Err(Unfit::BareLf(lines)) };
        body_found |= line.is_empty();
        if line.len() > LONGEST_LINE {
            return Err(Unfit::LongLine(lines));
        }
        start = end + 1;
    }
    // One pass without a branch per octet: letters carry megabytes of base64.
    let strange = letter
        .iter()
        .fold(false, |found, octet| found | !matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    // Each line has its CR by now: one more stands alone.
    if strange || memchr::memchr_iter(b'\r', letter).count() != lines {
        return Err(strange_octet(letter));
    }
    if body_found { Ok(()) } else { Err(Unfit::NoBody) }
}

/// Names the first octet that no letter may hold, in one that is known to have it.
fn strange_octet(letter: &[u8]) -> Unfit {
    let mut number = 1;
    for (at, octet) in letter.iter().enumerate() {
        match octet {
            b'\n' => number += 1,
            b'\r' if letter.get(at + 1) != Some(&b'\n') => return Unfit::BareCr(number),
            b' '..=b'~' | b'\t' | b'\r' => {}
            _ => return Unfit::Octet(number),
        }
    }
    Unfit::NoBody
}

#[cfg(test)]
mod tests {
    use super::{Unfit, check};

    #[test]
    fn only_whole_lines_of_plain_octets_pass() {
        let long = [b"A: b\r\n\r\n".as_slice(), &[b'x'; 999], b"\r\n"].concat();
        for (letter, answer) in [
            (b"A: b\r\n\r\nc\r\n".as_slice(), Ok(())),
            (b"A: b\r\n\r\n.\r\n", Ok(())),
            (b"A: b\r\n\r\nc", Err(Unfit::NoLastLineEnd)),
            (b"A: b\r\n\r\nc\n.\r\nMAIL\r\n", Err(Unfit::BareLf(3))),
            (b"A: b\r\n\r\nc\r.\r\n", Err(Unfit::BareCr(3))),
            (b"A: b\r\n\r\nc\0\r\n", Err(Unfit::Octet(3))),
            (b"A: \xc3\xa9\r\n\r\nc\r\n", Err(Unfit::Octet(1))),
            (b"A: b\r\nc\r\n", Err(Unfit::NoBody)),
            (b"", Err(Unfit::NoLastLineEnd)),
            (&long, Err(Unfit::LongLine(3))),
            (&[b"A: b\r\n\r\n".as_slice(), &[b'x'; 998], b"\r\n"].concat(), Ok(())),
        ] {
            assert_eq!(check(letter), answer, "{:?}", String::from_utf8_lossy(letter));
        }
    }
}
