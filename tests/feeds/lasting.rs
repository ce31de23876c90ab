//! Dates that mean something, ids that stay, old entries that can be reached.

use super::*;
use parution::domain::{KnownText, TextHash};
use parution::render::documents::read;
use parution::render::feed::{Archives, Format, objections};

#[test]
fn revisions_of_a_feed_are_distinct_and_never_before_publication() {
    let site = site();
    let settings = Settings::default();
    let cases = hard_cases();
    let entries = entries(&site, &settings, &cases);
    let mut dates: Vec<_> = entries.iter().map(|entry| entry.updated).collect();
    dates.sort_unstable();
    dates.dedup();
    assert_eq!(dates.len(), entries.len());
    assert!(entries.iter().all(|entry| entry.updated >= entry.published));
}

#[test]
fn a_neighbour_of_the_same_day_moves_no_date() {
    let site = site();
    let settings = Settings::default();
    let cases = hard_cases();
    let alone = entries(&site, &settings, &cases[2..3]);
    let together = entries(&site, &settings, &cases);
    assert_eq!(alone[0].updated, together[2].updated);
}

#[test]
fn only_other_words_are_a_revision() {
    let site = site();
    let settings = Settings::default();
    let cases = hard_cases();
    let mut all = entries(&site, &settings, &cases);
    let known = stamp(&site, &mut all, &[], noon());
    assert_eq!(known.len(), all.len());

    let later = noon() + chrono::Duration::days(3);
    let mut cases = hard_cases();
    cases[0].content.body =
        Html::trusted("<div class=\"new\"><p>Le texte  entier de <b>rd.</b></p></div>".to_owned());
    cases[1] = cases[1].clone().body("<p>Un autre texte.</p>");
    let mut again: Vec<Entry> = cases.iter().map(|case| case.entry(&site, &settings)).collect();
    let changed = stamp(&site, &mut again, &known, later);
    assert_eq!(
        changed.iter().map(|text| text.guid.0.as_str()).collect::<Vec<_>>(),
        [cases[1].article.guid.0.as_str()]
    );
    assert_eq!(again[1].updated.to_utc(), later);
    for at in [0, 2, 3, 4, 5, 6] {
        assert_eq!(again[at].updated, all[at].updated, "{}", again[at].title);
    }
}

#[test]
fn words_that_another_version_knew_in_its_own_way_are_no_revision() {
    let site = site();
    let cases = hard_cases();
    let mut all: Vec<Entry> = cases.iter().map(|case| case.entry(&site, &Settings::default())).collect();
    let published = |case: &Written| case.article.published.unwrap().to_utc();
    let before = |case: &Written| KnownText {
        guid: case.article.guid.clone(),
        hash: TextHash::parse("0123456789abcdef0123456789abcdef"),
        updated: published(case) + chrono::Duration::hours(1),
    };
    let known: Vec<KnownText> = cases.iter().map(before).collect();
    let written = stamp(&site, &mut all, &known, noon());
    assert_eq!(written.len(), known.len());
    for (now, before) in written.iter().zip(&known) {
        assert_eq!((&now.guid, now.updated), (&before.guid, before.updated));
        assert_eq!(TextHash::parse(&now.hash.unwrap().to_string()), now.hash);
    }
}

#[test]
fn many_revisions_at_once_do_not_reach_into_the_future() {
    let site = site();
    let settings = Settings::default();
    let many: Vec<Written> =
        (0..60).map(|n| written(&format!("n{n}"), "Numéro", "2024-01-02T08:00:00+01:00")).collect();
    let known: Vec<KnownText> = many
        .iter()
        .map(|case| KnownText {
            guid: case.article.guid.clone(),
            hash: Some(TextHash(7)),
            updated: case.article.published.unwrap().to_utc(),
        })
        .collect();
    let mut all: Vec<Entry> = many.iter().map(|case| case.entry(&site, &settings)).collect();
    assert_eq!(stamp(&site, &mut all, &known, noon()).len(), all.len());
    let mut back: Vec<_> = all.iter().map(|entry| (noon() - entry.updated.to_utc()).num_seconds()).collect();
    back.sort_unstable();
    assert_eq!(back, (0..60).collect::<Vec<_>>());
}

