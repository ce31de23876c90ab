//! Reads returned mail and complaints, and takes from the list whom they name.
//!
//! A delivery status notification (RFC 3464) or an abuse report (RFC 5965) names its delivery by a
//! token that only the ledger's key can make: in the return address (VERP), or in the Message-ID of
//! the letter it returns. Addresses in it are not believed: anyone can write them. What the status
//! code says decides, never the words.

use std::io::Write;

use chrono::{DateTime, Utc};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::mailbox::Mark;
use super::{Ending, Fault, plural};
use crate::domain::{Bounce, DigestId, SubscriberId};
use crate::ledger::Ledger;
use crate::mail::outcome::bounce_of_status;

/// What came of a mailbox.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Readers taken off the list.
    pub taken_off: u64,
    /// Noted against a reader who stays.
    pub noted: u64,
    /// Delays and confirmations: nothing to do.
    pub harmless: u64,
    /// What parution makes nothing of.
    pub for_a_person: u64,
}

impl Count {
    /// One line, and whether someone must look.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn tell(&self, out: &mut dyn Write) -> std::io::Result<Ending> {
        writeln!(
            out,
            "{} taken off the list, {} noted, {} harmless, {} for a person to read",
            plural(self.taken_off, "reader"),
            plural(self.noted, "bounce"),
            self.harmless,
            plural(self.for_a_person, "letter")
        )?;
        Ok(Ending::look_if(self.for_a_person > 0))
    }
}

/// Acts upon one letter.
///
/// # Errors
/// A ledger that fails.
pub fn one(
    ledger: &mut dyn Ledger,
    letter: &[u8],
    now: DateTime<Utc>,
    count: &mut Count,
) -> Result<Mark, Fault> {
    let parsed = MessageParser::default().parse(letter);
    let verdict = parsed.as_ref().map_or(Verdict::Unclear, verdict);
    let bounce = match verdict {
        Verdict::Harmless => {
            count.harmless += 1;
            return Ok(Mark::Seen);
        }
        Verdict::Unclear => {
            count.for_a_person += 1;
            return Ok(Mark::ForAPerson);
        }
        Verdict::Bounce(bounce) => bounce,
    };
    let Some((digest, subscriber)) = delivery_named_in(letter, parsed.as_ref(), ledger) else {
        count.for_a_person += 1;
        return Ok(Mark::ForAPerson);
    };
    if ledger.bounced(digest, subscriber, bounce, now)? {
        count.taken_off += 1;
    } else {
        count.noted += 1;
    }
    tracing::info!(digest = digest.0, subscriber = subscriber.0, ?bounce, "bounce");
    Ok(Mark::Seen)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Bounce(Bounce),
    /// Delayed, relayed, delivered.
    Harmless,
    /// No report, or one about us and not about the mailbox.
    Unclear,
}

/// What a report says, by its machine-readable part.
fn verdict(message: &Message) -> Verdict {
    for part in &message.parts {
        let Some(kind) = part.content_type() else { continue };
        let text = || match &part.body {
            PartType::Text(text) | PartType::Html(text) => text.to_string(),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => {
                String::from_utf8_lossy(octets).into_owned()
            }
            PartType::Message(inner) => String::from_utf8_lossy(inner.raw_message()).into_owned(),
            PartType::Multipart(_) => String::new(),
        };
        match (kind.ctype(), kind.subtype().unwrap_or_default()) {
            ("message", "delivery-status" | "global-delivery-status") => return of_status(&text()),
            ("message", "feedback-report") => return of_feedback(&text()),
            _ => {}
        }
    }
    Verdict::Unclear
}

/// RFC 3464: `Action` and `Status` of the recipient. Each letter has one recipient.
fn of_status(report: &str) -> Verdict {
    let action = field(report, "action").unwrap_or_default().to_ascii_lowercase();
    match action.as_str() {
        "delayed" | "delivered" | "relayed" | "expanded" => return Verdict::Harmless,
        "failed" => {}
        _ => return Verdict::Unclear,
    }
    let status = field(report, "status").and_then(|text| {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    match status {
        // The relay gave up on a mailbox that was full or away for days.
        Some((4, ..)) => Verdict::Bounce(Bounce::Soft),
        Some(status) => bounce_of_status(status).map_or(Verdict::Unclear, Verdict::Bounce),
        None => Verdict::Unclear,
    }
}

/// RFC 5965: `Feedback-Type`.
fn of_feedback(report: &str) -> Verdict {
    match field(report, "feedback-type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "abuse" | "fraud" | "opt-out" => Verdict::Bounce(Bounce::Complaint),
        "not-spam" => Verdict::Harmless,
        _ => Verdict::Unclear,
    }
}

/// The value of the first field of that name, whatever group it is in.
fn field<'a>(report: &'a str, name: &str) -> Option<&'a str> {
    report.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The delivery whose token stands anywhere in the letter, decoded parts included: a token cannot
/// be forged, so where it stands does not matter.
fn delivery_named_in(
    letter: &[u8],
    parsed: Option<&Message>,
    ledger: &dyn Ledger,
) -> Option<(DigestId, SubscriberId)> {
    let in_text = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.len() == 32)
            .find_map(|word| ledger.key().open_delivery_token(word))
    };
    in_text(&String::from_utf8_lossy(letter)).or_else(|| {
        parsed?.parts.iter().find_map(|part| match &part.body {
            PartType::Text(text) | PartType::Html(text) => in_text(text),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => {
                in_text(&String::from_utf8_lossy(octets))
            }
            PartType::Message(inner) => in_text(&String::from_utf8_lossy(inner.raw_message())),
            PartType::Multipart(_) => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: &str, body: &str) -> Verdict {
        let letter = format!(
            "From: MAILER-DAEMON@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; \
             boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: \
             {kind}\r\n\r\n{body}\r\n--b--\r\n"
        );
        verdict(&MessageParser::default().parse(letter.as_bytes()).unwrap())
    }

    #[test]
    fn the_status_code_decides_and_not_the_words() {
        let status = |action: &str, code: &str| {
            report(
                "message/delivery-status",
                &format!(
                    "Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; a@example.net\r\nAction: \
                     {action}\r\nStatus: {code}\r\nDiagnostic-Code: smtp; 550 mailbox full, no such user"
                ),
            )
        };
        assert_eq!(status("failed", "5.1.1"), Verdict::Bounce(Bounce::Hard));
        assert_eq!(status("failed", "5.2.2 (over quota)"), Verdict::Bounce(Bounce::Soft));
        assert_eq!(status("failed", "4.4.7"), Verdict::Bounce(Bounce::Soft));
        assert_eq!(status("failed", "5.7.1"), Verdict::Unclear, "that is about us");
        assert_eq!(status("delayed", "4.4.1"), Verdict::Harmless);
    }

    #[test]
    fn a_complaint_is_known_by_its_type() {
        let feedback =
            |kind: &str| report("message/feedback-report", &format!("Feedback-Type: {kind}\r\nVersion: 1"));
        assert_eq!(feedback("abuse"), Verdict::Bounce(Bounce::Complaint));
        assert_eq!(feedback("not-spam"), Verdict::Harmless);
    }

    #[test]
    fn an_out_of_office_note_is_for_a_person() {
        let note = b"From: a@example.net\r\nSubject: away\r\n\r\n550 5.1.1 is a room number here\r\n";
        assert_eq!(verdict(&MessageParser::default().parse(note).unwrap()), Verdict::Unclear);
    }
}
