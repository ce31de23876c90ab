//! Text of a key as one clean line: for titles, tags, names, places.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::read::kramdown::tag::{self, Tag};

/// How many marks may sit on one letter; no orthography needs more.
const MARKS: usize = 8;

/// One line of plain text, NFC, at most `limit` graphemes, entities resolved.
///
/// Line ends and tabs become blanks and blanks are joined, but the no-break spaces of French
/// (U+00A0, U+202F) stay. What cannot be seen and could deceive is dropped: control characters,
/// direction overrides, zero-width spaces, language tags, non-characters. An over-long text ends
/// in `…`. The result may be empty.
pub fn one_line(text: &str, limit: usize) -> String {
    let decoded;
    let text = if text.contains('&') {
        decoded = entities(text);
        &decoded
    } else {
        text
    };
    // Most titles are already what they should be; the test costs less than the copy.
    if text.len() <= limit && is_settled(text) {
        let trimmed = text.trim();
        if !trimmed.as_bytes().windows(2).any(|pair| pair == b"  ") {
            return trimmed.to_owned();
        }
    }
    let mut line = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.nfc() {
        if is_combining_mark(c) {
            marks += 1;
            if marks > MARKS {
                continue;
            }
        } else {
            marks = 0;
        }
        match c {
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            c if is_hidden(c) => {}
            c => line.push(c),
        }
    }
    let line = line.trim();
    cut(line, limit)
}

/// Whether a text has letters alone that are seen and that NFC leaves as they are: ASCII, U+00A0 to
/// U+02FF but the soft hyphen, U+2010 to U+2027 and U+202F; those of western Europe and its quotes.
fn is_settled(text: &str) -> bool {
    let octets = text.as_bytes();
    let is_one_of_these = |octet: u8| matches!(octet, b' '..=b'~' | 0x80..=0xbf | 0xc2..=0xcb | 0xe2);
    octets.iter().fold(true, |all, octet| all & is_one_of_these(*octet))
        && memchr::memchr2_iter(0xc2, 0xe2, octets).all(|at| match octets[at..] {
            [0xc2, next, ..] => next >= 0xa0 && next != 0xad,
            [_, 0x80, last, ..] => matches!(last, 0x90..=0xa7 | 0xaf),
            _ => false,
        })
}

/// The same of a text that readers see as plain text and editors may have put HTML into: tags go,
/// `<br>` becomes a blank, scripts and styles go with what they hold. `&lt;` shows a `<`.
pub fn label(text: &str, limit: usize) -> String {
    one_line(&without_tags(text), limit)
}

