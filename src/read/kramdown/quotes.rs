//! Straight quotes, dashes and dots as kramdown sets them: SmartyPants' rules with French text in
//! them, so `l'État` gets `’` and `"mot"` gets `“mot”`.

/// What becomes of a quote: how much of the text before it is kept as it is, what is set in its
/// place, and how much text it took.
pub struct Set {
    pub before: usize,
    pub sign: &'static str,
    pub length: usize,
}

/// Sets the quote at the beginning of a text, or behind its first character. The caller has made
/// sure that there is one.
pub fn quote(rest: &str) -> Set {
    let bytes = rest.as_bytes();
    let at = |i: usize| bytes.get(i).copied();
    let is_quote = |b: Option<u8>| matches!(b, Some(b'"' | b'\''));
    let first = rest.chars().next().map_or(0, char::len_utf8);
    if is_quote(at(0)) {
        let followed_by_emphasis = matches!(at(1), Some(b'_' | b'*')) && at(2).is_some_and(|b| !is_space(b));
        if followed_by_emphasis {
            return opening(0, bytes[0], 1);
        }
        if at(1).is_some_and(is_punctuation) && !rest[2..].starts_with("..") && no_boundary(rest) {
            return closing(0, bytes[0], 1);
        }
    }
    let space = usize::from(at(0).is_some_and(is_space));
    let word_follows = |i: usize| at(i).is_some_and(is_word);
    if at(space) == Some(b'"') && at(space + 1) == Some(b'\'') && word_follows(space + 2) {
        return Set { before: space, sign: "“‘", length: space + 2 };
    }
    if at(space) == Some(b'\'') && at(space + 1) == Some(b'"') && word_follows(space + 2) {
        return Set { before: space, sign: "‘“", length: space + 2 };
    }
    let digit = |i: usize| at(i).is_some_and(|b| b.is_ascii_digit());
    if at(space) == Some(b'\'') && digit(space + 1) && digit(space + 2) && at(space + 3) == Some(b's') {
        return Set { before: space, sign: "’", length: space + 1 };
    }
    if space == 1 && is_quote(at(1)) && word_follows(2) {
        return opening(1, bytes[1], 2);
    }
    let may_close_after =
        !matches!(at(0), Some(b' ' | b'\\' | b'\t' | b'\r' | b'\n' | b'[' | b'{' | b'(' | b'-'));
    if may_close_after && is_quote(at(first)) {
        return closing(first, bytes[first], first + 1);
    }
    if is_quote(at(0)) {
        let ends_word = match at(1) {
            None => true,
            Some(b's') => !rest[2..].starts_with(|c: char| c.is_alphanumeric() || c == '_'),
            Some(b) => is_space(b),
        };
        if ends_word {
            return closing(0, bytes[0], 1);
        }
        // What is left opens; a single quote is looked for before a double one.
        if at(1) == Some(b'\'') {
            return opening(1, b'\'', 2);
        }
        if bytes[0] == b'\'' || at(1) != Some(b'"') {
            return opening(0, bytes[0], 1);
        }
        return opening(1, b'"', 2);
    }
    opening(first, bytes[first], first + 1)
}

fn opening(before: usize, quote: u8, length: usize) -> Set {
    Set { before, sign: if quote == b'"' { "“" } else { "‘" }, length }
}

fn closing(before: usize, quote: u8, length: usize) -> Set {
    Set { before, sign: if quote == b'"' { "”" } else { "’" }, length }
}

/// Whether no word begins or ends behind the punctuation mark that follows a quote.
fn no_boundary(rest: &str) -> bool {
    let mark_is_word = rest.as_bytes()[1] == b'_';
    let next_is_word = rest[2..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    mark_is_word == next_is_word
}

/// A dash, dots or guillemets at the beginning of a text: the sign and how much text it took.
pub fn symbol(rest: &str) -> Option<(&'static str, usize)> {
    const SYMBOLS: [(&str, &str); 9] = [
        ("---", "—"),
        ("--", "–"),
        ("...", "…"),
        ("\\<<", "<<"),
        ("\\>>", ">>"),
        ("<< ", "«\u{a0}"),
        (" >>", "\u{a0}»"),
        ("<<", "«"),
        (">>", "»"),
    ];
    SYMBOLS
        .iter()
        .find(|(written, _)| rest.starts_with(written))
        .map(|(written, sign)| (*sign, written.len()))
}

fn is_space(b: u8) -> bool {
    super::attributes::is_space(b)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_punctuation(b: u8) -> bool {
    b.is_ascii_punctuation() && b != b'&'
}
