//! The self-check, tried on documents that are faulty in every way we could think of.

use super::*;
use parution::render::documents::read;
use parution::render::draft::write;
use parution::render::feed::{Archives, Channel};
use parution::render::proof::check;

/// Three articles in one feed; what is done with it in each format.
fn with_a_feed(mut look: impl FnMut(&Channel, Format, &str)) {
    let (site, settings) = (site(), Settings { enclosures: true, ..Settings::default() });
    let all: Vec<Written> = hard_cases().into_iter().take(3).collect();
    let entries = entries(&site, &settings, &all);
    let style = Url::parse(HOME).unwrap().join("feed.css").unwrap();
    let feeds = plan(&site, &settings, &entries).unwrap();
    let sheet = &sheets(&site, &settings, Some(&style), &feeds[0]).0[0];
    for format in Format::ALL {
        look(&sheet.channel, format, &write(&sheet.channel, format));
    }
}

fn fault(channel: &Channel, format: Format, octets: &[u8]) -> Option<String> {
    check(channel, &channel.entries, format, octets).err().map(|problem| problem.to_string())
}

/// What the libraries that write the feeds would say of it: entries that are not what they were.
fn libraries_see_a_fault(channel: &Channel, format: Format, octets: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(octets) else { return true };
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        return true;
    }
    let Ok(seen) = read(octets, format) else { return true };
    let same = seen.iter().zip(&channel.entries).all(|(seen, shown)| {
        let entry = shown.entry;
        let guid = if format == Format::Atom { entry.atom_id(channel.home) } else { entry.guid.to_owned() };
        seen.guid == guid
            && seen.title == entry.title
            && seen.link == entry.link.as_str()
            && seen.published == Some(entry.published.to_utc())
            && seen.html.trim() == shown.html().trim()
    });
    seen.len() != channel.entries.len() || !same
}

#[test]
fn a_sound_document_passes() {
    with_a_feed(|channel, format, document| {
        assert_eq!(fault(channel, format, document.as_bytes()), None);
        assert!(!libraries_see_a_fault(channel, format, document.as_bytes()));
    });
}

#[test]
fn whatever_the_libraries_would_notice_is_found() {
    with_a_feed(|channel, format, document| {
        let mut noticed = 0;
        for at in (0..document.len()).step_by(11) {
            let octets = document.as_bytes();
            let (before, behind) = (&octets[..at], &octets[at + 1..]);
            let mutants = [
                before.to_vec(),
                [before, behind].concat(),
                [before, b"<", behind].concat(),
                [before, b"&", behind].concat(),
                [before, b"\x0b", behind].concat(),
                [before, if octets[at] == b'x' { b"y" } else { b"x" }, behind].concat(),
            ];
            for mutant in mutants {
                if libraries_see_a_fault(channel, format, &mutant) {
                    noticed += 1;
                    let around = String::from_utf8_lossy(&mutant[at.saturating_sub(60)..]);
                    let around: String = around.chars().take(90).collect();
                    assert!(fault(channel, format, &mutant).is_some(), "{format:?} at {at}: {around}");
                }
            }
        }
        assert!(noticed > 500, "{format:?}: {noticed}");
    });
}

#[test]
fn what_lenient_parsers_pass_is_found_too() {
    let everywhere: &[(&str, &str)] = &[
        ("Le chapeau de cdata.", "Un autre chapeau."),
        ("2026-06-13T00:0", "2026-06-13T00:1"),
        ("démocratie", "autre sujet"),
        ("Camille Durand", "Alex Moor"),
        ("urne.jpg", "urne.gif"),
        ("actualites/jour-un/", "actualites/jour-trois/"),
        ("Le texte entier", "Le texte\u{fdd0} entier"),
        ("Le texte entier", "Le texte\u{fffd} entier"),
        ("Le texte entier", "Le texte\u{85} entier"),
    ];
    let in_xml: &[(&str, &str)] = &[
        ("<title>Le Journal", "<title>Le Bulletin"),
        ("<title>Deux", "<title>D<b>eux</b> "),
        ("<title>Deux", "<title>&agrave;Deux"),
        ("<title>Deux", "<title>&#11;Deux"),
        ("media:thumbnail", "medium:thumbnail"),
        (" url=\"", " url=\"&"),
        (" url=\"", " url=\"<"),
        (" url=\"", " url=\"\" url=\""),
        (" url=\"", " url="),
        ("<?xml version", "<!DOCTYPE feed><?xml version"),
        ("<?xml version", "texte<?xml version"),
        ("</generator>", "</generator><!-- -- -->"),
        ("</generator>", "</generator>]]>"),
        ("</generator>", "</generator></x>"),
        ("</generator>", "</generator><x>"),
    ];
    let in_rss: &[(&str, &str)] = &[
        ("</rss>", "</rss><rss/>"),
        ("</rss>", "</rss>texte"),
        ("</rss>", ""),
        ("</item>", "</item><item></item>"),
        ("<guid>", "<guid>x</guid><guid>"),
        ("Sun, 14 Jun", "Mon, 14 Jun"),
        ("<pubDate>Sun, 14 Jun 2026 09:00:00 +0200</pubDate>", ""),
        ("]]></content:encoded>", "</content:encoded>"),
        ("href=\"https://www.example.org/feed.xml\"", "href=\"https://www.example.org/rss.xml\""),
    ];
    let in_atom: &[(&str, &str)] = &[
        ("</feed>", "</feed><feed/>"),
        ("</entry>", "</entry><entry></entry>"),
        ("<entry>", "<entry><entry>"),
        ("<published>2026-06-14T09:00:00+02:00</published>", ""),
        ("<id>https://www.example.org/#all</id>", "<id>https://www.example.org/#tout</id>"),
        ("href=\"https://www.example.org/atom.xml\"", "href=\"https://www.example.org/rss.xml\""),
    ];
    let in_json: &[(&str, &str)] = &[
        ("\"title\": \"Le Journal\"", "\"title\": \"Le Bulletin\""),
        ("\"summary\"", "\"resume\""),
        ("\"summary\"", "\"summary\": \"\", \"summary\""),
        ("\"items\": [", "\"items\": [{},"),
        ("\"items\": [", "\"items\": [null,"),
        ("jsonfeed.org/version/1.1", "jsonfeed.org/version/1"),
        ("https://www.example.org/feed.json", "https://www.example.org/autre.json"),
        ("\n  ]\n}", "\n  ]\n}}"),
        ("\n  ]\n}", "\n  ]"),
    ];
    with_a_feed(|channel, format, document| {
        let own: Vec<&(&str, &str)> = match format {
            Format::Rss => in_xml.iter().chain(in_rss).collect(),
            Format::Atom => in_xml.iter().chain(in_atom).collect(),
            Format::Json => in_json.iter().collect(),
        };
        for (from, to) in everywhere.iter().chain(own) {
            assert!(document.contains(from), "{format:?} has no {from:?}");
            for (at, _) in document.match_indices(from) {
                let mutant = [&document[..at], to, &document[at + from.len()..]].concat();
                // Each place where it stands says something, but for the page of the XML formats.
                let found = fault(channel, format, mutant.as_bytes());
                let in_page = document[..at].contains("<div") && !document[..at].contains("</div>");
                assert!(found.is_some() || in_page, "{format:?}: {from:?} became {to:?} at {at}");
            }
        }
    });
}

