//! Brings cut digests to everyone, once, whatever happens.
//!
//! One thread owns the ledger and decides (`desk`); each connection has a thread that speaks and
//! decides nothing (`sender`). All writes that are due at the same moment share one commit, and no
//! transaction is open while a socket is. Memory is O(connections): letters are claimed a few at a
//! time, and composed from one mold for each edition.
//!
//! # The states
//!
//! ```text
//! Waiting --claim (lease)--> Claimed
//! Claimed --DATA 354, or ordered ahead--> Sending   committed BEFORE the final dot
//! Sending --2xx--> Sent                             committed BEFORE the next command
//! Sending --4xx--> Waiting, one attempt more        Sending --5xx--> Refused
//! Sending --lost, time-out, nonsense, crash--> Waiting, one doubt more; the third: InDoubt
//! Claimed --RCPT 4xx--> Waiting   --RCPT 5xx--> Refused   --421, lost, our own trouble--> Waiting
//! any open state --the reader left, bounced, complained--> Left
//! ```
//!
//! # What a crash leaves behind
//!
//! | the process dies | the ledger says | in truth | the next run |
//! |---|---|---|---|
//! | before the cut commits | nothing | nothing | cuts again, with the same articles |
//! | after the cut | Waiting | not sent | sends |
//! | after the claim, before Sending commits | Claimed | not sent: there was no dot | sends at once; on another machine when the lease ends |
//! | Sending committed, the dot not begun | Sending, no note of a dot | not sent | sends at once; without the notes (a power cut, another machine) a doubt |
//! | the dot begun | Sending, and a note of it | unknown | a doubt: sends the same octets again |
//! | 2xx read, Sent not committed | Sending | delivered | the same: the one copy that nobody can avoid (RFC 1047) |
//! | Sent committed | Sent | delivered | nothing |
//!
//! Where the begin of each dot is noted beside the ledger, Sending alone is no doubt after a kill:
//! there the commit that settles one letter also orders the next of that connection, and a letter
//! waits for the disk once, not twice. Workers that share a database keep no notes: whoever takes up
//! a dead one's letters may be another machine, so each order there waits until its dot is due.
//!
//! So nobody is lost, and a copy can only follow an answer that never came: one for each open
//! connection and crash. All copies have one Message-ID and the same octets, and there are never
//! more than three.
//!
//! # When it stops by itself
//!
//! Five doubts in a row, or ten among the last fifty letters; three different readers in a row
//! refused for our sake (the digest pauses for an hour, and nobody is suppressed); a configuration
//! that every relay refuses; more than a fifth of the letters of a run being copies.

mod breaker;
mod desk;
mod figures;
mod report;
mod sender;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::EmailAddress;
use crate::ledger::{DigestSummary, Ledger, LedgerError};
use crate::mail::mailer::Mailer;
use crate::mail::outcome::Retry;
use crate::mail::pace::Limits;
use crate::mail::sign::Signer;

pub use report::{Progress, Report, Stop};

/// How letters are delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Connections at the same time, shared among the relays.
    pub connections: usize,
    pub retry: Retry,
    /// How long a run stays to try again what waits; what is left is for the next one.
    pub max_time: Duration,
    /// How long a claim lasts on a machine that may have gone; longer than any answer may take.
    pub lease: Duration,
    /// How soon a letter is tried again that a broken connection kept from being sent.
    pub after_trouble: Duration,
    pub pace: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 4,
            retry: Retry::default(),
            max_time: Duration::from_mins(25),
            lease: Duration::from_mins(15),
            after_trouble: Duration::from_secs(5),
            pace: Limits::default(),
        }
    }
}

/// One call of [`deliver`]: what it works with.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub mailer: &'a Mailer,
    /// Where letters go, in words: `through mail.example.org:587`.
    pub destination: &'a str,
    pub signer: Option<&'a Signer>,
    /// The address in `From`: the envelope's sender without a `return_path`, and its domain that of
    /// the Message-IDs.
    pub sender: &'a EmailAddress,
    /// The mailbox that gets returned letters; each letter's own token is put behind a `+` (VERP).
    pub return_path: Option<&'a EmailAddress>,
    /// Leave the return address as it is: a mailing list knows by it who may write to it.
    pub plain_return: bool,
    pub settings: &'a Settings,
    /// Names this process in leases.
    pub worker: &'a str,
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// Becomes true when the run shall end (SIGTERM, SIGINT): no new letter is begun, one whose dot
    /// is out gets a moment for its answer.
    pub stop: &'a AtomicBool,
}

/// How long ago a digest may have been cut that nobody has yet.
const FRESH: TimeDelta = TimeDelta::hours(24);

/// A digest that was cut more than a day ago and has reached nobody: a machine that comes back from
/// a long rest should not send last week's news unasked.
///
/// # Errors
/// The ledger's.
pub fn stale(ledger: &mut dyn Ledger, now: DateTime<Utc>) -> Result<Option<DigestSummary>, LedgerError> {
    let digests = ledger.digests(10)?;
    Ok(digests.into_iter().find(|digest| {
        digest.tally.open() > 0
            && digest.tally.sent == 0
            && now - digest.cut_at > FRESH
            && digest.pause.is_none()
    }))
}

/// Sends what is due, waits for what becomes due within `max_time`, and says how it went. `watch`
/// is told of progress a few times a second.
///
/// # Errors
/// Only the ledger's: then nothing more was sent, and letters that may be out are doubts.
pub fn deliver(
    ledger: &mut dyn Ledger,
    job: &Job<'_>,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Report, LedgerError> {
    desk::run(ledger, job, watch)
}
