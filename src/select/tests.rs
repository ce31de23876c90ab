use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use url::Url;

use super::*;
use crate::domain::{Article, ArticleId, Guid, KnownArticle};

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn article(name: &str, date: &str) -> Article {
    let url = Url::parse(&format!("https://example.org/a/{name}/")).unwrap();
    Article {
        id: ArticleId(format!("/a/{name}/")),
        guid: Guid(url.to_string()),
        guid_is_declared: false,
        collection: "a".to_owned(),
        title: format!("Title of {name}"),
        link: url.clone(),
        url,
        published: (!date.is_empty()).then(|| at(date).fixed_offset()),
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
        words: 0,
        source: PathBuf::from(format!("_a/{name}.md")),
        body_line: 5,
    }
}

fn known(article: &Article, announced: bool) -> KnownArticle {
    KnownArticle {
        id: article.id.clone(),
        guid: article.guid.clone(),
        source: article.source.clone(),
        collection: article.collection.clone(),
        published: article.published,
        title: article.title.clone(),
        fingerprint: 0,
        announced: announced.then(|| at("2026-01-01T00:00:00Z")),
        gone: false,
    }
}

const NOW: &str = "2026-11-20T08:00:00Z";

fn reasons(articles: &[Article], policy: &Policy) -> Vec<Option<Reason>> {
    let selection = select(articles, &BTreeMap::new(), at(NOW), policy);
    (0..articles.len())
        .map(|i| selection.left_out.iter().find(|(at, _)| *at == i).map(|(_, r)| r.clone()))
        .collect()
}

#[test]
fn announcedness_decides_and_not_the_date() {
    let articles = [article("old", "2015-04-24T09:00:00Z"), article("told", "2026-11-19T09:00:00Z")];
    let announced = BTreeMap::from([(articles[1].guid.clone(), at("2026-11-19T10:00:00Z"))]);
    let selection = select(&articles, &announced, at(NOW), &Policy::default());
    assert_eq!(selection.chosen, [0]);
    assert_eq!(selection.left_out, [(1, Reason::Announced(at("2026-11-19T10:00:00Z")))]);
}

#[test]
fn each_article_left_out_has_its_reason() {
    let mut articles = vec![
        article("fine", "2026-11-01T00:00:00Z"),
        article("hidden", "2026-11-01T00:00:00Z"),
        article("draft", "2026-11-01T00:00:00Z"),
        article("undated", ""),
        article("tomorrow", "2026-11-21T00:00:00Z"),
        article("ancient", "2001-01-01T00:00:00Z"),
        article("elsewhere", "2026-11-01T00:00:00Z"),
    ];
    articles[1].status = Status::Unpublished;
    articles[2].status = Status::Draft;
    articles[6].collection = "b".to_owned();
    let policy = Policy {
        since: Some(at("2010-01-01T00:00:00Z")),
        collections: vec!["a".to_owned()],
        ..Policy::default()
    };
    assert_eq!(
        reasons(&articles, &policy),
        [
            None,
            Some(Reason::Unpublished),
            Some(Reason::Draft),
            Some(Reason::Undated),
            Some(Reason::Future(at("2026-11-21T00:00:00Z"))),
            Some(Reason::BeforeSince(at("2001-01-01T00:00:00Z"))),
            Some(Reason::OtherCollection),
        ]
    );
}

#[test]
fn a_full_digest_keeps_the_newest_for_the_next_one() {
    let articles = [
        article("c", "2026-11-03T00:00:00Z"),
        article("b", "2026-11-01T00:00:00Z"),
        article("a", "2026-11-01T00:00:00Z"),
    ];
    let policy = Policy { max_items: 2, ..Policy::default() };
    let selection = select(&articles, &BTreeMap::new(), at(NOW), &policy);
    assert_eq!(selection.chosen, [2, 1]);
    assert_eq!(selection.left_out, [(0, Reason::Overflow)]);
    assert_eq!(selection.new_articles().collect::<Vec<_>>(), [2, 1, 0]);
}

#[test]
fn too_few_articles_wait_for_company() {
    let articles = [article("a", "2026-11-03T00:00:00Z")];
    let policy = Policy { min_items: 2, ..Policy::default() };
    assert_eq!(reasons(&articles, &policy), [Some(Reason::TooFew { new: 1, wanted: 2 })]);
}

#[test]
fn a_first_run_leaves_only_what_was_asked_for_as_news() {
    let articles = [
        article("a", "2026-11-01T00:00:00Z"),
        article("b", "2026-11-03T00:00:00Z"),
        article("c", "2026-11-02T00:00:00Z"),
        article("future", "2026-12-01T00:00:00Z"),
    ];
    let news = |first| news_of_first_run(&articles, at(NOW), &Policy::default(), first);
    assert_eq!(news(FirstRun::Baseline), [false; 4]);
    assert_eq!(news(FirstRun::Last(2)), [false, true, true, false]);
    assert_eq!(news(FirstRun::Since(at("2026-11-02T00:00:00Z"))), [false, true, true, false]);
    assert_eq!(news(FirstRun::All), [true, true, true, false]);
}