/// A text without the tags that HTML knows; what only looks like one stays.
fn without_tags(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if let Some(tag) = Tag::read(rest).filter(|tag| tag::is_known(&tag.element())) {
            let name = tag.element();
            if matches!(name.as_str(), "script" | "style") {
                let (end, closing) = tag::find_closing(rest, &name, true).unwrap_or((rest.len(), 0));
                end + closing
            } else {
                plain.push_str(if tag::is_block(&name) || name == "br" { " " } else { "" });
                tag.length
            }
        } else if let Some((_, length)) =
            tag::closing(rest).filter(|(name, _)| tag::is_known(&name.to_ascii_lowercase()))
        {
            length
        } else {
            tag::comment(rest).unwrap_or_else(|| {
                plain.push('<');
                1
            })
        };
        rest = &rest[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn cut(line: &str, limit: usize) -> String {
    if line.len() <= limit {
        return line.to_owned();
    }
    if line.grapheme_indices(true).nth(limit).is_none() {
        return line.to_owned();
    }
    let end = line.grapheme_indices(true).nth(limit - 1).map_or(line.len(), |(at, _)| at);
    format!("{}…", line[..end].trim_end())
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// Resolves the entities that editors paste into titles; an unknown one stays as it is.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        if let Some((c, end)) = end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

/// Latin-1, French and typographic names of HTML.
const NAMED: [(&str, char); 68] = [
    ("nbsp", '\u{a0}'),
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("laquo", '«'),
    ("raquo", '»'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("sbquo", '‚'),
    ("bdquo", '„'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("middot", '·'),
    ("bull", '•'),
    ("deg", '°'),
    ("euro", '€'),
    ("pound", '£'),
    ("sect", '§'),
    ("para", '¶'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("times", '×'),
    ("divide", '÷'),
    ("plusmn", '±'),
    ("frac12", '½'),
    ("sup2", '²'),
    ("sup3", '³'),
    ("ordf", 'ª'),
    ("ordm", 'º'),
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'),
    ("shy", '\u{ad}'),
    ("iexcl", '¡'),
    ("iquest", '¿'),
    ("agrave", 'à'),
    ("acirc", 'â'),
    ("auml", 'ä'),
    ("aelig", 'æ'),
    ("ccedil", 'ç'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("ntilde", 'ñ'),
    ("ocirc", 'ô'),
    ("ouml", 'ö'),
    ("oelig", 'œ'),
    ("ugrave", 'ù'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("yuml", 'ÿ'),
    ("Agrave", 'À'),
    ("Ccedil", 'Ç'),
    ("Eacute", 'É'),
    ("Egrave", 'È'),
    ("Ecirc", 'Ê'),
    ("Icirc", 'Î'),
    ("Ocirc", 'Ô'),
    ("OElig", 'Œ'),
];

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;
    use unicode_normalization::char::is_combining_mark;

    use super::{is_hidden, is_settled, label, one_line};

    #[test]
    fn a_settled_letter_stays_as_it_is() {
        for c in ('\0'..=char::MAX).filter(|c| is_settled(c.encode_utf8(&mut [0; 4]))) {
            let alone: String = std::iter::once(c).nfc().collect();
            let after: String = ['e', c].into_iter().nfc().collect();
            assert!(alone.chars().eq([c]) && after.chars().eq(['e', c]), "{c:?}");
            assert!(!is_hidden(c) && !is_combining_mark(c), "{c:?}");
        }
    }

    #[test]
    fn tags_in_a_title_are_left_out_and_what_is_none_stays() {
        for (text, line) in [
            ("Un titre<br>sur deux <b>lignes</b>", "Un titre sur deux lignes"),
            ("<script>alert('x')</script>a<style>b{}</style>", "a"),
            ("]]><script>alert(1)", "]]>"),
            ("<a href=https://example.org class='x'>lien</a><!-- note -->", "lien"),
            (
                "3 < 5 et 7 > 6, a<b, <<-R&D->>, <nom>, </nom>",
                "3 < 5 et 7 > 6, a<b, <<-R&D->>, <nom>, </nom>",
            ),
            ("La balise &lt;b&gt;", "La balise <b>"),
        ] {
            assert_eq!(label(text, 300), line);
        }
    }

    #[test]
    fn a_title_is_one_clean_line() {
        for (text, line) in [
            ("Le  numérique\n  de l’État ", "Le numérique de l’État"),
            ("10\u{a0}% et «\u{202f}oui\u{202f}»", "10\u{a0}% et «\u{202f}oui\u{202f}»"),
            ("Fonds&nbsp;: A &amp; B &#233; &unknown; &", "Fonds\u{a0}: A & B é &unknown; &"),
            ("a\u{1b}[2Jb\u{9b}31m\u{7f}", "a[2Jb31m"),
            ("invoice \u{202e}\u{2066}fdp.exe\u{2069} \u{200f}", "invoice fdp.exe"),
            ("e\u{301}te\u{301}", "été"),
            ("x\u{2028}y\u{ffff}", "x y"),
            ("   ", ""),
        ] {
            assert_eq!(one_line(text, 300), line);
        }
    }

    #[test]
    fn a_long_title_ends_at_a_whole_letter() {
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("ééé", 3), "ééé");
        let family = "👨‍👩‍👧";
        assert_eq!(one_line(&family.repeat(5), 3), format!("{family}{family}…"));
        let tower = format!("Z{}", "\u{336}\u{348}".repeat(2500));
        assert!(one_line(&tower, 300).chars().count() < 12);
    }
}
