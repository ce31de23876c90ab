//! Leaving without a web server: reads the letters that the `mailto:` link of each digest makes.
//!
//! Such a letter names the reader's own token in its subject, so that a sender's address, which
//! anyone can write, decides nothing. Letters without a token are for a person: they are marked, and
//! the command ends with 1. Read letters move from `new/` to `cur/`, as mail programs do, so that a
//! letter is acted upon once; acting twice would change nothing either.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use mail_parser::MessageParser;

use super::mailbox::{self, Mark};
use super::{Ending, Fault, plural};
use crate::ledger::Membership;
use crate::read::roster::tidy;

/// What a letter asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Left,
    /// A token that nobody has, or has any more.
    Nobody,
    NoToken,
}

/// Acts upon one letter.
///
/// # Errors
/// A ledger that fails.
pub fn one(
    ledger: &mut dyn Membership,
    letter: &[u8],
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let (asked, subject) = act(ledger, letter, now)?;
    tell(asked, &subject, out)?;
    Ok(Ending::look_if(asked == Asked::NoToken))
}

/// Acts upon every new letter of a Maildir, or every letter of an mbox file.
///
/// # Errors
/// A mailbox that is none or cannot be changed, a ledger that fails; letters read so far are done
/// and marked.
pub fn all(
    ledger: &mut dyn Membership,
    mailbox: &Path,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let (mut left, mut for_a_person) = (0_u64, 0_u64);
    mailbox::each(mailbox, &mut |letter| {
        let (asked, subject) = act(ledger, letter, now)?;
        tell(asked, &subject, out)?;
        left += u64::from(asked == Asked::Left);
        for_a_person += u64::from(asked == Asked::NoToken);
        Ok(if asked == Asked::NoToken { Mark::ForAPerson } else { Mark::Seen })
    })?;
    let (readers, letters) = (plural(left, "reader"), plural(for_a_person, "letter"));
    writeln!(out, "{readers} left the list, {letters} for a person to read")?;
    Ok(Ending::look_if(for_a_person > 0))
}

fn act(ledger: &mut dyn Membership, letter: &[u8], now: DateTime<Utc>) -> Result<(Asked, String), Fault> {
    let parsed = MessageParser::default().parse_headers(letter);
    let subject = parsed.as_ref().and_then(|letter| letter.subject()).unwrap_or_default();
    let asked = match token_in(subject) {
        None => Asked::NoToken,
        Some(token) => match ledger.leave(&token, "by mail", now)? {
            Some(_) => Asked::Left,
            None => Asked::Nobody,
        },
    };
    Ok((asked, tidy(subject, 80)))
}

fn tell(asked: Asked, subject: &str, out: &mut dyn Write) -> std::io::Result<()> {
    match asked {
        Asked::Left => Ok(()),
        Asked::Nobody => writeln!(out, "a token that nobody has: “{subject}”"),
        Asked::NoToken => writeln!(out, "no token, left for a person: “{subject}”"),
    }
}

/// The token of a subject such as `unsubscribe TOKEN` or `Re: unsubscribe TOKEN`. Mail programs
/// change the case of nothing there, but people type.
fn token_in(subject: &str) -> Option<String> {
    let token = |word: &&str| {
        word.len() == 32 && word.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b))
    };
    let mut words = subject.split(|c: char| !c.is_ascii_alphanumeric()).filter(token);
    let found = words.next()?.to_ascii_lowercase();
    words.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::token_in;

    #[test]
    fn a_token_is_found_whatever_a_mail_program_adds() {
        let token = "abcdefghijklmnopqrstuvwxyz234567";
        for subject in [
            format!("unsubscribe {token}"),
            format!("Re: [SPAM?] unsubscribe {}", token.to_uppercase()),
            format!("<{token}>"),
        ] {
            assert_eq!(token_in(&subject).as_deref(), Some(token), "{subject}");
        }
        for subject in ["", "unsubscribe", &token[1..], &format!("{token}a"), &format!("{token} {token}")] {
            assert_eq!(token_in(subject), None, "{subject}");
        }
    }
}
