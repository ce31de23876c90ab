//! Feeds, made from articles and read back with somebody else's parser.

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Europe::Paris;
use parution::domain::{
    Article, ArticleId, Chapeau, Collection, Content, Guid, Html, Image, ImageFacts, ImageFormat,
    ImageSource, KnownText, Language, Origin, Site, SitePath, Status,
};
use parution::publish::{Family, Publication};
use parution::render::documents::{check, read, sheets, write};
use parution::render::feed::{
    Archives, Entry, FeedWords, FileNames, Format, Settings, objections, plan, stamp,
};
use parution::render::opml;
use proptest::prelude::*;
use url::Url;

const HOME: &str = "https://www.example.org/";

fn site() -> Site {
    let collection = |name: &str, title: &str| Collection {
        name: name.to_owned(),
        title: title.to_owned(),
        permalink: format!("/{name}/:title/"),
    };
    Site {
        title: "Le Journal".to_owned(),
        description: "Nouvelles & analyses".to_owned(),
        url: Url::parse(HOME).unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: Paris,
        collections: vec![collection("actualites", "Actualités"), collection("communiques", "Communiqués")],
    }
}

/// The story of one article, told in a chain.
#[derive(Clone)]
struct Written {
    article: Article,
    content: Content,
}

fn written(name: &str, title: &str, date: &str) -> Written {
    let url = Url::parse(HOME).unwrap().join(&format!("actualites/{name}/")).unwrap();
    let article = Article {
        id: ArticleId(url.path().to_owned()),
        guid: Guid(url.to_string()),
        guid_is_declared: false,
        collection: "actualites".to_owned(),
        title: title.to_owned(),
        link: url.clone(),
        url,
        published: Some(DateTime::parse_from_rfc3339(date).unwrap()),
        updated: None,
        status: Status::Published,
        tags: Vec::new(),
        categories: Vec::new(),
        authors: Vec::new(),
        language: None,
        event: None,
        attachments: Vec::new(),
        in_feeds: true,
        summary_only: false,
        source: format!("_actualites/{name}.md").into(),
        body_line: 5,
    };
    let content = Content {
        chapeau: Some(Chapeau {
            html: Html::trusted(format!("<p>Le chapeau de {name}.</p>")),
            text: format!("Le chapeau de {name}."),
            origin: Origin::Field,
        }),
        body: Html::trusted(format!("<p>Le texte entier de {name}.</p>")),
        ..Content::default()
    };
    Written { article, content }
}

impl Written {
    fn body(mut self, html: &str) -> Self {
        self.content.body = Html::trusted(html.to_owned());
        self
    }

    fn tagged(mut self, tags: &[&str]) -> Self {
        self.article.tags = tags.iter().map(ToString::to_string).collect();
        self
    }

    fn by(mut self, author: &str) -> Self {
        self.article.authors.push(author.to_owned());
        self
    }

    fn guid(mut self, guid: &str) -> Self {
        self.article.guid = Guid(guid.to_owned());
        self
    }

    fn in_language(mut self, tag: &str) -> Self {
        self.article.language = Language::parse(tag);
        self
    }

    fn pictured(mut self) -> Self {
        let image = Image {
            source: ImageSource::InSite(SitePath::parse("uploads/urne.jpg").unwrap()),
            url: Url::parse(HOME).unwrap().join("uploads/urne.jpg").unwrap(),
            alt: "Une urne \"transparente\"".to_owned(),
            caption: "Photo : R&D".to_owned(),
            facts: Some(ImageFacts { format: ImageFormat::Jpeg, bytes: 12_345, width: 640, height: 400 }),
        };
        self.content.images = vec![image.clone()];
        self.content.header_image = Some(image);
        self
    }

    fn entry(&self, site: &Site, settings: &Settings) -> Entry {
        Entry::new(site, settings, FeedWords::of(&site.language), &self.article, &self.content).unwrap()
    }
}

/// What `parution feeds` writes, as (name, octets): every document of every feed, each checked.
fn build(site: &Site, settings: &Settings, entries: &[Entry]) -> Vec<(String, Vec<u8>)> {
    let style = Url::parse(HOME).unwrap().join("feed.css").unwrap();
    let mut out = Vec::new();
    for feed in plan(site, settings, entries).unwrap() {
        for sheet in sheets(site, settings, Some(&style), &feed).0 {
            for (format, name) in sheet.names.written() {
                let octets = write(&sheet.channel, format);
                check(&sheet.channel, format, &octets).unwrap_or_else(|fault| panic!("{name}: {fault}"));
                out.push((name.to_owned(), octets));
            }
        }
    }
    out
}

