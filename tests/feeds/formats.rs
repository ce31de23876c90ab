//! Three formats, one model.

use super::*;
use parution::render::documents::read;
use parution::render::feed::{FileNames, Format};
use parution::render::opml;

#[test]
fn three_formats_tell_the_same() {
    let site = site();
    let settings = Settings::default();
    let cases = hard_cases();
    let entries = entries(&site, &settings, &cases);
    let files = build(&site, &settings, &entries);
    let feeds: Vec<_> = ["feed.xml", "atom.xml", "feed.json"]
        .into_iter()
        .map(|name| feed_rs::parser::parse(file(&files, name)).unwrap())
        .collect();
    for feed in &feeds {
        assert_eq!(feed.entries.len(), entries.len());
        for (read, first) in feed.entries.iter().zip(&feeds[0].entries) {
            assert_eq!(read.title.as_ref().unwrap().content, first.title.as_ref().unwrap().content);
            assert_eq!(read.links[0].href, first.links[0].href);
            assert_eq!(read.published, first.published);
        }
    }
    let titles: Vec<_> =
        feeds[1].entries.iter().map(|entry| entry.title.as_ref().unwrap().content.as_str()).collect();
    assert!(titles.contains(&"Budget : R&D, 3 < 5 & l’été"));
    assert!(titles.contains(&"Collé d’un PDF"));
    let by_our_readers: Vec<Vec<String>> = [Format::Rss, Format::Atom, Format::Json]
        .into_iter()
        .zip(["feed.xml", "atom.xml", "feed.json"])
        .map(|(format, name)| {
            read(file(&files, name), format).unwrap().into_iter().map(|seen| seen.guid).collect()
        })
        .collect();
    assert_eq!(by_our_readers[0], by_our_readers[1]);
    assert_eq!(by_our_readers[0], by_our_readers[2]);
}

#[test]
fn the_order_of_files_changes_no_octet() {
    let site = site();
    let settings = Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() };
    let mut all = hard_cases();
    let first = build(&site, &settings, &entries(&site, &settings, &all));
    all.reverse();
    assert_eq!(first, build(&site, &settings, &entries(&site, &settings, &all)));
}

#[test]
fn an_image_stands_once_in_the_text_and_once_as_media_with_its_true_size() {
    let site = site();
    let settings = Settings::default();
    let files = build(&site, &settings, &entries(&site, &settings, &hard_cases()));
    let atom = feed_rs::parser::parse(file(&files, "atom.xml")).unwrap();
    let content = &atom.entries[0].media[0].content[0];
    assert_eq!(content.url.as_ref().unwrap().as_str(), "https://www.example.org/uploads/urne.jpg");
    assert_eq!((content.width, content.height, content.size), (Some(640), Some(400), Some(12_345)));
    let body = atom.entries[0].content.as_ref().unwrap().body.as_ref().unwrap();
    assert_eq!(body.matches("<img").count(), 1);
    assert!(body.starts_with("<figure><img"));
    assert!(body.contains("Le chapeau de rd.") && body.contains("Le texte entier de rd."));
    assert!(!text(&files, "feed.xml").contains("<enclosure"));

    let with = Settings { enclosures: true, ..settings };
    let files = build(&site, &with, &entries(&site, &with, &hard_cases()));
    let rss = text(&files, "feed.xml");
    assert!(rss.contains("length=\"12345\"") && rss.matches("<enclosure").count() == 1);
    assert!(text(&files, "feed.json").contains("\"size_in_bytes\": 12345"));
}

#[test]
fn the_profile_s_references_stand_in_rss_titles() {
    let site = site();
    let settings = Settings::default();
    let files = build(&site, &settings, &entries(&site, &settings, &hard_cases()));
    assert!(text(&files, "feed.xml").contains("<title>Budget : R&#x26;D, 3 &#x3C; 5 &#x26; l’été</title>"));
    assert!(text(&files, "atom.xml").contains("<title>Budget : R&amp;D, 3 &lt; 5 &amp; l’été</title>"));
}

#[test]
fn every_topic_has_a_feed_with_an_ascii_name() {
    let site = site();
    let settings = Settings {
        tags: Some(Settings::in_folder("tags")),
        authors: Some(Settings::in_folder("authors")),
        languages: Some(Settings::in_folder("languages")),
        ..Settings::default()
    };
    let files = build(&site, &settings, &entries(&site, &settings, &hard_cases()));
    for name in [
        "feed.actualites.xml",
        "atom.actualites.xml",
        "feeds/tags/economie-sociale.xml",
        "feeds/tags/r-d.atom.xml",
        "feeds/tags/democratie.json",
        "feeds/authors/camille-durand.xml",
        "feeds/languages/en.xml",
    ] {
        file(&files, name);
    }
    assert!(!names(&files).iter().any(|name| name.contains("communiques")), "a feed without entries");
    let english = text(&files, "feeds/languages/en.xml");
    assert!(english.contains("<language>en</language>") && english.contains("in English"));
}

#[test]
fn two_feeds_never_share_a_file() {
    let site = site();
    let names = FileNames::of("feed.xml", "other.xml", "other.json");
    let settings = Settings { named: [("actualites".to_owned(), names)].into(), ..Settings::default() };
    let cases = hard_cases();
    let entries = entries(&site, &settings, &cases);
    assert!(plan(&site, &settings, &entries).is_err());
}

#[test]
fn what_kills_a_feed_may_stand_in_the_names_of_the_site_too() {
    let mut site = site();
    site.title = "Le\u{b} Journal\u{fffd}".to_owned();
    site.description = "Nouvelles\u{85} &\u{0} analyses".to_owned();
    site.collections[0].title = "Actualit\u{fdd0}\u{e9}s\n".to_owned();
    let settings = Settings { rights: Some("Tous\u{8} droits".to_owned()), ..Settings::default() };
    let cases = hard_cases();
    let entries = entries(&site, &settings, &cases);
    let files = build(&site, &settings, &entries);
    for name in ["feed.xml", "atom.xml", "feed.json", "feed.actualites.xml"] {
        let feed = feed_rs::parser::parse(file(&files, name)).unwrap();
        assert!(feed.title.unwrap().content.starts_with("Le Journal"), "{name}");
    }
    assert!(text(&files, "feed.actualites.xml").contains("Actualités"));
}

#[test]
fn an_empty_site_still_has_a_valid_feed() {
    let site = site();
    let settings = Settings::default();
    let files = build(&site, &settings, &[]);
    assert_eq!(files.len(), 3);
    for (_, octets) in &files {
        assert_eq!(feed_rs::parser::parse(&octets[..]).unwrap().entries.len(), 0);
    }
}

#[test]
fn opml_and_discovery_name_every_feed() {
    let site = site();
    let settings = Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() };
    let cases = hard_cases();
    let entries = entries(&site, &settings, &cases);
    let feeds = plan(&site, &settings, &entries).unwrap();
    let list = String::from_utf8(opml::write(&site, &feeds)).unwrap();
    assert_eq!(list.matches("<outline ").count(), feeds.len());
    assert!(list.contains("xmlUrl=\"https://www.example.org/feeds/tags/economie-sociale.xml\""));
    let tags = opml::discovery(&site, &feeds);
    assert_eq!(tags.lines().count(), 3 * feeds.len());
    assert!(tags.contains("title=\"Le Journal – R&amp;D (Atom)\""));
}
