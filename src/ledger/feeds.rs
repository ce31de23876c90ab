//! Verbs about feeds: what their entries last said, and which hubs have yet to hear of a change.

use super::LedgerError;
use crate::domain::{KnownText, Ping, TextHash};

/// What feeds need to be remembered.
pub trait Feeds {
    /// The words of every article that was ever in a feed, in the order of their guids.
    fn feed_texts(&mut self) -> Result<Vec<KnownText>, LedgerError>;

    /// Notes new words, in place of the old ones of the same guid.
    fn record_feed_texts(&mut self, texts: &[KnownText]) -> Result<(), LedgerError>;

    /// The pings that no hub has accepted yet, in the order of their names.
    fn owed_pings(&mut self) -> Result<Vec<Ping>, LedgerError>;

    /// Notes that hubs are to hear of these; those owed already stay owed once.
    fn owe_pings(&mut self, pings: &[Ping]) -> Result<(), LedgerError>;

    /// Crosses off what a hub has accepted.
    fn ping_accepted(&mut self, ping: &Ping) -> Result<(), LedgerError>;
}

/// A hash as it stands in a row; what no version knows stays unknown.
pub(super) fn written(hash: Option<TextHash>) -> String {
    hash.map(|hash| hash.to_string()).unwrap_or_default()
}
