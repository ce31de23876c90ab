//! Where every digest stands: who has it, what waits, until when and why.
//!
//! Addresses are people: they appear shortened.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Ending, Fault, plural};
use crate::domain::{DeliveryState, Occasion, Tally};
use crate::ledger::{DigestSummary, Ledger, Trouble};

/// How many digests are told of, and how many of the deliveries of each that need a look.
const DIGESTS: usize = 10;
const TROUBLES: usize = 10;

/// What the ledger says of the latest digests.
pub struct Standing {
    digests: Vec<(DigestSummary, Vec<Trouble>)>,
    readers: u64,
    next_due: Option<DateTime<Utc>>,
    last_run: Option<DateTime<Utc>>,
    ledger: String,
}

/// Asks the ledger.
///
/// # Errors
/// When it fails.
pub fn look(ledger: &mut dyn Ledger) -> Result<Standing, Fault> {
    let mut digests = Vec::new();
    for digest in ledger.digests(DIGESTS)? {
        let troubles = ledger.troubles(digest.id, TROUBLES)?;
        digests.push((digest, troubles));
    }
    Ok(Standing {
        digests,
        readers: ledger.confirmed()?,
        next_due: ledger.next_due()?,
        last_run: ledger.last_run()?,
        ledger: ledger.name(),
    })
}

