//! Subscribers in SQLite.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::SqliteLedger;
use crate::domain::{Consent, EmailAddress, Frequency, Language, Standing, Subscriber, SubscriberId};
use crate::ledger::digests::{topics_from_text, topics_to_text};
use crate::ledger::{Added, LEAVE, LedgerError, LedgerKey, NewSubscriber, Subscribers, instant, millis};

pub(super) const COLUMNS: &str =
    "id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin, consent_text";

impl Subscribers for SqliteLedger {
    fn add_subscriber(&mut self, new: &NewSubscriber, now: DateTime<Utc>) -> Result<Added, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| {
            let known: Option<(i64, Standing)> = tx
                .prepare_cached("SELECT id, standing FROM subscriber WHERE email_key = ?1")?
                .query_row([new.email.key()], |row| Ok((row.get(0)?, self::standing(row, 1)?)))
                .optional()?;
            if let Some((id, standing)) = known {
                return Ok(Added::Known(SubscriberId(id), standing));
            }
            let id = next_id(tx)?;
            insert(tx, &key, id, new, new.standing, now)?;
            Ok(Added::New(id))
        })
    }

    fn subscriber(&mut self, email: &EmailAddress) -> Result<Option<Subscriber>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(&format!("SELECT {COLUMNS} FROM subscriber WHERE email_key = ?1"))?
                .query_row([email.key()], subscriber)
                .optional()
        })
    }

    fn set_standing(
        &mut self,
        subscriber: SubscriberId,
        standing: Standing,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.write(|tx| {
            tx.prepare_cached("UPDATE subscriber SET standing = ?2, standing_at = ?3 WHERE id = ?1")?
                .execute(params![subscriber.0, standing.word(), millis(now)])
                .map(|_| ())
        })
    }

    fn each_subscriber(
        &mut self,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM subscriber ORDER BY id"))?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                if visit(&subscriber(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn confirmed(&mut self) -> Result<u64, LedgerError> {
        self.read(|tx| {
            tx.query_row("SELECT count(*) FROM subscriber WHERE standing = 'confirmed'", [], |row| {
                row.get::<_, i64>(0).map(|n| n as u64)
            })
        })
    }
}

/// A number that nobody ever had.
pub(super) fn next_id(tx: &Transaction<'_>) -> rusqlite::Result<SubscriberId> {
    let last: Option<i64> = tx
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'subscriber'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(SubscriberId(last.unwrap_or(0) + 1))
}

/// Adds a person.
pub(super) fn insert(
    tx: &Transaction<'_>,
    key: &LedgerKey,
    id: SubscriberId,
    person: &NewSubscriber,
    standing: Standing,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO subscriber (id, email, email_key, domain, name, language, topics, frequency, standing,
             standing_at, asked_at, confirmed_at, origin, consent_text, token_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        id.0,
        person.email.as_str(),
        person.email.key(),
        person.email.domain(),
        person.name,
        person.language.as_ref().map_or("", Language::tag),
        topics_to_text(&person.topics),
        person.frequency.word(),
        standing.word(),
        millis(now),
        person.consent.asked_at.map(millis),
        person.consent.confirmed_at.map(millis),
        person.consent.origin,
        person.consent.text,
        LedgerKey::token_hash(&key.subscriber_token(LEAVE, id)),
    ])?;
    Ok(())
}

pub(super) fn subscriber(row: &Row<'_>) -> rusqlite::Result<Subscriber> {
    let email = EmailAddress::parse(&row.get::<_, String>(1)?);
    Ok(Subscriber {
        id: SubscriberId(row.get(0)?),
        email: email.map_err(|e| strange(1, format!("an address that is none: {e}")))?,
        name: row.get(2)?,
        language: Language::parse(&row.get::<_, String>(3)?),
        topics: topics_from_text(&row.get::<_, String>(4)?),
        frequency: Frequency::from_word(&row.get::<_, String>(5)?).unwrap_or_default(),
        standing: standing(row, 6)?,
        consent: Consent {
            asked_at: row.get::<_, Option<i64>>(7)?.map(instant),
            confirmed_at: row.get::<_, Option<i64>>(8)?.map(instant),
            origin: row.get(9)?,
            text: row.get(10)?,
        },
    })
}

/// The standing of a person.
pub(super) fn standing(row: &Row<'_>, column: usize) -> rusqlite::Result<Standing> {
    let word: String = row.get(column)?;
    Standing::from_word(&word).ok_or_else(|| strange(column, format!("`{word}` is no standing")))
}

/// A text that no version of this program writes.
pub(super) fn strange(column: usize, what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}
