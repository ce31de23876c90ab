//! Verbs about deliveries: claiming, recording, closing. The states and what a crash leaves behind
//! in each are written in `run::deliver`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Fate, LedgerError};
use crate::domain::{Bounce, DeliveryState, DigestId, EmailAddress, Language, SubscriberId, Tally};

/// Deliveries: one row for each digest and reader, crossed off alone.
pub trait Deliveries {
    /// Gives back what a worker left behind: its claims wait again, its letters that may be on the
    /// wire count as doubts. `fate` says what became of the worker of a name; leases that ran out
    /// are given back whoever held them.
    fn recover(
        &mut self,
        fate: &mut dyn FnMut(&str) -> Fate,
        max_doubts: u32,
        now: DateTime<Utc>,
    ) -> Result<Recovered, LedgerError>;

    /// Takes up to `limit` letters that are due, oldest digest first, for `lease`.
    fn claim(
        &mut self,
        claimer: &Claimer<'_>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claim>, LedgerError>;

    /// Commits many steps in one transaction; one verdict for each, in their order.
    fn record(&mut self, steps: &[Step], now: DateTime<Utc>) -> Result<Vec<Verdict>, LedgerError>;

    /// Prolongs every lease of a worker that still holds it.
    fn renew(&mut self, claimer: &Claimer<'_>, now: DateTime<Utc>) -> Result<(), LedgerError>;

    /// The next instant at which a letter that waits now becomes due, pauses included; `None` when
    /// none waits.
    fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError>;

    /// The states of one digest, or of all. Quick however many digests there were, as long as most
    /// of them are closed.
    fn tally(&mut self, digest: Option<DigestId>) -> Result<Tally, LedgerError>;

    /// Notes the tallies of the digests that nobody has to work on any more.
    fn close_finished(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError>;

    /// Letters accepted since an instant, by recipient domain: what the pace has used up.
    fn sent_since(&mut self, since: DateTime<Utc>) -> Result<Vec<(String, u64)>, LedgerError>;

    /// How many other workers hold letters just now: they share the pace.
    fn other_workers(&mut self, me: &str) -> Result<u32, LedgerError>;

    /// The pace that a server's complaints have left, and when that was noted.
    fn brake(&mut self) -> Result<Option<Brake>, LedgerError>;

    fn set_brake(&mut self, brake: Brake) -> Result<(), LedgerError>;

    /// The deliveries that someone should look at: waiting after a refusal, in doubt, refused; the
    /// latest first.
    fn troubles(&mut self, digest: DigestId, limit: usize) -> Result<Vec<Trouble>, LedgerError>;

    /// A person's decision on letters in doubt; says how many there were.
    fn close_in_doubt(&mut self, decision: InDoubt, now: DateTime<Utc>) -> Result<u64, LedgerError>;

    /// Lets the refused deliveries of a digest wait again, those of readers who are still
    /// confirmed; says how many there were.
    fn reopen_refused(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError>;

    /// Ends what is still open of a digest, by a person's decision; says how many letters stay
    /// unsent. Letters that may be on the wire are left to their answer.
    fn stop(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError>;

    /// What a returned letter says of its reader: a hard bounce or a complaint changes the
    /// standing at once; soft bounces do after [`SOFT_BOUNCES`] different digests in a row. Says
    /// whether the standing changed.
    fn bounced(
        &mut self,
        digest: DigestId,
        subscriber: SubscriberId,
        bounce: Bounce,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError>;
}

/// How fast a server lets all workers together be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brake {
    /// Letters a second.
    pub pace: f64,
    /// To the millisecond.
    pub at: DateTime<Utc>,
}

/// A worker that asks for letters.
#[derive(Debug, Clone, Copy)]
pub struct Claimer<'a> {
    /// Names the machine, its boot, the process and its start, so that another can tell it is gone.
    pub worker: &'a str,
    /// Longer than any answer may take: past it, others may send the letter.
    pub lease: Duration,
}

/// One letter to send, and to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub digest: DigestId,
    /// The number of its edition, an index into `Digest::editions`.
    pub edition: usize,
    pub subscriber: SubscriberId,
    pub email: EmailAddress,
    /// May be empty.
    pub name: String,
    pub language: Option<Language>,
    /// The lease: every later write names it.
    pub token: i64,
    pub attempts: u32,
    pub doubts: u32,
}

/// One thing to write down about a claimed letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The final dot is about to be written: one doubt more, until an answer takes it back.
    Sending { digest: DigestId, subscriber: SubscriberId, token: i64 },
    /// What became of it. `state` is Waiting, Sent, Refused or `InDoubt`.
    Settle {
        digest: DigestId,
        subscriber: SubscriberId,
        token: i64,
        state: DeliveryState,
        attempts: u32,
        doubts: u32,
        /// The server's last words, for states that carry none; at most 200 octets, cleaned.
        reply: String,
        /// What the answer says of the address, if it says anything.
        bounce: Option<Bounce>,
    },
    /// A refusal turned out to be about us, not about this reader: the letter waits again.
    Reopen { digest: DigestId, subscriber: SubscriberId, not_before: DateTime<Utc> },
}

/// What the ledger answers to a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Recorded,
    /// The reader left or is suppressed: no dot may be written. The delivery is closed as Left.
    ReaderLeft,
    /// Somebody else has the letter now: stop here.
    LeaseLost,
}

/// Digests in a row whose soft bounce makes an address count as gone.
pub const SOFT_BOUNCES: u32 = 3;

/// What [`Deliveries::recover`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Claimed and certainly not sent.
    pub unclaimed: u64,
    /// Perhaps sent; they go out again with the same octets.
    pub doubtful: u64,
    /// Perhaps sent too often already; a person decides.
    pub in_doubt: u64,
}

