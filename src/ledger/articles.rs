//! Verbs about articles: which exist, and which were announced.

use chrono::{DateTime, Utc};

use super::LedgerError;
use crate::domain::KnownArticle;

/// Articles, by their guid. A row is never removed.
pub trait Articles {
    /// When the baseline was taken; `None` on a ledger that has never seen the site.
    fn baseline(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError>;

    /// Records the site as it is on the first run. Those with `announced` set are never mailed; the
    /// others are news. Refused (`false`) when a baseline exists: it is taken once.
    fn take_baseline(&mut self, articles: &[KnownArticle], now: DateTime<Utc>) -> Result<bool, LedgerError>;

    /// Every article ever seen, in the order of their guids.
    fn known_articles(&mut self) -> Result<Vec<KnownArticle>, LedgerError>;

    /// Notes where articles are now and what they look like. One that was announced stays
    /// announced, whatever `announced` says here.
    fn remember(&mut self, articles: &[KnownArticle]) -> Result<(), LedgerError>;

    /// Notes which problems the site has now, and says which of them (as places in the list) it did
    /// not have the last time: cron should wake a person once for each.
    fn new_problems(&mut self, problems: &[String]) -> Result<Vec<usize>, LedgerError>;
}
