//! The ledger: what was announced, which digests exist, who subscribes, what happened to each
//! delivery.
//!
//! One set of verbs, two databases ([`sqlite`] beside the site, [`postgres`] past one machine), one
//! suite of tests for both (`tests/ledger.rs`). Every verb is one transaction: when it returns, what
//! it says is on the disk; when it fails, nothing of it happened. No verb waits for a socket.
//!
//! Times are stored as milliseconds since 1970, UTC. Leases follow the database's own clock where
//! several machines share it.

mod articles;
mod deliveries;
mod digests;
mod dots;
mod feeds;
mod import;
mod key;
mod location;
mod membership;
pub mod postgres;
pub mod sqlite;
mod subscribers;
mod worker;

use std::path::PathBuf;

use chrono::{DateTime, Utc};

pub use articles::Articles;
pub use deliveries::{
    Brake, Claim, Claimer, Deliveries, InDoubt, Recovered, SOFT_BOUNCES, Step, Trouble, Verdict,
};
pub use digests::{Cut, DigestSummary, Digests, Pause, ReaderGroup};
pub use dots::{Dot, Dots};
pub use feeds::Feeds;
pub use import::{Effect, ImportSource, NextBatch};
pub use key::LedgerKey;
pub use location::{Location, open};
pub use membership::{
    ArchivedDigest, Asked, Asking, BETWEEN_NOTICES, Barred, Choice, Figures, Filter, HistoryEntry, LEAVE,
    LINK_LIFE, Membership, UNCONFIRMED_LIFE,
};
pub use subscribers::{Added, NewSubscriber, Subscribers};
pub use worker::{Fate, Worker};

/// Everything the ledger can do; one value of it owns one connection to its database.
pub trait Ledger: Articles + Digests + Deliveries + Membership + Feeds + Send {
    /// The secret from which tokens and Message-IDs derive; made once, with the ledger.
    fn key(&self) -> &LedgerKey;

    /// Takes the right to cut and deliver, until this value is dropped. `false` when another run
    /// has it: that is no fault, the other run does the work.
    fn lock_run(&mut self) -> Result<bool, LedgerError>;

    /// Takes part in delivering, until this value is dropped. `false` when only one process can, and
    /// another does: a file is delivered from by one, a database by many.
    fn lock_delivery(&mut self) -> Result<bool, LedgerError> {
        self.lock_run()
    }

    /// When a run was last noted, to see a clock that jumped.
    fn last_run(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError>;

    fn note_run(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError>;

    /// The ledger's own folder on this machine, where [`Dots`] are noted; `None` when it is elsewhere.
    fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// Which ledger this is, for messages: a path, or `host/database`; never a password.
    fn name(&self) -> String;
}

/// What a ledger needs from outside when it is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    pub now: DateTime<Utc>,
    /// 32 random octets: the key of a ledger that does not exist yet.
    pub random: [u8; 32],
    /// What tells this machine from a clone of it (`/etc/machine-id`); empty where unknown.
    pub machine: String,
    /// Accept a ledger that another machine used last.
    pub adopt: bool,
}

/// A fault of the machine: the database, its file or its host.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("ledger {ledger}: {what}")]
    Database { ledger: String, what: String },
    #[error("ledger {ledger}: {source}")]
    File { ledger: String, source: std::io::Error },
    #[error("{ledger} is not a ledger of parution; it is left untouched")]
    NotALedger { ledger: String },
    #[error("ledger {ledger} is damaged ({what}); restore a backup, or move it away to begin anew")]
    Damaged { ledger: String, what: String },
    #[error("ledger {ledger} has version {found}, this program knows up to {known}: use the newer program")]
    Newer { ledger: String, found: i64, known: i64 },
    #[error(
        "ledger {ledger} was last used by another machine; if this one takes over, say --adopt (the other must not send any more)"
    )]
    OtherMachine { ledger: String },
    #[error(
        "ledger {ledger} is an older copy: digest {seen} was cut from it, and it knows {newest} digests; if you restored a backup, say --adopt once (what was sent since then may go out again, under the same Message-IDs)"
    )]
    Older { ledger: String, newest: i64, seen: i64 },
    #[error("ledger {ledger}: {why}")]
    Unsuitable { ledger: String, why: String },
}

/// Milliseconds since 1970.
fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The instant of a stored number; the far past for one that no clock can have written.
fn instant(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}