#[test]
fn a_flood_and_a_lost_tree_are_asked_about() {
    let policy = Policy { max_items: 4, ..Policy::default() };
    assert_eq!(guard(51, 51, 0, 0, &policy), Some(Guard::Flood { new: 51, most: 50 }));
    assert_eq!(guard(50, 50, 0, 0, &policy), None, "a busy month is no flood");
    assert_eq!(guard(51, 9, 6, 10, &policy), Some(Guard::Vanished { gone: 6, known: 10 }));
    assert_eq!(guard(0, 5, 5, 10, &policy), None);
    assert_eq!(guard(0, 1, 2, 2, &policy), None, "two articles may be replaced by one");
    assert_eq!(guard(0, 0, 2, 2, &policy), Some(Guard::Vanished { gone: 2, known: 2 }));
}

#[test]
fn a_renamed_article_keeps_its_guid() {
    let before = article("old-name", "2026-11-01T00:00:00Z");
    let mut after = article("new-name", "2026-11-01T00:00:00Z");
    after.title = "Title of old-name, corrected".to_owned();
    let mut scan = [after];
    let seen = recognise(&mut scan, &[known(&before, true)], &mut |_| 0);
    assert_eq!(scan[0].guid, before.guid);
    assert_eq!(seen, Recognised { moved: vec![(0, before.id)], gone: vec![] });
}

#[test]
fn a_copy_beside_the_original_is_another_article() {
    let original = article("one", "2026-11-01T00:00:00Z");
    let mut copy = article("two", "2026-11-01T00:00:00Z");
    copy.title.clone_from(&original.title);
    let mut scan = [copy.clone(), original.clone()];
    recognise(&mut scan, &[known(&original, true)], &mut |_| 7);
    assert_eq!(scan[0].guid, copy.guid);
    assert_eq!(scan[1].guid, original.guid);
}

#[test]
fn a_new_title_and_a_new_name_are_recognised_by_the_body() {
    let mut before = known(&article("one", "2026-11-01T00:00:00Z"), true);
    before.fingerprint = 0b1111_0000;
    let mut after = article("quite-another", "2026-11-01T00:00:00Z");
    after.title = "Rien à voir".to_owned();
    let mut scan = [after.clone()];
    recognise(&mut scan, std::slice::from_ref(&before), &mut |_| 0b1111_0001);
    assert_eq!(scan[0].guid, before.guid);
    let mut scan = [after.clone()];
    recognise(&mut scan, &[before], &mut |_| !0);
    assert_eq!(scan[0].guid, after.guid, "another body is another article");
}

#[test]
fn a_declared_guid_wins_over_every_resemblance() {
    let before = known(&article("one", "2026-11-01T00:00:00Z"), true);
    let mut moved = article("elsewhere", "2020-01-01T00:00:00Z");
    moved.guid = before.guid.clone();
    moved.guid_is_declared = true;
    let mut scan = [moved];
    let seen = recognise(&mut scan, std::slice::from_ref(&before), &mut |_| 0);
    assert_eq!(scan[0].guid, before.guid);
    assert!(seen.gone.is_empty());
}

#[test]
fn two_strangers_do_not_share_one_past() {
    let before = known(&article("one", "2026-11-01T00:00:00Z"), true);
    let mut first = article("x", "2026-11-01T00:00:00Z");
    let mut second = article("y", "2026-11-01T00:00:00Z");
    first.title = "Title of one".to_owned();
    second.title = "Title of one".to_owned();
    let mut scan = [first, second.clone()];
    recognise(&mut scan, std::slice::from_ref(&before), &mut |_| 0);
    assert_eq!(scan[0].guid, before.guid);
    assert_eq!(scan[1].guid, second.guid);
}

#[test]
fn what_was_deleted_long_ago_is_nobody_s_past() {
    let mut before = known(&article("one", "2026-11-01T00:00:00Z"), true);
    before.gone = true;
    let mut alike = article("two", "2026-11-01T00:00:00Z");
    alike.title = "Title of one".to_owned();
    let mut scan = [alike.clone()];
    let seen = recognise(&mut scan, std::slice::from_ref(&before), &mut |_| 0);
    assert_eq!(scan[0].guid, alike.guid);
    assert!(seen.gone.is_empty(), "it went before this scan");
    let mut back = [article("one", "2026-11-01T00:00:00Z")];
    recognise(&mut back, std::slice::from_ref(&before), &mut |_| 0);
    assert_eq!(back[0].guid, before.guid, "an old acquaintance");
}

#[test]
fn a_clock_that_jumps_is_not_believed() {
    let last = at(NOW);
    assert_eq!(guard_clock(None, last), None);
    assert_eq!(guard_clock(Some(last), last), None);
    assert_eq!(guard_clock(Some(last), at("2026-11-20T07:59:59Z")), Some(Guard::ClockBack { last }));
    assert_eq!(guard_clock(Some(last), at("2027-06-20T08:00:00Z")), None);
    assert_eq!(guard_clock(Some(last), at("2027-11-22T08:00:00Z")), Some(Guard::ClockForward { last }));
}
