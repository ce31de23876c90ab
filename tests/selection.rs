//! What is news, told as sequences: a tree, a day, and which articles the digest of that day takes.

use std::fs;

use chrono::{DateTime, Utc};
use parution::domain::KnownArticle;
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Ledger, Opening};
use parution::read::folder::{self, Settings};
use parution::run::news;
use parution::select::{FirstRun, Guard, Policy, Reason};

/// A site that changes from day to day, and the ledger that watches it.
struct Story {
    folder: tempfile::TempDir,
    ledger: SqliteLedger,
    policy: Policy,
    first_run: FirstRun,
}

/// What one day brought.
struct Day {
    mailed: Vec<String>,
    guard: Option<Guard>,
    left_out: Vec<(String, Reason)>,
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

impl Story {
    fn begins() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opening = Opening {
            now: at("2026-11-20T08:00:00Z"),
            random: [7; 32],
            machine: "here".to_owned(),
            adopt: false,
        };
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db"), &opening).unwrap();
        let policy = Policy { max_items: 12, ..Policy::default() };
        Self { folder, ledger, policy, first_run: FirstRun::Baseline }.tree(&[])
    }

    /// Replaces the whole site: `(file, front matter, body)`.
    fn tree(self, files: &[(&str, &str, &str)]) -> Self {
        let site = self.folder.path().join("site");
        let _ = fs::remove_dir_all(&site);
        fs::create_dir_all(&site).unwrap();
        fs::write(
            site.join("_config.yml"),
            "url: https://example.org\ntimezone: Europe/Berlin\ncollections:\n  actualites:\n    output: true\n    \
             permalink: /actualites/:title/\n",
        )
        .unwrap();
        for (name, front, body) in files {
            let path = site.join("_actualites").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("---\n{front}\n---\n{body}")).unwrap();
        }
        self
    }

    /// One run on `day`, which mails what it may unless a guard stops it.
    fn run(&mut self, day: &str) -> Day {
        let now = at(day);
        let scan = folder::scan(&self.folder.path().join("site"), &Settings::default()).unwrap();
        let mut articles = scan.articles.clone();
        let mut fingerprint = |article: &_| folder::fingerprint(&scan, article);
        let ledger: &mut dyn Ledger = &mut self.ledger;
        let news =
            news::look(&mut articles, ledger, &mut fingerprint, now, &self.policy, self.first_run).unwrap();
        let name =
            |index: &usize| articles[*index].source.file_name().unwrap().to_string_lossy().into_owned();
        let left_out = news.selection.left_out.iter().map(|(i, why)| (name(i), why.clone())).collect();
        if news.guard.is_some() {
            return Day { mailed: Vec::new(), guard: news.guard, left_out };
        }
        assert!(news::record(&news, ledger, now).unwrap());
        let chosen: Vec<_> = news.selection.chosen.iter().map(|i| articles[*i].guid.clone()).collect();
        let rows: Vec<KnownArticle> = ledger
            .known_articles()
            .unwrap()
            .into_iter()
            .filter(|known| chosen.contains(&known.guid))
            .map(|known| KnownArticle { announced: Some(now), ..known })
            .collect();
        assert_eq!(rows.len(), chosen.len(), "what is mailed is known");
        ledger.remember(&rows).unwrap();
        let mailed = news.selection.chosen.iter().map(name).collect();
        Day { mailed, guard: None, left_out }
    }

    fn mails(&mut self, day: &str) -> Vec<String> {
        self.run(day).mailed
    }
}

const D1: &str = "2026-11-20T08:00:00Z";
const D2: &str = "2026-11-21T08:00:00Z";
const D3: &str = "2026-11-22T08:00:00Z";
const D4: &str = "2026-11-23T08:00:00Z";
const A: &str = "title: A\ndate: 2026-11-20T08:00:00Z";
const B: &str = "title: B\ndate: 2026-11-20T08:00:00Z";
const LONG: &str =
    "La commune présente un nouveau service en ligne dès le mois prochain, malgré un calendrier serré.";

fn archive() -> Vec<(String, String)> {
    (0..900)
        .map(|i| {
            let (year, day) = (2010 + i / 64, 1 + i % 9);
            (format!("old{i:03}.md"), format!("title: Old {i}\ndate: {year}-0{day}-1{day}"))
        })
        .collect()
}

