//! The standfirst: the key chain, then `<!--more-->`, then the first paragraph.

use crate::domain::{Chapeau, Gravity, Html, Origin, Problem};
use crate::read::front_matter::{Block, Fields, line_of};
use crate::read::markdown::{self, Page};
use crate::yaml::Map;

/// The mark that ends the standfirst inside a body.
pub const MORE: &str = "<!--more-->";

/// The longest standfirst that is made of a first paragraph, in characters.
const FALLBACK: usize = 300;

/// Renders the first key of the chain that says something; its words and its HTML are one.
pub fn of_fields(
    map: &Map,
    block: &Block<'_>,
    fields: &Fields,
    page: &Page<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Chapeau> {
    for key in &fields.chapeau {
        let Some(node) = map.get(key) else { continue };
        let line = line_of(block, key);
        let Some(source) = node.text() else {
            let mut problem = Problem::new(
                Gravity::Warning,
                page.path,
                format!("`{key}` is {}, not a text, and is ignored", node.kind()),
                "write the standfirst as a text",
            );
            problem.line = line;
            problems.push(problem);
            continue;
        };
        if source.trim().is_empty() {
            continue;
        }
        let here = Page { first_line: line.unwrap_or(page.first_line), ..*page };
        let rendered = markdown::render(source, &here);
        problems.extend(rendered.problems);
        if let Some(chapeau) = made(rendered.html, Origin::Field) {
            return Some(chapeau);
        }
    }
    None
}

/// What stands before `<!--more-->` in the Markdown of the body.
pub fn before_more(body: &str, page: &Page<'_>) -> Option<Chapeau> {
    let at = body.find(MORE)?;
    // What is wrong in it is reported when the whole body is rendered.
    made(markdown::render(&body[..at], page).html, Origin::MoreMark)
}

/// The first paragraph of the rendered body: whole when it is short, else its words up to the last
/// sentence that ends within 300 characters.
pub fn first_paragraph(body: &Html) -> Option<Chapeau> {
    let mut rest = body.as_str();
    while let Some(at) = rest.find("<p") {
        rest = &rest[at..];
        let open = rest.find('>')? + 1;
        // `<pre>`, `<picture>` and the like begin with the same letters.
        if !rest[2..open].starts_with(['>', ' ']) {
            rest = &rest[open..];
            continue;
        }
        let end = rest.find("</p>")?;
        let html = Html::trusted(format!("<p>{}</p>", &rest[open..end]));
        let text = markdown::plain_text(&html);
        if text.trim().is_empty() {
            rest = &rest[end..];
            continue;
        }
        if text.chars().count() <= FALLBACK {
            return Some(Chapeau { html, text, origin: Origin::FirstParagraph });
        }
        let text = cut_at_sentence(&text, FALLBACK);
        let html = Html::trusted(format!("<p>{}</p>", escape(&text)));
        return Some(Chapeau { html, text, origin: Origin::FirstParagraph });
    }
    None
}

fn made(html: Html, origin: Origin) -> Option<Chapeau> {
    let text = markdown::plain_text(&html);
    (!text.trim().is_empty()).then_some(Chapeau { html, text, origin })
}

/// The longest run of whole sentences within `limit` characters; when the first sentence alone is
/// longer, its words up to there and `…`. French spacing inside stays as it is.
pub fn cut_at_sentence(text: &str, limit: usize) -> String {
    let within = text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end]);
    if within.len() == text.len() {
        return text.to_owned();
    }
    let mut best = None;
    for (at, c) in text.char_indices() {
        if at >= within.len() {
            break;
        }
        if !matches!(c, '.' | '!' | '?' | '…') {
            continue;
        }
        // A closing quote or bracket, its no-break space included, belongs to the sentence.
        let mut end = at + c.len_utf8();
        let mut tail = text[end..].char_indices().peekable();
        while let Some((offset, next)) = tail.next() {
            let closes = matches!(next, '»' | '”' | '"' | ')' | '’' | '.' | '!' | '?' | '…');
            let spaced = matches!(next, '\u{a0}' | '\u{202f}') && tail.peek().is_some_and(|(_, c)| *c == '»');
            if !closes && !spaced {
                break;
            }
            if closes {
                end = at + c.len_utf8() + offset + next.len_utf8();
            }
        }
        let follows = text[end..].chars().next();
        if end <= within.len() && follows.is_none_or(char::is_whitespace) && !is_abbreviation(&text[..at]) {
            best = Some(end);
        }
    }
    if let Some(end) = best {
        return text[..end].to_owned();
    }
    // Room for the ellipsis itself; a no-break space keeps its two words together.
    let room = text.char_indices().nth(limit - 1).map_or(text.len(), |(end, _)| end);
    let whole = text[room..].starts_with([' ', '\n']);
    let last_blank = text[..room].rfind([' ', '\n']).filter(|_| !whole);
    let words = last_blank.map_or(&text[..room], |end| &text[..end]);
    format!("{}…", words.trim_end_matches([' ', ',', ';', ':', '–', '—', '\u{a0}', '\u{202f}']))
}

/// Whether the full stop after `before` ends a short form and not a sentence: `M.`, `N. B.`, `art.`.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit([' ', '\u{a0}', '\u{202f}', '\n', '(', '’', '\'']).next().unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial
        || ["Mme", "MM", "art", "cf", "env", "p", "ex", "vol", "Dr", "St", "no", "éd", "av", "bd"]
            .contains(&word)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{cut_at_sentence, first_paragraph};
    use crate::domain::Html;

    #[test]
    fn a_long_text_ends_at_a_sentence() {
        for (text, limit, cut) in [
            ("Un. Deux trois. Quatre cinq six.", 20, "Un. Deux trois."),
            ("Il dit : «\u{a0}Oui.\u{a0}» Puis il part au loin.", 24, "Il dit : «\u{a0}Oui.\u{a0}»"),
            ("M. Dupont est là. Il reste longtemps.", 20, "M. Dupont est là."),
            ("Version 1.5 du guide ! La suite arrive.", 25, "Version 1.5 du guide !"),
            ("Un mot puis d’autres sans fin", 12, "Un mot puis…"),
            ("10\u{202f}000 habitants, puis encore", 18, "10\u{202f}000 habitants…"),
            ("Court.", 300, "Court."),
        ] {
            let got = cut_at_sentence(text, limit);
            assert_eq!(got, cut, "{text}");
            assert!(got.chars().count() <= limit);
        }
    }

    #[test]
    fn the_first_paragraph_with_words_is_taken() {
        let body = Html::trusted(
            "<pre><code>x</code></pre><p><img src=\"https://a/b.png\" alt=\"\"></p><p class=\"c\">Un <a \
             href=\"https://a/\">lien</a>.</p><p>Deux.</p>"
                .to_owned(),
        );
        let chapeau = first_paragraph(&body).unwrap();
        assert_eq!(chapeau.html.as_str(), "<p>Un <a href=\"https://a/\">lien</a>.</p>");
        assert_eq!(chapeau.text, "Un lien.");
        assert_eq!(first_paragraph(&Html::trusted("<h2>Titre</h2>".to_owned())), None);
    }

    #[test]
    fn a_long_first_paragraph_is_never_cut_inside_a_tag() {
        let sentence = "Une phrase assez longue avec <b>du gras</b> &amp; des mots. ";
        let body = Html::trusted(format!("<p>{}</p>", sentence.repeat(20)));
        let chapeau = first_paragraph(&body).unwrap();
        assert!(chapeau.text.chars().count() <= 300 && chapeau.text.ends_with("mots."));
        assert!(chapeau.html.as_str().contains("du gras &amp; des mots.</p>"));
    }
}
