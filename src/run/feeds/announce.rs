//! From articles to entries: which of them feeds may show, and what each says.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Utc};

use super::{Order, ReadContent, processors};
use crate::domain::{Article, Gravity, Problem};
use crate::render::feed::Entry;
use crate::select;

/// The entries of a site, and the article behind each.
pub struct Announced<'a> {
    pub entries: Vec<Entry>,
    pub articles: Vec<&'a Article>,
    pub problems: Vec<Problem>,
}

/// Announces every article that feeds may show, each id once; in the order of the articles.
pub fn announce<'a>(order: &Order, articles: &'a [Article]) -> Announced<'a> {
    let mut out = Announced { entries: Vec::new(), articles: Vec::new(), problems: Vec::new() };
    let mut guids = HashSet::with_capacity(articles.len());
    for article in articles {
        out.problems.extend(age_advice(article, order.now));
        if !is_for_feeds(article, order.now) {
            continue;
        }
        if guids.insert(&article.guid) {
            out.articles.push(article);
        } else {
            out.problems.push(Problem {
                path: article.source.clone(),
                line: None,
                gravity: Gravity::Error,
                what: format!(
                    "another article has the id {} already, so this one is in no feed",
                    article.guid
                ),
                remedy: "give it a permalink or a `guid:` of its own".to_owned(),
            });
        }
    }
    out.entries = processors::map(&out.articles, |article| {
        Entry::of(order.site, article).expect("what is for feeds has a date")
    });
    out
}

/// Tells the entries at these places, on all processors. One whose text cannot be read now leaves.
pub fn tell(
    order: &Order,
    announced: Announced,
    wanted: &[usize],
    content: &ReadContent,
) -> (Vec<Entry>, Vec<Problem>) {
    let Announced { mut entries, articles, mut problems } = announced;
    let told = processors::map(wanted, |&at| {
        content(articles[at]).map(|(content, problems)| {
            let mut entry = entries[at].clone();
            entry.tell(order.settings, articles[at], &content);
            (entry, problems)
        })
    });
    let mut unread = HashSet::new();
    for (&at, told) in wanted.iter().zip(told) {
        match told {
            Ok((entry, more)) => {
                problems.extend(more);
                entries[at] = entry;
            }
            Err(problem) => {
                problems.push(problem);
                unread.insert(at);
            }
        }
    }
    if !unread.is_empty() {
        let mut at = 0..;
        entries.retain(|_| !at.next().is_some_and(|at| unread.contains(&at)));
    }
    (entries, problems)
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