fn files<'a>(archive: &'a [(String, String)], body: &'a str) -> Vec<(&'a str, &'a str, &'a str)> {
    archive.iter().map(|(name, front)| (name.as_str(), front.as_str(), body)).collect()
}

#[test]
fn a_first_run_mails_no_archive() {
    let old = archive();
    let mut tree = files(&old, "Text.\n");
    let mut story = Story::begins().tree(&tree);
    assert!(story.mails(D1).is_empty());
    tree.push(("new.md", "title: New\ndate: 2026-11-20T12:00:00Z", ""));
    story = story.tree(&tree);
    assert_eq!(story.mails(D2), ["new.md"]);
}

#[test]
fn an_old_draft_is_news_on_the_day_its_flag_flips_and_only_once() {
    let hidden = "title: A\ndate: 2015-04-24 11:07:00 +02:00\npublished: false";
    let shown = "title: A\ndate: 2015-04-24 11:07:00 +02:00";
    let mut story = Story::begins().tree(&[("a.md", hidden, "")]);
    assert!(story.mails(D1).is_empty());
    story = story.tree(&[("a.md", shown, "")]);
    assert_eq!(story.mails(D2), ["a.md"]);
    story = story.tree(&[("a.md", hidden, "")]);
    assert!(story.mails(D3).is_empty());
    story = story.tree(&[("a.md", shown, "")]);
    assert!(story.mails(D4).is_empty(), "once announced, always announced");
}

#[test]
fn an_article_of_the_future_waits_for_its_hour_in_the_zone_of_the_site() {
    let mut story = Story::begins();
    assert!(story.mails(D1).is_empty());
    story = story.tree(&[("a.md", "title: A\ndate: 2026-11-22", "")]);
    let day = story.run("2026-11-21T22:59:00Z");
    assert!(day.mailed.is_empty());
    assert!(matches!(day.left_out[..], [(_, Reason::Future(_))]));
    assert_eq!(story.mails("2026-11-21T23:01:00Z"), ["a.md"]);
}

#[test]
fn a_back_dated_article_is_news_unless_a_floor_says_no() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", "title: A\ndate: 2019-05-05", "")]);
    story.policy.since = Some(at("2026-01-01T00:00:00Z"));
    let day = story.run(D2);
    assert!(matches!(day.left_out[..], [(_, Reason::BeforeSince(_))]));
    story.policy.since = None;
    assert_eq!(story.mails(D3), ["a.md"]);
}

#[test]
fn an_edited_article_is_the_same_article() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", A, LONG)]);
    assert_eq!(story.mails(D2), ["a.md"]);
    story = story.tree(&[("a.md", "title: A, corrected\ndate: 2026-11-21T08:00:00Z", "Other text.")]);
    assert!(story.mails(D3).is_empty());
}

#[test]
fn a_renamed_article_stays_announced() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", A, LONG)]);
    assert_eq!(story.mails(D2), ["a.md"]);
    for (name, front, body) in [
        ("moved/b.md", "title: A\ndate: 2026-11-20T08:00:00Z\nslug: new-slug", LONG),
        ("c.md", "title: Un tout autre titre\ndate: 2026-11-20T08:00:00Z", LONG),
    ] {
        story = story.tree(&[(name, front, body)]);
        assert!(story.mails(D3).is_empty(), "{name}");
    }
    story = story.tree(&[(
        "d.md",
        "title: D\ndate: 2026-11-20T08:00:00Z",
        "Rien de commun avec ce qui précède, vraiment.",
    )]);
    assert_eq!(story.mails(D4), ["d.md"], "another text on the same day is another article");
}

#[test]
fn an_identity_of_the_editors_own_survives_any_change() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", "title: A\ndate: 2026-11-20T08:00:00Z\nid: art-1", "One.")]);
    assert_eq!(story.mails(D2), ["a.md"]);
    story = story.tree(&[("b.md", "title: B\ndate: 2026-11-21T08:00:00Z\nid: art-1", "All new.")]);
    assert!(story.mails(D3).is_empty());
}

