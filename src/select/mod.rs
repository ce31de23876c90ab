//! Which articles are newly published, and why each other one is not.
//!
//! Announced-ness decides, not the date: a draft of last year whose flag flips today is new today.
//! Pure: the scan, the ledger's memory and the instant come in, indices and reasons go out.

mod recognise;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Article, Guid, Status};

pub use recognise::{Recognised, recognise};

/// What the site's owner decided about its digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Articles dated before it are taken note of, never mailed.
    pub since: Option<DateTime<Utc>>,
    /// The most articles in one digest; the rest is kept for the next.
    pub max_items: usize,
    /// Fewer than this wait for company.
    pub min_items: usize,
    /// The collections that digests take from; empty means all.
    pub collections: Vec<String>,
    /// `future: true` of `_config.yml`: dates to come do not hide an article.
    pub future: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { since: None, max_items: 20, min_items: 1, collections: Vec::new(), future: false }
    }
}

/// Why an article is not in the next digest; printed by `preview` and `run -v`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `published: false`.
    Unpublished,
    Draft,
    /// No date in the front matter nor in the file name.
    Undated,
    Future(DateTime<Utc>),
    /// In a digest before, or there when the baseline was taken.
    Announced(DateTime<Utc>),
    BeforeSince(DateTime<Utc>),
    /// Its collection takes no part in digests.
    OtherCollection,
    /// The digest is full; it comes with the next.
    Overflow,
    /// Too few new articles for a digest; they wait.
    TooFew {
        new: usize,
        wanted: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        match self {
            Self::Unpublished => f.write_str("published: false"),
            Self::Draft => f.write_str("a draft"),
            Self::Undated => f.write_str("it has no date"),
            Self::Future(at) => write!(f, "dated in the future: {}", day(at)),
            Self::Announced(at) => write!(f, "announced or known since {}", day(at)),
            Self::BeforeSince(at) => write!(f, "dated before `since`: {}", day(at)),
            Self::OtherCollection => f.write_str("its collection takes no part in digests"),
            Self::Overflow => f.write_str("the digest is full: it comes with the next one"),
            Self::TooFew { new, wanted } => write!(f, "waits for company: {new} new, {wanted} wanted"),
        }
    }
}

/// The next digest's articles, as indices into the scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Oldest first by (published, id): a total order, so that any machine chooses the same.
    pub chosen: Vec<usize>,
    /// Everything else, in the order of the scan.
    pub left_out: Vec<(usize, Reason)>,
}

impl Selection {
    /// Why there is no digest although there is news: there are fewer articles than wanted.
    #[must_use]
    pub fn too_few(&self) -> Option<&Reason> {
        self.left_out.iter().map(|(_, reason)| reason).find(|reason| matches!(reason, Reason::TooFew { .. }))
    }

    /// The articles that are new, chosen or kept for later, by their place in the scan.
    pub fn new_articles(&self) -> impl Iterator<Item = usize> {
        let later = |r: &Reason| matches!(r, Reason::Overflow | Reason::TooFew { .. });
        let kept = self.left_out.iter().filter(move |(_, reason)| later(reason)).map(|(at, _)| *at);
        self.chosen.iter().copied().chain(kept)
    }
}

/// Whether an article is published now; the feeds ask nothing more.
pub fn published(article: &Article, now: DateTime<Utc>, future: bool) -> Result<DateTime<Utc>, Reason> {
    match (article.status, article.published) {
        (Status::Unpublished, _) => Err(Reason::Unpublished),
        (Status::Draft, _) => Err(Reason::Draft),
        (Status::Published, None) => Err(Reason::Undated),
        (Status::Published, Some(at)) if at > now && !future => Err(Reason::Future(at.to_utc())),
        (Status::Published, Some(at)) => Ok(at.to_utc()),
    }
}

