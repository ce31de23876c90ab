//! Subscribers in PostgreSQL.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use postgres::Row;
use postgres::fallible_iterator::FallibleIterator;

use super::{Fault, PostgresLedger, Tx};
use crate::domain::{Consent, EmailAddress, Language, Standing, Subscriber, SubscriberId};
use crate::ledger::digests::{frequency_from_text, frequency_to_text, topics_from_text, topics_to_text};
use crate::ledger::membership::LEAVE;
use crate::ledger::{Added, LedgerError, LedgerKey, NewSubscriber, Subscribers, instant, millis};

impl Subscribers for PostgresLedger {
    fn add_subscriber(&mut self, new: &NewSubscriber, now: DateTime<Utc>) -> Result<Added, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| {
            let known =
                tx.first("SELECT id, standing FROM subscriber WHERE email_key = $1", &[&new.email.key()])?;
            if let Some(row) = known {
                return Ok(Added::Known(SubscriberId(row.get(0)), standing(row.get(1))?));
            }
            insert(tx, &key, new, new.standing, now).map(Added::New)
        })
    }

    fn subscriber(&mut self, email: &EmailAddress) -> Result<Option<Subscriber>, LedgerError> {
        self.verb(|tx| {
            tx.first(
                "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin,
                        consent_text
                 FROM subscriber WHERE email_key = $1",
                &[&email.key()],
            )?
            .map(|row| subscriber(&row))
            .transpose()
        })
    }

    fn set_standing(
        &mut self,
        subscriber: SubscriberId,
        standing: Standing,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1",
                &[&subscriber.0, &standing.word(), &millis(now)],
            )
            .map(|_| ())
        })
    }

    fn each_subscriber(
        &mut self,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.verb(|tx| {
            visit_all(
                tx,
                "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin,
                        consent_text
                 FROM subscriber ORDER BY id",
                &[],
                visit,
            )
        })
    }

    fn confirmed(&mut self) -> Result<u64, LedgerError> {
        let count: i64 = self.verb(|tx| {
            Ok(tx.one("SELECT count(*) FROM subscriber WHERE standing = 'confirmed'", &[])?.get(0))
        })?;
        Ok(count as u64)
    }
}

/// Adds one person, and the hash by which their letters' token is found.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    key: &LedgerKey,
    person: &NewSubscriber,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<SubscriberId, Fault> {
    let id = SubscriberId(tx.one("SELECT nextval('subscriber_id_seq')", &[])?.get(0));
    insert_as(tx, key, id, person, standing, now)?;
    Ok(id)
}

/// Adds one person under a number that was taken from the sequence.
pub(super) fn insert_as(
    tx: &mut Tx<'_>,
    key: &LedgerKey,
    id: SubscriberId,
    person: &NewSubscriber,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO subscriber (id, email, email_key, domain, name, language, topics, frequency, standing,
             standing_at, asked_at, confirmed_at, origin, consent_text, token_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            &id.0,
            &person.email.as_str(),
            &person.email.key(),
            &person.email.domain(),
            &person.name,
            &person.language.as_ref().map_or("", Language::tag),
            &topics_to_text(&person.topics),
            &frequency_to_text(person.frequency),
            &standing.word(),
            &millis(now),
            &person.consent.asked_at.map(millis),
            &person.consent.confirmed_at.map(millis),
            &person.consent.origin,
            &person.consent.text,
            &LedgerKey::token_hash(&key.subscriber_token(LEAVE, id)).as_slice(),
        ],
    )
    .map(|_| ())
}

/// Shows rows as they come from the server: a million of them need no memory.
pub(super) fn visit_all(
    tx: &mut Tx<'_>,
    sql: &'static str,
    params: super::Params<'_>,
    visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let statement = tx.prepared(sql)?;
    let mut rows = tx.tx.query_raw(&statement, params.iter().copied())?;
    while let Some(row) = rows.next()? {
        if visit(&subscriber(&row)?).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn standing(word: &str) -> Result<Standing, Fault> {
    Standing::from_word(word).ok_or_else(|| Fault::row(format!("a standing called `{word}`")))
}

pub(super) fn subscriber(row: &Row) -> Result<Subscriber, Fault> {
    Ok(Subscriber {
        id: SubscriberId(row.get(0)),
        email: EmailAddress::parse(row.get(1)).map_err(Fault::row)?,
        name: row.get(2),
        language: Language::parse(row.get(3)),
        topics: topics_from_text(row.get(4)),
        frequency: frequency_from_text(row.get(5)),
        standing: standing(row.get(6))?,
        consent: Consent {
            asked_at: row.get::<_, Option<i64>>(7).map(instant),
            confirmed_at: row.get::<_, Option<i64>>(8).map(instant),
            origin: row.get(9),
            text: row.get(10),
        },
    })
}
