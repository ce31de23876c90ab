//! `parution unsubscribe`, `bounces` and `status`: what comes back, and where everything stands.

use std::io::{Read, Write};

use parution::cli;
use parution::run::bounces::{self, Count};
use parution::run::{Ending, Fault, mailbox, status, unsubscribe};

use super::House;
use crate::terminal::Terminal;

impl House {
    /// `parution unsubscribe`.
    pub fn unsubscribe(&self, options: &cli::Unsubscribe, out: &mut Terminal) -> Result<Ending, Fault> {
        let mut ledger = self.ledger()?;
        if options.mailbox.as_os_str() == "-" {
            return unsubscribe::one(ledger.as_mut(), &letter_on_stdin()?, self.now, out);
        }
        unsubscribe::all(ledger.as_mut(), &options.mailbox, self.now, out)
    }

    /// `parution bounces`.
    pub fn bounces(&self, options: &cli::Bounces, out: &mut Terminal) -> Result<Ending, Fault> {
        let mut ledger = self.ledger()?;
        let mut count = Count::default();
        let mut visit = |letter: &[u8]| bounces::one(ledger.as_mut(), letter, self.now, &mut count);
        if options.mailbox.as_os_str() == "-" {
            mailbox::each_of(&letter_on_stdin()?, &mut visit)?;
        } else {
            mailbox::each(&options.mailbox, &mut visit)?;
        }
        Ok(count.tell(out)?)
    }

    /// `parution status`.
    pub fn status(&self, options: &cli::Status, out: &mut Terminal) -> Result<Ending, Fault> {
        let standing = status::look(self.ledger()?.as_mut())?;
        if options.json {
            writeln!(out, "{:#}", standing.json())?;
        } else if options.metrics {
            write!(out, "{}", standing.metrics())?;
        } else {
            standing.tell(out)?;
        }
        Ok(standing.ending())
    }
}

/// What a mail server pipes in: a letter, or an mbox.
fn letter_on_stdin() -> Result<Vec<u8>, Fault> {
    const MOST: u64 = 64 << 20;
    let mut octets = Vec::new();
    let read = std::io::stdin().take(MOST + 1).read_to_end(&mut octets)?;
    if read as u64 > MOST {
        return Err(Fault("what is on standard input is too large".to_owned()));
    }
    Ok(octets)
}
