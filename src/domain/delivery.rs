//! One digest to one subscriber, and what becomes of it.

use chrono::{DateTime, Utc};

use super::{DigestId, EmailAddress, SubscriberId};

/// One digest to one subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub digest: DigestId,
    pub subscriber: SubscriberId,
    /// Refusals for now (4xx) counted so far; they space the retries.
    pub attempts: u32,
    /// Times that the final dot may have been written and no answer was read.
    pub doubts: u32,
    pub state: DeliveryState,
}

/// The states of a delivery; what a crash leaves behind in each is written in `run::deliver`.
#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryState {
    Waiting {
        not_before: DateTime<Utc>,
    },
    /// A worker has it until the lease ends; no final dot was written.
    Claimed {
        worker: String,
        token: i64,
        until: DateTime<Utc>,
    },
    /// The final dot may be on the wire: committed before it is written.
    Sending {
        token: i64,
        since: DateTime<Utc>,
    },
    /// The server answered 2xx after the dot; its reply is the proof.
    Sent {
        at: DateTime<Utc>,
        reply: String,
    },
    /// Refused for good.
    Refused {
        at: DateTime<Utc>,
        reply: String,
    },
    /// The reader left, bounced or complained before the dot.
    Left,
    /// Three copies may have arrived and none was confirmed: a person decides.
    InDoubt {
        since: DateTime<Utc>,
    },
}

/// What the server's answer, or its absence, means; a refusal is an outcome, never an `Err`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Accepted(String),
    /// This recipient, later.
    Deferred(String),
    /// This recipient, never.
    Refused(String),
    /// The letter or its sender is refused, not the recipient: it is us.
    LetterRefused(String),
    /// No blame on anyone: connection, 421, refusals before a recipient was named. Nothing is
    /// counted.
    ServerDown(String),
    /// Our settings, our password or our name are refused: it will not mend itself. Nothing is
    /// counted, and the run stops.
    Misconfigured(String),
    /// The final dot was written and no clear answer came.
    Unknown(String),
}

impl Outcome {
    /// The server's words, or ours.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Accepted(words)
            | Self::Deferred(words)
            | Self::Refused(words)
            | Self::LetterRefused(words)
            | Self::ServerDown(words)
            | Self::Misconfigured(words)
            | Self::Unknown(words) => words,
        }
    }

    /// The same, with the reader's address shortened where the server quotes it: its words end in
    /// logs and reports.
    #[must_use]
    pub fn masking(mut self, reader: &EmailAddress) -> Self {
        let (Self::Accepted(words)
        | Self::Deferred(words)
        | Self::Refused(words)
        | Self::LetterRefused(words)
        | Self::ServerDown(words)
        | Self::Misconfigured(words)
        | Self::Unknown(words)) = &mut self;
        if words.contains('@') {
            *words = reader.masked_in(words);
        }
        self
    }
}

/// What an answer or a returned letter says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bounce {
    /// There is no such mailbox.
    Hard,
    /// Full, or away for long: several digests in a row make it hard.
    Soft,
    /// The reader called a letter spam (RFC 5965).
    Complaint,
}

/// How many deliveries of a digest are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub waiting: u64,
    pub claimed: u64,
    pub sending: u64,
    pub sent: u64,
    pub refused: u64,
    pub left: u64,
    pub in_doubt: u64,
}

impl Tally {
    /// Deliveries that may still put a letter on the wire.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.waiting + self.claimed + self.sending
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.open() + self.sent + self.refused + self.left + self.in_doubt
    }
}
