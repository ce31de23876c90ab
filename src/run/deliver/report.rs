//! What a run has done, for people and for scripts.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::{DigestId, Tally};
use crate::ledger::{Ledger, LedgerError, Recovered};
use crate::run::Ending;

/// How a run of [`deliver`](super::deliver) went.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub started: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    /// Letters that this run saw accepted.
    pub sent: u64,
    /// Readers refused for good in this run.
    pub refused: u64,
    /// Refusals for now.
    pub deferred: u64,
    /// Final dots without an answer.
    pub doubted: u64,
    /// Readers who left before their letter.
    pub left: u64,
    /// Final dots written, and those among them that may have been copies.
    pub dots: u64,
    pub copies: u64,
    pub recovered: Recovered,
    /// All deliveries of all digests as they are now.
    pub tally: Tally,
    pub next_due: Option<DateTime<Utc>>,
    pub paused: Vec<(DigestId, String)>,
    pub stop: Option<Stop>,
    /// The latest words of a server that were not a yes.
    pub last_words: Option<String>,
}

/// Why a run ended before everything was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM or SIGINT.
    Asked,
    /// `max_time` is over, or nothing becomes due before it.
    Time,
    TooManyDoubts,
    TooManyCopies,
    /// Only a person can mend it.
    Misconfigured(String),
}

/// Where a run stands, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Letters that were open when the run began.
    pub total: u64,
    /// Those closed since: sent, refused, left or in doubt.
    pub done: u64,
    pub sent: u64,
    pub refused: u64,
    /// Until when everything waits, if it does.
    pub waiting_until: Option<DateTime<Utc>>,
}

impl Report {
    pub(super) fn new(started: DateTime<Utc>, recovered: Recovered) -> Self {
        Self {
            started,
            ended: started,
            sent: 0,
            refused: 0,
            deferred: 0,
            doubted: 0,
            left: 0,
            dots: 0,
            copies: 0,
            recovered,
            tally: Tally::default(),
            next_due: None,
            paused: Vec::new(),
            stop: None,
            last_words: None,
        }
    }

    /// Several deliveries of one command as one: what they did together, and how things are now.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            started: self.started,
            sent: self.sent + later.sent,
            refused: self.refused + later.refused,
            deferred: self.deferred + later.deferred,
            doubted: self.doubted + later.doubted,
            left: self.left + later.left,
            dots: self.dots + later.dots,
            copies: self.copies + later.copies,
            recovered: Recovered {
                unclaimed: self.recovered.unclaimed + later.recovered.unclaimed,
                doubtful: self.recovered.doubtful + later.recovered.doubtful,
                in_doubt: self.recovered.in_doubt + later.recovered.in_doubt,
            },
            paused: [self.paused, later.paused].concat(),
            stop: later.stop.or(self.stop),
            last_words: later.last_words.or(self.last_words),
            ..later
        }
    }

    /// The report of a command that had nothing to deliver.
    ///
    /// # Errors
    /// The ledger's.
    pub fn of_nothing(ledger: &mut dyn Ledger, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        let mut report = Self::new(now, Recovered::default());
        report.tally = ledger.tally(None)?;
        report.next_due = ledger.next_due()?;
        Ok(report)
    }

    /// Done when every delivery is closed well; someone must look while one is open or in doubt,
    /// or when someone was refused in this run.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending::look_if(
            self.tally.open() > 0 || self.tally.in_doubt > 0 || self.refused > 0 || self.stop.is_some(),
        )
    }

    /// The reason, when the configuration kept the run from trying anything at all.
    #[must_use]
    pub fn could_not_try(&self) -> Option<&str> {
        match &self.stop {
            Some(Stop::Misconfigured(reason)) if self.dots == 0 => Some(reason),
            _ => None,
        }
    }

    /// Letters a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = (self.ended - self.started).num_milliseconds() as f64 / 1000.0;
        if seconds > 0.0 { self.sent as f64 / seconds } else { 0.0 }
    }
}

impl fmt::Display for Report {
    /// One line for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent", self.sent)?;
        for (count, what) in [
            (self.refused, "refused"),
            (self.left, "left before their letter"),
            (self.tally.open(), "waiting"),
            (self.tally.in_doubt, "in doubt"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.tally.open() > 0
            && let Some(due) = self.next_due
        {
            write!(f, " (the next at {})", due.format("%Y-%m-%d %H:%M UTC"))?;
        }
        for (digest, reason) in &self.paused {
            write!(f, "; digest {digest} pauses: {reason}")?;
        }
        match &self.stop {
            Some(stop) => write!(f, "; {stop}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("stopped as asked; the next run goes on"),
            Self::Time => f.write_str("the rest is for the next run"),
            Self::TooManyDoubts => f.write_str(
                "stopped: the server takes letters and does not say whether it keeps them; ask its postmaster before the next run",
            ),
            Self::TooManyCopies => f.write_str("stopped: more than a fifth of the letters were copies"),
            Self::Misconfigured(reason) => write!(f, "stopped: {reason}"),
        }
    }
}
