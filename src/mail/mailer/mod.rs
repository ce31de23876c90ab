//! Posts letters: over SMTP, into a folder, or into memory.
//!
//! Three ways, three variants, one conversation: [`Mailer::open`] a session, [`Session::offer`] a
//! reader, [`Session::write`] the letter, and only then, when the caller has written down that it
//! is about to happen, [`Session::dot`]. A letter whose dot was not written was certainly not
//! delivered: dropping the session there is always safe.

mod folder;
mod memory;
pub mod smtp;

use std::sync::atomic::AtomicBool;

pub use folder::Folder;
pub use memory::{Memory, Posted};

use crate::domain::EmailAddress;
use crate::mail::outcome::Answer;

/// Where letters go.
pub enum Mailer {
    Smtp(smtp::Smtp),
    Folder(Folder),
    Memory(Memory),
}

/// Who a letter is from and for, as the server is told.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The return address of this very delivery; `None` is the empty one.
    pub sender: Option<&'a EmailAddress>,
    pub recipient: &'a EmailAddress,
    /// The name of the delivery: equal for all its copies, and fit for a file name.
    pub name: &'a str,
}

impl Mailer {
    /// The relays to choose from, by their shares of the connections.
    #[must_use]
    pub fn weights(&self) -> Vec<u32> {
        match self {
            Self::Smtp(smtp) => smtp.relays.iter().map(|relay| relay.weight).collect(),
            Self::Folder(_) | Self::Memory(_) => vec![1],
        }
    }

    /// What a relay is called in messages: a host or a folder, never a password.
    #[must_use]
    pub fn name(&self, relay: usize) -> String {
        match self {
            Self::Smtp(smtp) => smtp.relays.get(relay).map(smtp::Relay::name).unwrap_or_default(),
            Self::Folder(folder) => folder.name(),
            Self::Memory(_) => "memory".to_owned(),
        }
    }

    /// Opens a session with one relay; refuses with the meaning of what went wrong. `hurry` ends
    /// all waiting when it becomes true: at once before the dot, after a moment behind it.
    pub fn open<'m>(&'m self, relay: usize, hurry: &'m AtomicBool) -> Result<Session<'m>, Answer> {
        match self {
            Self::Smtp(smtp) => smtp.open(relay, hurry).map(|s| Session::Smtp(Box::new(s))),
            Self::Folder(folder) => folder.open().map(Session::Folder),
            Self::Memory(memory) => Ok(Session::Memory(memory.open())),
        }
    }
}

/// One conversation, letter after letter.
pub enum Session<'m> {
    Smtp(Box<smtp::Session<'m>>),
    Folder(folder::Session<'m>),
    Memory(memory::Session<'m>),
}

impl Session<'_> {
    /// Asks the server to take a letter of `size` octets for one reader.
    pub fn offer(&mut self, envelope: &Envelope<'_>, size: usize) -> Result<(), Answer> {
        match self {
            Self::Smtp(session) => session.offer(envelope, size),
            Self::Folder(session) => session.offer(envelope),
            Self::Memory(session) => session.offer(envelope),
        }
    }

    /// Writes the letter, all but its final dot. The letter passed `guard::check`.
    pub fn write(&mut self, letter: &[u8]) -> Result<(), Answer> {
        match self {
            Self::Smtp(session) => session.write(letter),
            Self::Folder(session) => session.write(letter),
            Self::Memory(session) => session.write(letter),
        }
    }

    /// Writes the final dot and reads the answer.
    pub fn dot(&mut self) -> Answer {
        match self {
            Self::Smtp(session) => session.dot(),
            Self::Folder(session) => session.dot(),
            Self::Memory(session) => session.dot(),
        }
    }

    /// Whether another letter can be offered here.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Smtp(session) => session.is_usable(),
            Self::Folder(_) => true,
            Self::Memory(session) => session.is_usable(),
        }
    }

    /// Ends the session in good manners.
    pub fn quit(self) {
        if let Self::Smtp(session) = self {
            session.quit();
        }
    }
}
