//! One file a command: each puts the steps in order and holds nothing else.

pub mod bounces;
pub mod check;
pub mod cut;
pub mod deliver;
pub mod digest;
pub mod dkim;
pub mod feeds;
pub mod init;
pub mod job;
pub mod mailbox;
pub mod mailing_list;
pub mod monthly;
pub mod news;
pub mod pictures;
pub mod preview;
mod processors;
pub mod send;
pub mod serve;
pub mod status;
pub mod subscribers;
pub mod unsubscribe;

use std::fmt;

/// How a command ended, when it could run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All done, or nothing to do: exit code 0.
    Done,
    /// Done, but someone must look: exit code 1.
    Look,
}

impl Ending {
    /// `Look` when there is something to look at.
    #[must_use]
    pub fn look_if(something: bool) -> Self {
        if something { Self::Look } else { Self::Done }
    }

    /// The graver of two endings.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// Why a command could not run: exit code 2. Made from any error that names its file or host.
#[derive(Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let more = inner.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = inner.source();
        }
        Self(text)
    }
}

/// `1 article`, `3 articles`.
fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
