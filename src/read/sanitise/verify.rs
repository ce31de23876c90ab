//! The short way through the allow-list, for fragments that need no repair.
//!
//! Nearly all that the guard writes is sound already, and a parser that builds a tree only to print
//! the same octets is most of what reading costs. [`verified`] walks a fragment once and answers only
//! where it can prove the parser's answer: every element known and closed where it was opened, none
//! in a place where a parser would move it, every attribute allowed, in double quotes, once, every
//! address absolute with a scheme of the list. At the first doubt it gives up, and the parser has
//! the word. A property test holds that the two never differ.

use url::Url;

use super::{SCHEMES, is_forbidden, is_known};
use crate::read::kramdown::entities;

/// Elements inside elements; deeper ones are left to the parser.
const DEPTH: usize = 100;

/// What a parser does with an element, as far as it matters for where the element may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Stands anywhere in words.
    Words,
    /// The same, but an unclosed one would go on in the next block.
    Style,
    /// `br`, `img`, `wbr`.
    Void,
    Rule,
    Paragraph,
    Heading,
    Block,
    Preformatted,
    List,
    Item,
    Definitions,
    Definition,
    Table,
    Caption,
    Columns,
    Column,
    Section,
    Row,
    Cell,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "a" | "b" | "big" | "code" | "em" | "i" | "s" | "small" | "strike" | "strong" | "tt" | "u" => {
                Self::Style
            }
            "abbr" | "acronym" | "bdi" | "bdo" | "cite" | "del" | "dfn" | "ins" | "kbd" | "mark"
            | "picture" | "q" | "samp" | "span" | "sub" | "sup" | "time" | "var" => Self::Words,
            "br" | "img" | "wbr" => Self::Void,
            "hr" => Self::Rule,
            "p" => Self::Paragraph,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "address" | "article" | "aside" | "blockquote" | "center" | "details" | "div" | "figcaption"
            | "figure" | "footer" | "header" | "main" | "nav" | "section" | "summary" => Self::Block,
            "pre" => Self::Preformatted,
            "ol" | "ul" => Self::List,
            "li" => Self::Item,
            "dl" => Self::Definitions,
            "dd" | "dt" => Self::Definition,
            "table" => Self::Table,
            "caption" => Self::Caption,
            "colgroup" => Self::Columns,
            "col" => Self::Column,
            "tbody" | "tfoot" | "thead" => Self::Section,
            "tr" => Self::Row,
            "td" | "th" => Self::Cell,
            _ => return None,
        })
    }

    /// Holds rows and cells, but no words: a parser would carry them out.
    fn is_frame(self) -> bool {
        matches!(self, Self::Table | Self::Columns | Self::Section | Self::Row)
    }

    fn is_void(self) -> bool {
        matches!(self, Self::Void | Self::Rule | Self::Column)
    }
}

/// The fragment as the parser would print it; `None` where only the parser can tell.
pub fn verified(fragment: &str) -> Option<String> {
    let mut out = String::with_capacity(fragment.len());
    let mut open: Vec<(&str, Kind)> = Vec::new();
    let mut rest = fragment;
    while let Some(at) = rest.find('<') {
        words(&rest[..at], &open, &mut out)?;
        rest = &rest[at + 1..];
        rest = match rest.strip_prefix('/') {
            Some(tag) => {
                let (name, _) = open.pop()?;
                out.push_str("</");
                out.push_str(name);
                out.push('>');
                tag.strip_prefix(name)?.strip_prefix('>')?
            }
            None => element(rest, &mut open, &mut out)?,
        };
    }
    words(rest, &open, &mut out)?;
    open.is_empty().then_some(out)
}