fn entries(site: &Site, settings: &Settings, all: &[Written]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = all.iter().map(|written| written.entry(site, settings)).collect();
    stamp(site, &mut entries, &[], noon());
    entries
}

fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-07-02T12:00:00Z").unwrap().to_utc()
}

fn file<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    let found = files.iter().find(|(file, _)| file == name);
    &found.unwrap_or_else(|| panic!("{name} is not among {:?}", names(files))).1
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

fn text<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a str {
    std::str::from_utf8(file(files, name)).unwrap()
}

/// The articles that break other programs' feeds.
fn hard_cases() -> Vec<Written> {
    vec![
        written("rd", "Budget : R&D, 3 < 5 & l’été", "2026-06-15T18:00:00+02:00")
            .tagged(&["économie sociale", "R&D"])
            .by("Camille Durand")
            .pictured(),
        written("cdata", "Un crochet ]]> dans le titre", "2026-06-14T09:00:00+02:00")
            .body("<p>Fin de section ]]&gt; et <code>]]&gt;</code></p>")
            .tagged(&["démocratie"]),
        written("jour-un", "Deux articles le même jour (1)", "2026-06-13T00:00:00+02:00"),
        written("jour-deux", "Deux articles le même jour (2)", "2026-06-13T00:00:00+02:00"),
        written("controle", "Collé\u{b} d’un PDF\u{8}", "2026-06-12T09:00:00+02:00")
            .body("<p>Une tabulation\u{b} verticale\u{fffd}</p>"),
        written("notes", "Notes et images", "2026-06-11T09:00:00+02:00").body(
            "<p>Voir<a href=\"https://www.example.org/actualites/notes/#fn:1\">1</a> \
             <img src=\"https://www.example.org/uploads/a.png\" \
             srcset=\"https://www.example.org/uploads/a.png 1x, https://www.example.org/uploads/b.png 2x\" \
             alt=\"Graphique\"></p>",
        ),
        written("english", "In English, too", "2026-06-10T09:00:00+02:00").in_language("en").by("Alex Moor"),
    ]
}

#[test]
fn three_formats_tell_the_same() {
    let site = site();
    let settings = Settings::default();
    let entries = entries(&site, &settings, &hard_cases());
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
fn revisions_of_a_feed_are_distinct_and_never_before_publication() {
    let site = site();
    let settings = Settings::default();
    let entries = entries(&site, &settings, &hard_cases());
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
    let alone = entries(&site, &settings, &hard_cases()[2..3]);
    let together = entries(&site, &settings, &hard_cases());
    assert_eq!(alone[0].updated, together[2].updated);
}

#[test]
fn only_other_words_are_a_revision() {
    let site = site();
    let settings = Settings::default();
    let mut all = entries(&site, &settings, &hard_cases());
    let known = stamp(&site, &mut all, &[], noon());
    assert_eq!(known.len(), all.len());

    let later = noon() + chrono::Duration::days(3);
    let mut cases = hard_cases();
    cases[0] = cases[0].clone().body("<div class=\"new\"><p>Le texte  entier de <b>rd.</b></p></div>");
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
fn many_revisions_at_once_do_not_reach_into_the_future() {
    let site = site();
    let settings = Settings::default();
    let known: Vec<KnownText> = hard_cases()
        .iter()
        .map(|case| KnownText {
            guid: case.article.guid.clone(),
            hash: "another text".to_owned(),
            updated: case.article.published.unwrap().to_utc(),
        })
        .collect();
    let mut all: Vec<Entry> = hard_cases().iter().map(|case| case.entry(&site, &settings)).collect();
    assert_eq!(stamp(&site, &mut all, &known, noon()).len(), all.len());
    assert!(all.iter().all(|entry| entry.updated.to_utc() <= noon()));
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
    let entries = entries(&site, &settings, &hard_cases());
    assert!(plan(&site, &settings, &entries).is_err());
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
    let entries = entries(&site, &settings, &hard_cases());
    let feeds = plan(&site, &settings, &entries).unwrap();
    let list = String::from_utf8(opml::write(&site, &feeds)).unwrap();
    assert_eq!(list.matches("<outline ").count(), feeds.len());
    assert!(list.contains("xmlUrl=\"https://www.example.org/feeds/tags/economie-sociale.xml\""));
    let tags = opml::discovery(&site, &feeds);
    assert_eq!(tags.lines().count(), 3 * feeds.len());
    assert!(tags.contains("title=\"Le Journal – R&amp;D (Atom)\""));
}

#[test]
fn an_unchanged_file_is_not_touched_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("public");
    let stage = |files: &[(&str, &str)]| {
        let mut publication = Publication::into_folder(&root).unwrap();
        for (name, octets) in files {
            publication.stage(name, octets.as_bytes()).unwrap();
        }
        publication
    };
    let done = stage(&[("feed.xml", "one"), ("feeds/tags/a.xml", "two")]).commit().unwrap();
    assert_eq!(done.written, ["feed.xml", "feeds/tags/a.xml"]);
    let inode =
        |name: &str| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(root.join(name)).unwrap());
    let before = inode("feed.xml");
    let done = stage(&[("feed.xml", "one"), ("feeds/tags/a.xml", "2wo")]).commit().unwrap();
    assert_eq!((done.written.as_slice(), done.unchanged), (&["feeds/tags/a.xml".to_owned()][..], 1));
    assert_eq!(inode("feed.xml"), before);

    // A publication that is given up, and a process that was killed, leave the old octets.
    drop(stage(&[("feed.xml", "three")]));
    std::fs::write(root.join(".feed.xml.tmp-999999999"), "half").unwrap();
    stage(&[("feed.xml", "one")]).commit().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["feed.xml", "feeds"]);
    assert_eq!(std::fs::read_to_string(root.join("feed.xml")).unwrap(), "one");
}

