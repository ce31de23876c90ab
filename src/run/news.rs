//! What is new since last time: the scan held against the ledger's memory.
//!
//! [`look`] only looks, for `preview` and dry runs; [`record`] writes down what was seen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Fault;
use crate::domain::{Article, ArticleId, Guid, KnownArticle};
use crate::ledger::Ledger;
use crate::select::{self, FirstRun, Guard, Policy, Reason, Selection};

/// What a scan means, given the ledger.
#[derive(Debug)]
pub struct News {
    pub selection: Selection,
    /// Articles that moved: index in the scan, and the path readers knew.
    pub moved: Vec<(usize, ArticleId)>,
    /// Too strange to act upon unless a person says yes.
    pub guard: Option<Guard>,
    /// This is the first time: how many articles are taken as known.
    pub baseline: Option<usize>,
    /// The rows of the ledger that differ from what it remembers.
    rows: Vec<KnownArticle>,
}

/// Compares a scan with the ledger, and gives each article the guid it is known by.
///
/// `fingerprint` reads a body; it is asked for articles whose path is new, nothing else.
///
/// # Errors
/// When the ledger cannot be read.
pub fn look(
    articles: &mut [Article],
    ledger: &mut dyn Ledger,
    fingerprint: &mut dyn FnMut(&Article) -> u64,
    now: DateTime<Utc>,
    policy: &Policy,
    first_run: FirstRun,
) -> Result<News, Fault> {
    let known = ledger.known_articles()?;
    let recognised = select::recognise(articles, &known, fingerprint);
    let first_time = ledger.baseline()?.is_none();
    let remembered: BTreeMap<Guid, &KnownArticle> = known.iter().map(|k| (k.guid.clone(), k)).collect();
    let mut announced: BTreeMap<Guid, DateTime<Utc>> =
        known.iter().filter_map(|k| Some((k.guid.clone(), k.announced?))).collect();
    let mut baseline = None;
    if first_time {
        let news = select::news_of_first_run(articles, now, policy, first_run);
        let taken: Vec<Guid> = articles
            .iter()
            .zip(news)
            .filter(|(article, news)| !news && select::published(article, now, policy.future).is_ok())
            .map(|(article, _)| article.guid.clone())
            .collect();
        baseline = Some(taken.len());
        announced.extend(taken.into_iter().map(|guid| (guid, now)));
    }
    let selection = select::select(articles, &announced, now, policy);
    let present = known.iter().filter(|k| !k.gone).count();
    // What an earlier run saw already, and keeps waiting, is no surprise.
    let unseen = selection.new_articles().filter(|at| !remembered.contains_key(&articles[*at].guid)).count();
    let guard = select::guard(unseen, articles.len(), recognised.gone.len(), present, policy);

    let mut rows: Vec<KnownArticle> =
        recognised.gone.iter().map(|&at| KnownArticle { gone: true, ..known[at].clone() }).collect();
    for article in articles.iter() {
        let before = remembered.get(&article.guid).copied();
        if before.is_none() && select::published(article, now, policy.future).is_err() {
            continue; // drafts and dates to come are nobody's acquaintance yet
        }
        let row = KnownArticle {
            id: article.id.clone(),
            guid: article.guid.clone(),
            source: article.source.clone(),
            collection: article.collection.clone(),
            published: article.published,
            title: article.title.clone(),
            fingerprint: match before {
                Some(before) if before.title == article.title => before.fingerprint,
                _ => fingerprint(article),
            },
            announced: announced.get(&article.guid).copied(),
            gone: false,
        };
        if before.is_none_or(|before| differs(before, &row)) {
            rows.push(row);
        }
    }
    Ok(News { selection, moved: recognised.moved, guard, baseline, rows })
}

/// Writes down what [`look`] saw. `false` when another first run was faster: look again.
///
/// # Errors
/// When the ledger cannot be written.
pub fn record(news: &News, ledger: &mut dyn Ledger, now: DateTime<Utc>) -> Result<bool, Fault> {
    if news.baseline.is_some() {
        return Ok(ledger.take_baseline(&news.rows, now)?);
    }
    ledger.remember(&news.rows)?;
    Ok(true)
}

/// While nobody subscribes, no more than one digest waits for the first reader: of what is beyond
/// it, the oldest are taken as known. Says how many.
///
/// # Errors
/// When the ledger fails.
pub fn pass_over(
    selection: &Selection,
    articles: &[Article],
    ledger: &mut dyn Ledger,
    now: DateTime<Utc>,
) -> Result<usize, Fault> {
    let beyond = selection.left_out.iter().filter(|(_, reason)| *reason == Reason::Overflow).count();
    let passed: Vec<&Guid> = selection.chosen.iter().take(beyond).map(|&at| &articles[at].guid).collect();
    if passed.is_empty() {
        return Ok(0);
    }
    let mut rows = ledger.known_articles()?;
    rows.retain(|row| passed.contains(&&row.guid));
    for row in &mut rows {
        row.announced = Some(now);
    }
    ledger.remember(&rows)?;
    Ok(rows.len())
}

/// Whether a row says something else; instants are compared, offsets are the site's business.
fn differs(before: &KnownArticle, after: &KnownArticle) -> bool {
    let instant = |row: &KnownArticle| row.published.map(|at| at.to_utc());
    instant(before) != instant(after)
        || KnownArticle { published: None, ..before.clone() }
            != KnownArticle { published: None, ..after.clone() }
}