/// Copies an opening tag, whose `<` is passed; what follows it.
fn element<'a>(tag: &'a str, open: &mut Vec<(&'a str, Kind)>, out: &mut String) -> Option<&'a str> {
    let (name, mut rest) = word(tag);
    let kind = Kind::of(name)?;
    if open.len() >= DEPTH || !may_stand(name, kind, open) {
        return None;
    }
    out.push('<');
    out.push_str(name);
    let from = out.len();
    while let Some(attribute) = rest.strip_prefix(' ').filter(|attribute| !attribute.starts_with('/')) {
        let (key, value) = word(attribute);
        let (value, after) = value.strip_prefix("=\"")?.split_once('"')?;
        let is_address = matches!(key, "href" | "src");
        if !is_known(name, key) || out[from..].contains(&attribute[..key.len() + 2]) {
            return None;
        }
        out.push(' ');
        out.push_str(key);
        out.push_str("=\"");
        self::value(value, out)?;
        out.push('"');
        if is_address && !SCHEMES.contains(&Url::parse(&entities::resolved(value)).ok()?.scheme()) {
            return None;
        }
        rest = after;
    }
    out.push('>');
    if kind.is_void() {
        rest = rest.strip_prefix(" /").unwrap_or(rest);
    } else {
        open.push((name, kind));
    }
    let rest = rest.strip_prefix('>')?;
    // A parser drops the line feed behind the tag.
    (kind != Kind::Preformatted || !rest.starts_with('\n')).then_some(rest)
}

/// The lower-case letters and digits at the head of a text, and the rest.
fn word(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).count();
    text.split_at(end)
}

/// Whether a parser leaves an element where it is.
fn may_stand(name: &str, kind: Kind, open: &[(&str, Kind)]) -> bool {
    let parent = open.last().map(|(_, kind)| *kind);
    let in_a = |wanted: Kind| open.iter().any(|(_, kind)| *kind == wanted);
    match kind {
        Kind::Item => parent == Some(Kind::List),
        Kind::Definition => parent == Some(Kind::Definitions),
        Kind::Caption | Kind::Columns | Kind::Section => parent == Some(Kind::Table),
        Kind::Column => parent == Some(Kind::Columns),
        Kind::Row => parent == Some(Kind::Section),
        Kind::Cell => parent == Some(Kind::Row),
        _ if parent.is_some_and(Kind::is_frame) => false,
        Kind::Words | Kind::Void => true,
        Kind::Style => open.iter().all(|(other, _)| *other != name),
        Kind::Heading => parent != Some(Kind::Heading) && !in_a(Kind::Paragraph),
        _ => !in_a(Kind::Paragraph),
    }
}

/// Copies the words between two tags, with the references that a parser would print.
fn words(text: &str, open: &[(&str, Kind)], out: &mut String) -> Option<()> {
    if open.last().is_some_and(|(_, kind)| kind.is_frame()) && !text.bytes().all(|b| b == b'\n' || b == b' ')
    {
        return None;
    }
    let mut rest = text;
    while let Some(at) = special(rest) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let length = if from.starts_with('&') { entities::length(from)? } else { 1 };
        let (written, after) = from.split_at_checked(length)?;
        match written {
            "&amp;" | "&lt;" | "&gt;" => out.push_str(written),
            ">" => out.push_str("&gt;"),
            _ => match entities::character(written)? {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                c if is_forbidden(c) => return None,
                c => out.push(c),
            },
        }
        rest = after;
    }
    out.push_str(rest);
    Some(())
}

/// Copies the value of an attribute.
fn value(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = special(rest) {
        let (plain, from) = rest.split_at(at);
        let written =
            ["&amp;", "&lt;", "&gt;", "&quot;"].into_iter().find(|known| from.starts_with(known))?;
        out.push_str(plain);
        out.push_str(written);
        rest = &from[written.len()..];
    }
    out.push_str(rest);
    Some(())
}

