//! Whatever an editor pastes, the feeds can be read: Markdown goes in, feeds come out.

use super::*;
use chrono::FixedOffset;
use parution::read::markdown::{self, NoLinks, Page};
use proptest::prelude::*;

/// Any text an editor could paste, with what breaks feeds more likely than chance has it.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("]]>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("&amp;<b>".to_owned()),
        Just("\u{b}\u{0}\u{fffe}\r\n".to_owned()),
        Just("{:target=\"_blank\"}".to_owned()),
        Just("\n\n> - [a](b 'c'){: .d}\n>   1. **e\n".to_owned()),
        Just("<div onclick=x><table><p></div><iframe src=//h></i>".to_owned()),
        Just("[^1]\n\n[^1]: note\n".to_owned()),
        Just("{% raw %}{{ x }}".to_owned()),
        Just("e\u{301}\u{338}".to_owned()),
        Just("<!-- --><?xml?>".to_owned()),
        Just("l’été « déjà » ".to_owned()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_feeds_that_others_read(
        texts in proptest::collection::vec((nasty(), nasty(), nasty(), 0_i64..1_600_000_000), 1..40)
    ) {
        let site = site();
        let settings = Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() };
        let all: Vec<Written> = texts
            .iter()
            .enumerate()
            .map(|(n, (title, words, tag, seconds))| {
                let date = DateTime::from_timestamp(seconds + 700_000_000, 0).unwrap();
                let mut one = written(&format!("n{n}"), &format!("T {title}"), &date.to_rfc3339()).tagged(&[tag]);
                let page = Page {
                    site: &site,
                    url: &one.article.url,
                    title: &one.article.title,
                    path: &one.article.source,
                    first_line: 1,
                    links: &NoLinks,
                };
                one.content.body = markdown::render(words, &page).html;
                let chapeau = one.content.chapeau.as_mut().unwrap();
                chapeau.text = format!("S {}", markdown::plain_text(&one.content.body));
                chapeau.html = one.content.body.clone();
                one
            })
            .collect();
        let entries = entries(&site, &settings, &all);
        let files = build(&site, &settings, &entries);
        let mut titles: Vec<(DateTime<FixedOffset>, &str, &str)> =
            entries.iter().map(|e| (e.published, e.guid, e.title.as_ref())).collect();
        titles.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        for name in ["feed.xml", "atom.xml", "feed.json"] {
            let feed = feed_rs::parser::parse(file(&files, name)).unwrap();
            prop_assert_eq!(feed.entries.len(), entries.len());
            for (read, (_, _, title)) in feed.entries.iter().zip(&titles) {
                prop_assert_eq!(words(&read.title.as_ref().unwrap().content), words(title));
            }
        }
    }
}

/// Parsers differ in the white space they keep.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