#[test]
fn a_copy_beside_its_original_is_another_article() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", A, LONG)]);
    assert_eq!(story.mails(D2), ["a.md"]);
    story = story.tree(&[("a.md", A, LONG), ("b.md", A, LONG), ("A.md", A, LONG)]);
    assert_eq!(story.mails(D3), ["A.md", "b.md"], "case twins and equal titles too");
}

#[test]
fn a_tree_that_moves_as_a_whole_is_no_news() {
    let old = archive();
    let mut story = Story::begins().tree(&files(&old, "Text.\n"));
    assert!(story.mails(D1).is_empty());
    let moved: Vec<_> = old
        .iter()
        .map(|(name, front)| (format!("posts/{name}"), format!("{front}\nslug: x-{name}")))
        .collect();
    story = story.tree(&files(&moved, "Text.\n"));
    let day = story.run(D2);
    assert_eq!(day.guard, None);
    assert!(day.mailed.is_empty());
}

#[test]
fn a_deleted_article_that_comes_back_is_an_old_acquaintance() {
    let mut story = Story::begins();
    story.mails(D1);
    story = story.tree(&[("a.md", A, ""), ("b.md", B, "")]);
    assert_eq!(story.mails(D2), ["a.md", "b.md"]);
    story = story.tree(&[("b.md", B, "")]);
    assert!(story.mails(D3).is_empty());
    story = story.tree(&[("a.md", A, ""), ("b.md", B, "")]);
    assert!(story.mails(D4).is_empty());
}

#[test]
fn an_import_asks_first() {
    let mut story = Story::begins().tree(&[("base.md", "title: Base\ndate: 2026-01-01", "")]);
    story.mails(D1);
    let old = archive();
    story = story.tree(&files(&old, ""));
    assert!(matches!(story.run(D2).guard, Some(Guard::Flood { new: 900, .. } | Guard::Vanished { .. })));
}

#[test]
fn articles_that_wait_for_their_digest_are_no_import() {
    let mut story = Story::begins();
    story.policy.min_items = 200;
    story.mails(D1);
    let old = archive();
    for (day, count) in [(D2, 40), (D3, 80), (D4, 120)] {
        story = story.tree(&files(&old[..count], ""));
        let day = story.run(day);
        assert_eq!(day.guard, None, "{count} wait, 40 of them are new today");
        assert!(matches!(day.left_out[0].1, Reason::TooFew { .. }));
    }
}

#[test]
fn a_tree_that_lost_most_of_its_articles_asks_first() {
    let articles: Vec<_> =
        (0..10).map(|i| (format!("a{i}.md"), format!("title: A{i}\ndate: 2026-01-01"))).collect();
    let mut story = Story::begins().tree(&files(&articles, ""));
    story.mails(D1);
    story = story.tree(&[]);
    assert_eq!(story.run(D2).guard, Some(Guard::Vanished { gone: 10, known: 10 }));
    story = story.tree(&files(&articles, ""));
    assert!(story.mails(D3).is_empty());
}

#[test]
fn more_than_a_digest_holds_comes_with_the_next_oldest_first() {
    let mut story = Story::begins();
    story.mails(D1);
    let articles: Vec<_> = (0..20)
        .map(|i| (format!("s{i:02}.md"), format!("title: S{i}\ndate: 2026-11-20T08:00:00Z")))
        .collect();
    story = story.tree(&files(&articles, ""));
    let names: Vec<_> = articles.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(story.mails(D2), names[..12]);
    assert_eq!(story.mails(D3), names[12..]);
    assert!(story.mails(D4).is_empty());
}

#[test]
fn the_hour_that_is_skipped_and_the_hour_that_comes_twice_are_mailed_once() {
    let gap = ("gap.md", "title: Gap\ndate: 2026-03-29 02:30:00", "");
    let twice = ("twice.md", "title: Twice\ndate: 2026-10-25 02:30:00", "");
    let mut story = Story::begins();
    story.mails("2026-03-28T08:00:00Z");
    story = story.tree(&[gap]);
    assert_eq!(story.mails("2026-03-29T08:00:00Z"), ["gap.md"]);
    story = story.tree(&[gap, twice]);
    assert_eq!(story.mails("2026-10-25T08:00:00Z"), ["twice.md"]);
    assert!(story.mails("2026-10-26T08:00:00Z").is_empty());
}
