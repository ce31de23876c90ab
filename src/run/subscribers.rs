//! The list of subscribers from the command line: one function a verb.
//!
//! What is printed is for the person who asked, on standard output; people's addresses appear there
//! and never in a log.

pub mod export;
pub mod import;

use std::io::Write;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::domain::{Consent, EmailAddress, Frequency, Language, Standing, StandingEvent, Subscriber};
use crate::ledger::{Added, Barred, Filter, Membership, NewSubscriber};
use crate::run::{Ending, Fault};

/// Adds one person by hand, on a stated legal basis. Who left or is to be forgotten is not added:
/// only their own consent, through the form, brings them back.
///
/// # Errors
/// An address that is none, a missing basis, a ledger that fails.
pub fn add(
    ledger: &mut dyn Membership,
    address: &str,
    name: &str,
    consent: &str,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let email = address_of(address)?;
    let consent = basis(consent)?;
    match ledger.barred(&email)? {
        Some(Barred::Forgotten) => {
            writeln!(out, "{} asked to be forgotten: only the form can bring them back", email.as_str())?;
            return Ok(Ending::Look);
        }
        Some(Barred::Suppressed) => {
            writeln!(out, "{} is suppressed; `subscribers suppress --lift` ends that", email.as_str())?;
            return Ok(Ending::Look);
        }
        None => {}
    }
    let new = NewSubscriber {
        email,
        name: crate::read::roster::tidy(name, 100),
        language: None,
        topics: Vec::new(),
        frequency: Frequency::Every,
        standing: Standing::Confirmed,
        consent: Consent {
            asked_at: Some(now),
            confirmed_at: None,
            origin: "command line".to_owned(),
            text: consent.to_owned(),
        },
    };
    let address = new.email.as_str();
    match ledger.add_subscriber(&new, now)? {
        Added::New(_) => {
            writeln!(out, "{address} added")?;
            Ok(Ending::Done)
        }
        Added::Known(_, Standing::Confirmed) => {
            writeln!(out, "{address} was on the list already")?;
            Ok(Ending::Done)
        }
        Added::Known(_, standing) => {
            writeln!(
                out,
                "{address} is known as {}; only their own consent, through the form, changes that",
                standing.word()
            )?;
            Ok(Ending::Look)
        }
    }
}

/// Takes one person off the list; their row stays, so that no import brings them back.
///
/// # Errors
/// An address that is none, a ledger that fails.
pub fn remove(
    ledger: &mut dyn Membership,
    address: &str,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let Some(person) = find(ledger, address, out)? else { return Ok(Ending::Look) };
    let standing = ledger.note(person.id, StandingEvent::Left, "removed on the command line", now)?;
    writeln!(out, "{}: {}", person.email.as_str(), standing.word())?;
    Ok(Ending::Done)
}

