//! Subscribers in SQLite.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteLedger;
use crate::domain::{Consent, EmailAddress, Frequency, Language, Standing, Subscriber, SubscriberId};
use crate::ledger::digests::{topics_from_text, topics_to_text};
use crate::ledger::{Added, LedgerError, LedgerKey, NewSubscriber, Subscribers, instant, millis};

pub(super) const COLUMNS: &str =
    "id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin, consent_text";

impl Subscribers for SqliteLedger {
    fn add_subscriber(&mut self, new: &NewSubscriber, now: DateTime<Utc>) -> Result<Added, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| {
            let known: Option<(i64, String)> = tx
                .prepare_cached("SELECT id, standing FROM subscriber WHERE email_key = ?1")?
                .query_row([new.email.key()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((id, standing)) = known {
                let standing = Standing::from_word(&standing).ok_or(rusqlite::Error::InvalidQuery)?;
                return Ok(Added::Known(SubscriberId(id), standing));
            }
            tx.prepare_cached(
                "INSERT INTO subscriber (email, email_key, domain, name, language, topics, frequency,
                     standing, standing_at, asked_at, confirmed_at, origin, consent_text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                new.email.as_str(),
                new.email.key(),
                new.email.domain(),
                new.name,
                new.language.as_ref().map_or("", Language::tag),
                topics_to_text(&new.topics),
                new.frequency.word(),
                new.standing.word(),
                millis(now),
                new.consent.asked_at.map(millis),
                new.consent.confirmed_at.map(millis),
                new.consent.origin,
                new.consent.text,
            ])?;
            let id = SubscriberId(tx.last_insert_rowid());
            let hash = LedgerKey::token_hash(&key.subscriber_token("unsubscribe", id));
            tx.prepare_cached("UPDATE subscriber SET token_hash = ?2 WHERE id = ?1")?
                .execute(params![id.0, hash])?;
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

pub(super) fn subscriber(row: &Row<'_>) -> rusqlite::Result<Subscriber> {
    let wrong = || rusqlite::Error::InvalidQuery;
    Ok(Subscriber {
        id: SubscriberId(row.get(0)?),
        email: EmailAddress::parse(&row.get::<_, String>(1)?).map_err(|_| wrong())?,
        name: row.get(2)?,
        language: Language::parse(&row.get::<_, String>(3)?),
        topics: topics_from_text(&row.get::<_, String>(4)?),
        frequency: Frequency::from_word(&row.get::<_, String>(5)?).unwrap_or_default(),
        standing: Standing::from_word(&row.get::<_, String>(6)?).ok_or_else(wrong)?,
        consent: Consent {
            asked_at: row.get::<_, Option<i64>>(7)?.map(instant),
            confirmed_at: row.get::<_, Option<i64>>(8)?.map(instant),
            origin: row.get(9)?,
            text: row.get(10)?,
        },
    })
}