impl Standing {
    /// Someone must look while a letter waits, may have arrived, or a digest pauses.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending::look_if(self.digests.iter().any(|(digest, _)| {
            digest.tally.open() > 0 || digest.tally.in_doubt > 0 || digest.pause.is_some()
        }))
    }

    /// For a person.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn tell(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let last = self.last_run.map_or_else(|| "never".to_owned(), minute);
        writeln!(out, "{}; last run {last}; ledger {}", plural(self.readers, "reader"), self.ledger)?;
        if self.digests.is_empty() {
            writeln!(out, "no digest yet")?;
        }
        for (digest, troubles) in &self.digests {
            writeln!(out)?;
            writeln!(out, "digest {}{}: «{}»", digest.id, occasion(&digest.occasion), digest.subject)?;
            let articles = plural(digest.articles.len() as u64, "article");
            writeln!(out, "  cut {}, {articles}", minute(digest.cut_at))?;
            writeln!(out, "  {}", tally(&digest.tally))?;
            if let Some(pause) = &digest.pause {
                writeln!(out, "  pauses until {}: {}", minute(pause.until), pause.reason)?;
            }
            if digest.tally.in_doubt > 0 {
                writeln!(
                    out,
                    "  in doubt until you decide: parution send --resend-in-doubt, or --accept-in-doubt"
                )?;
            }
            for trouble in troubles {
                writeln!(out, "  {}  {}", trouble.email.masked(), what(trouble))?;
            }
        }
        if let Some(due) = self.next_due {
            writeln!(out, "\nthe next letter is due {}", minute(due))?;
        }
        Ok(())
    }

    /// For a script.
    #[must_use]
    pub fn json(&self) -> Value {
        let digests: Vec<Value> = self
            .digests
            .iter()
            .map(|(digest, troubles)| {
                json!({
                    "digest": digest.id.0,
                    "name": match &digest.occasion {
                        Occasion::Scheduled => Value::Null,
                        Occasion::Manual(name) => json!(name),
                    },
                    "subject": digest.subject,
                    "cut_at": instant(digest.cut_at),
                    "articles": digest.articles.iter().map(|id| &id.0).collect::<Vec<_>>(),
                    "deliveries": counts(&digest.tally),
                    "paused_until": digest.pause.as_ref().map(|pause| instant(pause.until)),
                    "pause_reason": digest.pause.as_ref().map(|pause| &pause.reason),
                    "troubles": troubles.iter().map(|trouble| json!({
                        "address": trouble.email.masked(),
                        "attempts": trouble.attempts,
                        "doubts": trouble.doubts,
                        "state": word(&trouble.state),
                        "until": match &trouble.state {
                            DeliveryState::Waiting { not_before } => json!(instant(*not_before)),
                            _ => Value::Null,
                        },
                        "reply": trouble.reply,
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "readers": self.readers,
            "last_run": self.last_run.map(instant),
            "next_due": self.next_due.map(instant),
            "digests": digests,
        })
    }

    /// For a monitoring agent that reads files (the text format of Prometheus).
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut text = format!(
            "# HELP parution_readers Confirmed subscribers.\n# TYPE parution_readers gauge\nparution_readers {}\n",
            self.readers
        );
        text.push_str("# HELP parution_deliveries Deliveries of a digest by state.\n");
        text.push_str("# TYPE parution_deliveries gauge\n");
        for (digest, _) in &self.digests {
            for (state, count) in by_state(&digest.tally) {
                text.push_str(&format!(
                    "parution_deliveries{{digest=\"{}\",state=\"{state}\"}} {count}\n",
                    digest.id
                ));
            }
        }
        text.push_str("# HELP parution_paused Whether a digest pauses until someone looks: 1 or 0.\n");
        text.push_str("# TYPE parution_paused gauge\n");
        for (digest, _) in &self.digests {
            let paused = u8::from(digest.pause.is_some());
            text.push_str(&format!("parution_paused{{digest=\"{}\"}} {paused}\n", digest.id));
        }
        if let Some(last) = self.last_run {
            text.push_str("# HELP parution_last_run_seconds When parution last ran, seconds since 1970.\n");
            text.push_str("# TYPE parution_last_run_seconds gauge\n");
            text.push_str(&format!("parution_last_run_seconds {}\n", last.timestamp()));
        }
        text
    }
}

fn by_state(tally: &Tally) -> [(&'static str, u64); 7] {
    [
        ("sent", tally.sent),
        ("waiting", tally.waiting),
        ("claimed", tally.claimed),
        ("sending", tally.sending),
        ("in_doubt", tally.in_doubt),
        ("refused", tally.refused),
        ("left", tally.left),
    ]
}

fn counts(tally: &Tally) -> Value {
    Value::Object(by_state(tally).iter().map(|(state, count)| ((*state).to_owned(), json!(count))).collect())
}

/// `498 of 500 sent, 2 waiting`: what is zero is left out.
fn tally(tally: &Tally) -> String {
    if tally.total() == 0 {
        return "for nobody: no reader asked for these articles at this time".to_owned();
    }
    let mut text = format!("{} of {} sent", tally.sent, tally.total());
    for (state, count) in by_state(tally).into_iter().skip(1).filter(|(_, count)| *count > 0) {
        let state = match state {
            // The reader went, or a person stopped the digest.
            "left" => "never to be sent".to_owned(),
            state => state.replace('_', " "),
        };
        text.push_str(&format!(", {count} {state}"));
    }
    text
}

fn occasion(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Scheduled => String::new(),
        Occasion::Manual(name) => format!(" (by hand: {name})"),
    }
}

fn word(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting { .. } => "waiting",
        DeliveryState::Claimed { .. } => "claimed",
        DeliveryState::Sending { .. } => "sending",
        DeliveryState::Sent { .. } => "sent",
        DeliveryState::Refused { .. } => "refused",
        DeliveryState::Left => "left",
        DeliveryState::InDoubt { .. } => "in doubt",
    }
}

fn what(trouble: &Trouble) -> String {
    let mut text = match &trouble.state {
        DeliveryState::Waiting { not_before } => format!("waits until {}", minute(*not_before)),
        state => word(state).to_owned(),
    };
    if trouble.doubts > 0 {
        text.push_str(", may have arrived");
        if trouble.doubts > 1 {
            text.push_str(&format!(" ({} times)", trouble.doubts));
        }
    }
    if !trouble.reply.is_empty() {
        text.push_str(": ");
        text.extend(trouble.reply.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    text
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::tally;
    use crate::domain::Tally;

    #[test]
    fn a_tally_says_what_there_is() {
        let some = Tally { sent: 497, waiting: 1, in_doubt: 1, left: 1, ..Tally::default() };
        assert_eq!(tally(&some), "497 of 500 sent, 1 waiting, 1 in doubt, 1 never to be sent");
        assert!(tally(&Tally::default()).starts_with("for nobody"));
        assert_eq!(tally(&Tally { sent: 3, ..Tally::default() }), "3 of 3 sent");
    }
}