/// A delivery that someone may want to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    pub digest: DigestId,
    pub subscriber: SubscriberId,
    pub email: EmailAddress,
    pub attempts: u32,
    pub doubts: u32,
    pub state: DeliveryState,
    /// The server's last words.
    pub reply: String,
}

/// What a person decides about letters in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// One more copy, with the same Message-ID.
    Resend,
    /// They arrived; nothing more is sent.
    Accept,
}

/// Soft bounces in a row once one more of `digest` has come: `last` is the digest of the latest
/// before, `previous` the digest this reader got before `digest`.
pub(super) fn soft_count(count: u32, last: Option<i64>, previous: Option<i64>, digest: i64) -> u32 {
    if last == Some(digest) {
        count
    } else if last.is_some() && last == previous {
        count + 1
    } else {
        1
    }
}

/// A returned letter as it stands in its reader's history: the event, and its detail.
pub(super) fn bounce_in_words(bounce: Bounce, digest: DigestId, in_a_row: u32) -> (&'static str, String) {
    match bounce {
        Bounce::Hard => ("bounced", format!("no. {digest}: for good")),
        Bounce::Soft => ("bounced", format!("no. {digest}: for now, {in_a_row} in a row")),
        Bounce::Complaint => ("complained", format!("no. {digest}")),
    }
}

/// How a settled letter is kept: its state's word, and when it is due again. `now` where nothing is.
pub(super) fn settled(state: &DeliveryState, now: DateTime<Utc>) -> (&'static str, DateTime<Utc>) {
    match state {
        DeliveryState::Waiting { not_before } => ("waiting", *not_before),
        DeliveryState::Sent { .. } => ("sent", now),
        DeliveryState::Refused { .. } => ("refused", now),
        DeliveryState::InDoubt { .. } => ("in doubt", now),
        DeliveryState::Left => ("left", now),
        DeliveryState::Claimed { .. } | DeliveryState::Sending { .. } => {
            unreachable!("a letter is settled into a state without a worker")
        }
    }
}

/// The server's last words on a settled letter.
pub(super) fn last_words<'s>(state: &'s DeliveryState, reply: &'s str) -> &'s str {
    match state {
        DeliveryState::Sent { reply, .. } | DeliveryState::Refused { reply, .. } => reply,
        _ => reply,
    }
}

/// The state of a delivery that someone may look at, from its word.
pub(super) fn troubled(word: &str, at: DateTime<Utc>, due_at: DateTime<Utc>, reply: &str) -> DeliveryState {
    match word {
        "refused" => DeliveryState::Refused { at, reply: reply.to_owned() },
        "in doubt" => DeliveryState::InDoubt { since: at },
        _ => DeliveryState::Waiting { not_before: due_at },
    }
}

/// A tally from what was counted for each state's word; a word may come more than once.
pub(super) fn tally_of<'w>(counts: impl IntoIterator<Item = (&'w str, u64)>) -> Tally {
    let mut tally = Tally::default();
    for (word, count) in counts {
        match word {
            "waiting" => tally.waiting += count,
            "claimed" => tally.claimed += count,
            "sending" => tally.sending += count,
            "sent" => tally.sent += count,
            "refused" => tally.refused += count,
            "left" => tally.left += count,
            _ => tally.in_doubt += count,
        }
    }
    tally
}