#[test]
fn entries_that_are_missing_doubled_or_out_of_place_are_found() {
    with_a_feed(|channel, format, _| {
        let mut other = channel.clone();
        other.entries.swap(0, 1);
        assert!(
            fault(channel, format, write(&other, format).as_bytes()).unwrap().contains("_actualites/rd.md")
        );
        other.entries.remove(0);
        assert!(fault(channel, format, write(&other, format).as_bytes()).is_some());
        other.entries.clone_from(&channel.entries);
        other.entries.push(channel.entries[2]);
        assert!(fault(channel, format, write(&other, format).as_bytes()).is_some());
        other.entries.clear();
        assert!(fault(channel, format, write(&other, format).as_bytes()).is_some());
        assert_eq!(fault(&other, format, write(&other, format).as_bytes()), None);
    });
}

#[test]
fn an_address_that_leads_nowhere_is_found() {
    let (site, settings) = (site(), Settings::default());
    for (body, is_sound) in [
        ("<p><a href=\"https://example.org/a?b=1&amp;c=:\">x</a> et href=\"a\"</p>", true),
        (
            "<p><a href=\"mailto:a@example.org\" title=\"a &gt; b\">x</a><img alt=\"\" src=\"data:,\"></p>",
            true,
        ),
        ("<p><a class=\"x\" href=\"page.html\">x</a></p>", false),
        ("<p><a href=\"/page:1\">x</a></p>", false),
        ("<p><a href=\"#fn:1\">x</a></p>", false),
        ("<p>x</p><img src=\"//example.org/a.png\" alt=\"\">", false),
        ("<img alt=\"a > b\" src=\"a.png\">", false),
        ("<blockquote cite=\"\">x</blockquote>", false),
    ] {
        let article = [written("a", "A", "2026-06-15T18:00:00+02:00").body(body)];
        let entries = entries(&site, &settings, &article);
        let feeds = plan(&site, &settings, &entries).unwrap();
        let sheet = &sheets(&site, &settings, None, &feeds[0]).0[0];
        for format in Format::ALL {
            let found = fault(&sheet.channel, format, write(&sheet.channel, format).as_bytes());
            assert_eq!(found.is_none(), is_sound, "{body}: {found:?}");
        }
    }
}

#[test]
fn entries_that_documents_share_are_what_each_would_print_alone() {
    let site = site();
    let settings = Settings {
        tags: Some(Settings::in_folder("tags")),
        languages: Some(Settings::in_folder("languages")),
        archives: Archives::Everywhere,
        limit: 4,
        archive_entries: 2,
        budget: 12_000,
        ..Settings::default()
    };
    let all: Vec<Written> = hard_cases()
        .into_iter()
        .map(|one| one.tagged(&["même sujet"]).body(&"<p>Un paragraphe.</p>".repeat(100)))
        .collect();
    let entries = entries(&site, &settings, &all);
    let feeds = plan(&site, &settings, &entries).unwrap();
    let sheets: Vec<_> = feeds.iter().flat_map(|feed| sheets(&site, &settings, None, feed).0).collect();
    let in_full =
        |full: bool| sheets.iter().flat_map(|it| &it.channel.entries).filter(|it| it.full == full).count();
    assert!(in_full(true) > 10 && in_full(false) > 1, "{} and {}", in_full(true), in_full(false));
    for format in Format::ALL {
        let shelf = Shelf::of(format, sheets.iter());
        for sheet in &sheets {
            let draft = Draft::of(&sheet.channel, &shelf);
            draft.check().unwrap();
            let text = draft.text();
            assert_eq!(text, write(&sheet.channel, format), "{:?}", sheet.names);
            assert_eq!(fault(&sheet.channel, format, text.as_bytes()), None, "{:?}", sheet.names);
        }
    }
}
