//! The list and its figures as CSV and JSON, for spreadsheets and programs.

use std::io::Write;
use std::ops::ControlFlow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;

use crate::domain::{Language, Subscriber};
use crate::ledger::{Figures, Filter, HistoryEntry, Membership};
use crate::run::Fault;

/// Writes the list as CSV (RFC 4180, UTF-8). No cell can be run by a spreadsheet: what begins like a
/// formula gets an apostrophe, which `subscribers import` takes off again.
///
/// # Errors
/// A ledger that fails, a file that cannot be written.
pub fn as_csv(ledger: &mut dyn Membership, filter: &Filter, out: &mut dyn Write) -> Result<u64, Fault> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    table.write_record([
        "email",
        "name",
        "language",
        "topics",
        "frequency",
        "standing",
        "asked_at",
        "confirmed_at",
        "origin",
        "consent",
    ])?;
    let people = each(ledger, filter, |person| {
        table.write_record([
            guarded(person.email.as_str()),
            guarded(&person.name),
            guarded(person.language.as_ref().map_or("", |language| language.tag())),
            guarded(&person.topics.join(", ")),
            guarded(person.frequency.word()),
            guarded(person.standing.word()),
            moment(person.consent.asked_at).unwrap_or_default(),
            moment(person.consent.confirmed_at).unwrap_or_default(),
            guarded(&person.consent.origin),
            guarded(&person.consent.text),
        ])?;
        Ok(())
    })?;
    table.flush()?;
    Ok(people)
}

/// Writes the list as a JSON array, one person a line.
///
/// # Errors
/// A ledger that fails, a file that cannot be written.
pub fn as_json(ledger: &mut dyn Membership, filter: &Filter, out: &mut dyn Write) -> Result<u64, Fault> {
    let mut before = "[\n";
    let people = each(ledger, filter, |person| {
        write!(out, "{before}{}", serde_json::to_string(&Record::of(person))?)?;
        before = ",\n";
        Ok(())
    })?;
    writeln!(out, "{}]", if people == 0 { "[" } else { "\n" })?;
    Ok(people)
}

/// All that is kept of one person, as JSON: what `show --json` prints and "send me my data" sends.
#[must_use]
pub fn record(person: &Subscriber, history: &[HistoryEntry]) -> String {
    let events: Vec<_> = history
        .iter()
        .map(|entry| json!({ "at": moment(Some(entry.at)), "event": entry.event, "detail": entry.detail }))
        .collect();
    let record = json!({ "subscriber": Record::of(person), "history": events });
    serde_json::to_string_pretty(&record).expect("strings and lists are JSON")
}

/// The figures as JSON.
#[must_use]
pub fn figures(figures: &Figures) -> String {
    let named = |rows: &[(String, u64)]| -> serde_json::Map<String, serde_json::Value> {
        rows.iter().map(|(name, people)| (name.clone(), (*people).into())).collect()
    };
    let standings: Vec<(String, u64)> =
        figures.by_standing.iter().map(|(standing, people)| (standing.word().to_owned(), *people)).collect();
    let months: Vec<_> = figures
        .by_month
        .iter()
        .map(|(month, came, went)| json!({ "month": month, "came": came, "went": went }))
        .collect();
    json!({
        "standings": named(&standings),
        "topics": named(&figures.by_topic),
        "languages": named(&figures.by_language),
        "months": months,
        "barred": figures.barred,
    })
    .to_string()
}

/// One person as JSON.
#[derive(Serialize)]
struct Record<'a> {
    email: &'a str,
    name: &'a str,
    language: Option<&'a str>,
    topics: &'a [String],
    frequency: &'static str,
    standing: &'static str,
    asked_at: Option<String>,
    confirmed_at: Option<String>,
    origin: &'a str,
    consent: &'a str,
}

impl<'a> Record<'a> {
    fn of(person: &'a Subscriber) -> Self {
        Self {
            email: person.email.as_str(),
            name: &person.name,
            language: person.language.as_ref().map(Language::tag),
            topics: &person.topics,
            frequency: person.frequency.word(),
            standing: person.standing.word(),
            asked_at: moment(person.consent.asked_at),
            confirmed_at: moment(person.consent.confirmed_at),
            origin: &person.consent.origin,
            consent: &person.consent.text,
        }
    }
}

/// Walks the list and stops at the first person that cannot be written.
fn each(
    ledger: &mut dyn Membership,
    filter: &Filter,
    mut write: impl FnMut(&Subscriber) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut people = 0;
    let mut broken = None;
    ledger.list(filter, &mut |person| match write(person) {
        Ok(()) => {
            people += 1;
            ControlFlow::Continue(())
        }
        Err(fault) => {
            broken = Some(fault);
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(people), Err)
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn moment(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