/// Prints the list, one person a line: address, standing, language, frequency, topics.
///
/// # Errors
/// A ledger that fails, a terminal that closes.
pub fn list(
    ledger: &mut dyn Membership,
    filter: &Filter,
    json: bool,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    if json {
        export::as_json(ledger, filter, out)?;
        return Ok(Ending::Done);
    }
    let mut people = 0_u64;
    let mut broken = None;
    ledger.list(filter, &mut |person| {
        people += 1;
        let topics =
            if person.topics.is_empty() { "everything".to_owned() } else { person.topics.join(", ") };
        let language = person.language.as_ref().map_or("-", Language::tag);
        let line = writeln!(
            out,
            "{:<40} {:<10} {:<5} {:<8} {topics}",
            person.email.as_str(),
            person.standing.word(),
            language,
            person.frequency.word(),
        );
        match line {
            Ok(()) => ControlFlow::Continue(()),
            Err(fault) => {
                broken = Some(fault);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(fault) = broken {
        return Err(fault.into());
    }
    if people == 0 {
        writeln!(out, "nobody")?;
    }
    Ok(Ending::Done)
}

/// Prints all that is known of one person, and what happened to them.
///
/// # Errors
/// An address that is none, a ledger that fails.
pub fn show(
    ledger: &mut dyn Membership,
    address: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let Some(person) = find(ledger, address, out)? else { return Ok(Ending::Look) };
    let history = ledger.history(person.id)?;
    if json {
        writeln!(out, "{}", export::record(&person, &history))?;
        return Ok(Ending::Done);
    }
    let moment =
        |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| at.format("%F %T UTC").to_string());
    writeln!(out, "{}  {}", person.email.as_str(), person.name)?;
    writeln!(out, "standing    {}", person.standing.word())?;
    writeln!(out, "language    {}", person.language.as_ref().map_or("the site's", Language::tag))?;
    let topics = if person.topics.is_empty() { "everything".to_owned() } else { person.topics.join(", ") };
    writeln!(out, "topics      {topics}")?;
    writeln!(out, "frequency   {}", person.frequency.word())?;
    writeln!(out, "asked       {}  {}", moment(person.consent.asked_at), person.consent.origin)?;
    writeln!(out, "confirmed   {}", moment(person.consent.confirmed_at))?;
    writeln!(out, "consent     {}", person.consent.text)?;
    for entry in history {
        writeln!(out, "{}  {:<10} {}", moment(Some(entry.at)), entry.event, entry.detail)?;
    }
    Ok(Ending::Done)
}

/// Erases one person, and keeps a fingerprint by which no import brings them back.
///
/// # Errors
/// An address that is none, a ledger that fails.
pub fn forget(
    ledger: &mut dyn Membership,
    address: &str,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let email = address_of(address)?;
    if ledger.forget(&email, now)? {
        writeln!(out, "forgotten; a fingerprint stays, so that no list brings this address back")?;
    } else {
        writeln!(out, "not on the list; a fingerprint is kept, so that no list brings this address in")?;
    }
    Ok(Ending::Done)
}

/// Never writes to an address again, or ends that.
///
/// # Errors
/// An address that is none, a ledger that fails.
pub fn suppress(
    ledger: &mut dyn Membership,
    address: &str,
    lift: bool,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let email = address_of(address)?;
    if !lift {
        ledger.suppress(&email, now)?;
        writeln!(out, "{}: nothing will be sent there", email.as_str())?;
    } else if ledger.lift(&email)? {
        writeln!(out, "{}: the address may come in again", email.as_str())?;
    } else {
        writeln!(out, "{}: was not suppressed", email.as_str())?;
    }
    Ok(Ending::Done)
}

/// Prints the list in numbers: standings, topics, languages, months. No opens, no clicks: parution
/// does not measure them.
///
/// # Errors
/// A ledger that fails, a terminal that closes.
pub fn stats(ledger: &mut dyn Membership, json: bool, out: &mut dyn Write) -> Result<Ending, Fault> {
    let figures = ledger.figures()?;
    if json {
        writeln!(out, "{}", export::figures(&figures))?;
        return Ok(Ending::Done);
    }
    for (standing, people) in &figures.by_standing {
        writeln!(out, "{:<12}{people:>10}", standing.word())?;
    }
    writeln!(out, "{:<12}{:>10}", "barred", figures.barred)?;
    for (title, rows) in [("by topic", &figures.by_topic), ("by language", &figures.by_language)] {
        if !rows.is_empty() {
            writeln!(out, "\n{title} (confirmed)")?;
        }
        for (name, people) in rows {
            writeln!(out, "{:<32}{people:>10}", if name.is_empty() { "the site's" } else { name })?;
        }
    }
    if !figures.by_month.is_empty() {
        writeln!(out, "\nmonth           came      went")?;
    }
    for (month, came, went) in &figures.by_month {
        writeln!(out, "{month:<10}{came:>10}{went:>10}")?;
    }
    Ok(Ending::Done)
}

fn find(
    ledger: &mut dyn Membership,
    address: &str,
    out: &mut dyn Write,
) -> Result<Option<Subscriber>, Fault> {
    let email = address_of(address)?;
    let person = ledger.subscriber(&email)?;
    if person.is_none() {
        writeln!(out, "{} is not on the list", email.as_str())?;
    }
    Ok(person)
}

fn address_of(text: &str) -> Result<EmailAddress, Fault> {
    EmailAddress::parse(text).map_err(|why| Fault(format!("{text:?} is not an address: {why}")))
}

/// The legal basis on which people are put on a list who did not use the form.
fn basis(consent: &str) -> Result<&str, Fault> {
    match consent.trim() {
        "" => Err(Fault(
            "say on which legal basis these people may be written to, with --consent \"…\"".to_owned(),
        )),
        text => Ok(text),
    }
}