/// Chooses the articles of the next digest. `announced` says, by guid, since when readers know an
/// article; what it does not name is news.
#[must_use]
pub fn select(
    articles: &[Article],
    announced: &BTreeMap<Guid, DateTime<Utc>>,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Selection {
    let mut selection = Selection::default();
    let mut new = Vec::new();
    for (index, article) in articles.iter().enumerate() {
        match reason_to_wait(article, announced, now, policy) {
            Ok(at) => new.push((at, &article.id, index)),
            Err(reason) => selection.left_out.push((index, reason)),
        }
    }
    new.sort();
    let late = if new.len() < policy.min_items {
        let reason = Reason::TooFew { new: new.len(), wanted: policy.min_items };
        std::mem::take(&mut new).into_iter().map(|n| (n.2, reason.clone())).collect::<Vec<_>>()
    } else {
        let kept = new.len().min(policy.max_items.max(1));
        new.split_off(kept).into_iter().map(|n| (n.2, Reason::Overflow)).collect()
    };
    selection.chosen = new.into_iter().map(|n| n.2).collect();
    selection.left_out.extend(late);
    selection.left_out.sort_by_key(|(index, _)| *index);
    selection
}

fn reason_to_wait(
    article: &Article,
    announced: &BTreeMap<Guid, DateTime<Utc>>,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<DateTime<Utc>, Reason> {
    let at = published(article, now, policy.future)?;
    if let Some(since) = announced.get(&article.guid) {
        return Err(Reason::Announced(*since));
    }
    if !policy.collections.is_empty() && !policy.collections.contains(&article.collection) {
        return Err(Reason::OtherCollection);
    }
    match policy.since {
        Some(floor) if at < floor => Err(Reason::BeforeSince(at)),
        _ => Ok(at),
    }
}

/// What a first run takes as already known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstRun {
    /// Everything published: nobody mails an archive by accident.
    #[default]
    Baseline,
    /// All but the newest so many.
    Last(usize),
    /// Everything dated before an instant.
    Since(DateTime<Utc>),
    /// Nothing: the whole archive is news.
    All,
}

/// Which of the articles published now a first run leaves as news: `true` for each of those,
/// in the order of the scan.
#[must_use]
pub fn news_of_first_run(
    articles: &[Article],
    now: DateTime<Utc>,
    policy: &Policy,
    first_run: FirstRun,
) -> Vec<bool> {
    let dates: Vec<Option<DateTime<Utc>>> =
        articles.iter().map(|a| reason_to_wait(a, &BTreeMap::new(), now, policy).ok()).collect();
    let floor = match first_run {
        FirstRun::Baseline | FirstRun::Last(0) => return vec![false; articles.len()],
        FirstRun::All => None,
        FirstRun::Since(at) => Some(at),
        FirstRun::Last(count) => {
            let mut newest: Vec<_> =
                dates.iter().enumerate().filter_map(|(i, d)| d.map(|d| (d, i))).collect();
            newest.sort_by_key(|(date, index)| (std::cmp::Reverse(*date), articles[*index].id.clone()));
            newest.truncate(count);
            let kept: Vec<usize> = newest.into_iter().map(|(_, index)| index).collect();
            return (0..articles.len()).map(|index| kept.contains(&index)).collect();
        }
    };
    dates.iter().map(|date| date.is_some_and(|d| floor.is_none_or(|f| d >= f))).collect()
}

/// Something so unlike a day's work that a person must say yes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// More new articles than twice `max_items`, and more than a busy month has: a re-import, a date that shifted.
    Flood { new: usize, most: usize },
    /// More than half of the known articles are gone: a checkout that failed.
    Vanished { gone: usize, known: usize },
    /// The clock says less than at the last run.
    ClockBack { last: DateTime<Utc> },
    /// Nobody has run parution for so long that the clock is suspect: a wrong year would publish
    /// everything that is dated in the future.
    ClockForward { last: DateTime<Utc> },
}

/// Fewer new articles than this are a busy month, however small a digest is.
const SMALLEST_FLOOD: usize = 50;

/// A longer silence than this is a clock gone wrong, or a site worth a look before it mails.
const LONGEST_SILENCE: TimeDelta = TimeDelta::days(270);

/// Whether the clock can be believed, given when parution last ran.
#[must_use]
pub fn guard_clock(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Guard> {
    let last = last?;
    if now < last {
        return Some(Guard::ClockBack { last });
    }
    (now - last > LONGEST_SILENCE).then_some(Guard::ClockForward { last })
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flood { new, most } => write!(
                f,
                "{new} articles are new, more than {most}: is it an import? — say --yes to mail them, or set \
                 `since:` to take them as known"
            ),
            Self::Vanished { gone, known } => write!(
                f,
                "{gone} of {known} known articles are gone: is the site's folder complete? — say --yes if it is"
            ),
            Self::ClockBack { last } => write!(
                f,
                "the clock is behind the last run of {}: nothing is sent until it has passed — mend the clock, \
                 or say --yes",
                last.format("%Y-%m-%d %H:%M UTC")
            ),
            Self::ClockForward { last } => write!(
                f,
                "the last run was on {}: is the clock right? — say --yes if it is",
                last.format("%Y-%m-%d %H:%M UTC")
            ),
        }
    }
}

/// Whether the scan is too strange to act upon. `unseen` counts the new articles that no earlier run
/// saw, `present` all articles there are, `gone` those of the `known` that are not among them.
#[must_use]
pub fn guard(unseen: usize, present: usize, gone: usize, known: usize, policy: &Policy) -> Option<Guard> {
    let most = policy.max_items.saturating_mul(2).max(SMALLEST_FLOOD);
    // A handful of articles may well be replaced by others, but not by nothing.
    if gone * 2 > known && (known >= 4 || present == 0) {
        return Some(Guard::Vanished { gone, known });
    }
    (unseen > most).then_some(Guard::Flood { new: unseen, most })
}

#[cfg(test)]
mod tests;
