//! Quoted-printable (RFC 2045 6.7) that knows the slots of a mold.

use super::{TOKEN, TOKEN_LENGTH, TOKEN_OCTET};

/// The longest encoded line, its soft break included.
const LINE: usize = 76;

/// Encodes text with `\n` line ends into lines of at most 76 octets, ended by CRLF. [`TOKEN`] stays
/// a slot, counted at the width of what will fill it and never broken.
///
/// A dot or a `From ` at the beginning of a line is encoded too, so that neither a careless relay
/// nor an mbox changes a letter that is already signed.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        encode_line(line, &mut out);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn encode_line(line: &str, out: &mut Vec<u8>) {
    let mut used = 0;
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let last = letters.peek().is_none();
        let mut bytes = [0; 4];
        let bytes = letter.encode_utf8(&mut bytes).as_bytes();
        let at_start = used == 0;
        let plain = match letter {
            TOKEN => true,
            ' ' | '\t' => !last,
            '=' => false,
            '.' => !at_start,
            'F' => !(at_start && line[at..].starts_with("From ")),
            '!'..='~' => true,
            _ => false,
        };
        let width = match letter {
            TOKEN => TOKEN_LENGTH,
            _ if plain => 1,
            _ => 3 * bytes.len(),
        };
        // Room for the soft break is kept, but for the last letter of a line that fits as it is.
        let limit = if last { LINE } else { LINE - 1 };
        if used + width > limit {
            out.extend_from_slice(b"=\r\n");
            // The letter is looked at again at the start of its new line.
            used = 0;
            let plain = plain && !(letter == '.' || letter == 'F' && line[at..].starts_with("From "));
            used += put(letter, bytes, plain, out);
        } else {
            used += put(letter, bytes, plain, out);
        }
    }
}

fn put(letter: char, bytes: &[u8], plain: bool, out: &mut Vec<u8>) -> usize {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if letter == TOKEN {
        out.push(TOKEN_OCTET);
        return TOKEN_LENGTH;
    }
    if plain {
        out.extend_from_slice(bytes);
        return bytes.len();
    }
    for byte in bytes {
        out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    3 * bytes.len()
}
