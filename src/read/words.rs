//! What the words of an article are known by, taken from its source.
//!
//! An article is revised when its words change (RFC 4287 4.2.15), and that must be seen without
//! rendering ten thousand texts, and stay true when the rendering is improved. So markup is passed
//! over in the source: tags, attribute lists, addresses of links, marks of emphasis and headings,
//! breaks of lines. A class, a link that moved or a paragraph wrapped anew is no revision.

use twox_hash::XxHash3_128;

/// The same for the same words, and for no others.
#[must_use]
pub fn known_by(chapeau: &str, body: &str) -> u128 {
    let mut words = Vec::with_capacity(chapeau.len() + body.len() + 1);
    push(chapeau, &mut words);
    // Words that move from the chapeau to the text are a revision.
    words.push(0);
    push(body, &mut words);
    XxHash3_128::oneshot(&words)
}

/// The words of a text, one blank between them.
fn push(text: &str, out: &mut Vec<u8>) {
    let octets = text.as_bytes();
    let mut at = 0;
    loop {
        let starts = out.last().is_none_or(|last| matches!(last, b' ' | 0));
        let length = plain_run(&octets[at..], if starts { BLANK } else { LETTER });
        out.extend_from_slice(&octets[at..at + length]);
        at += length;
        let rest = &octets[at..];
        let Some(first) = rest.first() else { break };
        at += match (first, rest.get(1)) {
            (b' ' | b'\n' | b'\r' | b'\t', _) => {
                if out.last().is_some_and(|last| !matches!(last, b' ' | 0)) {
                    out.push(b' ');
                }
                1
            }
            (b'<', Some(b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z')) => up_to(rest, b'>'),
            (b'{', Some(b':')) => up_to(rest, b'}'),
            (b']', Some(b'(')) => up_to(rest, b')'),
            (mark @ (b'<' | b'{' | b']'), _) => {
                out.push(*mark);
                1
            }
            _ => 1,
        };
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
}

/// How many octets are words already: letters with single blanks between them. `before` is the kind
/// of what they follow.
fn plain_run(octets: &[u8], mut before: u8) -> usize {
    let mut length = 0;
    // Eight at a time without a branch, which is most of a text; then those up to the odd one.
    while let Some(eight) = octets.get(length..).and_then(<[u8]>::first_chunk::<8>) {
        let (mut odd, mut last) = (0, before);
        for octet in eight {
            let kind = KINDS[usize::from(*octet)];
            odd |= kind & (last | SPECIAL);
            last = kind;
        }
        if odd != 0 {
            break;
        }
        before = last;
        length += eight.len();
    }
    for octet in &octets[length..] {
        let kind = KINDS[usize::from(*octet)];
        if kind & (before | SPECIAL) != 0 {
            break;
        }
        before = kind;
        length += 1;
    }
    length
}

const LETTER: u8 = 0;
const BLANK: u8 = 1;
/// Where words may end, and marks that only dress them.
const SPECIAL: u8 = 2;

/// The kind of every octet.
const KINDS: [u8; 256] = {
    let mut kinds = [LETTER; 256];
    kinds[b' ' as usize] = BLANK;
    let marks = b"\n\r\t<{]*_`#>~|[";
    let mut at = 0;
    while at < marks.len() {
        kinds[marks[at] as usize] = SPECIAL;
        at += 1;
    }
    kinds
};

/// The octets up to the first `end`; one where there is none near, so that many openings without an
/// end cost no more than the file is long.
fn up_to(octets: &[u8], end: u8) -> usize {
    memchr::memchr(end, &octets[..octets.len().min(LONGEST_MARK)]).map_or(1, |at| at + 1)
}

/// The longest tag or address that is passed over, in octets.
const LONGEST_MARK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::known_by;

    #[test]
    fn markup_is_no_word() {
        let plain = known_by("Le chapeau.", "Un titre\n\nLe texte, un lien et une image.");
        for (chapeau, body) in [
            ("Le *chapeau*.", "## Un titre\n\nLe **texte**, un [lien](/a) et\nune image.\n"),
            (
                " Le chapeau.\n",
                "Un titre\n{: .grand #titre}\n\nLe texte, un [lien](/b){:target=\"_blank\"} et une image.",
            ),
            (
                "<p>Le chapeau.</p>",
                "<h2>Un titre</h2>\r\n<p class=\"x\">Le texte, un <a href=\"/c\">lien</a> et une image.</p>",
            ),
        ] {
            assert_eq!(known_by(chapeau, body), plain, "{body}");
        }
    }

    #[test]
    fn what_a_ledger_remembers_stays_true() {
        let body = "## Un titre\n\nDes mots  *et* un [lien](/a){: .b}, `x`, {y} < z.\n\n> cité\n".repeat(3);
        assert_eq!(
            known_by("Le\u{a0}chapeau <b>gras</b>.", &body),
            0x4787_06b9_c8aa_2593_6b4d_bade_39a9_4b5f
        );
    }

    #[test]
    fn every_other_word_is_a_revision() {
        let texts = [
            ("a", "b c"),
            ("a", "b d"),
            ("a", "b  c d"),
            ("", "a b c"),
            ("a b", "c"),
            ("a", "b, c"),
            ("a", "b c < d"),
            ("a", "b c {d}"),
            ("a", "b [c]"),
            ("", ""),
        ];
        let known: std::collections::BTreeSet<u128> = texts.iter().map(|(a, b)| known_by(a, b)).collect();
        assert_eq!(known.len(), texts.len());
    }
}