#[test]
fn old_entries_stay_reachable_and_a_new_article_changes_no_archive() {
    let site = site();
    let settings = Settings { limit: 10, archive_entries: 10, ..Settings::default() };
    let many: Vec<Written> = (0..47)
        .map(|n| {
            written(
                &format!("n{n}"),
                &format!("Numéro {n}"),
                &format!("2024-01-{:02}T{:02}:00:00+01:00", n / 2 + 1, n % 2 + 8),
            )
        })
        .collect();
    let before = build(&site, &settings, &entries(&site, &settings, &many));
    let archives = |files: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
        files.iter().filter(|(name, _)| name.contains("archive-")).cloned().collect()
    };
    assert_eq!(archives(&before).len(), 4 * 3);

    // All entries are reached by following the links from the feed.
    for (start, relation, format) in [
        ("feed.xml", "rel=\"prev-archive\"", Format::Rss),
        ("atom.xml", "rel=\"prev-archive\"", Format::Atom),
        ("feed.json", "\"next_url\"", Format::Json),
    ] {
        let mut name = start.to_owned();
        let mut reached = std::collections::BTreeSet::new();
        loop {
            reached.extend(read(file(&before, &name), format).unwrap().into_iter().map(|seen| seen.guid));
            let link = text(&before, &name).lines().find(|line| line.contains(relation));
            let Some(link) = link else { break };
            let from = link.find(HOME).unwrap() + HOME.len();
            name = link[from..].split('"').next().unwrap().to_owned();
        }
        assert_eq!(reached.len(), 47, "{start}");
    }

    let mut more = many.clone();
    more.push(written("neuf", "Neuf", "2024-03-01T08:00:00+01:00"));
    let after = build(&site, &settings, &entries(&site, &settings, &more));
    assert_eq!(archives(&before), archives(&after));

    // A correction of an old article gives the archives from there on other names, never other octets.
    more[25].content.body = Html::trusted("<p>Corrigé.</p>".to_owned());
    let corrected = build(&site, &settings, &entries(&site, &settings, &more));
    for (name, octets) in archives(&corrected) {
        if let Some((_, old)) = before.iter().find(|(old, _)| *old == name) {
            assert_eq!(*old, octets, "{name}");
        }
    }
    assert_ne!(archives(&before), archives(&corrected));
}

#[test]
fn the_oldest_entries_lose_their_full_text_first() {
    let site = site();
    let settings = Settings { archives: Archives::Nowhere, ..Settings::default() };
    let long = format!("<p>{}</p>", "Une phrase assez longue pour compter. ".repeat(400));
    let many: Vec<Written> = (1..=30)
        .map(|n| {
            written(&format!("n{n}"), &format!("Numéro {n}"), &format!("2024-01-{n:02}T08:00:00+01:00"))
                .body(&long)
        })
        .collect();
    let files = build(&site, &settings, &entries(&site, &settings, &many));
    for name in ["feed.xml", "atom.xml", "feed.json"] {
        assert!(file(&files, name).len() <= 250_000, "{name}: {}", file(&files, name).len());
    }
    let seen = read(file(&files, "feed.xml"), Format::Rss).unwrap();
    let whole: Vec<bool> = seen.iter().map(|entry| entry.html.contains("Une phrase")).collect();
    assert!(whole[0] && !whole[29]);
    assert!(whole.windows(2).all(|pair| pair[0] >= pair[1]), "newest first: {whole:?}");
    assert!(seen[29].html.contains("Lire la suite sur le site"));
}

#[test]
fn a_changed_guid_and_a_great_loss_need_a_yes() {
    let site = site();
    let settings = Settings::default();
    let cases = hard_cases();
    let before = entries(&site, &settings, &cases);
    let files = build(&site, &settings, &before);
    let home = Url::parse(HOME).unwrap();
    let ask = |cases: &[Written], format: Format, name: &str| {
        let now = entries(&site, &settings, cases);
        objections(
            &read(file(&files, name), format).unwrap(),
            &now.iter().collect::<Vec<_>>(),
            format,
            &home,
            name,
        )
    };
    assert_eq!(ask(&cases, Format::Rss, "feed.xml"), []);
    assert_eq!(ask(&cases[..4], Format::Json, "feed.json"), []);
    assert!(ask(&cases[..3], Format::Atom, "atom.xml")[0].to_string().contains("4 of its 7 entries"));

    let mut renamed = cases.clone();
    renamed[2] = renamed[2].clone().guid("tag:example.org,2026:2");
    let objection = ask(&renamed, Format::Rss, "feed.xml");
    assert_eq!(objection.len(), 1);
    assert!(objection[0].to_string().starts_with("_actualites/jour-un.md: "));
    assert!(objection[0].remedy.contains("guid: https://www.example.org/actualites/jour-un/"));

    let mut moved = cases.clone();
    let elsewhere = written("ailleurs", "Deux articles le même jour (1)", "2026-06-13T00:00:00+02:00");
    moved[2] = elsewhere.clone();
    assert_eq!(ask(&moved, Format::Json, "feed.json").len(), 1);
    moved[2] = elsewhere.guid(&cases[2].article.guid.0);
    assert_eq!(ask(&moved, Format::Json, "feed.json"), []);
}
