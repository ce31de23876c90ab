//! Letters into memory, with a server whose answers are scripted: what tests of the delivery's
//! states run against by the thousand.

use std::sync::{Arc, Mutex};

use super::Envelope;
use crate::domain::{EmailAddress, Outcome};
use crate::mail::outcome::{Answer, Stage};

/// A letter that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub recipient: EmailAddress,
    pub letter: Vec<u8>,
}

/// What the scripted server says at a stage to a recipient; `None` is "fine".
type Script = dyn Fn(Stage, &EmailAddress) -> Option<Answer> + Send + Sync;

/// A mailbox for everyone, shared by all sessions.
#[derive(Clone)]
pub struct Memory {
    posted: Arc<Mutex<Vec<Posted>>>,
    script: Arc<Script>,
}

pub struct Session<'m> {
    memory: &'m Memory,
    recipient: Option<EmailAddress>,
    letter: Vec<u8>,
    lost: bool,
}

impl Memory {
    /// A server that takes everything.
    #[must_use]
    pub fn new() -> Self {
        Self::scripted(|_, _| None)
    }

    /// A server with a will of its own. At [`Stage::Dot`] an answer of `Unknown` keeps the letter,
    /// as a server does whose answer was lost; any other refusal does not.
    pub fn scripted(script: impl Fn(Stage, &EmailAddress) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self { posted: Arc::default(), script: Arc::new(script) }
    }

    /// Everything that arrived so far, copies included, in order.
    #[must_use]
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().expect("no session panicked").clone()
    }

    pub(super) fn open(&self) -> Session<'_> {
        Session { memory: self, recipient: None, letter: Vec::new(), lost: false }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Session<'_> {
    pub(super) fn offer(&mut self, envelope: &Envelope<'_>) -> Result<(), Answer> {
        self.recipient = Some(envelope.recipient.clone());
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
            self.ask(stage)?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, letter: &[u8]) -> Result<(), Answer> {
        self.ask(Stage::Body)?;
        letter.clone_into(&mut self.letter);
        Ok(())
    }

    pub(super) fn dot(&mut self) -> Answer {
        let answer = self.ask(Stage::Dot).err().unwrap_or_else(|| Answer {
            outcome: Outcome::Accepted("250 kept in memory".to_owned()),
            bounce: None,
            slow_down: false,
        });
        if matches!(answer.outcome, Outcome::Accepted(_) | Outcome::Unknown(_))
            && let Some(recipient) = self.recipient.take()
        {
            let letter = std::mem::take(&mut self.letter);
            self.memory.posted.lock().expect("no session panicked").push(Posted { recipient, letter });
        }
        answer
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.lost
    }

    fn ask(&mut self, stage: Stage) -> Result<(), Answer> {
        let Some(recipient) = &self.recipient else { return Ok(()) };
        match (self.memory.script)(stage, recipient) {
            None => Ok(()),
            Some(answer) => {
                self.lost |= matches!(answer.outcome, Outcome::Unknown(_) | Outcome::ServerDown(_));
                Err(answer)
            }
        }
    }
}