/// Where the first octet stands that is not copied as it is: `&`, `<`, `>`, controls, and what
/// begins C1 controls, byte order marks and noncharacters.
fn special(text: &str) -> Option<usize> {
    const LOOKED_AT: [bool; 256] = {
        let mut looked_at = [false; 256];
        let mut octet = 0;
        while octet < 256 {
            let c = octet as u8;
            looked_at[octet] = (c < b' ' && c != b'\n' && c != b'\t')
                || matches!(c, b'&' | b'<' | b'>' | 0x7f | 0xc2 | 0xef);
            octet += 1;
        }
        looked_at
    };
    let octets = text.as_bytes();
    let mut at = 0;
    loop {
        at += octets[at..].iter().position(|octet| LOOKED_AT[usize::from(*octet)])?;
        match octets[at] {
            0xc2 if octets[at + 1] >= 0xa0 => at += 2,
            0xef if !matches!(octets[at + 1], 0xbb | 0xbf) => at += 3,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Kind, verified};
    use crate::read::sanitise::{ELEMENTS, parsed};

    /// Whether the short way was open; where it was, it led where the parser leads.
    fn agrees(fragment: &str) -> Result<bool, TestCaseError> {
        let Some(short) = verified(fragment) else { return Ok(false) };
        prop_assert_eq!(&short, &parsed(fragment), "{:?}", fragment);
        Ok(true)
    }

    #[test]
    fn what_articles_hold_needs_no_parser() {
        for fragment in [
            "",
            "L’été, \u{a0}l’école & co &quot;3 > 2&quot; &amp; &lt;b&gt; &eacute;&nbsp;!"
                .replace(" & ", " &amp; ")
                .as_str(),
            "<h2 id=\"a-b\">Un <em>titre</em></h2>\n<p class=\"x\">Un <a href=\"https://example.org/?a=1&amp;b=2#c\" \
             target=\"_blank\" rel=\"noopener\">lien</a><br />\net <strong>gras <em>les deux</em></strong></p>\n<hr />",
            "<ul>\n<li>un</li>\n<li><p>deux</p><ol>\n<li>trois</li>\n</ol>\n</li>\n</ul>\n",
            "<figure class=\"f\"><img src=\"https://example.org/a.png\" alt=\"\"><figcaption>Vue</figcaption></figure>",
            "<table>\n<thead>\n<tr>\n<th align=\"left\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>",
            "<blockquote class=\"encadre\">\n<p>Oui</p>\n</blockquote>\n<dl>\n<dt>a</dt>\n<dd>b</dd>\n</dl>",
            "<pre><code>a &lt; b\n</code></pre>",
        ] {
            assert_eq!(verified(fragment), Some(parsed(fragment)), "{fragment}");
        }
    }

    #[test]
    fn whatever_asks_for_a_decision_is_left_to_the_parser() {
        for fragment in [
            "<script>x</script>",
            "<p onclick=\"x\">a</p>",
            "<a href=\"javascript:alert(1)\">a</a>",
            "<a href=\"java&#115;cript:alert(1)\">a</a>",
            "<a href=\"/relative\">a</a>",
            "<a href=\"https://\">a</a>",
            "<img src=x alt=\"\">",
            "<img src='https://example.org/a.png'>",
            "<p><p>a</p></p>",
            "<p><div>a</div></p>",
            "<b><p>a</b></p>",
            "<a href=\"https://a.example/\"><a href=\"https://b.example/\">a</a></a>",
            "<table>a</table>",
            "<table><tr><td>a</td></tr></table>",
            "<li>a</li>",
            "<p>a",
            "a</p>",
            "<P>a</P>",
            "<br></br>",
            "<pre>\na</pre>",
            "<!-- a -->",
            "<p title=\"a\" title=\"b\">a</p>",
            "<p title=\"a<b\">a</p>",
            "a &copysr; b",
            "a &amp b",
            "a & b",
            "a\rb",
            "a\u{0}b",
            "a\u{85}b",
            "\u{feff}a",
            "a\u{ffff}b",
            "&#xffff;",
            "< p>a",
            "<p/>",
        ] {
            assert_eq!(verified(fragment), None, "{fragment}");
        }
    }

    #[test]
    fn every_element_that_is_verified_is_on_the_list() {
        let all = ELEMENTS.iter().filter(|name| Kind::of(name).is_some()).count();
        assert_eq!(all, ELEMENTS.len() - ["ruby", "rp", "rt"].len());
        for name in ["script", "style", "iframe", "form", "svg", "math", "object", "ruby", "source", "font"] {
            assert_eq!(Kind::of(name), None, "{name}");
        }
    }

    fn attributes() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "class", "id", "title", "href", "src", "alt", "cite", "align", "start", "onclick", "style",
            "width", "lang", "hreflang", "rel", "srcset",
        ]);
        let value = prop_oneof![
            3 => Just("https://example.org/a?b=1&amp;c".to_owned()),
            1 => prop::sample::select(vec![
                "mailto:a@example.org", "javascript:x", "/a", "//a.example", "https://a b", "data:x", "", "a\u{a0}b", "&amp;lt;",
                " https://a.example", "HTTPS://A.example/", "tel:+33", "http:", "https://[", "&#106;avascript:x", "é\n&quot;",
            ]).prop_map(str::to_owned),
            1 => "[ a-z&<>'\"=;#]{0,6}",
        ];
        let one = (key, value).prop_map(|(key, value)| format!(" {key}=\"{value}\""));
        prop_oneof![4 => Just(String::new()), 2 => one.clone(), 1 => (one.clone(), one).prop_map(|(a, b)| a + &b)]
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => prop::sample::select(vec!["a", " ", "\n", "é", "", "&amp;", "\n\n"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec![
                "&lt;", "&quot;", "&#39;", "&nbsp;", "\u{a0}", "&", "<", ">", "&copy", "&#128;", "&#0;", "\t", "\r", "\u{c}", "\u{85}",
                "\u{feff}", "\u{fdd0}", "]]>", "<!-- -->", "<?x?>", "&amp;nbsp;", "&NotEqualTilde;", "</", "<a", "&#xd800;",
            ]).prop_map(str::to_owned),
        ]
    }

    /// Any elements in one another, with and without sense, most of them closed.
    fn tree() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![3 => text(), 1 => ("br|hr|img|wbr|col", attributes()).prop_map(|(name, attributes)| {
            format!("<{name}{attributes} />")
        })];
        leaf.prop_recursive(7, 40, 5, |inner| {
            let any = prop::sample::select(
                [ELEMENTS, &["script", "form", "svg", "option", "font", "iframe"]].concat(),
            );
            let usual = prop::sample::select(vec![
                "p",
                "a",
                "b",
                "em",
                "ul",
                "ol",
                "li",
                "table",
                "tbody",
                "tr",
                "td",
                "div",
                "h2",
                "pre",
                "span",
                "blockquote",
                "dl",
                "dt",
                "dd",
                "caption",
                "colgroup",
                "thead",
                "details",
                "center",
                "code",
            ]);
            let lists = prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("<ul>\n<li>{}</li>\n</ul>\n", items.join("</li>\n<li>")));
            let tables = prop::collection::vec(inner.clone(), 0..4).prop_map(|cells| {
                format!("<table><tbody>\n<tr><td>{}</td></tr></tbody></table>", cells.join("</td><td>"))
            });
            let named = (prop_oneof![any, usual], attributes(), prop::collection::vec(inner, 0..4), 0..30_u8)
                .prop_map(|(name, attributes, inside, slip)| match slip {
                    0 => format!("<{name}{attributes}>{}", inside.concat()),
                    1 => format!("{}</{name}>", inside.concat()),
                    _ => format!("<{name}{attributes}>{}</{name}>", inside.concat()),
                });
            prop_oneof![1 => lists, 1 => tables, 6 => named]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]

        #[test]
        fn the_short_way_leads_where_the_parser_leads(parts in prop::collection::vec(tree(), 1..4)) {
            agrees(&parts.concat())?;
        }

        #[test]
        fn what_the_parser_printed_is_mended_no_more(parts in prop::collection::vec(tree(), 1..4)) {
            let clean = parsed(&parts.concat());
            if let Some(short) = verified(&clean) {
                prop_assert_eq!(short, clean);
            }
        }

        #[test]
        fn a_slip_in_a_sound_text_changes_nothing_of_that(
            parts in prop::collection::vec(tree(), 1..4), at in any::<prop::sample::Index>(), cut in 0..4_usize, scrap in text(),
        ) {
            let mut clean = parsed(&parts.concat());
            let places: Vec<usize> = clean.char_indices().map(|(at, _)| at).chain([clean.len()]).collect();
            let from = at.index(places.len());
            let to = (from + cut).min(places.len() - 1);
            clean.replace_range(places[from]..places[to], &scrap);
            agrees(&clean)?;
        }
    }
}
