//! From articles to entries: which of them feeds may show, and what each says.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, Datelike, Utc};

use super::{Order, ReadContent, processors};
use crate::domain::{Article, Gravity, Problem};
use crate::render::documents;
use crate::render::feed::{Entry, Feed};
use crate::select;

/// Announces every article that feeds may show, each id once; newest first, as feeds want them.
pub fn announce<'a>(order: &Order<'a>, articles: &'a [Article]) -> (Vec<Entry<'a>>, Vec<Problem>) {
    let mut problems: Vec<Problem> =
        articles.iter().filter_map(|article| age_advice(article, order.now)).collect();
    let announced: Vec<&Article> =
        articles.iter().filter(|article| is_for_feeds(article, order.now)).collect();
    let site = order.site;
    let mut entries = processors::map(&announced, |article| {
        Entry::of(site, article).expect("what is for feeds has a date")
    });
    let mut guids = HashSet::with_capacity(entries.len());
    entries.retain(|entry| {
        let is_first = guids.insert(entry.guid);
        if !is_first {
            problems.push(Problem {
                path: entry.source.to_owned(),
                line: None,
                gravity: Gravity::Error,
                what: format!("another article has the id {} already, so this one is in no feed", entry.guid),
                remedy: "give it a permalink or a `guid:` of its own".to_owned(),
            });
        }
        is_first
    });
    entries.sort_by_cached_key(|entry| (Reverse(entry.published), entry.guid));
    (entries, problems)
}

/// Tells every entry that a document of these feeds shows, on all processors. One whose text cannot
/// be read now leaves the feeds, and the next one moves up.
pub fn tell(order: &Order, feeds: &mut Vec<Feed>, content: &ReadContent) -> Vec<Problem> {
    let mut problems = Vec::new();
    loop {
        let untold = documents::untold(order.settings, feeds);
        let told = processors::map(&untold, |entry| {
            content(entry.article).map(|(content, problems)| {
                entry.tell(order.site, order.settings, &content);
                problems
            })
        });
        let mut unread = HashSet::new();
        for (entry, told) in untold.iter().zip(told) {
            match told {
                Ok(more) => problems.extend(more),
                Err(problem) => {
                    problems.push(problem);
                    unread.insert(entry.guid);
                }
            }
        }
        if unread.is_empty() {
            break;
        }
        for feed in feeds.iter_mut() {
            feed.entries.retain(|entry| !unread.contains(entry.guid));
        }
        feeds.retain(|feed| feed.is_all || !feed.entries.is_empty());
    }
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    problems
}

/// Says how readers take a published article of long ago.
fn age_advice(article: &Article, now: DateTime<Utc>) -> Option<Problem> {
    select::published(article, now, false).ok()?;
    let date = article.published?;
    (article.in_feeds && date.year() < OLDEST_YEAR).then(|| Problem {
        path: article.source.clone(),
        line: None,
        gravity: Gravity::Advice,
        what: format!("it is dated {}, which some feed readers take for a mistake", date.year()),
        remedy: "correct its date, or say `feed: false` if it is meant".to_owned(),
    })
}

/// Published now, and not kept out. A date to come would be news from the future to every reader,
/// even on a site that shows such articles.
pub fn is_for_feeds(article: &Article, now: DateTime<Utc>) -> bool {
    article.in_feeds && select::published(article, now, false).is_ok()
}

/// Feeds are younger; the W3C's validator says so of any date before.
const OLDEST_YEAR: i32 = 1990;
