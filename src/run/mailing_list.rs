//! A letter to the one address of a mailing list that another program keeps (Sympa, Mailman).
//!
//! In the ledger the list is a single reader, so that its digests arrive once like any other's. It is
//! the only reader of that ledger: its letter names nobody and lets nobody leave, and a person must
//! get neither that letter nor a list a person's.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use super::{Fault, plural};
use crate::domain::{Consent, EmailAddress, Frequency, Standing, StandingEvent};
use crate::ledger::{Added, Barred, Filter, Membership, NewSubscriber};
use crate::render::letter::MailingList;

/// Where the row of a mailing list comes from. No person's consent has this origin.
const ORIGIN: &str = "list.mailing_list";

/// Makes the ledger say what the settings say: this mailing list is its one reader, and a list that
/// the settings name no more is none. What its server once refused is tried again: a list is taken
/// off by taking it out of the settings.
///
/// # Errors
/// When the ledger fails, or has other readers.
pub fn settle(
    ledger: &mut dyn Membership,
    list: Option<&MailingList>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let address = list.map(|list| &list.address);
    let mut others = Vec::new();
    let confirmed = Filter { standing: Some(Standing::Confirmed), ..Filter::default() };
    ledger.list(&Filter { origin: Some(ORIGIN.to_owned()), ..confirmed }, &mut |row| {
        if address.is_none_or(|address| address.key() != row.email.key()) {
            others.push(row.id);
        }
        ControlFlow::Continue(())
    })?;
    for other in others {
        ledger.note(other, StandingEvent::Left, "list.mailing_list names it no more", now)?;
    }
    match address {
        Some(address) => enter(ledger, address, now),
        None => Ok(()),
    }
}

fn enter(ledger: &mut dyn Membership, address: &EmailAddress, now: DateTime<Utc>) -> Result<(), Fault> {
    let name = address.as_str();
    if ledger.barred(address)? == Some(Barred::Suppressed) {
        return Err(Fault(format!(
            "list.mailing_list: {name} is suppressed — `subscribers suppress --lift {name}` ends that"
        )));
    }
    let row = NewSubscriber {
        email: address.clone(),
        name: String::new(),
        language: None,
        topics: Vec::new(),
        frequency: Frequency::Every,
        standing: Standing::Confirmed,
        consent: Consent { asked_at: Some(now), origin: ORIGIN.to_owned(), ..Consent::default() },
    };
    if let Added::Known(id, standing) = ledger.add_subscriber(&row, now)? {
        if ledger.subscriber(address)?.is_some_and(|known| known.consent.origin != ORIGIN) {
            return Err(Fault(format!(
                "list.mailing_list: {name} is a reader with a link of their own, which all members of the \
                 list may have seen — `subscribers forget {name}` makes that link void"
            )));
        }
        if standing != Standing::Confirmed {
            ledger.note(id, StandingEvent::Consented, "named in list.mailing_list", now)?;
        }
    }
    match ledger.confirmed()? {
        1 => Ok(()),
        readers => Err(Fault(format!(
            "list.mailing_list: the letter goes to {name} alone, and the ledger has {} besides — put them on \
             that list and take them off here (subscribers export, remove), or write to them with settings \
             and a ledger of their own",
            plural(readers - 1, "reader")
        ))),
    }
}