#[test]
fn only_our_own_old_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (name, octets) in [
        ("feed.old.xml", "<generator>parution</generator>"),
        ("feed.theirs.xml", "<generator>another</generator>"),
        ("feed.kept.xml", "<generator>parution</generator>"),
        ("other.xml", "<generator>parution</generator>"),
    ] {
        std::fs::write(root.join(name), octets).unwrap();
    }
    let mut publication = Publication::into_folder(root).unwrap();
    publication.stage("feed.kept.xml", b"<generator>parution</generator>").unwrap();
    let family = Family { folder: String::new(), prefix: "feed.".to_owned(), suffix: ".xml".to_owned() };
    publication.retire(&family, "<generator>parution</generator>").unwrap();
    let done = publication.commit().unwrap();
    assert_eq!(done.removed, [root.join("feed.old.xml")]);
    assert!(root.join("feed.theirs.xml").exists() && root.join("other.xml").exists());
}

#[test]
fn a_refusing_disk_leaves_the_old_feed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("feed.xml"), "old").unwrap();
    // A folder stands where the second file should go: its rename must fail.
    std::fs::create_dir_all(root.join("atom.xml/inside")).unwrap();
    let mut publication = Publication::into_folder(root).unwrap();
    let error = publication
        .stage("feed.xml", b"new")
        .and_then(|_| publication.stage("atom.xml", b"new"))
        .expect_err("a folder is no feed");
    assert!(error.to_string().contains("atom.xml"), "{error}");
    drop(publication);
    assert_eq!(std::fs::read_to_string(root.join("feed.xml")).unwrap(), "old");
    assert_eq!(std::fs::read_dir(root).unwrap().count(), 2);
}

/// Any text an editor could paste, with what breaks feeds more likely than chance has it.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("]]>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("&amp;<b>".to_owned()),
        Just("\u{b}\u{0}\u{fffe}\r\n".to_owned()),
        Just("{:target=\"_blank\"}".to_owned()),
        Just("e\u{301}\u{338}".to_owned()),
        Just("<!-- --><?xml?>".to_owned()),
        Just("l’été « déjà » ".to_owned()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_feeds_that_others_read(
        texts in proptest::collection::vec((nasty(), nasty(), nasty(), 0_i64..1_600_000_000), 1..6)
    ) {
        let site = site();
        let settings = Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() };
        let all: Vec<Written> = texts
            .iter()
            .enumerate()
            .map(|(n, (title, words, tag, seconds))| {
                let date = DateTime::from_timestamp(seconds + 700_000_000, 0).unwrap();
                let mut one = written(&format!("n{n}"), &format!("T {title}"), &date.to_rfc3339()).tagged(&[tag]);
                one.content.body = Html::trusted(format!("<p>{}</p>", parution::render::feed::escaped(words)));
                one.content.chapeau.as_mut().unwrap().text = format!("S {words}");
                one
            })
            .collect();
        let entries = entries(&site, &settings, &all);
        let files = build(&site, &settings, &entries);
        let mut titles: Vec<(DateTime<FixedOffset>, &str, &str)> =
            entries.iter().map(|e| (e.published, e.guid.as_str(), e.title.as_str())).collect();
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
